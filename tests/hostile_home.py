"""A folder of runs that is full of what a terminal would obey, as copies from elsewhere may be.

    hostile_home(home / "runs")     four runs: titles, errors, hosts, classes, columns, metrics, events, log lines

With `python -m tests.hostile_home WORDS...` tuinet runs with those words and with its checks taken out, which says
what of it would have come through.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.cli_scenes import make_run
from tests.terminal_apps import PAYLOADS
from tuinet.data import Facts, Prepare
from tuinet.data.scaling import Form
from tuinet.diagnostics.by_class import ByClass
from tuinet.runs import RunFolder

TEXTS = {
    **{name: text for name, text in PAYLOADS.items() if name != "undecodable"},
    "markup": "[bold red]x[/] [/nothing] $boom [@click=app.bell]y[/]",
    "bell": "\x07\x07ding",
    "a long word": "W" * 3_000,
    "wide": "日本語の名前🙂" * 30,
    "lines": "one\ntwo\r\nthree\tfour\x0bfive",
    "marks upon marks": "Z" + "\u0301\u0323" * 40,
}
"""What foreign text may be."""


def strange(place: int, *, count: int = 3) -> str:
    """Some of the texts, others at each place."""
    texts = list(TEXTS.values())
    return " ".join(texts[(place + more) % len(texts)] for more in range(count))


def hostile_home(runs: Path) -> list[RunFolder]:
    """Runs as `runs` shows them, the first of them with everything that the workbench and the log look at."""
    found = [_hostile_run(runs, 4 * number) for number in range(4)]
    (runs / "not a run \x1b]0;pwned\x07[bold]").mkdir()
    return found


def _hostile_run(runs: Path, first: int) -> RunFolder:
    text = {name: strange(first + place) for place, name in enumerate(("title", "error", "host", "preset", "verdict"))}
    run = make_run(runs, "spiral", **text, final={"val_loss": 0.34, strange(first + 5): 0.5})
    preset = run.preset_text().replace("Two spirals", text["title"].translate(TOML))
    (run.path / "preset.toml").write_text(preset, encoding="utf-8")
    names = [strange(first + place) for place in range(3)]
    with run.lock(), run.metrics().writer(2) as metrics, run.events().writer(2) as events:
        run.write_data(*_data(names))
        run.write_by_class(
            ByClass(tuple(names), (30, 20, 10), (30, 20, 10), (20, 10, 5), ((0, 1, 9),)), step=1, epoch=1
        )
        for epoch in range(13, 20):
            values = {f"val_{strange(first, count=1)[:60]}": 1 / epoch, "train_loss": 0.1, "val_loss": 0.4}
            metrics.append({"k": "epoch", "s": 225 * epoch, "e": epoch, "m": float(epoch), **values})
        for place, kind in enumerate(("alert", "changed", "stopped", "verdict", strange(first)[:40])):
            said = strange(first + place)
            events.append(
                {"k": kind, "s": 900 + 225 * place, "e": 4.0 + place, "message": said, "code": said, "key": said,
                 "old": said, "new": said, "state": said, "word": said, "sentence": said, "reason": said}
            )  # fmt: skip
    run.log_path.write_bytes("\n".join(TEXTS.values()).encode("utf-8", "surrogateescape") + b"\xff\x9b31m\n")
    return run


TOML = {code: f"\\u{code:04x}" for code in (*range(0x20), 0x22, 0x5C, *range(0x7F, 0xA0))}


def _data(names: list[str]) -> tuple[Facts, Prepare]:
    scaler = Prepare((2,), "standard", np.zeros(2), np.ones(2), np.zeros(2), (Form(names[0]), Form(names[1])))
    facts = Facts(
        name=names[0], source=names[1], inputs=(2,), task="classes", classes=3, outputs=3, class_names=names,
        class_counts=[30, 20, 10], columns=list(names[:2]), target=names[2], reason=names[0], notes=names,
        fingerprint="00ff",
    )  # fmt: skip
    return facts, scaler


def unsafe() -> None:
    """Takes the checks out: before anything has imported them."""
    import tuinet.safe_text

    tuinet.safe_text.safe = lambda text, limit=None: text if limit is None else text[:limit]


if __name__ == "__main__":
    unsafe()
    from tuinet.__main__ import main

    main()
