"""`tuinet generate`: a trained network writes a text, token by token, as it comes."""

from __future__ import annotations

import codecs
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import RealRange, json_option, runs_option

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.data import Facts, Scaler, Vocabulary
    from tuinet.runs import RunFolder

INTERRUPTED = 130
LAYOUT = {"\n": "\n", "\t": "    "}  # control characters that lay a text out, and what stands for them


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--prompt", default="", metavar="TEXT", help="What the text begins with (default: a new line).")
@click.option("-n", "--length", type=click.IntRange(1, 1_000_000_000), default=500, show_default=True, metavar="N",
              help="How many tokens are written: characters, or bytes.")  # fmt: skip
@click.option("--temperature", type=RealRange(min=0.0, max=1000.0), default=0.8, show_default=True, metavar="T",
              help="Below 1 the likely becomes likelier; 0 always takes the likeliest.")  # fmt: skip
@click.option("--top-k", type=click.IntRange(min=0), default=0, metavar="K", help="Draw from the K likeliest only.")
@click.option("--top-p", type=RealRange(min=0.0, max=1.0, min_open=True), default=1.0, metavar="P",
              help="Draw from the fewest that together have the probability P.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="The same seed writes the same text.")
@runs_option
@json_option
def generate(
    name: str,
    prompt: str,
    length: int,
    temperature: float,
    top_k: int,
    top_p: float,
    seed: int | None,
    runs_folder: str | None,
    as_json: bool,
) -> int:
    """Let a network that was trained on a text write one.

    RUN is an id, a unique beginning of one, a folder, or last. It has to be a network that predicts the next character
    (or byte), such as those of char-gpt and char-lstm. What the terminal would obey is shown as a mark.
    """
    import secrets

    from tuinet import presets
    from tuinet.cli.output import Output
    from tuinet.cli.trained import data_of
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen
    from tuinet.training.generating import Sampling, generated

    output = Output(as_json=as_json)
    run = find(name, chosen(runs_folder))
    preset = presets.load(run.path / "preset.toml")
    facts, scaler = data_of(run, preset, warn=output.note)
    vocabulary = _vocabulary(run, facts, scaler)
    prompt = prompt or _beginning(vocabulary, facts)
    start = vocabulary.encode(prompt, "--prompt").tolist()
    seed = secrets.randbelow(2**31) if seed is None else seed
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    forward = _forward(run, preset, facts, output)
    tokens = islice(generated(forward, start, vocabulary.window, sampling, seed), length)
    try:
        _write(output, prompt, tokens, vocabulary, seed)
    except KeyboardInterrupt:
        if not as_json:
            output.say()
        return INTERRUPTED
    return 0


def _vocabulary(run: RunFolder, facts: Facts, scaler: Scaler) -> Vocabulary:
    """What the run's tokens stand for; UsageError where it was trained on something else than the next token."""
    from tuinet.data import Vocabulary
    from tuinet.errors import UsageError
    from tuinet.safe_text import safe

    if isinstance(scaler, Vocabulary) and facts.writes:
        return scaler
    what = "translates texts" if facts.source_steps else (
        f"tells the {safe(facts.target or 'class', 40)} of a text" if isinstance(scaler, Vocabulary)
        else f"was trained on {safe(facts.name, 60)}, which is no text")  # fmt: skip
    raise UsageError(
        f"{safe(run.id)} {what}; only a network that predicts the next character can write one. "
        f"`tuinet predict {safe(run.id)} FILE` asks this one"
    )


def _beginning(vocabulary: Vocabulary, facts: Facts) -> str:
    """Where nothing is said: a new line, or the commonest character of a text that has none."""
    if vocabulary.tokens == "bytes" or "\n" in vocabulary.characters:
        return "\n"
    counts = facts.class_counts
    return vocabulary.characters[counts.index(max(counts))]


def _forward(run: RunFolder, preset: Any, facts: Facts, output: Output) -> Any:
    """The network as a function from tokens (1, T) to logits (1, T, C), compiled, an example at a time."""
    from tuinet.cli.bar import Bar
    from tuinet.cli.trained import network_of

    bar = Bar(output.side)

    def on_compile(done: int, total: int, name: str) -> None:
        bar.draw(done / max(1, total), "compiling, once on this machine", (name, f"{done}/{total}"))

    trainer = network_of(run, preset, facts, rows=1, device="cpu", warn=output.note, on_compile=on_compile)
    bar.hide()
    shape = (1, facts.steps, facts.outputs)
    return lambda row: trainer.outputs(row).reshape(shape)


def _write(output: Output, prompt: str, tokens: Iterator[tuple[int, float]], vocabulary: Vocabulary, seed: int) -> None:
    """The text as it comes, or with --json an object a token and one at the end."""
    from tuinet import figures

    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    pieces: list[str] = []
    _say(output, prompt if prompt.strip("\n") else "")
    began, count = time.monotonic(), 0
    for count, (token, share) in enumerate(tokens, 1):
        piece = decoder.decode(vocabulary.decode(token))
        pieces.append(piece)
        output.record({"row": "token", "number": count, "token": token, "text": piece, "probability": share})
        _say(output, piece)
    pieces.append(rest := decoder.decode(b"", final=True))
    _say(output, rest + "\n")
    seconds = time.monotonic() - began
    output.record(
        {"row": "end", "prompt": prompt, "text": "".join(pieces), "tokens": count, "seed": seed, "seconds": seconds}
    )
    if output.side.live and not output.as_json:
        speed = figures.count(count / seconds) if seconds > 0 else figures.NOTHING
        output.note(f"{figures.plural(count, vocabulary.tokens[:-1])} · {speed}/s · --seed {seed}")


def _say(output: Output, text: str) -> None:
    """A piece of the text on standard output: new lines stay, tabs become blanks, what else commands a mark."""
    if output.as_json:
        return
    from tuinet.safe_text import safe

    sys.stdout.write("".join(LAYOUT.get(character) or safe(character) for character in text))
    sys.stdout.flush()
