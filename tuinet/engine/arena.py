"""The arena: one flat buffer with a place for every slot.

    parameters | gradients | optimizer state | frozen weights | statistics | settings, constants | values | scalars

Parameters, gradients in the same order, and each kind of optimizer state lie without gaps but for
padding to 64 bytes, so that an update, a norm or a checkpoint is one stretch. All threads share
the arena; only scalars, which every thread works out for itself, and scratch memory are there once for each.
"""

from __future__ import annotations

import hashlib

import numpy as np

LINE = 16  # words of 4 bytes: one cache line
PRIVATE = ("scalar", "scratch")  # there once for each thread
KINDS = ("parameter", "gradient", "state", "frozen", "statistic", "setting", "constant", "value")


def bounds(length, threads):
    """Where an axis is cut: whole tiles where it is long, all for the first thread where it is short."""
    if length < 16:
        return [0] + [length] * threads
    unit = 32 if length >= 256 else 16 if length >= 128 else 8 if length >= 32 else 1
    cuts = [min(length, unit * round(length * t / threads / unit)) for t in range(threads)]
    return [*cuts, length]


def padded(size):
    """The words that a slot of so many numbers takes."""
    return -(-size // LINE) * LINE


def rng_for(seed, name):
    """The random numbers that a parameter starts from: they depend on the run's seed and on its name alone."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.random.Generator(np.random.Philox(key=[seed, int.from_bytes(digest, "little")]))


def first_values(slot, seed):
    """What a slot holds before the first step."""
    return slot.start(rng_for(seed, slot.name), slot.shape) if callable(slot.start) else slot.start


class Arena:
    """The memory of one program on one target. real: float32, or float64 for the reference.

    dealt: matrices whose columns belong to threads (sharing.py says which). Each owner's columns lie
    in one piece: side by side in rows, one core would keep fetching what another is writing. Nobody
    sees this from outside: `view` shows such a matrix as it is meant, `write` takes it so.
    """

    def __init__(self, program, real=np.float32, threads=1, data=None, dealt=()):
        self.program, self.threads, self.real = program, threads, np.dtype(real)
        self.integer = np.dtype(f"i{self.real.itemsize}")
        self.dealt = {slot: bounds(slot.shape[1], threads) for slot in dealt}
        self.data, self.place, self.flat = dict(data or {}), {}, {}
        owned = [s for s in program.slots if not s.base]
        gradients = [program.gradients[p] for p in program.parameters()] if hasattr(program, "gradients") else []
        end = 0
        for kind in KINDS:
            begin = end
            slots = gradients if kind == "gradient" else [s for s in owned if s.kind == kind]
            for slot in slots:
                self.place[slot] = end
                end += padded(slot.size)
            self.flat[kind] = (begin, end)
        self.shared = end
        for slot in (s for s in owned if s.kind in PRIVATE):
            self.place[slot] = end
            end += padded(slot.size)
        self.private = end - self.shared
        self.end = self.shared + threads * self.private
        words = np.zeros(self.end + LINE, self.real)
        skip = (-words.ctypes.data % 64) // self.real.itemsize
        self.words = words[skip:]
        for slot in program.slots:
            if slot.start is not None and slot.kind != "data":
                for thread in range(threads if slot.kind in PRIVATE else 1):
                    self.write(slot, first_values(slot, program.seed), thread)

    def view(self, slot, thread=0):
        """The array of a slot, as one thread sees it."""
        root = slot.root
        if slot in self.dealt:
            whole = np.concatenate([self.block(slot, owner) for owner in range(self.threads)], axis=1)
            whole.flags.writeable = False  # a copy: what is written into it would be lost
            return whole
        if root.kind == "data":
            return self.data[root.name].reshape(slot.shape)
        if root.kind.startswith("all "):
            return self.stretch(*root.kind[4:].split(":"))
        at = self.place[root]
        if root.kind in PRIVATE:
            at += thread * self.private
        at += slot.offset
        words = self.words[at : at + slot.size]
        return (words.view(self.integer) if slot.whole else words).reshape(slot.shape)

    def block(self, slot, owner):
        """One owner's columns of a matrix that is dealt out: they lie in one piece."""
        low, high = self.dealt[slot][owner], self.dealt[slot][owner + 1]
        rows = slot.shape[0]
        at = self.place[slot] + rows * low
        return self.words[at : at + rows * (high - low)].reshape(rows, high - low)

    def write(self, slot, values, thread=0):
        """Set what a slot holds."""
        if slot not in self.dealt:
            self.view(slot, thread)[...] = values
            return
        values = np.broadcast_to(values, slot.shape)
        for owner in range(self.threads):
            self.block(slot, owner)[...] = values[:, self.dealt[slot][owner] : self.dealt[slot][owner + 1]]

    def stretch(self, kind, part=None):
        """All parameters, all gradients, or one kind of optimizer state, as one flat array."""
        begin, end = self.extent(kind, part)
        return self.words[begin:end]

    def extent(self, kind, part=None):
        """Where such a stretch begins and ends."""
        begin, end = self.flat[kind]
        if part is not None:  # states lie one kind after the other, each as long as all parameters
            size = self.flat["parameter"][1] - self.flat["parameter"][0]
            begin += int(part) * size
            end = begin + size
        return begin, end
