"""The studio: source and style follow the settings beside the frames; what can't be had changes
nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from livestyle import sources
from livestyle.between.messages import Change, Running
from livestyle.between.slot import Slot
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.errors import SourceError, StylizerError
from livestyle.frame import Frame
from livestyle.stylizers.passthrough import Passthrough
from livestyle.worker.pipeline import Pipeline
from livestyle.worker.studio import Studio
from tests.pipelines import pipeline_of

SIZE = (64, 36)
PIXELS = np.zeros((36, 64, 4), np.uint8)


class Named:
    """A source that knows whether it is closed; one called hung answers once it is let go."""

    size = SIZE
    fps = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.reads = 0
        self.is_closed = threading.Event()
        self.let_go = threading.Event()

    def read(self) -> Frame:
        self.reads += 1
        if self.name == "hung":
            self.let_go.wait(60)
        return Frame(PIXELS, self.reads, time.monotonic_ns())

    def __enter__(self) -> Named:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.is_closed.set()


class Styled(Passthrough):
    """A stylizer by a style's name."""

    def __init__(self, style: str | None) -> None:
        super().__init__(Canvas(SIZE, "fit"))
        self.style = style
        self.is_closed = False

    def stylize(self, frame: Frame) -> Frame:
        assert not self.is_closed
        return super().stylize(frame)

    def __exit__(self, *exc_info: object) -> None:
        self.is_closed = True


class Made:
    """A studio, what it has opened, and how long that takes."""

    def __init__(self, slot: Slot, source: str) -> None:
        self.sources: list[Named] = []
        self.styles: list[Styled] = []
        self.let_open = threading.Event()
        self.let_open.set()
        self.config = Config(stylizer="lite", source=source, style="first", fps=50)
        first = Styled("first")
        self.styles.append(first)
        self.pipeline: Pipeline = pipeline_of(
            lambda: self.open_source(self.config),
            first,
            slot,
            SIZE,
            source=source,
            style="first",
            fps=50,
        )
        begins = Change(0, self.config)
        self.studio = Studio(self.pipeline, begins, self.open_style, self.open_source)
        self.number = 0

    def open_source(self, config: Config) -> Any:
        self.let_open.wait(60)
        if config.source == "bad":
            raise SourceError("there is no bad")
        self.sources.append(Named(config.source))
        return self.sources[-1]

    def open_style(self, config: Config, say: Callable[[str], None]) -> Any:
        self.let_open.wait(60)
        if config.style == "bad":
            raise StylizerError("there is no bad")
        self.styles.append(Styled(config.style))
        return self.styles[-1]

    def change(self, **values: Any) -> None:
        self.number += 1
        self.config = dataclasses.replace(self.config, **values)
        self.studio.change(Change(self.number, self.config))

    def settled(self) -> Running:
        """Once the last change is taken or refused."""
        return self.until(lambda running: running.heard == self.number and running.is_settled)

    def until(self, condition: Callable[[Running], bool]) -> Running:
        deadline = time.monotonic() + 20
        while not condition(running := self.studio.progress()):
            assert time.monotonic() < deadline, running
            time.sleep(0.01)
        return running

    def goes_on(self) -> None:
        """Frames come."""
        before = self.pipeline.progress().counts.stylized
        self.until(lambda running: running.counts.stylized > before + 2)
        assert self.pipeline.failure is None


@contextlib.contextmanager
def _made(source: str = "one") -> Iterator[Made]:
    with Slot(SIZE[0] * SIZE[1] * 3 // 2) as slot:
        made = Made(slot, source)
        made.pipeline.start()
        try:
            yield made
        finally:
            made.let_open.set()
            for opened in made.sources:
                opened.let_go.set()
            made.pipeline.stop()


def test_another_source_is_read_and_the_one_before_closed() -> None:
    with _made() as made:
        made.change(source="two")
        assert made.settled().refused is None
        assert made.studio.progress().source == "two"
        made.goes_on()
        assert made.sources[0].is_closed.wait(5) and not made.sources[1].is_closed.is_set()


def test_another_style_paints_and_the_one_before_is_closed() -> None:
    with _made() as made:
        made.change(style="second")
        assert made.settled().refused is None
        made.goes_on()
        made.until(lambda _: made.styles[0].is_closed)
        assert [one.style for one in made.styles] == ["first", "second"]


@pytest.mark.parametrize("name", ["source", "style"])
def test_what_fails_leaves_all_as_it_was(name: str) -> None:
    with _made() as made:
        made.change(aspect="fill")
        before = made.config
        made.change(**{name: "bad"}, aspect="stretch", mix=0.5, fps=20.0)
        refused = made.settled().refused
        assert refused is not None and refused.why == "there is no bad"
        assert refused.kept == before
        made.goes_on()
        assert made.pipeline._asked.config == before
        assert made.pipeline._capture.fps == 50
        assert not made.sources[-1].is_closed.is_set() and not made.styles[-1].is_closed


def test_the_sinks_stay_where_a_change_is_refused() -> None:
    with _made() as made:
        made.let_open.clear()
        made.change(source="bad")
        made.until(lambda running: running.opening == "source bad")
        made.change(sink=("null",))  # theirs are open by now
        made.let_open.set()
        refused = made.settled().refused
        assert refused is not None and refused.kept.sink == ("null",)
        assert refused.kept.source == "one"


def test_of_many_changes_the_newest_is_next() -> None:
    with _made() as made:
        made.let_open.clear()
        made.change(style="a")
        made.until(lambda running: running.opening == "style a")
        for style in ("b", "c", "d"):
            made.change(style=style)
        assert not made.studio.progress().is_settled
        made.goes_on()  # meanwhile
        made.let_open.set()
        assert made.settled().refused is None
        assert [one.style for one in made.styles] == ["first", "a", "d"]


def test_a_refusal_that_comes_late_is_none() -> None:
    with _made() as made:
        made.let_open.clear()
        made.change(source="bad")
        made.until(lambda running: running.opening == "source bad")
        made.change(source="two")
        made.let_open.set()
        assert made.settled().refused is None
        assert made.studio.progress().source == "two"


def test_a_source_that_hangs_is_left_behind() -> None:
    with _made("hung") as made:
        hung = made.sources[0]
        made.until(lambda running: hung.reads == 1)
        made.change(source="two")
        made.settled()
        made.goes_on()
        assert not hung.is_closed.is_set()  # nobody can while it is read
        hung.let_go.set()
        assert hung.is_closed.wait(5)
        made.goes_on()
        assert hung.reads == 1
        made.change(source="three")  # as always
        made.settled()
        made.goes_on()
        assert made.studio.progress().source == "three"


def test_a_source_that_does_not_open_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PATIENCE", 0.3)
    with _made() as made:
        made.let_open.clear()
        made.change(source="two")
        refused = made.settled().refused
        assert refused is not None and "does not answer within 0.3 s" in refused.why
        made.goes_on()
        made.let_open.set()
        made.until(lambda _: len(made.sources) == 2)
        assert made.sources[1].is_closed.wait(5)  # it came too late
        assert made.studio.progress().source == "one"


def test_the_pointer_concerns_a_screen_alone() -> None:
    with _made() as made:
        made.change(cursor=False)
        made.settled()
        assert len(made.sources) == 1
        made.change(source="screen:1")
        made.settled()
        made.change(cursor=True)
        made.settled()
        assert [one.name for one in made.sources] == ["one", "screen:1", "screen:1"]
