"""A worker and its clients: who is let in, what a command does to the training, and that nobody can slow it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workers import act, clouds, train, training, wait_for
from tuinet.runs import RunFolder
from tuinet.training import protocol
from tuinet.training.client import AsyncConnection, Connection, NoWorker
from tuinet.training.protocol import Refused, encode
from tuinet.training.session import Session


def attached(session: Session) -> Connection:
    return Connection(session.folder, patience=20.0)


def at_step(client: Connection) -> int:
    """Where the training stands, as the worker sees it."""
    return int(client.request("look", look="parameters").fields["step"])


def step_of(run: RunFolder) -> int:
    """Of the newest record."""
    return max((record["s"] for record in run.metrics().read()[0]), default=0)


def test_a_client_is_told_where_the_training_stands(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        wait_for(lambda: step_of(session.folder) > 0)
        with attached(session) as late:
            assert late.hello["run"] == session.id
            assert late.hello["state"] == "running"
            assert late.hello["start"]["epochs"] == 100_000
        assert client.hello["protocol"] == protocol.VERSION


def test_pause_holds_the_training_and_resume_lets_it_go_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        step = client.request("pause").fields["step"]
        assert session.folder.state() == "paused"
        assert client.request("pause").fields["step"] == step
        assert client.request("step", batches=7).fields["until"] == step + 7
        wait_for(lambda: at_step(client) == step + 7)
        time.sleep(0.1)
        assert at_step(client) == step + 7
        client.request("resume")
        assert session.folder.state() == "running"
        wait_for(lambda: at_step(client) > step + 7)


def test_a_step_of_an_epoch_ends_with_its_evaluation(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        client.request("pause")
        before = len(session.folder.metrics().read({"epoch"})[0])
        until = client.request("step", epochs=1).fields["until"]
        wait_for(lambda: len(session.folder.metrics().read({"epoch"})[0]) == before + 1)
        assert client.request("pause").fields["step"] == until


def test_slow_motion_stretches_every_step(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        client.request("slow", seconds=0.05)
        first, began = client.request("pause").fields["step"], time.monotonic()
        client.request("resume")
        time.sleep(0.5)
        steps = client.request("pause").fields["step"] - first
        assert 1 <= steps <= (time.monotonic() - began) / 0.05 + 1


def test_stop_saves_and_ends_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        wait_for(lambda: step_of(session.folder) > 0)
        client.request("stop")
        wait_for(lambda: not session.folder.is_live())
        assert session.folder.state() == "stopped"
        assert session.folder.checkpoints()
        ends = [event for event in client.events() if event["event"] == "end"]
        assert [event["state"] for event in ends] == ["stopped"]


def test_a_paused_training_stops_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (
        lambda session, client: client.request("stop"),
        lambda session, client: session.forward(signal.SIGTERM),
    ):
        with training(home / "runs", monkeypatch) as session, attached(session) as client:
            client.request("pause")
            end(session, client)
            wait_for(lambda folder=session.folder: not folder.is_live())
            assert session.folder.state() == "stopped"


def test_a_checkpoint_is_saved_when_it_is_asked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        client.request("pause")
        step = client.request("checkpoint").fields["step"]
        assert session.folder.checkpoints()[0].step == step


def test_a_number_written_by_hand_is_in_the_weights_and_in_the_events(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        client.request("pause")
        answer = client.request("write", slot="out.W", index=[0, 1], value=2.5).fields
        cell = client.request("look", look="cell", request={"slot": "out.W", "index": [0, 1]}).fields
        assert (answer["new"], cell["value"]) == (2.5, 2.5)
        changed = [record for record in session.folder.events().read({"changed"})[0] if record["key"] == "out.W[0, 1]"]
        assert [(record["old"], record["new"]) for record in changed] == [(pytest.approx(answer["old"]), 2.5)]
        for slot, index, says in (("out.V", [0], 'did you mean "out.W"'), ("out.W", [0, 99], "is not in it")):
            with pytest.raises(Refused, match=says):
                client.request("write", slot=slot, index=index, value=1.0)


def test_looks_are_answered_while_it_trains_and_while_it_stands_still(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        for _ in range(2):
            names = [slot["name"] for slot in client.request("look", look="parameters").fields["parameters"]]
            assert names == ["out.W", "out.b", "out.seen"]
            look = client.request("look", look="heatmap", request={"slot": "out.W", "rows": 2, "columns": 2})
            assert len(look.body) == look.fields["rows"] * look.fields["columns"] > 0
            client.request("pause")
        with pytest.raises(Refused, match="nothing that can be looked at"):
            client.request("look", look="heatmp")


def test_a_fault_in_a_look_costs_no_training(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        with pytest.raises(Refused, match="a fault in tuinet itself: AttributeError"):
            client.request("look", look="health")  # which the trainer of the tests knows nothing of
        assert client.request("pause").fields["ok"]
        assert "AttributeError" in session.folder.log_path.read_text()


def test_an_update_is_what_one_step_added(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        request = {"slot": "out.b", "mode": "update", "rows": 1, "columns": 2}
        look = client.request("look", look="heatmap", request=request).fields
        assert look["lowest"] < 0 < look["highest"]  # the classes' biases move against each other


def test_a_wrong_command_is_answered_and_nothing_else_happens(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        for command, fields, says in (
            ("paus", {}, 'did you mean "pause"'),
            ("step", {"batches": 1, "epochs": 1}, "not both"),
            ("step", {"batches": "many"}, "it must be a whole number"),
        ):
            with pytest.raises(Refused, match=says):
                client.request(command, **fields)
        assert client.request("pause").fields["ok"]


# -- who is let in, and what a bad client can do -------------------------------------------------------------------


def test_the_socket_is_this_users_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session):
        path = protocol.socket_path(session.folder)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not list((home / "sockets").glob("*.sock")) or not session.folder.is_live()


def test_a_peer_of_another_user_is_shut_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = socket.socketpair()
    with here, there:
        assert protocol.same_user(here)
        monkeypatch.setattr(os, "getuid", lambda: 4711)
        assert not protocol.same_user(here)


def test_a_home_whose_path_is_longer_than_a_sockets_name_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUINET_HOME", str(tmp_path / ("long" * 30) / ("er" * 30)))
    with training(tmp_path / "runs", monkeypatch) as session, attached(session) as client:
        assert len(os.fsencode(protocol.socket_path(session.folder))) > 108
        assert client.request("pause").fields["ok"]


def test_two_runs_of_one_name_in_two_folders_have_each_their_socket(tmp_path: Path, home: Path) -> None:
    one, two = (RunFolder(tmp_path / name / "clouds-1234") for name in ("a", "b"))
    assert protocol.socket_path(one) != protocol.socket_path(two)


@pytest.mark.parametrize("junk", [b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2\0\0\0\0[]"])
def test_junk_ends_its_own_connection_and_no_other(home: Path, monkeypatch: pytest.MonkeyPatch, junk: bytes) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        with socket.socket(socket.AF_UNIX) as bad:
            protocol.at(protocol.socket_path(session.folder), bad.connect)
            bad.sendall(junk)
            bad.settimeout(5.0)
            while bad.recv(1 << 16):  # the hello, the reason, and then the end
                pass
        assert client.request("pause").fields["ok"]


def test_a_client_that_does_not_read_slows_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch, step_seconds=0.0) as session, attached(session) as client:
        deaf = socket.socket(socket.AF_UNIX)
        protocol.at(protocol.socket_path(session.folder), deaf.connect)
        asked = encode({"do": "look", "id": 1, "look": "parameters"})
        deaf.setblocking(False)
        sent = 0
        try:
            for _ in range(20_000):
                sent += deaf.send(asked)
        except BlockingIOError:
            pass
        before = step_of(session.folder)
        wait_for(lambda: step_of(session.folder) > before + 50)
        began = time.monotonic()
        assert client.request("pause").fields["ok"]
        assert time.monotonic() - began < 5.0
        deaf.close()


def test_clients_may_be_killed_at_any_byte(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session) as client:
        frame = encode({"do": "pause", "id": 1})
        for cut in range(0, len(frame), 5):
            peer = socket.socket(socket.AF_UNIX)
            protocol.at(protocol.socket_path(session.folder), peer.connect)
            peer.sendall(frame[:cut])
            peer.close()
        assert client.request("checkpoint").fields["ok"]


# -- nobody there --------------------------------------------------------------------------------------------------


def test_who_comes_to_a_finished_run_is_told_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, kernels=0)
    told = train(home / "runs", clouds(1))
    with pytest.raises(NoWorker, match=r"is finished: no worker trains it now$"):
        Connection(told.run)
    assert not protocol.socket_path(told.run).exists()


def test_a_killed_workers_socket_is_in_nobodys_way(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session):
        pass
    assert session.folder.state() == "interrupted"
    with pytest.raises(NoWorker, match="is interrupted: no worker trains it now; `tuinet resume"):
        Connection(session.folder)


def test_where_no_socket_can_be_made_it_trains_all_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, kernels=0)
    home.mkdir()
    (home / "sockets").write_text("in the way")
    told = train(home / "runs", clouds(1))
    assert told.code == 0
    assert any("no socket can be made" in event["message"] for event in told.all("warning"))


# -- the client of the screens -----------------------------------------------------------------------------------------


def in_loop(work: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work(), 30.0))


def test_the_screens_client_asks_and_hears(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session, attached(session):
        heard: list[dict[str, Any]] = []

        async def work() -> None:
            client = AsyncConnection(session.folder, heard.append)
            await client.connect()
            answers = await asyncio.gather(*(client.request("look", look="parameters") for _ in range(20)))
            assert all(answer.fields["parameters"] for answer in answers)
            await client.request("pause")
            with pytest.raises(Refused):
                await client.request("nothing")
            await client.request("stop")
            for _ in range(200):
                if not client.open:
                    break
                await asyncio.sleep(0.05)
            with pytest.raises(NoWorker):
                await client.request("pause")
            await client.close()

        in_loop(work)
        states = [event.get("state") for event in heard if event["event"] in ("state", "end")]
        assert states[-2:] == ["paused", "stopped"]


def test_the_screens_client_says_why_nobody_is_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, kernels=0)
    told = train(home / "runs", clouds(1))

    async def work() -> None:
        with pytest.raises(NoWorker, match="is finished"):
            await AsyncConnection(told.run, lambda event: None).connect()

    in_loop(work)
