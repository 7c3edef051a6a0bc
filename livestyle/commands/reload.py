"""Reload: a run takes what has changed in its settings files, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from livestyle.config import Config, plain
from livestyle.errors import LivestyleError

# what a style brings where the files don't say it, by stylizer
_OF_STYLE = {"turbo": ("prompt", "strength"), "lite": ("detail",)}
_PICKED = "seed"  # anew each time that "random" is read


class Run(Protocol):
    """What changes."""

    @property
    def config(self) -> Config: ...

    def change(self, values: dict[str, Any]) -> int: ...

    def answer(self) -> str | None: ...


class Reload:
    """`ask` may be called in a signal handler; `turn` does what was asked, on the main thread."""

    def __init__(self, began: Config, read: Callable[[], Config]) -> None:
        """began: the settings as they were read; read: reads them again."""
        self._known = self._before = began
        self._read = read
        self._is_asked = False

    def ask(self) -> None:
        """Have them read at the next turn."""
        self._is_asked = True

    def turn(self, run: Run) -> str:
        """What became of it, in a line, or "". What was changed otherwise, as on the page, stays
        where the files say the same as before, or nothing any more.
        """
        if not self._is_asked:
            return ""
        self._is_asked = False
        if run.answer():  # what was read last was refused later on: it may be possible by now
            self._known = self._before
        try:
            new = self._read()
            values = _differences(self._known, new, run.config.stylizer)
            _change(run, values)
        except LivestyleError as error:
            return f"livestyle: settings stay as they were: {error}"
        self._before, self._known = self._known, new
        return f"settings read again: {', '.join(values) or 'nothing is new'}"


def _differences(before: Config, after: Config, stylizer: str) -> dict[str, Any]:
    """By the keys that flags have. stylizer: the run's, which "auto" stands for."""
    old, new = plain(before), plain(after)
    values = {key: new[key] for key in new if new[key] != old.get(key) and key != _PICKED}
    if "style" in values:
        values |= {key: new[key] for key in _OF_STYLE.get(stylizer, ()) if key in new}
    return values


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
        now = plain(run.config)
        back = {key: value for key, value in before.items() if now.get(key) != value}
        if back:
            run.change(back)
        raise
