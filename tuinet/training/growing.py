"""An edited network keeps what it has learned: which tensors stay, which grow around what they hold, which begin anew.

Every number of a value is followed from the layer that makes it to those that read it: a *lane*. Where a layer gets
more units, its old ones keep their lanes, and the layers behind read them as before. What a new lane is multiplied by
starts at 0 wherever it meets an old unit, and so the network says what it said before, while the new units learn
(Net2Net, Chen et al. 2016, has them as copies; here they start as any fresh unit). A new layer is put in as the
identity where its kind can be one. Everything here works on arrays and on the two networks as descriptions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuinet import layers as kinds
from tuinet.engine.arena import first_values
from tuinet.engine.program import Program
from tuinet.engine.step import lengths_of
from tuinet.fields import describe, shown
from tuinet.layers.block import Block
from tuinet.layers.recurrent import Recurrent
from tuinet.network import Network
from tuinet.optimizers.adam import Moments

if TYPE_CHECKING:
    from tuinet.data import Facts
    from tuinet.layers import Layer
    from tuinet.presets import Preset

Array = NDArray[np.generic]
Lanes = list[Hashable]
Rows = NDArray[np.int64]  # for each place of a new axis, the one of the old axis that it goes on from, or -1
Arrays = dict[str, Array]

ZERO_AT_ZERO = ("linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh")
SAME_ABOVE_ZERO = ("linear", "relu", "leaky_relu", "elu")
POSITIVE = ("relu", "softplus", "sigmoid", "softmax")
MIXING = (
    kinds.Dense, kinds.Conv1d, kinds.Conv2d, kinds.Conv2dTranspose, kinds.Embedding, kinds.Unembedding, Recurrent,
)  # fmt: skip
NORMS = (kinds.LayerNorm, kinds.RmsNorm, kinds.GroupNorm)
WIDE_EYED = (*NORMS, kinds.Attention, Block)  # what one lane comes to there depends on all the others
QUIET = (kinds.Dropout, kinds.SpatialDropout)  # do nothing once a network is in use
SIZES = ("units", "filters", "ratio")  # settings whose change the tensors tell of ...
# ... and those that do not matter any more.
SPENT = ("name", "path", "trainable", "initializer", "recurrent_initializer", "bias_start", "forget_bias")


@dataclass(frozen=True)
class Applied:
    """The tensors of an edited network, and in words what became of each: by the name of the tensor, or of the layer.

    kept: as they were. widened: the old numbers, and new ones beside them. narrowed: some of the old numbers. inserted:
    layers that begin as the identity. made: begun anew. changes: why the network does not say what it said before,
    to the rounding; empty where it does.
    """

    model: Arrays
    optimizer: Arrays
    kept: tuple[str, ...] = ()
    widened: Mapping[str, str] = field(default_factory=dict)
    narrowed: Mapping[str, str] = field(default_factory=dict)
    inserted: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    def as_table(self) -> dict[str, list[str]]:
        """The words alone."""
        groups = {"widened": self.widened, "narrowed": self.narrowed, "inserted": self.inserted, "made": self.made}
        said = {word: [f"{name}: {why}" for name, why in found.items()] for word, found in groups.items()}
        return {"kept": list(self.kept), **said, "differs": list(self.changes)}


def applied(old: Preset, new: Preset, facts: Facts, model: Arrays, optimizer: Arrays) -> Applied:
    """The tensors for the new preset's network from those of the old one's, with the optimizer's arrays.

    What stays has its optimizer's arrays too, which are 0 beside new numbers; those that are left out begin at 0, as do
    all where the optimizer is of another kind. Raises PresetError or ShapeError where the new network does not suit the
    data.
    """
    before, after = (_Net(each.network(facts), facts, each.training.seed) for each in (old, new))
    return _Growth(before, after, model, optimizer, _same_states(old, new)).result()


def _same_states(old: Preset, new: Preset) -> bool:
    a, b = old.training.optimizer, new.training.optimizer
    return type(a) is type(b) or (isinstance(a, Moments) and isinstance(b, Moments))


# -- what flows through a network ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Flow:
    """A value between two layers. positive: none of its numbers can be below 0."""

    lanes: Lanes
    positive: bool = False


class _Net:
    """A network, recorded for one example: the shapes around each layer, and the slots that are kept."""

    def __init__(self, network: Network, facts: Facts, seed: int) -> None:
        self.network, self.seed = network, seed
        self.program: Any = Program(seed)
        x = self.program.slot("inputs", (1, *facts.inputs), "value", whole=bool(facts.tokens))
        self.program.lengths = lengths_of(self.program, x, facts)
        network.forward(self.program, x)
        self.shapes = {path: (a.shape[1:], b.shape[1:]) for path, _, a, b, _ in self.program.marks}
        self.layers = {layer.path: layer for layer in network.walk()}
        self.slots = {slot.name: slot for slot in self.program.kept()}
        self.start = _Flow([("data", number) for number in range(facts.inputs[-1])])

    def owner(self, name: str) -> tuple[Layer, str]:
        """The layer of a tensor, and what the tensor is called in it."""
        words = name.split(".")
        path = next(".".join(words[:n]) for n in range(len(words), 0, -1) if ".".join(words[:n]) in self.layers)
        return self.layers[path], name.removeprefix(f"{path}.")

    def first(self, name: str, dtype: np.dtype[Any]) -> Array:
        """What a tensor starts from in a run of its own."""
        slot = self.slots[name]
        return np.array(np.broadcast_to(first_values(slot, self.seed), slot.shape), dtype)


def _regrouped(lanes: Lanes, before: tuple[int, ...], after: tuple[int, ...]) -> Lanes:
    """The lanes of a value under another shape: a number is known by its lane and its place."""
    if before == after:
        return lanes
    places = prod(before[:-1])
    flat = [(lane, place, before[:-1]) for place in range(places) for lane in lanes] if places > 1 else lanes
    width = after[-1]
    if width == len(flat):
        return list(flat)
    return [tuple(flat[number::width]) for number in range(width)]


# -- which axis of a tensor meets what --------------------------------------------------------------------------------

# "<" reads, ">" is read by others or leaves the layer; in: lanes that come in, out: the layer's own units, gates: a
# column of them for each gate, hidden: units inside a block; "" stays as it is.
Roles = tuple[str, ...]
_ROLES: list[tuple[Any, dict[str, Roles]]] = [
    (kinds.Dense, {"W": ("<in", ">out"), "b": (">out",)}),
    (kinds.Conv1d, {"W": ("", "<in", ">out"), "b": (">out",)}),
    (kinds.Conv2d, {"W": ("", "", "<in", ">out"), "b": (">out",)}),
    (kinds.Conv2dTranspose, {"W": ("", "", ">out", "<in"), "b": (">out",)}),
    (kinds.Embedding, {"W": ("", ">out")}),
    (Recurrent, {"Wx": ("<in", ">gates"), "Wh": ("<out", ">gates"), "b": (">gates",), "bh": (">out",)}),
    (Block, {"feedforward.W1": ("<in", ">hidden"), "feedforward.b1": (">hidden",)}),
    (Block, {"feedforward.W3": ("<in", ">hidden"), "feedforward.b3": (">hidden",)}),
    (Block, {"feedforward.W2": ("<hidden", ">in"), "feedforward.b2": (">in",)}),
    ((kinds.BatchNorm, *NORMS), {word: (">in",) for word in ("g", "b", "mean", "variance")}),
    (kinds.Positions, {"P": ("", ">in")}),
]  # fmt: skip


def _roles(layer: Layer, word: str) -> Roles | None:
    """None where nothing is known of a tensor's axes: it is kept as a whole, or not at all."""
    if getattr(layer, "groups", 1) != 1 and not isinstance(layer, NORMS):
        return None
    if isinstance(layer, Recurrent) and (layer.depth > 1 or layer.bidirectional):
        return None
    return next((roles[word] for kind, roles in _ROLES if isinstance(layer, kind) and word in roles), None)


def _rows(old: Lanes, new: Lanes) -> Rows | None:
    """Where the lanes of a new axis stood in the old one. Of others, as many as before count as the same ones."""
    place = {lane: number for number, lane in enumerate(old)}
    rows = np.array([place.get(lane, -1) for lane in new], np.int64)
    if (rows >= 0).any():
        return rows
    return np.arange(len(new)) if len(old) == len(new) else None


def _first_of(old: int, new: int) -> Rows:
    """The first units stay: new ones come behind them, and the last ones go."""
    return np.where(np.arange(new) < old, np.arange(new), -1)


def _is_same(rows: Rows | None, old: int) -> bool:
    return rows is not None and len(rows) == old and bool((rows == np.arange(old)).all())


# -- the change itself ------------------------------------------------------------------------------------------------


class _Growth:
    """Walks through both networks, and then through the tensors of the new one."""

    def __init__(self, before: _Net, after: _Net, model: Arrays, optimizer: Arrays, same_states: bool) -> None:
        self.before, self.after, self.model = before, after, model
        self.optimizer = optimizer if same_states else {}
        self.dtype = next((array.dtype for array in model.values()), np.dtype(np.float32))
        self.old: dict[str, tuple[_Flow, _Flow]] = {}  # what goes in and comes out, by the layer's path
        self.new: dict[str, tuple[_Flow, _Flow]] = {}
        self.made: Arrays = {}
        self.states: Arrays = {}
        self.kept: list[str] = []
        self.widened: dict[str, str] = {}
        self.narrowed: dict[str, str] = {}
        self.inserted: dict[str, str] = {}
        self.anew: dict[str, str] = {}
        self.changes: list[str] = []
        self.identity: Arrays = {}
        self.sums = 0  # how many sums the walk stands inside: there, what adds nothing is 0 and not the identity

    def result(self) -> Applied:
        end = self._walk(self.before, self.before.network.layers, self.before.start, self.old)
        goes_out = self._walk(self.after, self.after.network.layers, self.after.start, self.new)
        for name in self.after.slots:
            self._tensor(name)
        if not _is_same(_rows(end.lanes, goes_out.lanes), len(end.lanes)):
            self.changes.append("other units give the outputs")
        self.changes += self._differences()
        return Applied(
            self.made, self.states, tuple(self.kept), self.widened, self.narrowed, self.inserted, self.anew,
            tuple(dict.fromkeys(self.changes)),
        )  # fmt: skip

    # -- lanes ----------------------------------------------------------------------------------------------------

    def _walk(self, net: _Net, layers: Sequence[Layer], flow: _Flow, found: dict[str, tuple[_Flow, _Flow]]) -> _Flow:
        for layer in layers:
            came = flow
            flow = self._through(net, layer, flow, found)
            found[layer.path] = came, flow
        return flow

    def _through(self, net: _Net, layer: Layer, flow: _Flow, found: dict[str, tuple[_Flow, _Flow]]) -> _Flow:
        """What comes out of a layer, and inside it."""
        before, after = net.shapes[layer.path]
        own: Lanes = [(layer.path, number) for number in range(after[-1])]
        if isinstance(layer, kinds.Branches):
            self.sums += 1
            ends = [self._walk(net, [branch], flow, found) for branch in layer.inner]
            self.sums -= 1
            if layer.join == "concatenate":
                lanes: Lanes = [
                    (each.path, lane) for each, end in zip(layer.inner, ends, strict=True) for lane in end.lanes
                ]
                return _Flow(lanes, all(end.positive for end in ends))
            return _Flow(own)
        if isinstance(layer, kinds.Branch) and layer.columns:
            flow = _Flow([flow.lanes[place] for place in layer.places(before[-1])], flow.positive)
        if layer.inner:
            self.sums += isinstance(layer, kinds.Residual)
            end = self._walk(net, layer.inner, flow, found)
            self.sums -= isinstance(layer, kinds.Residual)
            if isinstance(layer, kinds.Residual):
                quiet = not self.sums and self._is_new(net, layer) and self._begins_at_nothing(layer)
                return _Flow(flow.lanes, flow.positive and quiet)
            return end if isinstance(layer, kinds.Branch | kinds.Decoder) else flow
        if isinstance(layer, kinds.Flatten | kinds.Reshape):
            return _Flow(_regrouped(flow.lanes, before, after), flow.positive)
        if not self.sums and self._is_new(net, layer) and (why := self._as_identity(layer, flow)):
            self.inserted[layer.path] = why
            return flow
        if isinstance(layer, MIXING) or len(flow.lanes) != after[-1]:
            return _Flow(own, _function(layer) in POSITIVE)
        if isinstance(layer, kinds.Activation):
            keeps = flow.positive and layer.function in SAME_ABOVE_ZERO
            return _Flow(flow.lanes, keeps or layer.function in POSITIVE)
        if isinstance(layer, (kinds.BatchNorm, kinds.Positions, *WIDE_EYED)):
            return _Flow(flow.lanes)
        return flow

    def _is_new(self, net: _Net, layer: Layer) -> bool:
        """Whether the layer, or one that it stands in, was not there before."""
        if net is not self.after:
            return False
        old = self.before.layers.get(layer.path)
        return old is None or type(old) is not type(layer)

    # -- layers that are put in ---------------------------------------------------------------------------------------

    def _as_identity(self, layer: Layer, flow: _Flow) -> str:
        """Why a new layer changes nothing at first, or "" where it does. Its tensors are set so."""
        before, after = self.after.shapes[layer.path]
        if isinstance(layer, QUIET):
            return "does nothing when the network is in use"
        if isinstance(layer, Block):
            return self._quiet_block(layer)
        function = _function(layer)
        if before != after or not (function in SAME_ABOVE_ZERO if flow.positive else function == "linear"):
            return ""
        if isinstance(layer, kinds.Activation):
            return "leaves numbers above 0 as they are" if function != "linear" else "leaves its inputs as they are"
        if not isinstance(layer, kinds.Dense | kinds.Conv1d | kinds.Conv2d):
            return ""
        W = np.zeros(self.after.slots[f"{layer.path}.W"].shape, self.dtype)
        if not isinstance(layer, kinds.Dense):
            sizes = W.shape[:-2]
            if layer.groups != 1 or any(size % 2 == 0 for size in sizes):
                return ""
            W[tuple(size // 2 for size in sizes)] = np.eye(W.shape[-1])
        else:
            W[...] = np.eye(W.shape[-1])
        self.identity[f"{layer.path}.W"] = W
        self._nothing(f"{layer.path}.b")
        return "begins as the identity"

    def _begins_at_nothing(self, layer: Layer) -> bool:
        """Let a new residual begin with 0 inside it, so that what comes in comes out. False where it cannot."""
        for inner in reversed(layer.inner):
            if isinstance(inner, QUIET) or (isinstance(inner, kinds.Activation) and inner.function in ZERO_AT_ZERO):
                continue
            words = {
                kinds.Dense: "Wb", kinds.Conv1d: "Wb", kinds.Conv2d: "Wb", kinds.Conv2dTranspose: "Wb",
                kinds.BatchNorm: "gb", kinds.LayerNorm: "gb", kinds.RmsNorm: "gb", kinds.GroupNorm: "gb",
            }.get(type(inner))  # fmt: skip
            if words is None or _function(inner) not in ZERO_AT_ZERO:
                return False
            for word in words:
                self._nothing(f"{inner.path}.{word}")
            self.inserted[layer.path] = f"begins as the identity: {inner.path} starts at 0"
            return True
        return False

    def _quiet_block(self, layer: Block) -> str:
        """A transformer block whose branches add nothing."""
        if layer.place != "pre":
            return ""
        for branch in ("attention", "cross"):
            self._nothing(f"{layer.path}.{branch}.Wo")
            self._nothing(f"{layer.path}.{branch}.bo")
        self._nothing(f"{layer.path}.feedforward.W2")
        self._nothing(f"{layer.path}.feedforward.b2")
        return "begins as the identity: what its branches add starts at 0"

    def _nothing(self, name: str) -> None:
        if name in self.after.slots:
            self.identity[name] = np.zeros(self.after.slots[name].shape, self.dtype)

    # -- tensors --------------------------------------------------------------------------------------------------

    def _tensor(self, name: str) -> None:
        slot, old = self.after.slots[name], self.model.get(name)
        layer, word = self.after.owner(name)
        fresh = self.identity.get(name)
        if fresh is None:
            fresh = self.after.first(name, self.dtype)
        if old is None or self._is_new(self.after, layer):
            self.made[name] = fresh
            if not self._is_inserted(layer.path):
                self.anew[name] = "was not there"
                self._anew_matters(name, word, fresh)
            return
        places = self._places(layer, word, old.shape, slot.shape)
        if places is None:
            self.made[name] = fresh
            self.anew[name] = f"was {_size(old.shape)}, is {_size(slot.shape)}, and what belongs where is not known"
            self.changes.append(f"{name} begins anew")
            return
        roles = _roles(layer, word) or ("",) * old.ndim
        self.made[name] = _grown(old, fresh, places, roles)
        self._keep_states(name, places, roles)
        self._say(name, places, old.shape)

    def _is_inserted(self, path: str) -> bool:
        """Whether the layer stands in one that begins as the identity, or is one."""
        words = path.split(".")
        return any(".".join(words[:n]) in self.inserted for n in range(1, len(words) + 1))

    def _anew_matters(self, name: str, word: str, fresh: Array) -> None:
        """Offsets that begin at 0 and gains that begin at 1 change nothing, where the layer itself was there."""
        path = name.removesuffix(f".{word}")
        if path in self.old and word.rpartition(".")[2].startswith("b") and not fresh.any():
            return
        self.changes.append(f"{name} begins anew")

    def _places(self, layer: Layer, word: str, old: tuple[int, ...], new: tuple[int, ...]) -> list[Rows] | None:
        """For each axis, where its numbers were. None where that is not known."""
        roles = _roles(layer, word)
        if roles is None or len(old) != len(new) or len(roles) != len(new):
            return [np.arange(size) for size in new] if old == new else None
        found = []
        for role, before, after in zip(roles, old, new, strict=True):
            rows = self._axis(layer, role[1:], before, after)
            if rows is None or len(rows) != after or int(rows.max(initial=-1)) >= before:
                return None
            found.append(rows)
        return found

    def _axis(self, layer: Layer, role: str, before: int, after: int) -> Rows | None:
        if role == "in":
            return _rows(self.old[layer.path][0].lanes, self.new[layer.path][0].lanes)
        if role == "gates":
            gates = layer.gates  # type: ignore[attr-defined]
            one = _first_of(before // gates, after // gates)
            return np.concatenate([np.where(one >= 0, one + gate * (before // gates), -1) for gate in range(gates)])
        if role in ("out", "hidden"):
            return _first_of(before, after)
        return np.arange(after) if before == after else None

    def _keep_states(self, name: str, places: list[Rows], roles: Roles) -> None:
        """The optimizer's arrays of a parameter: 0 beside new numbers. Those that are not there begin at 0."""
        zeros = np.zeros(self.after.slots[name].shape, self.dtype)
        for key, state in self.optimizer.items():
            if key.rpartition(".")[0] == name and self.after.slots[name].kind == "parameter":
                self.states[key] = _grown(state, zeros, places, roles)

    def _say(self, name: str, places: list[Rows], old: tuple[int, ...]) -> None:
        if all(_is_same(rows, size) for rows, size in zip(places, old, strict=True)):
            self.kept.append(name)
            return
        new = tuple(len(rows) for rows in places)
        sizes = f"{_size(old)} to {_size(new)}"
        lost = [size - int((rows >= 0).sum()) for rows, size in zip(places, old, strict=True)]
        if any(lost):
            self.narrowed[name] = f"{sizes}; the first ones stay"
            self.changes.append(f"{name} has lost some of what it knew")
        else:
            self.widened[name] = f"{sizes}; the old numbers stay, and new ones meet them with 0"

    # -- whether the network says what it said ------------------------------------------------------------------------

    def _differences(self) -> Iterator[str]:
        old, new = self.before.layers, self.after.layers
        for path, layer in old.items():
            idle = isinstance(layer, QUIET) or (isinstance(layer, kinds.Activation) and layer.function == "linear")
            if path not in new and not idle:
                yield f"{path} is gone"
        for path, layer in new.items():
            if path not in old:
                above = path.rpartition(".")[0]
                if (
                    (not above or above in old)
                    and not self._is_inserted(path)
                    and not isinstance(layer, kinds.Flatten | kinds.Reshape)
                ):
                    yield f"{path} is new, and cannot begin as the identity here{_why_not(layer)}"
            elif type(old[path]) is not type(layer):
                yield f"{path} is of another kind"
            else:
                yield from _other_settings(old[path], layer)
                yield from self._other_surroundings(layer)
        yield from self._other_order()

    def _other_surroundings(self, layer: Layer) -> Iterator[str]:
        """Layers that see all lanes at once say something else where there are more; so do sums that fit no longer."""
        came, comes = self.old[layer.path][0].lanes, self.new[layer.path][0].lanes
        rows = _rows(came, comes)
        everywhere = isinstance(layer, WIDE_EYED) or _function(layer) == "softmax"
        if isinstance(layer, MIXING) and _function(layer) == "softmax":
            rows = _first_of(len(self.old[layer.path][1].lanes), len(self.new[layer.path][1].lanes))
            came = self.old[layer.path][1].lanes
        everywhere = everywhere or (isinstance(layer, kinds.Positions) and layer.kind == "sinusoidal")
        everywhere = everywhere or (isinstance(layer, kinds.Unembedding))
        everywhere = everywhere or (getattr(layer, "groups", 1) != 1)
        if everywhere and not _is_same(rows, len(came)):
            yield f"{layer.path} looks at all units at once, and there are others now"
        sums = isinstance(layer, kinds.Residual) or (isinstance(layer, kinds.Branches) and layer.join == "add")
        if sums and not self._lines_up(layer, rows):
            yield f"{layer.path} adds numbers that did not stand at the same place before"

    def _lines_up(self, layer: Layer, rows: Rows | None) -> bool:
        """Whether what a sum adds up has its old numbers at the same places in every part."""
        parts = [rows] if isinstance(layer, kinds.Residual) else []
        ends = [layer.inner[-1]] if isinstance(layer, kinds.Residual) else list(layer.inner)
        for end in ends:
            if end.path not in self.old or end.path not in self.new:
                return False
            parts.append(_rows(self.old[end.path][1].lanes, self.new[end.path][1].lanes))
        known = [part.tolist() for part in parts if part is not None]
        return len(known) == len(parts) and all(part == known[0] for part in known)

    def _other_order(self) -> Iterator[str]:
        both = [path for path in self.before.layers if path in self.after.layers]
        if both != [path for path in self.after.layers if path in self.before.layers]:
            yield "the layers stand in another order"


def _grown(old: Array, fresh: Array, places: Sequence[Rows], roles: Roles) -> Array:
    """The old numbers at their new places; where an old unit would read a new lane, 0; the rest fresh."""
    made = fresh.copy()
    stays = [np.flatnonzero(rows >= 0) for rows in places]
    for axis, role in enumerate(roles):
        if role.startswith("<") and old.ndim > 1:
            meets = [stay if place != axis else np.flatnonzero(places[axis] < 0) for place, stay in enumerate(stays)]
            made[np.ix_(*meets)] = 0
    made[np.ix_(*stays)] = old[np.ix_(*(rows[stay] for rows, stay in zip(places, stays, strict=True)))]
    return made


def _function(layer: Layer) -> str:
    """The activation of a layer, or "linear"."""
    return str(getattr(layer, "function" if isinstance(layer, kinds.Activation) else "activation", "linear"))


def _other_settings(old: Layer, new: Layer) -> Iterator[str]:
    for each in describe(type(new)):
        was, now = getattr(old, each.name), getattr(new, each.name)
        told = each.name in SIZES or each.name in SPENT or each.live or each.kind == "stack"
        if was != now and not told and not (each.name == "bias" and now):
            yield f"{new.path}: {each.name} is {shown(now)}, was {shown(was)}"


def _why_not(layer: Layer) -> str:
    if isinstance(layer, (kinds.BatchNorm, *NORMS)):
        return ": it brings what comes in to another mean and spread"
    if isinstance(layer, kinds.Residual):
        return ": what stands last in it does not start at 0"
    return ""


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
