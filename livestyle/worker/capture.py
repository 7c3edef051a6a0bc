"""Capture: reads the source at its ticks, just in time for the stylizer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from livestyle.aside import Aside
from livestyle.between.mailbox import Mailbox
from livestyle.between.messages import Counts
from livestyle.between.slot import Slot
from livestyle.errors import SourceError, SourceLost
from livestyle.frame import Frame
from livestyle.pacing import RETRY_AFTER, RETRY_EVERY, SECOND, Pacer
from livestyle.sources import Source

_SILENCE = 2.0  # s in one read after which the source counts as hung
_LOOK_EVERY = 0.01  # s between two looks whether another source is taken
_REST = 0.04  # s between two looks whether frames are wanted again
_SMOOTHING = 0.2  # weight of the newest duration in an estimate
_DEVIATIONS = 3  # how many of them longer than estimated a frame may take


class Forecast:
    """When the stylizer will be free. Written by its thread, read by the capture thread."""

    def __init__(self) -> None:
        self.free_at = 0  # ns; in the past while the stylizer waits
        self._started = 0
        self.estimate = 0.0  # ns, what a frame takes; both in the manner of TCP's timer (RFC 6298)
        self.deviation = 0.0  # ns, how far frames are from that

    def begin(self) -> None:
        """The stylizer begins a frame."""
        self._started = time.monotonic_ns()
        self.free_at = self._started + int(self.estimate)

    def skip(self) -> None:
        """A frame needed no work: that tells nothing of the next one that does."""
        self.free_at = time.monotonic_ns()

    def end(self) -> int:
        """The stylizer ends a frame. Returns how long it took, in ns."""
        self.free_at = time.monotonic_ns()
        duration = self.free_at - self._started
        error = duration - (self.estimate or duration)  # the first one is what is estimated
        self.deviation += _SMOOTHING * (abs(error) - self.deviation)
        self.estimate = (self.estimate or duration) + _SMOOTHING * error
        return duration


class Absent:
    """A Source that is yet to be opened: it is waited for as one that was lost."""

    size = 0, 0
    fps = None

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self) -> Frame:
        raise SourceLost("")  # nothing is wrong with it so far

    def __enter__(self) -> Absent:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


class Capture:
    """The capture thread's work: source → mailbox.

    Its ticks lie so that a frame is stylized shortly before the slot's reader takes it: were they
    anywhere, a little jitter would make the reader miss one frame and get two at its next tick.
    While the stylizer is busy past a tick, the grab is put off so that it ends just before the
    stylizer is free: the frame it takes next is then the newest there can be.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        slot: Slot,
        fps: float,
        counts: Counts,
        source: Source | None = None,
    ) -> None:
        """open_source: opens the source again whenever it was lost. source: it, open; None: it's
        opened now.
        """
        self._open_source = open_source
        self._next: tuple[Source, Callable[[], Source]] | None = None
        self._is_given_up = False
        self._handing = threading.Lock()  # protects these two
        self._slot = slot
        self.fps = fps  # may be set on any thread
        self._counts = counts
        self._read_ns = 0.0  # estimate
        self.source = source or open_source()
        self._lost = ""  # why the source is away
        self._reading_since = 0  # ns; 0: it is not being read

    @property
    def trouble(self) -> str:
        """What is wrong with the source, in one line, or ""."""
        silent = self._silent()
        if silent > self._usual_silence():
            return f"{self.source.name} has given nothing for {silent:.0f} s"
        return self._lost

    def run(self, mailbox: Mailbox[Frame], forecast: Forecast, stopping: threading.Event) -> None:
        """Capture until `stopping` is set, or it's given up, see `go_on_with`.

        Raises SourceError when the source ended for good.
        """
        try:
            self._run(mailbox, forecast, stopping)
        except SourceError:
            if not self._is_given_up:
                raise
        if self._is_given_up:
            self.source.__exit__(None, None, None)

    def _run(self, mailbox: Mailbox[Frame], forecast: Forecast, stopping: threading.Event) -> None:
        source, pacer, fps = self.source, self._pacer(), self.fps
        while not (stopping.is_set() or self._is_given_up):
            self._take_next()
            if self._slot.rests:
                time.sleep(_REST)  # cheaper than to wait for `stopping`
                pacer = self._pacer()
                continue
            if self.source is not source or self.fps != fps:  # another may have another rate
                source, pacer, fps = self.source, self._pacer(), self.fps
            self._align(pacer, forecast)
            pacer.wait()
            self._wait_for(forecast, pacer)
            try:
                frame = self._read()
                if self._is_given_up:
                    return
                mailbox.put(frame)
            except SourceLost as error:
                self._reopen(str(error), stopping)
            now = time.monotonic_ns()  # a tick just overdue is not missed, only a little late
            self._counts.missed += pacer.skip(before=now - pacer.interval) + pacer.lost
            pacer.lost = 0

    def go_on_with(self, source: Source, open_source: Callable[[], Source]) -> bool:
        """Read another source, open, from the next tick on; the one before is closed then.

        Waits until that is so, and returns whether it is: where the source before hangs, that one
        alone is left to this, which ends when the source ever answers.
        """
        with self._handing:
            self._next = source, open_source
        while self._next is not None:
            if self._silent() > self._usual_silence():
                with self._handing:
                    self._is_given_up = self._next is not None
                    self._next = None
                return not self._is_given_up
            time.sleep(_LOOK_EVERY)
        return True

    def close(self) -> None:
        """Close the source."""
        self._take_next()
        self.source.__exit__(None, None, None)

    def _silent(self) -> float:
        """For how long it has been read in vain, s."""
        since = self._reading_since
        return (time.monotonic_ns() - since) / SECOND if since else 0.0

    def _usual_silence(self) -> float:
        """The longest that is no reason to call it hung, s."""
        return max(_SILENCE, 3 / self.source.fps if self.source.fps else 0.0)

    def _take_next(self) -> bool:
        """Whether there was another."""
        with self._handing:
            following, self._next = self._next, None
        if following is None:
            return False
        before = self.source
        self.source, self._open_source = following
        # frames need not wait for it, and it may hang
        Aside(lambda: before.__exit__(None, None, None), "close").start()
        self._read_ns = 0.0
        self._lost = ""
        return True

    def _pacer(self) -> Pacer:
        return Pacer(min(self.fps, self.source.fps or self.fps))

    def _align(self, pacer: Pacer, forecast: Forecast) -> None:
        if (due_at := self._slot.due_at) and self.source.fps is None:
            # to spare: jitter must not cost the tick, nor bring a frame before the last one's
            spare = max(pacer.interval / 5, _DEVIATIONS * forecast.deviation)
            lead = self._read_ns + forecast.estimate + min(spare, pacer.interval / 2)
            pacer.align(due_at - int(lead))

    def _wait_for(self, forecast: Forecast, pacer: Pacer) -> None:
        # 1 ms and a tenth of the grab early: a stylizer that waits costs more than an older frame
        put_off = forecast.free_at - time.monotonic_ns() - int(1.1 * self._read_ns) - 1_000_000
        if put_off > 0:
            time.sleep(min(put_off, SECOND) / SECOND)
            self._counts.deferred += pacer.skip(before=time.monotonic_ns())

    def _read(self) -> Frame:
        self._reading_since = started = time.monotonic_ns()
        try:
            frame = self.source.read()
        finally:
            self._reading_since = 0
        self._read_ns += _SMOOTHING * (time.monotonic_ns() - started - self._read_ns)
        self._counts.captured += 1
        return frame

    def _reopen(self, trouble: str, stopping: threading.Event) -> None:
        if self._take_next():
            return
        self.source.__exit__(None, None, None)
        self._lost = trouble
        delays = iter(RETRY_AFTER if trouble else (0.0, *RETRY_AFTER))
        while not stopping.wait(next(delays, RETRY_EVERY)):
            if self._is_given_up or self._take_next():
                return
            self._reading_since = time.monotonic_ns()
            try:
                self.source = self._open_source()
            except SourceError as error:
                self._lost = self._lost or str(error)
                continue
            finally:
                self._reading_since = 0
            self._counts.reconnects += bool(self._lost)
            self._lost = ""
            return
