"""The front process: owns the sinks, the output clock and the worker; never waits for any of them.

It imports no torch, no CUDA and no OpenVINO (with --no-supervise it does: then all is one process).
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

from livestyle.between.slot import Slot, Slots
from livestyle.config import Config
from livestyle.control import Recording, SinkChoice, SourceChoice, StyleChoice
from livestyle.engines.cache import user_cache
from livestyle.errors import ConfigError, LivestyleError, SinkError
from livestyle.files import Target
from livestyle.frame import UHD, canvas_size, even, within
from livestyle.front.card import draw_hud
from livestyle.front.cover import Cover
from livestyle.front.decide import Announce, decide, size_of_source
from livestyle.front.framelog import FrameLog
from livestyle.front.gallery import Gallery
from livestyle.front.heap import give_back
from livestyle.front.idle import Idle
from livestyle.front.inprocess import InProcess
from livestyle.front.offer import Offer
from livestyle.front.output import OutputClock, undisturbed
from livestyle.front.painters import Apart, Painter, Within
from livestyle.front.recordings import Recordings
from livestyle.front.remotes import Remotes
from livestyle.front.reopening import figures_of, without_outputs
from livestyle.front.report import Reporter
from livestyle.front.sinks import Sinks
from livestyle.front.snapshots import Snapshots
from livestyle.front.supervisor import Supervisor
from livestyle.sinks import Sink
from livestyle.sources import choose_source, settled_source
from livestyle.stylizers.change import changed

TICK = 0.25  # s between two looks at the worker
REST = 1.0  # s, the same while nobody watches

Status = dict[str, Any]


class Front:
    """One run of `livestyle run`, from opened sinks to the final report."""

    def __init__(
        self, config: Config, announce: Announce, record: Announce = lambda _: None
    ) -> None:
        """announce: told in one line what `auto` chose and where the result can be seen. record:
        what need not be read at once, as each process that begins or ends; on any thread.
        """
        self._began = decide(config, announce)
        self._announce = announce
        self._record = record
        self._report = config.report and Target("--report", config.report, config.overwrite)
        self._opened = contextlib.ExitStack()
        self._status: Status = {}  # the first is there before anybody can ask for one
        self._log: FrameLog | None = None
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
            for line in (*self._sinks.ended, *self._recordings.ended):
                self._announce(line)

    def _open(self) -> None:
        give_back()
        config = self._began
        # also the first check of the source, before a camera is opened
        seen = size_of_source(config, self._announce)
        self._size = config.output_size or even(within(seen, UHD))
        if not config.output_size and seen != within(seen, UHD):
            self._announce(
                "the source is {}x{}, the output {}x{}; --output-size names another".format(
                    *seen, *self._size
                )
            )
        width, height = self._size
        self.slots = self._slots(width * height * 3 // 2, with_page="web" in config.sink)
        self._worker = (
            Supervisor(config, self._size, self.slots, self._record)
            if config.supervise
            else InProcess(config, self._size, self.slots)
        )
        self._opened.callback(self._worker.stop)
        self._clock = OutputClock(self.slots.styled, self._size, config.fps)
        self._recordings = Recordings(config.recordings, self._clock, self._size)
        self._offer = Offer(config, self._recordings)
        self._gallery = Gallery(self._painter(config.stylizer))
        self._sinks = Sinks(self._clock, self._size, self)
        self._opened.callback(self._sinks.close)
        self._reporter = Reporter(self._size, self._worker, self._clock)
        first = {"state": "starting", "message": "", "sinks": [], "ended": []}
        self._status = without_outputs(self._reporter.live() | first)
        self._sinks.begin(config)
        self._opened.callback(self._clock.stop)
        self._opened.callback(self._recordings.close)
        self._opened.callback(self._gallery.close)
        if config.frame_log is not None:
            self._log = self._opened.enter_context(FrameLog(config.frame_log, config.overwrite))
            self._clock.log = self._log.written
        self._cover = Cover(self._clock, self._size)
        self._idle = Idle(self._clock, self._cover)
        snapshots = Snapshots(
            self._recordings.folder, self, self.slots.styled, self._size, self._idle.rouse
        )
        remotes = Remotes(config, self, snapshots.take, self._announce)
        self._remotes = self._opened.enter_context(remotes)

    def run(self, show: Callable[[Status], None]) -> None:
        """Run until `seconds` are over; Ctrl-C ends it sooner, as KeyboardInterrupt.

        show: given the live report a few times a second.

        Raises LivestyleError when the worker never came up or no sink takes frames any more.
        """
        self._cover.begin()
        with undisturbed():
            self._run(show)

    def _run(self, show: Callable[[Status], None]) -> None:
        self._worker.start()
        self._clock.start(self._began.seconds)
        while self._clock.running:
            self._worker.poll(REST if self._clock.rests else TICK)
            self._clock.fps = self.config.fps  # that of a change that was refused goes back
            self._watch()
            self._status = without_outputs(self._reporter.live() | self._notes())
            show(self._status)
        if self._clock.failure:
            raise self._clock.failure

    @property
    def config(self) -> Config:
        """The settings that are asked for now."""
        return self._worker.asked.config

    @property
    def outputs(self) -> list[Sink]:
        """The sinks that are open, a recording among them."""
        recorder = self._recordings.sink
        return [*self._sinks.open.values(), *([recorder] if recorder else [])]

    def status(self) -> Status:
        """The live form of the report, a moment old."""
        return self._status

    def change(self, values: dict[str, Any]) -> int:
        """Have live settings other values, by the keys that flags have: all of them, or none.
        Returns the change's number.

        Called on any thread, and may take as long as opening a sink does. Raises LivestyleError.
        """
        self._idle.wake()
        try:
            with self._changing:
                return self._change(values)
        except LivestyleError as error:
            self._record(f"change of {', '.join(values)} refused: {error}")
            raise

    def answer(self) -> str | None:
        """Why the last change was refused, "" where it was not; None: it is not known yet."""
        asked = self._worker.asked
        waits = self._worker.state == "running" and not asked.is_answered
        return None if waits else asked.refused

    def styles(self) -> list[StyleChoice]:
        """Those of the stylizer."""
        return self._gallery.styles(self.config)

    def style_picture(self, name: str) -> bytes:
        """The source in that style, JPEG. Raises LivestyleError."""
        self._idle.wake()
        return self._gallery.picture(self.config, name)

    def sources(self) -> list[SourceChoice]:
        """What may be chosen as the source."""
        return self._offer.sources(self.config)

    def sinks(self) -> list[SinkChoice]:
        """What may be chosen as a sink."""
        written = {spec: sink for spec, sink in self._sinks.open.items() if self._clock.has(sink)}
        return self._offer.sinks(self.config, written)

    def recording(self) -> Recording | None:
        """The one that goes on."""
        return self._recordings.state()

    def start_recording(self) -> Recording:
        """Begin one. Raises LivestyleError."""
        with self._changing:  # of the rate
            return self._recordings.start()

    def stop_recording(self) -> Recording:
        """End the one that goes on. Raises LivestyleError."""
        return self._recordings.stop()

    def finish(self) -> Status:
        """Stop the clock and the worker, close the sinks. Returns the final report."""
        self._clock.stop()
        report = self._reporter.final()
        self._worker.stop()
        if self._began.build == "background":  # one may have been under way
            user_cache().clean()
        self._opened.close()
        self._is_finished = True
        # with the last that the worker counted
        return report | self._reporter.worker_figures() | self._notes()

    def write_report(self, report: Status) -> None:
        """Write the final report where the settings say, if they do. Raises LivestyleError."""
        if self._report:
            self._report.write_json(report)

    def _slots(self, frame_bytes: int, *, with_page: bool) -> Slots:
        entered = self._opened.enter_context
        styled = entered(Slot(frame_bytes))
        if not with_page:
            return Slots(styled)
        width, height = canvas_size(self._size)
        return Slots(styled, entered(Slot(frame_bytes)), entered(Slot(width * height * 4)))

    def _change(self, values: dict[str, Any]) -> int:
        before = self.config
        after = changed(before, values)
        if after.source == "auto":
            after = dataclasses.replace(after, source=choose_source()[0])
        if after.source != before.source:
            after = dataclasses.replace(after, source=settled_source(after.source))
        self._offer.check(before, after)
        if after.fps != before.fps and (self._sinks.has_file or self._recordings.state()):
            raise ConfigError("fps can't change while a recording goes on; end that first")
        if after.sink != before.sink:
            if (
                dataclasses.replace(after, sink=before.sink) != before
            ):  # the rest may be refused later on; a sink is closed for good
                raise ConfigError("sink changes alone; send the other settings before or after")
            after = dataclasses.replace(after, sink=self._sinks.change(after))
        self._clock.fps = after.fps
        self._worker.change(after)
        return self._worker.asked.number

    def _painter(self, stylizer: str) -> Painter | None:
        if stylizer == "turbo":
            return Within(self._worker.commission)
        source = self.slots.source
        return Apart(source, self._size) if stylizer == "lite" and source else None

    def _watch(self) -> None:
        counts, running = self._clock.counts, self._worker.running
        if running and running.source_fps:
            counts.freezes.follow(min(self.config.fps, running.source_fps))
        if self._worker.state != "running":
            self._worker.commission.end(self._worker.message)
        self._cover.look(self._worker, self.config)
        self._idle.look(self._worker, self.config)
        if self._began.hud:
            output = self._status.get("output") or {}
            p50 = (output.get("latency_ms") or {}).get("p50")
            fps = f"{output.get('unique_fps', 0):.0f} unique fps"
            self._clock.hud = draw_hud(fps if p50 is None else f"{fps}  {p50:.0f} ms")

    def _notes(self) -> Status:
        """What the sinks say of themselves, and what ended before the run did."""
        return {
            "sinks": list(map(figures_of, self.outputs)),
            "ended": self._ended(),
            **self._remotes.figures(),
        }

    def _ended(self) -> list[str]:
        ended = [*self._clock.notes, *self._sinks.ended, *self._recordings.ended]
        if self._log and self._log.note:
            ended.append(self._log.note)
        if self._is_finished and isinstance(self._clock.failure, SinkError):  # of the only one left
            ended.append(str(self._clock.failure))
        worked = self._worker.counts()
        # the last that a killed worker counted was not told; what stands in for one is not styled
        shown = self._clock.counts.unique if self.config.on_failure != "passthrough" else 0
        if self._is_finished and not (worked.stylized or worked.plain or shown):
            why = self._worker.message or "the worker was not ready in time"
            ended.append(f"no frame was styled: {why}")
        return ended
