"""A run as the page's tests want one: figures, and what was changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from livestyle.between.slot import Slot, Slots
from livestyle.config import Config
from livestyle.control import Recording, SinkChoice, SourceChoice, StyleChoice
from livestyle.errors import ConfigError, NotNow

STYLES = "comic", "mosaic"
JPEG = b"\xff\xd8 a picture \xff\xd9"


@dataclass
class FakeRun:
    """`livestyle.control.Controls`."""

    figures: Callable[[], dict[str, Any]]
    take: Callable[[dict[str, Any]], None]
    answer: Callable[[], str | None] = lambda: ""
    config: Config = field(default_factory=lambda: Config(source="testcard", stylizer="lite"))
    slots: Slots = field(default_factory=lambda: Slots(Slot(64)))
    number: int = 0
    recorded: Recording | None = None

    def status(self) -> dict[str, Any]:
        return self.figures()

    def change(self, values: dict[str, Any]) -> int:
        self.take(values)
        self.number += 1
        return self.number

    def styles(self) -> list[StyleChoice]:
        return [
            StyleChoice(name, "lite", f"as {name}", name == self.config.style, has_picture=True)
            for name in STYLES
        ]

    def style_picture(self, name: str) -> bytes:
        if name not in STYLES:
            raise ConfigError(f"unknown style {name!r}; choose from: {', '.join(STYLES)}")
        return JPEG

    def sources(self) -> list[SourceChoice]:
        return [
            SourceChoice("screen:1", "Monitor 1, 1280x720", "monitor", chosen=False),
            SourceChoice("testcard", "Test card", "testcard", chosen=True),
        ]

    def sinks(self) -> list[SinkChoice]:
        return [
            SinkChoice("web", "This page", "open", "", chosen=True),
            SinkChoice("v4l2:/dev/video9", "Camera", "free", "", chosen=False),
            SinkChoice("null", "Nothing", "free", "", chosen=False),
        ]

    def recording(self) -> Recording | None:
        return self.recorded

    def start_recording(self) -> Recording:
        if self.recorded:
            raise NotNow("a recording goes on already; stop it first")
        self.recorded = Recording("livestyle.mp4", 0.0, 0)
        return self.recorded

    def stop_recording(self) -> Recording:
        if not self.recorded:
            raise NotNow("there is no recording to stop; start one first")
        ended, self.recorded = self.recorded, None
        return ended
