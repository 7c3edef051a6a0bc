"""The pulse of a worker: whether it lives, and whether anything comes of it."""

from __future__ import annotations

from livestyle.between.messages import Loading, Running
from livestyle.pacing import SECOND

SILENCE = 3.0  # s without a sign of life: a running worker counts as hung
LOADING_SILENCE = 120.0  # s: loading a network holds the interpreter for long stretches
FIRST_SILENCE = 30.0  # s: so may its first frame, but shorter ones
PAUSED = 1.0  # s between two looks at the worker: this process itself was stopped, or waited
STALLED = 30.0  # s with a worker that talks but styles nothing; or the longest frame so far, times
_STALLED_FRAMES = 5
# s that one that lives may load, or take to its stylizer's first frame: a large model on a slow
# machine takes minutes. Twice as long after each that was given up for it, so that one comes up.
PATIENCE = 600.0


class Pulse:
    """What is heard of a worker, and when. Times are in s of the monotonic clock."""

    def __init__(self) -> None:
        self._patience = PATIENCE
        self._latest: Loading | Running | None = None
        self._heard = self._looked = self._moved = 0.0

    def begin(self, now: float) -> None:
        """Another worker has been started."""
        self._latest = None
        self._heard = self._looked = self._moved = now

    def hear(self, message: Loading | Running, now: float) -> None:
        """It says something."""
        self._heard = now
        rests = isinstance(message, Running) and message.rests
        if rests or _progress(message) != _progress(self._latest):
            self._moved = now
        self._latest = message

    def trouble(self, now: float, *, stopped: bool = False) -> str:
        """Why it counts as hung, or "". stopped: the system has stopped it: whatever it was at, it
        does not go on.
        """
        if (passed := now - self._looked) > PAUSED:
            # Ctrl-Z, a suspended machine: the worker may have been stopped with this process
            self._heard += passed
            self._moved += passed
        self._looked = now
        latest = self._latest
        running = latest if isinstance(latest, Running) else None
        begins = running is None or (running.fresh and not running.trouble)
        if stopped:
            longest = SILENCE
        elif running is None or running.loading:
            longest = LOADING_SILENCE
        else:
            longest = FIRST_SILENCE if begins else SILENCE
        if (silent := now - self._heard) > longest:
            return f"the worker said nothing for {silent:.0f} s"
        stood = self._heard - self._moved  # what it does in silence is not known
        if begins and stood > self._patience:
            self._patience *= 2
            what = f"loaded {latest.what}" if isinstance(latest, Loading) else "had no first frame"
            return f"the worker {what} for {stood:.0f} s"
        if running is None or running.fresh or running.trouble:
            return ""
        if stood > max(STALLED, _STALLED_FRAMES * running.counts.stylize.max / SECOND):
            return f"the worker styled nothing for {stood:.0f} s"
        return ""


def _progress(message: Loading | Running | None) -> object:
    """What changes when it gets on."""
    if isinstance(message, Running):
        return message.counts.stylized, message.counts.plain, message.fresh
    return message
