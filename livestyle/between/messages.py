"""What the worker tells the front, and what the front tells the worker."""

from __future__ import annotations

from dataclasses import dataclass, field

from livestyle.config import Config
from livestyle.frame import Size
from livestyle.stats import Timings


@dataclass
class Counts:
    """What a worker has counted since it started."""

    captured: int = 0
    missed: int = 0  # ticks with no capture: the source was too slow or away
    deferred: int = 0  # ticks left out on purpose, to capture just before the stylizer is free
    reconnects: int = 0  # times a lost source was opened again
    superseded: int = 0  # captured, but replaced before the stylizer took them
    stylized: int = 0
    spoilt: int = 0  # taken by the stylizer, which made no picture of them
    plain: int = 0  # shown as the source is, while styling is off
    held: int = 0  # of the stylized: shown again as they were, for the source had not changed
    resizes: int = 0  # of the picture inside the stylizer
    stylize: Timings = field(default_factory=Timings)  # ns from a frame taken to the slot filled

    def add(self, other: Counts) -> None:
        """Count all that the other has counted."""
        self.captured += other.captured
        self.missed += other.missed
        self.deferred += other.deferred
        self.reconnects += other.reconnects
        self.superseded += other.superseded
        self.stylized += other.stylized
        self.spoilt += other.spoilt
        self.plain += other.plain
        self.held += other.held
        self.resizes += other.resizes
        self.stylize.add(other.stylize)


@dataclass(frozen=True)
class Change:
    """Front to worker: go on with these settings, of which what is live may be other than before.
    number: counted from the start of the run.
    """

    number: int
    config: Config


@dataclass(frozen=True)
class Refused:
    """A change that can't be taken whole, the settings that stay in its place, and why."""

    kept: Config
    why: str


@dataclass(frozen=True)
class Loading:
    """The worker is not ready yet."""

    what: str


@dataclass(frozen=True)
class Running:
    """The worker's stages run; sent a few times a second, which is also its sign of life."""

    source: str
    source_size: Size  # (0, 0): not known yet
    source_fps: float | None  # its own rate, None where it is sampled as often as it is asked
    stylizer: str
    engine: str
    engine_why: str
    stylizer_size: Size
    size_why: str  # why it has that size and no other, where there is a reason, or ""
    counts: Counts
    heard: int  # number of the last change that it was told of
    is_settled: bool  # that one is taken, or refused
    refused: Refused | None  # that one
    note: str  # what there is to say of the look, or ""
    trouble: str  # one line on what is wrong (a lost source, a frame spoilt), or ""
    spoilt_why: str  # why a frame was, the last that was, or ""
    loading: str  # what is, while another stylizer stands in for the one wanted, or ""
    fresh: bool  # whether that stylizer is to make its first frame, which may take long
    opening: str  # what is, because of a change, while all goes on as it was, or ""
    building: str  # how far an engine is that will take over, or why there is none, or ""
    rests: bool  # whether nothing is captured, for nobody wants frames

    @property
    def message(self) -> str:
        """What to say of it in one line, or ""."""
        return self.trouble or (f"loading {self.loading}" if self.loading else "")


@dataclass(frozen=True)
class Failed:
    """The worker ends: an error in one line, and what of the GPU that is: lost, memory, or ""."""

    error: str
    gpu: str = ""


@dataclass(frozen=True)
class Stop:
    """Front to worker: finish and exit."""


@dataclass(frozen=True)
class Paint:
    """Front to worker: make pictures of the source in these of turbo's presets, one after the
    other, and no more of those asked for before.
    """

    names: tuple[str, ...]


@dataclass(frozen=True)
class Painted:
    """A picture that was asked for, JPEG, or why there is none, in a line."""

    name: str
    made: bytes | str


Told = Change | Paint | Stop
"""What the front tells the worker."""
