"""tuinet in a real terminal: a private tmux server, keys in, text out.

    with Tmux(python("-m", "tuinet", "run", "spiral"), size=(100, 30)) as screen:
        screen.wait_for("epoch")
        screen.keys("q")
        assert screen.wait_for_end() == Ended(code=0)

Wait for what is to be seen, never for a time. `keys` takes tmux's names (Enter, Escape, C-z, Up), `literal` text.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.pty_screen import environment

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
"""Mark for every test that opens a Tmux."""

PATIENCE = 15.0
STEADY = 0.15
"""Seconds after which what was waited for must still be there: a screen is drawn in several writes."""


@dataclass(frozen=True)
class Ended:
    """What a program left behind; as it must be by default."""

    code: int = 0
    alternate_screen: bool = False
    mouse: bool = False


class Tmux:
    """A program in a window of its own; the window stays when the program has ended."""

    def __init__(self, words: Sequence[str], *, size: tuple[int, int] = (100, 30), **env: str) -> None:
        self._socket = f"tuinet-test-{uuid.uuid4().hex[:8]}"
        columns, rows = map(str, size)
        variables = environment(TERM="tmux-256color", **env)
        command = shlex.join(["env", *(f"{name}={variables[name]}" for name in ("TERM", "COLORTERM")), *words])
        # One call, so that the window is told to stay before its program can end.
        self._tmux(
            "new-session", "-d", "-s", "t", "-x", columns, "-y", rows, "exec cat", ";",
            "set", "-g", "remain-on-exit", "on", ";", "set", "-sg", "escape-time", "0", ";",
            "set", "-g", "status", "off", ";", "respawn-window", "-k", "-t", "t", f"exec {command}",
            env=variables,
        )  # fmt: skip

    def _tmux(self, *words: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, "-f", "/dev/null", *words],
            env=env or {**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def text(self) -> str:
        """What is to be seen, line by line."""
        return self._tmux("capture-pane", "-p", "-t", "t")

    @property
    def painted(self) -> str:
        """The same with its colours, as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e", "-t", "t")

    @property
    def history(self) -> str:
        """With what was scrolled away; tmux scrolls to say that a program has ended."""
        return self._tmux("capture-pane", "-p", "-S", "-", "-t", "t")

    def keys(self, *names: str) -> None:
        self._tmux("send-keys", "-t", "t", *names)

    def literal(self, text: str) -> None:
        self._tmux("send-keys", "-l", "-t", "t", text)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-t", "t", "-x", str(columns), "-y", str(rows))

    def wait_for(self, pattern: str, seconds: float = PATIENCE) -> str:
        """The text, when the pattern is to be seen and stays."""
        end = time.monotonic() + seconds
        while True:
            if re.search(pattern, self.text):
                time.sleep(STEADY)
                text = self.text
                if re.search(pattern, text):
                    return text
            assert time.monotonic() < end, f"{pattern!r} did not come:\n{self.text}"
            time.sleep(0.05)

    def wait_until_gone(self, pattern: str, seconds: float = PATIENCE) -> str:
        end = time.monotonic() + seconds
        while re.search(pattern, text := self.text):
            assert time.monotonic() < end, f"{pattern!r} did not go:\n{text}"
            time.sleep(0.05)
        return text

    def wait_for_end(self, seconds: float = PATIENCE) -> Ended:
        """The program's end, and what it left of the terminal. Code: the exit code, or minus the signal."""
        end = time.monotonic() + seconds
        flags = "#{pane_dead_status},#{pane_dead_signal},#{alternate_on},#{mouse_any_flag}"
        while True:
            code, killed, alternate, mouse = self._tmux("display", "-p", "-t", "t", flags).strip("\n").split(",")
            if code or killed:
                return Ended(int(code or -int(killed)), alternate == "1", mouse == "1")
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
            time.sleep(0.05)

    def close(self) -> None:
        self._tmux("kill-server")

    def __enter__(self) -> Tmux:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
