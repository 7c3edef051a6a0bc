"""A camera that goes away and comes back, as the output clock has it."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from waiting import until

from livestyle.errors import FrameRefused, SinkError, SinkLost
from livestyle.frame import Frame
from livestyle.front.reopening import Reopening, figures_of, state_of, without_outputs
from livestyle.sinks import Sink

FRAME = Frame(np.zeros((54, 64), np.uint8), 0, 0)


class Device:
    """What its cameras write to: each frame is taken, or `failure` raised; opening waits for
    `opens`, and may be refused.
    """

    def __init__(self) -> None:
        self.failure: SinkError | None = None
        self.refusal: SinkError | None = None
        self.opens = threading.Event()
        self.opens.set()
        self.opened: list[tuple[float, float]] = []  # when, and at which rate
        self.closed = 0
        self.taken = 0


class OnDevice:
    """A camera."""

    note = ""

    def __init__(self, device: Device, number: int = 20) -> None:
        self.name = f"livestyle (/dev/video{number})"
        self._device = device

    def write(self, frame: Frame) -> None:
        if self._device.failure:
            raise self._device.failure
        self._device.taken += 1

    def again(self, fps: float) -> OnDevice:
        self._device.opened.append((time.monotonic(), fps))
        self._device.opens.wait(10)
        if self._device.refusal:
            raise self._device.refusal
        return OnDevice(self._device, 21)

    def __enter__(self) -> OnDevice:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._device.closed += 1


def _written(sink: Sink, seconds: float) -> float:
    """Write at 100 fps for so long. Returns the longest that a write took, s."""
    longest, end = 0.0, time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        sink.write(FRAME)
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.01)
    return longest


def test_one_that_is_gone_is_opened_again_while_nobody_waits() -> None:
    device = Device()
    device.opens.clear()
    with Reopening(OnDevice(device), lambda: 25.0) as sink:
        device.failure = SinkLost("No such device")
        assert _written(sink, 0.5) < 0.1
        assert (device.closed, len(device.opened), sink.write_errors) == (1, 1, 1)
        assert sink.note == "away, and opened again when it is back: No such device"
        device.refusal = SinkError("there is no /dev/video20")
        device.opens.set()
        until(lambda: "there is no /dev/video20" in sink.note)
        assert state_of(sink) == "away" and sink.name == "livestyle (/dev/video20)"
        device.failure = device.refusal = None
        until(lambda: sink.write(FRAME) or device.taken)
        assert {fps for _, fps in device.opened} == {25}
        assert figures_of(sink) == {
            "name": "livestyle (/dev/video21)",
            "note": "",
            "away": False,
            "reconnects": 1,
            "write_errors": 1,
        }
    assert device.closed == 2


def test_an_error_that_passes_closes_nothing() -> None:
    device = Device()
    with Reopening(OnDevice(device), lambda: 30) as sink:
        for _ in range(2):
            device.failure = FrameRefused("Input/output error")
            _written(sink, 0.7)
            device.failure = None
            _written(sink, 0.1)
        assert (device.closed, sink.reconnects, state_of(sink)) == (0, 0, "open")
        assert sink.note == f"{sink.write_errors} frames not taken: Input/output error"
        assert 20 < sink.write_errors < 150


def test_one_that_takes_nothing_for_a_second_is_opened_ever_more_seldom() -> None:
    device = Device()
    with Reopening(OnDevice(device), lambda: 30) as sink:
        device.failure = FrameRefused("Input/output error")
        _written(sink, 4)
        assert device.closed == len(device.opened) == 3  # after 1, 1.1 + 1 and 2.3 + 1 s
        assert state_of(sink) == "away" and sink.reconnects == 0
        device.failure = None
        until(lambda: sink.write(FRAME) or device.taken)
        assert (sink.reconnects, sink.note) == (1, "")


def test_one_that_is_opened_too_late_is_closed() -> None:
    device = Device()
    device.opens.clear()
    with Reopening(OnDevice(device), lambda: 30) as sink:
        device.failure = SinkLost("No such device")
        sink.write(FRAME)
        until(lambda: device.opened)
    device.opens.set()
    until(lambda: device.closed == 2)


def test_another_error_is_the_end_of_it() -> None:
    device = Device()
    with Reopening(OnDevice(device), lambda: 30) as sink:
        device.failure = SinkError("no more")
        with pytest.raises(SinkError, match="no more"):
            sink.write(FRAME)


@pytest.mark.parametrize(
    ("state", "away", "told"),
    [
        ("running", (False, False), "running"),
        ("running", (True, False), "degraded"),
        ("running", (True, True), "standby"),
        ("recovering", (True, True), "recovering"),
    ],
)
def test_the_state_of_the_run(state: str, away: tuple[bool, ...], told: str) -> None:
    sinks = [{"name": f"camera {n}", "note": "away: gone", "away": is_away}
             for n, is_away in enumerate(away)]  # fmt: skip
    status = without_outputs({"state": state, "message": "", "rests": False, "sinks": sinks})
    assert status["state"] == told
    is_told = state == "running" and any(away)
    assert status["message"].startswith("camera 0 is away: gone" if is_told else "")
