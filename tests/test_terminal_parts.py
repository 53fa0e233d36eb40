"""The parts of the terminal by themselves: abilities, pace, and the frame that knows what the terminal shows."""

from __future__ import annotations

import asyncio
import gc
import io
import math
import subprocess
import sys
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import get_character_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.color import Color
from textual.geometry import Region
from textual.strip import Strip

import tuinet.tui
from tests.pty_screen import environment, python
from tuinet.tui.terminal import app as app_module
from tuinet.tui.terminal import strips
from tuinet.tui.terminal.abilities import TRUECOLOR, Abilities, find, tell_textual
from tuinet.tui.terminal.app import TerminalApp
from tuinet.tui.terminal.frame import Frame, is_narrow, turned
from tuinet.tui.terminal.pace import CALM_TICKS, PERIODS, SELDOM, Pace
from tuinet.tui.terminal.visible import PLAIN, Visible

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environ", "encoding", "colour", "found"),
    [
        ({**XTERM, "COLORTERM": "truecolor"}, "utf-8", "auto", Abilities()),
        (XTERM, "UTF-8", "auto", Abilities(colours=256)),
        ({**XTERM, "SSH_CONNECTION": "::1 2 ::1 22"}, "utf8", "auto", Abilities(colours=256, ssh=True)),
        ({"TERM": "xterm-kitty"}, "utf-8", "auto", Abilities()),
        ({"TERM": "screen"}, "utf-8", "auto", Abilities(colours=16)),
        ({"TERM": "linux"}, "utf-8", "auto", Abilities(colours=16, unicode=False)),
        ({"TERM": "vt220"}, "utf-8", "auto", Abilities(colours=0, unicode=False)),
        (XTERM, "iso8859-1", "auto", Abilities(colours=256, unicode=False)),
        ({**XTERM, "TUINET_ASCII": "1"}, "utf-8", "auto", Abilities(colours=256, unicode=False)),
        ({**XTERM, "NO_COLOR": "1"}, "utf-8", "auto", Abilities(colours=0)),
        ({**XTERM, "NO_COLOR": ""}, "utf-8", "auto", Abilities(colours=256)),
        ({**XTERM, "NO_COLOR": "1"}, "utf-8", "16", Abilities(colours=16)),
        ({**XTERM, "COLORTERM": "truecolor"}, "utf-8", "none", Abilities(colours=0)),
        (XTERM, "utf-8", "truecolor", Abilities(colours=TRUECOLOR)),
        ({**XTERM, "TEXTUAL_COLOR_SYSTEM": "standard"}, "utf-8", "auto", Abilities(colours=16)),
    ],
)
def test_what_a_terminal_can_show(environ: dict[str, str], encoding: str, colour: str, found: Abilities) -> None:
    assert find(environ, encoding, colour) == found
    told = dict(environ)
    tell_textual(found, told)
    assert find(told, encoding).colours == found.colours, "who looks again sees the same"
    assert ("TEXTUAL_FPS" in told) == found.ssh


def test_a_wish_of_the_user_for_textual_stands() -> None:
    environ = {**XTERM, "SSH_TTY": "/dev/pts/1", "TEXTUAL_FPS": "30"}
    tell_textual(find(environ, "utf-8"), environ)
    assert environ["TEXTUAL_FPS"] == "30"
    assert environ["TEXTUAL_ANIMATIONS"] == "none"


def test_the_pace_follows_the_line_and_comes_back() -> None:
    busy = True
    pace = Pace(lambda: busy, wanted=0.5)
    assert pace.words() == "2.0 Hz"
    assert not pace.tick()
    assert pace.words() == "1.3 Hz ↓link"
    assert not any(pace.tick() for _ in range(20))
    assert pace.period == 5.0
    busy = False
    ticks = 0
    while pace.held_back:
        assert pace.tick()
        ticks += 1
    assert pace.period == 0.5
    assert ticks <= 12 * CALM_TICKS


def test_the_pace_is_chosen_by_hand() -> None:
    pace = Pace(lambda: False, wanted=0.2)
    for _ in range(9):
        pace.slower()
    assert (pace.period, pace.words()) == (PERIODS[-1], "0.2 Hz")
    for _ in range(9):
        pace.faster()
    assert pace.words() == "10.0 Hz"
    pace.slower()
    assert pace.period == PERIODS[1]


class Load:
    """An application that takes so much of a processor for each painting."""

    def __init__(self, cost: float, wanted: float = 0.2) -> None:
        self.now = self.used = 0.0
        self.cost = cost
        self.pace = Pace(lambda: False, wanted, clock=lambda: self.now, used=lambda: self.used)

    def paint(self, seconds: float) -> float:
        """The share that it took."""
        end, before, began = self.now + seconds, self.used, self.now
        while self.now < end:
            assert self.pace.tick()
            self.used += self.cost
            self.now += self.pace.period
        return (self.used - before) / (self.now - began)


def test_the_pace_keeps_to_its_share_of_a_processor_and_says_so() -> None:
    load = Load(0.05)
    assert load.paint(5) == pytest.approx(0.25, rel=0.05) and load.pace.words() == "5.0 Hz", "nobody else wants it"
    load.pace.share = 0.1
    load.paint(10)
    assert load.paint(30) == pytest.approx(0.1, rel=0.25)
    assert load.pace.words() in ("2.0 Hz ↓cpu", "1.9 Hz ↓cpu", "1.8 Hz ↓cpu") and not load.pace.held_back
    load.pace.share = math.inf
    load.paint(10)
    assert load.pace.words() == "5.0 Hz"


def test_what_costs_little_is_not_held_back_and_what_costs_too_much_is_painted_all_the_same() -> None:
    for cost, period in ((0.005, 0.2), (5.0, SELDOM)):
        load = Load(cost)
        load.pace.share = 0.06
        load.paint(60)
        assert load.pace.period == period


def test_a_pace_that_was_chosen_by_hand_is_kept_whatever_it_costs() -> None:
    load = Load(0.05)
    load.pace.share = 0.06
    load.paint(20)
    assert load.pace.period > 0.5
    load.pace.faster()
    load.paint(20)
    assert load.pace.words() == "10.0 Hz"


def test_a_line_that_is_slow_is_not_taken_for_painting_that_costs_much() -> None:
    load, busy = Load(0.002), True
    load.pace.busy = lambda: busy
    load.pace.share = 0.06
    for _ in range(60):
        load.pace.tick()
        load.now += load.pace.period
    assert load.pace.words() == "0.2 Hz ↓link"
    busy = False
    said = set()
    while load.pace.words() != "5.0 Hz":
        load.paint(0.1)
        said.add(load.pace.words().partition(" Hz")[2])
    assert said == {" ↓link", ""}


# -- the frame -----------------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 24, 3
CUTS = [0, 7, 15, WIDTH]
STYLES = [Style(color="red"), Style(bgcolor="#102030", bold=True), Style(color="#aabbcc", italic=True), Style()]
LETTERS = "aab  ─▀é中한🙂"

runs = st.lists(st.tuples(st.text(LETTERS, min_size=1, max_size=6), st.sampled_from(STYLES)), max_size=5)


def piece(runs: list[tuple[str, Style]], width: int) -> Strip:
    return Strip([Segment(text, style) for text, style in runs]).adjust_cell_length(width, STYLES[1])


def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", _environ={})


def shows(bytes_sent: str, screen: pyte.Screen) -> list[list[Any]]:
    pyte.Stream(screen).feed(bytes_sent)
    return [[screen.buffer[y][x] for x in range(WIDTH)] for y in range(HEIGHT)]


updates = st.lists(st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, 2), runs), min_size=1, max_size=14)


@settings(max_examples=150, deadline=None)
@given(updates, st.booleans())
def test_any_updates_give_the_picture_that_textual_would_draw(changes: list[Any], whole: bool) -> None:
    frame, ours, stock = Frame(WIDTH, HEIGHT, console()), pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT)
    lines = [{x: piece([("-", STYLES[0])], end - x) for x, end in pairwise(CUTS)} for _ in range(HEIGHT)]
    for y, part, letters in [(0, 0, []), *changes]:
        x, end = CUTS[part], CUTS[part + 1]
        lines[y][x] = piece(letters, end - x)
        update: LayoutUpdate | ChopsUpdate = LayoutUpdate(
            [line.values() for line in lines], Region(0, 0, WIDTH, HEIGHT)
        )
        if not whole and frame.rows[0].known:
            update = ChopsUpdate(lines, [(y, x, end)], [CUTS[1:]] * HEIGHT)
        assert shows(frame.paint(update), ours) == shows(update.render_segments(console()), stock)
        assert frame.paint(update) == ""


spans = st.tuples(st.integers(0, WIDTH), st.integers(0, WIDTH)).map(sorted)
cuts = st.sets(st.integers(1, WIDTH - 1), max_size=3).map(lambda inner: [0, *sorted(inner), WIDTH])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(cuts, spans, st.text("ab─", min_size=WIDTH, max_size=WIDTH)), max_size=8))
def test_widgets_may_move_and_ask_for_any_part_of_themselves(changes: list[Any]) -> None:
    frame, screen, wanted = Frame(WIDTH, 1, console()), pyte.Screen(WIDTH, 1), [" "] * WIDTH
    for cut, (left, right), text in changes:
        chops = {x: Strip([Segment(text[x:end], STYLES[0])]) for x, end in pairwise(cut)}
        wanted[left:right] = text[left:right]
        pyte.Stream(screen).feed(frame.paint(ChopsUpdate([chops], [(0, left, right)], [cut[1:]])))
        assert screen.display == ["".join(wanted)]


def test_a_frame_that_is_new_sends_everything_and_an_old_one_the_difference() -> None:
    line = [Strip([Segment("loss 0.213, epoch 3 of 20", STYLES[0])])]
    frame = Frame(40, 1, console())
    first = frame.paint(LayoutUpdate([line], Region(0, 0, 40, 1)))
    assert first == "\x1b[1;1H\x1b[0;31mloss 0.213, epoch 3 of 20\x1b[0m"
    line = [Strip([Segment("loss 0.209, epoch 4 of 20", STYLES[0])])]
    assert frame.paint(LayoutUpdate([line], Region(0, 0, 40, 1))) == "\x1b[1;9H\x1b[0;31m09\x1b[8C4\x1b[0m"


LOOKS = [
    "\x1b[0m", "\x1b[0;31m", "\x1b[0;1;91m", "\x1b[0;42m", "\x1b[0;1;103m", "\x1b[0;38;5;9m", "\x1b[0;38;5;48;48;5;38m",
    "\x1b[0;48;5;200m", "\x1b[0;38;2;38;48;5;48;2;9;0;1m", "\x1b[0;3;38;2;0;0;0m", "\x1b[0;7;37;44m",
]  # fmt: skip


@pytest.mark.parametrize("before", LOOKS)
def test_a_look_is_reached_from_any_other_with_no_more_bytes_than_from_none(before: str) -> None:
    for look in LOOKS:
        whole, changed = pyte.Screen(1, 1), pyte.Screen(1, 1)
        pyte.Stream(whole).feed(f"{look}x")
        pyte.Stream(changed).feed(f"{before}{turned(before, look)}x")
        assert changed.buffer[0][0] == whole.buffer[0][0], f"{before!r} to {look!r}"
        assert len(turned(before, look)) <= len(look)


def test_of_cells_whose_ground_alone_differs_only_that_is_sent() -> None:
    assert turned("\x1b[0;38;5;48;48;5;38m", "\x1b[0;38;5;48;48;5;7m") == "\x1b[48;5;7m"


def test_unchanged_cells_between_changed_ones_are_jumped_over_where_that_is_shorter() -> None:
    """In a heatmap each cell has colours of its own, and sending one again costs five times as much as a jump."""
    frame = Frame(9, 1, console())

    def sent(*shades: int) -> str:
        strip = Strip([Segment("▀", Style(color=f"rgb({shade},0,0)")) for shade in shades])
        return frame.paint(LayoutUpdate([[strip]], Region(0, 0, len(shades), 1)))

    sent(1, 2, 3, 4, 5)
    assert sent(9, 2, 3, 4, 7) == "\x1b[1;1H\x1b[0;38;2;9;0;0m▀\x1b[3C\x1b[38;2;7;0;0m▀\x1b[0m"


def test_colours_that_the_terminal_cannot_tell_apart_are_not_sent_twice() -> None:
    few = Console(file=io.StringIO(), force_terminal=True, color_system="256", _environ={})
    frame = Frame(4, 1, few)
    for shade in ("#303030", "#313131"):
        strip = Strip([Segment("▀▀▀▀", Style(color=shade))])
        sent = frame.paint(LayoutUpdate([[strip]], Region(0, 0, 4, 1)))
    assert sent == ""


def test_a_strip_that_was_divided_and_cropped_to_itself_goes_with_the_last_who_holds_it() -> None:
    """Else each picture stays in memory until the garbage collector comes."""

    class Watched(Strip):
        """One that can be watched as it goes."""

    def stays(divide: Any, crop_extend: Any) -> bool:
        strip = Watched([Segment("loss 0.213")])
        assert list(divide(strip, [10, 14])) == [strip] and crop_extend(strip, 0, 10, None) is strip
        seen = weakref.ref(strip)
        gc.disable()
        try:
            del strip
            return seen() is not None
        finally:
            gc.enable()

    assert not stays(strips.divide, strips.crop_extend)
    assert stays(strips._divide, strips._crop_extend), "as Textual has it"


def test_a_strip_is_divided_and_cropped_as_textual_does() -> None:
    strip = Strip([Segment("loss "), Segment("0.213")])
    for cuts in ([10], [4, 10], [3], [12], []):
        assert list(strips.divide(strip, cuts)) == list(strips._divide(strip, cuts))
    for start, end in ((0, 10), (0, 12), (2, 10), (3, 3)):
        assert strips.crop_extend(strip, start, end, None) == strips._crop_extend(strip, start, end, None)


def test_hidden_and_wide_characters_are_not_narrow() -> None:
    assert [letter for letter in "a─▀⣿é中🙂\x1b\x9b\u202e\u0301\u200b" if is_narrow(letter)] == list("a─▀⣿é")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("│ ⏎ open  space mark      │", "| enter open space mark   |"),
        ("│ 0 ≤ rate ≥ 2   of 3 │", "| 0 <= rate >= 2 of 3 |"),
        ("≤≥", "<="),
        ("Σ x  ━╸  ◌ ◆", "S x  --  o *"),
    ],
)
def test_in_ascii_a_mark_that_no_letter_can_say_is_a_word_and_blanks_give_the_room(line: str, wanted: str) -> None:
    half = len(line) // 2
    segments = [Segment(line[:half], Style(bold=True)), Segment(line[half:])]
    shown = Visible(unicode=False).apply(segments, Color(0, 0, 0))
    assert "".join(text for text, _, _ in shown) == wanted


def test_every_mark_of_the_screens_has_letters_in_ascii() -> None:
    folder = Path(tuinet.tui.__file__).parent
    marks = {letter for file in folder.rglob("*.py") for letter in file.read_text(encoding="utf-8")}
    marks |= {letter for file in (folder.parent / "layers").glob("*.py") for letter in file.read_text(encoding="utf-8")}
    unsaid = []
    for letter in marks:
        shown = Visible(unicode=False).apply([Segment(letter + " " * 9)], Color(0, 0, 0))
        if not letter.isascii() and "?" in "".join(text for text, _, _ in shown):
            unsaid.append(letter)
    assert unsaid == []


def test_our_marks_have_ascii_letters_of_the_same_width() -> None:
    for code, letter in PLAIN.items():
        assert letter.isascii()
        assert get_character_cell_size(chr(code)) == len(letter) == 1
    shown = Visible(unicode=False).apply([Segment("⣿⠁ ╭─▲ 中é 20×20…", None)], None)  # type: ignore[arg-type]
    assert "".join(text for text, _, _ in shown) == "#. +-^ ??e 20x20~"


# -- a Textual that we do not know ---------------------------------------------------------------------------------


def test_the_version_is_textuals_own_word_and_is_found_without_loading_email() -> None:
    code = (
        "import sys, textual; from tuinet.tui.terminal.app import is_known, textual_version; assert is_known();"
        "print('email' in sys.modules, textual_version() == textual.__version__, 'email' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "False True True\n", "the third: its own word does load it"


def test_an_unknown_textual_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert app_module.is_known()
    monkeypatch.setattr(app_module, "textual_version", lambda: "9.1.0")
    assert not app_module.is_known()
    app = TerminalApp()
    assert not app.line_is_busy()
    assert app.get_driver_class().__name__ == "LinuxDriver"
    assert any(isinstance(one, Visible) for one in app.get_line_filters()), "the check stays"


def test_another_inside_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def __init__(self: object, strips: list[Strip], area: Region) -> None: ...

    monkeypatch.setattr(LayoutUpdate, "__init__", __init__)
    assert not app_module.is_known()


def test_a_test_of_textuals_runs_the_app_as_any_other() -> None:
    async def session() -> None:
        app = TerminalApp()
        async with app.run_test(size=(40, 10)) as pilot:
            await pilot.press("ctrl+l")
            assert app.pace.tick()

    asyncio.run(session())


def test_without_a_terminal_there_is_a_sentence() -> None:
    done = subprocess.run(
        python("-m", "tests.terminal_apps", "board"),
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tuinet: the screens need a terminal; see tuinet --help for commands without one\n"
