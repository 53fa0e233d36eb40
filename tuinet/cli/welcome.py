"""What `tuinet` says when it is called with nothing: the first commands to try."""

from __future__ import annotations

from tuinet.cli.output import Output

FIRST = (
    ("tuinet run spam-neuron", "train one neuron to tell spam from mail"),
    ("tuinet run fashion-mlp", "784 inputs, one hidden layer, ten classes"),
    ("tuinet presets", "what else there is, and what each preset teaches"),
    ("tuinet show fashion-mlp", "its layers: shapes, parameters, work and memory"),
    ("tuinet run --data my.csv", "a network for your own table"),
    ("tuinet runs", "what you have trained"),
)


def welcome() -> None:
    """Print the welcome."""
    output = Output()
    paint = output.terminal.paint
    output.say()
    output.prose("tuinet trains neural networks in a terminal and shows what happens inside them.")
    output.say()
    longest = max(len(command) for command, _ in FIRST)
    for command, meaning in FIRST:
        if (output.terminal.width or 80) >= longest + 55:
            output.say(f"  {paint(command.ljust(longest), 'bold')}   {meaning}")
        else:
            output.say(f"  {paint(command, 'bold')}")
            output.prose(meaning, "dim")
    output.say()
    output.prose("Every command has --help, and all but attach have --json.")
