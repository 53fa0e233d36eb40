"""`tuinet data show`: examples drawn where there is no colour, and as the steps of a training see them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.cli_scenes import rows, tuinet
from tuinet.cli.preview import LETTERS, SHADES, augment_from, original, shaded
from tuinet.data import DataSettings, bind
from tuinet.data.augment import Augment
from tuinet.engine.augmented import augmented
from tuinet.engine.trainer import Trainer
from tuinet.errors import PresetError
from tuinet.layers import Dense, Flatten
from tuinet.losses import LOSSES
from tuinet.network import Network
from tuinet.optimizers import SGD


def test_a_picture_is_drawn_with_a_letter_for_two_pixels() -> None:
    image = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0.5, 0.5, 0.2, 0], [0.5, 0.5, 0.2, 0]])
    assert shaded(image, 4, SHADES) == ["  ██", "▒▒░ "]
    assert shaded(image, 4, LETTERS) == ["  @@", "++: "]


def test_a_large_picture_is_drawn_by_the_means_of_its_pixels() -> None:
    image = np.zeros((60, 60))
    image[:, 40:] = 1.0
    assert shaded(image, 30, SHADES) == [" " * 20 + "█" * 10] * 15
    assert shaded(np.full((7, 5), 0.5), 3, SHADES) == ["▒▒▒"] * 2


@pytest.mark.parametrize("width", [40, 80, 200])
def test_pictures_keep_to_the_width_and_every_class_is_named(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = tuinet("data", "show", "digits").stdout
    assert max(map(len, out.splitlines())) <= width and "\x1b" not in out
    assert any(letter in out for letter in "█@")


def test_with_augment_the_very_examples_of_the_steps_are_shown() -> None:
    """The numbers of --json against a trainer that has nothing to do with the preview."""
    printed = rows(tuinet("data", "show", "digits", "--augment", "shift=2,noise=0.1", "--json").stdout)
    examples = [row for row in printed if row.get("row") == "example"]
    assert [(row["number"], row["version"]) for row in examples] == [(n, v) for n in range(1, 5) for v in range(6)]
    assert len({row["label"] for row in examples}) == 4
    values = np.array([row["values"] for row in examples]).reshape(4, 6, 8, 8, 1)
    bound = bind(DataSettings(set="digits"))
    for number in range(4):
        assert any(np.array_equal(values[number, 0], example) for example in bound.train.inputs[:400])
    noise = [values[:, version] - values[:, 0] for version in range(1, 6)]
    assert all(not np.allclose(one, other) for one, other in pairwise(noise))


@pytest.mark.parametrize("augment", [Augment(rotate=20.0, flip="both"), Augment(mixup=0.5, cutout=3)])
def test_what_is_shown_is_what_a_trainer_draws(augment: Augment) -> None:
    bound = bind(DataSettings(set="digits", limit=20))
    trainer = Trainer(
        Network((Flatten(), Dense(units=10))), LOSSES["cross_entropy"](), SGD(), bound,
        batch_size="all", seed=4, augment=augment, shuffle=False, device="reference",
    )  # fmt: skip
    trainer.run(60.0, 2)  # what the second step saw is still there
    seen = trainer.arena.view(trainer.plan.inputs).copy()
    found = augmented(bound.train, bound.facts, augment, steps=2, seed=4)
    assert np.array_equal(found[1], seen) and not np.allclose(found[0], seen, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("spambase", ["spam", "word_freq_make", "the first 12 of 57 numbers"]),
        ("auto-mpg", ["mpg", "cylinders"]),
        ("spiral", ["example", "x", "y"]),
        ("sunspots", ["next sunspots", "sunspots -12", "sunspots -11"]),
    ],
)
def test_a_table_is_shown_in_rows_of_the_numbers_that_stand_in_it(name: str, words: list[str]) -> None:
    out = tuinet("data", "show", name).stdout
    assert all(word in out for word in words)


def test_numbers_are_shown_as_they_were_before_they_were_scaled() -> None:
    for scale in ("standard", "minmax", "log_standard", "sqrt_standard", "none"):
        bound = bind(DataSettings(set="concrete", scale=scale))
        plain = bind(DataSettings(set="concrete", scale="none"))
        back = original(bound, bound.train.inputs[3].astype(np.float64))
        assert np.allclose(back, plain.train.inputs[3], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("fashion-mlp", r"has no \[training.augment\]"),
        ("shift=-1", "augment.shift"),
        ("shft=1", 'did you mean "shift"'),
        ("shift", "no preset, and not of the form shift=2,flip=horizontal"),
        ("shift=", "shift has no value; write one behind the ="),
        ("flip=both,shift= ", "shift has no value"),
        ("shift=2,shift=3", "says shift twice; once is enough"),
        ("shift=2, shift = 3", "says shift twice"),
    ],
)
def test_an_augmentation_that_is_none_is_refused(words: str, text: str) -> None:
    with pytest.raises(PresetError, match=text):
        augment_from(words)


@pytest.mark.parametrize("name", ["digits", "concrete", "sunspots"])
def test_examples_that_are_passed_over_are_counted(name: str) -> None:
    whole = rows(tuinet("data", "show", name, "--json").stdout)
    behind = rows(tuinet("data", "show", name, "--json", "--skip", "3").stdout)
    assert [[row["number"] for row in each if row.get("row") == "example"] for each in (whole, behind)] == [
        [1, 2, 3, 4], [4, 5, 6, 7],
    ]  # fmt: skip
    last = whole[0]["train"] - 1
    (only,) = (
        row for row in rows(tuinet("data", "show", name, "--json", "--skip", str(last)).stdout) if "number" in row
    )
    assert only["number"] == last + 1
    shown = tuinet("data", "show", name, "--skip", str(last)).stdout
    assert name == "digits" or shown.rstrip().splitlines()[-1].split()[0] == str(last + 1)


@pytest.mark.parametrize("beyond", [0, 1, 7200])
def test_more_than_there_are_cannot_be_passed_over(beyond: int) -> None:
    refused = tuinet("data", "show", "digits", "--skip", str(1617 + beyond))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "the training part has 1,617 examples; pass over 1,616 at the most" in refused.stderr


def test_a_window_of_a_series_is_shown_step_by_step_before_what_comes_next() -> None:
    printed = rows(tuinet("data", "show", "airline", "--json").stdout)
    first, second = [row for row in printed if row.get("row") == "example"][:2]
    assert np.allclose(first["numbers"][1:], second["numbers"][:-1])
    assert float(first["label"]) == pytest.approx(second["numbers"][-1])


def test_an_augmentation_is_that_of_a_preset_or_said_in_words() -> None:
    assert augment_from("shift=2, flip=both")[0] == Augment(shift=2, flip="both")
    found, seed = augment_from("fashion-augment")
    assert found.mixup == 0.4 and seed == 1
    refused: Any = tuinet("data", "show", "spambase", "--augment", "shift=2")
    assert refused.exit_code == 2 and "training.augment.shift: is for images" in refused.stderr
