"""The worker process: source and stylizer, and nothing that others depend on.

It may be killed at any moment; the front starts another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from livestyle.aside import Aside, leave, run_aside
from livestyle.between.look import Live, finishing_of, settled_with
from livestyle.between.messages import Failed, Loading, Stop
from livestyle.between.slot import Slot
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.errors import LivestyleError
from livestyle.finish.live import LiveFinish
from livestyle.frame import Size
from livestyle.sources import Source, open_source
from livestyle.streams import leave_stdout
from livestyle.stylizers import Stylizer, open_stylizer
from livestyle.worker.capture import Absent
from livestyle.worker.pipeline import Pipeline

PROGRESS_EVERY = 0.25  # s between two signs of life
LOADING_EVERY = 1.0  # s, the same while something is loaded
_END_SECONDS = 1.0  # for a process that is killed to be gone


@contextlib.contextmanager
def running_pipeline(
    config: Config,
    output_size: Size,
    slot: Slot,
    say: Callable[[str], None],
    *,
    patient: bool = False,
) -> Iterator[Pipeline]:
    """The pipeline that the settings (none of them "auto") describe, started.

    say: told what is being loaded, before anything runs. patient: whether a source that is away is
    waited for.
    """
    first_source = [Absent(config.source)] if patient else []

    def source() -> Source:
        if first_source:
            return first_source.pop()
        return open_source(config.source, output_size, config.fps, cursor=config.cursor)

    stand_in = config.stylizer == "turbo" and config.until_ready != "card"
    first = dataclasses.replace(config, stylizer=config.until_ready, style=None, size=None)
    stylizer = _opened(first if stand_in else config, output_size, say)
    try:
        shown = Canvas(output_size, config.aspect)
        finish = LiveFinish(shown, finishing_of(config))
        pipeline = Pipeline(source, stylizer, slot, config.fps, finish)
        pipeline.hold_fps = config.hold_fps
    except BaseException:
        stylizer.__exit__(None, None, None)
        raise
    del stylizer  # another may take over, and its memory with it
    gc.collect()
    gc.freeze()  # what was loaded stays: later collections need not look at it
    with contextlib.ExitStack() as started:
        started.callback(pipeline.stop)
        if stand_in:
            pipeline.loading = config.stylizer
        if stand_in or _builds(config):
            better = functools.partial(_go_on_better, pipeline, config, output_size, stand_in)
            Aside(better, "load").start()
        pipeline.start()
        yield pipeline


def _opened(config: Config, output_size: Size, say: Callable[[str], None]) -> Stylizer:
    canvas = Canvas(output_size, config.aspect, i420=True)
    # PyTorch keeps an OpenMP team for every thread that has computed, as long as that thread lives.
    # A second one, though idle, makes the stylize thread's sleep at each barrier: 20 % of a frame.
    return run_aside(lambda: open_stylizer(config, canvas, say), "load")


def _builds(config: Config) -> bool:
    return config.stylizer == "turbo" and config.build == "background"


def _go_on_better(pipeline: Pipeline, config: Config, output_size: Size, stand_in: bool) -> None:
    """Open the stylizer that another one stands in for, then build its engine: each takes over."""

    def say(what: str) -> None:
        pipeline.loading = what

    try:
        if stand_in:
            pipeline.swap(_opened(_as_it_is(config, pipeline.live), output_size, say))
        if _builds(config):
            _build(pipeline, config, output_size)
    except Exception as error:  # raised where the front is served
        pipeline.failure = error


def _as_it_is(config: Config, live: Live | None) -> Config:
    """Settled settings with what has changed since, but for the prompt: `swap` brings that, for it
    may be one that can't be encoded.
    """
    return dataclasses.replace(settled_with(config, live), prompt=config.prompt)


def _build(pipeline: Pipeline, config: Config, output_size: Size) -> None:
    from livestyle.engines.plan import build_beside

    def report(how_far: str) -> None:
        pipeline.building = f"building an engine: {how_far}"

    try:
        if build_beside(config, output_size, report):
            report("loading it")
            pipeline.swap(_opened(_as_it_is(config, pipeline.live), output_size, report))
        pipeline.building = ""
    except LivestyleError as error:  # the run goes on as it is
        pipeline.building = f"no engine is built: {error}"
    except Exception as error:
        traceback.print_exc()
        pipeline.building = f"no engine is built: internal error: {error!r}"


class WorkerProcess(SpawnProcess):
    """The worker's process, for which nobody waits without a limit: in a call of the system that
    never ends (a hung driver, a network disk that is away) not even SIGKILL ends it.
    """

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, _END_SECONDS where multiprocessing's own clearing names no limit."""
        super().join(_END_SECONDS if timeout is None else timeout)


def main(front: Connection, config: Config, output_size: Size, slot: Slot, patient: bool) -> None:
    """What the worker process runs, until the front says so, is gone, or a stage fails.

    patient: whether a source that is away is waited for, rather than an error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes; the front decides
    leave_stdout()  # which may carry the front's pictures
    # Read when PyTorch is loaded: threads that wait for each other sleep, and keep no core from the
    # game. Beside one busy process frames took 0.6 of the time so; on their own 1.06 of it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.setswitchinterval(0.0005)  # a stage must not wait 5 ms for another thread's Python
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the front is gone
        try:
            _serve(front, config, output_size, slot, patient)
        except LivestyleError as error:
            front.send(Failed(str(error)))
        except Exception as error:
            traceback.print_exc()
            front.send(Failed(f"internal error: {error!r}"))
    leave(0)


def _serve(front: Connection, config: Config, output_size: Size, slot: Slot, patient: bool) -> None:
    what = f"style {config.style!r}" if config.stylizer == "lite" else config.stylizer
    with contextlib.ExitStack() as opened:
        opened.enter_context(slot)
        with _telling(front, what) as say:
            pipeline = opened.enter_context(
                running_pipeline(config, output_size, slot, say, patient=patient)
            )
        told = 0.0
        while not isinstance(message := _heard(front, told + PROGRESS_EVERY), Stop):
            if message is not None:
                pipeline.change(message)
                told = 0.0  # the next may come at once
            if pipeline.failure:
                raise pipeline.failure
            if time.monotonic() >= told + PROGRESS_EVERY:
                front.send(pipeline.progress())
                told = time.monotonic()
        front.send(pipeline.progress())


@contextlib.contextmanager
def _telling(front: Connection, what: str) -> Iterator[Callable[[str], None]]:
    """Tells the front what is being loaded, again and again: a load that lasts is no silence. Call
    what it gives with what is loaded next.
    """
    news: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    news.put(what)

    def tell() -> None:
        now = ""
        with contextlib.suppress(OSError):  # the front is gone, as the main thread will find
            while True:
                with contextlib.suppress(queue.Empty):
                    if (heard := news.get(timeout=LOADING_EVERY)) is None:
                        return
                    now = heard
                front.send(Loading(now))

    thread = threading.Thread(target=tell, name="tell", daemon=True)
    thread.start()
    try:
        yield news.put
    finally:
        news.put(None)
        thread.join()


def _heard(front: Connection, until: float) -> Live | Stop | None:
    """What the front says, or None if it says nothing until then."""
    if not front.poll(max(0.0, until - time.monotonic())):
        return None
    message: Live | Stop = front.recv()
    return message
