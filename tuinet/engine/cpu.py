"""The CPU target: many training steps inside one compiled function, with the GIL released.

Each op's kernel is compiled once, ever, into a function that takes a record (the addresses
and lengths of its operands). A program is a table of such records, so a changed network
is a changed table, and nothing is compiled. Threads run the same program, each on its own
stretch of every call (sharing.py); a barrier is a record like any other.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import cache, partial
from threading import Thread
from time import CLOCK_MONOTONIC, clock_gettime_ns  # the clock that the compiled loop reads

import numpy as np

from .cache import choose, kept

choose()  # before Numba is asked to keep anything

from numba import cfunc, njit, types  # noqa: E402
from numba.core.errors import NumbaError  # noqa: E402
from numba.extending import register_jitable  # noqa: E402

from . import columnwise, linking, tiles, vectors  # noqa: E402, F401   (all but linking: what kernels call)
from .primitives import (  # noqa: E402
    LOOPS,
    RECORD,
    address,
    atomic_add,
    atomic_load,
    call,
    compute_as,
    flush_denormals,
    kinds_of,
    let_others_run,
    nanoseconds,
    operands,
)
from .sharing import BARRIER, CELLS, Sharing, as_matrix, batch_cuts  # noqa: E402

# The control words that all threads share. Each counter has a cache line of its own.
GO, WHY, DEADLINE, ASKED, LAST, ARRIVED, TURN, WORDS = 0, 1, 2, 3, 4, 8, 16, 24
REASONS = {1: "time", 2: "asked", 3: "diverged", 4: "done"}
TIME, STOP, DIVERGED, DONE = REASONS
SPINS = 2000
RING = 16384


WORDS_1D = types.int64[::1]


def compiled(*signature):
    """Compile a function with these arguments; its result is kept on disk."""
    return lambda function: kept(lambda: njit(types.void(*signature), nogil=True, cache=True)(function))


@compiled(*[WORDS_1D] * 5)
def run(table, before, after, control, mine):
    """Take steps until some record clears control[GO], or mine[0] in the middle of a step."""
    mode = flush_denormals()
    while control[GO]:
        for start in before:
            call(table[start], address(table, start + 1))
        if not mine[0]:
            break
        for start in after:
            call(table[start], address(table, start + 1))
    compute_as(mode)


@compiled(*[WORDS_1D] * 4, types.int64)
def walk(table, starts, moving, by, count):
    """Every record, so many times; in between, the addresses that move are moved on."""
    mode = flush_denormals()
    for _ in range(count):
        for start in starts:
            call(table[start], address(table, start + 1))
        for i in range(moving.size):
            table[moving[i]] += by[i]
    compute_as(mode)


# -- from a kernel to an address ---------------------------------------------------------------


def entry(kernel, name, layout):
    """Compile a kernel into a function of one record. Warm, this loads it from disk."""
    register_jitable(forceinline=True, **LOOPS)(kernel)

    def call(record):
        kernel(*operands(record, layout))

    call.__name__ = call.__qualname__ = name  # a cache file for each op (two in one would race)
    try:
        return kept(lambda: cfunc(types.void(RECORD), cache=True, **LOOPS)(call))
    except NumbaError:  # say it again, with the kernel's own file and line
        njit(types.void(*kinds_of(layout)), **LOOPS)(kernel)
        raise


@cache
def kernel_of(op):
    """An op's compiled kernel. The cache keeps it alive as long as its address is in use."""
    linking.link_all()
    return entry(op.cpu_kernel, op.name, layout(op))


def layout(op):
    def letters(name):
        dims, kind = op.dims[name], "i" if name in op.whole else "f"
        if dims == () and name not in op.outputs:
            return kind + "v"
        return f"{kind}{2 if dims == ('*',) else len(dims)}"

    kinds = {"float": "fs", "int": "is", "Geometry": "gs"}
    settings = [kinds[p.annotation] for p in op.settings.values()]
    return " ".join([letters(n) for n in op.operands] + settings + ["is"] * op.keeps)


def compile_kernels(ops, on_compile=None):
    """Have the kernels of these ops ready. on_compile(done, total, name) is told of each that had to be compiled."""
    ops = sorted({op for op in ops if op.cpu_kernel}, key=lambda op: op.name)
    makers = [(f.__name__.removeprefix("tuinet_"), partial(linking.compiled, f)) for f in linking.FUNCTIONS]
    makers += [("barrier", barrier_kernel), ("guard", guard_kernel), ("watch", watch_kernel)]
    makers += [(op.name, partial(kernel_of, op)) for op in ops]
    for done, (name, make) in enumerate(makers, 1):
        if not make().cache_hits and on_compile:
            on_compile(done, len(makers), name)


# -- what only makes sense on threads -------------------------------------------------------------


def barrier(control, threads):
    """Wait until all threads are here. Spin for some microseconds, then give way."""
    turn = atomic_load(control, TURN)
    if atomic_add(control, ARRIVED, 1) == threads - 1:
        atomic_add(control, ARRIVED, -threads)
        atomic_add(control, TURN, 1)
        return
    spins = 0
    while atomic_load(control, TURN) == turn:
        spins += 1
        if spins > SPINS:
            let_others_run()


def guard(loss, norm, step, control, mine, ring, leader):
    """Note loss and gradient norm; stop every thread before the update if they are not finite."""
    if leader:
        row = step % ring.shape[0]
        ring[row, 0], ring[row, 1] = loss, norm
    if not (np.isfinite(loss) and np.isfinite(norm)):
        mine[0] = 0
        if leader:
            control[WHY] = DIVERGED


def watch(step, control):
    """Stop on request, after the last step, or at the deadline."""
    if control[ASKED]:
        control[WHY], control[GO] = STOP, 0
    elif step >= control[LAST]:
        control[WHY], control[GO] = DONE, 0
    elif nanoseconds() > control[DEADLINE]:
        control[WHY], control[GO] = TIME, 0


@cache
def barrier_kernel():
    return entry(barrier, "barrier", "l1 is")


GUARD = "fv fv iv l1 l1 f2 is"


@cache
def guard_kernel():
    return entry(guard, "guard", GUARD)


@cache
def watch_kernel():
    return entry(watch, "watch", "iv l1")


# -- from a program to tables -----------------------------------------------------------------------


class Table:
    """One thread's program as records: [function, operand words...] one after the other."""

    def __init__(self):
        self.words, self.starts = [], []
        self.addresses = []  # which of the words are addresses

    def add(self, kernel, layout_words, *values):
        self.starts.append(len(self.words))
        self.words.append(kernel.address)
        for word, value in zip(layout_words, values, strict=True):
            if isinstance(value, np.ndarray):
                self.addresses.append(len(self.words))
                self.words += [value.ctypes.data, *value.shape] if word[1] != "v" else [value.ctypes.data]
                if word[1] == "2":
                    self.words.append(value.strides[0] // value.itemsize)
            elif word == "gs":
                self.words += map(int, value)
            elif word == "fs":
                self.words.append(struct.unpack("q", struct.pack("d", value))[0])
            else:
                self.words.append(int(value))

    def arrays(self):
        return np.array(self.words, np.int64), np.array(self.starts, np.int64)


def add_call(table, call, views, keep=None):
    """Write a call's record. views: its operands as arrays, cut to what this thread does of them."""
    op, values, words = call.op, [], layout(call.op).split()
    alike = [array for name, array in zip(op.operands, views, strict=True) if op.dims[name] == ("*",)]
    in_one_piece = all(array.flags.c_contiguous for array in alike)
    for name, array in zip(op.operands, views, strict=True):
        # Ops on any shape see rows and columns: one row, where the numbers of all operands lie in one piece.
        values.append(array.reshape(1, -1) if op.dims[name] == ("*",) and in_one_piece else array)
    values += [call.settings[name] for name in op.settings]
    keep = call.keep if keep is None else keep
    table.add(kernel_of(op), words, *values, *[keep] * op.keeps)


def share_of(array, axis, thread, cuts):
    """One thread's stretch of an array, or None if it has none of it."""
    if axis is None:
        return array
    low, high = cuts[thread], cuts[thread + 1]
    if low == high:
        return None
    return array[low:high] if axis == 0 else array[:, low:high]


NEAR = 1 << 19  # bytes of values that are worked on at a time: half of a second cache
# These want many rows, and keep to the caches by themselves.
MANY_ROWS = ("dense", "matmul_nn", "matmul_nt", "matmul_tn", *CELLS, *(f"{cell}_back" for cell in CELLS))


def by_rows(items, dealt):
    """Items in groups: calls that follow each other and treat every row of a batch by itself are one."""
    groups, rows = [], None
    for item in items:
        known, rows = rows, None
        if item != BARRIER and item.call.op.name not in MANY_ROWS and not any(s in dealt for s in item.call.operands):
            axes = dict(zip(item.call.operands, item.axes, strict=True))
            counts = {slot.shape[0] for slot, axis in axes.items() if axis == 0}
            uncut = {axis for axis in item.axes if axis != 0}
            if len(counts) == 1 and uncut <= {None} and all(axes[slot] == 0 for slot in item.call.writes):
                rows = counts.pop()
        if rows is not None and rows == known:
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


class Link:
    """A list of calls as one table for each thread."""

    def __init__(self, arena, batch, gradients, calls):
        """calls: those that tell how much work an example is."""
        self.arena, self.threads = arena, arena.threads
        cuts = batch_cuts(batch, self.threads, calls)
        self.sharing = Sharing(batch, cuts, self.threads, gradients, arena.program.owned)
        self.gradients = gradients
        self.tables = [Table() for _ in range(self.threads)]
        self.done = 0

    def add(self, calls):
        for every in calls:
            if every.op.name != "view":
                for each in self._apart(every):
                    self.sharing.add(each)
        self.flush()

    def _apart(self, whole):
        """Calls on all parameters at once: several threads take them parameter by parameter."""
        if self.threads == 1 or not any(slot.kind.startswith("all ") for slot in whole.operands):
            return [whole]
        return [self._of_one(whole, p, g) for p, g in self.gradients.items()]

    def _of_one(self, whole, p, g):
        """A call on all parameters, all gradients and all states, as a call on those of one parameter."""
        slots = []
        for slot in whole.operands:
            kind, _, number = slot.kind.removeprefix("all ").partition(":")
            if not slot.kind.startswith("all "):
                slots.append(slot)
            elif kind == "state":
                slots.append(self.arena.state_of[p][int(number)])
            else:
                slots.append(p if kind == "parameter" else g)
        slots = [s if s.shape == as_matrix(s.shape) else replace(s, shape=as_matrix(s.shape), base=s) for s in slots]
        count = len(whole.inputs)
        return type(whole)(whole.op, slots[:count], slots[count:], whole.settings, whole.keep)

    def wait(self):
        if self.threads > 1:
            self.sharing.wait()
            self.flush()

    def flush(self):
        for group in by_rows(self.sharing.items[self.done :], self.arena.dealt):
            for thread, table in enumerate(self.tables):
                if group != [BARRIER]:
                    for call, views, keep in self._work(group, thread):
                        add_call(table, call, views, keep)
                elif self.threads > 1:
                    table.add(barrier_kernel(), ("l1", "is"), self.control, self.threads)
        self.done = len(self.sharing.items)

    def _work(self, group, thread):
        """A thread's part of calls that follow each other: a few rows through all of them, then the next few."""
        parts = [(item, *stretch) for item in group for stretch in self._stretches(item, thread)]
        parts = [part for part in parts if all(view is not None for view in part[1])]
        if len(group) == 1 or not parts:
            yield from ((item.call, views, keep) for item, views, keep in parts)
            return
        lines = {v.ctypes.data: v for item, views, _ in parts for v, a in zip(views, item.axes, strict=True) if a == 0}
        count = len(next(iter(lines.values())))
        block = max(1, NEAR * count // sum(view.nbytes for view in lines.values()))
        for low in range(0, count, block):
            for item, views, keep in parts:
                cut = [v[low : low + block] if a == 0 else v for v, a in zip(views, item.axes, strict=True)]
                yield item.call, cut, keep

    def _stretches(self, item, thread):
        """A thread's part of a call, as operands and whether to add: one, or one for each block of a dealt matrix."""
        call, arena, threads = item.call, self.arena, self.threads
        dealt = [slot in arena.dealt for slot in call.operands]
        if threads == 1 or not any(dealt):
            views = [arena.view(slot, thread) for slot in call.operands]
            if threads > 1:
                views = [share_of(v, axis, thread, item.cuts) for v, axis in zip(views, item.axes, strict=True)]
            yield views, call.keep
        elif call.op.name in ("dense", "matmul_nn", "matmul_nt"):
            yield from self._products(item, thread)
        else:  # what updates, measures or makes a gradient: each owner its own block
            yield (
                [
                    arena.block(slot, thread) if apart else share_of(arena.view(slot, thread), axis, thread, item.cuts)
                    for slot, axis, apart in zip(call.operands, item.axes, dealt, strict=True)
                ],
                call.keep,
            )

    def _products(self, item, thread):
        """Products with a matrix that is dealt out: block by block, or with one's own where the call is cut so."""
        call, arena, threads = item.call, self.arena, self.threads
        weight, turned = call.inputs[1], call.op.name == "matmul_nt"
        cuts, first = arena.dealt[weight], True
        own = not turned and item.axes[1] == 1
        for owner in [thread] if own else range(threads):
            low, high = cuts[owner], cuts[owner + 1]
            if low == high:
                continue
            views = []
            for place, (slot, axis) in enumerate(zip(call.operands, item.axes, strict=True)):
                if place == 1:
                    view = share_of(arena.block(weight, owner), axis if turned else None, thread, item.cuts)
                else:
                    view = arena.view(slot, thread)
                    # Columns that meet the block's: of the left side if it is turned, else of bias and result.
                    meets = place == 0 if turned else place >= 2
                    view = share_of(view, None if meets and own else axis, thread, item.cuts)
                    if meets and view is not None:
                        view = view[..., low:high]
                views.append(view)
            yield views, call.keep or (turned and not first)
            first = False


class Machine:
    """A step's program, linked for this process: tables, control words, losses and norms."""

    def __init__(self, step, arena, on_compile=None):
        self.step, self.arena, threads = step, arena, arena.threads
        every = [c for part in step.micro_batches for c in part] + step.guarded + step.updates
        compile_kernels({c.op for c in every}, on_compile)
        self.control = np.zeros(WORDS, np.int64)
        self.mine = [np.zeros(8, np.int64) for _ in range(threads)]
        self.ring = np.zeros((RING, 2), np.float32)
        link = Link(arena, step.batch, step.program.gradients, every)
        link.control = self.control
        for part in step.micro_batches:
            link.add(part)
        link.add(step.guarded)
        loss, norm, at = step.mean_loss, step.norm, step.program.step
        for thread, table in enumerate(link.tables):
            table.add(
                guard_kernel(),
                GUARD.split(),
                arena.view(loss, thread),
                arena.view(norm, thread),
                arena.view(at, thread),
                self.control,
                self.mine[thread],
                self.ring,
                thread == 0,
            )
        middle = [len(table.starts) for table in link.tables]
        link.add(step.updates)
        link.tables[0].add(watch_kernel(), ("iv", "l1"), arena.view(at, 0), self.control)
        link.wait()
        self.tables = []
        for table, cut in zip(link.tables, middle, strict=True):
            words, starts = table.arrays()
            self.tables.append((words, starts[:cut].copy(), starts[cut:].copy()))
        self.barriers = sum(item == BARRIER for item in link.sharing.items)

    def ask(self, wanted=True):
        """Have the stretch under way end after its step."""
        self.control[ASKED] = wanted

    def run(self, seconds, until):
        """Train for about this long, or until so many steps are done. Says why it stopped."""
        self.control[[GO, WHY, LAST]] = 1, 0, until
        self.control[DEADLINE] = clock_gettime_ns(CLOCK_MONOTONIC) + int(seconds * 1e9)
        for mine in self.mine:
            mine[0] = 1
        threads = [
            Thread(target=run, args=(*table, self.control, mine))
            for table, mine in zip(self.tables[1:], self.mine[1:], strict=True)
        ]
        for thread in threads:
            thread.start()
        run(*self.tables[0], self.control, self.mine[0])
        for thread in threads:
            thread.join()
        return REASONS[int(self.control[WHY])]


class Forward:
    """A pass without gradients, linked: outputs and losses of so many rows, and of the rows behind them, and so on.

    The arrays that come in and go out are walked along, a pass at a time: nothing is copied, and the
    threads are started once.
    """

    def __init__(self, forward, arena):
        compile_kernels({c.op for c in forward.calls if c.op.name != "view"})
        self.control = np.zeros(WORDS, np.int64)
        link = Link(arena, forward.rows, {}, forward.calls)
        link.control = self.control
        link.add(forward.calls)
        link.wait()  # before anybody's next pass overwrites what another is still reading
        self.tables = [table.arrays() for table in link.tables]
        slots = [forward.inputs, forward.targets, forward.losses]
        slots += [forward.outputs] * forward.computes  # else they are the inputs, and move with them
        self.windows = [arena.view(slot) for slot in slots]
        self.moving = [
            [[at for at in table.addresses if self._inside(window, table.words[at])] for window in self.windows]
            for table in link.tables
        ]

    @staticmethod
    def _inside(window, where):
        return 0 <= where - window.ctypes.data < window.nbytes

    def run(self, inputs, targets, losses, outputs):
        """All arrays are contiguous and hold the same number of rows: a whole number of passes."""
        arrays = (inputs, targets, losses, outputs)[: len(self.windows)]
        count = len(inputs) // len(self.windows[0])
        threads = []
        for (words, starts), places in zip(self.tables, self.moving, strict=True):
            words, moving, by = words.copy(), [], []
            for array, window, at in zip(arrays, self.windows, places, strict=True):
                words[at] += array.ctypes.data - window.ctypes.data
                moving += at
                by += [window.nbytes] * len(at)
            moved = np.array(moving, np.int64), np.array(by, np.int64)
            threads.append(Thread(target=walk, args=(words, starts, *moved, count)))
        for thread in threads[1:]:
            thread.start()
        threads[0].run()
        for thread in threads[1:]:
            thread.join()
