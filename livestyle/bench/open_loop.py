"""The open loop: frames come at a rate of their own, whether the stylizer is ready or not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from livestyle.between.look import Finishing
from livestyle.between.messages import Change
from livestyle.between.slot import Slot, Slots
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.finish.live import LiveFinish
from livestyle.frame import Frame
from livestyle.front.output import OutputClock
from livestyle.sinks.null import Null
from livestyle.stylizers import Stylizer
from livestyle.worker.pipeline import Pipeline

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_LOOK_EVERY = 0.1  # s


class Playlist:
    """A Source that gives the same pictures again and again, as often as it is asked."""

    name = "playlist"
    fps = None

    def __init__(self, pictures: Sequence[Pixels]) -> None:
        """pictures: BGRA (H, W, 4), all of one size."""
        height, width = pictures[0].shape[:2]
        self.size = (width, height)
        self._pictures = pictures
        self._seq = 0

    def read(self) -> Frame:
        """The next picture, captured now."""
        pixels = self._pictures[self._seq % len(self._pictures)]
        self._seq += 1
        return Frame(pixels, self._seq - 1, time.monotonic_ns())

    def __enter__(self) -> Playlist:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


def run_open_loop(
    stylizer: Stylizer, pictures: Sequence[Pixels], config: Config, seconds: float
) -> dict[str, Any]:
    """Run the pipeline of `livestyle run` on pictures, at the settings' fps in and out, and count.

    stylizer: of these settings, one that gives I420 of the pictures' size; it is closed at the end.
    config: settled.

    Returns the figures of the run report: unique fps, latency from capture to the write, what was
    dropped. Raises what ended a stage.
    """
    source = Playlist(pictures)
    width, height = source.size
    with Slot(width * height * 3 // 2) as slot:
        finish = LiveFinish(Canvas(source.size, "fit"), Finishing())
        pipeline = Pipeline(lambda: source, stylizer, Slots(slot), Change(0, config), finish)
        clock = OutputClock(slot, source.size, config.fps)
        clock.add(Null())
        pipeline.start()
        clock.start(seconds)
        try:
            while clock.running and pipeline.failure is None:
                time.sleep(_LOOK_EVERY)
        finally:
            clock.stop()
            pipeline.stop()
        counted = pipeline.progress().counts
    if failure := pipeline.failure or clock.failure:
        raise failure
    written = clock.counts
    return {
        "fps": config.fps,
        "seconds": round(clock.seconds, 3),
        "unique_fps": round(written.unique / clock.seconds, 2),
        "latency_ms": written.latency.milliseconds(),
        "captured": counted.captured,
        "stylized": counted.stylized,
        "superseded": counted.superseded + written.superseded,
        "repeated": written.repeated,
        "late": written.late,
    }
