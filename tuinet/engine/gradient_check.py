"""A network's gradients against finite differences, and the CPU against the reference.

Central differences in float64 judge the gradient rules; the reference then judges the CPU. Both are
compared with max|a - b| <= rtol max|b| + atol. Where a kink of an activation lies between the two
shifted losses no difference quotient is right: entries that disagree for that reason are found by doubling the shift,
and left out.
What starts at 0 is moved off it first: with an offset of 0, every empty patch of a picture lies on the kink of relu.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import reference
from .passes import drop_unused
from .trainer import Trainer

SHIFT = 5e-6  # of a parameter, to either side


@dataclass(frozen=True)
class Checked:
    """One parameter. worst: the greatest difference, relative to the slot's largest gradient plus atol / rtol.

    So it is at most rtol just where the check is passed.
    """

    slot: str
    shape: tuple
    entries: int
    kinks: int
    worst: float
    index: tuple
    analytic: float
    numeric: float
    passed: bool


def check_gradients(
    network,
    loss,
    optimizer,
    bound,
    *,
    batch_size=16,
    seed=0,
    augment=None,
    entries=40,
    rtol=1e-6,
    atol=1e-9,
    on_slot=None,
):
    """Analytic against numeric gradients, up to so many entries of every parameter. Worst first.

    on_slot(done, total, name) is told of each parameter before it is checked.

    Runs on the reference (NumPy, float64) on one batch of the training part.
    """
    given = {"batch_size": batch_size, "seed": seed, "augment": augment}
    trainer = Trainer(network, loss, optimizer, bound, device="reference", **given)
    calls, arena = trainer.plan.micro_batches[0], trainer.arena
    statistics = [(arena.view(s), arena.view(s).copy()) for s in trainer.program.kept() if s.kind == "statistic"]
    _leave_zero(arena, trainer.program.gradients, seed)
    reference.run(calls, arena)
    gradients = {p: arena.view(g).copy() for p, g in trainer.program.gradients.items()}
    forward = drop_unused(calls, [trainer.plan.mean_loss])
    rng = np.random.default_rng(seed)
    rows = []
    for done, (p, found) in enumerate(gradients.items()):
        if on_slot:
            on_slot(done, len(gradients), p.name)
        count = min(entries, p.size)
        chosen = rng.choice(p.size, count, replace=False)
        scale = np.abs(found).max()
        worst, kinks = (-1.0, (), 0.0, 0.0), 0
        for flat in chosen:
            index = tuple(int(i) for i in np.unravel_index(flat, p.shape))
            place = forward, arena, trainer.plan.mean_loss, p, index
            numeric = reference.difference_quotient(*place, SHIFT)
            difference = abs(numeric - found[index])
            if difference > rtol * scale + atol:
                wide = reference.difference_quotient(*place, 2 * SHIFT)
                if abs(wide - numeric) > 1e-7 + 1e-4 * abs(numeric):
                    kinks += 1
                    continue
            if difference > worst[0]:
                worst = (difference, index, float(found[index]), numeric)
        for view, kept in statistics:
            view[...] = kept
        relative = worst[0] / (scale + atol / rtol)
        rows.append(
            Checked(
                p.name,
                p.shape,
                count,
                kinks,
                max(0.0, float(relative)),
                worst[1],
                worst[2],
                worst[3],
                kinks < count and bool(worst[0] <= rtol * scale + atol),
            )
        )
    return sorted(rows, key=lambda row: -row.worst)


def _leave_zero(arena, parameters, seed):
    """Small random numbers instead of zeros. Doubling the shift cannot find a kink that lies in its middle."""
    rng = np.random.default_rng([seed, 1])
    for p in parameters:
        view = arena.view(p)
        view[...] = np.where(view == 0, 0.01 * rng.standard_normal(p.shape), view)


def compare_devices(
    network, loss, optimizer, bound, *, batch_size=16, seed=0, threads=1, rtol=1e-4, atol=1e-7, **settings
):
    """The CPU's gradients of the first step against the reference's, slot by slot. Worst first."""
    given = {"batch_size": batch_size, "seed": seed, **settings}
    one = Trainer(network, loss, optimizer, bound, device="reference", **given)
    other = Trainer(network, loss, optimizer, bound, device="cpu", threads=threads, **given)
    for trainer in (one, other):
        trainer.run(3600.0, 1)
    rows, wanted, found = [], one.gradients(), other.gradients()
    for name, exact in wanted.items():
        difference = np.abs(found[name] - exact)
        place = tuple(int(i) for i in np.unravel_index(difference.argmax(), exact.shape))
        scale = np.abs(exact).max()
        rows.append(
            Checked(
                name,
                exact.shape,
                exact.size,
                0,
                float(difference.max() / (scale + atol / rtol)),
                place,
                float(found[name][place]),
                float(exact[place]),
                bool(difference.max() <= rtol * scale + atol),
            )
        )
    return sorted(rows, key=lambda row: -row.worst)
