"""Pacer: the ticks of a steady rate, at absolute deadlines that never drift."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

SECOND = 1_000_000_000  # ns
# s, of a source or a sink that was lost: then every second. A mode switch is over in well under one
RETRY_AFTER = (0.1, 0.2, 0.4, 0.8)
RETRY_EVERY = 1.0  # s, from there on


class Pacer:
    """Ticks `fps` times a second: tick n is due at start + n / fps, whatever happened before.

    An overdue tick is given at once, so that the count keeps up with the clock, as OBS does
    (`video_sleep` in libobs/obs-video.c). After a stall of more than `stall` ns (suspend, a stopped
    process) the ticks start anew from now instead of coming in a burst; the ones lost are counted.

    start: when tick 0 is due, in ns of the clock; None: now.
    clock, sleep: `time.monotonic_ns` and `time.sleep`, or a test's own.
    """

    def __init__(
        self,
        fps: float,
        *,
        start: int | None = None,
        stall: int = SECOND,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.interval = round(SECOND / fps)  # ns
        self.lost = 0  # ticks never given, because of a stall
        self._fps = fps
        self._stall = stall
        self._clock = clock
        self._sleep = sleep
        self._start = clock() if start is None else start
        self._ticks = 0  # given since _start

    def wait(self) -> int:
        """Sleep until the next tick is due. Returns its deadline in ns of the clock."""
        deadline = self._deadline()
        now = self._clock()
        while now < deadline:
            self._sleep((deadline - now) / SECOND)
            now = self._clock()
        if now - deadline > self._stall:
            self.lost += int((now - deadline) * self._fps / SECOND)
            self._start, self._ticks, deadline = now, 0, now
        self._ticks += 1
        return deadline

    def align(self, moment: int) -> None:
        """Shift the ticks by half an interval at most, so that `moment` (ns) would be one."""
        half = self.interval // 2
        self._start += (moment - self._deadline() + half) % self.interval - half

    def skip(self, before: int) -> int:
        """Leave out the ticks that are due before that moment (ns). Returns how many."""
        overdue = max(0, math.ceil((before - self._deadline()) * self._fps / SECOND))
        self._ticks += overdue
        return overdue

    def _deadline(self) -> int:
        return self._start + int(self._ticks * SECOND / self._fps)
