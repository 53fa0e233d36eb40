"""The process that trains one run: `python -m tuinet.training.worker FOLDER`, spawned by a session.

It takes the run's lock, binds the data, builds the trainer, goes on from the newest good checkpoint where there is
one, and hands what the loop tells to the records and to the pipe. Whatever goes wrong is said three times: in
run.json, as the last event, and in worker.log with its traceback where it is a bug.

Exit codes: 0 done, 1 failed, 2 wrong preset or data, 3 `until` not met, 4 diverged, 130 and 143 stopped and saved.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tuinet.errors import PresetError, RunError, TuinetError
from tuinet.runs import RunFolder
from tuinet.training.events import Event, Pipe, Reporter
from tuinet.training.signals import StopAsked, StopFlag, watch

if TYPE_CHECKING:
    from tuinet.training.engine import Engine

LAST_WORDS = 5.0  # seconds that a worker which was asked to stop waits for its printer to read the end


def main(arguments: Sequence[str] | None = None, engine: Engine | None = None) -> int:
    """engine: what builds the trainer; None for the real one."""
    options = _parsed(arguments)
    stop = StopFlag()
    watch(stop)
    run = RunFolder(options.folder)
    reporter = Reporter(Pipe(options.events_fd), run=run.id)
    code = _guarded(run, options, stop, reporter, engine)
    patience = time.monotonic() + LAST_WORDS
    reporter.pipe.finish(lambda: not stop.asked or time.monotonic() < patience)
    return code


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tuinet.training.worker", description="Trains one run.", allow_abbrev=False)
    parser.add_argument("folder", help="folder of the run, with its preset.toml and run.json")
    parser.add_argument("--events-fd", type=int, default=None, help="file descriptor that takes the events")
    parser.add_argument("--device", default=None, help="where to train; default: what run.json says")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--init", default=None, help="folder of the run whose weights are taken")
    parser.add_argument("--checkpoint-seconds", type=float, default=None, help="seconds between two last checkpoints")
    parser.add_argument(
        "--last-at-least", type=float, default=None, help="slow motion, so that it takes so many seconds"
    )
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    return parser.parse_args(arguments)


def _guarded(
    run: RunFolder, options: argparse.Namespace, stop: StopFlag, reporter: Reporter, engine: Engine | None
) -> int:
    """Trains, and turns every way to fail into words and an exit code. The lock is free when this returns."""
    with ExitStack() as held:
        try:
            held.enter_context(run.lock())
        except TuinetError as error:
            return _say_end(reporter, "running" if run.path.is_dir() and run.is_live() else "failed", error)
        try:
            from tuinet.training.work import Work

            return Work(run, options, stop, reporter, held, engine).train()
        except StopAsked:
            _write_state(run, "stopped", None)
            return _say_end(reporter, "stopped", None, stop.exit_code)
        except TuinetError as error:
            return _failed(run, reporter, error)
        except MemoryError as error:
            _log(traceback.format_exc())
            return _failed(run, reporter, _out_of_memory(error))
        except Exception as error:
            _log(traceback.format_exc())
            return _failed(run, reporter, RunError(f"a fault in tuinet itself: {type(error).__name__}: {error}"))


def _failed(run: RunFolder, reporter: Reporter, error: TuinetError) -> int:
    _log(f"failed: {error}")
    _write_state(run, "failed", str(error))
    return _say_end(reporter, "failed", error)


def _write_state(run: RunFolder, state: str, error: str | None) -> None:
    """As far as the disk lets us: the reason may be that it is full."""
    try:
        run.write_info(state=state, error=error)
    except (TuinetError, ValueError):
        _log(traceback.format_exc())


def _log(text: str) -> None:
    """A line for worker.log. It may lie on a disk that is full, and what is said next must be said all the same."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  or Python would try to write it once more at its end


def _say_end(reporter: Reporter, state: str, error: TuinetError | None, code: int | None = None) -> int:
    """The last event, where the loop did not come to tell its own."""
    code = error.exit_code if error is not None else code or 0
    fields = {"state": state, "reason": "asked" if state == "stopped" else "error", "error": error and str(error)}
    if isinstance(error, PresetError):  # the session knows the file that the user wrote, and its lines
        fields |= {"message": error.message, "key": error.key}
    event = Event("end", {**fields, "exit_code": code})
    if not reporter.ended:
        try:
            reporter.tell(event)
        except TuinetError:  # the disk, most likely: the reason may be the same
            reporter.pass_on(event)
    return code


def _out_of_memory(error: MemoryError) -> RunError:
    """Says how much there is, and what NumPy wanted where it says so."""
    try:
        free = f"{os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB are free now; "
    except (ValueError, OSError):  # not every system says
        free = ""
    wanted = f" ({error})" if str(error) else ""
    return RunError(
        f"out of memory{wanted}; {free}a smaller batch_size, fewer units or data.limit need less; "
        "what was saved before stands"
    )


if __name__ == "__main__":
    sys.exit(main())
