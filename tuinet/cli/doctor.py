"""`tuinet doctor`: what tuinet finds on this machine, and what would help where something is missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from tuinet.cli.options import json_option, runs_option
from tuinet.processes import cores

PACKAGES = ("numpy", "numba", "safetensors", "plotext", "click")
TRIED = {("Linux", "x86_64")}
MEANT = {("Linux", "aarch64"), ("Darwin", "arm64")}
LITTLE_ROOM = 1e9


@dataclass(frozen=True)
class Finding:
    """One row: what was looked at, what is there, whether that is well, and what would help."""

    subject: str
    value: str
    state: str = "ok"  # ok, note or problem
    advice: str = ""


@click.command()
@runs_option
@json_option
@click.option("--cuda", "on_gpu", is_flag=True, help="Try every kernel on the GPU, and measure it.")
def doctor(runs_folder: str | None, as_json: bool, on_gpu: bool) -> int:
    """Check versions, processor, GPU, kernel cache, data, disk and terminal.

    With --cuda only the GPU, with every kernel against its definition, and its speeds beside the card's limits. The
    exit code is 1 where something is wrong that keeps tuinet from training.
    """
    from tuinet.cells import pad, wrap
    from tuinet.cli.output import Output
    from tuinet.safe_text import safe

    output = Output(as_json=as_json)
    problems = 0
    for finding in gpu_findings() if on_gpu else findings(runs_folder):
        output.record(asdict(finding))
        problems += finding.state == "problem"
        kind = {"note": "warn", "problem": "bad"}.get(finding.state, "good")
        mark = output.terminal.paint({"ok": "✓", "note": "•", "problem": "!"}[finding.state], kind)
        room = max(20, output.terminal.prose_width - 18)
        first, *rest = wrap(safe(finding.value, 300), room)
        output.say(f"{mark} {pad(finding.subject, 14)}  {first}")
        for line in [*rest, *(wrap(safe(finding.advice, 300), room) if finding.advice else [])]:
            output.say(" " * 18 + line)
    return 1 if problems else 0


def findings(runs_folder: str | None) -> Iterator[Finding]:
    """All findings, in order. A check that itself fails becomes a finding."""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("versions", _versions),
        ("system", _system),
        ("engine", _engine),
        ("gpu", _gpu),
        ("runs", lambda: _runs(runs_folder)),
        ("data", _data),
        ("terminal", _terminal),
        ("keys", _keys),
    ]
    for subject, check in checks:
        try:
            yield from check()
        except Exception as error:  # the doctor must not fall ill itself: whatever is wrong is a row
            yield Finding(subject, f"could not be looked at: {type(error).__name__}: {error}", "problem")


def _versions() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    from tuinet import __version__

    yield Finding("tuinet", f"{__version__}, Python {platform.python_version()} ({sys.executable})")
    found, missing = [], []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    yield Finding("packages", ", ".join(found))
    if missing:
        advice = f"pip install {' '.join(missing)}"
        yield Finding("packages", f"missing: {', '.join(missing)}", "problem", advice)


def _system() -> Iterator[Finding]:
    import psutil

    from tuinet.engine.machine import supported

    machine = (platform.system(), platform.machine())
    words = f"{machine[0]} {platform.release()} on {machine[1]}"
    if machine in TRIED:
        yield Finding("system", words)
    elif machine in MEANT:
        yield Finding("system", words, "note", "meant to work here, but nobody has tried it yet")
    else:
        advice = "tuinet is made for Linux on x86-64; ARM on Linux and macOS is meant to work"
        yield Finding("system", words, "problem" if supported() else "note", supported() or advice)
    memory = psutil.virtual_memory()
    yield Finding("cores", f"{cores()} usable of {os.cpu_count()}")
    yield Finding("memory", f"{memory.available / 1e9:.1f} GB free of {memory.total / 1e9:.1f} GB")


def _engine() -> Iterator[Finding]:
    """What the engine says about the processor and its compiled kernels."""
    from tuinet.engine import machine

    said = machine.describe()
    yield Finding("processor", f"{said['processor']}, vectors of {said['vector_bits']} bits")
    yield Finding("products", said["products"])
    kernels = f"{said['kernel_cache']} ({said['kernels_compiled']} compiled)"
    if said["kernel_cache_kept"]:
        yield Finding("kernel cache", kernels)
    else:
        yield Finding("kernel cache", kernels, "note", "it cannot be kept, so every start compiles anew")


def _gpu() -> Iterator[Finding]:
    """What GPU `--device auto` would take, or why it takes none. A machine without a driver lacks nothing."""
    from tuinet.engine.cuda import devices
    from tuinet.errors import NoDevice, NoDriver

    try:
        yield Finding("gpu", _described(devices.choose()), advice="tuinet doctor --cuda tries and measures it")
    except NoDriver as error:
        yield Finding("gpu", f"none: {error}")
    except NoDevice as error:
        yield Finding("gpu", str(error), "note", "training goes on the processor until then")


def _described(device: Any) -> str:
    major, minor = device.cc
    return f"{device.word}, {device.name}, compute capability {major}.{minor}, {device.memory / 1e9:.0f} GB"


def gpu_findings() -> Iterator[Finding]:
    """Every kernel on the GPU against its definition, then how fast it is. Raises nothing: what fails is a row."""
    from tuinet.engine.cuda import devices
    from tuinet.errors import TuinetError

    try:
        device = devices.choose()
        yield Finding("gpu", _described(device))
        yield from _examined(device.ordinal)
    except TuinetError as error:
        yield Finding("gpu", str(error), "problem")
    except Exception as error:  # a driver can fail in ways of its own
        yield Finding("gpu", f"{type(error).__name__}: {error}", "problem")


def _examined(ordinal: int) -> Iterator[Finding]:
    from tuinet.engine.cuda import driver, examination

    gpu = driver.Gpu(ordinal)
    found = list(examination.trials(gpu))
    wrong = [trial for trial in found if not trial.right]
    kernels = len({trial.op for trial in found})
    yield Finding("kernels", f"{kernels} ops tried at {len(found)} sizes, largest difference {_worst(found):.1e}")
    for trial in wrong:
        words = f"{trial.op} ({trial.sizes}) is off by {trial.error:.1e} of its largest number"
        yield Finding("kernels", words, "problem", "please report it, with the name of the card")
    for speed in examination.speeds(gpu):
        limit = f", of {speed.limit:,.0f} that the card can do" if speed.limit else ""
        yield Finding(speed.what, f"{speed.value:,.4g} {speed.unit}{limit}")


def _worst(found: list[Any]) -> float:
    return max((trial.error for trial in found), default=0.0)


def _runs(runs_folder: str | None) -> Iterator[Finding]:
    from tuinet.runs import list_runs
    from tuinet.runs import runs_folder as chosen

    folder = chosen(runs_folder)
    runs = list_runs(folder, sizes=False)
    live = sum(run.state in ("running", "paused") for run in runs)
    damaged = sum(run.state == "damaged" for run in runs)
    words = f"{len(runs)} in {folder}" + (f", {live} being trained" if live else "")
    yield Finding("runs", words)
    if damaged:
        yield Finding("runs", f"{damaged} damaged", "note", "tuinet runs --filter state=damaged")
    yield from _disk(folder)


def _disk(folder: Path) -> Iterator[Finding]:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK):
        yield Finding("disk", f"{there} cannot be written", "problem", "set TUINET_HOME, or give --runs FOLDER")
    elif free < LITTLE_ROOM:
        yield Finding("disk", f"{free / 1e6:,.0f} MB free at {there}", "note", "tuinet runs prune makes room")
    else:
        yield Finding("disk", f"{free / 1e9:,.1f} GB free at {there}")


def _data() -> Iterator[Finding]:
    from tuinet.data import catalog

    sets = catalog()
    for state in dict.fromkeys(info.state for info in sets):
        names = [info.name for info in sets if info.state == state]
        yield Finding(
            "data", f"{state}: {', '.join(names)}", advice="tuinet data get NAME" if state == "not fetched" else ""
        )


def _terminal() -> Iterator[Finding]:
    term = os.environ.get("TERM", "")
    if not sys.stderr.isatty() and not sys.stdout.isatty():
        yield Finding("terminal", "none: plain lines, no bar, no colour")
        return
    size = shutil.get_terminal_size()
    deep = os.environ.get("COLORTERM", "") in ("truecolor", "24bit")
    colours = "16 million colours" if deep else "256 colours" if "256" in term else "16 colours"
    if os.environ.get("NO_COLOR"):
        colours = "no colours (NO_COLOR)"
    around = [name for name, key in (("tmux", "TMUX"), ("ssh", "SSH_CONNECTION")) if os.environ.get(key)]
    words = f"{size.columns}×{size.lines}, {term or 'TERM is not set'}, {colours}" + "".join(f", {it}" for it in around)
    yield Finding("terminal", words, "ok" if term and term != "dumb" else "note")
    encoding = (getattr(sys.stdout, "encoding", "") or "").lower()
    if encoding.replace("-", "") != "utf8":
        yield Finding("encoding", encoding or "unknown", "note", "lines and bars need UTF-8: set LANG=C.UTF-8")


def _keys() -> Iterator[Finding]:
    """What is wrong with keys.toml, where there is one."""
    from tuinet.tui.config import config_folder
    from tuinet.tui.keymap import FILE, read_keymap

    path = config_folder() / FILE
    if not os.path.lexists(path):
        return
    keymap, problems = read_keymap()
    count = f"{len(keymap)} of your own" if keymap else "none of your own"
    yield Finding("keys", f"{count}, from {path}")
    for problem in problems:
        yield Finding("keys", problem, "note", "`?` in the application shows the keys and what they do")
