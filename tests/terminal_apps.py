"""Apps for the tests of the terminal: python -m tests.terminal_apps NAME [--stock] [--no-guard]."""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import sys
import threading
import time
from typing import Any

PAYLOADS = {
    "clipboard": "\x1b]52;c;cHduZWQ=\x07",
    "clipboard, 8 bits": "\x9d52;c;cHduZWQ=\x9c",
    "title": "\x1b]0;pwned\x1b\\",
    "clear": "\x1b[2J\x1b[3J",
    "leave the alternate screen": "\x1b[?47l",
    "full reset": "\x1bc",
    "type back": "\x1b[5n\x1b[21t",
    "colour": "\x1b[31337mred",
    "cursor": "over\x08\x08\r\n\x0b\x0cwritten\x7f",
    "charset": "\x0e\x1b(0qqq\x0f",
    "bidi": "a\u202egpj.exe\u2066\u2069\u200f",
    "hidden": "tag\U000e0041\U000e007f\u200b\ufeff\u2028",
    "device control": "\x1bP+q544e\x1b\\\x1b_Gi=1\x1b\\",
    "undecodable": "bad\udcff\udc9bname",
}
"""What a name, a label or a text of somebody else's may hold."""


def make(name: str, *, stock: bool) -> Any:
    """An app by name; `stock` makes it a plain App of Textual's, as a control."""
    from textual.app import App, ComposeResult
    from textual.binding import Binding
    from textual.containers import Horizontal, Vertical
    from textual.screen import ModalScreen
    from textual.strip import Strip
    from textual.widget import Widget
    from textual.widgets import DataTable, Footer, Input, Label, Static

    if stock:
        from textual.drivers.linux_driver import LinuxDriver

        class Base(App[int]):
            def main(self) -> int:
                self.run()
                return self.return_code or 0

            def get_driver_class(self) -> Any:
                return LinuxDriver
    else:
        from tuinet.tui.terminal.app import TerminalApp as Base  # type: ignore[assignment]

    from rich.segment import Segment
    from rich.style import Style

    PAINT = [Style(color=f"rgb({4 * n},80,{255 - 4 * n})", bgcolor=f"rgb(0,{4 * n},90)") for n in range(64)]
    Input.__dict__["cursor_blink"]._default = False  # two pictures of one moment must be the same

    class Field(Widget):
        """64 by 32 cells of colour, from a seed."""

        DEFAULT_CSS = "Field { width: 64; height: 32; }"
        seed = 0
        share = 0.01

        def render_line(self, y: int) -> Strip:
            draws = random.Random(y)
            levels = [draws.randrange(64) for _ in range(64)]
            again = random.Random(f"{self.seed} {y}")
            levels = [again.randrange(64) if again.random() < self.share else level for level in levels]
            if y >= 32:
                return Strip.blank(64)
            return Strip([Segment("▀", PAINT[level]) for level in levels], 64)

    class Question(ModalScreen[None]):
        DEFAULT_CSS = (
            "Question { align: center middle; } Question Vertical { width: 31; height: 7; border: round red; }"
        )
        BINDINGS = [Binding("escape", "app.pop_screen", "back")]  # noqa: RUF012

        def compose(self) -> ComposeResult:
            with Vertical():
                yield Label("Leave? 本当に 🙂")
                yield Input("naïve e\u0301 한국어")

    class Board(Base):  # type: ignore[misc, valid-type]
        """A small board: table, field of colours, a line, a modal, toasts; keys for all of it."""

        CSS = "#left { width: 1fr; } #line { height: 1; } Input { width: 30; }"
        BINDINGS = [  # noqa: RUF012
            Binding("q", "quit", "leave"), Binding("m", "ask", "modal"), Binding("n", "next", "next"),
            Binding("r", "again", "again"), Binding("t", "toast", "toast"), Binding("c", "cell", "cell"),
            Binding("d", "drift", "drift"), Binding("e", "wide", "wide"), Binding("x", "fail", "fail"),
        ]  # fmt: skip
        count = 0

        def compose(self) -> ComposeResult:
            with Horizontal():
                with Vertical(id="left"):
                    yield Static("step 0", id="line")
                    yield DataTable(id="table")
                    yield Static("日本語 🙂 é e\u0301 한 ─│", id="wide")
                yield Field(id="field")
            yield Footer()

        def on_mount(self) -> None:
            table = self.query_one(DataTable)
            table.add_columns("epoch", "loss", "名前")
            for row in range(8):
                table.add_row(str(row), f"{1 / (row + 1):.3f}", ["good", "中間", "🙂 ok"][row % 3], key=str(row))
            table.focus()
            self.started()

        def started(self) -> None:
            pass

        def action_ask(self) -> None:
            self.push_screen(Question())

        def action_next(self) -> None:
            self.count += 1
            self.query_one("#line", Static).update(f"step {self.count} " + "▁▂▃▄▅▆▇█"[: self.count % 9])

        def action_again(self) -> None:
            self.screen.refresh()

        def action_toast(self) -> None:
            self.notify(f"toast {self.count} [/] 中", timeout=60, markup=False)

        def action_cell(self) -> None:
            self.count += 1
            self.query_one(DataTable).update_cell_at((self.count % 8, 1), f"{self.count / 7:.3f}")

        def action_drift(self) -> None:
            field = self.query_one(Field)
            field.seed, field.share = field.seed + 1, 0.01
            field.refresh()

        def action_wide(self) -> None:
            self.count += 1
            self.query_one("#wide", Static).update(
                ["x中文字 é", "ascii only", "🙂🙂 e\u0301|", "中 ▀ a中b"][self.count % 4]
            )

    class Dying(Base):  # type: ignore[misc, valid-type]
        """Dies of what its keys say."""

        BINDINGS = [Binding("q", "quit", "leave"), Binding("n", "next", "next")]  # noqa: RUF012
        count = 0

        def compose(self) -> ComposeResult:
            yield Static("step 0")

        def action_next(self) -> None:
            self.count += 1
            self.query_one(Static).update(f"step {self.count}")

        def key_1(self) -> None:
            raise ZeroDivisionError("a handler \x1b[2J")

        def key_2(self) -> None:
            threading.Thread(target=lambda: [][1]).start()

        def key_3(self) -> None:
            os._exit(7)

        def key_4(self) -> None:
            ctypes.string_at(0)

        def key_5(self) -> None:
            async def work() -> None:
                raise LookupError("a worker")

            self.run_worker(work())

    class Noisy(Board):
        """Paints noise ten times a second and keeps how long the event loop stood still each time."""

        frames = 0

        def started(self) -> None:
            def paint() -> None:
                field = self.query_one(Field)
                field.seed, field.share = field.seed + 1, 1.0
                field.refresh()
                self.frames += 1

            self.stood: list[float] = []

            async def heart() -> None:
                await asyncio.sleep(1.0)
                while True:
                    began = time.monotonic()
                    await asyncio.sleep(0.01)
                    self.stood.append(time.monotonic() - began - 0.01)

            self.beats = asyncio.get_running_loop().create_task(heart())
            self.set_interval(0.1, paint)

        def on_unmount(self) -> None:
            self.beats.cancel()

        def main(self) -> int:
            code = super().main()
            high = sorted(self.stood)[int(0.98 * len(self.stood))]
            still = sum(seconds for seconds in self.stood if seconds > 0.05)
            share = still / (sum(self.stood) + 0.01 * len(self.stood))
            print(f"98 of 100 under {1000 * high:.0f} ms, still {100 * share:.0f} % of the time, {self.frames} frames")
            return int(code)

    class Raw(Widget):
        """Segments by hand, a link among them."""

        payload = ""

        def render_line(self, y: int) -> Strip:
            here = Segment(f"{self.payload}", Style(link=f"http://x/{self.payload}"))
            return Strip([Segment("raw "), here, Segment("中")])

    class Hostile(Base):  # type: ignore[misc, valid-type]
        """Shows PAYLOADS, three at a time, through every kind of widget."""

        CSS = "Screen { layout: grid; grid-size: 4; } * { max-height: 4; }"
        BINDINGS = [Binding("q", "quit", "leave")]  # noqa: RUF012

        async def show(self, payload: str) -> None:
            from rich.text import Text
            from textual import widgets as w
            from textual.content import Content

            await self.screen.remove_children()
            table: DataTable[Any] = DataTable()
            table.add_column(Text(payload))
            table.add_row(Text(payload), label=Text(payload))
            tree: w.Tree[None] = w.Tree(Text(payload))
            tree.root.add_leaf(Text(payload))
            tree.root.expand()
            bordered, raw = Static("border"), Raw()
            bordered.styles.border = ("round", "red")
            bordered.border_title = bordered.border_subtitle = Content(payload)
            raw.payload = payload
            log, rich_log = w.Log(), w.RichLog(min_width=10)
            self.title = self.sub_title = payload
            await self.screen.mount(
                w.Header(), Static(payload, markup=False), Static(Text(payload)), Static(Content(payload)),
                Label(Content(payload)), log, rich_log, table, tree, w.Button(Content(payload)),
                w.OptionList(Text(payload)), Input(payload, placeholder=payload), Input(placeholder=payload),
                w.TextArea(payload), w.Markdown(f"# {payload}\n[{payload}](http://x/{payload}) `{payload}`"),
                w.Checkbox(Content(payload)), w.RadioButton(Content(payload)), w.Tabs(w.Tab(Content(payload))),
                w.Select([(payload, 1)], value=1), w.SelectionList((Content(payload), 1)), w.Pretty(payload),
                w.Collapsible(title=payload, collapsed=False), bordered, raw, w.Digits(payload),
                w.ListView(w.ListItem(Label(Content(payload)))), w.Link(payload, url=payload),
            )  # fmt: skip
            log.write_line(payload)
            rich_log.write(Text(payload))
            self.notify(payload, title=payload, markup=False)
            await asyncio.sleep(0.1)

        async def on_mount(self) -> None:
            async def all_of_them() -> None:
                texts = list(PAYLOADS.values())
                for first in range(0, len(texts), 3):
                    await self.show(" ".join(texts[first : first + 3]))
                self.notify("all shown", timeout=60)

            self.run_worker(all_of_them())

    return {"board": Board, "dying": Dying, "noisy": Noisy, "hostile": Hostile}[name]()


def main() -> None:
    name, *flags = sys.argv[1:]
    stock = "--stock" in flags
    if "--no-guard" in flags:
        from tuinet.tui.terminal.abilities import find, tell_textual

        tell_textual(find())
        sys.exit(make(name, stock=stock).main())
    from tuinet.tui.terminal.guard import run_guarded

    sys.exit(run_guarded(lambda: make(name, stock=stock)))


if __name__ == "__main__":
    main()
