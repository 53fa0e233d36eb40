"""Where a run trains: the words of --device, and what they come to on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tuinet.errors import NoDevice, NoDriver, UsageError, nearest
from tuinet.safe_text import safe

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
    if word not in DEVICES and not NUMBERED.fullmatch(word):
        known = ", ".join((*DEVICES, "cuda:0"))
        raise UsageError(f"--device {safe(word, 40)}: there is no such device: {known}{nearest(word, DEVICES)}")
    return word


def chosen(word: str) -> Chosen:
    """What a word comes to.

    A machine without a driver is no GPU machine, and gets no excuse. Raises NoDevice where a GPU was asked for and
    cannot be used.
    """
    if word in ("cpu", "reference"):
        return Chosen(word)
    from tuinet.engine.cuda import devices

    number = NUMBERED.fullmatch(word)
    try:
        found = devices.choose(int(number[1]) if number else None)
        return Chosen(found.word, found.name, found.uuid)
    except NoDevice as error:
        if word == "auto":
            return Chosen("cpu", no_gpu="" if isinstance(error, NoDriver) else str(error))
        raise type(error)(f"--device {word}: {error}; --device cpu trains on the processor") from error
