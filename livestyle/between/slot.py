"""Slot: the one place between two processes, in shared memory; the newest wins.

One writer and one reader, no lock that a killed process could leave held. Three buffers take turns;
each has a version that is odd while it is written, so the reader sees a torn frame and reads again
(a seqlock). The writer must lap the reader twice within one copy for that to happen.

The order of the stores is what x86-64 guarantees and what CPython's eval loop keeps; on a weakly
ordered CPU (ARM) it has not been tested.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from livestyle.between.shared import Shared
from livestyle.pacing import SECOND

_BUFFERS = 3
_ALIGNMENT = 64
# int64 words: how many frames were put so far, when the reader's next take is due, whether it
# rests, then for each buffer its version and its frame's seq, captured_at and change
_COUNT, _DUE, _RESTS = 0, 1, 2
_FIRST = 3
_VERSION, _SEQ, _CAPTURED_AT, _CHANGE = range(4)
_WORDS = 4
_HEADER = _ALIGNMENT * -(-8 * (_FIRST + _BUFFERS * _WORDS) // _ALIGNMENT)  # bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """What `take` tells of the frame it copied."""

    seq: int
    captured_at: int  # ns, as in Frame
    change: int  # as in Frame
    superseded: int  # frames put since the last take that nobody saw


class Slot:
    """A frame of `frame_bytes` bytes between a writer and a reader, which may be processes: it goes
    to another one as an argument of its start.
    """

    def __init__(self, frame_bytes: int, memory: Shared | None = None) -> None:
        """memory: that of a slot made in another process; None: it's made.

        Raises LivestyleError when there is no memory for it.
        """
        self._frame_bytes = frame_bytes
        stride = _ALIGNMENT * -(-frame_bytes // _ALIGNMENT)
        size = _HEADER + _BUFFERS * stride
        self._memory = memory or Shared(size)
        view = self._memory.view
        self._words = view[:_HEADER].cast("q")
        starts = range(_HEADER, size, stride)
        self._buffers = [view[start : start + frame_bytes] for start in starts]
        self._taken = 0

    def __reduce__(self) -> tuple[type[Slot], tuple[Any, ...]]:
        return Slot, (self._frame_bytes, self._memory)

    @property
    def due_at(self) -> int:
        """When the reader will take the next frame, in ns of the monotonic clock; 0: not known."""
        return self._words[_DUE]

    @due_at.setter
    def due_at(self, deadline: int) -> None:
        self._words[_DUE] = deadline

    @property
    def rests(self) -> bool:
        """Whether the reader takes nothing until further notice: no frame need be made."""
        return bool(self._words[_RESTS])

    @rests.setter
    def rests(self, rests: bool) -> None:
        self._words[_RESTS] = rests

    def put(
        self, seq: int, captured_at: int, fill: Callable[[memoryview], None], change: int = 0
    ) -> None:
        """Publish a frame: `fill` writes its pixels into the buffer it is given.

        A writer that dies in `fill` leaves the last frame as it was; the next writer goes on.
        """
        count = self._words[_COUNT] + 1
        index = count % _BUFFERS
        base = _FIRST + index * _WORDS
        self._words[base + _VERSION] = 2 * count - 1
        fill(self._buffers[index])
        self._words[base + _SEQ] = seq
        self._words[base + _CAPTURED_AT] = captured_at
        self._words[base + _CHANGE] = change
        self._words[base + _VERSION] = 2 * count
        self._words[_COUNT] = count

    def take(self, into: memoryview) -> Taken | None:
        """Copy the newest frame into `into` (frame_bytes bytes); None if it was taken before."""
        taken = self._copy(into, self._taken)
        if taken is not None:
            self._taken += taken.superseded + 1
        return taken

    def look(self, into: memoryview) -> Taken | None:
        """The same for whoever is beside the one that takes: the newest, whether it was taken or
        not; None where there was none yet.
        """
        return self._copy(into, 0)

    def _copy(self, into: memoryview, seen: int) -> Taken | None:
        """The newest frame, if it is another than the one of that count."""
        while (count := self._words[_COUNT]) != seen:
            index = count % _BUFFERS
            base = _FIRST + index * _WORDS
            if self._words[base + _VERSION] != 2 * count:
                continue
            into[:] = self._buffers[index]
            seq = self._words[base + _SEQ]
            captured_at = self._words[base + _CAPTURED_AT]
            change = self._words[base + _CHANGE]
            if self._words[base + _VERSION] != 2 * count:
                continue  # overwritten while it was copied: there is a newer one
            return Taken(seq, captured_at, change, superseded=count - seen - 1)
        return None

    def take_again(self) -> None:
        """Let the next `take` have the newest, though it was taken before."""
        self._taken = 0

    def want(self, seconds: float) -> None:
        """The reader wants frames, for so long."""
        self.due_at = time.monotonic_ns() + round(seconds * SECOND)

    @property
    def is_wanted(self) -> bool:
        """Whether the reader wants frames now, by `want`."""
        return self.due_at > time.monotonic_ns()

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()
        for buffer in self._buffers:
            buffer.release()
        self._memory.close()

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class Slots(NamedTuple):
    """The slots of a run. source, of the page's wipe, and canvas: where there is a page."""

    styled: Slot  # worker to front: I420 of the output's size
    source: Slot | None = None  # worker to front, while it is wanted: the same of the source
    canvas: Slot | None = None  # front to worker: what is drawn on the page, BGRA
