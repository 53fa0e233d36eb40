"""The same promises in a real terminal."""

from __future__ import annotations

from tests.pty_screen import python
from tests.tmux import Ended, Tmux, needs_tmux

pytestmark = needs_tmux


def test_an_app_draws_resizes_asks_and_leaves_all_as_it_was() -> None:
    with Tmux(python("-m", "tests.terminal_apps", "board"), size=(120, 36)) as screen:
        first = screen.wait_for("step 0")
        assert "中間" in first
        screen.keys("m")
        screen.wait_for("本当に 🙂 +│")
        screen.resize(70, 20)
        screen.wait_for(r"(?m)^ q leav.*\^p palette$")  # the keys below the question, in 70 columns
        screen.keys("Escape")
        screen.wait_until_gone("本当に")
        screen.resize(120, 36)
        screen.literal("n")
        screen.wait_for("step 1")
        screen.wait_for("(?m)^ q leave ")
        assert screen.wait_for("中間").splitlines()[1:13] == first.splitlines()[1:13]
        screen.keys("q")
        assert screen.wait_for_end() == Ended(code=0)


def test_a_fault_is_said_where_the_shell_was() -> None:
    with Tmux(python("-m", "tests.terminal_apps", "dying")) as screen:
        screen.wait_for("step 0")
        screen.keys("4")
        assert screen.wait_for_end() == Ended(code=139)
        assert "ended by SIGSEGV" in screen.history
