"""HoldFps: which size inside the stylizer keeps so many frames a second. The decision alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from livestyle.frame import Size
from livestyle.pacing import SECOND
from livestyle.stats import MS

_WINDOW = SECOND  # what is judged by: frames of so long, but
_FEWEST = 4  # at least these,
_STALE = 10 * SECOND  # none of them older
_AIM = 0.85  # of the time that a frame may take: a smaller size is to take no more,
_ROOM = 0.8  # and a larger one has to fit in this
_UP_AFTER = 4 * SECOND  # for so long; and where that is not all the way up,
_PART_UP_AFTER = 12 * SECOND  # for so long, or there would be many steps
_WORTH = 0.9  # of the time that a frame takes: a smaller size that takes more is of no use
_BACK_OFF = 8 * SECOND  # for which a size that was too slow is not tried; and twice as long if
_SOON = 60 * SECOND  # it was so within this after it had been taken again,
_LONGEST = 600 * SECOND  # up to that
_CONSTANT = 0.25  # first guess at the time that no size changes, by that of the pixels at the top,
_MOST_CONSTANT = 2.0  # and the most that is believed, lest a smaller size is never tried,
_BELIEF = 0.75  # and how much of what was measured once: the load may have changed, too


def words(size: Size) -> str:
    """A size as people read it."""
    return f"{size[0]}x{size[1]}"


@dataclass(frozen=True)
class Resize:
    """Another size is better. why: in words, with both sizes."""

    size: Size
    why: str


class HoldFps:
    """Judges by how long styled frames took, not by how many there were: a source that stands
    still, or gives few, is no reason for a smaller picture.

    Down as soon as frames have been too slow for a second: at once to the size whose predicted time
    fits. Up when the prediction for the largest has fitted, with a margin, for four seconds, or for
    another one for twelve. A size that was too slow is not tried again for a while, and for twice
    as long each time that it fails soon after. Predicted is a time that grows with the pixels, over
    a constant part that is learnt from what was measured before and after each change of size.

    Memory and time are constant; used on one thread.
    """

    def __init__(
        self, fps: float, sizes: Sequence[Size], clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """sizes: (width, height), the largest first, which is that of now. clock: ns."""
        self.stuck = ""  # why frames take too long and no size helps, or ""
        self._allowed = SECOND / fps
        self._sizes = list(sizes)
        self._pixels = [size[0] * size[1] / (sizes[0][0] * sizes[0][1]) for size in sizes]
        self._clock = clock
        self._now = 0  # index of the size that is used
        self._constant = _CONSTANT
        self._frames: deque[tuple[int, int]] = deque()  # (when it ended, how long it took): ns
        self._slow_since: int | None = None
        self._fits_since: list[int | None] = [None] * len(sizes)
        self._not_before = [0] * len(sizes)
        self._back_off = [_BACK_OFF] * len(sizes)
        self._went_at = 0
        self._went_up = False
        self._to_learn: tuple[int, float] | None = None  # the size before, and what a frame took

    @property
    def size(self) -> Size:
        """The one that is used."""
        return self._sizes[self._now]

    def record(self, duration: int) -> Resize | None:
        """A frame that was styled at the size of now took so long, in ns, with all that is done to
        it. Returns what is better from here on, if anything; nothing changes before `go`.
        """
        now = self._clock()
        self._frames.append((now, duration))
        while now - self._frames[0][0] > (_WINDOW if len(self._frames) > _FEWEST else _STALE):
            self._frames.popleft()
        if len(self._frames) < _FEWEST:
            self._slow_since, self._fits_since = None, [None] * len(self._sizes)
            return None
        took = self._usual()
        self._learn(took, now)
        if took > self._allowed:
            self._fits_since = [None] * len(self._sizes)
            return self._down(took, now)
        self._slow_since, self.stuck = None, ""
        return self._up(took, now)

    def go(self, size: Size) -> None:
        """That size is used from the next frame on."""
        now, before, after = self._clock(), self._now, self._sizes.index(size)
        if after > before:
            self._remember_failure(before, now)
        self._to_learn = (before, self._usual()) if self._frames else None
        self._now, self._went_at, self._went_up = after, now, after < before
        self._frames.clear()
        self._slow_since, self.stuck = None, ""
        self._fits_since = [None] * len(self._sizes)

    def _usual(self) -> float:
        """What a frame takes, ns: the mean without the slowest tenth, which other things delay."""
        durations = sorted(duration for _, duration in self._frames)
        if len(durations) >= _FEWEST:
            del durations[-max(1, len(durations) // 10) :]
        return sum(durations) / len(durations)

    def _predicted(self, index: int, took: float) -> float:
        """What a frame would take at another size, ns, if it takes `took` at that of now."""
        here, there = (self._constant + self._pixels[i] for i in (self._now, index))
        return took * there / here

    def _learn(self, took: float, now: int) -> None:
        """Once after each change: as if nothing else had changed."""
        if self._to_learn is None or now - self._went_at < _WINDOW:
            return
        (index, took_before), self._to_learn = self._to_learn, None
        before, after, ratio = self._pixels[index], self._pixels[self._now], took / took_before
        # ratio = (constant + after) / (constant + before)
        constant = _MOST_CONSTANT
        if (1 - ratio) * (before - after) > 0:
            constant = (ratio * before - after) / (1 - ratio)
            # below 0: more than its pixels makes a large picture slow, such as a cache too small
            constant = min(max(-self._pixels[-1] / 2, constant), _MOST_CONSTANT)
        self._constant += _BELIEF * (constant - self._constant)

    def _down(self, took: float, now: int) -> Resize | None:
        if self._slow_since is None:
            self._slow_since = now
        if now - self._slow_since < _WINDOW:  # the window still has frames from before
            return None
        smaller = range(self._now + 1, len(self._sizes))
        fitting = (i for i in smaller if self._predicted(i, took) <= _AIM * self._allowed)
        best = next(fitting, len(self._sizes) - 1)
        slow = f"a frame takes {took / MS:.3g} of {self._allowed / MS:.3g} ms"
        if self._predicted(best, took) > _WORTH * took:
            self.stuck = f"{words(self.size)}: {slow}, and no smaller size helps"
            return None
        return self._resize(best, slow)

    def _up(self, took: float, now: int) -> Resize | None:
        larger = range(self._now)
        for index in larger:
            fits = now >= self._not_before[index]
            fits = fits and self._predicted(index, took) <= _ROOM * self._allowed
            if not fits:
                self._fits_since[index] = None
            elif self._fits_since[index] is None:
                self._fits_since[index] = now
        for best in larger:
            if (since := self._fits_since[best]) is not None:
                break
        else:
            return None
        if now - since < (_PART_UP_AFTER if best else _UP_AFTER):
            return None
        milliseconds = [value / MS for value in (self._predicted(best, took), self._allowed)]
        return self._resize(best, "a frame would take {:.0f} of {:.0f} ms".format(*milliseconds))

    def _resize(self, index: int, why: str) -> Resize:
        size = self._sizes[index]
        return Resize(size, f"{words(self.size)} → {words(size)}: {why}")

    def _remember_failure(self, index: int, now: int) -> None:
        """Also larger ones than that are too slow."""
        again = self._went_up and now - self._went_at < _SOON
        wait = min(2 * self._back_off[index], _LONGEST) if again else _BACK_OFF
        self._back_off[index] = wait
        for larger in range(index + 1):
            self._not_before[larger] = max(self._not_before[larger], now + wait)
