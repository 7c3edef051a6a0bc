"""Idle: has a run rest while nobody watches, so that it costs next to nothing."""

from __future__ import annotations

import threading
import time

from livestyle.config import Config
from livestyle.front.cover import Cover
from livestyle.front.inprocess import InProcess
from livestyle.front.output import OutputClock
from livestyle.front.supervisor import Supervisor

_AFTER = 4.0  # s without a viewer
_PATIENCE = 2.0  # s for a picture that is new
_LOOK_EVERY = 0.01  # s


class Idle:
    """Capturing and styling rest from when no sink was watched for some seconds until one is, which
    the clock sees at its next tick.
    """

    def __init__(self, clock: OutputClock, cover: Cover) -> None:
        self._clock = clock
        self._cover = cover
        self._deciding = threading.Lock()  # protects the next one, and that nothing rests before it
        self._awake_until = 0.0  # s, monotonic

    def look(self, worker: Supervisor | InProcess, config: Config) -> None:
        """Called a few times a second, while the run goes on."""
        if config.idle == "off" or not _is_well(worker) or not self._clock.counts.newest_at:
            self.wake()
        elif self._clock.rests:
            pass  # the clock sees who comes
        elif self._clock.is_watched or worker.commission.is_on:
            self._awake_until = time.monotonic() + _AFTER
        else:
            with self._deciding:
                if time.monotonic() > self._awake_until:
                    self._cover.rest(config)
                    self._clock.rest()

    def wake(self) -> None:
        """Something is wanted that takes frames, though nobody watches. Called on any thread."""
        with self._deciding:
            self._awake_until = time.monotonic() + _AFTER
            self._clock.wake()

    def rouse(self) -> None:
        """The same, and wait for the first new picture, if there comes one."""
        if not self._clock.rests:
            return
        before, until = self._clock.counts.unique, time.monotonic() + _PATIENCE
        self.wake()
        while self._clock.counts.unique == before and time.monotonic() < until:
            time.sleep(_LOOK_EVERY)


def _is_well(worker: Supervisor | InProcess) -> bool:
    """Whether it styles as it is meant to; what it tries else is tried at once, not at a viewer."""
    running = worker.running
    return (
        worker.state == "running" and running is not None and not (running.message or running.fresh)
    )
