"""Noticed: what has changed in a run from one live report to the next, for its log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from livestyle.commands.status import is_loading, notes

Level = Literal["INFO", "WARNING", "ERROR"]
_WELL = ("starting", "loading", "running")


class Noticed:
    """Looks at the live report a few times a second."""

    def __init__(self) -> None:
        self._state: tuple[str, str] | None = None
        self._config: dict[str, Any] | None = None
        self._sinks: list[str] | None = None
        self._reconnects = 0
        self._told: set[str] = set()

    def look(self, status: dict[str, Any]) -> Iterator[tuple[str, Level]]:
        """What is new, a line each."""
        yield from self._new_state(status)
        yield from self._new_source(status["source"])
        yield from ((line, "INFO") for line in self._new_config(status["config"]))
        yield from ((line, "INFO") for line in self._new_sinks(status["sinks"]))
        for key, note in notes(status).items():
            if key not in self._told:
                self._told.add(key)
                yield note, "INFO"

    def _new_state(self, status: dict[str, Any]) -> Iterator[tuple[str, Level]]:
        name, message = status["state"], status["message"]
        # how far a load is, or for how long a source has been away, is no other state
        state = name, "loading" if is_loading(status) else re.sub(r"\d+", "", message)
        if state != self._state:
            self._state = state
            words = f"{name}: {message}" if message else name
            yield words, "INFO" if name in _WELL or status["rests"] else "WARNING"

    def _new_source(self, source: dict[str, Any]) -> Iterator[tuple[str, Level]]:
        if source["reconnects"] != self._reconnects:
            self._reconnects = source["reconnects"]
            yield f"source {source['name']} is back; it was lost {self._reconnects}x so far", "INFO"

    def _new_config(self, config: dict[str, Any]) -> Iterator[str]:
        before, self._config = self._config, config
        if before is not None and before != config:
            keys = sorted(before.keys() | config.keys())
            new = {key: config.get(key) for key in keys if config.get(key) != before.get(key)}
            yield f"settings are now: {assigned(new)}"

    def _new_sinks(self, sinks: list[dict[str, str]]) -> Iterator[str]:
        names = [sink["name"] for sink in sinks]
        before, self._sinks = self._sinks, names
        if before is not None:
            yield from (f"output opened: {name}" for name in names if name not in before)
            yield from (f"output closed: {name}" for name in before if name not in names)


def assigned(settings: Mapping[str, Any]) -> str:
    """Settings in a line."""
    return ", ".join(f"{key}={value}" for key, value in settings.items())
