"""What the browser tests share: a run that goes on, shown by a real web preview."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Page, expect

from livestyle.errors import ConfigError
from livestyle.frame import Frame
from livestyle.sinks.web import WebPreview
from tests.controls import FakeRun

WIDTH, HEIGHT = 640, 360
QUARTERS = ((40, 40, 200), (60, 180, 60), (200, 90, 40), (210, 210, 210))  # BGR, row by row


class Run:
    """A run's figures, counting on, how often they were asked for, and what was to change."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.refusal = ""
        self.building = self.size_why = ""
        self.frames = 0
        self.asked = 0
        self.state: dict[str, Any] = {"state": "running", "message": ""}

    def change(self, values: dict[str, Any]) -> None:
        self.changes.append(values)
        if self.refusal:
            raise ConfigError(self.refusal)
        self.state["config"] |= values

    def status(self) -> dict[str, Any]:
        self.asked += 1
        milliseconds = {"p50": 41.25, "p95": 57.5, "p99": None, "max": None}
        return {
            "schema_version": 1,
            "seconds": 3725.0,
            **self.state,
            "source": {"name": "screen:1", "size": [2560, 1440], "frames": 9, "missed": None},
            "stylizer": {
                "name": "lite",
                "engine": "openvino",
                "engine_why": "it was asked for",
                "building": self.building,
                "size_why": self.size_why,
                "style": "wave",
                "superseded": self.frames,
            },
            "output": {
                "size": [WIDTH, HEIGHT],
                "fps": 30.0,
                "unique_fps": 28.54,
                "repeated": 1234,
                "late": 0,
                "freezes": 1,
                "latency_ms": milliseconds,
            },
            "sinks": [
                {"name": "/dev/video20", "note": ""},
                {"name": "record:<b>x</b>.mp4", "note": "12 frames dropped: slow disk"},
            ],
            "worker_restarts": 0,
        }


@contextmanager
def preview(run: Run, port: int = 0) -> Iterator[WebPreview]:
    """A preview with a picture of four quarters written to it 30 times a second."""
    quarters = np.array(QUARTERS, np.uint8).reshape(2, 2, 3)
    pixels = cv2.resize(quarters, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420)
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(1 / 30):
            run.frames += 1
            web.write(Frame(pixels, run.frames, time.monotonic_ns()))

    with WebPreview((WIDTH, HEIGHT), port=port, controls=FakeRun(run.status, run.change)) as web:
        clock = threading.Thread(target=write)
        clock.start()
        try:
            yield web
        finally:
            stop.set()
            clock.join(5)


def address(web: WebPreview) -> str:
    return web.name.split("#")[0]


def figure(page: Page, path: str) -> Any:
    """What can be expected of the figure at `path` of the status."""
    return expect(page.locator(f'[data-figure="{path}"]'))
