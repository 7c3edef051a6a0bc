"""Recipe: what a stylizer compiles, read from `engines/*.toml`."""

from __future__ import annotations

import dataclasses
import importlib.resources
import tomllib
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from livestyle.config import parse_size
from livestyle.errors import ConfigError
from livestyle.frame import Size


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One recipe; the keys are explained in `engines/README.md`."""

    stylizer: str
    engine: str
    device: str
    size: Size
    precision: str


@dataclass(frozen=True, kw_only=True)
class DiffusionRecipe(Recipe):
    """A recipe of the turbo stylizer: models are hub ids, revisions are git commits there."""

    model: str
    revision: str
    autoencoder: str
    autoencoder_revision: str
    steps: int
    timesteps: str
    licence: str
    lora: str = ""
    lora_revision: str = ""


_CHOICES = {
    "precision": ("auto", "fp32", "bf16", "fp16", "fp8"),
    "timesteps": ("turbo", "lcm"),
    "device": ("auto", "CPU", "GPU"),
}
_STYLIZERS: dict[type[Recipe], str] = {
    Recipe: 'stylizer = "lite"',
    DiffusionRecipe: 'stylizer = "turbo"',
}
R = TypeVar("R", bound=Recipe)


def load_recipe(name: str, kind: type[R]) -> R:
    """The recipe `engines/NAME.toml`. Raises ConfigError naming what is wrong with it."""
    folder = _folder()
    where = f"recipe {name!r}"
    try:
        table = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = sorted(
            file.name[:-5]
            for file in folder.iterdir()
            if file.name.endswith(".toml") and _STYLIZERS[kind] in file.read_text(encoding="utf-8")
        )
        raise ConfigError(f"unknown {where}; choose from: {', '.join(known)}") from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read {where}: {error}") from error
    values = {key.replace("-", "_"): value for key, value in table.items()}
    _check(values, kind, where)
    try:
        size = parse_size(values["size"])
    except ValueError as error:
        raise ConfigError(f"{where}: size {values['size']!r}: {error}") from None
    return kind(**{**values, "size": size})


def _folder() -> Traversable:
    """Where the recipes are: with the package, or beside it in a tree that is not installed."""
    try:
        return importlib.resources.files("livestyle.recipes")
    except ModuleNotFoundError:
        return Path(__file__).parent.parent / "engines"


def _check(values: dict[str, Any], kind: type[Recipe], where: str) -> None:
    fields = dataclasses.fields(kind)
    needed = {field.name for field in fields if field.default is dataclasses.MISSING}
    unknown = set(values) - {field.name for field in fields}
    if wrong := sorted((needed - set(values)) | unknown):
        names = ", ".join(repr(name.replace("_", "-")) for name in wrong)
        raise ConfigError(f"{where}: missing or unknown key {names}")
    for key, choices in _CHOICES.items():
        if key in values and values[key] not in choices:
            raise ConfigError(f"{where}: {key} {values[key]!r}; choose from: {', '.join(choices)}")
