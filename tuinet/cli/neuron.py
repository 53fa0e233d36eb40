"""A single neuron, read aloud: its weights beside the words of the columns they belong to.

The network of one unit is the only one whose weights can be read like this: each says how far its input pushes the
answer, and all inputs are scaled alike, so the longest bar is the strongest reason.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from tuinet.cells import cell_width, pad
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.data import Facts
    from tuinet.runs import RunFolder

MOST_ROWS = 10
LONGEST_BAR = 24


def neuron_lines(run: RunFolder, output: Output) -> list[str]:
    """The weights of a run whose network is one neuron, strongest first; nothing for any other network."""
    from tuinet.errors import TuinetError

    if not is_one_neuron(run):
        return []
    try:
        loaded = run.load_newest(resumable=False)
        facts = _facts(run)
    except TuinetError:  # a damaged or empty run is shown without them
        return []
    if loaded is None:
        return []
    weights = next((array for name, array in loaded.model.items() if name.endswith(".W")), None)
    bias = next((array for name, array in loaded.model.items() if name.endswith(".b")), None)
    if weights is None or weights.shape[1:] != (1,) or len(weights) != len(facts.columns):
        return []
    return _lines(
        list(zip(facts.columns, weights[:, 0].tolist(), strict=True)),
        None if bias is None else float(bias[0]),
        list(facts.class_names),
        output,
    )


def is_one_neuron(run: RunFolder) -> bool:
    """Whether the run's preset has a single layer with weights, and that layer a single unit."""
    try:
        layers = tomllib.loads(run.preset_text()).get("layers")
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    dense = [layer for layer in layers or [] if isinstance(layer, dict) and layer.get("type") == "dense"]
    others = [layer for layer in layers or [] if layer not in dense]
    silent = all(isinstance(layer, dict) and layer.get("type") in ("flatten", "reshape") for layer in others)
    return silent and len(dense) == 1 and dense[0].get("units") in (1, "outputs")


def _facts(run: RunFolder) -> Facts:
    from tuinet import presets
    from tuinet.cli.trained import data_of

    return data_of(run, presets.load(run.path / "preset.toml"))[0]


def _lines(weights: list[tuple[str, float]], bias: float | None, class_names: list[str], output: Output) -> list[str]:
    paint = output.terminal.paint
    largest = max((abs(weight) for _, weight in weights), default=0.0) or 1.0
    shown = [(safe(name, 40), weight) for name, weight in weights]
    longest = max(cell_width(name) for name in ("bias", *(name for name, _ in shown)))
    room = min(LONGEST_BAR, max(0, (output.terminal.width or 80) - longest - 16))
    lines = ["", paint("the neuron's weights, strongest first", "bold")]
    for sign, kind, index in ((1, "accent", 1), (-1, "warn", 0)):
        side = sorted((item for item in shown if item[1] * sign > 0), key=lambda item: -abs(item[1]))
        toward = f" towards {safe(class_names[index], 40)}" if len(class_names) == 2 else ""
        lines.append(paint(f"  {'raise' if sign > 0 else 'lower'} its sum{toward}", "dim"))
        for name, weight in side[:MOST_ROWS]:
            bar = "━" * max(1, round(room * abs(weight) / largest)) if room else ""
            lines.append(f"  {pad(name, longest)}  {weight:+9.4f}  {paint(bar, kind)}".rstrip())
        if len(side) > MOST_ROWS:
            lines.append(paint(f"  and {len(side) - MOST_ROWS} weaker ones", "dim"))
    return lines if bias is None else [*lines, f"  {pad('bias', longest)}  {bias:+9.4f}"]
