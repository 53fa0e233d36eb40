"""A session around a real worker process: what it tells, what it leaves behind, and what it does about mistakes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.doubles import Scene
from tests.workers import LINEAR, PRESET, act, clouds, go_on, kill_after_epochs, listen, newest_step, train, wait_for
from tuinet import presets
from tuinet.errors import RunNotFound, UsageError
from tuinet.runs import RunFolder, list_runs
from tuinet.training.events import NAMES, Event, Pipe, Reporter
from tuinet.training.initial import fit
from tuinet.training.session import resume, start


def test_a_training_is_told_from_start_to_end_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, Scene(test=20))
    told = train(tmp_path)
    kinds = [kind for kind in told.kinds() if kind not in ("progress", "compile", "checkpoint")]
    assert kinds == ["start", *["epoch"] * 6, "verdict", "end"]
    assert told.all("checkpoint")[-1]["kind"] == "last"
    assert told.kinds().index("start") == 0 < told.kinds().index("compile") < told.kinds().index("epoch")
    assert told.code == told.end["exit_code"] == 0
    first = told.events[0]
    assert first["examples"] == {"train": 203, "validation": 41, "test": 20}
    assert first["parameters"] == 18
    assert first["preset"]["training"]["epochs"] == 6
    info = told.run.info()
    assert info["state"] == told.run.state() == "finished"
    assert info["weights_sha256"] == told.end["weights_sha256"]
    assert info["weights_sha256"] == told.run.checkpoints()[0].manifest["weights_sha256"]
    assert info["best_epoch"] == told.end["best_epoch"]
    assert info["final"]["val_accuracy"] == told.all("epoch")[-1]["val_accuracy"]
    assert info["test"] == told.end["test"] != {}
    assert info["data"]["fingerprint"] == Scene().fingerprint
    facts, scaler = told.run.data() or pytest.fail("data.json is missing")
    assert (facts.fingerprint, facts.inputs, scaler.shape) == (Scene().fingerprint, (5,), (5,))
    assert not told.run.is_live()


def test_each_class_is_measured_with_the_best_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, Scene(test=20))
    told = train(tmp_path)
    found = told.run.by_class() or pytest.fail("classes.json is missing")
    assert found.names == ("a", "b", "c") and sum(found.support) == sum(found.predicted) == 41
    best = next(event for event in told.all("epoch") if event["epoch"] == told.end["best_epoch"])
    assert sum(found.correct) / 41 == pytest.approx(best["val_accuracy"])


def test_nothing_is_kept_of_classes_where_nothing_is_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, Scene(held_out=0))
    assert train(tmp_path).run.by_class() is None


def test_the_records_say_what_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, Scene(test=20), step_seconds=0.002)
    told = train(tmp_path)
    records, damaged = told.run.metrics().read()
    assert damaged == 0
    epochs = [record for record in records if record["k"] == "epoch"]
    assert [record["e"] for record in epochs] == [1, 2, 3, 4, 5, 6]
    for record, event in zip(epochs, told.all("epoch"), strict=True):
        assert record["s"] == event["step"]
        assert {key: record[key] for key in record if key not in "ksegmt"} == {
            key: event[key] for key in event if key not in ("event", "epoch", "step", "seconds")
        }
    steps = [record for record in records if record["k"] == "steps"]
    assert sum(record["n"] for record in steps) == told.end["step"]
    assert [record["k"] for record in records].count("test") == 1
    events, damaged = told.run.events().read()
    assert damaged == 0
    kinds = [event["k"] for event in events if event["k"] != "checkpoint"]
    assert kinds == ["started", "compiled", "verdict", "stopped"]
    assert events[-1]["weights_sha256"] == told.end["weights_sha256"]


def test_what_was_told_is_already_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    session = start(clouds(), runs=tmp_path, command=LINEAR)
    epochs = 0
    for event in session.events():
        if event["event"] == "epoch":
            epochs += 1
            records, _ = session.folder.metrics().read({"epoch"})
            assert event["step"] in [record["s"] for record in records]
        if event["event"] == "end":
            assert session.folder.info()["state"] == "finished"
    assert epochs == 6
    assert session.wait() == 0


def test_the_session_loads_neither_numpy_nor_numba() -> None:
    heavy = ("numpy", "numba", "scipy", "tuinet.engine", "tuinet.kernels", "tuinet.training.loop")
    code = f"import sys, tuinet.training.session; assert not set({heavy}) & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_worker_has_a_session_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.01)
    session = start(clouds(50), runs=tmp_path, command=LINEAR)
    assert os.getsid(session.pid) == session.pid != os.getsid(0)
    session.forward(signal.SIGTERM)
    listen(session)


def test_nothing_in_the_folder_it_is_started_from_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real command: a planted tuinet or json in the working directory must not run."""
    for name in ("tuinet", "json", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(77)")
    monkeypatch.chdir(tmp_path)
    bad = clouds().with_overrides(["data.file=missing.csv"])
    told = listen(start(bad, runs=tmp_path / "runs"))
    assert told.code == 2


# -- the printer goes away -------------------------------------------------------------------------------------------


def test_a_printer_that_goes_away_does_not_end_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.001)
    session = start(clouds(), runs=tmp_path, command=LINEAR)
    next(session.events())
    session.close()
    assert session.wait() == 0
    assert session.folder.state() == "finished"


def test_a_printer_that_is_killed_does_not_end_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.001)
    code = (
        "import sys, os, signal; sys.path.insert(0, '.'); from pathlib import Path\n"
        "from tests.workers import clouds, LINEAR; from tuinet.training.session import start\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # under nohup it would be ignored
        f"session = start(clouds(), runs=Path({str(tmp_path)!r}), command=LINEAR)\n"
        "next(session.events()); os.kill(os.getpid(), signal.SIGHUP)"
    )
    printer = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parent.parent)
    assert printer.returncode == -signal.SIGHUP
    run = RunFolder(next(tmp_path.iterdir()))
    wait_for(lambda: run.state() == "finished")


def test_a_printer_that_does_not_read_does_not_slow_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far more events than a pipe holds; they are all there when it reads at last."""
    act(monkeypatch)
    session = start(clouds(600), runs=tmp_path, command=LINEAR)
    wait_for(lambda: session.folder.info()["state"] == "finished", 60)
    told = listen(session)
    assert len(told.all("epoch")) == 600
    assert sum(len(json.dumps(event)) for event in told.events) > 100_000
    assert told.end["state"] == "finished"


# -- mistakes --------------------------------------------------------------------------------------------------------


def test_a_wrong_preset_leaves_no_run_behind(tmp_path: Path) -> None:
    """The real worker: the network does not fit the data."""
    preset = presets.load("clouds.toml", text=PRESET.format(epochs=6).replace('"classes"', "7"))
    told = listen(start(preset, runs=tmp_path))
    assert told.code == 2
    assert told.kinds() == ["end"]
    assert told.end["error"].startswith("clouds.toml, line ")
    assert "the network gives (7) for each example, but the data has 2 classes" in told.end["error"]
    assert str(tmp_path) not in told.end["error"]
    assert list_runs(tmp_path) == []


def test_a_goal_that_is_not_one_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='did you mean "val_accuracy"'):
        start(clouds(), runs=tmp_path / "runs", until="val_acuracy>=0.9", command=LINEAR)
    assert not (tmp_path / "runs").exists()


def test_a_goal_that_is_never_measured_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    told = train(tmp_path, until="val_top5<=1")  # the loss has it, data of two classes have not
    assert told.code == 2
    assert 'training.until=val_top5<=1: "val_top5" is not measured with this data' in told.end["error"]


def test_a_monitor_that_is_never_measured_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, Scene(held_out=0))
    told = train(tmp_path, clouds(4, "training.early_stopping.patience=2"))
    assert told.code == 2
    assert 'training.early_stopping.monitor: "val_loss" is not measured' in told.end["error"]


def test_a_device_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    told = train(tmp_path, device="cudo")
    assert told.code == 2
    assert (
        '--device cudo: there is no such device; did you mean "cuda"? Known: auto, cpu, cuda, reference, cuda:0'
        in told.end["error"]
    )
    assert list_runs(tmp_path) == []


def test_only_what_may_change_can_be_set_at_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    told = train(tmp_path)
    with pytest.raises(UsageError, match=r"training\.seed: cannot be set once a run trains"):
        resume(told.run, overrides=["training.seed=8"], command=LINEAR)
    again = go_on(told.run, overrides=["training.batch_size=8", "training.epochs=8"])
    assert again.code == 0
    assert [event["key"] for event in again.all("changed")] == ["training.epochs", "training.batch_size"]
    # 203 examples an epoch in steps of 16, and of 8 from the 77th on, which have seen 1,232
    assert [event["step"] for event in again.all("epoch")] == [
        77 + -(-(7 * 203 - 77 * 16) // 8),
        77 + -(-(8 * 203 - 77 * 16) // 8),
    ]


@pytest.mark.parametrize("overrides", [(), ("training.epochs=8",)], ids=["as it is", "with a change"])
def test_a_folder_without_a_run_is_said_to_be_none_at_a_resume(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    with pytest.raises(RunNotFound, match=r"is no run: it has no run\.json"):
        resume(RunFolder(tmp_path), overrides=overrides, command=LINEAR)


def test_a_step_of_more_examples_than_there_are_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its epochs would have no step, and early stopping would count them."""
    act(monkeypatch)
    told = train(tmp_path, clouds(6, "training.batch_size=all", "training.accumulate=8"))
    assert told.code == 2
    assert "8 batches of" in told.end["error"] and "at most 1 fit" in told.end["error"]


def test_more_steps_than_can_be_counted_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, Scene(examples=400))
    preset = clouds(10_000_000, "training.batch_size=1")
    told = train(tmp_path, preset)
    assert told.code == 2 and "10000000 epochs have 4000000000 steps" in told.end["error"]
    assert train(tmp_path, preset.with_overrides(["training.max_steps=3"])).code == 0


def test_a_fault_in_the_worker_is_told_plainly_and_logged_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(monkeypatch, poison={3: "fault"})
    told = train(tmp_path)
    assert told.code == 1
    assert told.end["state"] == "failed"
    assert "ZeroDivisionError" in told.end["error"]
    assert told.run.info()["state"] == "failed"
    assert told.run.info()["error"] == told.end["error"]
    assert "Traceback" in told.run.log_path.read_text()


def test_a_run_on_a_full_disk_ends_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """worker.log lies on the disk that is full: failing to write it must not hide why the run failed."""
    act(monkeypatch)
    run = train(tmp_path).run
    info = run.path / "run.json"
    os.rename(info, info.with_name("kept"))
    info.mkdir()  # nor can run.json be written
    words = [sys.executable, *LINEAR, str(run.path), "--events-fd", "1"]
    with open("/dev/full", "w") as full:
        told = subprocess.run(words, stdout=subprocess.PIPE, stderr=full, text=True, timeout=60)
    assert told.returncode == 1 and '"event":"end"' in told.stdout


def test_run_json_is_at_most_a_second_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are read off it: long before the first checkpoint a run must not look as if it had done nothing."""
    act(monkeypatch, step_seconds=0.02)
    session = start(clouds(50), runs=tmp_path, command=LINEAR, checkpoint_seconds=1000.0)
    wait_for(lambda: (session.folder.info()["epoch"] or 0) >= 1)
    assert session.folder.checkpoints() == []
    session.forward(signal.SIGKILL)
    told = listen(session)
    assert "it had no checkpoint yet" in told.end["error"] and told.end["reason"] == "killed"


def test_running_out_of_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, poison={3: "memory"})
    told = train(tmp_path)
    assert told.code == 1
    assert "out of memory" in told.end["error"]
    assert "Unable to allocate" in told.end["error"]
    assert told.run.info()["state"] == "failed"


def test_a_worker_that_is_killed_is_told_as_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.01)
    session = start(clouds(50), runs=tmp_path, command=LINEAR)
    told = listen(session, lambda event: session.forward(signal.SIGKILL) if event["event"] == "epoch" else None)
    assert (told.code, told.end["state"], told.end["exit_code"]) == (1, "interrupted", 1)
    assert "SIGKILL" in told.end["error"]
    assert told.run.state() == "interrupted"


def test_two_workers_never_write_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.01)
    session = start(clouds(50), runs=tmp_path, command=LINEAR)
    told = []
    for event in session.events():
        if event["event"] == "epoch" and not told:
            told.append(go_on(session.folder))
            session.forward(signal.SIGTERM)
    assert told[0].code == 1
    assert "is being written by process" in told[0].end["error"]
    assert session.wait() == 143
    assert session.folder.info()["generation"] == 1
    assert session.folder.state() == "stopped"


def test_records_that_cannot_be_written_fail_the_run_and_name_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A metric is on disk or it is not shown: the run ends at once and says why."""
    act(monkeypatch)
    session = start(clouds(50), runs=tmp_path, command=LINEAR, checkpoint_seconds=0)
    with contextlib.suppress(FileExistsError):
        (session.folder.path / "metrics.jsonl").mkdir()
    told = listen(session)
    assert told.code == 1
    assert told.end["state"] == "failed"
    assert "metrics.jsonl" in told.end["error"]
    assert not told.all("epoch")


# -- going on --------------------------------------------------------------------------------------------------------


def test_a_finished_run_goes_on_to_more_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    short, long = train(tmp_path), train(tmp_path, clouds(9))
    told = go_on(short.run, overrides=["training.epochs=9"])
    assert told.all("start")[0]["resumed"] == short.end["step"]
    assert told.all("start")[0]["generation"] == 2
    assert [event["epoch"] for event in told.all("epoch")] == [7, 8, 9]
    assert told.all("changed")[0]["key"] == "training.epochs"
    assert (told.all("changed")[0]["old"], told.all("changed")[0]["new"]) == (6, 9)
    assert told.end["weights_sha256"] == long.end["weights_sha256"]
    assert told.run.info()["epochs"] == 9
    records, _ = told.run.metrics().read({"epoch"})
    assert [record["e"] for record in records] == list(range(1, 10))


def test_new_limits_outlive_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a resume sets is kept from its first moment, not from its first checkpoint."""
    act(monkeypatch)
    told = train(tmp_path, clouds(12, "training.early_stopping={patience=1, min_delta=1000}"))
    assert told.end["reason"] == "early_stopping"
    act(monkeypatch, step_seconds=0.02)
    wait = ["training.early_stopping.min_delta=0", "training.early_stopping.patience=1000"]
    session = resume(told.run, overrides=wait, command=LINEAR, checkpoint_seconds=1000.0)
    again, killed = kill_after_epochs(session, 2)
    assert killed and again.all("epoch")
    act(monkeypatch)
    last = go_on(told.run)
    assert last.end["reason"] == "epochs" and last.end["epoch"] == 12


def test_a_schedule_that_is_stretched_by_more_epochs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    for schedule, said in (("cosine", True), ("constant", False)):
        short = train(tmp_path, clouds(6, f"training.schedule={schedule}"))
        told = go_on(short.run, overrides=["training.epochs=9"])
        warnings = [event for event in told.all("warning") if event["code"] == "schedule"]
        assert bool(warnings) == said
        if said:
            assert "the schedule runs over 9 epochs now instead of 6" in warnings[0]["message"]


def test_a_network_of_thousands_of_tensors_can_start_from_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record is a line of limited length: it keeps some of the names, and how many more there are."""
    act(monkeypatch)
    run = train(tmp_path).run
    reporter = Reporter(Pipe(None), run=run.id)
    names = [f"block_{number}.dense_1.W" for number in range(5_000)]
    with run.lock(), run.events().writer(2) as writer:
        reporter.records = writer
        init = {"run": "other-1234", "taken": names[:10], "left": names[10:], "why": dict.fromkeys(names, "not there")}
        reporter.tell(Event("start", {"step": 0, "init": init, "device": "cpu"}))
    kept = run.events().read({"started"})[0][-1]["init"]
    left = names[10 : 10 + NAMES]
    assert kept == {"run": "other-1234", "taken": names[:10], "left": left, "more": 4_990 - NAMES}


def test_a_run_that_is_at_its_end_ends_again_with_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(monkeypatch, Scene(test=9))
    first = train(tmp_path)
    again = go_on(first.run)
    timed = ("spent", "samples_per_s")
    assert {k: v for k, v in again.end.items() if k not in timed} == {
        k: v for k, v in first.end.items() if k not in timed
    }
    assert not again.all("epoch")


def test_other_data_is_refused_at_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    told = train(tmp_path)
    act(monkeypatch, Scene(fingerprint="ffffffffffffffff"))
    again = go_on(told.run, overrides=["training.epochs=9"])
    assert again.code == 2
    assert "the data is not what this run began with" in again.end["error"]
    assert again.run.path.exists()


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.004)
    session = start(clouds(9), runs=tmp_path, command=LINEAR, checkpoint_seconds=0.05)
    listen(session, lambda event: session.forward(signal.SIGINT) if event.get("epoch") == 4 else None)
    whole = train(tmp_path, clouds(9))
    newest = next(one for one in session.folder.checkpoints() if one.resumable)
    file = newest.path / "optimizer.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    told = go_on(session.folder)
    assert [event["code"] for event in told.all("warning")] == ["checkpoint-damaged"]
    assert 0 < told.all("start")[0]["resumed"] < newest.step
    assert told.end["weights_sha256"] == whole.end["weights_sha256"]


def test_damaged_checkpoints_all_over_are_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(monkeypatch)
    told = train(tmp_path)
    for one in told.run.checkpoints():
        (one.path / "model.safetensors").write_bytes(b"")
    again = go_on(told.run, overrides=["training.epochs=9"])
    assert again.code == 1
    assert "no checkpoint can be used" in again.end["error"]
    assert "preset.toml` trains it anew" in again.end["error"]


# -- starting from another run ---------------------------------------------------------------------------------------


def test_weights_are_taken_from_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    source = train(tmp_path)
    told = train(tmp_path, clouds(1, "training.seed=8"), init=source.run)
    init = told.all("start")[0]["init"]
    assert (init["run"], init["taken"], init["left"]) == (source.run.id, ["out.W", "out.b", "out.seen"], [])
    assert told.all("epoch")[0]["val_loss"] < source.all("epoch")[0]["val_loss"]
    assert told.run.info()["origin"] == {"init": source.run.id}


def test_what_does_not_fit_is_left_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    source = train(tmp_path)
    act(monkeypatch, Scene(inputs=7))
    init = train(tmp_path, init=source.run).all("start")[0]["init"]
    assert init["taken"] == ["out.b", "out.seen"]
    assert init["left"] == ["out.W"]
    assert init["why"] == {"out.W": "5 x 3 there, 7 x 3 here"}


def test_a_run_does_not_need_its_source_after_its_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.01)
    source = train(tmp_path, clouds(1))
    whole = train(tmp_path, clouds(2), init=source.run)
    session = start(clouds(2), runs=tmp_path, command=LINEAR, init=source.run)
    listen(session, lambda event: session.forward(signal.SIGKILL) if event["event"] == "progress" else None)
    assert newest_step(session.folder) == 0
    for file in source.run.path.rglob("*.safetensors"):
        file.unlink()
    assert go_on(session.folder).end["weights_sha256"] == whole.end["weights_sha256"]


def test_a_source_without_weights_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    empty = RunFolder.create(tmp_path, "empty")
    empty.write_preset(clouds().resolved())
    told = train(tmp_path, init=empty)
    assert told.code == 2
    assert "--init: run" in told.end["error"] and "has no weights yet" in told.end["error"]
    assert [run.run for run in list_runs(tmp_path)] == [empty.id], "the run that could not begin is taken away"


def test_nothing_in_common_is_an_error() -> None:
    taken, init = fit({"a.W": (2, 3)}, {"b.W": np.ones((2, 3)), "a.W": np.ones((3, 2))}, "run")
    assert taken == {}
    assert init.left == {"a.W": "3 x 2 there, 2 x 3 here"}
