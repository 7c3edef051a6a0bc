"""Recipe: what a stylizer compiles, read from `engines/*.toml`."""

from __future__ import annotations

import dataclasses
import importlib.resources
import tomllib
from dataclasses import dataclass

from livestyle.config import parse_size
from livestyle.errors import ConfigError
from livestyle.frame import Size

_PRECISIONS = ("auto", "bf16", "fp32")


@dataclass(frozen=True)
class Recipe:
    """One recipe; the keys are explained in `engines/README.md`."""

    stylizer: str
    engine: str
    device: str
    size: Size
    precision: str


def load_recipe(name: str) -> Recipe:
    """The recipe `engines/NAME.toml`. Raises ConfigError naming what is wrong with it."""
    file = importlib.resources.files("livestyle.recipes") / f"{name}.toml"
    where = f"recipe {name!r}"
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read {where}: {error}") from error
    expected = {field.name for field in dataclasses.fields(Recipe)}
    if wrong := sorted(set(table) ^ expected):
        raise ConfigError(f"{where}: missing or unknown key {', '.join(map(repr, wrong))}")
    if table["precision"] not in _PRECISIONS:
        raise ConfigError(
            f"{where}: precision {table['precision']!r}; choose from: {', '.join(_PRECISIONS)}"
        )
    try:
        size = parse_size(table["size"])
    except ValueError as error:
        raise ConfigError(f"{where}: size {table['size']!r}: {error}") from None
    return Recipe(**{**table, "size": size})
