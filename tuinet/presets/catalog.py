"""The built-in presets: where they lie, what they are called, and a headline of each.

Listing them reads the files and nothing else: none of the classes that check a preset is loaded.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).with_name("template.toml")


@dataclass(frozen=True)
class Headline:
    """What a list of presets shows of one."""

    name: str
    title: str
    teaches: str
    tries: tuple[str, ...]
    data: str  # the set it trains on
    layers: int  # [[layers]] tables, or those of [[encoder]] and [[decoder]]
    variants: tuple[str, ...]  # names of what it compares
    file: str


def folder() -> Path:
    """Packed into the wheel as preset_files, or `presets/` of a checkout."""
    package = Path(__file__).parent.parent
    packed = package / "preset_files"
    return packed if packed.is_dir() else package.parent / "presets"


def names() -> list[str]:
    """Names of the built-in presets, sorted."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def headlines() -> list[Headline]:
    """A headline of each built-in preset, by name."""
    return [_headline(folder() / f"{name}.toml") for name in names()]


def _headline(path: Path) -> Headline:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return Headline(
        name=path.stem,
        title=table["title"],
        teaches=table["teaches"],
        tries=tuple(table["tries"]),
        data=table["data"]["set"],
        layers=sum(len(table.get(key, ())) for key in ("layers", "encoder", "decoder")),
        variants=tuple(variant["name"] for variant in table.get("variants", ())),
        file=str(path),
    )


def template() -> str:
    """A commented preset to start from; it loads and trains as it stands."""
    return TEMPLATE.read_text(encoding="utf-8")
