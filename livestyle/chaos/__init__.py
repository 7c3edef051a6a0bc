"""Chaos: faults that a run is given on purpose, to see that it gets over them.

LIVESTYLE_FAULT names them, as `capture.hang:10s@60s,worker.kill@2m/30s`: at 60 s into the run its
source hangs for 10 s; from two minutes on the worker is killed every 30 s. Where it is not set
nothing of this is done.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

from livestyle.errors import ConfigError
from livestyle.values import shown

VARIABLE = "LIVESTYLE_FAULT"
_SINCE = "LIVESTYLE_FAULT_SINCE"  # s of the monotonic clock, for all processes of a run

POINTS = {
    "capture.hang": "reading the source takes so long",
    "capture.lost": "the source is gone for so long",
    "stylizer.slow": "each frame takes so much longer, from then on",
    "stylizer.error": "a frame fails; with a time, each of them for so long",
    "stylizer.nan": "a frame comes out as no picture; with a time, each of them for so long",
    "gpu.error": "a frame ends in a CUDA error that only another process gets over",
    "gpu.memory": "a frame finds no GPU memory left; with a time, each of them for so long",
    "gpu.lost": "a frame finds the GPU gone; with a time, each of them for so long",
    "worker.kill": "the worker is killed, as by the system (SIGKILL)",
    "worker.stop": "the worker stands still (SIGSTOP)",
    "worker.crash": "the worker ends as by a fault in native code (SIGSEGV)",
    "sink.hang": "writing a frame takes so long, in every sink",
    "sink.error": "a sink takes no more frames, each of them",
    "sink.refused": "a camera does not take a frame; with a time, each of them for so long",
    "sink.lost": "a camera is gone for so long",
}
# nothing without a time
_TIMED = ("capture.hang", "capture.lost", "stylizer.slow", "sink.hang", "sink.lost")
_TIME = r"(\d+(?:\.\d+)?)(ms|s|m)"
_FAULT = re.compile(rf"([a-z.]+)(?::{_TIME})?(?:@{_TIME}(?:/{_TIME})?)?", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


@dataclass
class Fault:
    """One point, when it comes and for how long, in s of the run; see POINTS."""

    point: str
    seconds: float = 0.0
    at: float | None = None  # None: always, from the start of each process on
    every: float | None = None
    _done: int = field(default=-1, repr=False)  # the number of the last that came as an event

    def __str__(self) -> str:
        words = self.point
        if self.seconds:
            words += f" for {self.seconds:g} s"
        if self.at is not None:
            words += f" at {self.at:g} s"
        if self.every is not None:
            words += f" and every {self.every:g} s from there"
        return words

    def is_on(self, now: float) -> bool:
        """Whether it goes on now, s of the run."""
        since = self._since(now)
        return since is not None and (since < self.seconds or self.at is None)

    def left(self, now: float) -> float:
        """For how long it goes on still, s."""
        since = self._since(now)
        return 0.0 if since is None else max(0.0, self.seconds - since)

    def comes(self, now: float) -> bool:
        """Whether it comes now: once each time, in the process that asks, and never for a time
        before that one first asked.
        """
        since = self._since(now)
        if since is None:
            return False
        number = 0 if self.at is None else round((now - since - self.at) / (self.every or 1))
        is_new, self._done = number > self._done, number
        return is_new

    def begin(self, now: float) -> None:
        """A process begins: what came before is not its affair."""
        if self.at is not None:
            self.comes(now)

    def _since(self, now: float) -> float | None:
        """How long ago it came last, s; None: not yet."""
        passed = now - (self.at or 0.0)
        if passed < 0:
            return None
        return passed % self.every if self.every else passed


class Plan:
    """The faults of a run, for one of its processes."""

    def __init__(self, faults: list[Fault], since: float) -> None:
        """since: when the run began, s of the monotonic clock."""
        self._since = since
        self._faults = faults
        for fault in faults:
            fault.begin(self.now())

    def now(self) -> float:
        """s of the run."""
        return time.monotonic() - self._since

    def of(self, *points: str) -> list[Fault]:
        """Those of these points."""
        return [fault for fault in self._faults if fault.point in points]


def plan_of(environment: Mapping[str, str]) -> Plan | None:
    """What the environment asks for, if anything. Raises ConfigError."""
    if not (words := environment.get(VARIABLE)):
        return None
    return Plan(parse(words), float(environment.get(_SINCE) or time.monotonic()))


def begin(environment: MutableMapping[str, str]) -> list[Fault]:
    """A run begins, and all its processes know when. Returns what it is to get over. Raises
    ConfigError.
    """
    faults = parse(environment[VARIABLE])
    environment[_SINCE] = repr(time.monotonic())
    return faults


def parse(words: str) -> list[Fault]:
    """Faults, as they are written. Raises ConfigError."""
    faults = []
    for word in filter(None, (part.strip() for part in words.split(","))):
        match = _FAULT.fullmatch(word)
        if match is None or match[1] not in POINTS:
            raise ConfigError(
                f"{VARIABLE}: {shown(word)} is no fault; write POINT[:TIME][@TIME[/TIME]], as in "
                "capture.hang:10s@60s; `livestyle chaos` lists the points"
            )
        seconds, at, every = (
            float(match[group]) * _UNITS[match[group + 1]] if match[group] else None
            for group in (2, 4, 6)
        )
        if seconds is None and match[1] in _TIMED:
            raise ConfigError(f"{VARIABLE}: {shown(word)} needs a time, as in {match[1]}:10s@60s")
        if every == 0:
            raise ConfigError(f"{VARIABLE}: {shown(word)} can't come every 0 s")
        faults.append(Fault(match[1], seconds or 0.0, at, every))
    return faults
