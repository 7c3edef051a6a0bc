"""Reopening: a camera of a run that goes away is opened again when it is back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from livestyle.aside import Aside
from livestyle.errors import FrameRefused, SinkError, SinkLost
from livestyle.frame import Frame
from livestyle.pacing import RETRY_AFTER, RETRY_EVERY, SECOND
from livestyle.sinks import Reopenable, Sink

REFUSALS = SECOND  # ns in which a camera takes no frame: it's closed, and opened again
_PATIENCE = 1.0  # s, at the end: for an opening that is under way


class Reopening:
    """A Sink: a camera, and after it was lost the same one again.

    Whoever writes waits for nothing: a frame that is not taken is counted and left out, and a
    camera that is gone is opened again on a thread aside, for that may hang. An error that may pass
    does not close it: v4l2loopback 0.12 might not take a writer again.
    """

    def __init__(self, camera: Reopenable, fps: Callable[[], float]) -> None:
        """camera: open. fps: the rate that it is opened with again."""
        self.name = camera.name
        self.trouble = ""  # why it is away
        self.write_errors = 0
        self.reconnects = 0
        self._camera: Reopenable | None = camera
        self._again = camera.again
        self._fps = fps
        self._refused = ""  # why the newest frame that it did not take was not
        self._refused_since = 0  # ns; 0: the newest frame was taken
        self._delays = iter(RETRY_AFTER)
        self._opening: Aside | None = None
        self._closing = threading.Event()
        self._handing = threading.Lock()  # protects which camera there is once it is closed

    @property
    def note(self) -> str:
        """Why it is away, or how many frames it did not take."""
        if self.trouble:
            return f"away, and opened again when it is back: {self.trouble}"
        if self.write_errors and self._refused:
            return f"{self.write_errors} frames not taken: {self._refused}"
        return ""

    @property
    def is_watched(self) -> bool:
        """Whether the camera is, if it is there."""
        camera = self._camera
        return camera is not None and camera.is_watched

    def write(self, frame: Frame) -> None:
        """Have the camera take the frame, if it is there. Raises its SinkError, if it's final."""
        camera = self._camera
        if camera is None:
            return
        try:
            camera.write(frame)
        except FrameRefused as error:
            self.write_errors += 1
            self._refused = str(error)
            now = time.monotonic_ns()
            self._refused_since = self._refused_since or now
            if now - self._refused_since >= REFUSALS:
                self._leave(camera, self._refused)
        except SinkLost as error:
            self.write_errors += 1
            self._leave(camera, str(error))
        else:
            self._refused_since = 0
            if self.trouble:
                self._is_back(camera)

    def __enter__(self) -> Reopening:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.set()
        with self._handing:
            camera, self._camera = self._camera, None
        if camera:
            camera.__exit__(*exc_info)
        if self._opening:
            self._opening.join(_PATIENCE)

    def _is_back(self, camera: Reopenable) -> None:
        self.name = camera.name
        self.reconnects += 1
        self.trouble = self._refused = ""
        self._delays = iter(RETRY_AFTER)

    def _leave(self, camera: Reopenable, why: str) -> None:
        self._camera = None
        self.trouble = why
        self._refused_since = 0
        self._opening = Aside(lambda: self._reopen(camera), "reopen")
        self._opening.start()

    def _reopen(self, lost: Reopenable) -> None:
        with contextlib.suppress(OSError):
            lost.__exit__(None, None, None)
        while not self._closing.wait(next(self._delays, RETRY_EVERY)):
            try:
                camera = self._again(self._fps())
            except SinkError as error:
                self.trouble = str(error)
                continue
            with self._handing:
                if not self._closing.is_set():
                    self._camera = camera
                    return
            camera.__exit__(None, None, None)


def state_of(sink: Sink) -> str:
    """In a word."""
    return "away" if isinstance(sink, Reopening) and sink.trouble else "open"


def figures_of(sink: Sink) -> dict[str, Any]:
    """What the report has of a sink."""
    camera = sink if isinstance(sink, Reopening) else None
    return {
        "name": sink.name,
        "note": sink.note,
        "away": state_of(sink) == "away",
        "reconnects": camera.reconnects if camera else 0,
        "write_errors": camera.write_errors if camera else 0,
    }


def without_outputs(status: dict[str, Any]) -> dict[str, Any]:
    """The live report of a run that goes well, but for outputs that are away: standby where nothing
    is left to show pictures, else degraded.
    """
    away = [sink for sink in status["sinks"] if sink["away"]]
    if not away or (status["state"] != "running" and not status["rests"]):
        return status
    state = "standby" if len(away) == len(status["sinks"]) else "degraded"
    message = "; ".join(f"{sink['name']} is {sink['note']}" for sink in away)
    return status | {"state": state, "message": message}
