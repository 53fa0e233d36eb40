"""A network writes: the same seed the same text, nothing that a terminal would obey, and figures that are true."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as some

from tests import golden_run
from tests.cli_scenes import HOSTILE, PAYLOAD, process, rows, tuinet
from tuinet.errors import RunDamaged
from tuinet.training.generating import Sampling, generated
from tuinet.training.goals import parse
from tuinet.training.measuring import measure

GOLDEN = Path(__file__).with_name("golden") / "run"
STRANGE = "".join(HOSTILE).encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\r", "")
CYCLE = "abcdef\n"
CORPUS = CYCLE * 240 + STRANGE * 3  # what is strange stands in the held-out parts, and is known all the same

PRESET = """
[data]
file = "corpus.txt"
tokens = "{tokens}"
window = 8
validation = 0.2
test = 0.2
[[layers]]
type = "embedding"
units = 16
[[layers]]
type = "positions"
[[layers]]
type = "transformer_block"
heads = 2
causal = true
[[layers]]
type = "dense"
units = "classes"
[training]
loss = "cross_entropy"
epochs = 20
batch_size = 8
optimizer = {{ type = "adam", learning_rate = 1e-2 }}
"""
NAMES = """
[data]
set = "surnames"
limit = 200
[[layers]]
type = "embedding"
units = 4
[[layers]]
type = "flatten"
[[layers]]
type = "dense"
units = "classes"
[training]
loss = "cross_entropy"
epochs = 1
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of three small networks, and without the texts that they were trained on."""
    home = tmp_path_factory.mktemp("home")
    texts = {"cycle": CORPUS, "bytes": "aß—😀\n" * 150}
    for name, text in texts.items():
        (home / name).mkdir()
        (home / name / "corpus.txt").write_bytes(text.encode())
        tokens = "bytes" if name == "bytes" else "characters"
        (home / name / f"{name}.toml").write_text(PRESET.format(tokens=tokens))
        trained = process("run", str(home / name / f"{name}.toml"), "--json", home=home)
        assert trained.returncode == 0, trained.stderr
        (home / f"{name}.jsonl").write_text(trained.stdout)
        (home / name / "corpus.txt").unlink()
    (home / "names.toml").write_text(NAMES)
    assert process("run", str(home / "names.toml"), home=home).returncode == 0
    shutil.copytree(GOLDEN, home / "runs" / golden_run.ID)
    return home


def run_of(home: Path, name: str) -> str:
    (found,) = (home / "runs").glob(f"{name}-*")
    return str(found)


def generate(home: Path, name: str, *words: str) -> Result:
    return tuinet("generate", run_of(home, name), *words)


def text(home: Path, name: str, *words: str) -> str:
    said = generate(home, name, *words, "--json")
    assert said.exit_code == 0, said.stderr
    *tokens, end = rows(said.stdout)
    assert [row["number"] for row in tokens] == list(range(1, end["tokens"] + 1))
    assert "".join(row["text"] for row in tokens) == end["text"] or name == "bytes"
    return str(end["text"])


def refused(said: Result) -> str:
    assert said.exit_code == 2 and said.stdout == ""
    return " ".join(said.stderr.split())


# -- what is written -------------------------------------------------------------------------


def test_a_network_that_learnt_a_cycle_goes_round_in_it(home: Path) -> None:
    wanted = (CYCLE * 10)[4:44]
    assert text(home, "cycle", "--prompt", "abcd", "-n", "40", "--temperature", "0") == wanted
    assert generate(home, "cycle", "--prompt", "abcd", "-n", "40", "--top-k", "1").stdout == f"abcd{wanted}\n"


def test_the_same_seed_writes_the_same_text_and_another_one_another(home: Path) -> None:
    hot = ("cycle", "--temperature", "5", "-n", "60", "--seed")
    first = text(home, *hot, "1")
    assert text(home, *hot, "1") == first != text(home, *hot, "2")
    assert text(home, *hot[:4], "20", "--seed", "1") == first[:20]


def test_without_a_seed_the_text_is_new_and_the_seed_that_gives_it_again_is_told(home: Path) -> None:
    end = rows(generate(home, "cycle", "--temperature", "5", "-n", "60", "--json").stdout)[-1]
    again = rows(generate(home, "cycle", "--temperature", "5", "-n", "60", "--json").stdout)[-1]
    assert end["seed"] != again["seed"] and end["text"] != again["text"]
    assert text(home, "cycle", "--temperature", "5", "-n", "60", "--seed", str(end["seed"])) == end["text"]


def test_of_a_long_prompt_the_last_characters_count(home: Path) -> None:
    hot = ("--temperature", "3", "-n", "30", "--seed", "4")
    assert text(home, "cycle", "--prompt", "bbbbggg" + CYCLE, *hot) == text(home, "cycle", "--prompt", CYCLE, *hot)


def test_bytes_become_characters_once_they_are_whole(home: Path) -> None:
    assert text(home, "bytes", "--prompt", "a", "-n", "11", "--temperature", "0") == "ß—😀\na"
    cut = generate(home, "bytes", "--prompt", "a", "-n", "3", "--temperature", "0")
    assert cut.stdout == "aß\ufffd\n"
    hot = generate(home, "bytes", "--prompt", "\udcff", "-n", "300", "--temperature", "1000", "--seed", "1")
    assert hot.exit_code == 0 and sorted(PAYLOAD & set(hot.stdout)) == []


def test_nothing_that_a_terminal_obeys_gets_out(home: Path) -> None:
    hot = ("-n", "400", "--temperature", "1000", "--seed", "1")
    assert {"\x1b", "\t", "\x9b", "\u202e"} <= set(text(home, "cycle", *hot))
    for words in (hot, (*hot, "--json"), (*hot, "--prompt", STRANGE)):
        said = generate(home, "cycle", *words)
        assert said.exit_code == 0 and sorted(PAYLOAD & set(said.stdout + said.stderr)) == []
    assert "␛" in generate(home, "cycle", *hot).stdout


# -- what cannot be written ------------------------------------------------------------------


def test_characters_that_the_network_does_not_know_are_named_with_those_that_it_knows(home: Path) -> None:
    said = refused(generate(home, "cycle", "--prompt", "ab\x07☃\x0b\u202dZ"))
    words = 'tuinet: --prompt: holds characters that did not come in training: "☃", U+000B, U+202D, "Z"; the network'
    size = len(set(CORPUS))
    assert said.startswith(f"{words} knows {size}: ␇ ␉-␊ ␛ ") or said.startswith(f"{words} knows {size}: ␇ ␉␊ ␛ ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("names", "tells the language of a text; only a network that predicts the next character can write one"),
        ("spam-neuron", "was trained on spambase, which is no text; only a network that predicts the next character"),
    ],
)
def test_a_run_that_is_none_of_text_says_what_it_is(name: str, words: str, home: Path) -> None:
    assert words in refused(generate(home, name))


def test_predict_sends_a_writing_network_to_generate_and_answers_for_names(home: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("Kowalski\n\nRossi\n")
    said = tuinet("predict", run_of(home, "cycle"), str(tmp_path / "names.txt"))
    assert "predicts the next character; `tuinet generate" in refused(said)
    said = tuinet("predict", run_of(home, "names"), str(tmp_path / "names.txt"), "--json")
    assert said.exit_code == 0 and len(rows(said.stdout)) == 2
    assert all(len(row["probabilities"]) == 20 for row in rows(said.stdout))


@pytest.mark.parametrize("option", ["--temperature", "--top-p"])
def test_what_is_no_number_is_in_no_range(option: str) -> None:
    said = tuinet("generate", "last", option, "nan")
    assert said.exit_code == 2 and f"'{option}': nan is no number" in " ".join(said.stderr.split())


def test_a_run_without_weights_says_so(home: Path, tmp_path: Path) -> None:
    run = shutil.copytree(run_of(home, "cycle"), tmp_path / "cycle-0000")
    shutil.rmtree(run / "checkpoints")
    said = tuinet("generate", str(run))
    assert said.exit_code == 1 and "has no weights yet" in " ".join(said.stderr.split())


@pytest.mark.parametrize("ending", ["pipe", "interrupt"])
def test_a_closed_pipe_and_an_interrupt_end_it_quietly(ending: str, home: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "tuinet", "generate", run_of(home, "cycle"), "-n", "100000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "TUINET_HOME": str(home)},
    )  # fmt: skip
    assert writer.stdout is not None and writer.stderr is not None
    assert len(writer.stdout.read(20)) == 20  # it streams: the end would be hours away
    if ending == "pipe":
        writer.stdout.close()
    else:
        writer.send_signal(signal.SIGINT)
        writer.stdout.read()
    assert writer.wait(timeout=30) == (0 if ending == "pipe" else 130)
    assert writer.stderr.read() == b""
    writer.stdout.close()
    writer.stderr.close()


# -- drawing ---------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
    some.lists(some.floats(-50, 50), min_size=1, max_size=30),
    some.floats(0, 0.999999),
    some.floats(1e-3, 100),
    some.integers(0, 40),
    some.floats(0.01, 1),
)
def test_what_is_drawn_is_among_the_top_and_as_likely_as_is_told(
    logits: list[float], u: float, temperature: float, top_k: int, top_p: float
) -> None:
    values = np.array(logits)
    shares = np.exp((values - values.max()) / temperature)
    token, told = Sampling(temperature=temperature, top_k=top_k, top_p=top_p).choose(values, u)
    rank = int((values > values[token]).sum())
    assert rank < (top_k or len(values))
    kept = np.sort(shares)[::-1][: top_k or None]
    assert shares[values > values[token]].sum() < top_p * kept.sum() + 1e-9  # those before it did not reach top_p
    assert told >= shares[token] / kept.sum() - 1e-9


def test_draws_are_as_frequent_as_they_are_likely() -> None:
    logits, sampling = np.log([0.5, 0.3, 0.15, 0.05]), Sampling(temperature=1.0)
    drawn = [sampling.choose(logits, u)[0] for u in (np.arange(10_000) + 0.5) / 10_000]
    assert np.bincount(drawn).tolist() == [5000, 3000, 1500, 500]
    nucleus = [Sampling(temperature=1.0, top_p=0.79).choose(logits, u)[0] for u in (np.arange(80) + 0.5) / 80]
    assert np.bincount(nucleus).tolist() == [50, 30]


def test_a_temperature_near_nothing_and_logits_near_the_end_of_floats_do_no_harm() -> None:
    assert Sampling(temperature=1e-300).choose(np.array([1e300, -1e300, 2e300]), 0.99) == (2, 1.0)
    with pytest.raises(RunDamaged, match="not finite"):
        Sampling().choose(np.array([0.0, math.nan]), 0.5)


def test_the_network_reads_the_last_window_and_is_asked_at_its_end() -> None:
    seen: list[list[int]] = []

    def forward(row: np.ndarray) -> np.ndarray:
        """Wants the number of tokens that it was shown, at each place another one."""
        seen.append(row[0].tolist())
        return np.eye(5)[None, [1, 2, 3, 4]]

    tokens = generated(forward, [9, 7], 4, Sampling(temperature=0), seed=1)
    assert [next(tokens)[0] for _ in range(4)] == [2, 3, 4, 4]
    assert seen == [[9, 7, 0, 0], [9, 7, 2, 0], [9, 7, 2, 3], [7, 2, 3, 4]]


# -- metrics ---------------------------------------------------------------------------------


def test_perplexity_and_bits_are_those_of_the_loss_in_every_record(home: Path) -> None:
    events = rows((home / "cycle.jsonl").read_text())
    epochs, end = [event for event in events if event["event"] == "epoch"], events[-1]
    assert len(epochs) == 20
    for measured, part in [*((epoch, part) for epoch in epochs for part in ("train", "val")), (end["test"], "test")]:
        loss = measured[f"{part}_loss"]
        assert measured[f"{part}_perplexity"] == pytest.approx(math.exp(loss), rel=1e-6)
        assert measured[f"{part}_bits_per_char"] == pytest.approx(loss / math.log(2), rel=1e-6)
        assert 0 <= measured[f"{part}_accuracy"] <= 1
    start = next(event for event in events if event["event"] == "start")
    assert start["guess"] == pytest.approx(math.log2(7), abs=1e-3)  # seven characters, each as often


class _Pieces:
    """A trainer that has measured two pieces already."""

    def evaluate(self, part: Any) -> dict[str, float]:
        loss = float(part.targets[0, 0])
        return {"loss": loss, "perplexity": math.exp(loss) if loss < 700 else math.inf}


@pytest.mark.parametrize(("losses", "perplexity"), [((1, 3), math.exp(2.5)), ((1, 1_000), math.inf)])
def test_perplexity_of_pieces_is_that_of_all_tokens_together(losses: tuple[int, int], perplexity: float) -> None:
    from tuinet.data import Part

    pieces = tuple(
        Part(np.zeros((size, 2), np.int32), np.full((size, 2), loss, np.int32))
        for size, loss in zip((1, 3), losses, strict=True)
    )
    assert measure(_Pieces(), pieces, lambda: None)["perplexity"] == pytest.approx(perplexity)


def test_a_goal_in_bits_stops_the_training(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text(CYCLE * 200)
    (tmp_path / "goal.toml").write_text(PRESET.format(tokens="characters"))
    said = process("run", str(tmp_path / "goal.toml"), "--until", "val_bits_per_char<=7", "--json", home=tmp_path)
    end = rows(said.stdout)[-1]
    assert said.returncode == 0 and (end["until"], end["epoch"]) == (True, 1)
    assert str(parse("val_perplexity<=4.5")) == "val_perplexity<=4.5"


def test_the_table_of_epochs_and_the_list_of_runs_show_bits(home: Path) -> None:
    shown = tuinet("show", run_of(home, "cycle")).stdout
    assert "val bits/char" in shown and "val perplexity" in shown and "train perplexity" not in shown


def test_where_no_text_is_written_there_is_no_perplexity(tmp_path: Path) -> None:
    said = process("run", "digits", "--set", "training.early_stopping.monitor=val_perplexity", home=tmp_path)
    assert said.returncode == 2 and "is not measured with this data" in " ".join(said.stderr.split())
