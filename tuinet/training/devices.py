"""Where a run trains: the words of --device, and what they come to on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuinet.errors import NoDevice, NoDriver, UsageError, nearest
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from tuinet.engine.cuda.devices import Device

DEVICES = ("auto", "cpu", "cuda", "reference")
NUMBERED = re.compile(r"cuda:(\d{1,3})")


@dataclass(frozen=True)
class Chosen:
    """device: cpu, reference or cuda:N. gpu, uuid: of a GPU, as its driver says them: foreign text.

    no_gpu: where auto came to the processor although there is a driver, why.
    """

    device: str
    gpu: str = ""
    uuid: str = ""
    no_gpu: str = ""


def device_word(word: str) -> str:
    """The word as it is, if it is one: auto, cpu, reference, cuda (the freest GPU) or cuda:N. Raises UsageError."""
    if word not in DEVICES and not is_gpu(word):
        known, hint = ", ".join((*DEVICES, "cuda:0")), nearest(word, DEVICES) or "."
        raise UsageError(f"--device {safe(word, 40)}: there is no such device{hint} Known: {known}")
    return word


def is_gpu(device: str) -> bool:
    """Whether that is the word of one GPU: cuda:N."""
    return NUMBERED.fullmatch(device) is not None


def ordinal_of(device: str) -> int | None:
    """Its number; None where the word names no certain one."""
    number = NUMBERED.fullmatch(device)
    return int(number[1]) if number else None


def gpu_of(word: str) -> Device:
    """The GPU that auto, cuda or cuda:N comes to. Raises NoDevice, which says in one sentence what is missing."""
    from tuinet.engine.cuda import devices

    return devices.choose(ordinal_of(word))


def chosen(word: str) -> Chosen:
    """What a word comes to.

    A machine without a driver is no GPU machine, and gets no excuse. Raises NoDevice where a GPU was asked for and
    cannot be used.
    """
    if word in ("cpu", "reference"):
        return Chosen(word)
    try:
        found = gpu_of(word)
        return Chosen(found.word, found.name, found.uuid)
    except NoDevice as error:
        if word == "auto":
            return Chosen("cpu", no_gpu="" if isinstance(error, NoDriver) else str(error))
        raise _refused(word, error) from error


def require(word: str) -> None:
    """Raises NoDevice, as chosen does, where this machine has no such GPU: what is known before one is tried."""
    from tuinet.engine.cuda import devices

    if word == "cuda" or is_gpu(word):
        try:
            devices.untried(ordinal_of(word))
        except NoDevice as error:
            raise _refused(word, error) from error


def _refused(word: str, error: NoDevice) -> NoDevice:
    return type(error)(f"--device {word}: {error}; --device cpu trains on the processor")
