"""What the browser tests share: a run that goes on, shown by a real web preview."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from playwright.sync_api import Page, expect
from web_client import ticking

from livestyle.between.slot import Slot, Slots
from livestyle.config import Config, plain
from livestyle.control import SinkChoice, SourceChoice, StyleChoice
from livestyle.errors import ConfigError
from livestyle.frame import Frame
from livestyle.sinks.web import WebPreview
from livestyle.stylizers.change import changed, is_style_changed
from tests.controls import FakeRun

if TYPE_CHECKING:
    from livestyle.frame import Pixels

WIDTH, HEIGHT = 640, 360
QUARTERS = ((40, 40, 200), (60, 180, 60), (200, 90, 40), (210, 210, 210))  # BGR, row by row
STYLES = {"lite": ("comic", "ink", "oil"), "turbo": ("oil_painting", "pencil", "anime")}
SOURCES = {"screen:1": "monitor", "camera:0": "camera", "canvas": "canvas", "blank": "blank"}
LITE = Config(source="screen:1", stylizer="lite", style="comic", detail=0.5, sink=("web",))
TURBO = Config(
    source="screen:1", stylizer="turbo", style="oil_painting", prompt="oil painting", strength=0.5,
    seed=7, steps=1, detail=0.0, sink=("web",),
)  # fmt: skip


class Run(FakeRun):
    """A run whose figures count on and whose settings change: how often it was asked, and what was
    to change, is kept.
    """

    def __init__(self, config: Config = LITE) -> None:
        size = WIDTH * HEIGHT
        slots = Slots(Slot(size * 3 // 2), Slot(size * 3 // 2), Slot(size * 4))
        super().__init__(self._figures, self._take, config=config, slots=slots)
        self.changes: list[dict[str, Any]] = []
        self.refusal = ""
        self.frames = 0
        self.asked = 0
        self.state: dict[str, Any] = {"state": "running", "message": "", "limit": ""}
        self.stylizer: dict[str, Any] = {}
        self.output: dict[str, Any] = {}

    def _take(self, values: dict[str, Any]) -> None:
        self.changes.append(values)
        if self.refusal:
            raise ConfigError(self.refusal)
        self.config = changed(self.config, values)

    @property
    def sent(self) -> dict[str, Any]:
        """All that was to change, the last of each."""
        return {key: value for change in self.changes for key, value in change.items()}

    def styles(self) -> list[StyleChoice]:
        return [
            StyleChoice(name, self.config.stylizer, "", name == self.config.style, has_picture=True)
            for name in STYLES[self.config.stylizer]
        ]

    def style_picture(self, name: str) -> bytes:
        return cv2.imencode(".jpg", _quarters(320, 180))[1].tobytes()

    def sources(self) -> list[SourceChoice]:
        return [
            SourceChoice(spec, f"The {kind}", kind, chosen=spec.startswith(self.config.source))
            for spec, kind in SOURCES.items()
        ]

    def sinks(self) -> list[SinkChoice]:
        return [
            dataclasses.replace(each, chosen=each.spec in self.config.sink)
            for each in super().sinks()
        ]

    def _figures(self) -> dict[str, Any]:
        self.asked += 1
        milliseconds = {"p50": 41.25, "p95": 57.5, "p99": None, "max": None}
        return {
            "schema_version": 1,
            "seconds": 3725.0,
            "config": plain(self.config),
            "change": self.number,
            "changed": {"number": self.number, "pending": False, "refused": ""},
            "style_changed": is_style_changed(self.config),
            **self.state,
            "source": {
                "name": self.config.source,
                "size": [2560, 1440],
                "frames": 9,
                "missed": None,
            },
            "stylizer": {
                "name": self.config.stylizer,
                "engine": "openvino",
                "engine_why": "it was asked for",
                "building": "",
                "size_why": "",
                "style": self.config.style,
                "off": self.config.off,
                "superseded": self.frames,
                **self.stylizer,
            },
            "output": {
                "size": [WIDTH, HEIGHT],
                "fps": 30.0,
                "unique_fps": 28.54,
                "repeated": 1234,
                "late": 0,
                "freezes": 1,
                "latency_ms": milliseconds,
                **self.output,
            },
            "sinks": [{"name": "/dev/video20", "note": ""}],
            "worker_restarts": 0,
        }


def _quarters(width: int, height: int) -> Pixels:
    """BGR."""
    colours = np.array(QUARTERS, np.uint8).reshape(2, 2, 3)
    return cv2.resize(colours, (width, height), interpolation=cv2.INTER_NEAREST)


@contextmanager
def preview(run: Run, port: int = 0) -> Iterator[WebPreview]:
    """A preview to which pictures are written 30 times a second: four quarters, or what is drawn;
    of the source, where it is wanted, the negative.
    """
    quarters = _quarters(WIDTH, HEIGHT)
    styled = cv2.cvtColor(quarters, cv2.COLOR_BGR2YUV_I420)
    source = cv2.cvtColor(255 - quarters, cv2.COLOR_BGR2YUV_I420)
    drawn = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    mark = 0
    assert run.slots.source and run.slots.canvas

    def fill(view: memoryview) -> None:
        view[:] = source.reshape(-1).data

    def write() -> None:
        nonlocal mark
        run.frames += 1
        now = time.monotonic_ns()
        pixels, seq = styled, run.frames
        if run.config.source == "canvas":
            if taken := run.slots.canvas.take(drawn.reshape(-1).data):
                mark = taken.seq
            bgr = np.ascontiguousarray(drawn[..., :3])
            pixels, seq = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), mark
        if run.slots.source.is_wanted:
            run.slots.source.put(run.frames, now, fill, run.number)
        web.write(Frame(pixels, seq, now, run.number))

    with WebPreview((WIDTH, HEIGHT), port=port, controls=run) as web, ticking(write, 30):
        yield web


def address(web: WebPreview) -> str:
    return web.name.split("#")[0]


def figure(page: Page, path: str) -> Any:
    """What can be expected of the figure at `path` of the status."""
    return expect(page.locator(f'[data-figure="{path}"]'))


def colours(page: Page, canvas: str = "#picture") -> np.ndarray:
    """RGB of the middle of the quarters of a canvas, row by row."""
    return np.array(page.locator(canvas).evaluate(_SAMPLE))


_SAMPLE = """(canvas) => {
  const pen = canvas.getContext("2d");
  const at = (x, y) => [...pen.getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
  return [[.25, .25], [.75, .25], [.25, .75], [.75, .75]].map(([x, y]) => at(x, y).slice(0, 3));
}"""


def is_live(page: Page) -> None:
    """Wait until the page shows the run, and has asked for all that it shows once."""
    figure(page, "output.fps").to_have_text("30.0")
    expect(page.locator("#cards button").first).to_be_visible()
    expect(page.locator("#sinks li").first).to_be_visible()
