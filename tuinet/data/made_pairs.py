"""Pairs that are made by a seed: dates in words and as ISO 8601 has them, numbers and their words, letters twice.

No source comes twice, and no date or number either: what is held out was never seen in any form.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeVar

import numpy as np

from tuinet.errors import PresetError

T = TypeVar("T")
Pair = tuple[str, str]
Generator = np.random.Generator

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIRST, LAST = date(1000, 1, 1), date(2999, 12, 31)

SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth",
)  # fmt: skip
SCALES = ((1_000_000, "million"), (1_000, "thousand"))
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONGEST = 12  # letters to copy, where data.window says nothing


def made(name: str, n: int, rng: Generator, *, largest: int, longest: int | None) -> list[Pair]:
    """n pairs of the set of this name. largest: of numbers. longest: of letters to copy. PresetError for too many."""
    return MADE[name](n, rng, largest, longest or LONGEST)


# -- dates ---------------------------------------------------------------------------------


def _short(word: str) -> str:
    return word[:3]


def ordinal(day: int) -> str:
    """3rd"""
    ending = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def ordinal_words(day: int) -> str:
    """twenty-third"""
    if day <= len(ORDINALS):
        return ORDINALS[day - 1]
    return "thirtieth" if day == 30 else f"{TENS[day // 10 - 2]}-{ORDINALS[day % 10 - 1]}"


# day, month and year of a date in words; the year has all of its digits, and the month is a word: none can be misread
STYLES: tuple[Callable[[int, str, int, str], str], ...] = (
    lambda day, month, year, weekday: f"{day} {month} {year}",
    lambda day, month, year, weekday: f"{month} {day}, {year}",
    lambda day, month, year, weekday: f"{ordinal(day)} {month} {year}",
    lambda day, month, year, weekday: f"{month} {ordinal(day)}, {year}",
    lambda day, month, year, weekday: f"the {ordinal(day)} of {month} {year}",
    lambda day, month, year, weekday: f"{month} the {ordinal(day)}, {year}",
    lambda day, month, year, weekday: f"the {ordinal_words(day)} of {month} {year}",
    lambda day, month, year, weekday: f"{month} {ordinal_words(day)}, {year}",
    lambda day, month, year, weekday: f"{weekday}, {day} {month} {year}",
    lambda day, month, year, weekday: f"{weekday}, {month} {ordinal(day)}, {year}",
    lambda day, month, year, weekday: f"{_short(weekday)} {day} {_short(month)} {year}",
    lambda day, month, year, weekday: f"{day} {_short(month).lower()} {year}",
    lambda day, month, year, weekday: f"{_short(month)} {day} {year}",
    lambda day, month, year, weekday: f"{year}, {month} {day}",
)


def dates(n: int, rng: Generator, largest: int, longest: int) -> list[Pair]:
    """Days of the years 1000 to 2999 in one of many styles, each day once: "the 3rd of March 1987", "1987-03-03"."""
    _check(n, LAST.toordinal() - FIRST.toordinal() + 1, "days")
    places = rng.choice(LAST.toordinal() - FIRST.toordinal() + 1, n, replace=False)
    styles = rng.integers(len(STYLES), size=n)
    return [_date(date.fromordinal(FIRST.toordinal() + int(place)), int(style))
            for place, style in zip(places, styles, strict=True)]  # fmt: skip


def _date(day: date, style: int) -> Pair:
    words = STYLES[style](day.day, MONTHS[day.month - 1], day.year, WEEKDAYS[day.weekday()])
    return words, day.isoformat()


# -- numbers and letters -------------------------------------------------------------------


def numbers(n: int, rng: Generator, largest: int, longest: int) -> list[Pair]:
    """Numbers from 0 to the largest, short ones as often as long ones: "4371", "four thousand three hundred ..."."""
    _check(n, largest + 1, f"numbers up to {largest:,}; let data.largest be more")
    if 2 * n > largest:
        chosen = rng.permutation(largest + 1)[:n].tolist()
    else:
        digits = len(str(largest))
        chosen = _distinct(n, lambda: int(rng.integers(min(largest, 10 ** int(rng.integers(1, digits + 1)) - 1) + 1)))
    return [(str(number), spelt(number)) for number in chosen]


def spelt(number: int) -> str:
    """A number below a thousand million in words."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return TENS[tens - 2] + (f"-{SMALL[rest]}" if rest else "")
    for size, word in (*SCALES, (100, "hundred")):
        if number >= size:
            many, rest = divmod(number, size)
            return f"{spelt(many)} {word}" + (f" {spelt(rest)}" if rest else "")
    raise AssertionError(number)


def copy(n: int, rng: Generator, largest: int, longest: int) -> list[Pair]:
    """Random small letters, and the same again."""
    most = sum(len(LETTERS) ** length for length in range(1, min(longest, 8) + 1)) // 2  # drawn until all differ
    _check(n, most, f"words of up to {longest} letters that are drawn at most; let data.window be more")

    def word() -> str:
        return "".join(LETTERS[place] for place in rng.integers(len(LETTERS), size=int(rng.integers(1, longest + 1))))

    return [(letters, letters) for letters in _distinct(n, word)]


def _distinct(n: int, draw: Callable[[], T]) -> list[T]:
    """n different draws, in their order."""
    found: dict[T, None] = {}
    while len(found) < n:
        found[draw()] = None
    return list(found)


def _check(n: int, most: int, what: str) -> None:
    if n > most:
        raise PresetError(f"{n:,} are more than the {most:,} {what}", key="data.samples")


MADE: dict[str, Callable[[int, Generator, int, int], list[Pair]]] = {"dates": dates, "numbers": numbers, "copy": copy}
