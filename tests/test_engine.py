"""What the engine promises: the same bits on any number of threads, exact resume, a guard before the update."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.networks import dense, layer, make, make_tokens, optimizers, stacks, token_stacks
from tuinet.engine import cache, reference
from tuinet.engine.sharing import batch_cuts
from tuinet.errors import RunDamaged

STACKS, OPTIMIZERS, TOKEN_STACKS = stacks(), optimizers(), token_stacks()


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(one[k].tobytes() == other[k].tobytes() for k in one)


@pytest.mark.parametrize("batch", [1, 2, 13, 32])
@pytest.mark.parametrize("name", TOKEN_STACKS)
def test_any_number_of_threads_gives_the_same_bits_on_sequences_and_small_batches(name: str, batch: int) -> None:
    settings = dict(padded=True, batch_size=batch, accumulate=2)
    one, *several = (make_tokens(TOKEN_STACKS[name], threads=count, **settings) for count in (1, 2, 3))
    for trainer in (one, *several):
        assert trainer.run(60.0, 6) == "done"
    for trainer in several:
        assert same(one.model(), trainer.model())
        assert one.evaluate(one.bound.train) == trainer.evaluate(trainer.bound.train)


def test_a_small_batch_of_heavy_examples_is_shared_out_among_the_threads() -> None:
    light, heavy = ([layer("reshape", shape=(3, 4)), dense(units), layer("flatten"), dense(5)] for units in (20, 700))
    for stack, cuts in ((light, [0, 6, 6]), (heavy, [0, 3, 6])):
        trainer = make(stack, batch_size=6, threads=2)
        assert batch_cuts(6, 2, trainer.plan.micro_batches[0]) == cuts


def test_heavy_examples_are_shared_out_evenly_and_light_ones_by_whole_tiles() -> None:
    light, heavy = ([dense(units), dense(5)] for units in (20, 2048))
    for stack, cuts in ((light, [0, 8, 24, 32, 40, 56, 64]), (heavy, [0, 11, 21, 32, 43, 53, 64])):
        assert batch_cuts(64, 6, make(stack, batch_size=64, threads=2).plan.micro_batches[0]) == cuts


@pytest.mark.parametrize("threads", [3, *(pytest.param(count, marks=pytest.mark.slow) for count in (2, 5))])
@pytest.mark.parametrize("name", STACKS)
def test_any_number_of_threads_gives_the_same_bits(name: str, threads: int) -> None:
    one, several = (make(STACKS[name], batch_size=49, threads=count) for count in (1, threads))
    for trainer in (one, several):
        assert trainer.run(60.0, 15) == "done"
    assert same(one.model(), several.model())
    assert one.drain().tobytes() == several.drain().tobytes()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_threads_agree_for_every_optimizer_with_clipping_and_accumulation(name: str) -> None:
    settings = dict(accumulate=3, clip_norm=0.3, clip_value=0.1)
    one, two = (make(STACKS["odd and wide"], None, OPTIMIZERS[name], threads=t, **settings) for t in (1, 2))
    for trainer in (one, two):
        assert trainer.run(60.0, 8) == "done"
    assert same(one.model(), two.model()) and same(one.optimizer_state(), two.optimizer_state())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "name",
    [name for name in STACKS if name.startswith(("convolution", "depth", "sequence", "transposed", "upsampled"))],
)
def test_rows_in_blocks_give_the_same_bits_as_all_rows_at_once(
    name: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuinet.engine import cpu

    found = []
    for near in (1, 4096, 1 << 40):  # row by row, a few rows, all of them
        monkeypatch.setattr(cpu, "NEAR", near)
        found.append(make(STACKS[name], batch_size=49, threads=threads))
        assert found[-1].run(60.0, 8) == "done"
    row_by_row, few, at_once = (
        sum(len(starts) for _, *both in trainer.machine.tables for starts in both) for trainer in found
    )
    assert row_by_row > few > at_once, "nothing is worked on in blocks"
    for other in found[1:]:
        assert same(found[0].model(), other.model()) and same(found[0].optimizer_state(), other.optimizer_state())


@pytest.mark.parametrize("threads", [1, 2])
def test_only_what_is_cut_along_its_rows_is_worked_on_in_blocks(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a batch has as many rows as a layer has columns, the sums of the columns are as long as the batch."""
    from tuinet.engine import cpu

    groups, grouped = [], cpu.by_rows

    def watched(items: Any, dealt: Any) -> Any:
        groups.extend(found := grouped(items, dealt))
        return found

    monkeypatch.setattr(cpu, "by_rows", watched)
    monkeypatch.setattr(cpu, "NEAR", 1)
    layers = [
        layer("reshape", shape=(4, 3, 1)),
        layer("conv2d", filters=24, kernel=(4, 3), activation="tanh"),
        layer("flatten"),
        layer("batch_norm"),
        layer("activation", function="relu"),
        dense(24, "tanh"),
        dense(5),
    ]
    trainer = make(layers, batch_size=24, threads=threads)
    assert "sum_rows" in {group[0].call.op.name for group in groups if group[0] != cpu.BARRIER}
    for group in groups:
        for item in group if len(group) > 1 else ():
            axes = dict(zip(item.call.operands, item.axes, strict=True))
            assert set(axes.values()) <= {0, None}, item.call
            assert {axes[slot] for slot in item.call.writes} == {0}, item.call
    assert max(map(len, groups)) > 1
    monkeypatch.setattr(cpu, "NEAR", 1 << 40)
    at_once = make(layers, batch_size=24, threads=threads)
    for each in (trainer, at_once):
        each.run(60.0, 4)
    assert same(trainer.model(), at_once.model())


def test_a_convolution_costs_no_more_barriers_than_it_must() -> None:
    """Nine: what follows a fresh value is cut as that one is, and no gradient is copied to where it belongs."""
    from tuinet.engine.bench import TASKS, trainer_for

    trainer = trainer_for(TASKS["cnn"], "cnn", threads=2)
    assert trainer.machine.barriers == 9
    written = {slot.root for part in trainer.plan.micro_batches for call in part for slot in call.writes}
    assert "copy" not in {call.op.name for part in trainer.plan.micro_batches for call in part}
    assert written >= set(trainer.program.gradients.values())


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="only there it is known how")
@pytest.mark.parametrize("threads", [1, 2])
def test_numbers_that_are_too_small_do_not_stay_in_the_optimizer(threads: int) -> None:
    """Moments of a weight that never gets a gradient shrink to denormals: on the CPU these become 0 while steps are
    taken, in every thread, and nowhere else.
    """
    small, least = np.float32(1e-40), np.finfo(np.float32).tiny
    trainer = make([dense(40, "relu"), dense(5)], threads=threads)
    moment = next(s for s in trainer.program.slots if s.kind == "state" and s.name == "dense_1.W.m")
    values = trainer.arena.view(moment).copy()
    values[0] = small
    trainer.arena.write(moment, values)
    trainer.arena.data["train.inputs"][:, 0] = 0
    trainer.run(60.0, 1)
    after = trainer.arena.view(moment)
    assert (after[0] == 0).all() and (after[1] != 0).any()
    assert 0 < small * np.float32(0.5) < least, "this thread computes as before"
    assert 0 < alone("adam", small) < least, "the control: the kernel alone keeps what is small"


def alone(name: str, moment: np.float32) -> np.float32:
    """What an optimizer's kernel makes of a moment without a gradient, outside of the loop."""
    import ctypes

    from tuinet.engine import cpu
    from tuinet.kernels import OPS

    op, table = OPS[name], cpu.Table()
    p, g, m, v = (np.zeros((1, 1), np.float32) for _ in range(4))
    m[0, 0] = moment
    real = np.float32(0.1)
    operands = [p, g, m, v, np.full((), real), np.full((), real), np.zeros((), np.int32), 0.9, 0.999, 1e-8, 0.0]
    table.add(cpu.kernel_of(op), cpu.layout(op).split(), *operands)
    words, _ = table.arrays()
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(int(words[0]))(words.ctypes.data + 8)
    return m[0, 0]


def test_a_kernel_can_ask_for_what_it_will_need_soon() -> None:
    from numba import njit, types

    from tuinet.engine.primitives import kinds_of
    from tuinet.kernels.parts import ask_for

    def asks(x: Any) -> None:
        ask_for(x, 1, 3, 40)

    def reads(x: Any) -> None:
        x[1, 3] = x[1, 4]

    asked, not_asked = (
        "".join(njit(types.void(*kinds_of("f2")))(function).inspect_llvm().values()) for function in (asks, reads)
    )
    assert "llvm.prefetch" in asked and "llvm.prefetch" not in not_asked
    before = np.arange(10, dtype=np.float32).reshape(2, 5)
    asks(before)  # outside of a kernel it means nothing
    assert before.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_threads_without_barriers_would_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: barriers are what the promise rests on."""
    from tuinet.engine import sharing

    one = make(STACKS["odd and wide"], threads=1, batch_size=49)
    one.run(60.0, 300)
    assert make(STACKS["odd and wide"], threads=2, batch_size=49).machine.barriers > 3
    monkeypatch.setattr(sharing.Sharing, "wait", lambda self: None)
    for _ in range(20):
        two = make(STACKS["odd and wide"], threads=2, batch_size=49)
        assert two.machine.barriers == 0
        two.run(60.0, 300)
        if not same(one.model(), two.model()):
            return
    raise AssertionError("twenty times the same bits without a barrier")


@pytest.mark.parametrize(("device", "threads"), [("cpu", 1), ("cpu", 2), ("reference", 1)])
@pytest.mark.parametrize("name", ["dropout", "batch norm", "residual", "odd and wide"])
def test_training_goes_on_from_a_checkpoint_to_the_last_bit(name: str, device: str, threads: int) -> None:
    whole, first, second = (make(STACKS[name], device=device, threads=threads) for _ in range(3))
    whole.run(60.0, 20)
    first.run(60.0, 13)
    second.load(first.model(), first.optimizer_state(), first.step)
    second.run(60.0, 20)
    assert same(whole.model(), second.model()) and same(whole.optimizer_state(), second.optimizer_state())


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (3, 2)])
def test_a_checkpoint_does_not_know_how_many_threads_made_it(before: int, after: int) -> None:
    whole, first, second = (make(STACKS["odd and wide"], threads=count) for count in (1, before, after))
    whole.run(60.0, 20)
    first.run(60.0, 13)
    second.load(first.model(), first.optimizer_state(), first.step)
    second.run(60.0, 20)
    assert same(whole.model(), second.model())


def test_a_matrix_that_is_dealt_out_cannot_be_written_by_accident() -> None:
    trainer = make(STACKS["odd and wide"], threads=2)
    dealt = next(slot for slot in trainer.arena.dealt if slot.kind == "parameter")
    with pytest.raises(ValueError, match="read-only"):
        trainer.arena.view(dealt)[...] = 0
    assert dealt.name == "dense_1.W" and trainer.arena.view(dealt).shape == (12, 129)


def test_an_epoch_sees_every_example_once_though_batches_straddle_epochs() -> None:
    trainer = make(STACKS["one neuron a class"], batch_size=24)
    seen: list[int] = []
    for step in range(1, 16):
        trainer.run(60.0, step)
        seen += trainer.arena.view(trainer.plan.rows).tolist()
    for epoch in range(3):
        assert sorted(seen[90 * epoch : 90 * (epoch + 1)]) == list(range(90))
    assert seen[:90] != seen[90:180]
    assert [trainer.epoch_end(e) for e in range(5)] == [0, 4, 8, 12, 15]


def test_the_order_of_examples_depends_on_the_seed_alone() -> None:
    orders = []
    for seed in (1, 1, 2):
        trainer = make(STACKS["one neuron a class"], seed=seed)
        trainer.run(60.0, 1)
        orders.append(trainer.arena.view(trainer.plan.rows).tolist())
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("device,threads", [("cpu", 1), ("cpu", 2), ("reference", 1)])
@pytest.mark.parametrize("where", ["data", "weight"])
def test_what_is_not_finite_stops_the_run_before_the_update(where: str, device: str, threads: int) -> None:
    trainer = make(STACKS["odd and wide"], device=device, threads=threads, batch_size=49)
    trainer.run(60.0, 5)
    if where == "data":
        trainer.arena.data["train.inputs"][...] = np.nan
    else:
        weights = trainer.model()
        weights["dense_2.W"][3, 4] = np.inf
        trainer.load(weights)
    before, state = trainer.model(), trainer.optimizer_state()
    assert trainer.run(60.0, 30) == "diverged"
    assert trainer.step == 5 and same(before, trainer.model()) and same(state, trainer.optimizer_state())
    found = trainer.explain_divergence()
    assert found["step"] == 5 and len(found["batch"]) == 49
    assert found["layer"] == ("the input" if where == "data" else "dense_2")
    assert not np.isfinite(trainer.drain()[-1]).all()


@pytest.mark.parametrize("layers", [STACKS["odd and wide"], STACKS["reshaped"], [layer("flatten")]], ids=str)
def test_any_number_of_examples_is_evaluated_alike_on_every_target(layers: list[Any]) -> None:
    """Whole passes are walked along without a copy, what is left over goes through a pass of its own."""
    outputs = 12 if len(layers) == 1 else 5
    one, two, judge = (
        make(layers, outputs=outputs, threads=count, device=device)
        for count, device in ((1, "cpu"), (2, "cpu"), (1, "reference"))
    )
    assert one.pass_rows == 90
    chance = np.random.default_rng(4)
    for count in (1, 89, 90, 91, 275):
        inputs = chance.standard_normal((count, 12)).astype(np.float32)
        part = SimpleNamespace(inputs=inputs, targets=chance.integers(0, outputs, count).astype(np.int32))
        assert one.outputs(inputs).tobytes() == two.outputs(inputs).tobytes()
        np.testing.assert_allclose(one.outputs(inputs), judge.outputs(inputs), rtol=1e-4, atol=1e-5)
        assert one.evaluate(part) == two.evaluate(part)
        assert one.evaluate(part) == pytest.approx(judge.evaluate(part), rel=1e-4)


@pytest.mark.parametrize("device", ["cpu", "reference"])
def test_the_row_that_made_an_accumulated_step_diverge_is_named(device: str) -> None:
    """Each part of the batch overwrites what the part before it made: it is worked out once more."""
    trainer = make(STACKS["odd and wide"], device=device, threads=2, batch_size=8, accumulate=5)
    trainer.run(60.0, 1)
    part = trainer.plan.micro_batches[1]
    reference.run(part, trainer.arena)
    bad = trainer.arena.view(trainer.plan.rows).tolist()
    trainer.arena.data["train.inputs"][[trainer.arena.view(trainer.plan.rows)[3]]] = np.nan
    assert trainer.run(60.0, 9) == "diverged"
    found = trainer.explain_divergence()
    assert (found["layer"], found["kind"]) == ("the input", "loss")
    assert found["step"] > 1 or found["batch"] == bad
    assert np.isnan(trainer.arena.data["train.inputs"][found["batch"]]).any()


def test_a_gradient_too_long_for_float32_is_named_by_its_layer() -> None:
    from tuinet.losses import LOSSES

    trainer = make([dense(5, "tanh"), dense(3)], LOSSES["mean_squared_error"](), outputs=3)
    trainer.arena.data["train.targets"][...] = -1e17
    weights = trainer.model()
    weights["dense_2.W"][...] = 1e4
    trainer.load(weights)
    trainer.arena.data["train.inputs"][...] *= 100
    assert trainer.run(60.0, 1) == "diverged"
    assert trainer.explain_divergence()["layer"] in ("dense_1", "dense_2")


def test_running_statistics_stay_finite_when_the_guard_stops_a_step() -> None:
    trainer = make(STACKS["batch norm"])
    trainer.run(60.0, 3)
    before = trainer.model()
    trainer.arena.data["train.inputs"][...] = np.nan
    assert trainer.run(60.0, 9) == "diverged"
    assert same(before, trainer.model())


def test_running_statistics_take_in_every_part_of_an_accumulated_batch() -> None:
    whole = make(STACKS["batch norm"], batch_size=12, accumulate=3)
    parts = [make(STACKS["batch norm"], batch_size=12) for _ in range(3)]
    whole.run(60.0, 1)
    means = []
    for part, trainer in enumerate(parts):
        trainer.arena.write(trainer.program.step, part)  # the same examples: step k of batches of 12
        trainer.run(60.0, part + 1)
        means.append(trainer.model()["batch_norm_1.mean"])
    assert np.allclose(whole.model()["batch_norm_1.mean"], np.mean(means, axis=0), rtol=1e-5, atol=1e-7)


def test_clipping_by_value_does_not_hide_an_infinite_gradient() -> None:
    trainer = make(STACKS["no bias"], clip_value=0.1)
    for call in trainer.plan.guarded:
        if call.op.name == "clip_values":
            view = trainer.arena.stretch("gradient")
            view[...] = 1.0
            view[3] = np.inf
            reference.step(call, trainer.arena)
            assert np.isinf(view[3]) and np.allclose(np.delete(view, 3), 0.1)
            return
    raise AssertionError("there is no call that clips")


def test_every_part_of_an_accumulated_batch_has_coins_of_its_own() -> None:
    trainer = make(STACKS["dropout"], device="reference", batch_size=6, accumulate=3)
    slot = next(c.results[0] for c in trainer.plan.sections["forward"] if c.op.name == "dropout")
    masks = []
    for part in trainer.plan.micro_batches:
        reference.run(part, trainer.arena)
        masks.append(trainer.arena.view(slot) == 0)
    assert not (masks[0] == masks[1]).all() and not (masks[1] == masks[2]).all()


def test_spatial_dropout_leaves_out_a_channel_everywhere_or_nowhere() -> None:
    layers = [
        layer("reshape", shape=(2, 3, 2)),
        layer("upsample"),
        layer("conv2d", filters=40, kernel=(1, 1), bias_start=1.0),
        layer("spatial_dropout", rate=0.25),
        layer("global_average_pool"),
        dense(5),
    ]
    trainer = make(layers, device="reference")
    call = next(c for c in trainer.plan.sections["forward"] if c.op.name == "dropout")
    reference.run(trainer.plan.micro_batches[0], trainer.arena)
    x, y = (trainer.arena.view(slot).reshape(24, 4 * 6, 40) for slot in (call.inputs[0], call.results[0]))
    kept = y != 0
    assert (kept == kept[:, :1]).all(), "a channel is in one place and not in another"
    assert 0.68 < kept[:, 0].mean() < 0.82 and len({row.tobytes() for row in kept[:, 0]}) == 24
    assert np.allclose(y[kept], x[kept] / 0.75)


def test_weights_of_another_network_are_refused_and_nothing_is_changed() -> None:
    trainer = make(STACKS["no bias"])
    good, state = trainer.model(), trainer.optimizer_state()
    one_unit = {**good, "dense_1.W": good["dense_1.W"][:, :1]}
    with pytest.raises(RunDamaged, match=r"dense_1.W is 12 x 1 in the checkpoint, and 12 x 17 in the network"):
        trainer.load(one_unit)
    with pytest.raises(RunDamaged, match=r"dense_2.W is not there in the checkpoint"):
        trainer.load({"dense_1.W": good["dense_1.W"]})
    with pytest.raises(RunDamaged, match=r"other.W is 3 in the checkpoint, and not there"):
        trainer.load({**good, "other.W": np.zeros(3)})
    with pytest.raises(RunDamaged, match=r"dense_1.W.m"):
        trainer.load({k: v + 1 for k, v in good.items()}, {**state, "dense_1.W.m": np.zeros(1)})
    assert same(trainer.model(), good)


def test_a_stretch_ends_on_request_at_the_deadline_and_at_its_last_step() -> None:
    trainer = make(STACKS["one neuron a class"])
    assert trainer.run(0.02, 10**9) == "time"
    trainer.ask_to_stop()
    assert trainer.run(60.0, 10**9) == "asked"
    assert trainer.run(60.0, trainer.step + 3) == "done"
    rows = trainer.drain()
    assert rows[:, 0].tolist() == list(range(trainer.step))


def test_the_learning_rate_follows_its_schedule_step_by_step() -> None:
    from tuinet.optimizers import SCHEDULES, SGD

    schedule = SCHEDULES["cosine"](warm_up=3)
    trainer = make(STACKS["one neuron a class"], None, SGD(learning_rate=0.5), schedule=schedule, epochs=4)
    rates = trainer.rates_at(np.arange(trainer.total_steps))
    assert rates.argmax() in (2, 3) and rates[-1] < 0.1 * rates.max()
    trainer.set_rate(0.0)
    before = trainer.model()
    trainer.run(60.0, 4)
    assert same(before, trainer.model())


def test_frozen_layers_keep_their_bits() -> None:
    trainer = make(STACKS["frozen"])
    before = trainer.model()
    trainer.run(60.0, 6)
    after = trainer.model()
    assert before["dense_1.W"].tobytes() == after["dense_1.W"].tobytes()
    assert before["dense_2.W"].tobytes() != after["dense_2.W"].tobytes()


def test_prediction_drops_nothing_out_and_uses_running_statistics() -> None:
    trainer = make([dense(9, "tanh"), layer("batch_norm"), layer("dropout", rate=0.5), dense(5)])
    trainer.run(60.0, 12)
    once = trainer.outputs(trainer.bound.train.inputs)
    alone = np.concatenate([trainer.outputs(row[None]) for row in trainer.bound.train.inputs[:7]])
    assert np.array_equal(once[:7], alone)


def test_a_network_learns_what_can_be_learnt() -> None:
    trainer = make(STACKS["odd and wide"], batch_size="all")
    assert trainer.evaluate(trainer.bound.train)["accuracy"] < 0.5
    trainer.run(60.0, 400)
    assert trainer.evaluate(trainer.bound.train)["accuracy"] == 1.0


WARM = """
import numba.core.event as event
from tests.networks import make, stacks, dense
count = 0
class Counter(event.Listener):
    def on_start(self, e):
        global count
        count += 1
    def on_end(self, e): pass
with event.install_listener("numba:run_pass", Counter()):
    for network in {networks}:
        make(network, threads=2).run(60.0, 3)
print(count)
"""


def passes(networks: str) -> int:
    code = WARM.replace("{networks}", networks)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["cpu.run-", "cpu.walk-", "tiles.tuinet_product-", "tiles.tuinet_product_turned-"])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_damaged_file_in_the_kernel_cache_is_compiled_anew(tmp_path: Path, damaged: str, ending: str) -> None:
    """Numba's files are pickles without a checksum: one cut short must not stop every start from then on."""
    code = "from tests.networks import make, dense; make([dense(5)]).run(60.0, 1)"
    words = [sys.executable, "-c", code]
    subprocess.run(words, check=True)
    shutil.copytree(cache.base(), tmp_path / "kernels", ignore=shutil.ignore_patterns("*.tmp.*"))
    environment = {**os.environ, "TUINET_DATA": str(tmp_path)}
    files = [path for path in tmp_path.rglob(f"*.{ending}") if damaged in path.name]
    assert files
    for path in files:
        path.write_bytes(b"")
    subprocess.run(words, check=True, env=environment)
    assert all(path.stat().st_size for path in tmp_path.rglob(f"*.{ending}"))


def test_an_edited_network_compiles_nothing_in_a_later_process() -> None:
    passes("stacks().values()")
    edited = '[[dense(31, "tanh"), dense(77, "gelu"), dense(5)], [dense(3, "elu"), dense(5)]]'
    assert passes(edited) == 0
