"""The `tuinet` command: the list of commands, and the one place where errors become sentences and exit codes.

    0 done   1 failed   2 wrong usage or preset   3 --until not met   4 diverged   130 interrupted   143 terminated

A command's module is imported when the command is called, and imports what it needs inside its function, so that
`tuinet --help` and `tuinet runs` answer at once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from tuinet import __version__
from tuinet.cells import wrap
from tuinet.cli.options import colour_option, mouse_option
from tuinet.cli.output import Terminal, forgive_encodings
from tuinet.errors import TuinetError, UsageError, nearest
from tuinet.safe_text import safe

SECTIONS: dict[str, tuple[str, ...]] = {
    "Train": ("run", "resume"),
    "Choose and write presets": ("presets", "show", "new", "data"),
    "Watch and steer": ("attach", "watch", "ctl"),
    "Look at runs": ("runs", "compare", "predict", "generate", "rm"),
    "Check": ("gradcheck", "bench", "doctor"),
}
"""Every command, in the order of the help page. The module tuinet.cli.NAME has the command of that name."""

INTERRUPTED = 130
LONGEST_MESSAGE = 2_000


class CommandLine(click.Group):
    """The group of all commands, loaded one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command = getattr(import_module(f"tuinet.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            close = nearest(word, self.list_commands(ctx))
            raise UsageError(f"there is no command {word!r}{close or '; `tuinet --help` lists them'}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        longest = max(len(name) for name in self.list_commands(ctx))
        for title, names in SECTIONS.items():
            with formatter.section(title):
                rows = []
                for name in names:
                    command = self.get_command(ctx, name)
                    assert command is not None
                    rows.append((name.ljust(longest), command.get_short_help_str(limit=100)))
                formatter.write_dl(rows)

    def main(  # type: ignore[override]  # always leaves the process, as click's own does by default
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command line and leave the process with its exit code."""
        open_streams()
        forgive_encodings()
        words, debug = _without_debug(list(sys.argv[1:] if args is None else args))
        sys.exit(self._answer(words, debug, prog_name or "tuinet", extra))

    def _answer(self, words: list[str], debug: bool, prog_name: str, extra: dict[str, Any]) -> int:
        extra.pop("standalone_mode", None)
        self._main_shell_completion(extra, prog_name)
        try:
            code = self._invoke(words, prog_name, extra)
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            _close_output()
            return 0
        except Exception as error:
            if debug:
                raise
            message, code = explained(error)
            return _complain(message, code)
        except KeyboardInterrupt:
            if debug:
                raise
            return _complain("interrupted", INTERRUPTED)

    def _invoke(self, words: list[str], prog_name: str, extra: dict[str, Any]) -> int:
        """The command's exit code: what it returns, or 0 for None."""
        try:
            with self.make_context(prog_name, words, **extra) as context:
                result = self.invoke(context)
                return result if isinstance(result, int) else 0
        except click.exceptions.Exit as leave:
            return leave.exit_code


def open_streams() -> None:
    """Streams that the shell has closed (`>&-`) lead nowhere, and no file that is opened later gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  open for as long as the process


def explained(error: BaseException) -> tuple[str, int]:
    """The sentence and the exit code for an error."""
    if isinstance(error, TuinetError):
        return str(error), error.exit_code
    if isinstance(error, click.UsageError):
        return _usage_sentence(error), 2
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, click.Abort):
        return "interrupted", INTERRUPTED
    if isinstance(error, OSError):
        return os_sentence(error), 1
    if isinstance(error, MemoryError):
        return "there is not enough memory for this", 1
    kind = type(error).__name__
    return f"a mistake inside tuinet: {kind}: {error} (tuinet --debug shows where)", 1


def os_sentence(error: OSError) -> str:
    """What the operating system refused, in plain words, with the file it is about."""
    file = error.filename2 or error.filename
    name = os.fsdecode(file) if isinstance(file, (str, bytes)) else None
    at = f" ({name})" if name else ""
    if error.errno == errno.ENOSPC:
        return f"the disk is full: there is no space left to write to{at}"
    if error.errno == errno.EDQUOT:
        return f"your share of the disk is used up: there is no space left to write to{at}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"there is no permission to use {name or 'a file'}; its folder or its mode forbids it"
    if error.errno == errno.EROFS:
        return f"{name or 'the file'} is on a disk that can only be read"
    if error.errno == errno.ENOENT:
        return f"there is no file {name or 'of that name'}"
    if error.errno == errno.EISDIR:
        return f"{name or 'that'} is a folder, where a file is wanted"
    if error.errno == errno.ENOTDIR:
        return f"{name or 'that'} lies below a file, where a folder is wanted"
    return f"{error.strerror or error}{at}"


def _usage_sentence(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    command = error.ctx.command_path if error.ctx else "tuinet"
    end = "" if message.endswith("?") else ";"
    return f"{message[:1].lower()}{message[1:]}{end} `{command} --help` says what there is"


def _without_debug(words: list[str]) -> tuple[list[str], bool]:
    """The words without --debug, which shows tracebacks and may stand anywhere before a `--`."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != "--debug"]
    return kept + words[end:], len(kept) < end


def _complain(message: str, code: int) -> int:
    try:
        terminal = Terminal(sys.stderr)
        for number, line in enumerate(message[:LONGEST_MESSAGE].split("\n")):
            words = f"{'  ' if number else 'tuinet: '}{safe(line)}"
            lines = wrap(words, terminal.prose_width, indent="  ") if terminal.width else [words]
            for part in lines:
                print(part if number else part.replace("tuinet:", terminal.paint("tuinet:", "bad"), 1), file=sys.stderr)
    except OSError:  # standard error is gone as well: the exit code still tells
        _close_output()
    return code


def _close_output() -> None:
    """Point the streams nowhere, so that Python's own flush at exit does not complain about the pipe again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            try:
                os.dup2(nowhere, stream.fileno())
            except (OSError, ValueError):
                continue
    os.close(nowhere)


@click.group(
    name="tuinet",
    cls=CommandLine,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", message="tuinet %(version)s")
@colour_option
@mouse_option
@click.pass_context
def cli(ctx: click.Context, colour: str, no_mouse: bool) -> int | None:
    """Train neural networks in a terminal and see what happens inside them.

    Without a command the screens open.
    """
    if ctx.invoked_subcommand is not None:
        return None
    from tuinet.cli.screens import has_terminal, open_screens

    if has_terminal():
        return open_screens(None, colour=colour, mouse=not no_mouse)
    from tuinet.cli.welcome import welcome

    welcome()
    return None


def main() -> None:
    """The entry point of the `tuinet` command."""
    cli()
