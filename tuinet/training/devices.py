"""Where a run trains: the words of --device, and what they come to on this machine."""

from __future__ import annotations

import re

from tuinet.errors import NoDevice, NoDriver, UsageError, nearest
from tuinet.safe_text import safe

DEVICES = ("auto", "cpu", "cuda", "reference")
NUMBERED = re.compile(r"cuda:(\d{1,3})")


def device_word(word: str) -> str:
    """The word as it is, if it is one: auto, cpu, reference, cuda (the freest GPU) or cuda:N. Raises UsageError."""
    if word not in DEVICES and not NUMBERED.fullmatch(word):
        known = ", ".join((*DEVICES, "cuda:0"))
        raise UsageError(f"--device {safe(word, 40)}: there is no such device: {known}{nearest(word, DEVICES)}")
    return word


def chosen(word: str) -> tuple[str, str]:
    """The device that a word comes to (cpu, reference or cuda:N), and for auto why it is no GPU.

    A machine without a driver is no GPU machine, and gets no excuse. Raises NoDevice where a GPU was asked for and
    cannot be used.
    """
    if word in ("cpu", "reference"):
        return word, ""
    from tuinet.engine.cuda import devices

    if word == "auto":
        try:
            return devices.choose().word, ""
        except NoDriver:
            return "cpu", ""
        except NoDevice as error:
            return "cpu", str(error)
    number = NUMBERED.fullmatch(word)
    try:
        return devices.choose(int(number[1]) if number else None).word, ""
    except NoDevice as error:
        raise type(error)(f"--device {word}: {error}; --device cpu trains on the processor") from error
