"""What the times of one network on a processor and on a GPU teach: from which width on the GPU wins, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timed:
    """A step of training a network of this width. kernels: that a step launches on a GPU, 0 on the processor."""

    width: int
    device: str
    threads: int
    microseconds: float
    multiply_adds: int
    kernels: int = 0

    @property
    def on_gpu(self) -> bool:
        return self.kernels > 0

    @property
    def rate(self) -> float:
        """Multiply-adds a second."""
        return self.multiply_adds / self.microseconds * 1e6


def pairs(found: Sequence[Timed]) -> list[tuple[Timed, Timed]]:
    """Processor and GPU at each width that was timed on both, the narrowest first."""
    gpu = {one.width: one for one in found if one.on_gpu}
    both = [(one, gpu[one.width]) for one in found if not one.on_gpu and one.width in gpu]
    return sorted(both, key=lambda pair: pair[0].width)


def wins_from(found: Sequence[Timed]) -> int | None:
    """The width from which on the GPU is the faster one at every width timed; None where it is not at the widest."""
    least = None
    for processor, gpu in reversed(pairs(found)):
        if gpu.microseconds >= processor.microseconds:
            break
        least = gpu.width
    return least


def sentence(found: Sequence[Timed]) -> str:
    """From which width on the GPU wins, and what its steps consist of; nothing where not both were timed."""
    both = pairs(found)
    if not both:
        return ""
    least = wins_from(found)
    if least is None:
        said = "Not even at the widest of these the GPU wins"
    elif least == both[0][0].width:
        said = "The GPU wins at every one of these widths"
    else:
        said = f"From width {least:,} on the GPU wins"
    (processor, gpu), (last, widest) = both[0], both[-1]
    each = f"a step is {gpu.kernels} kernels, {gpu.microseconds / gpu.kernels:.2g} µs each"
    loses = gpu.microseconds >= processor.microseconds
    narrow = (
        f"at width {gpu.width:,} {each} with next to nothing to compute, {gpu.microseconds:,.0f} µs in all"
        f"{', while' if loses else ', and'} the processor {'is through in' if loses else 'takes'} "
        f"{processor.microseconds:,.0f} µs"
    )
    if widest.width == gpu.width:
        return f"{said}: {narrow}."
    return (
        f"{said}: {narrow}; at width {widest.width:,} the arithmetic counts, {_rate(widest.rate)} multiply-adds a "
        f"second on the GPU and {_rate(last.rate)} on the processor."
    )


def _rate(rate: float) -> str:
    return f"{rate / 1e9:,.0f} billion" if rate >= 1e9 else f"{rate / 1e6:,.0f} million"
