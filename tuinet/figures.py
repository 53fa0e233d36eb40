"""Numbers as people read them: losses, shares, counts, sizes, times. Each is short and lines up in a column."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from tuinet.safe_text import safe

NOTHING = "–"
WORDS = ("nan", "inf", "-inf")
LONGEST_SETTING = 200
BY_STEP = re.compile(r"_rmse_\d+$")
DECIMALS = ((0.01, 6), (0.1, 5), (100, 4), (1_000, 2), (100_000, 1))


def number(value: object) -> str:
    """A loss or another real number in at most nine letters: four digits that count, powers of ten at the ends."""
    if value is None:
        return NOTHING
    if isinstance(value, str):  # events write "nan" and "inf" as words
        return value if value in WORDS else NOTHING
    real = float(value)  # type: ignore[arg-type]
    if not math.isfinite(real):
        return f"{real}"
    size = abs(real)
    if size != 0 and not 1e-4 <= size < 1e7:
        return f"{real:.2e}"
    decimals = next((count for limit, count in DECIMALS if size < limit), 0)
    return f"{real:,.{decimals if size else 4}f}"


def share(value: object) -> str:
    """A share of one as a percentage with one decimal."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value if value in WORDS else NOTHING
    return f"{float(value) * 100:.1f}%"  # type: ignore[arg-type]


def metric(name: str, value: object) -> str:
    """A metric's value in the form its name asks for: shares as percentages, rates short, the rest as numbers."""
    if name.endswith(("accuracy", "top5", "exact_match", "cer")):
        return share(value)
    if name == "learning_rate" and isinstance(value, float):
        return f"{value:.3g}"
    return number(value)


def metrics(found: Mapping[str, object]) -> str:
    """A test part's metrics in a row, without those of the single steps ahead of a series."""
    names = [name for name in found if not BY_STEP.search(str(name))]
    return ", ".join(f"{safe(str(name).removeprefix('test_'))} {metric(str(name), found[name])}" for name in names)


def setting(value: object) -> str:
    """A preset's value as it stands in the file: 0.001 and not 1e-3, lists in brackets, words bare."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {setting(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(setting(item) for item in value) + "]"
    return safe(str(value), LONGEST_SETTING) or '""'


def epochs(done: float | None, planned: float | None) -> str:
    """How far a training is, and is to go: 0.125/20, 12, 1841/1000000."""
    if done is None:
        return ""
    shown = (done, planned) if planned else (done,)
    return "/".join(f"{value:.4g}" if value < 1000 else f"{value:.0f}" for value in shown)


def shape(value: object) -> str:
    """The shape of one example or array: 784, 28×28."""
    if isinstance(value, (list, tuple)):
        return "×".join(str(size) for size in value) or "1"
    return NOTHING if value is None else safe(str(value), LONGEST_SETTING)


def count(value: object) -> str:
    """A whole number with its thousands parted."""
    return NOTHING if value is None else f"{round(float(value)):,}"  # type: ignore[arg-type]


def size(value: object) -> str:
    """Bytes: 812 B, 4.1 kB, 3.76 MB (powers of 1,000)."""
    if value is None:
        return NOTHING
    amount = float(value)  # type: ignore[arg-type]
    if amount < 1000:
        return f"{amount:.0f} B"
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.3g} {unit}" if amount < 100 else f"{amount:.0f} {unit}"
    return f"{amount / 1000:,.1f} TB"


def duration(seconds: object) -> str:
    """0.42 s, 12.3 s, 2:05, 1:02:03."""
    if seconds is None:
        return NOTHING
    passed = max(0.0, float(seconds))  # type: ignore[arg-type]
    if passed < 9.995:
        return f"{passed:.2f} s"
    if passed < 59.95:
        return f"{passed:.1f} s"
    whole = round(passed)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def clock(seconds: float) -> str:
    """A time still to go, in a form whose width stays put: 0:07, 12:40, 1:02:03."""
    whole = max(0, math.ceil(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def device(word: object, gpu: object, threads: object) -> str:
    """Where a run trains: "cpu, 2 threads", "cuda:0 (NVIDIA H100)"; nothing where nobody knows. gpu: foreign text."""
    if not word:
        return ""
    name = safe(str(word), 40)
    if isinstance(gpu, str) and gpu:
        return f"{name} ({safe(gpu, 60)})"
    if isinstance(threads, int) and threads > 0 and not name.startswith("cuda"):
        return f"{name}, {plural(threads, 'thread')}"
    return name


def gpu_name(word: str, gpu: str) -> str:
    """The same of a GPU where there is little room: "cuda:0 H100"."""
    return safe(f"{word} {gpu.removeprefix('NVIDIA ')}".rstrip(), 60)


def needed(memory: object) -> str:
    """The field `device_memory` of the event `start` in words; nothing where it is not known."""
    if not isinstance(memory, Mapping):
        return ""
    needs, free = _real(memory.get("needed")), _real(memory.get("free"))
    return "" if needs is None or free is None else f"needs {size(needs)} of the GPU's memory, {size(free)} are free"


def busy(said: Mapping[str, object]) -> tuple[str, str, str, str]:
    """What a GPU says of itself, the fields of the event `gpu`: how busy, how full, how warm it is, what it draws.

    Each has the width that it will grow to. What the card does not tell is a dash.
    """
    names = ("utilisation", "memory_used", "memory_total", "temperature", "power", "power_limit")
    busy, used, total, celsius, watts, limit = (_real(said.get(name)) for name in names)
    memory = _short(total, 1e9, 1)
    return (
        f"{_short(busy):>3} %",
        f"{_short(used, 1e9, 1):>{len(memory)}}/{memory} GB",
        f"{_short(celsius):>2} °C",
        f"{_short(watts):>3}/{_short(limit)} W",
    )


def _real(value: object) -> float | None:
    """A number that came from elsewhere; None for anything else."""
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) and abs(value) < 1e15 else None  # type: ignore[arg-type]


def _short(value: float | None, unit: float = 1.0, decimals: int = 0) -> str:
    return NOTHING if value is None else f"{value / unit:.{decimals}f}"


def age(seconds: float) -> str:
    """How long ago: just now, 5 min, 3 h, 12 days. A moment in the future (a clock was set back) is just now."""
    if seconds < 60:
        return "just now"
    for limit, step, unit in ((3600, 60, "min"), (48 * 3600, 3600, "h"), (math.inf, 86400, "days")):
        if seconds < limit:
            return f"{int(seconds // step)} {unit}"
    return NOTHING


def plural(amount: int, word: str, many: str | None = None) -> str:
    """1 run, 2 runs, 0 runs."""
    return f"{amount:,} {word if amount == 1 else many or word + 's'}"
