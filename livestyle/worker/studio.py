"""Studio: a running pipeline that follows the settings, with what stands in and what takes over."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import threading
import traceback
from collections.abc import Callable, Iterator

from livestyle.aside import Aside
from livestyle.between.look import finishing_of
from livestyle.between.messages import Change, Paint, Painted, Refused, Running
from livestyle.between.slot import Slots
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.errors import LivestyleError
from livestyle.finish.live import LiveFinish
from livestyle.frame import Size
from livestyle.sources import Source
from livestyle.stylizers import Stylizer
from livestyle.worker.capture import Absent
from livestyle.worker.opening import (
    Say,
    in_time,
    network_key,
    open_source_of,
    open_stylizer_of,
    source_key,
)
from livestyle.worker.pipeline import Pipeline
from livestyle.worker.presets import Presets


@contextlib.contextmanager
def running_studio(
    begins: Change, output_size: Size, slots: Slots, say: Say, *, patient: bool = False
) -> Iterator[Studio]:
    """The pipeline that the settings (none of them "auto") describe, started.

    say: told what is being loaded, before anything runs. patient: whether a source that is away is
    waited for.
    """
    config = begins.config
    stand_in = config.stylizer == "turbo" and config.until_ready != "card"
    first = dataclasses.replace(config, stylizer=config.until_ready, style=None, size=None)
    stylizer = open_stylizer_of(first if stand_in else config, output_size, say)
    source = functools.partial(open_source_of, config, output_size, slots)
    absent = [Absent(config.source)] if patient else []
    try:
        finish = LiveFinish(Canvas(output_size, config.aspect), finishing_of(config))
        pipeline = Pipeline(
            lambda: absent.pop() if absent else source(), stylizer, slots, begins, finish
        )
    except BaseException:
        stylizer.__exit__(None, None, None)
        raise
    del stylizer  # another may take over, and its memory with it
    gc.collect()
    gc.freeze()  # what was loaded stays: later collections need not look at it
    studio = Studio(
        pipeline,
        begins,
        lambda to, say: open_stylizer_of(to, output_size, say),
        lambda to: open_source_of(to, output_size, slots),
    )
    with contextlib.ExitStack() as started:
        started.callback(pipeline.stop)
        if stand_in:
            pipeline.loading = config.stylizer
        if stand_in or _builds(config):
            Aside(lambda: studio.go_on_better(output_size, stand_in), "load").start()
        pipeline.start()
        yield studio


class Studio:
    """What takes long, as opening a style's network or a source does, is done aside, one change at
    a time, while all goes on as it was; of changes that come meanwhile the newest is next.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        begins: Change,
        open_stylizer: Callable[[Config, Say], Stylizer],
        open_source: Callable[[Config], Source],
    ) -> None:
        self._pipeline = pipeline
        self._open_stylizer = open_stylizer
        self._open_source = open_source
        self._presets = Presets(pipeline)
        self._lock = threading.Lock()  # protects what is below
        self._wanted = begins
        self._taken = begins.config  # the last of which all is open
        self._open = begins.config  # of which source and style are
        self._refused: Refused | None = None  # the change that is wanted
        self._opening = ""
        self._is_following = False

    @property
    def failure(self) -> BaseException | None:
        """What ended a stage."""
        return self._pipeline.failure

    def change(self, change: Change) -> None:
        """Go on with these settings, from the next frame on, or as soon as what they need is open.

        Called on any thread.
        """
        with self._lock:
            self._wanted, self._refused = change, None
            self._pipeline.change(change)
            if self._is_following:
                return
            self._is_following = bool(self._lacking())
            if self._is_following:
                Aside(self._follow, "change").start()
            else:
                self._take()

    def paint(self, paint: Paint) -> None:
        """Make these pictures beside the frames. Called on any thread."""
        self._presets.paint(paint.names)

    def painted(self) -> list[Painted]:
        """Those that were made since this was called last."""
        return self._presets.painted()

    def progress(self) -> Running:
        """What runs and what was counted, now."""
        running = self._pipeline.progress()
        with self._lock:
            if running.refused is not None and running.heard == self._wanted.number:
                self._taken = running.refused.kept
            return dataclasses.replace(
                running,
                is_settled=running.is_settled and not self._is_following,
                refused=running.refused or self._refused,
                opening=self._opening,
            )

    def go_on_better(self, output_size: Size, stand_in: bool) -> None:
        """Open the stylizer that another one stands in for, then build its engine: each takes over.

        Called on a thread of its own.
        """
        pipeline, config = self._pipeline, self._open

        def say(what: str) -> None:
            pipeline.loading = what

        try:
            if stand_in:
                pipeline.swap(self._open_stylizer(self._as_it_is(config), say))
            if _builds(config):
                self._build(config, output_size)
        except Exception as error:  # raised where the front is served
            pipeline.failure = error

    def _lacking(self) -> str:
        """What of the wanted settings is not open yet, in words, or ""."""
        wanted = self._wanted.config
        if source_key(wanted) != source_key(self._open):
            return f"source {wanted.source}"
        if network_key(wanted) != network_key(self._open):
            return f"style {wanted.style}"
        return ""

    def _take(self) -> None:
        self._taken = self._wanted.config
        self._pipeline.opened = self._wanted.number

    def _follow(self) -> None:
        while True:
            with self._lock:
                change, self._opening = self._wanted, self._lacking()
                if not self._opening:
                    self._take()
                    self._is_following = False
                    return
            try:
                self._open_next(change.config)
            except LivestyleError as error:
                self._refuse(change, str(error))
            except Exception as error:  # raised where the front is served
                self._pipeline.failure = error
                return

    def _open_next(self, wanted: Config) -> None:
        """The first thing that differs from what is open."""
        if source_key(wanted) != source_key(self._open):
            opens = functools.partial(self._open_source, wanted)
            self._pipeline.go_on_with(in_time(opens, wanted.source), opens)
            source, cursor = wanted.source, wanted.cursor
            self._open = dataclasses.replace(self._open, source=source, cursor=cursor)
        else:
            self._pipeline.swap(self._open_stylizer(wanted, lambda _: None))
            self._open = dataclasses.replace(self._open, style=wanted.style)

    def _refuse(self, change: Change, why: str) -> None:
        """Go back to the settings before it, all of them, unless something else is wanted by now.
        The sinks are the front's, and stay.
        """
        with self._lock:
            if self._wanted is not change:
                return
            kept = dataclasses.replace(self._taken, sink=change.config.sink)
            self._wanted, self._refused = Change(change.number, kept), Refused(kept, why)
            self._pipeline.change(self._wanted)

    def _as_it_is(self, config: Config) -> Config:
        """What is wanted by now, but for the prompt: `Pipeline.swap` brings that, for it may be one
        that can't be encoded.
        """
        return dataclasses.replace(self._wanted.config, prompt=config.prompt)

    def _build(self, config: Config, output_size: Size) -> None:
        from livestyle.engines.plan import build_beside

        pipeline = self._pipeline

        def report(how_far: str) -> None:
            pipeline.building = f"building an engine: {how_far}"

        try:
            if build_beside(config, output_size, report):
                report("loading it")
                pipeline.swap(self._open_stylizer(self._as_it_is(config), report))
            pipeline.building = ""
        except LivestyleError as error:  # the run goes on as it is
            pipeline.building = f"no engine is built: {error}"
        except Exception as error:
            traceback.print_exc()
            pipeline.building = f"no engine is built: internal error: {error!r}"


def _builds(config: Config) -> bool:
    return config.stylizer == "turbo" and config.build == "background"
