"""The output clock: gives every sink a frame at every tick, whatever the worker does."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from livestyle.between.slot import Slot
from livestyle.errors import SinkError
from livestyle.frame import Frame, Size
from livestyle.pacing import SECOND, Pacer
from livestyle.sinks import Sink
from livestyle.stats import Freezes, Timings

if TYPE_CHECKING:
    from livestyle.frame import Pixels


_LOOK_EVERY = SECOND // 20  # ns between two looks, at least, whether a run that rests is watched
_WAKES_WITHIN = SECOND  # ns after a rest in which the first picture comes, or something is wrong


@dataclass
class OutputCounts:
    """What the output clock has counted; written by its thread alone."""

    frames: int = 0
    unique: int = 0  # new stylized frames among them; one that is held is new, too
    repeated: int = 0  # sent again for want of a newer one
    cards: int = 0  # the card, in place of a stylized frame
    superseded: int = 0  # stylized, but replaced before their tick
    late: int = 0  # written an interval or more after their tick
    lost: int = 0  # ticks left out after a stall of more than a second
    rested: int = 0  # ns in which nobody wanted frames, and none were written
    first_at: int = 0  # ns, when the first unique frame was written; 0: not yet
    newest_at: int = 0  # ns, when the newest was
    frame: Timings = field(default_factory=Timings)  # ns between two writes
    latency: Timings = field(default_factory=Timings)  # ns, capture end to write end
    freezes: Freezes = field(default_factory=Freezes)


@dataclass(frozen=True, slots=True)
class Written:
    """A line of the frame log: one tick. Times in ns of the monotonic clock."""

    deadline: int
    written_at: int
    kind: str  # unique, repeated or card
    seq: int
    captured_at: int
    change: int


class OutputClock:
    """slot → sinks, at `fps`, on a thread of its own.

    Set `card` (I420) to show it instead of frames; the next new frame takes it down. While it rests
    only that is written, once a second, until a sink is watched or `wake` is called. Set `hud` to
    a grey patch to draw it into a corner of every frame. `log`, where it is one, gets a Written per
    tick, for another thread to take out.

    now, sleep: `time.monotonic_ns` and `time.sleep`, or a test's own.
    """

    def __init__(
        self,
        slot: Slot,
        size: Size,
        fps: float,
        *,
        now: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.now = now
        self._sleep = sleep
        self.counts = OutputCounts()
        self.failure: BaseException | None = None
        self.notes: list[str] = []  # one line per sink that was given up while others went on
        self.card: Pixels | None = None
        self.hud: Pixels | None = None
        self.log: deque[Written] | None = None
        self.started_at = 0  # ns
        self._end_at = sys.maxsize
        self._ended_at = 0
        self._slot = slot
        self._sinks: tuple[Sink, ...] = ()
        self._choosing = threading.Lock()  # protects which there are
        self.fps = fps  # may be set on any thread
        self.counts.freezes.follow(fps)
        width, height = size
        self._picture: Pixels = np.zeros((height * 3 // 2, width), np.uint8)
        self._size = size
        self._frame = Frame(self._picture, seq=-1, captured_at=0)
        self._is_woken = False
        self._ticks = 0
        self._due_again = 0  # ns, when a sink that rests gets the next sign of life
        self._waits_until = 0  # ns, for the first new frame after a rest
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._guard, name="output", daemon=True)

    def start(self, seconds: float | None) -> None:
        """Start the ticks, for so many seconds or until `stop`."""
        self.started_at = self.now()
        if seconds is not None:
            self._end_at = self.started_at + round(seconds * SECOND)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there are more ticks to come."""
        return self._thread.is_alive()

    @property
    def seconds(self) -> float:
        """How long the ticks have been going, or went."""
        return ((self._ended_at or self.now()) - self.started_at) / SECOND

    def add(self, sink: Sink) -> None:
        """Write to this one, too, from the next tick on."""
        with self._choosing:
            self._sinks = (*self._sinks, sink)

    def remove(self, sink: Sink) -> None:
        """Write to it no more; returns once that is so."""
        self._without(sink)
        ticked = self._ticks + 1  # the tick that may be under way is over
        while self.running and self._ticks < ticked:
            time.sleep(1 / self.fps / 2)

    def has(self, sink: Sink) -> bool:
        """Whether it is written to; one that fails is not, from then on."""
        return any(each is sink for each in self._sinks)

    @property
    def is_watched(self) -> bool:
        """Whether any of the sinks is."""
        return any(sink.is_watched for sink in self._sinks)

    @property
    def rests(self) -> bool:
        """Whether nobody wants frames."""
        return self._slot.rests

    def rest(self) -> None:
        """Want no more frames; called on one thread alone."""
        self._is_woken = False
        self._slot.rests = True

    def wake(self) -> None:
        """Want frames again, from the next tick on; called on any thread."""
        self._is_woken = True

    def _without(self, sink: Sink) -> bool:
        """Whether there are others."""
        with self._choosing:
            self._sinks = tuple(each for each in self._sinks if each is not sink)
            return bool(self._sinks)

    def stop(self) -> None:
        """End the ticks; no sink is written to after this."""
        self._stopping.set()
        if self._thread.ident:
            self._thread.join()

    def _guard(self) -> None:
        try:
            self._run()
        except BaseException as error:  # kept for the main thread
            self.failure = error
        self._ended_at = self.now()

    def _run(self) -> None:
        fps = self.fps
        pacer = self._pacer(fps, self.started_at)
        last_write = lost = 0
        deadline = self.started_at
        while not self._stopping.is_set():
            if self.fps != fps:
                lost, fps = self.counts.lost, self.fps
                pacer = self._pacer(fps, deadline + round(SECOND / fps))
            deadline = pacer.wait()
            if deadline >= self._end_at:
                return
            self._slot.due_at = deadline + pacer.interval
            self._ticks += 1
            self.counts.lost = lost + pacer.lost
            if self._rested(deadline) or not (kind := self._next_frame(deadline)):
                skipped = pacer.skip(before=deadline + _LOOK_EVERY)
                self.counts.rested += (1 + skipped) * pacer.interval
                self.counts.freezes.rest(deadline)
                last_write = 0
                continue
            self._write()
            now = self.now()
            self._count(kind, now, late=now - deadline >= pacer.interval)
            if last_write:
                self.counts.frame.record(now - last_write)
            last_write = now
            if self.log is not None:
                frame = self._frame
                shown = frame.seq, frame.captured_at, frame.change
                self.log.append(Written(deadline, now, kind, *shown))

    def _pacer(self, fps: float, start: int) -> Pacer:
        return Pacer(fps, start=start, clock=self.now, sleep=self._sleep)

    def _rested(self, deadline: int) -> bool:
        """Whether this tick is one of a rest."""
        if not self._slot.rests:
            return False
        if self._is_woken or self.is_watched:
            self._slot.take(self._picture.data.cast("B"))  # one that was made before it
            self._slot.rests = False
            self._waits_until = deadline + _WAKES_WITHIN
        elif deadline >= self._due_again:
            self._due_again = deadline + SECOND
            self._write()
        return True

    def _next_frame(self, deadline: int) -> str:
        """Take what there is to write at that tick; "" if it waits for the first after a rest."""
        taken = self._slot.take(self._picture.data.cast("B"))
        if taken:
            self._waits_until = 0
            self._frame = Frame(self._picture, taken.seq, taken.captured_at, taken.change)
            self.counts.superseded += taken.superseded
            self.card = None
            return "unique"
        if deadline < self._waits_until:
            return ""
        return "repeated" if self.card is None else "card"

    def _write(self) -> None:
        card = self.card
        frame = self._frame if card is None else self._frame.with_pixels(card)
        if self.hud is not None:
            self._draw(self.hud, frame.pixels)
        for sink in self._sinks:
            try:
                sink.write(frame)
            except SinkError as error:
                if not self._without(sink):
                    raise
                self.notes.append(str(error))

    def _draw(self, patch: Pixels, picture: Pixels) -> None:
        """Put a grey patch (h, w), both even, into the top left corner of an I420 picture."""
        patch = patch[: self._size[1], : self._size[0]]
        height, width = patch.shape
        picture[:height, :width] = patch
        chroma = picture[self._size[1] :].reshape(2, self._size[1] // 2, self._size[0] // 2)
        chroma[:, : height // 2, : width // 2] = 128

    def _count(self, kind: str, now: int, late: bool) -> None:
        counts = self.counts
        counts.frames += 1
        counts.late += late
        counts.freezes.tick(now, is_new=kind == "unique")
        if kind == "card":
            counts.cards += 1
        elif kind == "repeated":
            counts.repeated += 1
        else:
            counts.unique += 1
            counts.first_at = counts.first_at or now
            counts.newest_at = now
            counts.latency.record(now - self._frame.captured_at)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """While the clock runs its thread must not wait 5 ms for the page's, nor for the collector to
    look again at what was loaded and stays. The process may be somebody else's: then it is as it
    was.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(usual)
