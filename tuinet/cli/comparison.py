"""The variants of a preset trained in turn, and then set side by side: a table, a chart, and which one did best."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tuinet import figures
from tuinet.cli.follow import Signals, record, tell
from tuinet.cli.output import Output
from tuinet.diagnostics.metrics import rises
from tuinet.errors import Diverged, TuinetError
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from tuinet.cli.table import Cell
    from tuinet.presets import Preset
    from tuinet.runs import RunFolder
    from tuinet.training.session import Session

Begin = Callable[["Preset", dict[str, Any]], "Session"]
GOAL_NOT_MET = 3
GO_ON = (0, GOAL_NOT_MET, Diverged.exit_code)
"""Exit codes of a training after which the next one begins: a diverged one is a result like any other."""


def train_variants(chosen: Sequence[Preset], begin: Begin, output: Output, called: str) -> int:
    """Train each of the presets, the variants of one, and print how they compare. Returns the exit code of the whole.

    called: the preset as the user named it. Ctrl-C and TERM end it all, and so does a training that fails, whose error
    is raised; what was trained so far is compared. Else the code is 4 where one diverged, 3 where one did not reach its
    goal.
    """
    names = [preset.variant for preset in chosen]
    origin = {"comparison": secrets.token_hex(4), "variants": names}
    done: list[Trained] = []
    failure: TuinetError | None = None
    code, closed = 0, False
    with Signals(output.side) as signals:
        for number, preset in enumerate(chosen, 1):
            label = f"variant {preset.variant}, {number} of {len(chosen)}"
            start = partial(begin, preset, {"variant": preset.variant, **origin})
            try:
                told = tell(start, output, signals, preset.variant, label)
            except TuinetError as error:
                failure = error
                break
            failure, code, closed = told.failure(), told.code, told.closed
            if told.started:
                done.append(Trained(preset, told.session.folder, told.session.folder.info(), told.code))
            if failure or signals.caught or told.code not in GO_ON:
                if told.broken_off and not failure:
                    output.note(str(told.end["error"]))
                break
        else:
            codes = [trained.code for trained in done]
            code = next((word for word in (Diverged.exit_code, GOAL_NOT_MET) if word in codes), 0)
    if signals.caught and not failure:
        code = 128 + signals.caught[0]
    code = failure.exit_code if failure else code
    if done:
        result = Comparison(done, tuple(names))
        record(output, {"event": "comparison", "preset": chosen[0].name, **origin, **result.row(), "exit_code": code})
        if not closed:
            result.print(output, called)
    if failure:
        raise failure
    return code


@dataclass(frozen=True)
class Trained:
    """A variant that was trained, as far as it came."""

    preset: Preset
    run: RunFolder
    info: dict[str, Any]  # run.json at its end
    code: int = 0

    @property
    def name(self) -> str:
        return self.preset.variant

    @property
    def state(self) -> str:
        return self.run.state_of(self.info)

    def row(self) -> dict[str, Any]:
        """The object of docs/formats.md."""
        keys = ("parameters", "epoch", "epochs", "seconds", "monitor", "best", "best_epoch", "verdict", "final", "test")
        head = {"variant": self.name, "run": self.run.id, "state": self.state}
        return {**head, **{key: self.info[key] for key in keys}, "exit_code": self.code}


@dataclass(frozen=True)
class Comparison:
    """Variants beside each other. names: all that there are, trained or not."""

    trained: Sequence[Trained]
    names: tuple[str, ...]

    @property
    def monitor(self) -> str | None:
        """The metric by which all of them chose their best epoch; None where they differ."""
        found = {trained.info["monitor"] for trained in self.trained} - {None}
        return str(found.pop()) if len(found) == 1 else None

    @property
    def differs(self) -> str:
        """Why their figures cannot be held against each other, or nothing."""
        settings = [trained.preset for trained in self.trained]
        data = [(preset.data.set, preset.data.file, preset.data.label, preset.data.task) for preset in settings]
        if any(one != data[0] for one in data):
            return "the variants have different data"
        if self.monitor is None and any(trained.info["monitor"] for trained in self.trained):
            return "the variants are measured by different metrics"
        losses = [preset.training.loss for preset in settings]
        if str(self.monitor).endswith("loss") and any(one != losses[0] for one in losses):
            return f"the variants have different losses, whose {self.monitor} cannot be compared"
        return ""

    @property
    def ranked(self) -> list[Trained]:
        """Those that came to their end, the best first; none where they cannot be compared."""
        if self.differs or self.monitor is None:
            return []
        ended = [one for one in self.trained if one.state == "finished" and one.info["best"] is not None]
        return sorted(ended, key=lambda one: one.info["best"], reverse=rises(self.monitor))

    @property
    def winner(self) -> str | None:
        """The variant whose best value no other one has reached."""
        first, *rest = [*self.ranked, None]
        alone = first is None or rest[0] is None or rest[0].info["best"] == first.info["best"]
        return None if first is None or alone else first.name

    def sentence(self) -> str:
        """Which one did best, and what is to be said of those that do not count."""
        return ". ".join((self._judged(), *self._left_out())) + "."

    def _judged(self) -> str:
        if self.differs:
            return f"None is said to be the best: {self.differs}"
        ranked, monitor = self.ranked, str(self.monitor)
        if not ranked:
            return "None of the variants came to its end"
        best = f"{monitor} {figures.metric(monitor, ranked[0].info['best'])}"
        if len(ranked) == 1:
            return f"Only {ranked[0].name} came to its end, with a best {best}"
        level = [one.name for one in ranked if one.info["best"] == ranked[0].info["best"]]
        if len(level) > 1:
            return f"{', '.join(level[:-1])} and {level[-1]} are level, with a best {best}"
        behind = figures.metric(monitor, ranked[1].info["best"])
        place = figures.setting(ranked[0].info["best_epoch"])
        return f"{ranked[0].name} did best: {best} after epoch {place}, ahead of {ranked[1].name} with {behind}"

    def _left_out(self) -> list[str]:
        states = [f"{one.name} {_WORDS.get(one.state, one.state)}" for one in self.trained if one.state != "finished"]
        missing = self.missing
        return states + ([f"Not trained: {', '.join(missing)}"] if missing else [])

    @property
    def missing(self) -> list[str]:
        done = [one.name for one in self.trained]
        return [name for name in self.names if name not in done]

    def row(self) -> dict[str, Any]:
        """The fields of the JSON object that all of them share."""
        return {
            "monitor": self.monitor,
            "results": [trained.row() for trained in self.trained],
            "best": self.winner,
            "sentence": self.sentence(),
        }

    # -- people's text ----------------------------------------------------------------------

    def print(self, output: Output, called: str) -> None:
        """The table, the chart and the sentence."""
        from tuinet.cli.table import Column, table

        second = self._second()
        columns = (
            Column("variant", need=9, least=6),
            Column("parameters", right=True, need=5),
            Column("epochs", right=True, need=6),
            Column(f"best {self.monitor or 'value'}", right=True, need=8),
            Column("after epoch", right=True, need=2),
            *((Column(second.removeprefix("val_"), right=True, need=7),) if second else ()),
            Column("time", right=True, need=4),
            Column("verdict", need=3),
        )
        output.say()
        for line in table(columns, [self._cells(one, second) for one in self.trained], output.terminal):
            output.say(line)
        self._print_curves(output)
        output.say()
        output.prose(safe(self.sentence(), 1_000), "bold")
        output.say()
        output.commands(self._next(called))

    def _second(self) -> str | None:
        """What people understand better than a loss: accuracy or rmse of the last weights, where it was measured."""
        wanted = [name for name in ("val_accuracy", "val_rmse") if name != self.monitor]
        finals = [one.info["final"] or {} for one in self.trained]
        return next((name for name in wanted if any(name in final for final in finals)), None)

    def _cells(self, one: Trained, second: str | None) -> list[str | Cell]:
        from tuinet.cli.table import Cell

        info = one.info
        paint = ("good",) if one.name == self.winner else ()
        value = figures.metric(str(info["monitor"]), info["best"])
        metric = "" if self.monitor or info["monitor"] is None else f"{info['monitor']} "
        return [
            Cell(one.name, ("bold",)),
            "" if info["parameters"] is None else figures.count(info["parameters"]),
            f"{info['epoch'] or 0:.4g}" + (f"/{info['epochs']:.6g}" if info["epochs"] else ""),
            Cell(metric + value, paint),
            figures.setting(info["best_epoch"]),
            *([figures.metric(second, (info["final"] or {}).get(second))] if second else []),
            figures.duration(info["seconds"]),
            info["verdict"] or one.state,
        ]

    def _print_curves(self, output: Output) -> None:
        from tuinet.cli.chart import Curve, chart
        from tuinet.runs.history import points

        if self.monitor is None or self.differs:
            return
        output.say()
        output.say(output.terminal.paint(self.monitor, "bold"))
        for line in chart([Curve(one.name, points(one.run, self.monitor)) for one in self.trained], output.terminal):
            output.say(line)

    def _next(self, called: str) -> list[str]:
        """What can be typed next."""
        stopped = [one.run.id for one in self.trained if one.state in ("stopped", "interrupted")]
        words = [f"tuinet resume {safe(name)}" for name in stopped]
        if called != "-":
            words += [f"tuinet run {safe(called, 200)} --variant {name}" for name in self.missing]
        if not words:
            best = [one.run.id for one in self.ranked or self.trained]
            words = [f"tuinet compare {best[0]} {best[1]}"] if len(best) > 1 else []
            words.append(f"tuinet show {best[0]}")
        return words


_WORDS = {"stopped": "was stopped", "interrupted": "was broken off"}
