"""Counting: timings with percentiles in constant memory, rates over the last seconds."""

from __future__ import annotations

import math
from collections import deque

from livestyle.pacing import SECOND

MS = 1_000_000  # ns

# Buckets grow by 1 % from 1 µs: a percentile is at most 1 % above the true value, from 1 µs to
# minutes, in 2,000 integers however long the run is (the idea of HdrHistogram).
_GROWTH = 1.01
_LOWEST = 1_000
_BUCKETS = 2_000


class Timings:
    """Durations in ns: count, exact maximum, percentiles within 1 %. One thread records."""

    def __init__(self) -> None:
        self._buckets = [0] * _BUCKETS
        self.count = 0
        self.max = 0

    def record(self, duration: int) -> None:
        """Count one duration, in ns."""
        bucket = math.ceil(math.log(max(duration, _LOWEST) / _LOWEST, _GROWTH))
        self._buckets[min(bucket, _BUCKETS - 1)] += 1
        self.count += 1
        self.max = max(self.max, duration)

    def copy(self) -> Timings:
        """All that was recorded until now."""
        copied = Timings()
        copied.count, copied.max, copied._buckets = self.count, self.max, self._buckets.copy()
        return copied

    def add(self, other: Timings) -> None:
        """Count all that the other has counted."""
        self._buckets = [a + b for a, b in zip(self._buckets, other._buckets, strict=True)]
        self.count += other.count
        self.max = max(self.max, other.max)

    def since(self, earlier: Timings) -> Timings:
        """What was recorded after `earlier`, a copy of this one; its `max` is within 1 %."""
        recent = Timings()
        pairs = zip(self._buckets, earlier._buckets, strict=True)
        recent._buckets = [now - then for now, then in pairs]
        recent.count = self.count - earlier.count
        highest = max((i for i, count in enumerate(recent._buckets) if count), default=0)
        recent.max = min(self.max, round(_LOWEST * _GROWTH**highest))
        return recent

    def percentile(self, percent: float) -> int | None:
        """The smallest duration, in ns, that `percent` % of all do not exceed (nearest rank)."""
        if not self.count:
            return None
        rank = max(1, math.ceil(percent / 100 * self.count))
        seen = 0
        for bucket, count in enumerate(self._buckets):
            seen += count
            if seen >= rank:
                return min(self.max, round(_LOWEST * _GROWTH**bucket))
        return self.max

    def milliseconds(self) -> dict[str, float | None]:
        """p50, p95, p99 and max for the report, in ms; None before the first."""
        durations = {f"p{p}": self.percentile(p) for p in (50, 95, 99)}
        durations["max"] = self.max if self.count else None
        return {name: None if ns is None else round(ns / MS, 3) for name, ns in durations.items()}


class Rate:
    """Events a second over the last `window` seconds."""

    def __init__(self, window: float = 3.0) -> None:
        self._window = round(window * 1000 * MS)
        self._samples: deque[tuple[int, int]] = deque()  # (ns, count so far)

    def update(self, now: int, count: int) -> float:
        """The rate, given the count so far at `now` (ns); call it a few times a second."""
        self._samples.append((now, count))
        while len(self._samples) > 2 and now - self._samples[1][0] >= self._window:
            self._samples.popleft()
        then, before = self._samples[0]
        return (count - before) * 1000 * MS / (now - then) if now > then else 0.0


class Recent:
    """Timings of the last `window` seconds."""

    def __init__(self, window: float = 3.0) -> None:
        self._window = round(window * 1000 * MS)
        self._samples: deque[tuple[int, Timings]] = deque([(0, Timings())])

    def update(self, now: int, timings: Timings) -> Timings:
        """Those recorded lately, given all so far at `now` (ns); call it a few times a second."""
        self._samples.append((now, timings.copy()))
        while len(self._samples) > 2 and now - self._samples[1][0] >= self._window:
            self._samples.popleft()
        return timings.since(self._samples[0][1])


class Freezes:
    """The times that a viewer sees the picture stand still, though others were asked for.

    A freeze: for more than a second no new picture came; at rates below 2 a second, for more than
    two pictures' time. It begins when that is over and ends with the next new picture, whatever
    is shown meanwhile (the same one again, or the card), and lasts from one new picture to the
    next, as in WebRTC's `totalFreezesDuration` (W3C webrtc-stats). A picture that is held, since
    the source has not changed, is new: it was looked at, and is the present one.

    WebRTC's own `freezeCount` asks for three times the average gap, and 150 ms more than it: at
    15 fps a gap of 217 ms is one, which nobody calls a standing picture, and where one comes
    every 3 s none is. With a limit that no average moves, that is frozen all the time, as it looks.

    count: freezes, one that goes on included. duration: of all of them, in ns.
    """

    def __init__(self) -> None:
        self.count = 0
        self.duration = 0
        self._longest = SECOND  # ns that a picture may stay
        self._since = 0  # ns, when the newest picture was shown; 0: there was none yet
        self._before = 0  # ns, the duration of those that are over
        self._goes_on = False

    def follow(self, fps: float) -> None:
        """So many pictures a second are asked for, or all that the source has."""
        self._longest = max(SECOND, round(2 * SECOND / fps))

    def rest(self, now: int) -> None:
        """Nobody looks at `now`, in ns; what stands still meanwhile is none."""
        if self._since:
            self._since, self._before, self._goes_on = now, self.duration, False

    def tick(self, now: int, *, is_new: bool) -> None:
        """A picture was shown at `now`, in ns: a new one, or no newer one than before."""
        if self._since and now - self._since > self._longest:
            self.count += not self._goes_on
            self._goes_on = True
            self.duration = self._before + now - self._since
        if is_new:
            self._since, self._before, self._goes_on = now, self.duration, False
