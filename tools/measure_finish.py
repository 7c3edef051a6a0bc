"""Time the finish of live pictures: from a source frame and a styled one to what is shown.

Usage: python tools/measure_finish.py FILE.json

The source is the testcard; what is styled is a blur of it, for a stylizer costs nothing here. The
source's conversion to I420 is counted, for the finish needs it; that of the styled picture is not,
for every run has it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from written import parse

from livestyle.between.look import Finishing
from livestyle.canvas import Canvas
from livestyle.finish.live import LiveFinish
from livestyle.frame import Size
from livestyle.machine import describe_machine
from livestyle.sources.testcard import draw
from livestyle.stats import Timings

if TYPE_CHECKING:
    from livestyle.frame import Pixels

FRAMES, WARM_UP = 60, 5
ALL = Finishing(0.8, 0.5, 0.3, 0.2, ((10, 11, 101, 55, 0), (300, 200, 200, 100, 12)))
PARTS = {
    "all": ALL,
    "usual (detail, hold)": Finishing(detail=0.8, hold=0.5),
    "detail": Finishing(detail=0.8),
    "hold": Finishing(hold=0.5),
    "colour, mix": Finishing(colour=0.3, mix=0.2),
}


def whole(size: Size) -> Iterator[Pixels]:
    """All of it moves, as one walks."""
    return (draw(2 * number, size) for number in range(FRAMES + WARM_UP))


def half(size: Size) -> Iterator[Pixels]:
    """The left half stands still."""
    for moving in whole(size):
        picture = draw(0, size)
        picture[:, size[0] // 2 :] = moving[:, size[0] // 2 :]
        yield picture


def still(size: Size) -> Iterator[Pixels]:
    """Nothing moves, and nothing is styled again."""
    return (draw(0, size) for _ in range(FRAMES + WARM_UP))


def measure(size: Size, pictures: Iterator[Pixels], finishing: Finishing) -> Timings:
    """Of each frame, without its styling."""
    finish = LiveFinish(Canvas(size, "fit"), finishing)
    shown = np.zeros(size[0] * size[1] * 3 // 2, np.uint8)
    timings = Timings()
    for number, picture in enumerate(pictures):
        soft = cv2.GaussianBlur(np.ascontiguousarray(picture[..., 2::-1]), (0, 0), 3)
        started = time.perf_counter_ns()
        new = finish.look_at(picture)
        spent = time.perf_counter_ns() - started
        if new:
            finish.style(soft)  # type: ignore[arg-type]
        started = time.perf_counter_ns()
        finish.write(shown.data)
        if number >= WARM_UP:
            timings.record(spent + time.perf_counter_ns() - started)
    return timings


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="the figures go there, as JSON")
    arguments = parse(parser, "file")
    scenes: tuple[Callable[[Size], Iterator[Pixels]], ...] = (whole, half, still)
    figures: dict[str, Any] = {"machine": describe_machine(), "opencv": cv2.__version__}
    for size in ((1280, 720), (1920, 1080)):
        for scene in scenes:
            for name, finishing in PARTS.items():
                ms = measure(size, scene(size), finishing).milliseconds()
                where = "{}x{}".format(*size)
                figures.setdefault(where, {}).setdefault(scene.__name__, {})[name] = ms
                print(f"{where} {scene.__name__:6} {name:22} {ms['p50']} ms, p95 {ms['p95']}")
    arguments.file.write_json(figures)


if __name__ == "__main__":
    main()
