"""The rules on shapes that more than one part has to know, above all how windows slide over an image."""

from __future__ import annotations

from typing import NamedTuple

from .errors import ShapeError

ATTENTION_BLOCK = 16  # positions of a sequence whose scores are worked out at a time
NEAR = 65536  # numbers of windows that are laid out at a time: they stay in the second cache


def divisor(number: int, at_most: int) -> int:
    """The largest whole number up to at_most that divides the number."""
    return next(size for size in range(min(number, at_most), 0, -1) if number % size == 0)


class Geometry(NamedTuple):
    """An image (height, width, channels), and the windows of tall x wide values that slide over it.

    They step down and right, begin so far above the top and left of the image, and their values are so many apart.
    groups: channels that are worked on by themselves. rows and columns: how many windows there are.
    """

    height: int
    width: int
    channels: int
    tall: int
    wide: int
    down: int
    right: int
    top: int
    left: int
    apart_down: int
    apart_right: int
    groups: int
    rows: int
    columns: int

    @property
    def inside(self) -> int:
        """Numbers in a window of one group."""
        return self.tall * self.wide * self.channels // self.groups

    @property
    def scratch(self) -> int:
        """Numbers in as many rows of windows as are worked through at a time."""
        row = self.columns * self.inside
        return row * max(1, min(self.rows, NEAR // row))

    def __str__(self) -> str:
        return f"{self.tall}x{self.wide} on {self.height}x{self.width}x{self.channels}"


def _too_large(length: int, apart: int, reach: int, room: int, where: str) -> str:
    """What is said of a window of so many values, so far apart, that reaches further than there is room."""
    most = (room - 1) // apart + 1
    if apart == 1:
        return (
            f"a window that reaches over {reach} values does not fit into {room} {where}; make the window at most "
            f'{most}, or write padding = "same"'
        )
    nearer = (room - 1) // (length - 1)  # a window of one value fits, however far apart its values are
    return (
        f"a kernel of {length}, which a dilation of {apart} spreads over {reach} values, does not fit into {room} "
        f"{where}; make the kernel at most {most}{f' or the dilation at most {nearer}' if nearer else ''}, or write "
        'padding = "same"'
    )


def slide(
    image: tuple[int, int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: str | tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Geometry:
    """Where the windows stand.

    padding: "valid" keeps them inside the image; "same" gives ceil(size / stride) of them, with what reaches over the
    edge shared out and the odd one at the far side, as TensorFlow does; two numbers are what is added on both sides.
    Raises ShapeError where not one window fits.
    """
    counts, before = [], []
    for size, length, step, apart, axis in zip(image[:2], window, stride, dilation, (0, 1), strict=True):
        reach = (length - 1) * apart + 1
        if padding == "same":
            count = -(-size // step)
            over = max((count - 1) * step + reach - size, 0)
            first = over // 2
        else:
            first = 0 if isinstance(padding, str) else padding[axis]
            count = (size + 2 * first - reach) // step + 1
            if count < 1:
                where = f"({('height', 'width')[axis]}{' with its padding' if first else ''})"
                raise ShapeError(_too_large(length, apart, reach, size + 2 * first, where))
        counts.append(count)
        before.append(first)
    height, width, channels = image
    return Geometry(
        height, width, channels, *window, *stride, before[0], before[1], *dilation, groups, counts[0], counts[1]
    )
