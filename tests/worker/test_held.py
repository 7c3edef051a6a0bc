"""The finish in the pipeline: what is held, when it is not, and that nothing waits for it."""

import contextlib
import functools
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import waiting

from livestyle.between.look import Finishing
from livestyle.between.messages import Change
from livestyle.between.slot import Slot
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.errors import SpoiltFrame
from livestyle.finish.live import LiveFinish
from livestyle.frame import Frame, Size
from livestyle.sources.testcard import draw
from livestyle.stylizers.passthrough import Passthrough
from livestyle.worker.pipeline import Pipeline
from tests.pipelines import pipeline_of

until = functools.partial(waiting.until, limit=30)

SIZE = (320, 180)
BYTES = SIZE[0] * SIZE[1] * 3 // 2


class Still:
    """A source that shows the same until it is told to show something else."""

    name, size, fps = "still", SIZE, None

    def __init__(self) -> None:
        self.picture = draw(3, SIZE)
        self.seq = 0

    def read(self) -> Frame:
        self.seq += 1
        return Frame(self.picture.copy(), self.seq, time.monotonic_ns())

    def __enter__(self) -> "Still":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Inverts(Passthrough):
    """A Stylizer that can be told that a change waits."""

    name, is_plain, is_settled = "inverts", False, True
    frames = 0
    white = 255

    def stylize(self, frame: Frame) -> Frame:
        self.frames += 1
        return super().stylize(frame.with_pixels(self.white ^ frame.pixels))


def _shown(slot: Slot) -> np.ndarray:
    picture = np.zeros(BYTES, np.uint8)
    slot.take(picture.data)
    return picture.reshape(SIZE[1] * 3 // 2, SIZE[0])


def _i420(bgra: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(bgra, cv2.COLOR_BGRA2YUV_I420)


@contextlib.contextmanager
def _running(stylizer: Inverts, finishing: Finishing) -> Iterator[tuple[Pipeline, Still, Slot]]:
    source = Still()
    with Slot(BYTES) as slot:
        pipeline = pipeline_of(
            lambda: source, stylizer, slot, SIZE, finishing, fps=100, **vars(finishing)
        )
        pipeline.start()
        try:
            yield pipeline, source, slot
        finally:
            pipeline.stop()
        assert pipeline.failure is None


def test_an_idle_source_is_styled_once_and_frames_go_on() -> None:
    stylizer = Inverts(Canvas(SIZE, "fit"))
    with _running(stylizer, Finishing(hold=0.5)) as (pipeline, source, slot):
        until(lambda: pipeline.progress().counts.held > 20)
        counts = pipeline.progress().counts
        assert stylizer.frames == 1 == counts.stylize.count
        assert counts.stylized > 20
        assert (_shown(slot) == _i420(255 - draw(3, SIZE))).all()
        source.picture = draw(90, SIZE)[::-1].copy()
        until(lambda: stylizer.frames > 1)
        until(lambda: (_shown(slot) == _i420(255 - source.picture)).all())
        stylizer.is_settled = False  # another look waits: it may be taken in any frame
        before = stylizer.frames
        until(lambda: stylizer.frames > before + 5)
        stylizer.is_settled = True
        pipeline.change(_change(1, hold=0.5, mix=1.0))
        until(lambda: (_shown(slot) == _i420(source.picture)).all())
        successor = Inverts(Canvas(SIZE, "fit"))
        pipeline.swap(successor)
        until(lambda: successor.frames == 1)


def _change(number: int, **finishing: float) -> Change:
    return Change(number, Config(stylizer="lite", fps=100, **{"hold": 0.0} | finishing))


def test_off_and_on_again_shows_the_look_of_now() -> None:
    stylizer = Inverts(Canvas(SIZE, "fit"))
    with _running(stylizer, Finishing(hold=0.5)) as (pipeline, source, slot):
        until(lambda: pipeline.progress().counts.held > 5)
        pipeline.change(_change(1))
        until(lambda: stylizer.frames > 5)
        stylizer.white = 15
        pipeline.change(_change(2, hold=0.5))
        until(lambda: (_shown(slot) == _i420(15 ^ source.picture)).all())
        held = pipeline.progress().counts.held
        until(lambda: pipeline.progress().counts.held > held + 5)
        assert (_shown(slot) == _i420(15 ^ source.picture)).all()


@pytest.mark.parametrize("hold", [0.0, 0.5])
def test_what_was_shown_stays_while_frames_are_spoilt(hold: float) -> None:
    class Spoils(Inverts):
        spoils = False

        def stylize(self, frame: Frame) -> Frame:
            if self.spoils:
                raise SpoiltFrame("NaN")
            return super().stylize(frame)

    stylizer = Spoils(Canvas(SIZE, "fit"))
    with _running(stylizer, Finishing(hold=hold)) as (pipeline, source, slot):
        until(lambda: (_shown(slot) == _i420(255 - draw(3, SIZE))).all())
        stylizer.spoils = True
        source.picture = draw(90, SIZE)[::-1].copy()
        until(lambda: pipeline.progress().trouble == "NaN")
        _shown(slot)  # what came before
        spoilt = pipeline.progress().counts.spoilt
        until(lambda: pipeline.progress().counts.spoilt > spoilt + 3)  # none of them is held
        assert not _shown(slot).any()
        stylizer.spoils = False
        until(lambda: (_shown(slot) == _i420(255 - source.picture)).all())
        running = pipeline.progress()
        assert (running.trouble, running.spoilt_why) == ("", "NaN")


def test_what_is_plain_is_shown_as_it_is() -> None:
    class Plain(Inverts):
        is_plain = True

    everything = Finishing(1.0, 1.0, 1.0, 1.0)
    with _running(Plain(Canvas(SIZE, "fit")), everything) as (pipeline, _, slot):
        until(lambda: pipeline.progress().counts.stylized > 10)
        assert pipeline.progress().counts.held == 0
        assert (_shown(slot) == _i420(255 - draw(3, SIZE))).all()


def test_the_finish_is_of_the_size_that_is_shown() -> None:
    size: Size = (640, 360)
    finish = LiveFinish(Canvas(size, "fill"), Finishing(detail=0.5, hold=0.5))
    assert finish.look_at(draw(3, SIZE))
    finish.style(np.zeros((360, 640, 3), np.uint8))
    shown = np.zeros(640 * 360 * 3 // 2, np.uint8)
    finish.write(shown.data)
    assert shown[: 640 * 360].std() > 1  # the source's detail over black
