"""Stand-ins that keep the forms of the real thing, so that what is tested above them is tested for itself.

ScriptedTrainer has the trainer's interface and trains one linear layer in NumPy: real stochastic gradient descent
with momentum, an order that is a function of (seed, epoch), noise that is a function of (seed, step). A script of
faults and pauses says what goes wrong and how slow it is.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from tuinet.engine.cuda.nvml import Figures
from tuinet.engine.pace import Pace
from tuinet.runs import weights_sha256
from tuinet.training.devices import Chosen


@dataclass
class Script:
    """What the trainer is to act out. Seconds are slept; `poison` names a step and what is NaN from there on."""

    step_seconds: float = 0.0
    evaluate_seconds: float = 0.0
    compile_seconds: float = 0.0
    bind_seconds: float = 0.0
    kernels: int = 3
    gpu: str = "NVIDIA H100"  # name of the GPU that --device cuda:N finds
    device_memory: tuple[int, int] = (1_230_000_000, 78_300_000_000)  # that it takes, and that is free
    figures_seconds: float = 0.0  # that it takes to say how busy it is
    poison: dict[int, str] = field(default_factory=dict)  # step -> loss, gradient, weights, statistics, fault ...

    @classmethod
    def from_environment(cls) -> Script:
        table = json.loads(os.environ.get("TUINET_TEST_SCRIPT", "{}"))
        table["poison"] = {int(step): kind for step, kind in table.get("poison", {}).items()}
        return cls(**table)


class ScriptedTrainer:
    """Linear classes (softmax) or reals, momentum 0.9. Weights float32 (I, C), sums in float64."""

    parameter_names = ("out.W", "out.b")

    def __init__(
        self,
        network: Any,
        loss: Any,
        optimizer: Any,
        bound: Any,
        *,
        batch_size: int,
        seed: int,
        threads: Any = 1,
        device: str = "cpu",
        schedule: Any = None,
        epochs: int = 1,
        accumulate: int = 1,
        clip_value: Any = None,
        clip_norm: Any = None,
        on_compile: Any = None,
        begin: int = 0,
        script: Script | None = None,
    ) -> None:
        self.script = script or Script.from_environment()
        for done in range(self.script.kernels):
            if on_compile is not None:
                on_compile(done, self.script.kernels, f"kernel_{done}")
            time.sleep(self.script.compile_seconds / max(self.script.kernels, 1))
        part = bound.train
        self.x = part.inputs.reshape(len(part.inputs), -1).astype(np.float32)
        self.t = part.targets
        self.classes = bound.facts.task == "classes"
        outputs = bound.facts.classes if self.classes else self.t.shape[1]
        self.examples = len(self.x)
        self.pace = Pace(self.examples, batch_size * accumulate, begin)
        self.seed, self.step, self.rate_factor = seed, 0, 1.0
        self.base = float(getattr(optimizer, "learning_rate", 0.05))
        start = np.random.default_rng([seed, 1])
        self.w = start.normal(0, 0.1, (self.x.shape[1], outputs)).astype(np.float32)
        self.b = np.zeros(outputs, np.float32)
        self.seen = np.zeros(1, np.float32)  # stands for running statistics
        self.m = np.zeros_like(self.w)
        self.orders: dict[int, np.ndarray] = {}
        self.rows: list[tuple[float, float, float]] = []
        self.asked = False
        self.trouble: dict[str, Any] = {}

    @property
    def steps_per_epoch(self) -> float:
        return self.pace.steps_per_epoch

    def epoch_end(self, epoch: int) -> int:
        return self.pace.epoch_end(epoch)

    def ask_to_stop(self) -> None:
        self.asked = True

    def set_rate(self, rate: float) -> None:
        self.base = rate

    def penalty(self) -> float:
        return 0.0

    def run(self, seconds: float, until_step: int) -> str:
        end = time.monotonic() + seconds
        while self.step < until_step:
            if self.asked:
                self.asked = False
                return "asked"
            if not self._one_step():
                return "diverged"
            if time.monotonic() >= end and self.step < until_step:
                return "time"
        return "done"

    def _one_step(self) -> bool:
        if self.script.step_seconds:
            time.sleep(self.script.step_seconds)
        places = np.arange(self.pace.seen(self.step), self.pace.seen(self.step + 1))
        chosen = np.array([self._order(place // self.examples)[place % self.examples] for place in places])
        x, t = self.x[chosen], self.t[chosen]
        noise = np.random.default_rng([self.seed, 2, self.step]).random(x.shape) < 0.9  # dropout, by step
        x = (x * noise).astype(np.float32)
        out = x @ self.w + self.b
        loss, d = self._loss(out, t)
        poison = self.script.poison.get(self.step)
        if poison == "fault":
            self.step //= 0
        if poison == "memory":
            np.empty((1 << 60,), np.float32)
        if poison == "loss":
            loss = float("nan")
        g = (x.T @ d).astype(np.float32)
        if poison == "gradient":
            g[0, 0] = np.inf
        self.seen[0] = np.nan if poison == "statistics" else self.seen[0] * np.float32(0.9) + np.float32(0.1) * x.mean()
        norm = float(np.sqrt(np.square(g, dtype=np.float64).sum()))
        self.rows.append((self.step + 1, loss, norm))
        if not (np.isfinite(loss) and np.isfinite(norm)):
            kind = "gradient" if np.isfinite(loss) else "loss"
            place = {"layer": "out", "slot": "out.W", "step": self.step, "batch": [int(row) for row in chosen]}
            self.trouble = {**place, "kind": kind}
            return False
        self.m = np.float32(0.9) * self.m + g
        rate = np.float32(self.base * self.rate_factor)
        self.w = self.w - rate * self.m
        self.b = self.b - rate * d.sum(axis=0).astype(np.float32)
        if poison == "weights":
            self.w[0, 0] = np.nan
        self.step += 1
        return True

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self.orders:
            self.orders = {k: v for k, v in self.orders.items() if k == epoch - 1}
            self.orders[epoch] = np.random.default_rng([self.seed, 3, int(epoch)]).permutation(self.examples)
        return self.orders[epoch]

    def _loss(self, out: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
        if not self.classes:
            return float(np.mean((out - t) ** 2)), (2 * (out - t) / out.size).astype(np.float32)
        e = np.exp(out - out.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(len(t))
        loss = float(-np.log(np.maximum(p[rows, t], 1e-30)).mean())
        d = p.copy()
        d[rows, t] -= 1
        return loss, (d / len(t)).astype(np.float32)

    def drain(self) -> np.ndarray:
        rows, self.rows = self.rows, []
        return np.array(rows, np.float64).reshape(-1, 3)

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return inputs.reshape(len(inputs), -1) @ self.w + self.b

    def classify(self, inputs: np.ndarray) -> np.ndarray:
        return self.outputs(inputs).argmax(axis=1)

    def evaluate(self, part: Any, limit: int | None = None) -> dict[str, float]:
        time.sleep(self.script.evaluate_seconds)
        out = self.outputs(part.inputs)
        loss = self._loss(out, part.targets)[0]
        if self.classes:
            return {"loss": loss, "accuracy": float((out.argmax(axis=1) == part.targets).mean())}
        return {"loss": loss, "rmse": loss**0.5, "mae": float(np.abs(out - part.targets).mean())}

    @property
    def program(self) -> Any:
        """What is asked of a program: the names and shapes of what is kept."""
        kinds = {"out.W": "parameter", "out.b": "parameter", "out.seen": "statistic"}
        slots = [
            SimpleNamespace(name=name, shape=array.shape, kind=kinds[name]) for name, array in self.model().items()
        ]
        return SimpleNamespace(kept=lambda: slots)

    def value(self, name: str) -> np.ndarray:
        return self.model()[name]

    def gradient(self, name: str) -> np.ndarray:
        return np.zeros_like(self.value(name))

    def model(self) -> dict[str, np.ndarray]:
        return {"out.W": self.w.copy(), "out.b": self.b.copy(), "out.seen": self.seen.copy()}

    def optimizer_state(self) -> dict[str, np.ndarray]:
        return {"out.W.m": self.m.copy()}

    def load(self, model: Any, optimizer: Any, step: int) -> None:
        self.w, self.b, self.seen = (np.array(model[name]) for name in ("out.W", "out.b", "out.seen"))
        if optimizer is not None:
            self.m = np.array(optimizer["out.W.m"])
        self.step = self.step if step is None else step

    def explain_divergence(self) -> dict[str, Any]:
        return self.trouble


@dataclass
class Scene:
    """The data that a scripted engine binds; sizes are small and odd."""

    examples: int = 203
    held_out: int = 41
    test: int = 0
    inputs: int = 5
    task: str = "classes"
    fingerprint: str = "0123456789abcdef"
    spread: float = 1.0


def scripted_bound(scene: Scene | None = None) -> Any:
    """Three clouds (classes), or a noisy plane (reals), as the data package would bind them."""
    from tuinet.data.bound import Bound, Facts, Part
    from tuinet.data.scaling import Prepare

    scene = scene or Scene()
    count = scene.examples + scene.held_out + scene.test
    draws = np.random.default_rng(7)
    x = draws.normal(0, scene.spread, (count, scene.inputs)).astype(np.float32)
    if scene.task == "classes":
        centres = draws.normal(0, 1.5, (3, scene.inputs))
        t = draws.integers(0, 3, count).astype(np.int32)
        x += centres[t].astype(np.float32)
    else:
        t = (x @ draws.normal(0, 1, (scene.inputs, 1)) + draws.normal(0, 0.1, (count, 1))).astype(np.float32)
    ends = [scene.examples, scene.examples + scene.held_out, count]
    parts = [Part(x[a:b], t[a:b]) if b > a else None for a, b in zip([0, *ends], ends, strict=False)]
    classes = 3 if scene.task == "classes" else 0
    facts = Facts(
        name="clouds", source="generated", inputs=(scene.inputs,), task=scene.task, classes=classes,
        outputs=classes or 1, class_names=list("abc"[:classes]), class_counts=[1] * classes,
        fingerprint=scene.fingerprint,
    )  # fmt: skip
    return Bound(facts, parts[0], parts[1], parts[2], Prepare((scene.inputs,), "none", np.zeros(1), np.ones(1)))


class ScriptedEngine:
    """Stands for tuinet.training.engine.RealEngine; the scene and the script come from the environment."""

    def __init__(self, script: Script | None = None, scene: Scene | None = None) -> None:
        self.script = script or Script.from_environment()
        self.scene = scene or Scene(**json.loads(os.environ.get("TUINET_TEST_SCENE", "{}")))
        self.asked = 0

    def bind(self, preset: Any) -> Any:
        time.sleep(self.script.bind_seconds)
        return scripted_bound(self.scene)

    def device(self, word: str) -> Chosen:
        if word.startswith("cuda"):
            return Chosen(word, self.script.gpu, f"GPU-of-{word}")
        return Chosen("cpu" if word == "auto" else word)

    def figures(self, uuid: str) -> Figures:
        """Busier each time that it is asked; a card of the script's that does not tell its power."""
        self.asked += 1
        time.sleep(self.script.figures_seconds)
        return Figures(float(self.asked), 12_100_000_000, 80_000_000_000, 54.0, None, 700.0)

    def preview(self, preset: Any, bound: Any, *, device: str, threads: int | None) -> Any:
        from tuinet.training.engine import Preview, Tensor

        outputs = bound.facts.outputs
        shapes = {"out.W": (self.scene.inputs, outputs), "out.b": (outputs,)}
        tensors = [Tensor(name, shape) for name, shape in shapes.items()]
        memory = self.script.device_memory if device.startswith("cuda") else (None, None)
        return Preview([*tensors, Tensor("out.seen", (1,), is_weight=False)], threads or 1, *memory)

    def trainer(
        self, preset: Any, bound: Any, *, device: str, threads: int | None, on_compile: Any = None, begin: int = 0
    ) -> ScriptedTrainer:
        training = preset.training
        size = len(bound.train.inputs) if training.batch_size == "all" else training.batch_size
        return ScriptedTrainer(
            None, training.loss, training.optimizer, bound, batch_size=size, seed=training.seed, threads=threads,
            device=device, schedule=training.schedule, epochs=training.epochs, accumulate=training.accumulate,
            on_compile=on_compile, begin=begin, script=self.script,
        )  # fmt: skip


@dataclass
class MemoryStore:
    """Checkpoints by step; `log` says in which order they came."""

    kept: dict[int, tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any]]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def save(self, step: int, model: Any, optimizer: Any, manifest: Any) -> dict[str, Any]:
        manifest = json.loads(json.dumps(manifest)) | {"weights_sha256": weights_sha256(model)}
        self.kept[step] = (model, optimizer, manifest)
        self.log.append(f"{manifest['kind']} {step}")
        return {"folder": f"checkpoints/{step:08d}", "bytes": 1, "weights_sha256": manifest["weights_sha256"]}

    def load_model(self, step: int) -> Any:
        return self.kept[step][0] if step in self.kept else None

    @property
    def newest(self) -> int:
        return max(step for step, kept in self.kept.items() if kept[1] is not None)
