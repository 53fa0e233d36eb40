"""A network writes a text from another: greedy and beam search find what they should, and the figures are true."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as some

from tests import golden_run
from tests.cli_scenes import HOSTILE, PAYLOAD, rows, tuinet
from tuinet import presets, runs
from tuinet.cli.attention import heading
from tuinet.cli.output import Output
from tuinet.cli.trained import data_of, network_of
from tuinet.data import Part, Vocabulary, bind_for
from tuinet.errors import RunDamaged
from tuinet.training import translating
from tuinet.training.goals import parse
from tuinet.training.looking import looked
from tuinet.training.translating import END, PADDING, START, distances, measured, translated

S, A, B = 3, 3, 4  # tokens of a source; two that are written
Logits = np.ndarray


def network(logits: Callable[[tuple[int, ...]], list[float]], seen: list[int] | None = None) -> Any:
    """A stand-in: what it gives at a place depends on the source and on what was written before that place."""

    def forward(inputs: np.ndarray) -> Logits:
        steps = inputs.shape[1] - S
        if seen is not None:
            seen.append(len(inputs))
        found = np.zeros((len(inputs), steps, 5))
        for row, begun in zip(found, inputs.tolist(), strict=True):
            for place in range(steps):
                row[place] = logits((begun[0], *begun[S + 1 : S + 1 + place]))
        return found

    return forward


def by_chance(seed: int) -> Callable[[tuple[int, ...]], list[float]]:
    """Any numbers, the same for the same beginning."""
    return lambda begun: np.random.default_rng([seed, *begun]).normal(0, 2, 5).tolist()


def shares(logits: list[float]) -> np.ndarray:
    e = np.exp(np.array(logits))
    e[[PADDING, START]] = 0
    return np.log(np.maximum(e / e.sum(), 1e-300))


def every_text(steps: int) -> list[tuple[int, ...]]:
    """All texts that come to an end within so many tokens."""
    return [(*words, END) for size in range(steps) for words in itertools.product((A, B), repeat=size)]


def score(logits: Any, source: int, text: tuple[int, ...]) -> float:
    return float(sum(shares(logits((source, *text[:place])))[token] for place, token in enumerate(text)))


def sources(n: int) -> np.ndarray:
    return np.array([[A + number, END, 0] for number in range(n)], np.int32)


def written(tokens: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(token for token in row if token) for row in tokens.tolist()]


# -- the search ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_greedy_takes_the_likeliest_token_each_time(seed: int) -> None:
    logits, steps = by_chance(seed), 4
    found = translated(network(logits), sources(6), steps)
    for number, text in enumerate(written(found.tokens)):
        begun: tuple[int, ...] = ()
        while len(begun) < steps and END not in begun:
            begun += (int(np.argmax(shares(logits((A + number, *begun))))),)
        assert text == begun and found.scores[number] == pytest.approx(score(logits, A + number, begun))


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_as_wide_as_all_beginnings_finds_the_best_of_all_texts(seed: int) -> None:
    logits, steps = by_chance(seed), 4
    found = translated(network(logits), sources(4), steps, width=24)
    for number, text in enumerate(written(found.tokens)):
        means = {text: score(logits, A + number, text) / len(text) for text in every_text(steps)}
        assert text == max(means, key=means.__getitem__)


@pytest.mark.parametrize("width", [2, 3, 5])
def test_what_is_found_does_not_depend_on_what_is_searched_beside_it(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = translated(network(by_chance(1)), sources(7), 5, width=width)
    monkeypatch.setattr(translating, "MOST_ROWS", 1)
    apart = translated(network(by_chance(1)), sources(7), 5, width=width)
    assert (together.tokens == apart.tokens).all() and (together.scores == apart.scores).all()


def garden_path(begun: tuple[int, ...]) -> list[float]:
    """A looks better at first and leads nowhere; B leads to a certain end."""
    text = begun[1:]
    share = {(): (0.0, 0.6, 0.4), (A,): (0.4, 0.3, 0.3), (B,): (1.0, 0.0, 0.0)}.get(text, (1.0, 0.0, 0.0))
    return [0.0, 0.0, *np.log(np.maximum(share, 1e-9))]


def test_a_beam_sees_past_what_only_looks_better_at_first() -> None:
    greedy, beam = (translated(network(garden_path), sources(1), 4, width=width) for width in (1, 2))
    assert (written(greedy.tokens), written(beam.tokens)) == ([(A, END)], [(B, END)])
    assert math.exp(greedy.scores[0]) == pytest.approx(0.24) and math.exp(beam.scores[0]) == pytest.approx(0.4)


def test_short_texts_are_not_preferred_and_bad_ones_do_not_end_the_search() -> None:
    """The right text is nearly certain at every token; each wrong end beside it comes first."""

    def sure(begun: tuple[int, ...]) -> list[float]:
        text = begun[1:]
        right = (A, B, A, B, A, END)
        logits = [0.0, 0.0, 1.0, 0.0, 0.0]
        if len(text) < len(right) and text == right[: len(text)]:
            logits[right[len(text)]] = 9.0
        return logits

    found = translated(network(sure), sources(1), 7, width=4)
    assert written(found.tokens) == [(A, B, A, B, A, END)]


def test_padding_and_start_are_never_written() -> None:
    found = translated(network(lambda begun: [99.0, 99.0, 0.0, 1.0, 0.0]), sources(2), 3)
    assert written(found.tokens) == [(A, A, A)] * 2


def test_no_more_passes_are_made_than_there_are_tokens_to_write() -> None:
    seen: list[int] = []
    asked: list[int] = []
    ends = {A: 1, A + 1: 3, A + 2: 2}  # the source says after how many letters its text ends

    def echo(begun: tuple[int, ...]) -> list[float]:
        over = len(begun) - 1 >= ends[begun[0]]
        return [0.0, 0.0, 9.0 if over else 0.0, 5.0, 0.0]

    found = translated(network(echo, seen), sources(3), 9, check=lambda: asked.append(1))
    assert [len(text) for text in written(found.tokens)] == [2, 4, 3]
    assert seen == [3, 3, 2, 1] and len(asked) == 4


def test_numbers_that_are_not_finite_are_no_translation() -> None:
    with pytest.raises(RunDamaged, match="not finite"):
        translated(network(lambda begun: [math.nan] * 5), sources(2), 3)


def test_of_nothing_nothing_is_written() -> None:
    assert translated(network(by_chance(1)), sources(0), 3).tokens.shape == (0, 3)


# -- the figures ---------------------------------------------------------------------------

PAIRS = [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("sunday", "saturday", 3),
         ("abc", "abc", 0), ("abcd", "bcda", 2), ("1987-03-03", "1987-03-04", 1), ("a", "bbbbbb", 6)]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "wanted"), PAIRS)
def test_edit_distances_of_known_pairs(one: str, other: str, wanted: int) -> None:
    assert distances([one], [other]).tolist() == distances([other], [one]).tolist() == [wanted]
    assert distances([pair[0] for pair in PAIRS], [pair[1] for pair in PAIRS]).tolist() == [pair[2] for pair in PAIRS]


def slowly(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(slowly(a[1:], b) + 1, slowly(a, b[1:]) + 1, slowly(a[1:], b[1:]) + (a[0] != b[0]))


SHORT = some.text("abc", max_size=5)


@settings(max_examples=50, deadline=None)
@given(pairs=some.lists(some.tuples(SHORT, SHORT), min_size=1, max_size=6))
def test_edit_distances_are_those_of_the_definition(pairs: list[tuple[str, str]]) -> None:
    found = distances([one for one, _ in pairs], [other for _, other in pairs])
    assert found.tolist() == [slowly(one, other) for one, other in pairs]


def test_exact_match_and_character_errors_are_of_what_is_written_freely() -> None:
    """The stand-in writes "ab" whatever comes, also where the decoder is handed the right beginning."""
    words = Vocabulary("characters", "ab", 4, padded=True, source=S)

    def ab(begun: tuple[int, ...]) -> list[float]:
        wanted = {(): A, (A,): B, (A, B): END}.get(begun[1:], END)
        return [9.0 * (token == wanted) for token in range(5)]

    targets = np.array([[A, B, END, -1], [A, END, -1, -1], [B, B, END, -1], [A, B, A, END]], np.int32)
    inputs = np.concatenate([sources(4), np.full((4, 4), START, np.int32)], axis=1)
    found = measured(network(ab), Part(inputs, targets), words)
    assert found == {"exact_match": 0.25, "cer": pytest.approx((0 + 1 + 1 + 1) / (2 + 1 + 2 + 3))}


def test_what_is_no_number_is_measured_as_such_and_ends_no_training() -> None:
    words = Vocabulary("characters", "ab", 4, padded=True, source=S)
    part = Part(
        np.concatenate([sources(2), np.full((2, 4), START, np.int32)], axis=1), np.array([[A, END, -1, -1]] * 2)
    )
    found = measured(network(lambda begun: [math.nan] * 5), part, words)
    assert math.isnan(found["exact_match"]) and math.isnan(found["cer"])


def test_a_goal_can_ask_for_them() -> None:
    goal = parse("val_exact_match>=0.99")
    assert goal is not None and goal.met({"val_exact_match": 0.99}) and not goal.met({"val_exact_match": 0.98})
    assert parse("val_cer<0.01") is not None


# -- a trained one -------------------------------------------------------------------------

PRESET = (Path(presets.__file__).parents[2] / "presets" / "attention-copy.toml").read_text()


def preset(epochs: int = 4) -> str:
    text = PRESET.replace("samples = 10_000", "samples = 3_000").replace("window = 12", "window = 6")
    return text.replace("epochs = 12", f"epochs = {epochs}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learnt to copy up to six letters."""
    home = tmp_path_factory.mktemp("copy")
    result = tuinet("run", "-", "--runs", str(home), "--json", stdin=preset())
    assert result.exit_code == 0, result.output
    (home / "events.jsonl").write_text(result.stdout)
    return next(path for path in home.iterdir() if path.is_dir())


def asked(folder: Path, *words: str, stdin: str | None = None) -> Result:
    return tuinet(words[0], str(folder), *words[1:], stdin=stdin)


def test_training_tells_how_much_is_written_right(folder: Path) -> None:
    events = rows((folder.parent / "events.jsonl").read_text())
    epochs = [event for event in events if event["event"] == "epoch"]
    assert all(0 <= event["val_exact_match"] <= 1 and event["val_cer"] >= 0 for event in epochs)
    assert epochs[-1]["val_exact_match"] > 0.98 and epochs[-1]["val_cer"] < 0.02
    assert not {"val_perplexity", "val_bits_per_char"} & set(epochs[0])
    end = events[-1]
    assert end["test"]["test_exact_match"] > 0.98 and end["test"]["test_cer"] < 0.02
    assert not any("val_exact_match" in event.get("message", "") for event in events)  # all 300 are translated


def test_a_sample_is_translated_where_there_are_many_and_it_is_said(home: Path) -> None:
    small = preset(1).replace("samples = 3_000", "samples = 6_000").replace("validation = 0.1", "validation = 0.5")
    result = tuinet("run", "-", "--json", "--max-steps", "5", "--until", "val_exact_match>=0", stdin=small)
    told = [event["message"] for event in rows(result.stdout) if event["event"] == "warning"]
    assert "val_exact_match and val_cer are measured on 500 of the 3,000 validation pairs" in told[0]
    assert rows(result.stdout)[-1]["until"] is True


def test_predict_translates_lines_and_a_beam_agrees_with_greedy_where_it_is_sure(folder: Path) -> None:
    found = [rows(asked(folder, "predict", "-", "--json", *more, stdin="hello\n\nabc\n").stdout)
             for more in ((), ("--beam", "3"))]  # fmt: skip
    assert [(row["row"], row["source"], row["translation"]) for row in found[0]] == [
        (1, "hello", "hello"), (2, "abc", "abc"),
    ]  # fmt: skip
    assert [row["translation"] for row in found[1]] == ["hello", "abc"]
    assert all(0.5 < row["probability"] <= 1 for row in found[0])
    shown = asked(folder, "predict", "-", stdin="hello\n\nabc\n").stdout
    assert "line 3" in shown and "translation" in shown


def test_translations_are_written_to_a_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("cat\ndog\n")
    out = tmp_path / "out.csv"
    result = asked(folder, "predict", str(tmp_path / "in.txt"), "--out", str(out))
    assert result.exit_code == 0 and "Wrote 2 translations to" in result.output
    found = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["source"], row["translation"]) for row in found] == [("cat", "cat"), ("dog", "dog")]


REFUSED = [
    ("abc\nlongerthansix\n", "line 2: has 13 characters; the network reads at most 6"),
    ("abc\n\nABC\n", 'line 3: holds characters that did not come in training: "A", "B", "C"'),
    ("\n \n", "holds no line of text"),
]


@pytest.mark.parametrize(("content", "words"), REFUSED)
def test_a_line_that_cannot_be_translated_is_named(content: str, words: str, folder: Path) -> None:
    result = asked(folder, "predict", "-", stdin=content)
    assert result.exit_code == 2 and words in result.output


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_lines_are_refused_without_a_word_to_the_terminal(words: str, folder: Path) -> None:
    result = asked(folder, "predict", "-", stdin=words.encode("utf-8", "replace").decode())
    assert result.exit_code == 2 and not PAYLOAD & set(result.output)
    result = asked(folder, "show", "--attention", words.encode("utf-8", "replace").decode())
    assert result.exit_code == 2 and not PAYLOAD & set(result.output)


def test_what_translates_writes_no_text_of_its_own_and_has_no_other_beam(folder: Path) -> None:
    result = asked(folder, "generate")
    assert result.exit_code == 2 and "translates" in result.output and "tuinet predict" in result.output
    golden = Path(__file__).with_name("golden") / "run"
    copied = shutil.copytree(golden, folder.parent / golden_run.ID, dirs_exist_ok=True)
    result = asked(copied, "predict", "-", "--beam", "2", stdin="1,2\n")
    assert result.exit_code == 2 and "--beam is for networks that translate" in result.output
    result = asked(copied, "show", "--attention", "abc")
    assert result.exit_code == 2 and "--attention is for networks that read text" in result.output
    shutil.rmtree(copied)


@pytest.mark.slow
def test_dates_are_learnt_well_within_the_epochs_of_the_preset(home: Path) -> None:
    result = tuinet("run", "translate-dates", "--json", "--until", "val_exact_match>=0.9", "--epochs", "4")
    assert result.exit_code == 0, rows(result.stdout)[-1]


# -- where it looks ------------------------------------------------------------------------


def test_attention_becomes_a_diagonal(folder: Path) -> None:
    run = runs.RunFolder(folder)
    mine = presets.load(run.path / "preset.toml")
    facts, words = data_of(run, mine)
    assert isinstance(words, Vocabulary)
    trained = network_of(run, mine, facts, rows=1, device="reference")
    bound = bind_for(mine)
    assert bound.validation is not None
    weights = []
    for row in bound.validation.inputs[:50]:
        text = b"".join(map(words.decode, row[: words.source].tolist())).decode()
        (one,) = looked(trained, mine.network(facts), facts, words, text)
        assert one.weights.shape == (1, len(text) + 1, len(text) + 1)
        np.testing.assert_allclose(one.weights.sum(axis=-1), 1, rtol=1e-6)
        weights.append(one.diagonal)
    assert np.mean(weights) > 0.9


def test_attention_is_drawn_and_its_numbers_are_told(folder: Path) -> None:
    (row,) = rows(asked(folder, "show", "--attention", "hello", "--json").stdout)
    assert (row["row"], row["layer"], row["rows"]) == ("attention", "decoder.look", [*"hello", "<end>"])
    assert row["columns"] == row["rows"] and np.shape(row["weights"]) == (1, 6, 6)
    assert row["diagonal"] == pytest.approx(np.diagonal(row["weights"][0]).mean()) and row["diagonal"] > 0.9
    lines = asked(folder, "show", "--attention", "hello").stdout.splitlines()
    picture = [line for line in lines if line.startswith((*"helo", "∎"))]
    assert [line[0] for line in picture] == [*"hello", "∎"]
    assert [line.index("█") for line in picture] == [4 + 2 * place for place in range(6)]


@pytest.mark.parametrize("layer", ["look", "decoder.decoder_block_2.cross", "decoder." + "x" * 60])
@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_what_is_said_of_an_attention_is_never_cut(layer: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    heading(Output(), layer, "mean of 4 heads", "8.7% of the weight on the diagonal", "8.7% on the diagonal")
    told = " ".join(stream.getvalue().split())
    assert told.startswith(f"{layer} mean of 4 heads, 8.7%") and told.endswith(" on the diagonal") and "…" not in told
    assert all(len(line) <= max(width, len(layer)) for line in stream.getvalue().splitlines())


def test_attention_is_refused_where_it_makes_no_sense(folder: Path) -> None:
    result = tuinet("show", str(folder), "--attention", "hello", "--program")
    assert result.exit_code == 2 and "goes with none of" in result.output
    for nothing in ("", " ", "\n"):
        result = asked(folder, "show", "--attention", nothing)
        assert (result.exit_code, result.stdout) == (2, "") and "--attention: holds no line of text" in result.output
    result = asked(folder, "show", "--attention", "longerthansix")
    assert result.exit_code == 2 and "--attention: has 13 characters; the network reads at most 6" in result.output


def test_a_row_of_predict_is_json_with_the_documented_keys(folder: Path) -> None:
    line = asked(folder, "predict", "-", "--json", stdin="hi\n").stdout
    assert list(json.loads(line)) == ["row", "source", "translation", "probability"]
