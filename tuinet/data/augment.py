"""Augmentation: examples are changed a little each time they are drawn, so that a network cannot learn them by heart.

Only batches of a training step are changed. What is measured, the honest training loss among it, sees the examples as
they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.errors import PresetError
from tuinet.fields import choice, describe, real, whole

MOVES = ("flip", "zoom", "rotate", "shift")
FLIPS = ("none", "horizontal", "vertical", "both")
# Each kind draws from a stream of its own, far from those of the dropouts: what one draws does not move another.
_TAGS = {kind: (1 << 20) + number for number, kind in enumerate(("warp", "brightness", "noise", "cutout", "mixup"))}
_PARTNERS = 16  # added to the tag of the example that is mixed in


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What is done to the examples of a batch, by chance, in this order: flip, zoom, rotate, shift, brightness, noise,
    cutout, mixup. The first four are one step, so that an image is smoothed only once.

    All but noise and mixup are for images (H, W, C). Numbers are as the network sees them, scaled; what comes in from
    beyond an image's edge is 0.
    """

    flip: str = choice(
        "none", FLIPS, noun="a way to flip", live=True, help="mirror half of the images: horizontal swaps sides"
    )
    zoom: float = real(0.0, at_least=0.0, at_most=0.9, live=True, help="enlarge by 1 - zoom to 1 + zoom")
    rotate: float = real(0.0, at_least=0.0, at_most=180.0, live=True, help="turn by up to so many degrees either way")
    shift: int = whole(0, at_least=0, at_most=1_000, live=True, help="move by up to so many whole pixels each way")
    brightness: float = real(
        0.0, at_least=0.0, at_most=1.0, live=True, help="multiply an image by 1 - brightness to 1 + brightness"
    )
    noise: float = real(
        0.0, at_least=0.0, at_most=100.0, live=True, help="deviation of normal noise added to each number"
    )
    cutout: int = whole(0, at_least=0, at_most=1_000, live=True, help="set a square of so many pixels a side to 0")
    mixup: float = real(
        0.0,
        at_least=0.0,
        at_most=2.0,
        live=True,
        help="mix each example with another, and the loss of its label with that of the other; "
        "the share is drawn from Beta(mixup, mixup), so 0.2 mixes little and 1 evenly",
    )

    def record(self, ops: Any, x: Any, facts: Any, *, partner: bool = False) -> Any:
        """The slot of the changed examples from x (N, numbers); x itself where nothing is on.

        partner: they are those that are mixed into others, with chances of their own.
        Raises PresetError where the data are no images, or smaller than what is done to them.
        """
        self.check(facts)
        at = ops.step, ops.batch_places
        size = dict(zip(("height", "width", "channels"), facts.inputs, strict=False))

        def chance(kind: str) -> dict[str, int]:
            return {"seed": ops.seed, "tag": _TAGS[kind] + _PARTNERS * partner}

        if any(map(self.says, MOVES)):
            mirrors = {
                "across": int(self.flip in ("horizontal", "both")),
                "down": int(self.flip in ("vertical", "both")),
            }
            moves = {"shift": self.shift, **mirrors, "rotate": self.rotate, "zoom": self.zoom}
            x = ops.warp(x, *at, **size, **moves, **chance("warp"))
        if self.brightness:
            x = ops.brighten(x, *at, by=self.brightness, **chance("brightness"))
        if self.noise:
            columns = ops.places(x.shape[1], "column_numbers")
            x = ops.add_noise(x, *at, columns, deviation=self.noise, **chance("noise"))
        if self.cutout:
            x = ops.cut_out(x, *at, **size, side=self.cutout, **chance("cutout"))
        return x

    def shares(self, ops: Any) -> Any:
        """The slot of what each example keeps of itself (N) where others are mixed in."""
        return ops.mixing_shares(ops.step, ops.batch_places, alpha=self.mixup, seed=ops.seed, tag=_TAGS["mixup"])

    def check(self, facts: Any) -> None:
        """PresetError, its key the setting, where examples of these data cannot be changed so."""
        shape, on = facts.inputs, [field.name for field in describe(Augment) if self.says(field.name)]
        if facts.tokens and on:
            raise _misfit(on[0], "is for inputs that are numbers, and these are tokens; take it out")
        for name in on:
            if name not in ("noise", "mixup") and len(shape) != 3:
                size = ", ".join(map(str, shape))
                raise _misfit(
                    name,
                    f"is for images (height, width, channels), and examples here are ({size}); use noise or mixup",
                )
            if name in MOVES and getattr(facts, "reconstructs", False):
                raise _misfit(
                    name, "moves the inputs, and here the targets are the inputs as they were; use noise or cutout"
                )
            if name in ("shift", "cutout") and getattr(self, name) >= min(shape[:2]):
                most = min(shape[:2]) - 1
                raise _misfit(
                    name,
                    f"{getattr(self, name)} pixels are a whole image of {shape[0]} x {shape[1]}; "
                    f"at most {most} leave some of it",
                )

    def says(self, name: str) -> bool:
        """Whether this setting does anything."""
        return getattr(self, name) not in (0, "none")


def _misfit(name: str, text: str) -> PresetError:
    return PresetError(text, key=f"training.augment.{name}")
