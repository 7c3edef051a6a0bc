"""Settings in layers: the user's own file, then --config FILE, then flags; and a file of them."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from livestyle.config import GROUPS, IN_FILES, Config, Setting, check, key, plain, settings
from livestyle.errors import ConfigError
from livestyle.places import is_there, user_folder
from livestyle.tables import read_toml
from livestyle.values import is_name

Group = argparse._ArgumentGroup
_TITLES = {"run": "the run itself"}
_WIDTH = 96
_NUMBERS = ("N", "X")  # what stands for one


def user_file() -> Path:
    """Where a user's own settings are looked for."""
    return user_folder() / "settings.toml"


def add_flags(
    parser: argparse.ArgumentParser, names: Iterable[str] | None = None
) -> dict[str, Group]:
    """Add a flag for each setting (or those named) to the parser; an absent one leaves no value.

    Returns the groups of the help that they are in, by name.
    """
    wanted = None if names is None else set(names)
    groups: dict[str, Group] = {}
    for group in GROUPS:
        for name, (field, setting) in settings().items():
            if setting.group != group or (wanted is not None and name not in wanted):
                continue
            if group not in groups:
                groups[group] = parser.add_argument_group(_TITLES.get(group, group))
            options: dict[str, Any] = {"help": setting.help, "default": argparse.SUPPRESS}
            if isinstance(field.default, bool):
                options["action"] = argparse.BooleanOptionalAction
            else:
                options["metavar"] = setting.metavar
                if isinstance(field.default, tuple):
                    options["action"] = "append"
                elif field.default is not None:
                    options["help"] += f" (default: {field.default})"
            groups[group].add_argument("--" + key(name), **options)
    return groups


def load_config(
    flags: Mapping[str, Any], file: str | None = None, names: Iterable[str] | None = None
) -> Config:
    """The settings from the user's own file, where there is one, with those of `file` on top, and
    those given as flags on top of these.

    names: the fields that the files may set; None: all. Others there are checked and left.

    Raises ConfigError for an unknown key, a value out of its limits or an unreadable file.
    """
    own = user_file()
    layers = [str(own)] if is_there(own) else []
    values: dict[str, Any] = {}
    for layer in [*layers, *([] if file is None else [file])]:
        values = _on_top(values, _read_toml(layer))
    if names is not None:
        values = {name: values[name] for name in names if name in values}
    given = checked({key(name): flags[name] for name in flags}, "--")
    return Config(**_on_top(values, given))


# What is named in a layer is meant without what a lower one had in mind with another.
_REPLACES = {"stylizer": ("style", "prompt"), "recipe": ("model",)}


def _on_top(values: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    gone = {
        name
        for replacing, replaced in _REPLACES.items()
        if replacing in above and above[replacing] != values.get(replacing)
        for name in replaced
    }
    return {name: value for name, value in values.items() if name not in gone} | above


def checked(
    given: Mapping[str, Any], where: str, spell: Callable[[str], str] = key
) -> dict[str, Any]:
    """Settings, checked, by their fields' names. Nothing, or "" but for a prompt, takes back one
    that may be unset. spell: how `given` spells the names. where: what errors begin with.

    Raises ConfigError for an unknown key or a value out of its limits.
    """
    names = {spell(name): name for name in settings()}
    if unknown := sorted(set(given) - set(names)):
        raise ConfigError(
            f"{where}unknown key {', '.join(map(repr, unknown))}; known are: {', '.join(names)}"
        )
    return {
        names[name]: None
        if _is_taken_back(names[name], value)
        else check(names[name], value, where + name)
        for name, value in given.items()
    }


def _is_taken_back(name: str, value: Any) -> bool:
    may_be_unset = settings()[name][0].default is None
    return may_be_unset and (value is None or (value == "" and name != "prompt"))


def _read_toml(file: str) -> dict[str, Any]:
    return checked(read_toml(Path(file), f"config {file!r}"), f"config {file!r}: ")


def to_toml(config: Config) -> str:
    """The settings as a TOML file that `load_config` reads back to the same: all keys, with their
    help; those that are unset stay comments.
    """
    values = plain(config)
    lines = []
    for group in GROUPS:
        lines += ["", f"# --- {_TITLES.get(group, group)} ---"]
        for name, (_, setting) in settings().items():
            if setting.group == group:
                lines += ["", *textwrap.wrap(setting.help, _WIDTH, **_COMMENT)]
                value = values.get(key(name))
                shown = _example(setting) if value is None else _toml(value)
                lines.append(f"{'# ' if value is None else ''}{key(name)} = {shown}")
    for name, (_, setting) in settings().items():  # tables come last
        if setting.group == IN_FILES:
            lines += ["", *textwrap.wrap(setting.help, _WIDTH, **_COMMENT), f"[{key(name)}]"]
            lines += [f"{_name(of)} = {_toml(value)}" for of, value in values[key(name)].items()]
    return "\n".join(lines[1:]) + "\n"


_COMMENT: dict[str, Any] = {
    "initial_indent": "# ",
    "subsequent_indent": "# ",
    "break_long_words": False,
    "break_on_hyphens": False,
}


def _example(setting: Setting) -> str:
    """What stands for a value that is unset."""
    return str(setting.metavar) if setting.metavar in _NUMBERS else f'"{setting.metavar}"'


def _name(of: str) -> str:
    """A key of a table."""
    return of if is_name(of) else _toml(of)


def _toml(value: Any) -> str:
    # a JSON string, number, boolean or list of strings is also a TOML one, but for one character
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
