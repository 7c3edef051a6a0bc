"""Preset: a style of the turbo stylizer, that is a prompt, a strength and a seed with a name."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from livestyle.config import check
from livestyle.errors import ConfigError
from livestyle.places import is_there, user_folder
from livestyle.tables import read_toml

FILE = Path(__file__).with_name("presets.toml")
_KEYS = {"prompt", "strength", "seed", "description"}


@dataclass(frozen=True)
class Preset:
    """One preset, its values checked as those of the flags are."""

    name: str
    prompt: str
    strength: float
    seed: int
    description: str

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"stylizer": "turbo"} | asdict(self)


def user_presets() -> Path:
    """Where a user's own presets are looked for."""
    return user_folder() / "presets.toml"


def list_presets() -> list[Preset]:
    """The bundled presets and the user's; of two with one name the user's. Raises ConfigError."""
    presets = {preset.name: preset for preset in _read(FILE)}
    if is_there(own := user_presets()):
        presets |= {preset.name: preset for preset in _read(own)}
    return list(presets.values())


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises ConfigError naming those there are."""
    presets = {preset.name: preset for preset in list_presets()}
    if name not in presets:
        raise ConfigError(f"unknown style {name!r} for turbo; choose from: {', '.join(presets)}")
    return presets[name]


def _read(file: Path) -> list[Preset]:
    tables = read_toml(file, f"the presets {str(file)!r}")
    return [_preset(name, table, f"{str(file)!r}: {name}") for name, table in tables.items()]


def _preset(name: str, table: Any, where: str) -> Preset:
    if not isinstance(table, dict) or set(table) != _KEYS:
        raise ConfigError(
            f"{where}: a preset has the keys {', '.join(sorted(_KEYS))} and no others"
        )
    values = {
        key: check(key, table[key], f"{where}: {key}") for key in ("prompt", "strength", "seed")
    }
    return Preset(name=name, description=str(table["description"]), **values)
