"""The run report: every figure of a run, while it lasts (the page) and at its end (--report)."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from livestyle.config import Config, plain
from livestyle.errors import LivestyleError
from livestyle.frame import Size
from livestyle.front.advice import Advice
from livestyle.front.inprocess import InProcess
from livestyle.front.output import OutputClock
from livestyle.front.supervisor import Supervisor
from livestyle.machine import describe_machine
from livestyle.pacing import SECOND
from livestyle.stats import Rate, Recent, Timings
from livestyle.stylizers.change import is_style_changed
from livestyle.version import __version__

SCHEMA_VERSION = 1
_RESTS = "nobody watches: capturing and styling rest until somebody does"


class Reporter:
    """Makes the report of one run."""

    def __init__(self, size: Size, worker: Supervisor | InProcess, clock: OutputClock) -> None:
        self._size = size
        self._worker = worker
        self._clock = clock
        self._machine = describe_machine()
        self._output_rate = Rate()
        self._unique_rate = Rate()
        self._latency = Recent()
        self._advice = Advice()
        self._looked_at: Config | None = None
        self._was_changed = False

    def final(self) -> dict[str, Any]:
        """The figures of the whole run; rates are over all of its seconds but those at rest."""
        counts = self._clock.counts
        seconds = self._clock.seconds
        awake = max(seconds - counts.rested / SECOND, 1e-9)
        figures = self._report(counts.frames / awake, counts.unique / awake, counts.latency)
        return figures | {"advice": self._advice.latest}

    def live(self) -> dict[str, Any]:
        """The figures so far, with the state; rates and latency are over the last 3 s."""
        counts = self._clock.counts
        now = time.monotonic_ns()
        fps = self._output_rate.update(now, counts.frames)
        unique_fps = self._unique_rate.update(now, counts.unique)
        latency = self._latency.update(now, counts.latency)
        stylized = self._worker.counts().stylize
        advice = self._advice.update(now, self._worker.asked.config, self._worker.running, stylized)
        state, message = self._worker.state, self._worker.message
        if rests := self._clock.rests:
            state, message = "standby", _RESTS
        return {
            "state": _state(state, message, unique_fps),
            "message": message,
            "rests": rests,
            "advice": advice,
            "limit": self._advice.limit,
            **self._report(fps, unique_fps, latency),
        }

    def _report(self, fps: float, unique_fps: float, latency: Timings) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "livestyle": __version__,
            "machine": self._machine,
            "config": plain(self._worker.asked.config),
            "change": self._worker.asked.number,
            "changed": self._changed(),
            "style_changed": self._is_style_changed(self._worker.asked.config),
            "seconds": round(self._clock.seconds, 3),
            **self.worker_figures(),
            "output": self._output_figures(fps, unique_fps, latency),
            "worker_restarts": self._worker.restarts,
            "worker_error": self._worker.last_error,
        }

    def _is_style_changed(self, config: Config) -> bool:
        if config is not self._looked_at:  # its cards are files
            self._looked_at = config
            with contextlib.suppress(LivestyleError):  # one is gone, or just being written
                self._was_changed = is_style_changed(config)
        return self._was_changed

    def _changed(self) -> dict[str, Any]:
        """How the last change of settings stands."""
        running, asked = self._worker.running, self._worker.asked
        return {
            "number": asked.number,
            "pending": not asked.is_answered,
            "opening": running.opening if running else "",
            "refused": asked.refused,
        }

    def worker_figures(self) -> dict[str, Any]:
        """The part of the report that the worker counted."""
        running, counts = self._worker.running, self._worker.counts()
        asked = self._worker.asked
        return {
            "source": {
                "name": running.source if running else asked.config.source,
                "size": list(running.source_size) if running and any(running.source_size) else None,
                "frames": counts.captured,
                "missed": counts.missed,
                "deferred": counts.deferred,
                "reconnects": counts.reconnects,
            },
            "stylizer": {
                "name": running.stylizer if running else asked.config.stylizer,
                "engine": running.engine if running else None,
                "engine_why": running.engine_why if running else None,
                "building": running.building if running else "",
                "style": asked.config.style,
                "off": asked.config.off,
                "note": running.note if running else "",
                "size": list(running.stylizer_size) if running else None,
                "size_why": running.size_why if running else "",
                "resizes": counts.resizes,
                "frames": counts.stylized,
                "spoilt": counts.spoilt,
                "spoilt_why": running.spoilt_why if running else "",
                "plain": counts.plain,
                "held": counts.held,
                "superseded": counts.superseded + self._clock.counts.superseded,
                "ms": counts.stylize.milliseconds(),
            },
        }

    def _output_figures(self, fps: float, unique_fps: float, latency: Timings) -> dict[str, Any]:
        counts = self._clock.counts
        first = (counts.first_at - self._clock.started_at) / SECOND if counts.first_at else None
        return {
            "size": list(self._size),
            "frames": counts.frames,
            "fps": round(fps, 2),
            "unique_fps": round(unique_fps, 2),
            "unique": counts.unique,
            "repeated": counts.repeated,
            "cards": counts.cards,
            "late": counts.late,
            "lost": counts.lost,
            "rested_s": round(counts.rested / SECOND, 3),
            "freezes": counts.freezes.count,
            "frozen_s": round(counts.freezes.duration / SECOND, 3),
            "first_frame_s": None if first is None else round(first, 3),
            "frame_ms": counts.frame.milliseconds(),
            "latency_ms": latency.milliseconds(),
        }


def _state(worker: str, message: str, unique_fps: float) -> str:
    """What the worker's state comes to: where it runs, but not as it should, how."""
    if worker != "running" or not message:
        return worker
    if message.startswith("loading "):
        return "loading"  # of what is to come; something else may stand in meanwhile
    return "degraded" if unique_fps else "standby"
