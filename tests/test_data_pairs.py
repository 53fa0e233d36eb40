"""Pairs of texts: what is read and what is to be written stand where they should, and no source in two parts."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.cli_scenes import HOSTILE, PAYLOAD, rows, tuinet
from tuinet import presets
from tuinet.data import Bound, DataSettings, Facts, Part, Vocabulary, bind, sets
from tuinet.data.archives import zip_member
from tuinet.data.bound import Facts as BoundFacts
from tuinet.data.made_pairs import MADE, MONTHS, WEEKDAYS, made, ordinal, ordinal_words, spelt
from tuinet.data.pair_adviser import preset_from_pairs
from tuinet.data.pairs import examples
from tuinet.data.splits import split
from tuinet.data.vocabulary import END, START
from tuinet.errors import DataError, PresetError
from tuinet.runs.data import encoded

WORDS = [("eins", "one"), ("zwei", "two"), ("drei", "three"), ("vier", "four"), ("fünf", "five"), ("sechs", "six")]


def write(folder: Path, pairs: Any, name: str = "pairs.tsv") -> str:
    path = folder / name
    content = "".join(f"{source}\t{target}\n" for source, target in pairs) if not isinstance(pairs, bytes) else pairs
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
    return str(path)


def read(path: str, **more: Any) -> Bound:
    return bind(DataSettings(file=path, task="translate", **more), 1)


def parts(bound: Bound) -> list[Part]:
    return [part for part in (bound.train, bound.validation, bound.test) if part is not None]


def pairs_of(bound: Bound, part: Part) -> list[tuple[str, str]]:
    """Source and target of each row, read back from its tokens, whose marks are checked on the way."""
    words = bound.scaler
    assert isinstance(words, Vocabulary)
    found = []
    for row, wanted in zip(part.inputs.tolist(), part.targets.tolist(), strict=True):
        source, seen = row[: words.source], row[words.source :]
        end = source.index(END)
        assert not any(source[end + 1 :]) and seen[0] == START
        length = wanted.index(END)
        assert wanted[length + 1 :] == [-1] * (words.window - length - 1)
        assert seen[1 : length + 1] == wanted[:length] and not any(seen[length + 1 :])
        spelt = (b"".join(map(words.decode, tokens)).decode() for tokens in (source[:end], wanted[:length]))
        found.append((next(spelt), next(spelt)))
    return found


def everything(bound: Bound) -> list[tuple[str, str]]:
    return [pair for part in parts(bound) for pair in pairs_of(bound, part)]


# -- from a file ---------------------------------------------------------------------------

LINE = some.text(some.characters(exclude_characters="\t\n\r\ufeff", exclude_categories=["Cs"]), min_size=1, max_size=9)
TEXT = LINE.map(lambda text: text.strip(" ")).filter(lambda text: text.strip())


@settings(max_examples=20, deadline=None)
@given(pairs=some.lists(some.tuples(TEXT, TEXT), min_size=3, max_size=9, unique_by=lambda pair: pair[0]),
       tokens=some.sampled_from(["characters", "bytes"]))  # fmt: skip
def test_every_pair_comes_back_letter_for_letter(pairs: list[tuple[str, str]], tokens: str) -> None:
    settings = DataSettings(set="copy", tokens=tokens, window=200)
    given = examples(pairs, settings, name="it", source="file", place="it")
    assert given.vocabulary is not None
    bound = Bound(
        None, Part(given.rows, given.labels.values), None, None, given.vocabulary  # type: ignore[arg-type]
    )  # fmt: skip
    assert pairs_of(bound, bound.train) == pairs


def test_a_file_of_two_columns_is_read_with_its_facts(tmp_path: Path) -> None:
    bound = read(write(tmp_path, WORDS), validation=0.34)
    facts = bound.facts
    assert sorted(everything(bound)) == sorted(WORDS)
    assert (facts.source_steps, facts.steps, facts.inputs, facts.padded) == (6, 6, (12,), True)
    assert facts.tokens == facts.classes == 3 + len(set("".join(map("".join, WORDS))))
    assert facts.class_names[:3] == ["", "<start>", "<end>"]
    assert facts.class_counts[END] == len(bound.train) and facts.class_counts[:2] == [0, 0]
    assert (len(bound.train), facts.task, facts.target) == (4, "classes", "translation")


def test_a_header_is_passed_over_where_the_settings_say_that_there_is_one(tmp_path: Path) -> None:
    path = write(tmp_path, [("deutsch", "english"), *WORDS])
    assert len(everything(read(path))) == 7 and len(everything(read(path, header="yes"))) == 6


def test_blank_lines_and_other_line_ends_are_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffeins\tone\r\n\r\n  \nzwei \t two\r\ndrei\tthree".encode())
    assert sorted(everything(read(path))) == [("drei", "three"), ("eins", "one"), ("zwei", "two")]


BAD_LINES = [
    ("eins\tone\nzwei two\n", "line 2: has 0 tabs; a source, one tab and a target are wanted"),
    ("eins\tone\nzwei\ttwo\tCC BY\n", "line 2: has 2 tabs"),
    ("eins\tone\n\ttwo\n", "line 2: the source is empty"),
    ("eins\tone\n\nzwei\t \n", "line 3: the target is empty"),
    ("", "is empty"),
    ("eins\tone\n", "1 example is too few to train on"),
]


@pytest.mark.parametrize(("content", "words"), BAD_LINES)
def test_a_line_that_is_no_pair_is_named(content: str, words: str, tmp_path: Path) -> None:
    with pytest.raises((DataError, PresetError)) as caught:
        read(write(tmp_path, content.encode()))
    assert words in str(caught.value)


def test_what_is_no_utf_8_is_refused_and_read_as_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, b"eins\tone\nf\xfcnf\tfive\nzwei\ttwo\n")
    with pytest.raises(DataError, match="line 2: byte 11 of the file"):
        read(path)
    assert read(path, tokens="bytes").facts.tokens == 3 + 256


def test_long_pairs_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path, [*WORDS, ("sieben", "7"), ("8", "eighteen")])
    bound = read(path, window=5)
    assert sorted(everything(bound)) == sorted(WORDS)
    assert bound.facts.notes == [
        "2 of the 8 pairs are left out: a text of theirs is longer than 5 characters; "
        "data.window says how many are read"
    ]
    with pytest.raises(DataError, match=r"more than 2 characters; let data\.window be more"):
        read(path, window=2)


@pytest.mark.parametrize(
    ("more", "key"),
    [({"split": "random"}, "split"), ({"separator": "comma"}, "separator"), ({"label": "1"}, "label"),
     ({"impute": "mean"}, "impute"), ({"noise": 0.1}, "noise")],
)  # fmt: skip
def test_what_would_be_passed_over_in_silence_is_refused(more: Any, key: str, tmp_path: Path) -> None:
    with pytest.raises(PresetError) as caught:
        read(write(tmp_path, WORDS), **more)
    assert str(caught.value.key) == f"data.{key}"


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_text_is_data_and_never_reaches_the_terminal(words: str, tmp_path: Path) -> None:
    text = words.encode("utf-8", "replace").decode().replace("\n", "").replace("\r", "").replace("\t", "")
    path = write(tmp_path, [(f"{text}{number}", f"{number}{text}") for number in range(9)])
    bound = read(path)
    assert (f"{text}4", f"4{text}") in everything(bound)
    Path(path).write_text(f"{text}\tone\n{text}\n")
    result = tuinet("run", "--data", path, "--pairs")
    assert result.exit_code == 2 and "line 2: has 0 tabs" in result.output
    assert not PAYLOAD & set(result.output)


# -- the split -----------------------------------------------------------------------------


def many(n: int = 40, each: int = 5) -> list[tuple[str, str]]:
    """Every source has several translations, as sentences do."""
    return [(f"s{source}", f"t{source}-{number}") for source in range(n) for number in range(each)]


@pytest.mark.parametrize("seed", range(4))
def test_no_source_stands_in_two_parts(seed: int, tmp_path: Path) -> None:
    path = write(tmp_path, many())
    bound = read(path, validation=0.2, test=0.1, seed=seed)
    sources = [{source for source, _ in pairs_of(bound, part)} for part in parts(bound)]
    assert len(sources) == 3 and not (sources[0] & sources[1] | sources[0] & sources[2] | sources[1] & sources[2])
    assert sorted(everything(bound)) == sorted(many()) and [len(part) for part in parts(bound)] == [140, 40, 20]


def test_a_split_by_pairs_would_put_sources_on_both_sides() -> None:
    """The control of the test above: what it looks for is there where nobody prevents it."""
    drawn = split(DataSettings(set="copy", validation=0.2), 200, 0, None, "random", 1)
    both = {place // 5 for place in drawn.train} & {place // 5 for place in drawn.validation}
    assert len(both) > 20


def test_shares_are_met_by_whole_sources_and_too_few_are_refused(tmp_path: Path) -> None:
    lopsided = [("a", str(number)) for number in range(50)] + [(f"s{number}", "x") for number in range(50)]
    for seed in range(5):
        bound = read(write(tmp_path, lopsided), validation=0.1, seed=seed)
        assert bound.validation is not None and len(bound.validation) in (*range(10, 12), *range(50, 61))
    with pytest.raises(PresetError, match="2 different sources are too few"):
        read(write(tmp_path, many(2, 30)), validation=0.4, test=0.4)


def test_only_pairs_are_split_by_source() -> None:
    with pytest.raises(PresetError, match="is for pairs of texts"):
        bind(DataSettings(set="digits", split="sources"))
    with pytest.raises(PresetError, match="digits holds no pairs of texts"):
        bind(DataSettings(set="digits", task="translate"))


# -- made by a seed ------------------------------------------------------------------------


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def as_date(words: str) -> tuple[date, str | None]:
    """The day that words name, and the weekday they give, read by other rules than they were written by."""
    weekday = next((day for day in WEEKDAYS if re.match(rf"{day}\b|{day[:3]}\b", words)), None)
    rest = words if weekday is None else re.sub(r"^\w+,? ", "", words)
    year = re.search(r"\b\d{4}\b", rest)
    month = next(place for place, name in enumerate(MONTHS, 1) if re.search(rf"\b({name}|{name[:3]})\b", rest, re.I))
    assert year is not None
    rest = rest.replace(year[0], "").lower().replace(MONTHS[month - 1].lower(), "")
    digits = re.search(r"\d+", rest)
    spoken = [number for number in range(1, 32) if re.search(rf"(^|[^-\w]){ordinal_words(number)}($|[^-\w])", rest)]
    return date(int(year[0]), month, int(digits[0]) if digits else spoken[0]), weekday


def test_dates_mean_what_they_say() -> None:
    found = made("dates", 3000, rng(), largest=9, longest=None)
    for words, iso in found:
        day, weekday = as_date(words)
        assert day.isoformat() == iso, words
        assert weekday is None or WEEKDAYS[day.weekday()] == weekday, words
    assert len({iso for _, iso in found}) == len({words for words, _ in found}) == 3000
    years = [int(iso[:4]) for _, iso in found]
    assert min(years) < 1010 and max(years) > 2990
    forms = {re.sub(r"[0-9]+", "9", re.sub(r"[A-Za-z]+(?<!of)(?<!the)", "w", words)) for words, _ in found}
    assert len(forms) >= 10
    assert datetime.strptime("3 mar 1987", "%d %b %Y").date() == as_date("3 mar 1987")[0]


ORDINALS = [(1, "1st", "first"), (2, "2nd", "second"), (3, "3rd", "third"), (11, "11th", "eleventh"),
            (12, "12th", "twelfth"), (13, "13th", "thirteenth"), (20, "20th", "twentieth"),
            (21, "21st", "twenty-first"), (22, "22nd", "twenty-second"), (30, "30th", "thirtieth"),
            (31, "31st", "thirty-first")]  # fmt: skip


@pytest.mark.parametrize(("day", "short", "words"), ORDINALS)
def test_days_have_their_endings(day: int, short: str, words: str) -> None:
    assert (ordinal(day), ordinal_words(day)) == (short, words)


SPELT = [
    (0, "zero"), (7, "seven"), (13, "thirteen"), (20, "twenty"), (45, "forty-five"), (100, "one hundred"),
    (101, "one hundred one"), (999, "nine hundred ninety-nine"), (1000, "one thousand"),
    (12_015, "twelve thousand fifteen"), (4371, "four thousand three hundred seventy-one"),
    (1_000_001, "one million one"), (999_000_000, "nine hundred ninety-nine million"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "words"), SPELT)
def test_numbers_are_spelt(number: int, words: str) -> None:
    assert spelt(number) == words


def test_numbers_of_all_lengths_come_each_once() -> None:
    found = made("numbers", 2000, rng(), largest=999_999, longest=None)
    assert len(set(found)) == 2000 and all(spelt(int(source)) == target for source, target in found)
    lengths = np.bincount([len(source) for source, _ in found], minlength=7)
    assert (lengths[1:7] > [5, 50, 300, 300, 300, 300]).all()
    assert sorted(made("numbers", 10, rng(), largest=9, longest=None))[0] == ("0", "zero")


def test_copies_are_letters_of_all_lengths_each_once() -> None:
    found = made("copy", 2000, rng(), largest=9, longest=6)
    assert len(set(found)) == 2000 and all(source == target and source.islower() for source, target in found)
    assert {len(source) for source, _ in found} == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("name", MADE)
def test_the_same_seed_makes_the_same_pairs_and_another_one_others(name: str) -> None:
    one, again, other = (bind(DataSettings(set=name, samples=100), seed) for seed in (1, 1, 2))
    assert one.facts.fingerprint == again.facts.fingerprint != other.facts.fingerprint
    assert one.facts.source == "generated" and len(everything(one)) == 100


TOO_MANY = [
    ({"set": "numbers", "samples": 101, "largest": 99}, "101 are more than the 100 numbers up to 99"),
    ({"set": "dates", "samples": 1_000_000}, "1,000,000 are more than the 730,485 days"),
    ({"set": "copy", "samples": 500, "window": 2}, "500 are more than the 351 words of up to 2 letters"),
]


@pytest.mark.parametrize(("more", "words"), TOO_MANY)
def test_more_than_there_are_cannot_be_made(more: Any, words: str) -> None:
    with pytest.raises(PresetError) as caught:
        bind(DataSettings(**more))
    assert words in str(caught.value) and caught.value.key == "data.samples"


@pytest.mark.parametrize(
    ("name", "more"), [("dates", {"largest": 99}), ("copy", {"noise": 0.1}), ("dates", {"label": "1"})]
)
def test_a_setting_without_a_meaning_for_the_set_is_refused(name: str, more: Any) -> None:
    with pytest.raises(PresetError, match="has no meaning for"):
        bind(DataSettings(set=name, **more))


# -- on demand -----------------------------------------------------------------------------


def archive(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in members.items():
            packed.writestr(name.replace("__", "/"), text)
    return content.getvalue()


FRENCH = "".join(f"Go {number}.\tVa {number} !\n" for number in range(40)).encode()


@pytest.fixture
def tatoeba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The set with a small archive in the place of its own."""
    packed = archive(**{"fra-eng__fra.txt": FRENCH, "..__..__evil.txt": b"x"})
    file = sets.RemoteFile("fra-eng.zip", len(packed), hashlib.sha256(packed).hexdigest(), len(packed))
    monkeypatch.setitem(sets.BY_NAME, "tatoeba", dataclasses.replace(sets.BY_NAME["tatoeba"], files=(file,)))
    monkeypatch.setenv("TUINET_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "tatoeba"
    folder.mkdir(parents=True)
    (folder / "fra-eng.zip").write_bytes(packed)
    return tmp_path


def test_an_archive_is_read_in_memory_and_nothing_of_it_is_unpacked(tatoeba: Path) -> None:
    bound = bind(DataSettings(set="tatoeba"), 1)
    assert ("Go 7.", "Va 7 !") in everything(bound) and len(everything(bound)) == 40
    assert bound.facts.source == "cached"
    assert [path.name for path in tatoeba.rglob("*") if path.is_file()] == ["fra-eng.zip"]


BROKEN = [
    (archive(**{"other.txt": b"x"}), "the archive holds no fra.txt"),
    (archive(**{"fra.txt": FRENCH})[:-30], "the archive is damaged"),
    (archive(**{"fra.txt": FRENCH}).replace(b"PK\x01\x02", b"PK\x01\x03"), "the archive is damaged"),
    (archive(**{"fra.txt": bytes(9_000_000)}), "unpacks to more than"),
    (b"no zip", "the archive is damaged"),
]


@pytest.mark.parametrize(("content", "words"), BROKEN)
def test_a_bad_archive_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(DataError) as caught:
        zip_member(content, "fra.txt", "tatoeba")
    assert words in str(caught.value)


def test_a_member_with_another_checksum_is_damaged() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("fra.txt", FRENCH)
    with pytest.raises(DataError, match="the archive is damaged"):
        zip_member(content.getvalue().replace(b"Va 7 !", b"Va 8 !"), "fra.txt", "tatoeba")


# -- kept in the run -----------------------------------------------------------------------


def test_what_a_run_keeps_of_pairs_reads_back(tmp_path: Path) -> None:
    from tuinet.runs import data as kept

    bound = read(write(tmp_path, WORDS))
    (tmp_path / "data.json").write_bytes(encoded(bound.facts, bound.scaler))
    facts, words = kept.read(tmp_path) or pytest.fail("nothing was kept")
    assert facts.as_table() == bound.facts.as_table() and words == bound.scaler


DAMAGE: list[tuple[dict[str, Any], str]] = [
    ({"source_steps": 5}, "steps"),
    ({"source_steps": 0}, "steps"),
    ({"padded": False}, "source_steps"),
    ({"source_steps": -1}, "source_steps"),
    ({"source_steps": 12, "steps": 0}, "source_steps"),
]


@pytest.mark.parametrize(("change", "key"), DAMAGE)
def test_facts_that_do_not_agree_are_refused(change: dict[str, Any], key: str, tmp_path: Path) -> None:
    table = read(write(tmp_path, WORDS)).facts.as_table()
    assert isinstance(BoundFacts.from_table(table), Facts)
    with pytest.raises(DataError, match=f"says {key} ="):
        BoundFacts.from_table(table | change)


@pytest.mark.parametrize(("change", "key"), [({"source": 5_000}, "source"), ({"padded": False}, "source")])
def test_a_vocabulary_that_cannot_be_is_refused(change: dict[str, Any], key: str, tmp_path: Path) -> None:
    table = read(write(tmp_path, WORDS)).scaler.as_table()
    with pytest.raises(DataError, match=f"says {key} ="):
        Vocabulary.from_table(table | change)


# -- the adviser and the list --------------------------------------------------------------


def test_a_preset_is_proposed_for_pairs_and_fits_them(tmp_path: Path) -> None:
    text, reasons = preset_from_pairs(write(tmp_path, many()))
    preset = presets.load("mine.toml", text=text)
    bound = bind(preset.data, 1)
    assert preset.network(bound.facts) is not None and preset.data.tokens == "characters"
    assert reasons[0] == "200 pairs: up to 3 characters are read, up to 5 are written."
    text, _ = preset_from_pairs(write(tmp_path, b"f\xfcnf\tfive\n" * 3))
    assert presets.load("mine.toml", text=text).data.tokens == "bytes"


def test_pairs_stand_in_the_list_of_sets_and_can_be_looked_into() -> None:
    found = {row["set"]: row for row in rows(tuinet("data", "--json").stdout)}
    assert [found[name]["state"] for name in ("dates", "numbers", "copy")] == ["generated"] * 3
    row, example, *_ = rows(tuinet("data", "show", "dates", "--json").stdout)
    assert (row["train"], row["validation"], row["classes"]["<end>"]) == (450, 50, 450)
    first = dict(pairs_of(bound := bind(DataSettings(set="dates")), bound.train))
    assert example["row"] == "example" and example["label"] in first.values()
    shown = tuinet("data", "show", "dates").stdout
    assert "translation" in shown and all(any(text in line and wanted in line for line in shown.splitlines())
                                          for text, wanted in list(first.items())[:3])  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [(("run", "digits", "--pairs"), "goes with --data FILE"),
     (("run", "--data", "x.tsv", "--pairs", "--label", "1"), "leave --label out"),
     (("run", "--data", "x.tsv", "--pairs", "--series"), "leave --series out")],
)  # fmt: skip
def test_flags_that_do_not_go_together_are_refused(words: tuple[str, ...], said: str) -> None:
    result = tuinet(*words)
    assert result.exit_code == 2 and said in result.output
