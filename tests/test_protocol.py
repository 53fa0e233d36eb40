"""Messages between a worker and its clients: what is sent is what comes, in any pieces, and nothing else is let in."""

from __future__ import annotations

import math
import struct

import pytest

from tuinet.training.protocol import ASKED_LIMIT, COMMANDS, Frames, ProtocolError, Refused, checked, encode

MESSAGES = [
    ({"do": "pause", "id": 1}, b""),
    ({"re": 1, "ok": True, "name": 'ä "x" \n\x1b[2J'}, b""),
    ({"re": 2, "loss": math.inf, "levels": [1, 2]}, bytes(range(256))),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 64, 10_000])
def test_messages_come_as_they_were_sent_in_pieces_of_any_size(size: int) -> None:
    stream = b"".join(encode(fields, body) for fields, body in MESSAGES)
    frames = Frames(ASKED_LIMIT, bodies=True)
    found = [m for at in range(0, len(stream), size) for m in frames.feed(stream[at : at + size])]
    assert [(message.fields, message.body) for message in found] == MESSAGES


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (struct.pack(">II", ASKED_LIMIT + 1, 0), "at most"),
        (struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF), "at most"),
        (struct.pack(">II", 2, 1), "at most"),  # a client sends no bodies
        (struct.pack(">II", 3, 0) + b"nul", "no JSON object"),
        (struct.pack(">II", 4, 0) + b"null", "no JSON object"),
        (struct.pack(">II", 2, 0) + b"[]", "no JSON object"),
        (struct.pack(">II", 60_000, 0) + b"[" * 60_000, "no JSON object"),
    ],
)
def test_what_is_no_message_is_refused_before_it_takes_memory(frame: bytes, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        Frames(ASKED_LIMIT, bodies=False).feed(frame)


RIGHT = [
    {"do": "pause"}, {"do": "resume"}, {"do": "stop"}, {"do": "checkpoint"},
    {"do": "step"}, {"do": "step", "batches": 5}, {"do": "step", "epochs": 2},
    {"do": "slow", "seconds": 0}, {"do": "slow", "seconds": 0.5},
    {"do": "set", "key": "a.b", "value": False}, {"do": "set", "key": "a.b", "value": [1, 2]},
    {"do": "apply", "preset": "x"}, {"do": "write", "slot": "a.W", "index": [0, 1], "value": 0.5},
    {"do": "look", "look": "heatmap", "request": {"rows": 3}},
]  # fmt: skip


@pytest.mark.parametrize("asked", RIGHT, ids=lambda asked: asked["do"])
def test_every_command_is_taken_in_its_right_form(asked: dict[str, object]) -> None:
    word, fields = checked({**asked, "id": 4})
    assert (word, fields) == (asked["do"], {key: value for key, value in asked.items() if key != "do"})


def test_no_command_was_left_out_above() -> None:
    assert {asked["do"] for asked in RIGHT} == set(COMMANDS)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "None is no command"),
        ({"do": "paus"}, 'did you mean "pause"'),
        ({"do": ["pause"]}, "is no command"),
        ({"do": "pause", "now": 1}, "pause takes no now"),
        ({"do": "step", "batches": 0}, "batches is 0; it must be a whole number from 1"),
        ({"do": "step", "batches": True}, "batches is True"),
        ({"do": "step", "batches": 1.5}, "batches is 1.5"),
        ({"do": "slow"}, "slow wants seconds"),
        ({"do": "slow", "seconds": math.nan}, "seconds is nan"),
        ({"do": "slow", "seconds": 61}, "seconds is 61"),
        ({"do": "set", "key": "a"}, "set wants value"),
        ({"do": "write", "slot": "a", "index": [0] * 9, "value": 1}, "index is"),
        ({"do": "write", "slot": "a", "index": [0], "value": math.inf}, "value is inf"),
        ({"do": "look", "look": 7}, "look is 7"),
    ],
)
def test_a_wrong_command_gets_a_sentence(asked: dict[str, object], says: str) -> None:
    with pytest.raises(Refused) as caught:
        checked(asked)
    assert says in str(caught.value)
