"""Recovery: how long a worker that is gone is waited for before another is started."""

from __future__ import annotations

import re

_DELAYS = (0.0, 1.0, 2.0, 4.0, 8.0)  # s before each of the tries that follow closely
SELDOM = 60.0  # s between two tries after those
HEALTHY = 2.0  # s of frames: what ended a worker after that may not end the next one
STEADY = 60.0  # s of frames: nor does the same cause then count as the same failure


class Recovery:
    """Workers that fail at their start, or the same way again and again, are tried ever more
    seldom; one that worked and was ended from outside is followed at once.
    """

    def __init__(self) -> None:
        self._early = 0  # workers in a row that failed before they were healthy
        self._alike = 0  # in a row that failed of one cause
        self._cause = ""

    @property
    def failures(self) -> int:
        """How many there were in a row."""
        return max(self._early, self._alike)

    @property
    def is_seldom(self) -> bool:
        """Whether there were too many for another try soon."""
        return self.failures > len(_DELAYS)

    def delay(self, cause: str, worked: float, *, from_outside: bool) -> float:
        """A worker is gone: the s until another is to be started.

        cause: in words; numbers in it do not make it another. worked: for how long it gave frames,
        s. from_outside: whether somebody ended it (SIGKILL, SIGTERM).
        """
        kind = re.sub(r"\d+", "", cause)
        again = kind == self._cause and worked < STEADY
        self._cause = kind
        self._early = self._early + 1 if worked < HEALTHY else 0
        self._alike = 0 if from_outside else self._alike * again + 1
        return SELDOM if self.is_seldom else _DELAYS[max(0, self.failures - 1)]

    def seldom(self) -> float:
        """Try no more often than that from now on, until one works. Returns the s."""
        self._early = len(_DELAYS) + 1
        return SELDOM
