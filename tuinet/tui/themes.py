"""Colours of the screens: dark, light, high contrast, and the terminal's own sixteen.

Besides Textual's variables each theme has `$train` and `$val` for the two losses, `$series-1` to `$series-8` for what
lies over one another, `$good`, `$warn`, `$bad`, and `$dim` for what may be passed over (Textual's own `$text-muted` is
mixed with what lies below, and comes out white in a line that is drawn by hand). None of them stands alone: a mark or
a word is beside it.
"""

from __future__ import annotations

import os

from textual.theme import Theme

SERIES = 8


def _variables(
    dim: str, train: str, val: str, good: str, warn: str, bad: str, series: tuple[str, ...]
) -> dict[str, str]:
    return {
        "dim": dim, "train": train, "val": val, "good": good, "warn": warn, "bad": bad,
        **{f"series-{number}": colour for number, colour in enumerate(series, 1)},
    }  # fmt: skip


DARK = _variables(
    "#7f8b9b", "#6cb2eb", "#e6a860", "#7fc38b", "#e0b154", "#e5757f",
    ("#6cb2eb", "#e6a860", "#7fc38b", "#c79bea", "#e58fb0", "#66c7c0", "#d9d37a", "#a3aab8"),
)  # fmt: skip
LIGHT = _variables(
    "#6b717c", "#1766a8", "#b35a00", "#2d7a3a", "#8f6500", "#b3313f",
    ("#1766a8", "#b35a00", "#2d7a3a", "#7b46ad", "#b03a72", "#0f7f78", "#77700d", "#5d6470"),
)  # fmt: skip
CONTRAST = _variables(
    "#c8c8c8", "#5fd7ff", "#ffaf00", "#5fff87", "#ffd700", "#ff6b6b",
    ("#5fd7ff", "#ffaf00", "#5fff87", "#d7afff", "#ff87d7", "#00ffd7", "#ffff5f", "#ffffff"),
)  # fmt: skip
ANSI = _variables(
    "ansi_bright_black", "ansi_cyan", "ansi_yellow", "ansi_green", "ansi_yellow", "ansi_red",
    ("ansi_cyan", "ansi_yellow", "ansi_green", "ansi_magenta", "ansi_blue", "ansi_red", "ansi_bright_cyan",
     "ansi_bright_yellow"),
)  # fmt: skip

THEMES = (
    Theme(
        "tuinet-dark", primary="#6cb2eb", secondary="#8a94a6", accent="#e6a860", success="#7fc38b", warning="#e0b154",
        error="#e5757f", foreground="#d5dae2", background="#10141a", surface="#161b23", panel="#1d242e",
        variables={
            **DARK, "border": "#6cb2eb", "border-blurred": "#333d4a", "footer-key-foreground": "#6cb2eb",
            "block-cursor-background": "#24405a", "block-cursor-foreground": "#ffffff",
            "block-cursor-text-style": "none", "block-cursor-blurred-background": "#1d2733",
            "block-cursor-blurred-foreground": "#d5dae2", "block-cursor-blurred-text-style": "none",
            "scrollbar": "#333d4a", "scrollbar-background": "#10141a", "scrollbar-corner-color": "#10141a",
            "scrollbar-hover": "#45556a", "scrollbar-active": "#6cb2eb", "scrollbar-background-hover": "#10141a",
            "scrollbar-background-active": "#10141a",
        },
    ),
    Theme(
        "tuinet-light", primary="#1766a8", secondary="#5d6470", accent="#b35a00", success="#2d7a3a", warning="#8f6500",
        error="#b3313f", foreground="#23272e", background="#f7f6f2", surface="#efede7", panel="#e5e2da", dark=False,
        variables={
            **LIGHT, "border": "#1766a8", "border-blurred": "#c3bfb4", "footer-key-foreground": "#1766a8",
            "block-cursor-background": "#cfe2f3", "block-cursor-foreground": "#0d1117",
            "block-cursor-text-style": "none", "block-cursor-blurred-background": "#e5e2da",
            "block-cursor-blurred-foreground": "#23272e", "block-cursor-blurred-text-style": "none",
            "scrollbar": "#c3bfb4", "scrollbar-background": "#f7f6f2", "scrollbar-corner-color": "#f7f6f2",
            "scrollbar-hover": "#a8a396", "scrollbar-active": "#1766a8", "scrollbar-background-hover": "#f7f6f2",
            "scrollbar-background-active": "#f7f6f2",
        },
    ),
    Theme(
        "tuinet-contrast", primary="#5fd7ff", secondary="#ffffff", accent="#ffaf00", success="#5fff87",
        warning="#ffd700", error="#ff6b6b", foreground="#ffffff", background="#000000", surface="#000000",
        panel="#000000", text_alpha=1.0,
        variables={
            **CONTRAST, "border": "#5fd7ff", "border-blurred": "#ffffff", "footer-key-foreground": "#5fd7ff",
            "block-cursor-background": "#ffffff", "block-cursor-foreground": "#000000",
            "block-cursor-text-style": "bold", "block-cursor-blurred-background": "#444444",
            "block-cursor-blurred-foreground": "#ffffff", "block-cursor-blurred-text-style": "none",
            "scrollbar": "#ffffff", "scrollbar-background": "#000000", "scrollbar-corner-color": "#000000",
            "scrollbar-hover": "#ffffff", "scrollbar-active": "#5fd7ff", "scrollbar-background-hover": "#000000",
            "scrollbar-background-active": "#000000",
        },
    ),
    Theme(
        "tuinet-terminal", ansi=True, primary="ansi_blue", secondary="ansi_cyan", accent="ansi_cyan",
        success="ansi_green", warning="ansi_yellow", error="ansi_red", foreground="ansi_default",
        background="ansi_default", surface="ansi_default", panel="ansi_default", boost="ansi_default",
        variables={
            **ANSI, "ansi-background": "ansi_black", "ansi-foreground": "ansi_white", "border": "ansi_cyan",
            "border-blurred": "ansi_bright_black", "footer-key-foreground": "ansi_cyan",
            "block-cursor-foreground": "ansi_black", "block-cursor-background": "ansi_cyan",
            "block-cursor-text-style": "none", "block-cursor-blurred-foreground": "ansi_black",
            "block-cursor-blurred-background": "ansi_white", "block-cursor-blurred-text-style": "none",
            "input-cursor-background": "ansi_white", "input-cursor-foreground": "ansi_black",
            "input-selection-background": "ansi_cyan", "input-selection-foreground": "ansi_black",
            "screen-selection-background": "ansi_cyan", "screen-selection-foreground": "ansi_black",
        },
    ),
)  # fmt: skip

COLOURLESS = {"block-cursor-text-style": "reverse", "block-cursor-blurred-text-style": "underline"}
"""Of every theme where no colour is shown: what is marked by its ground alone would not be marked at all."""

NAMES = tuple(theme.name for theme in THEMES)


def suitable(remembered: str = "") -> str:
    """The theme to start with: what was chosen, else the terminal's own colours where there are only sixteen."""
    if remembered in NAMES:
        return remembered
    deep = os.environ.get("COLORTERM", "") in ("truecolor", "24bit")
    plain = not deep and "256" not in os.environ.get("TERM", "256")
    return "tuinet-terminal" if plain else "tuinet-dark"
