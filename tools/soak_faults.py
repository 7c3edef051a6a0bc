"""What is done to a run in a soak, as planned: faults of its worker and of its display."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable
from http.client import HTTPException
from typing import Any

import psutil
from display import Display
from soak_plan import Planned
from soak_run import SoakRun
from websockets.exceptions import WebSocketException

from livestyle.errors import LivestyleError

_ON, _OFF = 0.01, 0.09  # s that a slow worker runs and stands still, in turn
# that a run may answer with, and that are noted: a worker that is away, a page too busy
_FAILURES = LivestyleError, OSError, HTTPException, WebSocketException, psutil.Error


class Actor:
    """Does what is planned, in order, on a thread of its own; `done` has what came of each."""

    def __init__(self, planned: Iterable[Planned], began: float) -> None:
        """began: when the run did, s of the monotonic clock."""
        self.done: list[dict[str, Any]] = []
        self._planned = planned
        self._began = began
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._act, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Actor:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ending.set()
        self._thread.join()

    def _act(self) -> None:
        for each in self._planned:
            if self._ending.wait(max(0.0, self._began + each.at - time.monotonic())):
                return
            at = time.monotonic()
            try:
                came = self.do(each.kind, each.seconds)
            except _FAILURES as error:
                came = f"{type(error).__name__}: {error}"
            took = time.monotonic() - at
            self.done.append(
                {"at": round(at - self._began, 3), "kind": each.kind, "s": round(took, 3)}
                | ({"came": came} if came else {})
            )

    def do(self, kind: str, seconds: float) -> str:
        """Do it. Returns what is to be noted."""
        raise NotImplementedError


class Faults(Actor):
    """Of the worker and the display."""

    def __init__(
        self, planned: Iterable[Planned], began: float, run: SoakRun, display: Display
    ) -> None:
        super().__init__(planned, began)
        self._run, self._display = run, display

    def do(self, kind: str, seconds: float) -> str:
        """See soak_plan.FAULTS; what LIVESTYLE_FAULT does is waited for."""
        if kind in ("hang", "loss"):
            begin, end = {
                "hang": (self._display.pause, self._display.resume),
                "loss": (self._display.kill, self._display.start),
            }[kind]
            begin()
            time.sleep(seconds)
            end()
            return ""
        if kind in ("kill", "crash", "stop", "halt", "slow"):
            return self._signal(kind, seconds)
        time.sleep(seconds)
        return ""

    def _signal(self, kind: str, seconds: float) -> str:
        worker = self._run.worker()
        if worker is None:
            return "there was none"
        if kind in ("kill", "crash", "stop"):
            signals = {"kill": signal.SIGKILL, "crash": signal.SIGSEGV, "stop": signal.SIGSTOP}
            worker.send_signal(signals[kind])
            time.sleep(seconds)
            return f"pid {worker.pid}"
        off, on = (seconds, 0.0) if kind == "halt" else (_OFF, _ON)
        until = time.monotonic() + seconds
        while time.monotonic() < until and worker.is_running():
            worker.send_signal(signal.SIGSTOP)
            time.sleep(off)
            worker.send_signal(signal.SIGCONT)
            time.sleep(on)
        return f"pid {worker.pid}"
