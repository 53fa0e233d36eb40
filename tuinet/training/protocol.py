"""What a worker and its clients say to each other over a socket: messages in frames, without any socket.

A frame is two big-endian 32-bit lengths, a JSON object of the first length, and so many bytes of the second, such as
the levels of a heatmap. A client asks, with a number of its own under "id"; the answer has that number under "re".
Between answers come the worker's events. The forms stand in docs/formats.md.

    {"do": "set", "id": 7, "key": "training.epochs", "value": 9}
    {"re": 7, "ok": true, "step": 115, "epoch": 1.0, "changes": [{"key": "training.epochs", "old": 6, "new": 9}]}

What is refused has a sentence in its place: {"re": 7, "error": "training.epochs: ... it must be a whole number"}.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tuinet.errors import RunError
from tuinet.runs.checked import json_line, with_numbers
from tuinet.runs.folder import RunFolder, home

VERSION = 1
ASKED_LIMIT = 64 << 10  # bytes of what a client says: a preset is the longest of it
TOLD_LIMIT = 8 << 20  # bytes of what a worker says, and as many again of levels
LONGEST_PATH = 100  # bytes of a socket's name that every system takes
_HEAD = struct.Struct(">II")


class ProtocolError(RunError):
    """What came over the socket is no message."""


class Refused(RunError):
    """The worker will not do what it was asked; the sentence says why."""


class Message(NamedTuple):
    """fields: the JSON object, with "nan" and "inf" read as numbers. body: what followed it."""

    fields: dict[str, Any]
    body: bytes = b""


def encode(fields: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A frame."""
    head = json_line(fields).encode("ascii")
    return _HEAD.pack(len(head), len(body)) + head + body


class Frames:
    """Puts messages together from the pieces in which a socket gives them."""

    def __init__(self, limit: int, *, bodies: bool) -> None:
        """limit: bytes of an object, and of what follows it. bodies: whether anything may."""
        self.limit, self.bodies = limit, bodies
        self._pieces = bytearray()

    def feed(self, piece: bytes) -> list[Message]:
        """The messages that are whole now. ProtocolError where a frame is too long or holds no object."""
        self._pieces += piece
        messages = []
        while len(self._pieces) >= _HEAD.size:
            head, body = _HEAD.unpack_from(self._pieces)
            if head > self.limit or body > (self.limit if self.bodies else 0):
                raise ProtocolError(f"a message of {head:,} + {body:,} bytes; at most {self.limit:,} are read")
            end = _HEAD.size + head + body
            if len(self._pieces) < end:
                break
            text = bytes(self._pieces[_HEAD.size : _HEAD.size + head])
            messages.append(Message(_object(text), bytes(self._pieces[_HEAD.size + head : end])))
            del self._pieces[:end]
        return messages


def _object(text: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise ProtocolError(f"a message that is no JSON object: {text[:40]!r}")
    found: dict[str, Any] = with_numbers(fields)
    return found


# -- what may be asked -----------------------------------------------------------------------


class Argument(NamedTuple):
    """One field of a command: the kind of value, and whether it may be left out."""

    kind: type | tuple[type, ...]
    words: str
    optional: bool = False
    fits: Callable[[Any], bool] = lambda value: True


LARGEST = 3.4028234663852886e38  # of float32
_COUNT = Argument(int, "a whole number from 1 to 1,000,000", True, lambda value: 1 <= value <= 1_000_000)
_REAL = (int, float)

COMMANDS: dict[str, dict[str, Argument]] = {
    "pause": {},
    "resume": {},
    "step": {"batches": _COUNT, "epochs": _COUNT},
    "slow": {"seconds": Argument(_REAL, "seconds a step, from 0 to 60", False, lambda value: 0 <= value <= 60)},
    "stop": {},
    "checkpoint": {},
    "set": {
        "key": Argument(str, "the key of a setting, such as training.optimizer.learning_rate"),
        "value": Argument((int, float, str, bool, list, dict, type(None)), "the setting's new value, or null"),
    },
    "apply": {"preset": Argument(str, "the edited preset as TOML")},
    "write": {
        "slot": Argument(str, "the name of a parameter, such as hidden.W"),
        "index": Argument(list, "whole numbers, one for each axis", False, lambda value: len(value) <= 8),
        "value": Argument(_REAL, "a finite number, at most 3.4e38", False, lambda value: abs(value) <= LARGEST),
    },
    "look": {"look": Argument(str, "the name of a look"), "request": Argument(dict, "what the look is of", True)},
}
"""Every command and its fields; the worker checks them before the training hears of it."""


def checked(asked: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The command and its fields. Refused, with a sentence, where something is missing, unknown or of a wrong kind."""
    from tuinet.errors import nearest
    from tuinet.safe_text import safe

    word = asked.get("do")
    if not isinstance(word, str) or word not in COMMANDS:
        hint = nearest(word, COMMANDS) if isinstance(word, str) else ""
        raise Refused(f"{safe(repr(word), 60)} is no command{hint or '.'} Known: {', '.join(COMMANDS)}")
    known, given = COMMANDS[word], {key: value for key, value in asked.items() if key not in ("do", "id")}
    for key in given:
        if key not in known:
            raise Refused(f"{word} takes no {safe(key, 60)}; it takes {', '.join(known) or 'nothing'}")
    for key, argument in known.items():
        if key not in given:
            if argument.optional:
                continue
            raise Refused(f"{word} wants {key}: {argument.words}")
        value = given[key]
        flag = isinstance(value, bool) and bool not in _kinds(argument)  # which Python takes for a whole number
        if flag or not isinstance(value, argument.kind) or not argument.fits(value):
            raise Refused(f"{word}: {key} is {safe(repr(value), 60)}; it must be {argument.words}")
    return word, given


def _kinds(argument: Argument) -> tuple[type, ...]:
    return argument.kind if isinstance(argument.kind, tuple) else (argument.kind,)


# -- where they meet --------------------------------------------------------------------------


def sockets_folder() -> Path:
    """Where workers have their sockets: with the runs, so that it outlives a login."""
    return home() / "sockets"


def socket_path(run: RunFolder) -> Path:
    """The socket of a run's worker, by its folder: an id may come twice, in two folders."""
    real = os.path.realpath(run.path)
    return sockets_folder() / f"{hashlib.sha256(os.fsencode(real)).hexdigest()[:24]}.sock"


def at(path: Path, use: Callable[[str], None]) -> None:
    """Hand `use` a name of the socket that is short enough: one that is not goes by way of its folder's descriptor."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        use(str(path))
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        use(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def same_user(peer: socket.socket) -> bool:
    """Whether the process at the other end is this user's. Where the system does not say, the file's mode must do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    with suppress(OSError):
        said = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, user, _ = struct.unpack("3i", said)
        return bool(user == os.getuid())
    return False
