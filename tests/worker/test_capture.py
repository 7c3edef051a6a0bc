"""Capture: just in time, aligned with the reader, and back after the source was lost."""

import threading
import time

import numpy as np
import pytest

from livestyle.between.mailbox import Mailbox
from livestyle.between.messages import Counts
from livestyle.between.slot import Slot
from livestyle.canvas import Canvas
from livestyle.errors import SourceError, SourceLost
from livestyle.frame import Frame
from livestyle.pacing import SECOND, Pacer
from livestyle.sources import Source
from livestyle.stylizers.passthrough import Passthrough
from livestyle.worker.capture import Absent, Capture, Forecast
from tests.pipelines import pipeline_of

SIZE = (64, 36)
FRAME_BYTES = 64 * 36 * 3 // 2
PIXELS = np.zeros((36, 64, 4), np.uint8)


class Steady:
    """A source that gives a frame whenever asked, after `grab` s."""

    name = "steady"
    size = SIZE
    fps = None

    def __init__(self, grab: float = 0.0) -> None:
        self.grab = grab
        self.frames = 0

    def read(self) -> Frame:
        time.sleep(self.grab)
        self.frames += 1
        return Frame(PIXELS, self.frames - 1, time.monotonic_ns())

    def __enter__(self) -> "Steady":
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


class Slow(Passthrough):
    """Passthrough that takes `seconds`, and notes how old each frame was when it began."""

    def __init__(self, canvas: Canvas, seconds: float) -> None:
        super().__init__(canvas)
        self.seconds = seconds
        self.ages: list[int] = []

    def stylize(self, frame: Frame) -> Frame:
        self.ages.append(time.monotonic_ns() - frame.captured_at)
        time.sleep(self.seconds)
        return super().stylize(frame)


def test_a_slow_stylizer_gets_frames_captured_just_before_it_is_free() -> None:
    with Slot(FRAME_BYTES) as slot:
        stylizer = Slow(Canvas(SIZE, "fit"), seconds=0.25)
        pipeline = pipeline_of(Steady, stylizer, slot, SIZE, fps=10)
        pipeline.start()
        time.sleep(6)
        pipeline.stop()
        counts = pipeline.progress().counts
    assert pipeline.failure is None
    ages = sorted(stylizer.ages[5:])
    # free-running at 10 fps they would be up to 100 ms old, 50 ms in the middle
    assert ages[len(ages) // 2] < 25e6
    assert counts.deferred > 0
    assert counts.superseded <= 0.2 * counts.captured
    # waiting for the frame costs next to nothing: 6 s / 250 ms = 24
    assert len(stylizer.ages) >= 20


def test_frames_are_ready_shortly_before_the_reader_takes_them() -> None:
    """Reader and capture at one rate: neither misses one frame and gets two at the next tick."""
    picture = bytearray(FRAME_BYTES)
    with Slot(FRAME_BYTES) as slot:
        pipeline = pipeline_of(Steady, Slow(Canvas(SIZE, "fit"), 0.01), slot, SIZE, fps=10)
        pipeline.start()
        pacer = Pacer(10)
        taken = []
        for tick in range(80):
            deadline = pacer.wait()
            slot.due_at = deadline + pacer.interval
            frame = slot.take(memoryview(picture))
            if tick >= 20:
                taken.append(frame)
        pipeline.stop()
    assert pipeline.failure is None
    new = [frame for frame in taken if frame]
    assert len(new) >= 54  # of 60; on a quiet machine all
    assert sum(frame.superseded for frame in new) <= 6


class Uneven(Passthrough):
    """Takes its time with every fourth frame, s."""

    def stylize(self, frame: Frame) -> Frame:
        time.sleep(0.03 if frame.seq % 4 == 3 else 0.005)
        return super().stylize(frame)


def test_frames_that_take_unequal_times_are_ready_too() -> None:
    picture = bytearray(FRAME_BYTES)
    with Slot(FRAME_BYTES) as slot:
        pipeline = pipeline_of(Steady, Uneven(Canvas(SIZE, "fit")), slot, SIZE, fps=20)
        pipeline.start()
        pacer = Pacer(20)
        new = 0
        for tick in range(100):
            slot.due_at = pacer.wait() + pacer.interval
            new += slot.take(memoryview(picture)) is not None and tick >= 20
        pipeline.stop()
    assert pipeline.failure is None
    assert new >= 72  # of 80; 60 where only the mean is known


class Closing(Passthrough):
    """Knows how often it was closed, and how many frames it had then."""

    def __init__(self) -> None:
        super().__init__(Canvas(SIZE, "fit"))
        self.frames = 0
        self.closed: list[int] = []

    def stylize(self, frame: Frame) -> Frame:
        assert not self.closed
        self.frames += 1
        return super().stylize(frame)

    def __exit__(self, *exc_info: object) -> None:
        self.closed.append(self.frames)


@pytest.mark.parametrize("comes_to_a_frame", [True, False])
def test_a_stylizer_that_is_replaced_is_closed_between_two_frames(comes_to_a_frame: bool) -> None:
    first, second = Closing(), Closing()
    with Slot(FRAME_BYTES) as slot:
        pipeline = pipeline_of(Steady, first, slot, SIZE, fps=50)
        if comes_to_a_frame:
            pipeline.start()
            while first.frames < 3:
                time.sleep(0.01)
        pipeline.swap(second)
        while comes_to_a_frame and second.frames < 3:
            time.sleep(0.01)
        if comes_to_a_frame:
            assert first.closed == [first.frames]
        pipeline.stop()
    assert pipeline.failure is None
    assert (len(first.closed), len(second.closed)) == (1, 1)


class Flaky(Steady):
    """Is lost at its fifth frame; `away` more opens fail."""

    opened = 0

    def __init__(self, away: int) -> None:
        super().__init__()
        type(self).opened += 1
        if 1 < self.opened <= 1 + away:
            raise SourceError("still away")

    def read(self) -> Frame:
        if self.opened == 1 and self.frames == 4:
            raise SourceLost("the source is gone")
        return super().read()


def _troubles(capture: Capture, counts: Counts, frames: int) -> set[str]:
    """What is wrong meanwhile, until so many frames are captured, or too long."""
    stopping = threading.Event()
    arguments = Mailbox[Frame](), Forecast(), stopping
    thread = threading.Thread(target=capture.run, args=arguments)
    thread.start()
    deadline = time.monotonic() + 10
    troubles = set()
    while counts.captured < frames and time.monotonic() < deadline:
        troubles.add(capture.trouble)
        time.sleep(0.01)
    stopping.set()
    thread.join(5)
    assert not thread.is_alive()
    return troubles


def test_lost_source_is_opened_again_until_it_is_back() -> None:
    Flaky.opened = 0
    counts = Counts()
    with Slot(FRAME_BYTES) as slot:
        troubles = _troubles(Capture(lambda: Flaky(away=3), slot, 100, counts), counts, 20)
    assert counts.captured >= 20
    assert counts.reconnects == 1
    assert Flaky.opened == 5
    assert troubles == {"", "the source is gone"}
    assert counts.missed > 10  # the ticks meanwhile


@pytest.mark.parametrize("away", [0, 2, 5])
def test_a_source_that_is_yet_to_be_opened_is_waited_for(away: int) -> None:
    tries = 0

    def opened() -> Source:
        nonlocal tries
        tries += 1
        if tries == 1:
            return Absent("screen:1")
        if tries <= 1 + away:
            raise SourceError("display :7 cannot be opened")
        return Steady()

    counts = Counts()
    with Slot(FRAME_BYTES) as slot:
        capture = Capture(opened, slot, 100, counts)
        assert (capture.source.name, capture.source.size, capture.trouble) == (
            "screen:1", (0, 0), "",
        )  # fmt: skip
        troubles = _troubles(capture, counts, 5)
    assert counts.captured >= 5 and tries == 2 + away
    assert troubles == ({"", "display :7 cannot be opened"} if away else {""})
    assert counts.reconnects == bool(away)


class Broken(Steady):
    """Ends for good at its third frame."""

    def read(self) -> Frame:
        if self.frames == 2:
            raise SourceError("over")
        return super().read()


def test_first_failure_of_a_stage_stops_the_other() -> None:
    with Slot(FRAME_BYTES) as slot:
        pipeline = pipeline_of(Broken, Passthrough(Canvas(SIZE, "fit")), slot, SIZE, fps=100)
        pipeline.start()
        deadline = time.monotonic() + 5
        while pipeline.failure is None and time.monotonic() < deadline:
            time.sleep(0.01)
        pipeline.stop()
    assert isinstance(pipeline.failure, SourceError)
    assert not [thread for thread in threading.enumerate() if thread.name in ("capture", "stylize")]


def test_forecast_follows_the_durations() -> None:
    forecast = Forecast()
    for _ in range(20):
        forecast.begin()
        time.sleep(0.01)
        forecast.end()
    forecast.begin()
    ahead = forecast.free_at - time.monotonic_ns()
    assert 0.008 * SECOND < ahead < 0.02 * SECOND


def test_forecast_knows_how_far_frames_are_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0
    monkeypatch.setattr(time, "monotonic_ns", lambda: now)
    forecast = Forecast()
    for duration in [10] * 20 + [8, 12] * 20:
        if duration != 10 and not forecast.deviation:
            assert forecast.estimate == 10  # of even frames it is sure
        forecast.begin()
        assert forecast.free_at == now + int(forecast.estimate)
        now += duration
        assert forecast.end() == duration
        assert forecast.free_at == now
    assert 9 < forecast.estimate < 11 and 1.5 < forecast.deviation < 2.5
    forecast.skip()
    assert 9 < forecast.estimate < 11 and 1.5 < forecast.deviation < 2.5


def _refuse() -> Steady:
    raise SourceError("not there")


def test_source_that_cannot_be_opened_fails_before_any_thread_exists() -> None:
    with Slot(FRAME_BYTES) as slot, pytest.raises(SourceError, match="not there"):
        pipeline_of(_refuse, Passthrough(Canvas(SIZE, "fit")), slot, SIZE, fps=30)
