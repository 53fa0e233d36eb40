"""The adviser proposes presets that load, bind and fit, and gives its reasons."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuinet import presets
from tuinet.data import bind_for
from tuinet.data.adviser import preset_from_series, preset_from_table
from tuinet.data.toml_text import toml_text
from tuinet.errors import DataError


def proposed(path: Path, label: str | None = None) -> tuple[dict[str, Any], str]:
    """The preset as a table, after it was loaded, bound and built as a network; and the reasons in one text."""
    text, reasons = preset_from_table(path, label)
    preset = presets.load(path.with_name("proposed.toml"), text=text)
    bound = bind_for(preset)
    preset.network(bound.facts)
    assert preset.training.loss.targets == bound.facts.task
    return tomllib.loads(text), "\n".join(reasons)


def write(path: Path, n: int, columns: dict[str, Any]) -> Path:
    lines = [",".join(str(make(value)) for make in columns.values()) for value in range(n)]
    path.write_text(",".join(columns) + "\n" + "\n".join(lines) + "\n")
    return path


def noise(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return lambda value: f"{rng.normal():.4f}"


@pytest.mark.parametrize(
    ("label", "loss", "units", "words"),
    [
        (lambda value: f"{value / 7:.3f}", "mean_squared_error", "outputs", "A number is predicted"),
        (
            lambda value: "yn"[value % 2],
            "binary_cross_entropy",
            "outputs",
            "most frequent class would be right in 50.0%",
        ),
        (lambda value: "abc"[value % 3], "cross_entropy", "classes", "3 different words"),
        (lambda value: 1e6 if value == 5 else value % 90 / 7, "huber", "outputs", "very far out"),
    ],
)
def test_the_label_decides_loss_and_last_layer(tmp_path: Path, label: Any, loss: str, units: str, words: str) -> None:
    path = write(tmp_path / "t.csv", 600, {"a": noise(1), "b": noise(2), "y": label})
    preset, reasons = proposed(path, "y")
    assert preset["training"]["loss"] == loss and preset["layers"][-1]["units"] == units
    assert words in reasons


def test_more_rows_give_more_units_and_few_rows_none(tmp_path: Path) -> None:
    columns = {"a": noise(1), "b": noise(2), "y": lambda value: f"{value % 11 / 7:.3f}"}
    hidden = [
        [layer.get("units") for layer in proposed(write(tmp_path / "t.csv", n, columns))[0]["layers"][:-1]]
        for n in (60, 300, 1_000, 5_000)
    ]
    assert hidden == [[], [16], [32, 32], [64, 64]]


def test_few_rows_for_many_inputs_give_dropout(tmp_path: Path) -> None:
    columns = {f"x{place}": noise(place) for place in range(40)} | {"y": lambda value: value % 2}
    preset, reasons = proposed(write(tmp_path / "t.csv", 400, columns))
    assert {"type": "dropout", "rate": 0.2} in preset["layers"] and "Less than twenty rows" in reasons


def test_uneven_classes_are_weighed(tmp_path: Path) -> None:
    for words, loss in (("ab", "binary_cross_entropy"), ("abc", "cross_entropy")):
        columns = {"a": noise(1), "y": lambda value, words=words: words[value % len(words)] if value % 20 == 0 else "z"}
        columns = {
            "a": noise(1),
            "y": lambda value, words=words: "r" if value % 30 == 0 else words[value % (len(words) - 1)],
        }
        preset, reasons = proposed(write(tmp_path / "t.csv", 900, columns))
        assert preset["training"]["loss"] == {"type": loss, "class_weights": "balanced"}
        assert '"r": 30 rows' in reasons


def test_missing_cells_row_numbers_and_lopsided_amounts_are_seen_to(tmp_path: Path) -> None:
    columns = {
        "id": lambda value: value + 1,
        "gap": lambda value: "" if value % 9 == 0 else value % 13,
        "amount": lambda value: 10**6 if value == 77 else value % 5,
        "y": lambda value: f"{value % 17 / 3:.2f}",
    }
    preset, reasons = proposed(write(tmp_path / "t.csv", 500, columns))
    assert preset["data"]["ignore"] == ["id"] and '"id" counts the rows' in reasons
    assert preset["data"]["impute"] == "median" and "56 missing cells" in reasons
    assert preset["data"]["scale"] == "log_standard"


def test_what_is_said_of_the_file_counts_when_it_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\n".join(f"{k}|{k * k % 7}|{k % 3}" for k in range(40)))
    found, _ = preset_from_table(tmp_path / "t.txt", "3", {"separator": "bar", "header": "no", "epochs": 3})
    data = tomllib.loads(found)["data"]
    assert (data["separator"], data["header"], data["label"]) == ("bar", "no", "column_3")
    holed = np.arange(160.0).reshape(40, 4)
    holed[3, 1] = np.nan
    np.save(tmp_path / "t.npy", holed)
    with pytest.raises(DataError, match=r'choose data.impute = "median"'):
        preset_from_table(tmp_path / "t.npy", None)
    found, _ = preset_from_table(tmp_path / "t.npy", None, {"impute": "mean"})
    assert tomllib.loads(found)["data"]["impute"] == "mean"
    (tmp_path / "s.csv").write_text("v\n" + "\n".join(str(k % 5) for k in range(200)))
    found, reasons = preset_from_series(tmp_path / "s.csv", None, {"window": 8})
    assert tomllib.loads(found)["data"]["window"] == 8 and "from the 8 before" in " ".join(reasons)


def test_pictures_are_flattened(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "p.npz", x=rng.integers(0, 256, (300, 9, 7), np.uint8), y=np.arange(300) % 5)
    preset, reasons = proposed(tmp_path / "p.npz")
    assert preset["layers"][0]["type"] == "flatten" and "63 numbers" in reasons


@pytest.mark.parametrize(
    "name", ['a "b".csv', "ta\tb.csv", "späße 🙂.csv", "back\\slash.csv", "del\x7f.csv", "esc\x1b[2J.csv"]
)
def test_any_file_and_column_name_can_be_written_down(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    label = name.replace('"', '""')
    path.write_text(f'x,"{label}"\n' + "\n".join(f"{value},{value % 7 / 3:.3f}" for value in range(50)))
    preset, _ = proposed(path)
    assert preset["data"]["file"] == str(path) and preset["data"]["label"] == name


def test_a_long_column_name_is_given_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x," + "y" * 5_000 + "\n" + "\n".join(f"{v},{v % 7 / 3:.3f}" for v in range(50)))
    assert proposed(tmp_path / "t.csv")[0]["data"]["label"] == "2"


def test_a_name_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(DataError, match="no Unicode name"):
        toml_text("a\udcff.csv")


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    with pytest.raises(DataError, match="only one column"):
        preset_from_table(tmp_path / "t.csv", None)
    with pytest.raises(DataError, match="no such file"):
        preset_from_table(tmp_path / "missing.csv", None)


# -- texts -----------------------------------------------------------------------------------


def small_text(n: int) -> str:
    rng = np.random.default_rng(n)
    return "".join(rng.choice(list("abcdefgh  \n"), n))


@pytest.mark.parametrize(
    ("n", "width", "blocks", "epochs"), [(3_000, 32, 1, 60), (200_000, 64, 2, 30), (3_500_000, 128, 3, 2)]
)
def test_a_text_gets_a_transformer_of_its_size(n: int, width: int, blocks: int, epochs: int, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(small_text(n))
    preset, reasons = proposed(tmp_path / "notes.txt")
    embedding, _, block, *_ = preset["layers"]
    assert (embedding["units"], block.get("repeat", 1), preset["training"]["epochs"]) == (width, blocks, epochs)
    assert block["causal"] and preset["layers"][-1]["units"] == "classes"
    assert "10 different ones" in reasons and "never on both sides" in reasons and "tuinet generate last" in reasons


def test_what_is_no_utf_8_or_has_very_many_characters_is_read_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(("Stra\xdfe " * 500).encode("latin-1"))
    preset, reasons = proposed(tmp_path / "latin.txt")
    assert preset["data"]["tokens"] == "bytes" and "it is not UTF-8" in reasons
    (tmp_path / "many.txt").write_text("".join(map(chr, range(0x4E00, 0x4E00 + 12_000))))
    preset, reasons = proposed(tmp_path / "many.txt")
    assert preset["data"]["tokens"] == "bytes" and "very many different ones" in reasons


def test_a_text_that_is_empty_or_too_short_is_refused(tmp_path: Path) -> None:
    for content, words in (("", "is empty"), ("Hello.\n", "holds 7 characters")):
        (tmp_path / "notes.txt").write_text(content)
        with pytest.raises(DataError, match=rf"notes\.txt: {words}; windows of 16 need at least 33"):
            preset_from_table(tmp_path / "notes.txt", None)


def test_a_label_says_that_a_file_named_as_a_text_is_a_table(tmp_path: Path) -> None:
    lines = "\n".join(f"{n % 7} {n % 3} {n}" for n in range(100))
    (tmp_path / "t.txt").write_text(f"a b c\n{lines}\nodd\n")
    with pytest.raises(DataError, match="line 102"):
        preset_from_table(tmp_path / "t.txt", "c")
    (tmp_path / "t.txt").write_text(f"a b c\n{lines}\n")
    assert proposed(tmp_path / "t.txt", "c")[0]["data"]["label"] == "c"
