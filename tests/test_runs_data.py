"""data.json: what goes in comes out to the last bit, and what somebody else wrote into it is damage, never more."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests import golden_run
from tuinet.data import Bound, DataSettings, Facts, Prepare, bind, catalog
from tuinet.errors import RunDamaged, RunError
from tuinet.runs import RunFolder
from tuinet.runs.checked import decoded_file, encoded_file
from tuinet.runs.data import LIMIT, encoded

GOLDEN = Path(__file__).with_name("golden") / "run"
DEEP = json.loads("[" * 400 + "]" * 400)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(shutil.copytree(GOLDEN, tmp_path / golden_run.ID))


def put(run: RunFolder, content: dict[str, Any]) -> None:
    (run.path / "data.json").write_bytes(encoded_file(content))


def content() -> dict[str, Any]:
    found = decoded_file((GOLDEN / "data.json").read_bytes())
    assert found is not None
    return found


# -- what goes in ----------------------------------------------------------------------------------------------------


SETS = [{"set": one.name} for one in catalog() if one.state != "not fetched" and one.form != "text"]
OTHERS = [
    {"set": "fashion", "limit": 10, "scale": "standard"},
    {"set": "spambase", "scale": "log_standard"},
    {"set": "circle", "features": ("x", "x2", "sin_y")},
    {"set": "letters", "scale": "minmax"},
]


@pytest.mark.parametrize("chosen", [*SETS, *OTHERS], ids=str)
def test_a_set_comes_out_as_it_went_in(chosen: dict[str, Any], run: RunFolder) -> None:
    as_it_went_in(bind(DataSettings(**{"limit": 500, **chosen})), run)


@pytest.mark.parametrize("outputs", [None, 2])
def test_an_array_comes_out_as_it_went_in(outputs: int | None, run: RunFolder, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 50) if outputs is None else rng.normal(size=(50, outputs))
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(50, 4, 3)), y=labels)
    as_it_went_in(bind(DataSettings(file=str(tmp_path / "a.npz"))), run)


def as_it_went_in(bound: Bound, run: RunFolder) -> None:
    with run.lock():
        run.write_data(bound.facts, bound.scaler)
    facts, scaler = run.data() or pytest.fail("nothing was written")
    assert facts.as_table() == bound.facts.as_table()
    assert scaler.as_table() == bound.scaler.as_table()
    assert scaler.centre.tobytes() == bound.scaler.centre.tobytes()
    assert scaler.spread.tobytes() == bound.scaler.spread.tobytes()


@settings(max_examples=50, deadline=None)
@given(
    some.lists(some.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
    some.floats(min_value=5e-324, max_value=1e308),
    some.text(max_size=9),
)
def test_every_number_and_every_word_comes_out_as_it_went_in(centre: list[float], spread: float, word: str) -> None:
    facts, scaler = golden_run.data()
    scaler = Prepare(**{**vars(scaler), "centre": np.array(centre), "spread": np.array([spread])})
    facts = Facts(**{**vars(facts), "class_names": [word, "nan"], "target": word})
    said = decoded_file(encoded(facts, scaler))
    assert said is not None
    assert Prepare.from_table(said["scaler"]).centre.tobytes() == scaler.centre.tobytes()
    assert Prepare.from_table(said["scaler"]).spread.tobytes() == scaler.spread.tobytes()
    assert Facts.from_table(said["facts"]).class_names == [word, "nan"]


def test_only_the_holder_of_the_lock_writes_it(run: RunFolder) -> None:
    with pytest.raises(RunError, match="only the holder of its lock"):
        run.write_data(*golden_run.data())


@pytest.mark.parametrize("size", [LIMIT // 40, 1 << 24])
def test_what_would_be_too_large_to_read_is_not_written(size: int, run: RunFolder) -> None:
    facts, scaler = golden_run.data()
    numbers = np.full(size, 1 / 3)
    scaler = Prepare((size,), "standard", numbers, numbers)
    before = (run.path / "data.json").read_bytes()
    with run.lock(), pytest.raises(RunError, match="more than 16,777,216 bytes"):
        run.write_data(Facts(**{**vars(facts), "inputs": (size,), "columns": []}), scaler)
    assert (run.path / "data.json").read_bytes() == before


def test_what_would_not_read_back_is_not_written(run: RunFolder) -> None:
    facts, scaler = golden_run.data()
    scaler = Prepare(**{**vars(scaler), "fills": np.array([math.nan, 0.0, 1.0])})
    with run.lock(), pytest.raises(RunError, match="would not read back"):
        run.write_data(facts, scaler)


# -- what somebody else wrote ----------------------------------------------------------------------------------------


def test_a_run_without_it_has_none(run: RunFolder) -> None:
    (run.path / "data.json").unlink()
    assert run.data() is None


def test_unknown_keys_are_ignored(run: RunFolder) -> None:
    said = content()
    put(run, {**said, "new": 1, "facts": {**said["facts"], "new": []}, "scaler": {**said["scaler"], "new": None}})
    facts, _ = run.data() or pytest.fail("nothing was read")
    assert facts.as_table() == golden_run.data()[0].as_table()


def test_a_newer_form_is_refused_by_its_number(run: RunFolder) -> None:
    put(run, {**content(), "format": 7})
    with pytest.raises(RunDamaged, match=r"data\.json has form 7, of a newer tuinet; this one reads form 1"):
        run.data()


def test_every_flipped_bit_is_found(run: RunFolder) -> None:
    whole = (run.path / "data.json").read_bytes()
    for at in range(0, len(whole) * 8, 7):
        turned = bytearray(whole)
        turned[at // 8] ^= 1 << at % 8
        (run.path / "data.json").write_bytes(turned)
        with pytest.raises(RunDamaged, match="does not fit its checksum"):
            run.data()


ANYTHING = [
    None, True, -1, 0, 2**60, 10**400, 0.5, -0.0, math.inf, "", "nan", "\x1b[2J", "\udcff", [], {}, DEEP, [None],
    [True], [-1], [10**400], [2**32, 2**32], ["x"], [["x", "y"]], [[]], [["a", ["b"], "c"]], [0.5] * 3, ["1.0"] * 3,
    [0, 0, 0], ["inf"], [[1.0], [1.0]], [[0.5], ["a"]], "A" * 100_000, {"__reduce__": ["os.system", "true"]},
]  # fmt: skip


@pytest.mark.parametrize("part", ["facts", "scaler"])
def test_whatever_stands_under_a_key_is_right_or_damage(part: str, run: RunFolder) -> None:
    refused = 0
    for key in content()[part]:
        for value in ANYTHING:
            said = content()
            said[part][key] = value
            put(run, said)
            refused += read_or_refused(run)
        del said[part][key]
        put(run, said)
        read_or_refused(run)
    assert refused > 0.75 * len(content()[part]) * len(ANYTHING)


@pytest.mark.parametrize("key", ["format", "facts", "scaler"])
def test_whatever_stands_at_the_top_is_damage(key: str, run: RunFolder) -> None:
    for value in ANYTHING:
        put(run, {**content(), key: value})
        with pytest.raises(RunDamaged, match=r"data\.json"):
            run.data()


def read_or_refused(run: RunFolder) -> bool:
    """Whether it is refused, in words that are safe; where it is read, it can be worked with."""
    try:
        kept = run.data()
    except RunDamaged as error:
        assert len(str(error)) < 500
        assert all(character.isprintable() for character in str(error))
        return True
    assert kept is not None
    facts, scaler = kept
    assert np.isfinite(scaler(np.full((2, *scaler.raw), 0.25))).all()
    assert scaler.shape == facts.inputs and scaler.columns == facts.columns
    return False


def changed(part: str, **values: Any) -> dict[str, Any]:
    said = content()
    said[part].update(values)
    return said


def series(**values: Any) -> dict[str, Any]:
    """Of a series of two columns, one of them predicted, with some facts changed."""
    facts = {"inputs": [6, 2], "task": "reals", "classes": 0, "class_names": [], "class_counts": [], "outputs": 1,
             "columns": ["x", "y=a"], "horizon": 1, "targets": ["x"]}  # fmt: skip
    return changed("facts", **{**facts, **({"columns": ["x"]} if "inputs" in values else {}), **values})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (changed("scaler", spread=[0.0, 1.0, 1.0]), "spread = .*numbers above 0"),
        (changed("scaler", spread=[1.0, 1.0]), "a number for each of 3"),
        (changed("scaler", scale="auto"), "scale = 'auto'"),
        (changed("scaler", features=["__import__"]), "features"),
        (changed("scaler", features=["x"]), "features"),
        (changed("scaler", raw=[10**9, 10**9], forms=[]), "raw"),
        (changed("scaler", raw=[1] * 9, forms=[]), "raw"),
        (changed("scaler", forms=[["a" * 60_000, ["b"] * 1_000]]), "forms"),
        (changed("scaler", forms=[["a", []], ["b", []], ["c", []]]), "name different columns"),
        (changed("scaler", raw=[2], forms=[], centre=[0.0], spread=[1.0], fills=None), "speak of inputs"),
        (changed("facts", task="classes"), "outputs = 1"),
        (changed("facts", task="reals"), "classes = 2"),
        (changed("facts", task="pictures"), "task = 'pictures'"),
        (changed("facts", outputs=2**40, task="reals", classes=0, class_names=[], class_counts=[]), "outputs"),
        (changed("facts", class_names=["one"]), "2 names"),
        (changed("facts", class_counts=[1]), "2 counts"),
        (changed("facts", target_scale=[[0.0], [1.0]]), "target_scale"),
        (changed("facts", target_curve="log"), "target_curve"),
        (changed("facts", horizon=1, targets=["x"]), "horizon"),
        (changed("facts", targets=["x"]), "horizon"),
        (series(horizon=2), "horizon"),
        (series(targets=["y"]), "targets"),
        (series(inputs=[6, 2]), "inputs"),
        (series(target_curve="exp", target_scale=[[0.0], [1.0]]), "target_curve"),
        (series(columns=["a" * 2_000_000] * 2, targets=["a" * 2_000_000], horizon=10, outputs=10), "letters together"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_agree_is_damage_by_name(said: dict[str, Any], words: str, run: RunFolder) -> None:
    put(run, said)
    with pytest.raises(RunDamaged, match=words):
        run.data()


def test_titles_that_would_fill_the_memory_are_never_made(run: RunFolder) -> None:
    count = 1_000_000
    put(run, changed("scaler", raw=[count], centre=[0.0], spread=[1.0], fills=None,
                     forms=[["a" * 1_000_000, ["b"] * count]]))  # fmt: skip
    assert (run.path / "data.json").stat().st_size < LIMIT
    with pytest.raises(RunDamaged, match="letters together"):
        run.data()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "terabyte"])
def test_what_stands_in_its_place_is_damage_too(kind: str, run: RunFolder, tmp_path: Path) -> None:
    path = run.path / "data.json"
    if kind == "terabyte":
        os.truncate(path, 1 << 40)
    else:
        path.rename(tmp_path / "moved.json")
        make = {"link": lambda: path.symlink_to(tmp_path / "moved.json"), "pipe": lambda: os.mkfifo(path)}
        make.get(kind, path.mkdir)()
    with pytest.raises(RunDamaged, match=r"data\.json cannot be read"):
        run.data()
