"""What a network costs is planned without the compiler, as far as it fits, and its time is foretold."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from math import prod
from pathlib import Path

import pytest

from tuinet import presets
from tuinet.data import bind_for
from tuinet.data.sets import SetInfo
from tuinet.errors import DataError, PresetError
from tuinet.training import forecast
from tuinet.training.forecast import Speed, epoch_seconds, kept, measured
from tuinet.training.planning import Work, data_of, plan_of, planned

SMALL = ("digits", "digits-cnn", "deep-plain", "char-lstm", "xor", "letters")


@pytest.mark.parametrize("name", SMALL)
def test_a_plan_says_what_the_recorded_step_holds(name: str) -> None:
    preset = presets.load(name)
    bound = bind_for(preset)
    found = planned(preset, bound.facts, len(bound.train.inputs))
    plan = plan_of(preset, bound.facts, len(bound.train.inputs))
    assert found.error is None
    assert list(found.layers) == [row.path for row in plan.rows]
    assert (found.parameters, found.multiply_adds, found.memory_bytes) == (
        plan.parameters, plan.multiply_adds, plan.arena_bytes,
    )  # fmt: skip
    weights = [shape for tensor, shape in found.tensors.items() if not tensor.endswith((".mean", ".variance"))]
    sizes = [prod(shape) for shape in weights]
    assert sum(sizes) == found.parameters
    assert found.work.products >= found.multiply_adds * found.batch and found.work.calls > 0


def test_of_a_network_that_does_not_fit_the_layers_before_it_are_planned() -> None:
    preset = presets.load("digits-cnn")
    facts, examples = data_of(preset)
    wrong = preset.with_overrides(["layers.-1.units=3"])
    found = planned(wrong, facts, examples)
    assert isinstance(found.error, PresetError)
    assert (found.parameters, found.tensors, found.batch) == (0, {}, 0)
    whole = planned(preset, facts, examples)
    *before, last = whole.layers
    assert [found.layers[path].output_shape for path in before] == [whole.layers[path].output_shape for path in before]
    assert [found.layers[path].parameters for path in before] == [whole.layers[path].parameters for path in before]
    assert found.layers[last].output_shape == (3,)


def test_looking_at_a_network_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SetInfo, "state", property(lambda known: "not fetched"))
    monkeypatch.setattr("tuinet.data.bind_for", lambda preset: pytest.fail("the data were read"))
    with pytest.raises(DataError, match="tuinet data get digits"):
        data_of(presets.load("digits"))


def test_planning_loads_neither_the_compiler_nor_textual() -> None:
    code = (
        "import json, sys\n"
        "from tuinet import presets\n"
        "from tuinet.training.planning import data_of, planned\n"
        "from tuinet.training import forecast\n"
        "from tuinet.tui.draft import Draft\n"
        "preset = presets.load('digits')\n"
        "assert Draft(preset).rows(planned(preset, *data_of(preset)))[0].output\n"
        "assert forecast.measured().products > 0\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"numba", "llvmlite", "textual", "scipy"} & set(json.loads(done.stdout))


def test_where_nobody_knows_how_many_examples_there_are_no_time_is_foretold() -> None:
    preset = presets.load("digits")
    facts, examples = data_of(preset)
    found, known = planned(preset, facts, 0), planned(preset, facts, examples)
    assert found.layers == known.layers and found.batch == known.batch
    assert epoch_seconds(found, Speed(1e10, 1e9)) is None
    assert planned(preset.with_overrides(['training.batch_size="all"']), facts, 0).error is None


# -- how long an epoch will take -------------------------------------------------------------

WORK = Work(products=1_000_000, numbers=50_000, calls=20)


def test_more_work_takes_longer_in_the_measure_of_what_grows() -> None:
    speed = Speed(1e10, 1e9, share=0.5)
    at_best = 1e-4 + 5e-5 + 20 * forecast.CALL
    assert speed.seconds(WORK) == pytest.approx(2 * at_best)
    for more in (Work(2_000_000, 50_000, 20), Work(1_000_000, 90_000, 20), Work(1_000_000, 50_000, 400)):
        assert speed.seconds(more) > speed.seconds(WORK)


def test_a_training_tells_how_fast_the_machine_is() -> None:
    told = Speed(1e10, 1e9).told(WORK, 0.003)
    assert told.known and told.seconds(WORK) == pytest.approx(0.003)
    twice = Work(2 * WORK.products, 2 * WORK.numbers, 2 * WORK.calls)
    assert told.seconds(twice) == pytest.approx(0.006)
    assert told.told(WORK, 0.0) is told


def test_an_epoch_is_as_many_steps_as_hold_all_examples() -> None:
    preset = presets.load("digits")
    found = planned(preset, *data_of(preset))
    speed = Speed(1e10, 1e9)
    seconds = epoch_seconds(found, speed)
    assert seconds == pytest.approx(speed.seconds(found.work) * found.examples / found.batch)
    wrong = planned(preset.with_overrides(["layers.-1.units=3"]), *data_of(preset))
    assert epoch_seconds(wrong, speed) is None


def test_the_speed_of_the_machine_is_measured_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    first = kept(folder)
    assert 1e7 < first.numbers < 1e13 and 1e7 < first.products < 1e14 and not first.known
    monkeypatch.setattr(forecast, "measured", lambda: pytest.fail("measured again"))
    assert kept(folder) == first
    forecast.keep(first.told(WORK, 0.01), folder)
    assert kept(folder).known


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"products": -1, "numbers": 1, "share": 1}', '{"products": "x", "numbers": 1}',
     '{"products": NaN, "numbers": 1}', '{"products": 1, "numbers": 1, "more": 2}', "9" * 9_000],
)  # fmt: skip
def test_a_damaged_cache_is_measured_anew(text: str, tmp_path: Path) -> None:
    (tmp_path / forecast.NAME).write_text(text)
    found = kept(tmp_path)
    assert found.products > 1e6
    assert kept(tmp_path) == found


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert kept(tmp_path / "file" / "folder").products > 1e6


def test_measuring_takes_no_time_that_anybody_would_notice() -> None:
    measured()
    start = time.perf_counter()
    measured()
    assert time.perf_counter() - start < 0.5


def test_each_device_has_a_speed_of_its_own(tmp_path: Path) -> None:
    forecast.keep(Speed(1e10, 1e9).told(WORK, 0.01), tmp_path)
    forecast.keep(Speed(1e10, 1e9).told(WORK, 0.0001), tmp_path, "cuda:0")
    assert kept(tmp_path, "cpu") == kept(tmp_path)
    assert kept(tmp_path, "cpu").seconds(WORK) == pytest.approx(0.01)
    assert kept(tmp_path, "cuda:0").seconds(WORK) == pytest.approx(0.0001)
    assert not kept(tmp_path, "cuda:1").known
