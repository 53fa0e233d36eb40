"""However a screen ends, the terminal is given back (reliability.md, R12), and no screen outlives its line (R13)."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import psutil
import pytest

from tests.pty_screen import Pty, children, environment, python

SIGNALS = {
    "TERM": signal.SIGTERM, "HUP": signal.SIGHUP, "INT": signal.SIGINT, "QUIT": signal.SIGQUIT, "KILL": signal.SIGKILL,
    "SEGV": signal.SIGSEGV,
}  # fmt: skip
KEYS = {
    "exception in a handler": "1",
    "exception in a thread": "2",
    "os._exit": "3",
    "fault in native code": "4",
    "exception in a worker": "5",
}
CODES = {
    **{name: 128 + number for name, number in SIGNALS.items()},
    "exception in a handler": 1, "exception in a thread": 1, "os._exit": 7, "fault in native code": 139,
    "exception in a worker": 1,
}  # fmt: skip
SAID = {
    "QUIT": "ended by SIGQUIT", "KILL": "ended by SIGKILL", "SEGV": "ended by SIGSEGV",
    "exception in a handler": "ZeroDivisionError", "exception in a thread": "IndexError",
    "exception in a worker": "LookupError", "os._exit": "without a word", "fault in native code": "ended by SIGSEGV",
}  # fmt: skip


def open_app(*flags: str, **more: object) -> Pty:
    terminal = Pty(python("-m", "tests.terminal_apps", "dying", *flags), env=environment(), **more)  # type: ignore[arg-type]
    terminal.wait_for("step 0")
    terminal.settle()
    return terminal


def app_of(terminal: Pty) -> int:
    """The process that draws: the guard's child, or where there is no guard, the one that was started."""
    return (children(terminal.pid) or [terminal.pid])[0]


def die(terminal: Pty, way: str) -> None:
    if way in SIGNALS:
        os.kill(app_of(terminal), SIGNALS[way])
    else:
        terminal.type(KEYS[way])


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=pytest.mark.slow) if way in ("SEGV", "exception in a worker") else way for way in CODES],
)
def test_however_it_dies_the_terminal_is_given_back_and_the_reason_said(way: str) -> None:
    with open_app() as terminal:
        assert len(terminal.modes_left_on()) >= 8
        die(terminal, way)
        assert terminal.wait() == CODES[way]
        assert terminal.modes_left_on() == []
        after = bytes(terminal.out).decode().rpartition("\x1b[?1049l")[2]
        assert SAID.get(way, "") in after
        assert b"\x1b[2J" not in terminal.out, "what is said holds a command"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["TERM", "HUP", "QUIT", "KILL", "SEGV", "os._exit"])
def test_control_without_guard_and_handlers_the_terminal_stays_broken(way: str) -> None:
    with open_app("--stock", "--no-guard") as terminal:
        die(terminal, way)
        terminal.wait()
        assert {"termios", "alternate screen", "mouse", "cursor hidden"} <= set(terminal.modes_left_on())


@pytest.mark.slow
def test_control_an_exception_in_a_thread_leaves_textual_running() -> None:
    with open_app("--stock", "--no-guard") as terminal:
        terminal.type("2")
        time.sleep(1.0)
        assert psutil.pid_exists(terminal.pid)
        assert psutil.Process(terminal.pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["TERM", "HUP", "INT"])
def test_a_signal_to_the_guard_ends_both(name: str) -> None:
    with open_app() as terminal:
        app = app_of(terminal)
        os.kill(terminal.pid, SIGNALS[name])
        assert terminal.wait() == 128 + SIGNALS[name]
        assert terminal.modes_left_on() == []
        assert not psutil.pid_exists(app)


@pytest.mark.slow
def test_an_app_that_does_not_hear_is_killed_after_the_grace() -> None:
    with open_app() as terminal:
        os.kill(app_of(terminal), signal.SIGSTOP)
        os.kill(terminal.pid, signal.SIGTERM)  # the guard starts a stopped child again, and it ends
        assert terminal.wait() in (143, 137)
        assert terminal.modes_left_on() == []


@pytest.mark.slow
def test_an_app_whose_guard_was_killed_gives_the_terminal_back_itself() -> None:
    with open_app() as terminal:
        app = psutil.Process(app_of(terminal))
        os.kill(terminal.pid, signal.SIGKILL)
        app.wait(5)
        terminal.wait()
        assert terminal.modes_left_on() == []


@pytest.mark.slow
def test_leaving_gives_the_exit_code_and_no_word() -> None:
    with open_app() as terminal:
        terminal.type("q")
        assert terminal.wait() == 0
        assert terminal.modes_left_on() == []
        assert bytes(terminal.out).rpartition(b"\x1b[?1049l")[2].strip(b"\x1b[?0123456789lh") == b""


@pytest.mark.parametrize(
    "ignored", [pytest.param((), marks=pytest.mark.slow), (signal.SIGHUP,)], ids=["hung up", "nohup"]
)
def test_an_app_whose_line_dropped_is_gone_in_two_seconds(ignored: tuple[int, ...]) -> None:
    terminal = open_app(ignore=ignored)
    try:
        app = psutil.Process(app_of(terminal))
        began = time.monotonic()
        terminal.hang_up()
        with contextlib.suppress(psutil.NoSuchProcess):  # it may go between two questions
            while app.status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() - began < 2.0
                time.sleep(0.01)
        terminal.status = os.waitpid(terminal.pid, 0)[1]
        assert os.waitstatus_to_exitcode(terminal.status) == 129
        assert time.monotonic() - began < 2.0
    finally:
        terminal.close()


@pytest.mark.slow
def test_control_textual_lives_on_without_a_line_and_burns_a_processor() -> None:
    terminal = open_app("--stock", "--no-guard", ignore=(signal.SIGHUP,))
    try:
        process = psutil.Process(terminal.pid)
        terminal.hang_up()
        time.sleep(2.0)
        assert process.cpu_percent(1.0) > 20
    finally:
        terminal.close()


def shell() -> Pty:
    """An interactive bash with job control, and the app in it."""
    terminal = Pty(["/bin/bash", "--norc", "--noprofile", "-i"], env=environment(PS1="$ ", HISTFILE=""))
    terminal.wait_for(r"\$ ")
    terminal.type(" ".join([*python("-m", "tests.terminal_apps", "dying"), "\n"]))
    terminal.wait_for("step 0")
    terminal.settle()
    return terminal


def enter(terminal: Pty, keys: str, answer: bytes) -> None:
    since = len(terminal.out)
    terminal.type(keys)
    terminal.wait_for_bytes(answer, since)
    terminal.settle()


BASH_OWN = {"paste", "termios"}


def test_ctrl_z_goes_to_the_shell_and_fg_brings_everything_back() -> None:
    with shell() as terminal:
        for _ in range(2):
            before = terminal.cells()
            enter(terminal, "\x1a", rb"Stopped")
            assert set(terminal.modes_left_on()) <= BASH_OWN
            enter(terminal, "echo here $((6*7))\n", rb"here 42")
            enter(terminal, "fg\n", rb"step 0")
            assert terminal.comes_to(lambda before=before: before)  # type: ignore[misc]
        enter(terminal, "q", rb"\$ ")
        assert set(terminal.modes_left_on()) <= BASH_OWN
        enter(terminal, "echo code $?\n", rb"code 0")


@pytest.mark.slow
def test_an_app_that_was_sent_to_the_background_waits_there() -> None:
    with shell() as terminal:
        enter(terminal, "\x1a", rb"Stopped")
        enter(terminal, "bg\n", rb"\$ ")
        enter(terminal, "jobs; echo still a $((6*7)) shell\n", rb"Stopped[^$]*still a 42 shell")
        assert set(terminal.modes_left_on()) <= BASH_OWN
        enter(terminal, "fg\n", rb"step 0")
        enter(terminal, "n", rb"1")
        enter(terminal, "q", rb"\$ ")
        enter(terminal, "echo code $?\n", rb"code 0")


@pytest.mark.slow
def test_an_app_killed_in_the_background_leaves_the_shell_alone() -> None:
    with shell() as terminal:
        enter(terminal, "\x1a", rb"Stopped")
        since = len(terminal.out)
        os.kill(psutil.Process(terminal.pid).children(recursive=True)[-1].pid, signal.SIGKILL)
        terminal.settle()
        terminal.type("fg\n")
        terminal.wait_for_bytes(rb"ended by SIGKILL", since)
        assert b"1049" not in terminal.out[since:]
        enter(terminal, "echo code $?\n", rb"code 137")


@pytest.mark.slow
def test_a_continue_signal_that_nobody_needed_does_nothing() -> None:
    with open_app() as terminal:
        threads = psutil.Process(app_of(terminal)).num_threads()
        os.kill(app_of(terminal), signal.SIGCONT)
        time.sleep(0.3)
        assert psutil.Process(app_of(terminal)).num_threads() == threads
        terminal.type("n")
        terminal.wait_for("step 1")


@pytest.mark.slow
def test_ctrl_z_without_a_shell_to_go_to_goes_on() -> None:
    with open_app() as terminal:  # the guard leads the session: nobody could start it again
        terminal.type("\x1a")
        time.sleep(0.5)
        terminal.type("n")
        terminal.wait_for("step 1")


def test_bytes_that_are_no_text_are_passed_over() -> None:
    """An old mouse report beyond column 95, as after attaching tmux again (Textual #6668)."""
    with open_app() as terminal:
        terminal.type(b"\x1b[M\xe8\xf0\xff" + b"\xff\xfe\x80")
        terminal.settle()
        terminal.type("n")
        terminal.wait_for("step 1")
