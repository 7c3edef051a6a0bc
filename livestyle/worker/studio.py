"""Studio: a running pipeline that follows the settings, with what stands in and what takes over."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import threading
import traceback
from collections.abc import Callable, Iterator

from livestyle.aside import Aside, run_aside
from livestyle.between.look import finishing_of
from livestyle.between.messages import Change, Refused, Running
from livestyle.between.slot import Slots
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.errors import ConfigError, LivestyleError
from livestyle.finish.live import LiveFinish
from livestyle.frame import Size, canvas_size
from livestyle.sources import Source, open_source
from livestyle.sources.drawing import Drawing
from livestyle.stylizers import Stylizer, open_stylizer
from livestyle.worker.capture import Absent
from livestyle.worker.pipeline import Pipeline

Say = Callable[[str], None]

_OF_SOURCE = ("source", "cursor")
_OF_STYLIZER = ("style",)  # of lite: another network; turbo's styles are looks


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
    opened = functools.partial(_opened, output_size)
    stylizer = opened(first if stand_in else config, say)
    source = functools.partial(_source, config, output_size, slots)
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
    studio = Studio(pipeline, begins, opened, lambda to: _source(to, output_size, slots))
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
        self._lock = threading.Lock()  # protects what is below
        self._wanted = begins
        self._config = begins.config  # source and stylizer are as these say
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
                self._pipeline.opened = change.number

    def progress(self) -> Running:
        """What runs and what was counted, now."""
        running = self._pipeline.progress()
        with self._lock:
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
        pipeline, config = self._pipeline, self._config

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
        wanted, now = self._wanted.config, self._config
        if _differ(_OF_SOURCE, wanted, now):
            return f"source {wanted.source}"
        if wanted.stylizer == "lite" and _differ(_OF_STYLIZER, wanted, now):
            return f"style {wanted.style}"
        return ""

    def _follow(self) -> None:
        while True:
            with self._lock:
                change, self._opening = self._wanted, self._lacking()
                if not self._opening:
                    self._pipeline.opened = change.number
                    self._is_following = False
                    return
            try:
                self._open(change.config)
            except LivestyleError as error:
                self._refuse(change, str(error))
            except Exception as error:  # raised where the front is served
                self._pipeline.failure = error
                return

    def _open(self, wanted: Config) -> None:
        """The first thing that differs from what is open."""
        names = _OF_SOURCE if _differ(_OF_SOURCE, wanted, self._config) else _OF_STYLIZER
        if names is _OF_SOURCE:
            self._pipeline.go_on_with(
                self._open_source(wanted), functools.partial(self._open_source, wanted)
            )
        else:
            self._pipeline.swap(self._open_stylizer(wanted, lambda _: None))
        self._config = dataclasses.replace(
            self._config, **{name: getattr(wanted, name) for name in names}
        )

    def _refuse(self, change: Change, why: str) -> None:
        """Keep what is open, unless something else is wanted by now."""
        open_now = {name: getattr(self._config, name) for name in (*_OF_SOURCE, *_OF_STYLIZER)}
        with self._lock:
            if self._wanted is change:
                kept = dataclasses.replace(change.config, **open_now)
                self._wanted, self._refused = Change(change.number, kept), Refused(kept, why)

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


def _differ(names: tuple[str, ...], one: Config, other: Config) -> bool:
    return any(getattr(one, name) != getattr(other, name) for name in names)


def _source(config: Config, output_size: Size, slots: Slots) -> Source:
    if config.source == "canvas":
        if slots.canvas is None:
            raise ConfigError("source 'canvas' is drawn on the page: add --sink web")
        return Drawing(slots.canvas, canvas_size(output_size))
    return open_source(config.source, output_size, config.fps, cursor=config.cursor)


def _opened(output_size: Size, config: Config, say: Say) -> Stylizer:
    canvas = Canvas(output_size, config.aspect, i420=True)
    # PyTorch keeps an OpenMP team for every thread that has computed, as long as that thread lives.
    # A second one, though idle, makes the stylize thread's sleep at each barrier: 20 % of a frame.
    return run_aside(lambda: open_stylizer(config, canvas, say), "load")


def _builds(config: Config) -> bool:
    return config.stylizer == "turbo" and config.build == "background"
