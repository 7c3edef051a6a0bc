"""Counting: timings with percentiles in constant memory, rates over the last seconds."""

from __future__ import annotations

import copy
import math
from collections import deque

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
        self._samples.append((now, copy.deepcopy(timings)))
        while len(self._samples) > 2 and now - self._samples[1][0] >= self._window:
            self._samples.popleft()
        return timings.since(self._samples[0][1])


class Freezes:
    """Counts the visible halts of a stream: WebRTC's definition of a freeze.

    A gap between two new frames is a freeze when it is at least max(3 * average, average + 150 ms),
    the average being that of the last 30 gaps (W3C webrtc-stats, `freezeCount`).
    """

    def __init__(self) -> None:
        self.count = 0
        self._gaps: deque[int] = deque(maxlen=30)
        self._last: int | None = None

    def new_frame(self, now: int) -> None:
        """A frame that differs from the last was shown at `now`, in ns."""
        if self._last is not None:
            gap = now - self._last
            if self._gaps:
                average = sum(self._gaps) / len(self._gaps)
                self.count += gap >= max(3 * average, average + 150 * MS)
            self._gaps.append(gap)
        self._last = now
