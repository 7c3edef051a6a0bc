"""Write those parts of docs/ that the code knows best: settings, commands, metrics, what is live.

    python tools/docs.py

A part stands in its page between two comments that name it; all else there is written by hand.
`tests/tools/test_docs.py` holds the pages against this.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from livestyle import commands
from livestyle.config import (
    ALL,
    GROUPS,
    IN_FILES,
    Config,
    Setting,
    key,
    live_settings,
    plain,
    settings,
)
from livestyle.control.api.metrics import exposition

DOCS = Path(__file__).resolve().parents[1] / "docs"
TITLES = {
    "source": "Source",
    "look": "Look",
    "turbo": "Turbo",
    "output": "Output",
    "run": "The run itself",
    IN_FILES: "In files alone",
}

Field = dataclasses.Field[Any]
Cell = Callable[[Field, Setting], str]


def main() -> int:
    """Write the pages that are not as they should be."""
    for name in PARTS:
        file, text = DOCS / name, page(name)
        if text != file.read_text(encoding="utf-8"):
            file.write_text(text, encoding="utf-8")
            print(f"{file} is written anew")
    return 0


def page(name: str) -> str:
    """The page as it should be. Raises ValueError where it has no place for one of its parts."""
    text = (DOCS / name).read_text(encoding="utf-8")
    for part, write in PARTS[name].items():
        begin, end = f"<!-- {part}: by tools/docs.py -->\n", f"<!-- end of {part} -->\n"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"docs/{name} has no {begin.strip()} … {end.strip()}")
        text = f"{before}{begin}\n{write()}\n{end}{after}"
    return text


def setting_tables() -> str:
    """A table for each group of settings."""
    sections = []
    for group in (*GROUPS, IN_FILES):
        rows = [
            [cell(field, setting) for _, cell in COLUMNS]
            for field, setting in settings().values()
            if setting.group == group
        ]
        sections.append(f"### {TITLES[group]}\n\n{_table([title for title, _ in COLUMNS], rows)}")
    return "\n".join(sections)


def _flag(field: Field, setting: Setting) -> str:
    if setting.group == IN_FILES:
        return f"`[{key(field.name)}]`"
    words = f"--{key(field.name)}"
    if isinstance(field.default, bool):
        return f"`{words}`, `--no-{key(field.name)}`"
    return f"`{words} {setting.metavar}`"


def _default(field: Field, setting: Setting) -> str:
    value = plain(Config()).get(key(field.name))
    return "" if value is None or setting.group == IN_FILES else f"`{json.dumps(value)}`"


def _live(_: Field, setting: Setting) -> str:
    if setting.live == ALL:
        return "yes"
    return ", ".join(setting.live)


def _meaning(_: Field, setting: Setting) -> str:
    return setting.help


# Of the tables of settings: title, and what a setting has there.
COLUMNS: tuple[tuple[str, Cell], ...] = (
    ("flag", _flag),
    ("in a file, unless set", _default),
    ("changes live", _live),
    ("is", _meaning),
)


def live_table() -> str:
    """Every setting that may change in a run."""
    return _table(
        ["key", "takes", "of"],
        (
            [f"`{name}`", _takes(setting.parse.schema), ", ".join(setting.live)]
            for name, (_, setting) in live_settings().items()
        ),
    )


def _takes(schema: Any) -> str:
    """A schema in words."""
    if "anyOf" in schema:
        return " or ".join(_takes(each) for each in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema["type"] == "array":
        return f"list of: {_takes(schema['items'])}"
    if "minimum" in schema:
        return f"{schema['minimum']:.10g} to {schema['maximum']:.10g}"
    return {"string": "text", "boolean": "true, false"}[schema["type"]]


def command_sections() -> str:
    """What each command takes, beside the settings."""
    return "\n".join(
        _section(name, parser) for name, parser in _subparsers(commands._parser()).items()
    )


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return {name: named for each in found for name, named in each.choices.items()}


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    own: list[argparse.Action] = []
    of_config: list[argparse.Action] = []
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            (of_config if _is_setting(action) else own).append(action)
    rows = [[_spelled(action), action.help or ""] for action in own]
    for what, of_what in _subparsers(parser).items():
        words = [
            _spelled(action).replace("`, `", "|").strip("`") for action in of_what._actions[1:]
        ]
        rows.append([f"`{' '.join([what, *words])}`", of_what.description or ""])
    text = f"### livestyle {name}\n\n{parser.description}\n\n" + _table(["argument", "is"], rows)
    if of_config:
        flags = ", ".join(f"`{action.option_strings[0]}`" for action in of_config)
        every = len(of_config) == len([s for _, s in settings().values() if s.group != IN_FILES])
        text += (
            "\nAnd all [settings](settings.md).\n"
            if every
            else f"\nOf the [settings](settings.md): {flags}.\n"
        )
    return text


def _is_setting(action: argparse.Action) -> bool:
    """Whether it was made from one; a command may have a flag of its own by the same name."""
    found = settings().get(action.dest)
    return found is not None and (action.help or "").startswith(found[1].help)


def _spelled(action: argparse.Action) -> str:
    if not action.option_strings:
        choices = ", ".join(f"`{choice}`" for choice in action.choices or ())
        return choices or f"`{action.metavar}`"
    flag = action.option_strings[-1]
    if action.nargs == 0:
        return f"`{flag}`"
    value = action.metavar or "|".join(map(str, action.choices or [action.dest.upper()]))
    return f"`{flag} [{value}]`" if action.nargs == "?" else f"`{flag} {value}`"


def metrics_table() -> str:
    """Every metric that `/metrics` has."""
    text = exposition({}).decode()
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    types = dict(re.findall(r"^# TYPE (\S+) (.*)$", text, re.MULTILINE))
    return _table(
        ["metric", "type", "is"], ([f"`{name}`", types[name], helps[name]] for name in helps)
    )


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in _lines(titles, rows))


def _lines(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    yield titles
    yield ["---"] * len(titles)
    for row in rows:
        yield [cell.replace("|", r"\|") for cell in row]


# Page, part, and what writes it.
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "api.md": {"what may change": live_table},
    "settings.md": {"settings": setting_tables},
    "commands.md": {"commands": command_sections},
    "figures.md": {"metrics": metrics_table},
}


if __name__ == "__main__":
    sys.exit(main())
