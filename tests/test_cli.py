"""The command line as a whole: commands, errors, exit codes, pipes, and what reaches a terminal."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli_scenes import HOSTILE, PAYLOAD, make_run, process, rows, tuinet
from tuinet.cli.main import SECTIONS, cli, explained
from tuinet.cli.run import made_for
from tuinet.errors import Diverged, PresetError, RunLocked, RunNotFound, TuinetError
from tuinet.presets import load

COMMANDS = [name for names in SECTIONS.values() for name in names]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUINET_HOME", str(tmp_path))
    monkeypatch.setenv("TUINET_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json(name: str) -> None:
    said = tuinet(name, "--help")
    assert said.exit_code == 0
    assert ("--json" in said.stdout) == (name != "attach")  # which only opens a screen
    assert said.stdout.splitlines()[0].startswith(f"Usage: tuinet {name}")


def test_the_help_page_lists_every_command_with_a_whole_sentence() -> None:
    page = tuinet("--help").stdout
    for name in COMMANDS:
        assert any(line.split()[:1] == [name] for line in page.splitlines()), name
    assert "..." not in page.replace("[ARGS]...", "").replace("[OPTIONS] [COMMAND]", "")


def test_tuinet_alone_says_what_to_try_first() -> None:
    said = tuinet()
    assert said.exit_code == 0
    assert "tuinet run spam-neuron" in said.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rnu"], 'did you mean "run"'),
        (["--nope"], "no such option"),
        (["runs", "--sort", "nope"], "'nope' is not one of"),
        (["runs", "--limt", "3"], "Did you mean '--limit'? `tuinet runs --help` says what there is"),
        (["runs", "--filter", "stat=failed"], 'did you mean "state"'),
        (["rm"], "missing argument"),
        (["run"], "tuinet presets"),
        (["run", "fashoin-mlp"], 'did you mean "fashion-mlp"'),
        (["run", "no-such.toml"], "no-such.toml"),
        (["run", "spiral", "--set", "training.epoch=3"], 'did you mean "epochs"'),
        (["run", "spiral", "--set", "training.epochs"], "KEY=VALUE"),
        (["run", "spiral", "--epochs", "0"], "x>=1"),
        (["run", "spiral", "--until", "val_acc>=0.9"], 'did you mean "val_accuracy"'),
        (["run", "spiral", "--init", "nothing"], "nothing"),
        (["run", "--label", "price"], "--data"),
        (["run", "spiral", "--data", "a.csv"], "both"),
        (["show", "spirl"], 'did you mean "spiral"'),
        (["show", "last"], "there is no run in"),
        (["resume", "nothing"], "nothing"),
        (["run", "spiral", "--device", "foo"], "there is no such device. Known: auto, cpu, cuda, reference, cuda:0"),
        (["compare", "a", "b"], '"a"'),
        (["predict", "nothing", "x.csv"], "nothing"),
        (["new", "notes.txt"], ".toml"),
        (["presets", "zebra"], "zebra"),
        (["runs", "prune"], "--keep"),
        (["runs", "prune", "--state", "finishd"], "finished"),
        (["data", "gett"], "gett"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_plain_sentence_and_exit_code_2(words: list[str], says: str, own_home: Path) -> None:
    said = tuinet(*words)
    assert said.exit_code == 2
    assert said.stdout == ""
    assert says in said.stderr
    assert said.stderr.startswith("tuinet: ")
    assert "Traceback" not in said.stderr
    assert not list(own_home.glob("runs/*")), "nothing was made"


@pytest.mark.parametrize("words", [["run", "--data"], ["data", "show"]])
def test_a_table_of_one_row_is_named_and_not_the_preset_that_was_made_for_it(
    words: list[str], tmp_path: Path, own_home: Path
) -> None:
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    said = tuinet(*words, str(tmp_path / "one.csv"))
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.startswith("tuinet: ") and "one.toml" not in said.stderr
    assert "one.csv: 1 example is too few to train on; two are" in " ".join(said.stderr.split())


def test_what_is_wrong_with_a_preset_made_for_a_table_is_told_without_a_line_of_a_file_that_is_not_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.csv").write_text("a,b\n1,2\n3,4\n5,7\n")
    made, _ = made_for(str(tmp_path / "own.csv"), None)
    told = str(made.with_overrides(["training.seed=2"]).place(PresetError("is wrong", key="data.validation")))
    assert told == f"the preset made for {tmp_path / 'own.csv'}, data.validation: is wrong"


def test_errors_keep_standard_output_empty_with_json() -> None:
    said = tuinet("show", "nothing", "--json")
    assert (said.exit_code, said.stdout) == (2, "")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (PresetError("is wrong", file="my.toml", line=12, key="data.set"), 2, "my.toml, line 12, data.set: is wrong"),
        (RunNotFound("no run"), 2, "no run"),
        (RunLocked("taken"), 1, "taken"),
        (Diverged("nan"), 4, "nan"),
        (OSError(errno.ENOSPC, "x", "/a/b"), 1, "the disk is full: there is no space left to write to (/a/b)"),
        (OSError(errno.EDQUOT, "x"), 1, "your share of the disk is used up: there is no space left to write to"),
        (PermissionError(errno.EACCES, "x", "/a/b"), 1, "there is no permission to use /a/b"),
        (OSError(errno.EROFS, "x", "/a/b"), 1, "/a/b is on a disk that can only be read"),
        (FileNotFoundError(errno.ENOENT, "x", "/a/b"), 1, "there is no file /a/b"),
        (IsADirectoryError(errno.EISDIR, "x", "/a/b"), 1, "/a/b is a folder, where a file is wanted"),
        (OSError(errno.EIO, "Input/output error", "/a/b"), 1, "Input/output error (/a/b)"),
        (MemoryError(), 1, "there is not enough memory for this"),
        (click.Abort(), 130, "interrupted"),
        (ZeroDivisionError("division by zero"), 1, "a mistake inside tuinet: ZeroDivisionError: division by zero"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)  # fmt: skip
def test_each_error_has_its_sentence_and_exit_code(error: BaseException, code: int, says: str) -> None:
    message, given = explained(error)
    assert (given, message[: len(says)]) == (code, says)


def test_a_traceback_is_shown_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("inside")

    monkeypatch.setattr("tuinet.presets.headlines", broken)
    said = tuinet("presets")
    assert (said.exit_code, said.stdout) == (1, "")
    assert "KeyError" in said.stderr
    assert "Traceback" not in said.stderr
    assert isinstance(tuinet("presets", "--debug").exception, KeyError)


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_words_reach_no_terminal(payload: str, own_home: Path) -> None:
    make_run(own_home / "runs", title=f"a {payload} b", host=f"h{payload}", error=f"e{payload}")
    for words in (["runs"], ["show", "last"], ["compare", "last", "last"], ["runs", "prune", "--keep", "0"]):
        for extra in ([], ["--json"]):
            said = tuinet(*words, *extra)
            assert said.exit_code == 0, said.stderr
            assert sorted(PAYLOAD & set(said.stdout + said.stderr)) == []
    for words in (["show", payload], ["run", payload], ["rm", payload], [payload], ["runs", "-f", f"{payload}=1"]):
        said = tuinet(*words)
        assert said.exit_code in (0, 2)
        assert sorted(PAYLOAD & set(said.stdout + said.stderr)) == []


def test_names_of_ten_thousand_letters_and_brackets_do_not_break_the_table(own_home: Path) -> None:
    make_run(own_home / "runs", title="[/x]" * 2_500, host="名" * 10_000)
    for words in (["runs"], ["show", "last"]):
        said = tuinet(*words)
        assert said.exit_code == 0
        assert max(map(len, said.stdout.splitlines())) < 1_000


# -- pipes, disks, signals: as a process of its own ------------------------------------------


def test_a_closed_pipe_ends_quietly(own_home: Path) -> None:
    for words in (["presets"], ["presets", "--json"], ["--help"], ["doctor"]):
        process_ = subprocess.Popen(
            [sys.executable, "-m", "tuinet", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process_.stdout is not None and process_.stderr is not None
        process_.stdout.close()
        complaint = process_.stderr.read()
        process_.stderr.close()
        assert (process_.wait(30), complaint) == (0, b"")


def test_a_closed_standard_output_is_no_mistake(own_home: Path) -> None:
    words = f"{sys.executable} -m tuinet runs >&-"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_is_named_is_written_through_links_and_into_pipes(tmp_path: Path) -> None:
    from tuinet.atomic import write_named

    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_text("old")
    link.symlink_to("target")
    write_named(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_named(pipe, b"words")
    assert os.read(reader, 100) == b"words" and pipe.is_fifo()
    os.close(reader)
    with pytest.raises(TuinetError):
        write_named(tmp_path, b"")
    with pytest.raises(TuinetError, match="the disk is full"):
        write_named(Path("/dev/full"), b"words")


def test_a_full_disk_is_named(own_home: Path) -> None:
    with open("/dev/full", "w") as full:
        said = process("presets", home=own_home, stdout=full)
    assert said.returncode == 1
    assert said.stderr == "tuinet: the disk is full: there is no space left to write to\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(own_home: Path) -> None:
    shut = own_home / "shut"
    shut.mkdir(mode=0o500)
    said = process("new", str(shut / "my.toml"), home=own_home)
    assert (said.returncode, said.stdout) == (1, "")
    assert str(shut) in said.stderr


def test_a_terminal_without_unicode_gets_letters_it_has(own_home: Path) -> None:
    make_run(own_home / "runs")
    for words in (["runs"], ["show", "last"], ["compare", "last", "last"], ["doctor"]):
        said = process(*words, home=own_home, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
        assert said.returncode in (0, 1), said.stderr
        assert said.stdout.isascii()
        assert "Traceback" not in said.stderr


def test_without_a_terminal_there_are_no_escape_codes(own_home: Path) -> None:
    make_run(own_home / "runs")
    for words in ([], ["--help"], ["presets"], ["runs"], ["show", "last"], ["compare", "last", "last"], ["nonsense"]):
        said = process(*words, home=own_home, env={"TERM": "xterm-256color"})
        assert "\x1b" not in said.stdout + said.stderr


@pytest.mark.parametrize("width", ["40", "80"])
def test_every_table_fits_the_width(width: str, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    make_run(own_home / "runs", "fashion-mlp")
    make_run(own_home / "runs", "a-preset-with-a-long-name", epochs=300)
    commands = ([], ["presets"], ["runs"], ["show", "last"], ["compare", "last", "fashion"], ["show", "adam"])
    for words in commands:
        said = tuinet(*words)
        assert said.exit_code == 0, said.stderr
        wide = [line for line in said.stdout.splitlines() if len(line) > int(width) and str(own_home) not in line]
        assert not wide


# -- new and presets -------------------------------------------------------------------------


def test_new_writes_a_preset_that_loads(tmp_path: Path) -> None:
    from tuinet import presets

    path = tmp_path / "first.toml"
    said = tuinet("new", str(path))
    assert said.exit_code == 0
    assert presets.load(path).text == presets.template()
    assert "tuinet run" in said.stdout


def test_new_does_not_write_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    said = tuinet("new", str(path))
    assert said.exit_code == 2
    assert "--force" in said.stderr
    assert path.read_text() == "precious"
    assert tuinet("new", str(path), "--force", "--from", "spiral").exit_code == 0
    assert "spiral" in path.read_text()


def test_new_prints_on_request() -> None:
    from tuinet import presets

    assert tuinet("new", "-").stdout == presets.template()


def test_presets_are_rows_with_json() -> None:
    from tuinet import presets

    found = rows(tuinet("presets", "--json").stdout)
    assert [row["preset"] for row in found] == presets.names()
    assert all(row["teaches"] for row in found)


def test_presets_can_be_searched() -> None:
    found = rows(tuinet("presets", "dropout", "overfit", "--json").stdout)
    assert "overfit-dropout" in [row["preset"] for row in found]
    assert "spiral" not in [row["preset"] for row in found]


def test_show_lists_the_settings_of_a_word_with_their_help() -> None:
    found = rows(tuinet("show", "adam", "--json").stdout)
    keys = {row["key"]: row for row in found}
    assert keys["learning_rate"]["default"] == 0.001
    assert all(row["help"] for row in found)
    for word in ("training", "data", "dense", "cosine", "cross_entropy", "he_normal", "early_stopping"):
        assert tuinet("show", word).exit_code == 0


def test_a_filter_larger_than_its_image_is_named_by_file_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    text = load("digits-cnn").text.replace('kernel = 3\npadding = "same"', "kernel = 50", 1)
    path.write_text(text)
    line = 1 + text[: text.index("[[layers]]")].count("\n")
    said = tuinet("show", str(path))
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.startswith(
        f"tuinet: {path}, line {line}, layers.conv_1: a window that reaches over 50 values does not fit into 8 (height)"
    )
    said = tuinet("show", "digits-cnn", "--set", "layers.conv_2.kernel=50", "--set", "layers.conv_2.padding=valid")
    assert said.exit_code == 2 and "layers.conv_2: a window that reaches over 50 values" in said.stderr


@pytest.mark.parametrize(
    ("kernel", "dilation", "says", "fits"),
    [
        (3, 4, "a kernel of 3, which a dilation of 4 spreads over 9 values, does not fit into 8 (height); make the "
               'kernel at most 2 or the dilation at most 3, or write padding = "same"', [(2, 4), (3, 3)]),
        (9, 2, "a kernel of 9, which a dilation of 2 spreads over 17 values, does not fit into 8 (height); make the "
               'kernel at most 4, or write padding = "same"', [(4, 2)]),
    ],
)  # fmt: skip
def test_what_a_dilation_makes_of_a_kernel_is_told_with_what_would_fit(
    kernel: int, dilation: int, says: str, fits: list[tuple[int, int]]
) -> None:
    def shown(kernel: int, dilation: int) -> list[str]:
        words = (f"kernel={kernel}", f"dilation={dilation}", "padding=valid")
        return ["show", "digits-cnn", *(part for word in words for part in ("--set", f"layers.conv_1.{word}"))]

    said = tuinet(*shown(kernel, dilation))
    assert said.exit_code == 2 and f"layers.conv_1: {says}" in " ".join(said.stderr.split())
    for one in fits:
        assert "layers.conv_1:" not in tuinet(*shown(*one)).stderr


def test_the_group_is_loaded_lazily() -> None:
    assert cli.commands == {}
