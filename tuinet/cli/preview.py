"""Examples of a set drawn on a terminal: pictures in shades of grey that need no colour, tables and series in rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tuinet import figures
from tuinet.cells import pad
from tuinet.safe_text import safe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tuinet.cli.output import Output
    from tuinet.data import Bound, Part
    from tuinet.data.augment import Augment

SHADES = " ░▒▓█"
LETTERS = " .:-=+*#%@"  # where the terminal's encoding has no blocks
EXAMPLES, VERSIONS = 4, 5  # shown; with augmentation each as it is, and so many times as training sees it
WIDEST = 24  # cells of a picture, so that three lie side by side in 80
GAP = 2
MOST_COLUMNS = 12
MOST_STEPS = 16  # of a series or a text in a line


def preview(
    output: Output, bound: Bound, augment: Augment | None, seed: int, *, count: int = EXAMPLES, skip: int = 0
) -> None:
    """Print some training examples, one of each class as far as they go; with augment, also as they are drawn.

    count: how many. skip: pass over so many of the training part, to see others.
    """
    import numpy as np

    from tuinet.data import Part

    part, labels = _chosen(bound, count, skip)
    shown = np.asarray(part.inputs[:count], np.float64)[None]
    if augment is not None:
        from tuinet.engine.augmented import augmented

        drawn = augmented(part, bound.facts, augment, steps=VERSIONS, seed=seed)[:, :count]
        shown = np.concatenate([shown, drawn])
    for number, label in enumerate(labels[:count]):
        for version, values in enumerate(shown[:, number]):
            row = {"row": "example", "number": skip + number + 1, "version": version, "label": label}
            output.record({**row, "values": values.tolist(), **_own(bound, values)})
    output.say()
    if bound.facts.tokens:
        _print_texts(output, bound, Part(part.inputs[:count], part.targets[:count]), labels, skip)
    elif len(bound.facts.inputs) == 3:
        for line in pictures(shown, labels, output):
            output.say(line)
    else:
        _print_rows(output, bound, shown, labels, skip)


def check_skip(bound: Bound, skip: int) -> None:
    """UsageError where the training part has no example behind so many."""
    from tuinet.errors import UsageError

    count = len(bound.train)
    if skip >= count:
        raise UsageError(
            f"--skip {skip}: the training part has {figures.plural(count, 'example')}; "
            f"pass over {count - 1:,} at the most"
        )


def _own(bound: Bound, values: NDArray[Any]) -> dict[str, Any]:
    """An example as it stands in its file: {"text": ...} of tokens, {"numbers": [...]} of numbers that are no picture.

    Of a pair the text is the source; the target is its label.
    """
    from tuinet.data import Vocabulary

    if isinstance(bound.scaler, Vocabulary):
        tokens = values[: bound.scaler.source or None]
        return {"text": b"".join(bound.scaler.decode(int(token)) for token in tokens).decode("utf-8", "replace")}
    return {} if len(bound.facts.inputs) == 3 else {"numbers": original(bound, values).tolist()}


def _chosen(bound: Bound, count: int = EXAMPLES, skip: int = 0) -> tuple[Part, list[str]]:
    """The first training example of each class, and more than are shown, for mixup to find others; and their labels.

    Of pairs these are the targets.
    """
    import numpy as np

    from tuinet.data import Part, Vocabulary
    from tuinet.training.translating import texts

    facts, train = bound.facts, bound.train
    train = Part(train.inputs[skip:], train.targets[skip:])
    order = np.arange(min(len(train), max(32, count)))
    if facts.class_names and train.targets.reshape(len(train), -1).shape[1] == 1:
        codes = train.targets.reshape(-1).astype(int)
        firsts = [int(np.argmax(codes == code)) for code in dict.fromkeys(codes.tolist())][: len(order)]
        order = np.array([*firsts, *(place for place in order if place not in firsts)])[: len(order)]
        labels = [facts.class_names[code] for code in codes[order]]
    elif facts.task == "reals" and not facts.steps and facts.outputs == 1:
        own = facts.in_own_units(np.asarray(train.targets[order], np.float64))
        labels = [f"{value:.6g}" for value in own[:, 0]]
    elif isinstance(bound.scaler, Vocabulary) and bound.scaler.source:
        labels = texts(train.targets[order], bound.scaler)
    else:
        labels = [""] * len(order)
    return Part(train.inputs[order], train.targets[order]), labels


# -- pictures --------------------------------------------------------------------------------


def pictures(shown: NDArray[np.float64], labels: Sequence[str], output: Output) -> Iterator[str]:
    """Lines of pictures (versions, n, height, width, colours): a version beside the other, or examples side by side."""
    versions, count, _, width = shown.shape[:4]
    low, high = float(shown[0].min()), float(shown[0].max())
    shares = (shown.mean(-1) - low) / ((high - low) or 1.0)
    wide = min(width, WIDEST)
    room = max(1, ((output.terminal.width or 80) + GAP) // (wide + GAP))
    letters = SHADES if output.terminal.unicode else LETTERS
    if versions == 1:
        rows = [[(shares[0, n], labels[n]) for n in range(count)]]
    else:
        rows = [[(shares[v, n], labels[n] if not v else f"step {v}") for v in range(versions)] for n in range(count)]
    for row in rows:
        for start in range(0, len(row), room):
            some = row[start : start + room]
            yield (" " * GAP).join(pad(safe(title, 40), wide) for _, title in some).rstrip()
            for cells in zip(*(shaded(image, wide, letters) for image, _ in some), strict=True):
                yield (" " * GAP).join(cells).rstrip()
            yield ""


def shaded(image: NDArray[np.float64], wide: int, letters: str) -> list[str]:
    """An image of shares from 0 to 1 in lines of `wide` letters, a letter for two pixels above each other, or more."""
    import numpy as np

    height, width = image.shape
    tall = max(1, round(height * wide / width / 2))
    rows, columns = (np.linspace(0, size, count + 1) for size, count in ((height, tall), (width, wide)))
    means = _means(_means(image, rows).T, columns).T
    places = (means.clip(0, 1) * len(letters)).astype(int).clip(0, len(letters) - 1)
    return ["".join(letters[place] for place in line) for line in places]


def _means(values: NDArray[np.float64], borders: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means of stretches of rows whose borders need not lie between two rows."""
    import numpy as np

    sums = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(0)])
    at = np.floor(borders).astype(int).clip(0, len(values) - 1)
    until = sums[at] + (borders - at)[:, None] * values[at]
    means: NDArray[np.float64] = np.diff(until, axis=0) / np.diff(borders)[:, None]
    return means


# -- texts -----------------------------------------------------------------------------------


def _print_texts(output: Output, bound: Bound, part: Part, labels: Sequence[str], skip: int) -> None:
    """The beginning of each example, with the label in front where it has one."""
    from tuinet.cli.table import Column, table

    rows = []
    for number, (row, label) in enumerate(zip(part.inputs, labels, strict=False), skip + 1):
        text = _own(bound, row).get("text", "")
        rows.append([str(number), *([label] if any(labels) else []), safe(text)])
    columns = [Column("example", right=True, need=9)]
    columns += [Column(safe(bound.facts.target, 30), need=8)] if any(labels) else []
    for line in table([*columns, Column("text", need=7, least=20)], rows, output.terminal):
        output.say(line)


# -- numbers ---------------------------------------------------------------------------------


def _print_rows(output: Output, bound: Bound, shown: NDArray[np.float64], labels: Sequence[str], skip: int) -> None:
    """A line an example and version: the numbers as they stand in the file, with the label in front."""
    from tuinet.cli.table import Column, table

    facts = bound.facts
    count = shown[0, 0].size
    names = [safe(name, 30) for name in facts.columns] or [str(number) for number in range(1, count + 1)]
    target = safe(facts.target, 30) or "label"
    if facts.horizon:  # a column for each step of the window, by how many steps before what is predicted it lies
        steps = count // len(names)
        names = [f"{name} -{before}" for before in range(steps, 0, -1) for name in names]
        target = f"next {target}"
    least = min(count, MOST_COLUMNS if facts.columns else MOST_STEPS)
    versions = len(shown)
    columns = [Column("example", right=True, need=9), *([Column("seen at", need=8)] if versions > 1 else [])]
    columns += [Column(target, right=True, need=9, least=6)] if any(labels) else []
    columns += [Column(name, right=True, need=8 - min(7, place)) for place, name in enumerate(names[:least])]
    rows = []
    for number in range(shown.shape[1]):
        for version in range(versions):
            values = original(bound, shown[version, number])
            row = [str(skip + number + 1), *([f"step {version}" if version else "as it is"] if versions > 1 else [])]
            row += [labels[number]] if any(labels) else []
            rows.append([*row, *(figures.number(value) for value in values[:least].tolist())])
    for line in table(columns, rows, output.terminal):
        output.say(line)
    if count > least:
        output.say(output.terminal.paint(f"(the first {least} of {count:,} numbers; --json has all)", "dim"))


def original(bound: Bound, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """An example's numbers (k) before they were scaled."""
    import numpy as np

    from tuinet.data import Prepare
    from tuinet.data.curves import CURVES, curve_of

    flat, scaler = values.reshape(-1), bound.scaler
    if not isinstance(scaler, Prepare):
        return flat
    # Of a window of a series each step is scaled alike.
    centre, spread = (np.resize(numbers, flat.shape) for numbers in (scaler.centre, scaler.spread))
    raw: NDArray[np.float64] = flat * spread + centre
    raw = np.where(np.abs(raw) < 1e-6 * spread, 0.0, raw)  # 32 bits leave a trace of what was taken off
    curve = curve_of(scaler.scale)
    return CURVES[curve].back(raw) if curve else raw


def augment_from(words: str) -> tuple[Augment, int]:
    """What --augment means, and a seed: that of a preset, or SETTING=VALUE with commas between.

    PresetError where it is neither, or the preset changes nothing.
    """
    from tuinet import presets
    from tuinet.cli.show import is_preset
    from tuinet.data.augment import Augment
    from tuinet.errors import PresetError
    from tuinet.fields import build
    from tuinet.presets.overrides import apply

    if is_preset(words):
        preset = presets.load(words)
        if preset.training.augment is None:
            raise PresetError(f"the preset {safe(words, 80)} has no [training.augment]: it changes no examples")
        return preset.training.augment, preset.training.seed
    document: dict[str, Any] = {"augment": {}}
    said: set[str] = set()
    for word in words.split(","):
        key, sign, value = (part.strip() for part in word.partition("="))
        place = f"--augment {safe(words, 80)}"
        if not sign:
            raise PresetError(f"{place}: is no preset, and not of the form shift=2,flip=horizontal")
        if not value:
            raise PresetError(f"{place}: {safe(key, 40)} has no value; write one behind the =, or leave it out")
        if key in said:
            raise PresetError(f"{place}: says {safe(key, 40)} twice; once is enough")
        said.add(key)
        apply(document, f"augment.{word.strip()}")
    return build(Augment, document["augment"], "augment"), 1
