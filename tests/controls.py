"""A run as the page's tests want one: figures, and what was changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from livestyle.between.slot import Slot, Slots
from livestyle.config import Config


@dataclass
class FakeRun:
    """`livestyle.control.Controls`."""

    figures: Callable[[], dict[str, Any]]
    take: Callable[[dict[str, Any]], None]
    answer: Callable[[], str | None] = lambda: ""
    config: Config = field(default_factory=lambda: Config(source="testcard", stylizer="lite"))
    slots: Slots = field(default_factory=lambda: Slots(Slot(64)))
    number: int = 0

    def status(self) -> dict[str, Any]:
        return self.figures()

    def change(self, values: dict[str, Any]) -> int:
        self.take(values)
        self.number += 1
        return self.number
