"""`tuinet show RUN --attention TEXT`: where each attention looks, as a picture in shades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.data import Vocabulary
    from tuinet.runs import RunFolder
    from tuinet.training.looking import Looked

SHADES, PLAIN_SHADES = " ░▒▓█", " .:*#"
OTHERS = {" ": "␠", "\n": "␊", "\t": "␉"}
UNSEEN, START_MARK, END_MARK = "·", "^", "∎"  # a character that takes no single cell; begin and end of a text


def show_attention(output: Output, run: RunFolder, text: str) -> None:
    """Draw the mean over the heads of each attention; --json has the weights of every head.

    UsageError where the network reads no text, or has no attention, and where there is no text.
    """
    from tuinet import figures, presets
    from tuinet.cli.trained import data_of, network_of
    from tuinet.data import Vocabulary
    from tuinet.errors import UsageError
    from tuinet.safe_text import safe
    from tuinet.training.looking import looked

    if not text.strip():
        raise UsageError("--attention: holds no line of text; give the text that the network is to read")
    preset = presets.load(run.path / "preset.toml")
    facts, scaler = data_of(run, preset, warn=output.note)
    if not isinstance(scaler, Vocabulary):
        raise UsageError(f"--attention is for networks that read text; {safe(run.id)} does not")
    # The NumPy reference compiles nothing, and is quick enough for one text.
    trainer = network_of(run, preset, facts, rows=1, device="reference", warn=output.note)
    found = looked(trainer, preset.network(facts), facts, scaler, text, "--attention")
    if not found:
        raise UsageError(f"{safe(run.id)} has no layer with attention")
    for one in found:
        output.record({
            "row": "attention", "layer": one.layer, "rows": _names(one.rows, scaler),
            "columns": _names(one.columns, scaler), "diagonal": one.diagonal, "weights": one.weights.tolist(),
        })  # fmt: skip
        heads = len(one.weights)
        words = "one head" if heads == 1 else f"mean of {heads} heads"
        output.say()
        share = figures.share(one.diagonal)
        heading(
            output, safe(one.layer, 80), words, f"{share} of the weight on the diagonal", f"{share} on the diagonal"
        )
        _draw(output, one, scaler)


def heading(output: Output, name: str, words: str, *notes: str) -> None:
    """The layer's name and what is said of it: by the first of the notes that fits beside it, else in a line below."""
    from tuinet.cells import cell_width

    room = (output.terminal.width or 10_000) - cell_width(name) - 2
    told = next((line for line in (f"{words}, {note}" for note in notes) if cell_width(line) <= room), "")
    output.heading(name, told)
    if not told:
        output.prose(f"{words}, {notes[0]}")


def _draw(output: Output, one: Looked, vocabulary: Vocabulary) -> None:
    from tuinet.cells import cut

    room = output.terminal.width or 10_000
    shades = SHADES if output.terminal.unicode else PLAIN_SHADES
    rows, columns = (
        [_sign(name) for name in _names(tokens, vocabulary)] for tokens in (one.rows, one.columns)
    )  # fmt: skip
    output.say(output.terminal.paint(cut("    " + "".join(f"{sign} " for sign in columns), room).rstrip(), "dim"))
    for sign, weights in zip(rows, one.weights.mean(axis=0), strict=True):
        cells = (2 * shades[_shade(weight)] for weight in weights.tolist())
        output.say(cut(f"{sign}   " + "".join(cells), room).rstrip())


def _shade(weight: float) -> int:
    """Of a share of 1, the nearest of five: below an eighth none, above seven eighths full."""
    return min(len(SHADES) - 1, int(weight * (len(SHADES) - 1) + 0.5))


def _names(tokens: list[int], vocabulary: Vocabulary) -> list[str]:
    names: Any = vocabulary.names
    return [str(names[token]) for token in tokens]


def _sign(name: str) -> str:
    """One cell for a token."""
    from tuinet.cells import cell_width
    from tuinet.data.vocabulary import END, MARKS, START
    from tuinet.safe_text import safe

    if name in (MARKS[START], MARKS[END]):
        return END_MARK if name == MARKS[END] else START_MARK
    name = OTHERS.get(name, name)
    return name if len(name) == 1 and safe(name) == name and cell_width(name) == 1 else UNSEEN
