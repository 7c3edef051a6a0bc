"""Reload: a run takes what has changed in its settings files, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from livestyle.config import Config, plain
from livestyle.errors import LivestyleError


class Run(Protocol):
    """What changes."""

    @property
    def config(self) -> Config: ...

    def change(self, values: dict[str, Any]) -> int: ...


class Reload:
    """`ask` may be called in a signal handler; `turn` does what was asked, on the main thread."""

    def __init__(self, began: Config, read: Callable[[], Config]) -> None:
        """began: the settings as they were read; read: reads them again."""
        self._known = began
        self._read = read
        self._is_asked = False

    def ask(self) -> None:
        """Have them read at the next turn."""
        self._is_asked = True

    def turn(self, run: Run) -> str:
        """What became of it, in a line, or "". What was changed otherwise, as on the page, stays
        where the files say the same as before.
        """
        if not self._is_asked:
            return ""
        self._is_asked = False
        try:
            new = self._read()
            values = _differences(self._known, new)
            _change(run, values)
        except LivestyleError as error:
            return f"livestyle: settings stay as they were: {error}"
        self._known = new
        return f"settings read again: {', '.join(values) or 'nothing is new'}"


def _differences(before: Config, after: Config) -> dict[str, Any]:
    old, new = plain(before), plain(after)
    keys = dict.fromkeys((*old, *new))
    return {key: new.get(key) for key in keys if old.get(key) != new.get(key)}


def _change(run: Run, values: dict[str, Any]) -> None:
    """All, or raise LivestyleError and none: sinks change on their own, and last."""
    sink = {key: values[key] for key in values if key == "sink"}
    rest = {key: values[key] for key in values if key != "sink"}
    before = plain(run.config)
    if rest:
        run.change(rest)
    try:
        if sink:
            run.change(sink)
    except LivestyleError:
        if rest:
            run.change({key: before.get(key) for key in rest})
        raise
