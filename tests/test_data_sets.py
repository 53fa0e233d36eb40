"""The sets that tuinet knows by name: what is listed is what is there, and it is light to list."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tuinet.data import DataSettings, bind, catalog
from tuinet.data.compact import CompactColumn, pack, read_embedded, unpack
from tuinet.data.known import series, texts
from tuinet.data.playground import FEATURES, GENERATORS, generate
from tuinet.data.sets import BY_NAME, EMBEDDED, known_set
from tuinet.data.splits import random_numbers
from tuinet.errors import DataError, PresetError

ROOT = Path(__file__).parent.parent
TRAINABLE = [info for info in catalog() if info.kind == "embedded" and info.form != "text"]


def test_all_embedded_files_together_stay_under_six_megabytes() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED.glob("*.xz")) < 6_000_000


def test_every_embedded_file_belongs_to_a_set_and_every_set_has_one() -> None:
    assert {path.stem for path in EMBEDDED.glob("*.xz")} == {info.file for info in catalog() if info.kind == "embedded"}


def test_every_embedded_set_is_named_in_the_licences() -> None:
    text = (ROOT / "DATA_LICENSES.md").read_text()
    assert [info.name for info in catalog() if info.kind != "on_demand" and f"`{info.name}`" not in text] == []


@pytest.mark.parametrize("info", TRAINABLE, ids=lambda info: info.name)
def test_an_embedded_set_binds_to_what_the_list_says_of_it(info) -> None:  # type: ignore[no-untyped-def]
    bound = bind(DataSettings(set=info.name))
    parts = [part for part in (bound.train, bound.validation, bound.test) if part is not None]
    window = info.inputs[0] if info.form == "series" else 0
    assert sum(map(len, parts)) == info.examples - window
    assert (bound.facts.inputs, bound.facts.task) == (info.inputs, info.task)
    assert (len(bound.test) if bound.test else 0) == info.test
    for part in parts:
        assert part.inputs.dtype == np.float32 and part.inputs.flags.c_contiguous
        assert np.isfinite(part.inputs).all() and np.isfinite(part.targets).all()


def test_fashion_has_the_first_eight_thousand_and_two_thousand() -> None:
    fashion = read_embedded("fashion")
    assert fashion.column("image").values.shape == (10_000, 28, 28, 1)
    assert fashion.column("class").values[:5].tolist() == [9, 0, 0, 3, 0]  # the first labels of Zalando's file
    assert fashion.column("class").values[8_000:8_005].tolist() == [9, 2, 1, 1, 6]
    assert fashion.about["test"] == 2_000


def test_spambase_keeps_its_thousandths_exactly() -> None:
    spam = read_embedded("spambase")
    assert len(spam.columns) == 58
    assert spam.column("word_freq_make").values[:3].tolist() == [0.0, 0.21, 0.06]
    assert np.bincount(spam.column("class").values).tolist() == [2788, 1813]
    assert spam.column("char_freq_!").values[0] == 0.778


def test_surnames_and_series_can_be_read() -> None:
    names, languages = texts("surnames")
    assert len(names) == len(languages) == BY_NAME["surnames"].examples
    assert len(set(languages)) == 20 and min(languages.count(word) for word in set(languages)) > 30
    assert series("airline")[:3].tolist() == [112, 118, 132]
    assert all(len(series(info.name)) == info.examples for info in catalog() if info.form == "series")


def test_a_text_set_says_what_it_is_for() -> None:
    with pytest.raises(DataError, match=r"surnames holds text .* recurrent"):
        bind(DataSettings(set="surnames"))


def test_a_series_is_split_in_time_and_a_window_predicts_the_next_value() -> None:
    bound = bind(DataSettings(set="nile", window=3, validation=0.2, scale="none"))
    values = series("nile")
    assert bound.validation is not None
    assert bound.train.inputs[0].tolist() == values[:3, None].tolist()
    assert bound.validation.inputs[-1].tolist() == values[-4:-1, None].tolist()
    mean, deviation = bound.facts.target_scale or (0, 0)
    assert bound.validation.targets[-1] * deviation + mean == pytest.approx(values[-1], abs=1e-3)


def test_an_unknown_set_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(DataError, match='did you mean "fashion"'):
        known_set("fasion")


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"set": "fashion", "samples": 100}, "data.samples"),
        ({"set": "fashion", "label": "x"}, "data.label"),
        ({"set": "circle", "window": 3}, "data.window"),
        ({"set": "spambase", "separator": "tab"}, "data.separator"),
        ({"set": "nile", "window": 60}, "data.window"),
        ({"set": "spambase", "validation": "test"}, "data.validation"),
        ({"set": "fashion", "test": 0.2}, "data.test"),
        ({"set": "concrete", "split": "stratified"}, "data.split"),
        ({"set": "spambase", "scale": "pixels"}, "data.scale"),
        ({"set": "letters", "split": "uci-0"}, "data.split"),
    ],
)
def test_a_setting_that_does_not_fit_the_set_is_refused_by_its_key(settings: dict[str, object], key: str) -> None:
    with pytest.raises(PresetError) as caught:
        bind(DataSettings(**settings))  # type: ignore[arg-type]
    assert caught.value.key == key


def test_the_list_of_sets_loads_no_numpy() -> None:
    program = (
        "import sys, tuinet.data; tuinet.data.catalog(); "
        "print([name for name in ('numpy', 'lzma', 'urllib.request') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"


# -- the compact form ----------------------------------------------------------------------


def _packed() -> bytes:
    columns = [
        CompactColumn("amount", np.array([0.21, 3.5, -7.0])),
        CompactColumn("kind", np.array([0, 1, 1], np.uint8), ("a", "b")),
        CompactColumn("text", np.empty(0), lines=("x", "", "é\u2028z")),
    ]
    return pack({"name": "small", "label": "kind"}, columns)


def test_the_compact_form_gives_back_what_was_packed() -> None:
    small = unpack(_packed(), "small.xz")
    assert small.column("amount").values.tolist() == [0.21, 3.5, -7.0]
    assert small.column("kind").words == ("a", "b")
    assert small.column("text").lines == ("x", "", "é\u2028z")
    assert small.about["label"] == "kind"


def test_a_damaged_compact_file_is_refused_and_never_crashes() -> None:
    packed = _packed()
    for place in range(0, len(packed), 3):
        for wrong in (packed[:place], packed[:place] + bytes([packed[place] ^ 0x55]) + packed[place + 1 :]):
            with pytest.raises(DataError, match=r"small\.xz"):
                unpack(wrong, "small.xz")


def test_an_embedded_name_cannot_leave_its_folder() -> None:
    for name in ("../settings", "a/b", "", "A" * 70, "x\n"):
        with pytest.raises(DataError):
            read_embedded(name)


# -- the playground's generators -----------------------------------------------------------


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_gives_the_same_points_for_the_same_seed(name: str) -> None:
    first, again = (bind(DataSettings(set=name, noise=0.2), seed=3).facts.fingerprint for _ in range(2))
    assert first == again != bind(DataSettings(set=name, noise=0.2), seed=4).facts.fingerprint


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("n", [20, 501])
def test_a_generator_gives_as_many_points_as_asked_for(name: str, n: int) -> None:
    points, labels = generate(name, n, 0.5, random_numbers(1, 2))
    assert points.shape == (n, 2) and labels.shape == (n,)


def test_without_noise_labels_follow_the_playgrounds_formulas() -> None:
    def points(name: str) -> tuple[np.ndarray, np.ndarray]:
        return generate(name, 2_000, 0.0, random_numbers(1, 2))

    xy, labels = points("circle")
    radius = np.hypot(*xy.T)
    assert (labels == np.where(radius < 2.5, 1, -1)).all() and not ((radius > 2.5) & (radius < 3.5)).any()
    xy, labels = points("xor")
    assert (labels == np.where(xy[:, 0] * xy[:, 1] >= 0, 1, -1)).all() and np.abs(xy).min() >= 0.3
    xy, labels = points("gauss")
    for sign in (1, -1):
        assert xy[labels == sign].mean(axis=0) == pytest.approx([2 * sign] * 2, abs=0.1)
        assert xy[labels == sign].var() == pytest.approx(0.5, rel=0.1)
    xy, labels = points("spiral")
    radius, angle = np.hypot(*xy.T), np.arctan2(xy[:, 0], xy[:, 1])
    turn = (angle - radius / 5 * 1.75 * 2 * math.pi) % (2 * math.pi)
    on_arm = np.minimum(turn, 2 * math.pi - turn)
    assert np.abs(on_arm - np.where(labels == 1, 0, math.pi))[radius > 0].max() < 1e-9
    xy, labels = points("plane")
    assert labels == pytest.approx(xy.sum(axis=1) / 10)
    xy, labels = points("hills")
    near = np.argmin(np.hypot(xy[:, 0] + 4, xy[:, 1] - 2.5))
    assert labels[near] == pytest.approx(1 - np.hypot(xy[near, 0] + 4, xy[near, 1] - 2.5) / 2)
    assert labels.min() >= -1 and labels.max() <= 1 and (labels == 0).any()


def test_noise_flips_labels_of_circle_and_xor_and_moves_the_points_of_spiral() -> None:
    xy, labels = generate("circle", 2_000, 0.5, random_numbers(1, 2))
    assert 0.02 < (labels != np.where(np.hypot(*xy.T) < 2.5, 1, -1)).mean() < 0.4
    clean, _ = generate("spiral", 200, 0.0, random_numbers(1, 2))
    assert np.abs(clean).max() <= 5
    assert generate("gauss", 4_000, 0.5, random_numbers(1, 2))[0].std() == pytest.approx(math.sqrt(4 + 4), rel=0.1)


def test_the_seven_features_are_made_from_the_two_coordinates() -> None:
    names = tuple(FEATURES)
    bound = bind(DataSettings(set="circle", features=names, validation=0.0), seed=1)
    x, y = bound.train.inputs[:, 0], bound.train.inputs[:, 1]
    wanted = np.stack([x, y, x * x, y * y, x * y, np.sin(x), np.sin(y)], axis=1)
    assert bound.train.inputs == pytest.approx(wanted, abs=1e-5)
    assert bound.facts.columns == list(names)
    assert bound.prepare(np.array([[1.0, 2.0]]))[0] == pytest.approx([1, 2, 1, 4, 2, math.sin(1), math.sin(2)])


def test_circle_as_real_numbers_keeps_its_minus_one_and_one() -> None:
    bound = bind(DataSettings(set="circle"), wanted="reals")
    assert set(bound.train.targets.ravel().tolist()) == {-1.0, 1.0} and bound.facts.target_scale is None


def test_facts_and_scaling_survive_json() -> None:
    from tuinet.data import Facts, Prepare

    for settings in (DataSettings(set="concrete"), DataSettings(set="auto-mpg"), DataSettings(set="fashion", limit=10)):
        bound = bind(settings)
        facts = Facts.from_table(json.loads(json.dumps(bound.facts.as_table())))
        assert facts.as_table() == bound.facts.as_table() and facts.inputs == bound.facts.inputs
        again = Prepare.from_table(json.loads(json.dumps(bound.scaler_table())))
        rows = np.random.default_rng(1).uniform(0, 200, (7, *bound.scaler.raw))
        assert again(rows).tobytes() == bound.prepare(rows).tobytes()
