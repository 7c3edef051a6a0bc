"""The sizes of a stylizer in the pipeline: prepared beside the frames, taken between two."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import waiting

from livestyle.between.look import Finishing
from livestyle.between.slot import Slot
from livestyle.canvas import Canvas, to_i420
from livestyle.errors import StylizerError
from livestyle.frame import Frame, Size
from livestyle.sources.testcard import draw
from livestyle.stylizers.lite import Lite
from livestyle.stylizers.passthrough import Passthrough
from livestyle.stylizers.style import find_style
from livestyle.worker.ladder import Ladder
from livestyle.worker.pipeline import Pipeline
from tests.pipelines import pipeline_of

until = functools.partial(waiting.until, every=0.005)

SHOWN = (640, 360)
BYTES = SHOWN[0] * SHOWN[1] * 3 // 2
NEVER = 10_000.0  # frames per second: every frame is too slow
ALWAYS = 0.01


class Moving:
    """A source of which every frame differs."""

    name, size, fps = "moving", SHOWN, None

    def __init__(self) -> None:
        self.seq = 0

    def read(self) -> Frame:
        self.seq += 1
        return Frame(draw(self.seq, SHOWN), self.seq, time.monotonic_ns())

    def __enter__(self) -> Moving:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Grey(Passthrough):
    """A Stylizer whose picture tells the size inside; it takes time as the pixels."""

    name, is_plain, grid = "grey", False, range(8, 641, 8)

    def __init__(self) -> None:
        super().__init__(Canvas(SHOWN, "fit"))
        self.size = SHOWN
        self.prepared: list[tuple[Size, str]] = []
        self.fails: dict[Size, Exception] = {}
        self.stale: set[Size] = set()
        self.closed = False

    @property
    def level(self) -> int:
        return self.size[0] // 4

    def stylize(self, frame: Frame) -> Frame:
        time.sleep(self.size[0] * self.size[1] / SHOWN[0] / SHOWN[1] * 0.02)
        self._canvas.pixels.fill(self.level)
        return frame.with_pixels(self._canvas.pixels)

    def prepare(self, size: Size) -> Callable[[], bool]:
        self.prepared.append((size, threading.current_thread().name))
        if size in self.fails:
            raise self.fails[size]

        def take() -> bool:
            if size in self.stale:
                self.stale.remove(size)
                return False
            self.size = size
            return True

        return take

    def __exit__(self, *_: object) -> None:
        self.closed = True


@pytest.fixture
def slot() -> Iterator[Slot]:
    with Slot(BYTES) as opened:
        yield opened


def _is_prepared() -> bool:
    return "ladder" not in {thread.name for thread in threading.enumerate()}


def _shown(slot: Slot) -> np.ndarray:
    picture = np.zeros(BYTES, np.uint8)
    until(lambda: slot.take(picture.data))
    return picture.reshape(SHOWN[1] * 3 // 2, SHOWN[0])


def _pipeline(slot: Slot, stylizer: Any, hold_fps: float, fps: float = 60) -> Pipeline:
    return pipeline_of(Moving, stylizer, slot, SHOWN, fps=fps, hold_fps=hold_fps)


def test_a_swap_of_a_real_network_drops_no_frame(slot: Slot) -> None:
    """Each has as long as some frames take here, but not as compiling does."""
    style = find_style("wave")
    lite = Lite(style, Canvas(SHOWN, "fit"), (320, 184))
    times = sorted(_timed(lambda: lite.stylize(Frame(draw(1, SHOWN), 1, 0))) for _ in range(20))
    pipeline = _pipeline(slot, lite, NEVER, fps=min(4, 0.2 / times[10]))
    pipeline.start()
    try:
        until(lambda: pipeline.progress().counts.stylized > 2)
        until(_is_prepared)
        before = pipeline.progress().counts
        lost = before.superseded, before.missed, before.deferred
        until(lambda: pipeline.progress().counts.resizes)
        resized = pipeline.progress().counts.captured
        until(lambda: pipeline.progress().counts.captured > resized + 4)
        after = pipeline.progress()
    finally:
        pipeline.stop()
    assert pipeline.failure is None
    assert (after.counts.superseded, after.counts.missed, after.counts.deferred) == lost
    assert after.counts.captured - after.counts.stylized <= 2  # the last ones, when it ended
    assert after.stylizer_size == lite.size == (128, 72)
    assert after.size_why.startswith("128x72: ") or after.size_why.startswith("320x184 → 128x72: ")
    # what is shown is what a network of that size makes
    shown, expected = (np.zeros(BYTES, np.uint8) for _ in range(2))
    taken = slot.take(shown.data)
    assert taken is not None
    with Lite(style, Canvas(SHOWN, "fit"), (128, 72)) as small:
        frame = Frame(draw(taken.seq, SHOWN), taken.seq, 0)
        to_i420(small.stylize(frame).pixels, expected.data)
    assert (shown == expected).all()


def test_taking_a_size_into_use_takes_no_time() -> None:
    """However often, and there and back."""
    lite = Lite(find_style("wave"), Canvas(SHOWN, "fit"), (320, 184))
    takes = [lite.prepare(size) for size in ((320, 184), (256, 144), (208, 120))]
    frame = Frame(draw(3, SHOWN), 3, 0)
    usual = min(_timed(lambda: lite.stylize(frame)) for _ in range(10))
    times, pictures = [], []
    for take in takes * 5:
        times.append(_timed(take))
        pictures.append(lite.stylize(frame).pixels.copy())
    assert sorted(times)[len(times) // 2] < usual / 20
    assert all((picture == pictures[i % 3]).all() for i, picture in enumerate(pictures))
    assert (pictures[0] != pictures[1]).any()


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def test_it_goes_down_and_the_finish_forgets(slot: Slot) -> None:
    """What stood still is not left at the size before."""
    stylizer = Grey()
    pipeline = pipeline_of(
        Half, stylizer, slot, SHOWN, Finishing(hold=1), fps=60, hold=1.0, hold_fps=NEVER
    )
    pipeline.start()
    try:
        until(lambda: pipeline.progress().counts.resizes)
        until(lambda: (_shown(slot)[:360, 600:] == _luma(stylizer.level)).all())
        assert stylizer.size == (264, 144)
    finally:
        pipeline.stop()
    assert pipeline.failure is None
    assert stylizer.closed


class Half(Moving):
    """The left half moves, the right one does not."""

    def read(self) -> Frame:
        frame = super().read()
        frame.pixels[:, 300:] = 70
        return frame


def _luma(level: int) -> int:
    picture = np.zeros(BYTES, np.uint8)
    to_i420(np.full((SHOWN[1], SHOWN[0], 3), level, np.uint8), picture.data)
    return int(picture[0])


def test_all_sizes_are_prepared_on_a_thread_that_ends_and_only_then_is_judged(slot: Slot) -> None:
    stylizer = Grey()
    pipeline = _pipeline(slot, stylizer, ALWAYS)
    pipeline.start()
    try:
        until(lambda: len(stylizer.prepared) == 5)
        until(_is_prepared)
        sizes = [SHOWN, (512, 288), (408, 232), (328, 184), (264, 144)]
        assert stylizer.prepared == [(size, "ladder") for size in sizes]
        until(lambda: pipeline.progress().counts.stylized > 100)
        assert pipeline.progress().counts.resizes == 0
        assert pipeline.progress().size_why == ""
    finally:
        pipeline.stop()


def test_without_the_setting_nothing_is_prepared(slot: Slot) -> None:
    stylizer = Grey()
    pipeline = pipeline_of(Moving, stylizer, slot, SHOWN, fps=60)
    pipeline.start()
    try:
        until(lambda: pipeline.progress().counts.stylized > 10)
    finally:
        pipeline.stop()
    assert stylizer.prepared == []


def test_what_cannot_be_prepared_beside_frames_is_before_them() -> None:
    stylizer = Grey()
    stylizer.prepares_beside = False
    ladder = Ladder(stylizer, "fit")
    ladder.start(30)
    mine = threading.current_thread().name
    assert [thread for _, thread in stylizer.prepared] == [mine] * 5


def test_what_was_prepared_for_another_source_is_prepared_anew(slot: Slot) -> None:
    stylizer = Grey()
    stylizer.stale = {(264, 144)}
    pipeline = _pipeline(slot, stylizer, NEVER)
    pipeline.start()
    try:
        until(lambda: pipeline.progress().counts.resizes)
        assert len(stylizer.prepared) == 10
        assert stylizer.size == (264, 144)
    finally:
        pipeline.stop()
    assert pipeline.failure is None


def test_a_size_that_cannot_be_prepared_is_said_and_the_run_goes_on(slot: Slot) -> None:
    stylizer = Grey()
    stylizer.fails = {(408, 232): StylizerError("no room")}
    pipeline = _pipeline(slot, stylizer, NEVER)
    pipeline.start()
    try:
        until(lambda: pipeline.progress().size_why)
        stylized = pipeline.progress().counts.stylized
        until(lambda: pipeline.progress().counts.stylized > stylized + 100)
        progress = pipeline.progress()
    finally:
        pipeline.stop()
    assert progress.size_why == "640x360 stays: 408x232 can't be prepared: no room"
    assert (progress.counts.resizes, stylizer.size) == (0, SHOWN)


def test_a_fault_in_preparing_ends_the_run(slot: Slot) -> None:
    stylizer = Grey()
    stylizer.fails = {(408, 232): ZeroDivisionError()}
    pipeline = _pipeline(slot, stylizer, NEVER)
    pipeline.start()
    until(lambda: pipeline.failure)
    pipeline.stop()
    assert isinstance(pipeline.failure, ZeroDivisionError)


def test_a_stylizer_that_takes_over_has_sizes_of_its_own(slot: Slot) -> None:
    first, second = Grey(), Grey()
    pipeline = _pipeline(slot, first, NEVER)
    pipeline.start()
    try:
        until(lambda: pipeline.progress().counts.resizes == 1)
        pipeline.swap(second)
        until(lambda: first.closed)
        assert second.size == SHOWN
        until(lambda: pipeline.progress().counts.resizes == 2)
        assert second.size == (264, 144) == pipeline.progress().stylizer_size
    finally:
        pipeline.stop()
    assert second.closed and pipeline.failure is None


def test_a_stylizer_of_one_size_says_so(slot: Slot) -> None:
    pipeline = _pipeline(slot, Passthrough(Canvas(SHOWN, "fit")), 30)
    pipeline.start()
    try:
        until(lambda: pipeline.progress().counts.stylized > 10)
        why = pipeline.progress().size_why
    finally:
        pipeline.stop()
    assert why == "passthrough has no other size, to hold 30 frames per second"


def test_a_source_that_gives_fewer_asks_for_no_more(slot: Slot) -> None:
    """Frames that take 20 ms are fast enough for one that gives five a second."""

    class Film(Moving):
        fps = 5.0

    stylizer = Grey()
    pipeline = pipeline_of(Film, stylizer, slot, SHOWN, fps=200, hold_fps=200)
    pipeline.start()
    try:
        until(_is_prepared)
        stylized = pipeline.progress().counts.stylized
        until(lambda: pipeline.progress().counts.stylized > stylized + 15)
        assert pipeline.progress().counts.resizes == 0
    finally:
        pipeline.stop()
