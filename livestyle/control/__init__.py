"""The control page: what it shows and does, its server and its guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from livestyle.config import Config

if TYPE_CHECKING:
    from livestyle.between.slot import Slots

STATES = ("starting", "loading", "running", "degraded", "standby", "recovering", "failed")
"""Of a run, the same words wherever it says how it is."""


@dataclass(frozen=True)
class StyleChoice:
    """A style that may be chosen by its name."""

    name: str
    stylizer: str
    description: str
    chosen: bool
    has_picture: bool  # whether `Controls.style_picture` can make one now


@dataclass(frozen=True)
class SourceChoice:
    """A source that this machine has, or the run began with."""

    spec: str
    label: str  # what people call it: a monitor and its size, a window's title, a camera's name
    kind: str  # monitor, window, camera, file, testcard, canvas or blank
    chosen: bool


@dataclass(frozen=True)
class SinkChoice:
    """A sink that may be opened, or is open."""

    spec: str
    label: str
    state: str  # open, away (and opened again), free, taken (by a program) or missing (a package)
    note: str  # what goes wrong, or what to do about a missing one, or ""
    chosen: bool


@dataclass(frozen=True)
class Recording:
    """The recording that goes on, or the one that has just ended."""

    file: str
    seconds: float
    bytes: int


class Controls(Protocol):
    """The run, as the page and its API have it. All may be called on any thread."""

    @property
    def config(self) -> Config:
        """The settings that are asked for now."""
        ...

    @property
    def slots(self) -> Slots:
        """`source`: pictures of the source while they are wanted; `canvas`: takes what is drawn."""
        ...

    def status(self) -> dict[str, Any]:
        """The live form of the run report."""
        ...

    def change(self, values: dict[str, Any]) -> int:
        """Have live settings other values, by the keys that flags have: all of them, or none.
        It may take as long as opening a sink does. Returns the change's number.

        Raises LivestyleError where one can't be.
        """
        ...

    def answer(self) -> str | None:
        """Why the last change can't be, "" where it is done, or None while that is not known."""
        ...

    def styles(self) -> list[StyleChoice]:
        """Those of the run's stylizer, the user's own among them. Raises LivestyleError."""
        ...

    def style_picture(self, name: str) -> bytes:
        """The source's picture now in that style: a small JPEG. It may take seconds.

        Raises ConfigError for a style that there is not, LivestyleError where no picture is made.
        """
        ...

    def sources(self) -> list[SourceChoice]:
        """What may be the source: all that the page may choose. It may take seconds."""
        ...

    def sinks(self) -> list[SinkChoice]:
        """What may be a sink: all that the page may choose. It may take seconds."""
        ...

    def recording(self) -> Recording | None:
        """The one that `start_recording` began; None while there is none."""
        ...

    def start_recording(self) -> Recording:
        """Record into a new file of the user's folder.

        Raises LivestyleError where one goes on already, or none can be made.
        """
        ...

    def stop_recording(self) -> Recording:
        """End the one that goes on, and say what it became. Raises LivestyleError."""
        ...
