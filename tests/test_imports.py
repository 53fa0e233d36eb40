"""Who may load what: each command in a fresh interpreter, by the modules that are there when it is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli_scenes import make_run

HEAVY = ("numba", "llvmlite", "textual", "scipy", "torch", "jax", "sklearn", "pandas")

SPY = """
import json, sys
from tuinet.cli.main import cli
try:
    cli.main({words!r})
except SystemExit as leave:
    assert not leave.code, leave.code
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})), file=sys.stderr)
"""


def loaded(words: list[str], home: Path) -> set[str]:
    """The packages that a command has loaded when it is done."""
    done = subprocess.run(
        [sys.executable, "-c", SPY.format(words=words)],
        env={**os.environ, "TUINET_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    make_run(folder / "runs")
    return folder


@pytest.mark.parametrize(
    ("words", "without"),
    [
        ([], (*HEAVY, "numpy", "plotext", "psutil", "tomlkit")),
        (["--help"], (*HEAVY, "numpy", "plotext", "psutil", "tomlkit")),
        (["presets"], (*HEAVY, "numpy", "plotext", "psutil", "tomlkit")),
        (["runs"], (*HEAVY, "numpy", "plotext", "psutil", "tomlkit")),
        (["runs", "--json"], (*HEAVY, "numpy", "plotext", "psutil", "tomlkit")),
        (["runs", "prune", "--keep", "0"], (*HEAVY, "numpy", "plotext", "psutil")),
        (["new", "-"], (*HEAVY, "numpy", "plotext", "psutil")),
        (["data"], (*HEAVY, "numpy", "plotext", "psutil")),
        (["show", "last"], (*HEAVY, "numpy", "psutil")),
        (["show", "adam"], (*HEAVY, "psutil")),
        (["compare", "last", "last"], (*HEAVY, "psutil")),
        (["show", "spiral"], HEAVY),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_only_looks_loads_nothing_heavy(words: list[str], without: tuple[str, ...], home: Path) -> None:
    assert not loaded(words, home) & set(without)


@pytest.mark.parametrize(
    "module", ["tuinet.training.session", "tuinet.runs", "tuinet.presets", "tuinet.data", "tuinet.diagnostics.verdict"]
)
def test_a_part_below_the_command_line_loads_no_compiler(module: str) -> None:
    code = f"import {module}, sys; print([name for name in {(*HEAVY, 'click')!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_first_screen_waits_for_nothing_that_only_the_workbench_needs() -> None:
    """Half of what the screens import: it is fetched while the welcome is looked at."""
    later = ("numpy", "plotext", "tomlkit", "tuinet.presets", "tuinet.tui.view", "tuinet.tui.screens.workbench")
    code = f"import sys, tuinet.tui.app, tuinet.tui.screens.welcome; print([n for n in {later!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
