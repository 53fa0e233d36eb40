"""Texts: what is read comes back letter for letter, nothing is kept twice, and no piece stands on both sides."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.cli_scenes import HOSTILE, PAYLOAD, rows, tuinet
from tuinet.data import Bound, DataSettings, Part, Vocabulary, bind, read_inputs
from tuinet.data import installed as installed_texts
from tuinet.data.known import texts
from tuinet.data.own_files import kind_of
from tuinet.data.vocabulary import listed
from tuinet.errors import DataError, PresetError

POEM = "The quick brown fox\njumps over the lazy dog.\n" * 40


def write(folder: Path, text: str | bytes, name: str = "notes.txt") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def read(path: str, **more: Any) -> Bound:
    return bind(DataSettings(file=path, **{"window": 16, **more}))


def spelt(bound: Bound, rows: np.ndarray) -> str:
    assert isinstance(bound.scaler, Vocabulary)
    return b"".join(bound.scaler.decode(int(token)) for token in rows.ravel()).decode()


def parts(bound: Bound) -> list[Part]:
    return [part for part in (bound.train, bound.validation, bound.test) if part is not None]


# -- a corpus --------------------------------------------------------------------------------


def test_windows_spell_the_text_and_targets_the_same_one_token_ahead(tmp_path: Path) -> None:
    bound = read(write(tmp_path, POEM), validation=0.25, test=0.25)
    assert [len(part) for part in parts(bound)] == [56, 28, 28]
    inputs = "".join(spelt(bound, part.inputs) for part in parts(bound))
    targets = "".join(spelt(bound, part.targets) for part in parts(bound))
    assert POEM.startswith(inputs) and POEM[1:].startswith(targets) and len(inputs) == len(targets) == 112 * 16


def test_facts_say_what_the_network_has_to_know(tmp_path: Path) -> None:
    facts = read(write(tmp_path, POEM)).facts
    size = len(set(POEM))
    assert (facts.inputs, facts.steps, facts.tokens, facts.padded) == ((16,), 16, size, False)
    assert (facts.task, facts.classes, facts.outputs) == ("classes", size, size)
    assert facts.class_names == sorted(set(POEM)) and sum(facts.class_counts) == 16 * 101
    assert facts.reason == f"the next character is to be predicted, one of {size}"


def test_a_text_is_kept_once_and_cannot_be_written_to(tmp_path: Path) -> None:
    bound = read(write(tmp_path, POEM), validation=0.25, test=0.25)
    first = bound.train.inputs.base
    for part in parts(bound):
        for kept in (part.inputs, part.targets):
            assert kept.dtype == np.int32 and np.shares_memory(kept, first)
            assert not kept.flags.writeable


def test_a_character_that_only_the_end_has_is_known_all_the_same(tmp_path: Path) -> None:
    bound = read(write(tmp_path, POEM + "ß" * 40))
    assert bound.validation is not None and "ß" in spelt(bound, bound.validation.inputs)
    assert bound.facts.class_counts[bound.facts.class_names.index("ß")] == 0
    assert not any("class" in note for note in bound.facts.notes)


def test_bytes_read_what_is_no_text(tmp_path: Path) -> None:
    raw = bytes(range(256)) * 3
    bound = read(write(tmp_path, raw, "notes.bin"), tokens="bytes", validation=0.0)
    assert bound.facts.tokens == 256 and bound.train.inputs.ravel()[:256].tolist() == list(range(256))


def test_windows_line_ends_and_a_mark_are_not_learnt(tmp_path: Path) -> None:
    plain, marked = read(write(tmp_path, POEM)), write(tmp_path, b"\xef\xbb\xbf" + POEM.replace("\n", "\r\n").encode())
    assert read(marked).facts.fingerprint == plain.facts.fingerprint
    assert read(marked, tokens="bytes").facts.fingerprint != plain.facts.fingerprint


def test_a_gzipped_text_is_read_alike(tmp_path: Path) -> None:
    packed = write(tmp_path, gzip.compress(POEM.encode()), "notes.txt.gz")
    assert read(packed).facts.fingerprint == read(write(tmp_path, POEM)).facts.fingerprint


@pytest.mark.parametrize(
    ("content", "settings", "words"),
    [
        (b"", {}, "is empty; windows of 16 need at least 33"),
        (b"short", {}, "holds 5 characters; windows of 16 need at least 33"),
        (b"x" * 32, {}, "with data.window = 15 it would do"),
        (b"ab\ncd\xffef" * 40, {}, r"line 2: byte 6 of the file \(0xff\) is not UTF-8; .*data.tokens = \"bytes\""),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 10_001))).encode(), {}, "10,001 different characters.*bytes"),
        (b"x" * 200, {"split": "random"}, "split by position"),
        (b"x" * 200, {"split": "documents"}, "split by position"),
        (b"x" * 200, {"tokens": "characters", "scale": "standard"}, "has no meaning for .*which is text"),
        (b"x" * 200, {"tokens": "bytes", "label": "x"}, "has no meaning for .*which is text"),
        (b"x" * 200, {"task": "reals"}, "no real numbers to predict"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_text_that_will_not_do_is_refused_with_what_would(
    content: bytes, settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises((DataError, PresetError), match=words):
        read(write(tmp_path, content), **settings)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("notes.txt", POEM, "text"),
        ("notes.md", "# One\n\nTwo, and three.\n", "text"),
        ("program.py.gz", "x = 1\ny = 2\n", "text"),
        ("numbers.txt", "size,price\n1,2\n3,4\n5,6\n", "table"),
        ("numbers.txt", "1 2 3\n4 5 6\n7 8 9\n", "table"),
        ("words.txt", "one two\nthree four\nfive six\n", "text"),
        ("notes.csv", POEM, "table"),
    ],
)
def test_a_file_is_a_text_by_its_name_unless_it_is_cut_into_columns(
    name: str, content: str, kind: str, tmp_path: Path
) -> None:
    raw = content.encode()
    assert kind_of(write(tmp_path, gzip.compress(raw) if name.endswith(".gz") else raw, name)) == kind


def test_a_preset_may_call_any_file_a_text_and_a_text_a_table(tmp_path: Path) -> None:
    path = write(tmp_path, POEM, "notes.csv")
    assert read(path, tokens="characters").facts.steps == 16
    table = write(tmp_path, "size price\n" + "one 1\ntwo 2\n" * 30 + "three\n")
    with pytest.raises(DataError, match="line 62"):
        bind(DataSettings(file=table, label="price"))


# -- vocabularies ----------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(some.text(some.characters(exclude_categories=["Cs"]), min_size=1), some.booleans())
def test_every_text_comes_back_from_its_tokens(text: str, padded: bool) -> None:
    for tokens in ("characters", "bytes"):
        words = Vocabulary.of(text, tokens, 4, padded=padded)
        numbers = words.encode(text, "it")
        assert int(padded) <= numbers.min() and numbers.max() < words.size == len(words.names)
        assert b"".join(words.decode(int(number)) for number in numbers).decode() == text
        assert Vocabulary.from_table(json.loads(json.dumps(words.as_table()))) == words
    assert words.decode(0) == (b"" if padded else b"\0")


def test_a_character_that_did_not_come_is_named_with_those_that_did() -> None:
    words = Vocabulary.of("abcdefg xyz\n", "characters", 4)
    with pytest.raises(DataError) as caught:
        words.encode("a\x1bq\u202e", "--prompt")
    assert str(caught.value) == (
        '--prompt: holds characters that did not come in training: U+001B, "q", U+202E; '
        "the network knows 12: ␊ ␠ a-g xyz"
    )


def test_a_list_of_characters_is_short_and_shows_no_control() -> None:
    assert listed("".join(sorted("\x1b\nabcdeg0123456789"))) == "␊ ␛ 0-9 a-e g"
    assert len(listed("".join(map(chr, range(0x4E00, 0x9000, 2))))) <= 300


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tokens", "words"), ("characters", "aa"), ("characters", ""), ("characters", "a" * 20_000), ("window", 0),
        ("window", 10**9), ("window", "4"), ("padded", 1), ("characters", None),
    ],
)  # fmt: skip
def test_a_kept_vocabulary_that_makes_no_sense_is_refused(key: str, value: Any) -> None:
    table = Vocabulary("characters", "ab", 4).as_table()
    with pytest.raises(DataError, match=f"the vocabulary says {key}"):
        Vocabulary.from_table({**table, key: value})


# -- texts with labels -----------------------------------------------------------------------


def test_surnames_are_filled_up_with_zeros() -> None:
    bound = bind(DataSettings(set="surnames", validation=0.2))
    facts = bound.facts
    names, languages = texts("surnames")
    assert (facts.inputs, facts.steps, facts.padded, facts.classes) == ((20,), 0, True, 20)
    assert facts.tokens == len(set("".join(names))) + 1
    spelling = {spelt(bound, row) for row in bound.train.inputs}
    assert spelling <= {name[:20] for name in names} and len(spelling) > 9_000
    row = bound.train.inputs[0]
    length = int((row > 0).sum())
    assert (row[:length] > 0).all() and (row[length:] == 0).all()
    known = set(zip(names, languages, strict=True))
    assert all(
        (spelt(bound, row), facts.class_names[label]) in known
        for row, label in zip(bound.train.inputs[:500], bound.train.targets[:500], strict=True)
        if row[-1] == 0
    )


def test_a_longer_name_counts_by_its_beginning_and_that_is_told() -> None:
    bound = bind(DataSettings(set="surnames", window=6))
    assert bound.facts.inputs == (6,)
    assert any("texts are longer than 6 characters; their beginning is read" in note for note in bound.facts.notes)


def test_new_names_are_read_a_line_each(tmp_path: Path) -> None:
    bound = bind(DataSettings(set="surnames"))
    inputs, places = read_inputs(write(tmp_path, "Kowalski\n\n  \nO'Brien\r\n"), bound.facts, bound.scaler)
    assert [spelt(bound, row) for row in inputs] == ["Kowalski", "O'Brien"] and places == ["line 1", "line 4"]
    with pytest.raises(DataError, match=r"notes.txt, line 2: holds a character that did not come in training: \"☃\""):
        read_inputs(write(tmp_path, "Kowalski\n☃\n"), bound.facts, bound.scaler)
    with pytest.raises(DataError, match="holds no line of text"):
        read_inputs(write(tmp_path, "\n \n"), bound.facts, bound.scaler)
    with pytest.raises(DataError) as caught:
        read_inputs(write(tmp_path, b"Kowalski\nMu\xf1oz\n"), bound.facts, bound.scaler)
    assert "line 2: byte 12 of the file (0xf1) is not UTF-8" in str(caught.value)
    assert "data.tokens" not in str(caught.value), "a trained network has its tokens"


def test_passages_of_one_file_never_stand_on_both_sides() -> None:
    bound = bind(DataSettings(set="topics", validation=0.2, test=0.1, limit=2_000))
    assert bound.validation is not None and bound.test is not None and len(bound.train) == 2_000
    library = installed_texts._library()
    sides: list[set[int]] = []
    documents = [text for package in installed_texts.PACKAGES for text in installed_texts._sources(library / package)]
    whole = "\0".join(documents)
    starts = np.cumsum([0, *(len(text) + 1 for text in documents)])
    for part in parts(bound):
        passages = {spelt(bound, row) for row in part.inputs}
        once = [passage for passage in passages if whole.count(passage) == 1]
        sides.append({int(np.searchsorted(starts, whole.index(passage), "right")) for passage in once[:300]})
    assert all(len(side) > 5 for side in sides)
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    for part in parts(bound)[1:]:
        shares = np.bincount(part.targets, minlength=6) / len(part)
        assert (shares > 0.02).all()  # every package is measured


def test_the_same_seed_draws_the_same_files_and_another_one_others() -> None:
    one, same, other = (bind(DataSettings(set="topics", seed=seed)).facts.fingerprint for seed in (1, 1, 2))
    assert one == same != other


# -- texts of the Python installation --------------------------------------------------------


@pytest.mark.parametrize("name", ["python-source", "language-reference"])
def test_the_installed_texts_are_large_enough_and_the_same_each_time(name: str) -> None:
    bound = bind(DataSettings(set=name, validation=0.1))
    assert 300_000 < sum(part.inputs.size for part in parts(bound)) < 3_000_000
    assert 60 < bound.facts.tokens < 400 and bound.facts.source == "installed"
    assert bind(DataSettings(set=name, validation=0.1)).facts.fingerprint == bound.facts.fingerprint
    assert math.log(bound.facts.tokens) > 4


def test_a_python_without_some_modules_does_and_one_without_any_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed_texts, "_library", lambda: tmp_path)
    for name in ("python-source", "topics"):
        with pytest.raises(DataError, match=f"{name}: no source of .* is in "):
            bind(DataSettings(set=name))
    write(tmp_path, POEM, "argparse.py")
    (tmp_path / "csv").mkdir()
    write(tmp_path, POEM * 2, "csv/__init__.py")
    write(tmp_path, b"\xff" * 999, "abc.py")
    bound = bind(DataSettings(set="python-source"))
    assert sum(part.inputs.size for part in parts(bound)) == len(POEM * 3) // 64 * 64
    assert "2 modules" in bound.facts.notes[0] and "not there: abc, ast, base64" in bound.facts.notes[1]


# -- what is shown ---------------------------------------------------------------------------


def test_hostile_texts_are_shown_without_what_a_terminal_obeys(tmp_path: Path) -> None:
    text = "".join(HOSTILE).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    path = write(tmp_path, (text + POEM) * 3)
    for words in (["data", "show", path], ["data", "show", path, "--json"]):
        shown = tuinet(*words)
        assert shown.exit_code == 0, shown.stderr
        assert sorted(PAYLOAD & set(shown.stdout + shown.stderr)) == []


def test_data_lists_and_shows_texts() -> None:
    listed_sets = {row["set"]: row for row in rows(tuinet("data", "--json").stdout)}
    assert listed_sets["python-source"]["state"] == "installed" and listed_sets["python-source"]["examples"] is None
    shown = tuinet("data", "show", "language-reference")
    assert 'The "assert" statement' in shown.stdout
    row, *examples = rows(tuinet("data", "show", "language-reference", "--json").stdout)
    assert all(len(example["values"]) == 64 for example in examples)
    assert row["inputs"] == [64] and row["task"] == "classes" and row["outputs"] == len(row["classes"])
    assert sum(row["classes"].values()) == 64 * row["train"]
