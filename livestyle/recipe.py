"""Recipe: what a stylizer compiles, read from `engines/*.toml` or a file of the user's own."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.resources
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from livestyle import values
from livestyle.errors import ConfigError, reason
from livestyle.frame import Size
from livestyle.placement import network_size
from livestyle.places import is_there, user_folder
from livestyle.tables import read_toml


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One recipe; the keys are explained in `engines/README.md`."""

    stylizer: str
    engine: str
    device: str
    size: Size
    precision: str

    # The networks of lite halve it three times; that for any style mirrors pixels at its border.
    GRID: ClassVar[range] = range(16, 7681, 8)

    def size_inside(self, output: Size, wanted: Size | None) -> Size:
        """(width, height) of the picture inside the networks, its sides out of GRID.

        output: of what is shown. wanted: the setting; None: the recipe's, in the output's shape.
        """
        return network_size(output, wanted, self.size, self.GRID)


@dataclass(frozen=True, kw_only=True)
class DiffusionRecipe(Recipe):
    """A recipe of the turbo stylizer: models are hub ids, revisions are git commits there."""

    # UNet and autoencoder halve it five times; below and above the networks lose their sense.
    GRID: ClassVar[range] = range(256, 1025, 32)

    model: str
    revision: str
    autoencoder: str
    autoencoder_revision: str
    steps: int
    timesteps: str
    family: str
    licence: str
    lora: str = ""
    lora_revision: str = ""

    def precision_for(self, wanted: str) -> str:
        """The one wanted, else its own; it may be "auto"."""
        return self.precision if wanted == "auto" else wanted


_STYLIZERS: dict[type[Recipe], str] = {Recipe: "lite", DiffusionRecipe: "turbo"}
R = TypeVar("R", bound=Recipe)


def _commit(value: Any) -> str:
    """A revision that stays what it is."""
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{40}", value):
        raise ValueError("the 40 hexadecimal digits of a commit are expected")
    return value


_PARSE: dict[str, Callable[[Any], Any]] = {
    "size": values.size,
    "steps": values.number(1, 8, int),
    "timesteps": values.choice("turbo", "lcm"),
    "family": values.choice("sdxl", "sd"),
    "revision": _commit,
    "autoencoder_revision": _commit,
    "lora_revision": _commit,
}
_PARSE_OF: dict[type[Recipe], dict[str, Callable[[Any], Any]]] = {
    Recipe: {
        "engine": values.choice("openvino"),
        "device": values.choice("CPU", "GPU"),
        "precision": values.choice("auto", "fp32", "bf16"),
    },
    DiffusionRecipe: {
        "engine": values.choice("torch"),
        "device": values.choice("auto", "GPU"),
        "precision": values.choice("auto", "fp32", "bf16", "fp16", "fp8"),
    },
}


def load_recipe(name: str, kind: type[R]) -> R:
    """The recipe of a name, the user's own before `engines/NAME.toml`, or that of a FILE.toml.

    Raises ConfigError naming what is wrong with it.
    """
    where = f"recipe {name!r}"
    file = Path(name) if name.endswith(".toml") else _files().get(name)
    if file is None:
        known = ", ".join(list_recipes(kind))
        raise ConfigError(f"unknown {where}; choose from: {known}, or name a FILE.toml")
    if str(file) != name:
        where += f" ({file})"
    return _recipe(read_toml(file, where), kind, where)


def list_recipes(kind: type[Recipe]) -> list[str]:
    """The names of a stylizer's recipes, as far as they can be read."""
    names = []
    for name, file in sorted(_files().items()):
        with contextlib.suppress(ConfigError):  # it is told where it is asked for, and by doctor
            if read_toml(file, name).get("stylizer") == _STYLIZERS[kind]:
                names.append(name)
    return names


def _recipe(table: dict[str, Any], kind: type[R], where: str) -> R:
    stylizer = _STYLIZERS[kind]
    if table.get("stylizer") != stylizer:
        raise ConfigError(f"{where} is for stylizer {table.get('stylizer')!r}, not {stylizer!r}")
    fields = {field.name.replace("_", "-"): field for field in dataclasses.fields(kind)}
    needed = {key for key, field in fields.items() if field.default is dataclasses.MISSING}
    if "lora" in table:
        needed.add("lora-revision")
    if wrong := sorted((needed - set(table)) | (set(table) - set(fields))):
        raise ConfigError(f"{where}: missing or unknown key {', '.join(map(repr, wrong))}")
    parse = _PARSE | _PARSE_OF[kind]
    given = {}
    for key, value in table.items():
        name = fields[key].name
        try:
            parse_value = parse.get(name, values.text)
            given[name] = parse_value(value)
        except ValueError as error:
            raise ConfigError(f"{where}: {key} {value!r}: {error}") from None
    low, high = kind.GRID[0], kind.GRID[-1]
    if not all(low <= side <= high for side in given["size"]):
        raise ConfigError(f"{where}: size {table['size']!r}: its sides are from {low} to {high}")
    return kind(**given)


def user_recipes() -> Path:
    """The folder where a user's own recipes are looked for."""
    return user_folder() / "recipes"


def own_recipes() -> list[Path]:
    """The user's own recipes. Raises ConfigError where one may not look."""
    own = user_recipes()
    return [file for file in _files().values() if isinstance(file, Path) and file.parent == own]


def _files() -> dict[str, Traversable]:
    """All recipes, by name; of two with one name the user's."""
    own = user_recipes()
    try:
        return {
            file.name.removesuffix(".toml"): file
            for folder in (_bundled(), *([own] if is_there(own) else []))
            for file in folder.iterdir()
            if file.name.endswith(".toml")
        }
    except OSError as error:
        raise ConfigError(f"cannot look into {str(own)!r}: {reason(error)}") from error


def _bundled() -> Traversable:
    """Where the recipes are: with the package, or beside it in a tree that is not installed."""
    try:
        return importlib.resources.files("livestyle.recipes")
    except ModuleNotFoundError:
        return Path(__file__).parent.parent / "engines"
