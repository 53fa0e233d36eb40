"""Looks at how a training generalises and learns: see tuinet/diagnostics."""

from __future__ import annotations

from tuinet.diagnostics.health import Seen, Weights


def layers_seen(trainer, bound, seed):
    part = bound.validation if bound.validation is not None else bound.train
    activations = trainer.activations(part.inputs[:256])
    changes = trainer.changes()
    weights = {s.name: s for s in trainer.program.kept() if s.kind != "statistic"}
    found = {}
    for path, a in activations.items():
        ws = []
        for name, slot in weights.items():
            if name.startswith(path + "."):
                c = changes.get(name)
                ws.append(
                    Weights(c.values, c.gradient, c.update, len(slot.shape) > 1, slot.size)
                    if c
                    else Weights(trainer.arena.view(slot), matrix=len(slot.shape) > 1, size=slot.size)
                )
        found[path] = Seen(ws, a.output, a.functions)
    return found
