"""docs/formats.md and tests/golden say the same, and the code reads and writes exactly that."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests import cli_scenes as scenes
from tests import golden_run
from tuinet import presets
from tuinet.cli.comparison import Comparison, Trained
from tuinet.runs import RunFolder, json_line, list_runs, weights_sha256
from tuinet.runs.data import encoded
from tuinet.runs.info import KEYS
from tuinet.training import protocol

GOLDEN = Path(__file__).with_name("golden")
FORMATS = Path(__file__).parents[1] / "docs" / "formats.md"
FILES = sorted(str(path.relative_to(GOLDEN / "run")) for path in (GOLDEN / "run").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden_run.made(tmp_path_factory.mktemp("runs")).path


@pytest.fixture
def copy(tmp_path: Path) -> RunFolder:
    return RunFolder(shutil.copytree(GOLDEN / "run", tmp_path / golden_run.ID))


# -- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_golden_run_is_written_to_the_byte(name: str, written: Path) -> None:
    assert (written / name).read_bytes() == (GOLDEN / "run" / name).read_bytes()


def test_a_run_holds_exactly_the_files_of_the_golden_run(written: Path) -> None:
    assert sorted(str(path.relative_to(written)) for path in written.rglob("*") if path.is_file()) == FILES


def test_run_json_is_read(copy: RunFolder) -> None:
    said = copy.info()
    assert list(said) == list(KEYS)
    assert (said["run"], said["state"], said["best"]) == (copy.id, "finished", 0.25)
    assert said["title"] == "One neuron reads mail \u2014 is it spam?"


def test_data_json_is_read(copy: RunFolder) -> None:
    facts, scaler = copy.data() or pytest.fail("there is no data.json")
    wanted, fitted = golden_run.data()
    assert facts.as_table() == wanted.as_table() and scaler.as_table() == fitted.as_table()
    assert scaler(np.array([[1.0, 0.0, np.nan]])).tolist() == fitted(np.array([[1.0, 0.0, 1.0]])).tolist()


def test_classes_json_is_read_and_has_the_documented_keys(copy: RunFolder) -> None:
    assert copy.by_class() == golden_run.by_class()
    said = json.loads((GOLDEN / "run" / "classes.json").read_bytes())
    section = FORMATS.read_text(encoding="utf-8").split("\n## classes.json\n")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == list(said)


def test_data_json_has_the_documented_keys() -> None:
    said = json.loads((GOLDEN / "run" / "data.json").read_bytes())
    section = FORMATS.read_text(encoding="utf-8").split("\n## data.json\n")[1].split("\n## ")[0]
    _, top, facts, scaler, vocabulary = re.split(r"\n\| key.*\n", section)
    text = json.loads((GOLDEN / "text" / "data.json").read_bytes())
    tables = ((top, said), (facts, said["facts"]), (scaler, said["scaler"]), (vocabulary, text["vocabulary"]))
    for table, written in tables:
        first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        assert set(re.findall(r"`(\w+)`", " ".join(first_cells))) == set(written)


@pytest.mark.parametrize("name", ["text", "pairs"])
def test_data_json_of_a_text_is_written_and_read_to_the_byte(name: str, copy: RunFolder) -> None:
    golden = (GOLDEN / name / "data.json").read_bytes()
    wanted, vocabulary = getattr(golden_run, name)()
    assert encoded(wanted, vocabulary) == golden
    (copy.path / "data.json").write_bytes(golden)
    facts, read = copy.data() or pytest.fail("there is no data.json")
    assert facts.as_table() == wanted.as_table() and read == vocabulary


def test_metrics_are_read_with_the_second_generation_in_the_place_of_the_first(copy: RunFolder) -> None:
    records, damaged = copy.metrics().read()
    assert damaged == 0
    assert [(r["k"], r["s"], r["g"]) for r in records] == [
        ("steps", 115, 1), ("epoch", 115, 1), ("steps", 230, 2), ("epoch", 230, 2),
    ]  # fmt: skip
    assert np.isnan(records[1]["val_loss"])
    assert records[0]["loss"] == [0.5, 0.5, np.inf]


def test_events_are_all_read(copy: RunFolder) -> None:
    records, damaged = copy.events().read()
    assert damaged == 0
    assert [(r["k"], r["g"]) for r in records] == [
        ("started", 1), ("checkpoint", 1), ("checkpoint", 1), ("started", 2), ("checkpoint", 2),
    ]  # fmt: skip


def test_a_checkpoint_is_read_in_slot_order(copy: RunFolder) -> None:
    model, optimizer, manifest = copy.checkpoints()[0].load()
    expected_model, expected_optimizer = golden_run.arrays(230)
    assert list(model) == list(expected_model) and list(optimizer or {}) == list(expected_optimizer)
    for name, array in expected_model.items():
        assert model[name].dtype == array.dtype
        np.testing.assert_array_equal(model[name], array, strict=True)
    assert manifest["best"] == {"monitor": "val_loss", "value": 0.25, "epoch": 2, "step": 230}


def test_weights_sha256_is_over_the_tensors_of_the_file_in_slot_order(copy: RunFolder) -> None:
    import hashlib

    model = golden_run.arrays(230)[0]
    said = copy.checkpoints()[0].manifest["weights_sha256"]
    assert said == weights_sha256(model) == copy.info()["weights_sha256"]
    assert said == hashlib.sha256(b"".join(array.tobytes() for array in model.values())).hexdigest()
    assert said != weights_sha256(dict(reversed(model.items())))


def test_a_resolved_preset_reads_back_as_itself(copy: RunFolder) -> None:
    text = copy.preset_text()
    assert presets.load(copy.path / "preset.toml").resolved() == text
    assert presets.load(GOLDEN / "preset.toml").resolved() == text


def test_the_golden_run_is_listed(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "run", tmp_path / golden_run.ID)
    (summary,) = list_runs(tmp_path)
    assert (summary.state, summary.preset, summary.best, summary.note) == (
        "finished", "spam-neuron", 0.25, "from box",
    )  # fmt: skip


def test_a_newer_form_is_refused_by_its_number(copy: RunFolder) -> None:
    from tuinet.errors import RunDamaged
    from tuinet.runs.checked import encoded_file

    (copy.path / "run.json").write_bytes(encoded_file({**copy.info(), "format": 7}))
    with pytest.raises(RunDamaged, match="form 7, of a newer tuinet; this one reads form 1"):
        copy.info()


# -- lines ----------------------------------------------------------------------------------------------------------


def rows_of(table: str, under: str) -> dict[str, set[str]]:
    """The words in backticks of each row of a table of docs/formats.md, by the row's first cell."""
    section = FORMATS.read_text(encoding="utf-8").split(f"\n{under}\n", 1)[1].split("\n## ", 1)[0]
    found: dict[str, set[str]] = {}
    first = ""
    for line in section[section.index(table) :].split("\n"):
        if line.startswith("| "):
            first = line.split("|")[1].strip() or first
            found.setdefault(first, set()).update(re.findall(r"`([^`]+)`", line))
    return found


def rows_of_commands() -> dict[str, set[str]]:
    table = rows_of("| command |", "## Rows of the other commands")
    table["`show RUN`"] |= table["`runs`"] | set(KEYS)
    table["`runs prune`, `rm`"] |= table["`runs`"]
    return table


def golden_lines(name: str) -> list[str]:
    return (GOLDEN / "json" / name).read_text(encoding="ascii").splitlines()


@pytest.mark.parametrize("name", ["run.jsonl", "diverged.jsonl", "comparison.jsonl", "rows.jsonl", "messages.jsonl"])
def test_golden_lines_are_written_to_the_byte(name: str) -> None:
    for line in golden_lines(name):
        assert json_line(json.loads(line)) == line


@pytest.mark.parametrize("name", ["run.jsonl", "diverged.jsonl"])
def test_every_field_of_a_golden_event_is_documented(name: str) -> None:
    table = rows_of("| `event` |", "## `tuinet run --json`")
    for line in golden_lines(name):
        event = json.loads(line)
        kind = event.pop("event")
        assert set(event) <= table[f"`{kind}`"], f"{kind}: {set(event) - table[f'`{kind}`']} not in docs/formats.md"


def test_the_golden_run_has_every_event_and_all_of_their_fields() -> None:
    events = [json.loads(line) for line in golden_lines("run.jsonl")]
    table = rows_of("| `event` |", "## `tuinet run --json`")
    assert {f"`{event['event']}`" for event in events} == set(table) - {"`event`"}
    assert (events[0]["event"], events[-1]["event"]) == ("start", "end")
    inside = {
        "train",
        "validation",
        "test",
        "run",
        "taken",
        "left",
        "why",
        "epoch",
        "needed",
        "free",
    }  # keys of objects inside the fields
    inside |= {"training", "evaluation", "saving", "records"}
    reals = {"train_rmse", "val_rmse"}
    for event in events:
        missing = table[f"`{event['event']}`"] - set(event) - {event["event"]} - inside - reals
        assert not missing, f"{event['event']} lacks {missing}"


def test_golden_messages_are_framed_to_the_byte_and_are_what_a_worker_takes() -> None:
    section = FORMATS.read_text(encoding="utf-8").split("\n## Messages of a worker\n")[1].split("\n## ")[0]
    asked = set()
    for line in golden_lines("messages.jsonl"):
        golden = json.loads(line)
        body, frame = bytes.fromhex(golden["body"]), bytes.fromhex(golden["frame"])
        assert protocol.encode(golden["message"], body) == frame
        assert protocol.Frames(1 << 16, bodies=True).feed(frame) == [protocol.Message(golden["message"], body)]
        if golden["from"] == "client" and golden["message"]["do"] in protocol.COMMANDS:
            word, fields = protocol.checked(golden["message"])
            asked.add(word)
            assert all(f"`{name}`" in section for name in (word, *fields))
    assert asked == set(protocol.COMMANDS)


def test_the_golden_comparison_has_the_documented_keys_and_those_that_are_written() -> None:
    (line,) = golden_lines("comparison.jsonl")
    said = json.loads(line)
    section = FORMATS.read_text(encoding="utf-8").split("\n## A comparison\n")[1].split("\n## ")[0]
    _, top, inner = re.split(r"\n\| key.*\n", section)
    for table, written in ((top, said), (inner, said["results"][0])):
        first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        assert re.findall(r"`(\w+)`", " ".join(first_cells)) == list(written)
    run: Any = SimpleNamespace(id="a-0001", state_of=lambda info: info["state"])
    one = Trained(presets.load("architecture-match").with_variant("conv"), run, dict.fromkeys(KEYS))
    assert list(Comparison([one], ("dense", "conv")).row()) == ["monitor", "results", "best", "sentence"]
    assert list(one.row()) == list(said["results"][0])


def test_every_field_of_a_golden_row_is_documented() -> None:
    table = rows_of_commands()
    commands = set()
    for line in golden_lines("rows.jsonl"):
        command, row = (golden := json.loads(line))["command"], golden["row"]
        first = next(first for first in table if f"`{command}`" in first)
        commands.add(first)
        if row.get("row") in ("epoch", "event"):
            continue  # fields of the records, documented there
        assert set(row) <= table[first] | {"row"}, f"{command}: {set(row) - table[first]} not in docs/formats.md"
    assert commands == set(table) - {"command"}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("presets", ["presets"]),
        ("show PRESET", ["show", "deep"]),
        ("show PRESET", ["show", "architecture-match"]),
        ("show PRESET --program", ["show", "xor", "--program"]),
        ("show TYPE", ["show", "batch_norm"]),
        ("show RUN", ["show", golden_run.ID]),
        ("runs", ["runs"]),
        ("runs prune", ["runs", "prune", "--keep", "0"]),
        ("compare A B", ["compare", golden_run.ID, "spam-neuron-copy"]),
        ("doctor", ["doctor"]),
        ("data", ["data"]),
        ("data show NAME", ["data", "show", "concrete"]),
        ("new", ["new", "-"]),
    ],
)
def test_every_field_that_a_command_prints_is_documented(
    command: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUINET_HOME", str(tmp_path))
    for name in (golden_run.ID, "spam-neuron-copy"):
        shutil.copytree(GOLDEN / "run", tmp_path / "runs" / name)
    printed = scenes.tuinet(*words, "--json")
    assert printed.exit_code in (0, 1) and printed.stdout, printed.stderr  # 1: what doctor has found
    documented = next(fields for first, fields in rows_of_commands().items() if f"`{command}`" in first) | {"row"}
    for row in scenes.rows(printed.stdout):
        if row.get("row") not in ("epoch", "event"):
            assert set(row) <= documented, f"{set(row) - documented} not in docs/formats.md"


def test_run_json_has_the_documented_keys_in_the_documented_order() -> None:
    section = FORMATS.read_text(encoding="utf-8").split("\n## run.json\n")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == [*KEYS, "c"]


def test_numbers_that_json_has_not_are_written_as_words() -> None:
    row = {"a": float("nan"), "b": [np.float32("inf"), -np.inf], "c": {"d": np.int64(3)}, "e": np.float64(0.1)}
    assert json_line(row) == '{"a":"nan","b":["inf","-inf"],"c":{"d":3},"e":0.1}'
