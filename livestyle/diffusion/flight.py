"""Flight: frames that are computed at once, so that the device has no gap between two of them.

While the device works on one frame the next is begun, on buffers, a graph and a lane of its own.
More frames a second come of it, and each takes longer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from livestyle.frame import Frame

if TYPE_CHECKING:
    from livestyle.frame import Pixels


_LOOK_EVERY = 0.0002  # s: to see that a frame is done while another may come


class Submitter(Protocol):
    """What a flight needs of a Program."""

    def submit(self, pixels: Pixels) -> None: ...

    def is_done(self) -> bool: ...

    def collect(self) -> Pixels: ...


class Newest(Protocol):
    """What a flight needs of a Mailbox."""

    def take(self) -> Frame: ...

    def poll(self, seconds: float) -> Frame | None: ...


P = TypeVar("P", bound=Submitter)


class Flight(Generic[P]):
    """As many frames at once as there are programs; they are collected in the order of `submit`.

    A change is written into a program before the next frame that it begins: every frame that was
    submitted after the change has all of it, none before has any.
    """

    def __init__(self, programs: Sequence[P]) -> None:
        """programs: alike, each on a lane of its own."""
        self._idle = deque((program, list[Callable[[P], None]]()) for program in programs)
        self._busy: deque[tuple[P, list[Callable[[P], None]], Frame]] = deque()

    @property
    def has_room(self) -> bool:
        """Whether another frame can be begun."""
        return bool(self._idle)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to collect."""
        return not self._busy

    @property
    def is_ready(self) -> bool:
        """Whether the oldest frame, which there must be, can be collected without waiting."""
        return self._busy[0][0].is_done()

    def change(self, write: Callable[[P], None]) -> None:
        """Have every program changed, for the frames that are still to be submitted."""
        for _, changes in self._idle:
            changes.append(write)
        for _, changes, _ in self._busy:
            changes.append(write)

    def submit(self, frame: Frame) -> None:
        """Begin a frame; it does not wait for one. There must be room."""
        program, changes = self._idle.popleft()
        for write in changes:
            write(program)
        changes.clear()
        program.submit(frame.pixels)
        self._busy.append((program, changes, frame))

    def collect(self) -> Frame:
        """Wait for the oldest frame; there must be one. Its pixels are the program's, and change
        when that begins another."""
        program, changes, frame = self._busy.popleft()
        pixels = program.collect()
        self._idle.append((program, changes))
        return frame.with_pixels(pixels)


def fly(flight: Flight[P], source: Newest, deliver: Callable[[Frame], None]) -> None:
    """Take the newest frame as soon as there is room for one, and deliver what is done.

    Raises Closed when the source is closed.
    """
    while True:
        if flight.is_empty:
            flight.submit(source.take())
        elif flight.has_room and not flight.is_ready:
            if frame := source.poll(_LOOK_EVERY):
                flight.submit(frame)
        else:
            deliver(flight.collect())
