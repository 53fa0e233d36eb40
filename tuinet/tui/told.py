"""What happened in a run, a line an event: the words of events.jsonl, and of the log that its worker writes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuinet import figures
from tuinet.bounded_io import open_regular
from tuinet.runs.checked import number
from tuinet.safe_text import safe

TAIL = 256 << 10  # bytes of a log that are read at first
LONGEST = 1_000  # characters of a line


@dataclass(frozen=True)
class Said:
    """A line of the log. kind: of events "started", "alert" ...; "worker" for what the worker wrote."""

    kind: str
    at: str  # the time of day, "" where nobody knows
    place: str  # step
    text: str  # safe
    tone: str = ""  # good, warn, bad, accent, dim or ""


def of_event(record: dict[str, Any]) -> Said:
    """One record of events.jsonl in words. The record may come from anywhere, and hold anything."""
    kind = str(record.get("k"))
    text, tone = _WORDS.get(kind, _unknown)(record)
    return Said(kind, _clock(record.get("t")), figures.count(record.get("s")), safe(text, LONGEST), tone)


def _started(record: dict[str, Any]) -> tuple[str, str]:
    words = [
        f"on {figures.device(record.get('device'), record.get('gpu'), record.get('threads'))}",
        f"seed {record.get('seed')}",
        f"{_count(record.get('parameters'))} parameters",
        f"resumed at step {_count(record.get('resumed'))}" if record.get("resumed") is not None else "",
    ]
    return " · ".join(word for word in words if word), "accent"


def _compiled(record: dict[str, Any]) -> tuple[str, str]:
    kernels = record.get("kernels")
    if not kernels:
        return "all kernels were ready", "dim"
    count = figures.plural(kernels, "kernel") if isinstance(kernels, int) else f"{kernels} kernels"
    return f"{count} in {figures.duration(number(record.get('seconds')))}", "dim"


def _changed(record: dict[str, Any]) -> tuple[str, str]:
    old, new = figures.setting(record.get("old")), figures.setting(record.get("new"))
    return f"{record.get('key')}: {old} → {new}  ({record.get('why')})", "accent"


def _checkpoint(record: dict[str, Any]) -> tuple[str, str]:
    return f"{record.get('kind')}, {record.get('folder')}, {figures.size(number(record.get('bytes')))}", "dim"


def _alert(record: dict[str, Any]) -> tuple[str, str]:
    return f"▲ {record.get('message')}", "warn"


def _verdict(record: dict[str, Any]) -> tuple[str, str]:
    return f"{record.get('word')}: {record.get('sentence')}", "good" if record.get("word") == "good" else "warn"


def _stopped(record: dict[str, Any]) -> tuple[str, str]:
    state = str(record.get("state"))
    error = record.get("error")
    words = f"{state} ({record.get('reason')})" + (f": {error}" if error else "")
    return words, "bad" if error or state in ("failed", "diverged") else ""


def _unknown(record: dict[str, Any]) -> tuple[str, str]:
    fields = {key: value for key, value in record.items() if key not in ("k", "s", "e", "g", "m", "t")}
    return ", ".join(f"{key} {figures.setting(value)}" for key, value in list(fields.items())[:12]), ""


_WORDS = {
    "started": _started, "compiled": _compiled, "changed": _changed, "checkpoint": _checkpoint, "alert": _alert,
    "verdict": _verdict, "stopped": _stopped,
}  # fmt: skip


def _count(value: object) -> str:
    return figures.count(value) if isinstance(value, int) else figures.NOTHING


def _clock(seconds: object) -> str:
    """A wall clock label as the time of day; of a label that is none, nothing."""
    found = number(seconds)
    try:
        return "" if found is None else time.strftime("%H:%M:%S", time.localtime(found))
    except (ValueError, OverflowError, OSError):
        return ""


class WorkerLog:
    """worker.log read as it grows, from its last part on. Call it in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset: int | None = None
        self._rest = b""

    def read(self) -> list[Said]:
        """The lines that came since the last time; nothing where there is no such file."""
        try:
            fd = open_regular(self.path)
        except OSError:
            return []
        try:
            size = os.fstat(fd).st_size
            if self._offset is None or self._offset > size:
                self._offset, self._rest = max(0, size - TAIL), b""
            data = os.pread(fd, min(TAIL, size - self._offset), self._offset)
        except OSError:
            return []
        finally:
            os.close(fd)
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-TAIL:]
        return list(_lines(whole))


def _lines(whole: Iterable[bytes]) -> Iterable[Said]:
    for line in whole:
        text = safe(line.decode("utf-8", "surrogateescape").rstrip(), LONGEST)
        if text:
            yield Said("worker", "", "", text, _tone(text))


def _tone(text: str) -> str:
    lowered = text.lower()
    if "error" in lowered or "traceback" in lowered:
        return "bad"
    return "warn" if "warning" in lowered else ""
