"""The front process: owns the sinks, the output clock and the worker; never waits for any of them.

It imports no torch, no CUDA and no OpenVINO (with --no-supervise it does: then all is one process).
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from livestyle.between.slot import Slot, Slots
from livestyle.config import Config
from livestyle.engines.cache import user_cache
from livestyle.errors import ConfigError, SinkError
from livestyle.files import Target, Wanted, check_targets
from livestyle.frame import UHD, Size, canvas_size, even, within
from livestyle.front.card import draw_card, draw_hud
from livestyle.front.framelog import FrameLog
from livestyle.front.inprocess import InProcess
from livestyle.front.output import OutputClock
from livestyle.front.report import Reporter
from livestyle.front.supervisor import Supervisor
from livestyle.pacing import SECOND
from livestyle.sinks import Sink, choose_sink, files_of, open_sink
from livestyle.sources import choose_source, source_size
from livestyle.stylizers.change import changed
from livestyle.stylizers.settle import settle_stylizer

TICK = 0.25  # s between two looks at the worker
CARD_AFTER = 2 * SECOND  # ns without a new frame, while the worker or the source is away

Announce = Callable[[str], None]
Status = dict[str, Any]


class Front:
    """One run of `livestyle run`, from opened sinks to the final report."""

    def __init__(self, config: Config, announce: Announce) -> None:
        """announce: told in one line what `auto` chose and where the result can be seen."""
        self._began = _decide(config, announce)
        self._announce = announce
        self._report = config.report and Target("--report", config.report, config.overwrite)
        self._opened = contextlib.ExitStack()
        self._status: Status = {"state": "starting", "message": ""}
        self._sinks: dict[str, Sink] = {}
        self._log: FrameLog | None = None
        self._ended: list[str] = []  # a line for each sink that failed in its last act
        self._is_finished = False
        self._changing = threading.Lock()  # one change after the other

    def __enter__(self) -> Front:
        with self._opened:
            self._open()
            self._opened = self._opened.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._opened.close()
        if not self._is_finished:  # there is no report that tells of them
            for line in self._ended:
                self._announce(line)

    def _take(self, spec: str, sink: Sink) -> None:
        self._sinks[spec] = sink
        self._clock.add(sink)

    def _close_sinks(self) -> None:
        for spec in reversed(list(self._sinks)):
            self._close(self._sinks.pop(spec))

    def _close(self, sink: Sink) -> None:
        try:
            sink.__exit__()
        except SinkError as error:  # a recording may fail as late as this
            self._ended.append(str(error))

    def _open(self) -> None:
        config = self._began
        # also the first check of the source, before a camera is opened
        seen = self._source_size(config)
        self._size = config.output_size or even(within(seen, UHD))
        if not config.output_size and seen != within(seen, UHD):
            self._announce(
                "the source is {}x{}, the output {}x{}; --output-size names another".format(
                    *seen, *self._size
                )
            )
        width, height = self._size
        self.slots = self._slots(width * height * 3 // 2, with_page="web" in config.sink)
        worker_type = Supervisor if config.supervise else InProcess
        self._worker = worker_type(config, self._size, self.slots)
        self._opened.callback(self._worker.stop)
        self._clock = OutputClock(self.slots.styled, self._size, config.fps)
        self._opened.callback(self._close_sinks)
        for spec in config.sink:
            self._take(spec, open_sink(spec, self._size, config, self).__enter__())
        self._opened.callback(self._clock.stop)
        if config.frame_log is not None:
            self._log = self._opened.enter_context(FrameLog(config.frame_log, config.overwrite))
            self._clock.log = self._log.written
        self._reporter = Reporter(self._size, self._worker, self._clock)
        self._starting, self._moment, self._failed = (
            draw_card(self._size, text)
            for text in ("starting", "one moment", "stopped; livestyle's own window says why")
        )

    def run(self, show: Callable[[Status], None]) -> None:
        """Run until `seconds` are over; Ctrl-C ends it sooner, as KeyboardInterrupt.

        show: given the live report a few times a second.

        Raises LivestyleError when the worker never came up or no sink takes frames any more.
        """
        self._clock.card = self._starting
        with _undisturbed():
            self._run(show)

    def _run(self, show: Callable[[Status], None]) -> None:
        self._worker.start()
        self._clock.start(self._began.seconds)
        while self._clock.running:
            self._worker.poll(TICK)
            self._watch()
            self._status = self._reporter.live() | self._notes()
            show(self._status)
        if self._clock.failure:
            raise self._clock.failure

    @property
    def config(self) -> Config:
        """The settings that are asked for now."""
        return self._worker.asked.config

    @property
    def sinks(self) -> list[Sink]:
        """Those that are open."""
        return list(self._sinks.values())

    def status(self) -> Status:
        """The live form of the report, a moment old."""
        return self._status

    def change(self, values: dict[str, Any]) -> int:
        """Have live settings other values, by the keys that flags have: all of them, or none.
        Returns the change's number.

        Called on any thread, and may take as long as opening a sink does. Raises LivestyleError.
        """
        with self._changing:
            before = self.config
            after = changed(before, values)
            if after.source == "auto":
                after = dataclasses.replace(after, source=choose_source()[0])
            if after.fps != before.fps and self._records():
                raise ConfigError("fps can't change while a recording goes on; end that first")
            if after.sink != before.sink:
                after = dataclasses.replace(after, sink=self._change_sinks(after))
            self._clock.fps = after.fps
            self._worker.change(after)
            return self._worker.asked.number

    def answer(self) -> str | None:
        """Why the last change was refused, "" where it was not; None: it is not known yet."""
        asked = self._worker.asked
        waits = self._worker.state == "running" and not asked.is_answered
        return None if waits else asked.refused

    def finish(self) -> Status:
        """Stop the clock and the worker, close the sinks. Returns the final report."""
        self._clock.stop()
        report = self._reporter.final()
        self._worker.stop()
        if self._began.build == "background":  # one may have been under way
            user_cache().clean()
        if isinstance(self._clock.failure, SinkError):  # of the only sink that was left
            self._ended.append(str(self._clock.failure))
        self._opened.close()
        self._is_finished = True
        # with the last that the worker counted
        return report | self._reporter.worker_figures() | self._notes()

    def write_report(self, report: Status) -> None:
        """Write the final report where the settings say, if they do. Raises LivestyleError."""
        if self._report:
            self._report.write_json(report)

    def _source_size(self, config: Config) -> Size:
        if config.source == "canvas":
            if "web" not in config.sink:
                raise ConfigError("source 'canvas' is drawn on the page: add --sink web")
            return canvas_size(config.output_size)
        return source_size(
            config.source, config.output_size, config.fps, self._announce, cursor=config.cursor
        )

    def _slots(self, frame_bytes: int, *, with_page: bool) -> Slots:
        entered = self._opened.enter_context
        styled = entered(Slot(frame_bytes))
        if not with_page:
            return Slots(styled)
        width, height = canvas_size(self._size)
        return Slots(styled, entered(Slot(frame_bytes)), entered(Slot(width * height * 4)))

    def _records(self) -> bool:
        return any(spec.startswith(("record:", "raw:")) for spec in self._sinks)

    def _change_sinks(self, config: Config) -> tuple[str, ...]:
        """Open those that are new, then close those that are not wanted; the others stay as they
        are. Raises LivestyleError where one can't be opened: then none is changed.
        """
        specs = _with_chosen(config.sink, lambda _: None)
        if "web" in self._sinks and "web" not in specs:
            raise ConfigError("sink 'web' is what asks for this, and stays; name it, too")
        check_targets(list(files_of(set(specs) - set(self._sinks))), config.overwrite)
        opened: dict[str, Sink] = {}
        with contextlib.ExitStack() as undo:
            for spec in specs:
                if spec not in self._sinks:
                    sink = open_sink(spec, self._size, config, self)
                    opened[spec] = undo.enter_context(sink)
            undo.pop_all()
        for spec, sink in opened.items():
            self._take(spec, sink)
        for spec in set(self._sinks) - set(specs):
            sink = self._sinks.pop(spec)
            self._clock.remove(sink)
            self._close(sink)
        return specs

    def _watch(self) -> None:
        counts = self._clock.counts
        trouble = self._worker.state != "running" or self._worker.message
        away = time.monotonic_ns() - counts.newest_at > CARD_AFTER
        if counts.newest_at and trouble and away:
            failed = self._worker.state == "failed"
            self._clock.card = self._failed if failed else self._moment
        if self._began.hud:
            output = self._status.get("output") or {}
            p50 = (output.get("latency_ms") or {}).get("p50")
            fps = f"{output.get('unique_fps', 0):.0f} unique fps"
            self._clock.hud = draw_hud(fps if p50 is None else f"{fps}  {p50:.0f} ms")

    def _notes(self) -> Status:
        """What the sinks say of themselves, and what ended before the run did."""
        ended = [*self._clock.notes, *self._ended]
        if self._log and self._log.note:
            ended.append(self._log.note)
        sinks = [{"name": sink.name, "note": sink.note} for sink in self.sinks]
        return {"sinks": sinks, "ended": ended}


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """While the clock runs its thread must not wait 5 ms for the page's, nor for the collector to
    look again at what was loaded and stays. The process may be somebody else's: then it is as it
    was.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(usual)


def wanted(config: Config) -> list[Wanted]:
    """All that a run with these settings writes."""
    files = list(files_of(config.sink))
    if config.report is not None:
        files.append(Wanted("--report", config.report))
    if config.frame_log is not None:
        files.append(Wanted("--frame-log", config.frame_log, "part"))
    return files


def _decide(config: Config, announce: Announce) -> Config:
    """The settings with every "auto" replaced by what this machine has, announced with the why."""
    check_targets(wanted(config), config.overwrite)
    if config.hold_fps is not None and config.hold_fps > config.fps:
        raise ConfigError(
            f"--hold-fps {config.hold_fps:g} is more than --fps {config.fps:g}; lower it, or raise "
            "--fps"
        )
    if config.source == "auto":
        source, why = choose_source()
        announce(f"source {source}: {why}")
        config = dataclasses.replace(config, source=source)
    config = settle_stylizer(config, announce)  # before a camera is opened in vain
    if "auto" in config.sink:
        config = dataclasses.replace(config, sink=_with_chosen(config.sink, announce))
    return config


def _with_chosen(specs: tuple[str, ...], announce: Announce) -> tuple[str, ...]:
    """The sinks, each once, with what "auto" stands for."""
    if "auto" in specs:
        chosen, why = choose_sink()
        announce(f"sink {chosen}: {why}")
        specs = tuple(chosen if spec == "auto" else spec for spec in specs)
    return tuple(dict.fromkeys(specs))
