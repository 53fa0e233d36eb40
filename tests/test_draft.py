"""A draft: every layer can be added, moved, set and taken back; form, text and list say the same; nothing is lost."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli_scenes import HOSTILE
from tuinet import presets
from tuinet.data.bound import Facts
from tuinet.errors import PresetError, UsageError
from tuinet.fields import describe
from tuinet.layers import LAYERS
from tuinet.presets.finding import parse
from tuinet.presets.preset import Preset
from tuinet.presets.stack import as_layers
from tuinet.training.planning import Fate, Planned, fate, planned
from tuinet.tui.draft import TRAINING, Draft, Place, Taken, first_table, in_short

OUT = '[[layers]]\ntype = "dense"\nname = "out"\nunits = "classes"\n'
STACKS = {
    "vectors": OUT,
    "pictures": '[[layers]]\ntype = "flatten"\n\n' + OUT,
    "maps": '[[layers]]\ntype = "conv2d"\nfilters = 8\n\n[[layers]]\ntype = "flatten"\n\n' + OUT,
    "sequences": '[[layers]]\ntype = "global_average_pool"\n\n' + OUT,
    "tokens": '[[layers]]\ntype = "embedding"\nunits = 16\n\n[[layers]]\ntype = "global_average_pool"\n\n' + OUT,
    "bare tokens": '[[layers]]\ntype = "global_average_pool"\n\n' + OUT,
    "pairs": '[[encoder]]\ntype = "embedding"\nunits = 16\n\n[[decoder]]\ntype = "embedding"\nunits = 16\n\n'
    '[[decoder]]\ntype = "decoder_block"\n\n[[decoder]]\ntype = "dense"\nunits = "classes"\n',
}
INPUTS = {"vectors": (6,), "pictures": (8, 8, 1), "maps": (8, 8, 1), "sequences": (12, 3)}


def facts_of(stack: str) -> Facts:
    whole = {"tokens": 9} if stack in ("tokens", "bare tokens", "pairs") else {}
    pairs: dict[str, Any] = {"source_steps": 5, "steps": 4, "padded": True} if stack == "pairs" else {}
    classes = 9 if stack == "pairs" else 4
    inputs = INPUTS.get(stack, (9,))
    return Facts(
        name="made", source="made", inputs=inputs, task="classes", classes=classes, outputs=classes, **whole, **pairs
    )


def draft_of(layers: str = OUT, training: str = "") -> Draft:
    text = f'title = "Made"\n\n[data]\nset = "digits"\n\n{layers}\n[training]\nloss = "cross_entropy"\n{training}'
    return Draft(parse(text, "made", "made.toml", Path.cwd()))


def plan(draft: Draft, stack: str = "vectors") -> Planned:
    assert draft.preset is not None, draft.error
    return planned(draft.preset, facts_of(stack), 100)


# Where each type of layer fits without another edit: a stack, and below which of its layers.
ADDED: dict[str, tuple[str, Place | None]] = {
    "activation": ("vectors", None),
    "attention": ("tokens", ("layers", 0)),
    "average_pool": ("pictures", None),
    "batch_norm": ("pictures", None),
    "branch": ("vectors", None),
    "branches": ("vectors", None),
    "conv1d": ("sequences", None),
    "conv2d": ("pictures", None),
    "conv2d_transpose": ("maps", ("layers", 0)),
    "decoder_block": ("pairs", ("layers", 1, "layers", 0)),
    "dense": ("vectors", None),
    "dropout": ("vectors", None),
    "embedding": ("bare tokens", None),
    "flatten": ("pictures", None),
    "global_average_pool": ("maps", ("layers", 0)),
    "global_max_pool": ("maps", ("layers", 0)),
    "group_norm": ("maps", ("layers", 0)),
    "gru": ("sequences", None),
    "layer_norm": ("vectors", None),
    "lstm": ("sequences", None),
    "max_pool": ("pictures", None),
    "positions": ("tokens", ("layers", 0)),
    "reshape": ("pictures", None),
    "residual": ("vectors", None),
    "rms_norm": ("vectors", None),
    "rnn": ("sequences", None),
    "spatial_dropout": ("pictures", None),
    "transformer_block": ("tokens", ("layers", 0)),
    "unembedding": ("tokens", ("layers", 0)),
    "upsample": ("pictures", None),
}


@pytest.mark.parametrize("word", sorted(ADDED))
def test_every_layer_can_be_added_where_it_fits_and_taken_back(word: str) -> None:
    stack, after = ADDED[word]
    draft = draft_of(STACKS[stack])
    before = draft.now
    place = draft.add(word, after)
    found = plan(draft, stack)
    assert found.error is None, found.error
    row = next(row for row in draft.rows(found) if row.place == place)
    assert (row.type, row.output is not None, row.parameters is not None) == (word, True, True)
    assert draft.changed
    assert draft.undo() == f"added {word}"
    assert draft.now is before and not draft.changed
    assert draft.redo() == f"added {word}" and draft.rows(found) == draft.rows(found)


def test_every_layer_is_in_the_table_above_or_needs_another_edit_first() -> None:
    assert set(LAYERS) - set(ADDED) == {"decoder", "encoder"}
    draft = draft_of(STACKS["pairs"])
    draft.remove(("layers", 1))
    place = draft.add("decoder", ("layers", 0))
    assert "data has" in str(plan(draft, "pairs").error)
    draft.set((*place, "layers", 0), "units", "16")
    draft.add("dense", (*place, "layers", 0))
    draft.set((*place, "layers", 1), "units", "classes")
    found = plan(draft, "pairs")
    assert "no layer looks at what it gives" in str(found.error)
    assert [row.path for row in draft.rows(found) if row.error] == ["encoder.embedding_1"]
    draft.add("decoder_block", (*place, "layers", 0))
    assert plan(draft, "pairs").error is None


@pytest.mark.parametrize("word", sorted(LAYERS))
def test_what_a_new_layer_starts_with_is_all_that_it_needs(word: str) -> None:
    table = first_table(word)
    needed = {field.name for field in describe(LAYERS[word]) if field.required}
    assert needed <= set(table)


EDITS: dict[str, Callable[[Draft], Any]] = {
    "add": lambda draft: draft.add("dropout", ("layers", 1)),
    "add inside": lambda draft: draft.add("layer_norm", ("layers", 2), inside=True),
    "remove": lambda draft: draft.remove(("layers", 1)),
    "remove inside": lambda draft: draft.remove(("layers", 2, "layers", 0)),
    "duplicate": lambda draft: draft.duplicate(("layers", 1)),
    "duplicate with what it holds": lambda draft: draft.duplicate(("layers", 2)),
    "move": lambda draft: draft.move(("layers", 1), 1),
    "move out": lambda draft: draft.move(("layers", 2, "layers", 0), -1),
    "move in": lambda draft: draft.move_in(("layers", 3)),
    "set": lambda draft: draft.set(("layers", 1), "units", "7"),
    "set inside": lambda draft: draft.set(("layers", 2, "layers", 1), "initializer", "orthogonal"),
    "repeat": lambda draft: draft.set(("layers", 2), "repeat", "3"),
    "training": lambda draft: draft.set(TRAINING, "optimizer.learning_rate", "0.5"),
    "text": lambda draft: draft.replace(draft.text.replace("tanh", "relu")),
}
NESTED = (
    """\
[[layers]]
type = "flatten"

[[layers]]
type = "dense"
name = "stem"       # not to be lost
units = 12
activation = "tanh"

[[layers]]
type = "residual"
name = "block"

[[layers.layers]]
type = "layer_norm"

[[layers.layers]]
type = "dense"
units = 12

[[layers]]
type = "dropout"

"""
    + OUT
)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_said_by_list_form_and_text_alike_and_undone_to_the_letter(name: str) -> None:
    draft = draft_of(NESTED)
    text, document, preset = draft.text, draft.now.document, draft.preset
    EDITS[name](draft)
    assert draft.now.document != document
    assert as_layers(tomllib.loads(draft.text), {})[0] == draft.now.document
    assert draft.preset is not None and draft.preset == parse(draft.text, "made", "made.toml", Path.cwd())
    for row in draft.rows():
        table = draft.table(row.place)
        said = {line.key: line.text for line in draft.entries(row.place) if line.depth == 0 and line.text != "false"}
        written = {key for key, value in table.items() if key not in ("type", "layers", "branches")}
        assert written <= {key for key, text in said.items() if text}
    edited = draft.text
    assert draft.undo()
    assert (draft.text, draft.now.document, draft.preset) == (text, document, preset)
    assert draft.redo()
    assert draft.text == edited


def test_undo_and_redo_have_no_end_and_a_new_edit_forgets_what_was_undone() -> None:
    draft = draft_of()
    texts = [draft.text]
    for _ in range(60):
        draft.add("dropout")
        texts.append(draft.text)
    for text in reversed(texts[:-1]):
        draft.undo()
        assert draft.text == text
    assert draft.undo() == ""
    for text in texts[1:]:
        draft.redo()
        assert draft.text == text
    assert draft.redo() == ""
    draft.undo()
    draft.add("flatten")
    assert draft.redo() == ""


def test_typing_on_in_a_field_is_one_edit_until_it_ends() -> None:
    draft = draft_of()
    for text in ("1", "12", "128"):
        draft.set(("layers", 0), "units", text)
    draft.end()
    draft.set(("layers", 0), "units", "9")
    assert [draft.table(("layers", 0))["units"], draft.undo(), draft.table(("layers", 0))["units"]] == [
        9, "set out.units", 128,
    ]  # fmt: skip
    draft.undo()
    assert draft.table(("layers", 0))["units"] == "classes"


def test_what_cannot_be_typed_is_refused_and_changes_nothing() -> None:
    draft = draft_of()
    before = draft.now
    for place, key, text in ((("layers", 0), "units", "many"), (TRAINING, "epochs", "0"), (TRAINING, "loss", "")):
        with pytest.raises(PresetError):
            draft.set(place, key, text)
    for text in ("[[", "layers = 3", "x = 1", 'layers = [1]\n[data]\nset="digits"', "a" * 70_000):
        with pytest.raises(PresetError):
            draft.replace(text)
    with pytest.raises(PresetError, match="cannot stand here"):
        draft.add("nonsense")
    with pytest.raises(PresetError, match="holds no layers"):
        draft.move_in(("layers", 0))
    assert draft.now is before


# -- errors while it is edited ----------------------------------------------------------------

WRONG: list[tuple[str, str, Callable[[Draft], Any], str, str]] = [
    ("pictures", "a kernel that is too large",
     lambda draft: (draft.add("conv2d"), draft.set(("layers", 0), "kernel", "9")),
     "conv2d_1", 'make the window at most 8, or write padding = "same"'),
    ("vectors", "a convolution on a row", lambda draft: draft.add("conv2d"), "conv2d_1", "put a reshape"),
    ("pictures", "a dense layer on a picture", lambda draft: draft.add("dense"), "dense_1", "put a flatten"),
    ("tokens", "heads that do not divide",
     lambda draft: (draft.add("attention", ("layers", 0)), draft.set(("layers", 1), "heads", "5")),
     "attention_1", "such as 4"),
    ("maps", "groups that do not divide",
     lambda draft: (draft.add("group_norm", ("layers", 0)), draft.set(("layers", 1), "groups", "3")),
     "group_norm_1", "such as 2"),
    ("vectors", "outputs that are too few", lambda draft: draft.set(("layers", 0), "units", "3"), "out",
     'a dense with units = "classes"'),
    ("vectors", "two of a name", lambda draft: (draft.add("dense"), draft.set(("layers", 0), "name", "out")), "out",
     "give one of them another name"),
    ("vectors", "a residual that changes the shape",
     lambda draft: (draft.add("residual"), draft.add("dense", ("layers", 0), inside=True)), "residual_1",
     "as many outputs as come in"),
    ("vectors", "an empty residual",
     lambda draft: (draft.add("residual"), draft.remove(("layers", 0, "layers", 0))), "residual_1",
     "put at least one layer inside"),
]  # fmt: skip


@pytest.mark.parametrize(("stack", "what", "edit", "where", "remedy"), WRONG, ids=[row[1] for row in WRONG])
def test_an_error_stands_at_its_layer_with_its_reason_and_a_remedy(
    stack: str, what: str, edit: Callable[[Draft], Any], where: str, remedy: str
) -> None:
    draft = draft_of(STACKS[stack])
    edit(draft)
    found = plan(draft, stack) if draft.preset is not None else None
    wrong = [row for row in draft.rows(found) if row.error]
    assert [row.path for row in wrong] == [where]
    assert remedy in wrong[0].error
    while draft.undo():
        pass
    assert plan(draft, stack).error is None


def test_the_layers_before_one_that_does_not_fit_keep_their_shapes() -> None:
    draft = draft_of(STACKS["maps"])
    draft.remove(("layers", 1))
    found = plan(draft, "maps")
    rows = draft.rows(found)
    assert [(row.output, row.parameters, bool(row.error)) for row in rows] == [
        ((6, 6, 8), 80, False), (None, None, True),
    ]  # fmt: skip
    assert rows[1].input is None and found.parameters == 0


def test_without_a_layer_a_draft_says_so_and_goes_on() -> None:
    draft = draft_of()
    assert draft.remove(("layers", 0)) is None
    assert draft.rows() == [] and "at least one" in str(draft.error)
    draft.add("dense")
    draft.set(("layers", 0), "units", "classes")
    assert draft.error is None


def test_a_text_that_is_wrong_is_kept_with_its_error_and_its_rows() -> None:
    draft = draft_of(NESTED)
    draft.replace(draft.text.replace("units = 12\nactiv", "units = -1\nactiv"))
    assert draft.error is not None and "between 1 and" in draft.error.message and draft.error.line is not None
    assert [row.error != "" for row in draft.rows()].index(True) == 1
    draft.set(("layers", 1), "units", "12")
    assert draft.error is None


# -- rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"type": "dense", "units": 3, "activation": "relu"}, "relu"),
        ({"type": "dense", "units": 3, "activation": "linear", "bias": False, "l2": 0.01}, "no bias l2 0.01"),
        ({"type": "conv2d", "filters": 3, "kernel": 5, "padding": "same"}, "5×5 padding same"),
        ({"type": "conv2d", "filters": 3, "kernel": [3, 3], "stride": [1, 2]}, "stride 1×2"),
        ({"type": "dropout", "rate": 0.2}, "0.2"),
        ({"type": "reshape", "shape": [7, 7, 1]}, "7×7×1"),
        ({"type": "lstm", "units": 8, "bidirectional": True, "initializer": {"type": "normal"}},
         "bidirectional initializer normal"),
        ({"type": "attention", "causal": True, "trainable": False}, "causal no trainable"),
    ],
)  # fmt: skip
def test_a_row_says_what_is_not_usual_in_a_few_words(table: dict[str, Any], words: str) -> None:
    assert in_short(table) == words


def test_rows_have_the_figures_of_the_network_and_repeats_are_summed() -> None:
    draft = draft_of(NESTED)
    draft.set(("layers", 2), "repeat", "3")
    rows = {row.path: row for row in draft.rows(plan(draft))}
    stem, block, inner = rows["stem"], rows["block_1"], rows["block_1.dense_1"]
    assert (stem.parameters, stem.output, stem.input) == (6 * 12 + 12, (12,), (6,))
    assert (block.repeat, block.paths, block.depth) == (3, ("block_1", "block_2", "block_3"), 0)
    assert block.parameters == 3 * (24 + 12 * 12 + 12)
    assert (inner.depth, inner.paths[-1], inner.parameters) == (1, "block_3.dense_1", 3 * (12 * 12 + 12))
    total = plan(draft).parameters
    assert sum(row.parameters or 0 for row in rows.values() if row.depth == 0) == total
    assert sum(row.share or 0 for row in rows.values() if row.depth == 0) == pytest.approx(1.0)


def test_places_follow_a_layer_through_its_moves() -> None:
    draft = draft_of(NESTED)
    place: Place = ("layers", 3)
    place = draft.move_in(place)
    assert place == ("layers", 2, "layers", 2) and draft.table(place)["type"] == "dropout"
    place = draft.move(place, -1)
    place = draft.move(place, -1)
    assert place == ("layers", 2, "layers", 0)
    place = draft.move(place, -1)
    assert place == ("layers", 2) and draft.table(place)["type"] == "dropout"
    place = draft.move(place, 1)
    assert place == ("layers", 3) and draft.table(("layers", 2))["type"] == "residual"
    assert draft.move(("layers", 0), -1) == ("layers", 0)


def test_a_branch_takes_only_branches() -> None:
    draft = draft_of(STACKS["vectors"])
    place = draft.add("branches")
    assert list(draft.known(place, inside=True)) == ["branch"]
    with pytest.raises(PresetError, match="what can: branch"):
        draft.add("dense", place, inside=True)
    with pytest.raises(PresetError, match="cannot stand there"):
        draft.move_in(("layers", 1))


# -- presets and runs ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", presets.names())
def test_the_preset_of_a_run_is_edited_without_the_settings_that_hold_anyway(name: str) -> None:
    preset = presets.load(name)
    assert Draft(preset).text == preset.text
    of_run = parse(preset.resolved(), name, name, preset.folder)
    draft = Draft(of_run, short=True)
    assert draft.preset == of_run and not draft.changed
    assert len(draft.text) < len(of_run.text)
    kept = {row.path for row in draft.rows()}
    assert kept == {row.path for row in Draft(preset).rows()}


def test_encoder_and_decoder_stand_in_the_text_as_they_were() -> None:
    draft = draft_of(STACKS["pairs"])
    assert [row.path for row in draft.rows()][:2] == ["encoder", "encoder.embedding_1"]
    draft.set(("layers", 0, "layers", 0), "units", "8")
    assert draft.text.count("[[encoder]]") == 1 and "[[layers]]" not in draft.text
    draft.set(("layers", 0), "trainable", "false")
    assert "[[layers]]" in draft.text and draft.error is None


def test_the_difference_is_told_in_words() -> None:
    draft = draft_of(NESTED, "epochs = 5\n")
    assert draft.difference() == []
    draft.remove(("layers", 3))
    draft.add("batch_norm", ("layers", 1))
    draft.set(("layers", 1), "units", "16")
    draft.set(TRAINING, "epochs", "9")
    draft.set(TRAINING, "optimizer", "sgd")
    assert draft.difference() == [
        "- dropout_1 (dropout)",
        "+ batch_norm_1 (batch_norm), after stem",
        "stem.units 12 → 16",
        "training.epochs 5 → 9",
        "training.optimizer.type adam → sgd",
        "training.optimizer.learning_rate 0.001 → 0.01",
    ]
    draft = draft_of(NESTED)
    draft.move(("layers", 0), 1)
    assert draft.difference() == ["stem has moved, first"]


def test_it_is_said_what_becomes_of_a_trained_network_in_the_edited_one() -> None:
    draft = draft_of(NESTED)
    facts, old = facts_of("vectors"), plan(draft).tensors

    def found() -> Fate:
        assert draft.preset is not None
        told = fate(draft.origin, draft.preset, facts, old)
        assert told is not None
        return told

    assert str(found()) == f"keeps {len(old)} of {len(old)} tensors; says what it said before"
    draft.set(("layers", 4), "bias", "false")
    assert found().tensors == len(old) - 1 and found().differs
    draft.undo()
    draft.duplicate(("layers", 4))
    draft.add("dropout", ("layers", 0))
    assert "dropout_2" in str(found()) and len(found().kept) == len(old)
    draft = draft_of(OUT)
    draft.add("dense")
    old = plan(draft).tensors
    draft.applied(draft.whole())
    draft.set(("layers", 0), "units", "64")
    assert str(found()) == "keeps 1 of 4 tensors, widens 3; says what it said before"
    assert any(line.startswith("dense_1.W: 6 x 32 to 6 x 64") for line in found().lines())


def test_what_a_worker_answers_is_told_and_not_trusted() -> None:
    answer = {"kept": ["a.W"], "made": ["b.W: is new", "b.b: is new"], "inserted": 3, "differs": ["b is new"]}
    assert str(Fate.of(answer)) == "keeps 1 tensor, 2 begin anew"
    assert Fate.of({}).lines() == []


def test_an_added_layer_leaves_the_names_of_all_others() -> None:
    draft = draft_of('[[layers]]\ntype = "dense"\nunits = 4\n\n[[layers]]\ntype = "dense"\nunits = 4\n\n' + OUT)
    names = [row.path for row in draft.rows()]
    place = draft.add("dense")
    assert [row.path for row in draft.rows() if row.place != place] == names
    place = draft.duplicate(("layers", 1))
    assert draft.error is None
    assert [row.path for row in draft.rows() if row.place not in (place, ("layers", 0))] == names


def test_after_applying_the_difference_begins_anew_and_edits_can_still_be_undone() -> None:
    draft = draft_of()
    draft.add("dropout")
    assert draft.preset is not None
    draft.applied(draft.preset)
    assert not draft.changed and draft.difference() == []
    assert draft.undo() == "added dropout"
    assert draft.changed and draft.difference() == ["- dropout_1 (dropout)"]


def test_a_run_that_is_changed_from_elsewhere_takes_the_draft_with_it() -> None:
    draft = draft_of()
    changed = draft.origin.with_overrides(["layers.out.bias=false"])
    draft.follow(changed)
    assert draft.preset == changed and not draft.changed
    assert draft.undo() == "the run was changed" and draft.changed


# -- saving --------------------------------------------------------------------------------------


def test_a_saved_preset_reads_back_and_is_never_overwritten_unasked(tmp_path: Path) -> None:
    draft = draft_of(NESTED)
    draft.add("dropout")
    path = draft.save(str(tmp_path / "mine"))
    assert path == tmp_path / "mine.toml"
    assert presets.load(path) == draft.preset
    assert "# not to be lost" in path.read_text()
    before = path.read_bytes()
    draft.remove(("layers", 0))
    with pytest.raises(Taken, match="is there already"):
        draft.save(str(path))
    assert path.read_bytes() == before
    draft.save(str(path), over=True)
    assert presets.load(path) == draft.preset


def test_what_cannot_be_saved_is_told(tmp_path: Path) -> None:
    draft = draft_of()
    (tmp_path / "folder.toml").mkdir()
    for where, told in (("no/x.toml", "no folder"), ("folder.toml", "is a folder")):
        with pytest.raises(UsageError, match=told):
            draft.save(str(tmp_path / where))
    with pytest.raises(UsageError, match="a name"):
        draft.save(" ")
    draft.remove(("layers", 0))
    with pytest.raises(UsageError, match="as it stands"):
        draft.save(str(tmp_path / "empty.toml"))
    assert not list(tmp_path.glob("empty*"))


def test_a_preset_saved_elsewhere_still_finds_its_data(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n" + "".join(f"{n},{n % 3}\n" for n in range(30)))
    (tmp_path / "there").mkdir()
    text = f'[data]\nfile = "table.csv"\n\n{OUT}\n[training]\nloss = "cross_entropy"\n'
    draft = Draft(parse(text, "mine", "mine.toml", tmp_path))
    draft.set(("layers", 0), "bias", "false")
    near, far = draft.save(str(tmp_path / "near")), draft.save(str(tmp_path / "there" / "far"))
    assert 'file = "table.csv"' in near.read_text()
    assert presets.load(far).data == presets.load(near).data == draft.origin.data


# -- hostile text ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_no_row_error_or_difference_hands_on_what_a_terminal_would_obey(text: str) -> None:
    quoted = '"' + "".join(f"\\U{ord(letter):08x}" for letter in text if not 0xD800 <= ord(letter) <= 0xDFFF) + '"'
    layers = f'[[layers]]\ntype = "unembedding"\nembedding = {quoted}\n\n[[layers]]\ntype = {quoted}\n\n{OUT}'
    draft = draft_of()
    draft.replace(draft.text.replace(OUT, f"{layers}\n") + f"until = {quoted}\n")
    said = [word for row in draft.rows() for word in (row.name, row.type, row.settings, row.error)]
    said += [str(draft.error), *draft.difference()]
    assert draft.error is not None
    assert not [word for word in said if any(character in word for character in "\x1b\x07\x9b\u202e\u200b\n")]


def test_a_preset_is_a_preset_of_which_type_it_may_be() -> None:
    preset: Preset = presets.load("fashion-mlp")
    draft = Draft(preset.with_overrides(["layers.hidden.units=16"]))
    assert "units = 16" in draft.text and draft.preset == preset.with_overrides(["layers.hidden.units=16"])
