"""A preset of an encoder and a decoder."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.preset_texts import load
from tuinet.errors import PresetError
from tuinet.network import Network

HALVES = """
title = "Two halves"

[data]
set = "spambase"

[[encoder]]
type = "embedding"
units = 8

[[decoder]]
type = "embedding"
name = "letters"
units = 8

[[decoder]]
type = "decoder_block"
heads = 2

[[decoder]]
type = "unembedding"
embedding = "letters"

[training]
epochs = 1
batch_size = 8
loss = "cross_entropy"
optimizer = { type = "adam" }
"""


def test_encoder_and_decoder_are_two_layers_that_hold_layers() -> None:
    preset = load(HALVES)
    assert [table["type"] for table in preset.layers] == ["encoder", "decoder"]
    assert load(preset.resolved()) == preset
    changed = preset.with_overrides(["decoder.decoder_block_1.heads=4", "layers.encoder.embedding_1.units=16"])
    paths = {layer.path: layer for layer in Network(changed.stack).walk()}
    assert paths["decoder.decoder_block_1"].heads == 4  # type: ignore[attr-defined]
    assert paths["encoder.embedding_1"].units == 16  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("heads = 2", "head = 2", 'line 18, layers.decoder.decoder_block_1.head: "head" is not a setting'),
        ("[[encoder]]", "[[encode]]", "there is no [[encoder]] beside it; write both, or [[layers]]"),
        (
            "[data]",
            "[[layers]]\ntype='flatten'\n[data]",
            "[[layers]], or [[encoder]] and [[decoder]]; take one of them",
        ),
    ],
)
def test_a_mistake_in_one_of_two_halves_is_placed(old: str, new: str, words: str) -> None:
    with pytest.raises(PresetError) as caught:
        load(HALVES.replace(old, new, 1))
    assert words in str(caught.value)


def test_two_halves_want_data_of_pairs() -> None:
    facts: Any = SimpleNamespace(classes=2, outputs=1, tokens=0, source_steps=0, columns=[])
    with pytest.raises(PresetError, match="encoder and decoder are for pairs of texts"):
        load(HALVES).network(facts)


def test_data_of_pairs_want_two_halves() -> None:
    facts: Any = SimpleNamespace(classes=9, outputs=9, tokens=9, steps=5, source_steps=7, columns=[])
    stack = "[[layers]]\ntype = 'embedding'\nunits = 4\n[[layers]]\ntype = 'dense'\nunits = 'classes'\n"
    halves = HALVES[HALVES.index("[[encoder]]") : HALVES.index("[training]")]
    with pytest.raises(PresetError, match=r"line \d+, layers: the data are pairs of texts.*instead of"):
        load(HALVES.replace(halves, stack)).network(facts)
