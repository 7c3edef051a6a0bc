"""Frames in flight: what several at once bring, as fast as they can, and at a rate of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from livestyle.bench.stages import summary
from livestyle.between.mailbox import Closed, Mailbox
from livestyle.diffusion.flight import Flight, fly
from livestyle.diffusion.program import Program
from livestyle.frame import Frame
from livestyle.pacing import Pacer

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_WARM_UP = 3  # frames of each program


def time_in_flight(
    programs: Sequence[Program], pictures: Sequence[Pixels], frames: int
) -> dict[str, Any]:
    """As many at once as there are programs: frames a second, ms from one to the next, and how old
    each is when it comes out."""
    flight = Flight(programs)
    begun = 0
    ends: list[int] = []
    ages: list[float] = []
    while len(ends) < _WARM_UP * len(programs) + frames:
        if flight.has_room:
            flight.submit(_frame(pictures, begun))
            begun += 1
            continue
        done = flight.collect()
        ends.append(time.monotonic_ns())
        ages.append((ends[-1] - done.captured_at) / 1e6)
    while not flight.is_empty:
        flight.collect()
    periods = (np.diff(ends[-frames - 1 :]) / 1e6).tolist()
    return {
        "depth": len(programs),
        "fps": round(1000 * len(periods) / sum(periods), 2),
        "period_ms": summary(periods),
        "latency_ms": summary(ages[-frames:]),
    }


def run_in_flight(
    programs: Sequence[Program], pictures: Sequence[Pixels], fps: float, seconds: float
) -> dict[str, Any]:
    """The same while frames come at `fps`, for so many s: the newest is taken when there is room.

    Latency is from when a frame came to when it is ready.
    """
    source: Mailbox[Frame] = Mailbox()
    feeder = threading.Thread(target=_feed, args=(source, pictures, fps), daemon=True)
    ages: list[float] = []
    ends = time.monotonic() + seconds

    def deliver(frame: Frame) -> None:
        ages.append((time.monotonic_ns() - frame.captured_at) / 1e6)
        if time.monotonic() > ends:
            source.close()

    feeder.start()
    try:
        fly(Flight(programs), source, deliver)
    except Closed:
        feeder.join()
    return {
        "fps": fps,
        "unique_fps": round(len(ages) / seconds, 2),
        "latency_ms": summary(ages),
        "superseded": source.superseded,
    }


def _feed(source: Mailbox[Frame], pictures: Sequence[Pixels], fps: float) -> None:
    pacer = Pacer(fps)
    number = 0
    try:
        while True:
            pacer.wait()
            source.put(_frame(pictures, number))
            number += 1
    except Closed:
        pass


def _frame(pictures: Sequence[Pixels], number: int) -> Frame:
    return Frame(pictures[number % len(pictures)], number, time.monotonic_ns())
