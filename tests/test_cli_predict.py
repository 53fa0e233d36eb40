"""What a run keeps of its data is enough to predict with it: the table may change, go, or stay on another machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli_scenes import HOSTILE, PAYLOAD, process, rows, tuinet
from tuinet.cli.predict import answers, own_names
from tuinet.data import Facts
from tuinet.runs import RunFolder

PRESET = """
title = "A price"
[data]
file = "table.csv"
impute = "median"
[[layers]]
type = "dense"
name = "out"
units = "outputs"
[training]
loss = "{loss}"
epochs = 2
"""
NEW = "colour,size\nred,3.5\nblue,\n"


def table(lines: int = 60) -> str:
    rows = [f"{n / 7},{('red', 'blue', 'a – b')[n % 3]},{n * 2.5 + n % 3}" for n in range(lines)]
    return "\n".join(["size,colour,price", *rows]) + "\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, and with the run of a worker that trained on it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "table.csv").write_text(table())
    (folder / "price.toml").write_text(PRESET.format(loss="mean_squared_error"))
    said = process("run", str(folder / "price.toml"), "--device", "reference", home=folder)
    assert said.returncode == 0, said.stderr
    (folder / "new.csv").write_text(NEW)
    return folder


class Scene:
    """A copy of the run beside the table, which is put back where a test has changed it."""

    def __init__(self, trained: Path, runs: Path) -> None:
        (source,) = (trained / "runs").iterdir()
        self.run = RunFolder(shutil.copytree(source, runs / source.name))
        self.table, self.new = trained / "table.csv", trained / "new.csv"
        self.table.write_text(table())
        self.data = self.run.path / "data.json"

    def damage(self) -> None:
        turned = bytearray(self.data.read_bytes())
        turned[len(turned) // 2] ^= 1
        self.data.write_bytes(turned)

    def put_of_other_data(self) -> None:
        facts, scaler = self.run.data() or pytest.fail("no data.json")
        with self.run.lock():
            self.run.write_data(type(facts)(**{**vars(facts), "fingerprint": "00"}), scaler)

    def predict(self) -> tuple[int, list[dict[str, object]], str]:
        said = tuinet("predict", str(self.run.path), str(self.new), "--json")
        return said.exit_code, rows(said.stdout), " ".join(said.stderr.split())


@pytest.fixture
def scene(trained: Path, tmp_path: Path) -> Scene:
    return Scene(trained, tmp_path / "elsewhere")


def test_the_answers_stay_the_same_when_the_table_is_changed_and_when_it_is_gone(scene: Scene) -> None:
    code, before, told = scene.predict()
    assert (code, [row["row"] for row in before], told) == (0, [1, 2], "")
    scene.table.write_text(table(90))
    assert scene.predict() == (0, before, "")
    scene.table.unlink()
    assert scene.predict() == (0, before, "")


def test_what_was_kept_gives_the_same_bits_as_the_data_themselves(scene: Scene) -> None:
    kept = scene.predict()[1]
    scene.data.unlink()
    assert scene.predict() == (0, kept, "")


def test_an_older_run_still_needs_its_data_as_they_were(scene: Scene) -> None:
    scene.data.unlink()
    scene.table.write_text(table(90))
    code, _, told = scene.predict()
    assert code == 2 and "is not the data that" in told
    scene.table.unlink()
    code, _, told = scene.predict()
    assert code == 2 and "there is no such file" in told


def test_damage_is_told_and_the_data_are_read_again(scene: Scene) -> None:
    before = scene.predict()[1]
    scene.damage()
    code, after, told = scene.predict()
    assert (code, after) == (0, before)
    assert "data.json does not fit its checksum" in told and "the data are read again instead" in told
    scene.table.unlink()
    code, _, told = scene.predict()
    assert code == 2 and "data.json does not fit its checksum" in told and "there is no such file" in told


def test_a_data_json_of_another_run_is_not_used(scene: Scene) -> None:
    before = scene.predict()[1]
    scene.put_of_other_data()
    code, after, told = scene.predict()
    assert (code, after) == (0, before)
    assert "data.json is of other data than run.json says" in told


def test_a_resume_still_refuses_changed_data(scene: Scene, tmp_path: Path) -> None:
    scene.table.write_text(table(90))
    said = process("resume", str(scene.run.path), "--epochs", "3", home=tmp_path)
    assert said.returncode == 2 and "not what this run began with" in " ".join(said.stderr.split())


@pytest.mark.slow
def test_a_resume_leaves_what_is_whole_and_mends_what_is_not(scene: Scene, tmp_path: Path) -> None:
    whole, changed = scene.data.read_bytes(), scene.data.stat().st_mtime_ns
    said = process("resume", str(scene.run.path), "--epochs", "3", "--json", home=tmp_path)
    assert said.returncode == 0, said.stderr
    assert (scene.data.read_bytes(), scene.data.stat().st_mtime_ns) == (whole, changed)
    assert "data.json" not in said.stdout
    scene.damage()
    said = process("resume", str(scene.run.path), "--epochs", "4", "--json", home=tmp_path)
    (warning,) = (event for event in rows(said.stdout) if "data.json" in event.get("message", ""))
    assert "data.json does not fit its checksum" in warning["message"] and "written anew" in warning["message"]
    assert scene.data.read_bytes() == whole
    scene.put_of_other_data()  # as after a kill before run.json named the data, which then were changed
    assert process("resume", str(scene.run.path), "--epochs", "5", home=tmp_path).returncode == 0
    assert scene.data.read_bytes() == whole


def test_a_single_neuron_is_read_aloud_without_its_data(scene: Scene) -> None:
    scene.table.unlink()
    shown = tuinet("show", str(scene.run.path))
    assert shown.exit_code == 0
    assert "the neuron's weights" in shown.stdout and "colour=a – b" in shown.stdout


def test_foreign_words_in_it_cannot_move_the_cursor(scene: Scene, tmp_path: Path) -> None:
    words = [f"{word}{number}" for number, word in enumerate(HOSTILE)]
    facts, scaler = scene.run.data() or pytest.fail("no data.json")
    columns = dict(zip(facts.columns, words, strict=False))
    forms = tuple(type(form)(columns[form.name]) if not form.words else form for form in scaler.forms)
    scaler = type(scaler)(**{**vars(scaler), "forms": forms})
    facts = type(facts)(**{**vars(facts), "columns": scaler.columns, "target": "".join(words)})
    with scene.run.lock():
        scene.run.write_data(facts, scaler)
    (new := tmp_path / "new.csv").write_text("1,red\n2,blue\n")
    printed = [tuinet("predict", str(scene.run.path), str(file)) for file in (new, scene.new)]
    printed.append(tuinet("show", str(scene.run.path)))
    assert [said.exit_code for said in printed] == [0, 2, 0]
    assert "neuron's weights" in printed[2].stdout
    for said in printed:
        assert sorted(PAYLOAD & set(said.stdout + said.stderr)) == []


def test_inputs_that_are_given_back_have_the_names_and_units_of_their_columns(trained: Path, tmp_path: Path) -> None:
    preset = PRESET.format(loss="mean_squared_error").replace("[[layers]]", 'task = "reconstruct"\n[[layers]]')
    (trained / "back.toml").write_text(preset.replace("epochs = 2", "epochs = 300\noptimizer.learning_rate = 0.02"))
    runs = tmp_path / "runs"
    said = process("run", str(trained / "back.toml"), "--device", "reference", "--runs", str(runs), home=tmp_path)
    assert said.returncode == 0, said.stderr
    (trained / "few.csv").write_text("colour,size,price\nred,3.5,60\nblue,1,80\n")
    (first, second) = rows(tuinet("predict", "last", str(trained / "few.csv"), "--runs", str(runs), "--json").output)
    assert list(first) == ["row", "size", "colour=a – b", "colour=blue", "colour=red", "price"]
    assert abs(first["size"] - 3.5) < 0.2 and abs(first["price"] - 60) < 2 and second["colour=blue"] > 0.6


def test_the_answers_are_never_written_over_the_questions(scene: Scene, tmp_path: Path) -> None:
    before = scene.new.read_bytes()
    (tmp_path / "link.csv").symlink_to(scene.new)
    for out in (str(scene.new), str(tmp_path / "link.csv"), f"{scene.new.parent}/./{scene.new.name}"):
        said = tuinet("predict", str(scene.run.path), str(scene.new), "--out", out)
        assert said.exit_code == 2 and "is the file that is predicted for" in " ".join(said.stderr.split())
        assert scene.new.read_bytes() == before
    said = tuinet("predict", str(scene.run.path), str(scene.new), "--out", str(tmp_path / "out.csv"))
    assert said.exit_code == 0 and (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("target", "told"), [("row", "row_"), ("after", "after_"), ("size", "size"), ("row_", "row__")]
)
def test_a_column_called_as_something_else_of_the_answer_has_an_underscore(target: str, told: str) -> None:
    facts = Facts(name="t", source="t", inputs=(1,), task="reals", classes=0, outputs=1, target=target)
    assert own_names(facts) == [told]
    assert list(answers(np.zeros((1, 1)), facts)[0]) == ["row", told]


def test_a_prediction_of_many_numbers_is_shown_in_part_and_written_in_full(tmp_path: Path) -> None:
    (tmp_path / "many.toml").write_text(
        '[data]\nset = "digits"\ntask = "reconstruct"\nlimit = 40\n[[layers]]\ntype = "upsample"\nfactor = 1\n'
        '[[layers]]\ntype = "flatten"\n[training]\nloss = "mean_squared_error"\nepochs = 1\n'
    )
    runs = tmp_path / "runs"
    said = process("run", str(tmp_path / "many.toml"), "--device", "reference", "--runs", str(runs), home=tmp_path)
    assert said.returncode == 0, said.stderr
    np.save(tmp_path / "new.npy", np.arange(128, dtype="u1").reshape(2, 8, 8) % 17)
    said = tuinet("predict", "last", str(tmp_path / "new.npy"), "--runs", str(runs))
    assert "value_8" in said.output and "value_9" not in said.output and "56 more numbers a row" in said.output
    out = tmp_path / "out.csv"
    tuinet("predict", "last", str(tmp_path / "new.npy"), "--runs", str(runs), "--out", str(out))
    written = np.loadtxt(out, delimiter=",", skiprows=1)
    assert np.allclose(written[:, 1:], np.arange(128).reshape(2, 64) % 17, atol=1e-4)
