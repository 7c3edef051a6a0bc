"""Pipeline: the capture and the stylize thread of one process, from a source to a slot."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable

from livestyle.between.look import Live
from livestyle.between.mailbox import Closed, Mailbox
from livestyle.between.messages import Counts, Running
from livestyle.between.slot import Slot
from livestyle.canvas import to_i420
from livestyle.errors import SpoiltFrame, StylizerError
from livestyle.finish.live import LiveFinish
from livestyle.frame import Frame
from livestyle.sources import Source
from livestyle.stylizers import Stylizer
from livestyle.worker.capture import Capture, Forecast
from livestyle.worker.ladder import Ladder


class Pipeline:
    """source → mailbox → stylizer → slot, on two threads.

    `failure` is what ended a stage; the other stage is then stopped too.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        stylizer: Stylizer,
        slot: Slot,
        fps: float,
        finish: LiveFinish | None = None,
    ) -> None:
        """Opens the source (errors appear here, before any thread exists) and starts nothing.

        stylizer: open; `stop` closes it. finish: what happens to its pictures; None: nothing.
        """
        self.failure: BaseException | None = None
        self.loading = ""  # what is, while another stylizer stands in for the one wanted
        self.building = ""  # how far an engine is that will take over, or why there is none
        self.live: Live | None = None  # the newest that was asked for
        self._changing = threading.Lock()  # protects it, and whose turn it is
        self._counts = Counts()
        self._is_spoilt, self._spoilt_why = False, ""  # the last frame; the last that was
        self._capture = Capture(open_source, slot, fps, self._counts)
        self.hold_fps: float | None = None  # set before `start`, see Ladder
        self._ladder = self._used = Ladder(stylizer)
        self._proven: Ladder | None = None  # the one that made the latest frame
        self._slot = slot
        self._finish = finish
        self._captured: Mailbox[Frame] = Mailbox()
        self._forecast = Forecast()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._guard, args=(stage,), name=name, daemon=True)
            for name, stage in (("capture", self._run_capture), ("stylize", self._run_stylize))
        ]

    def start(self) -> None:
        """Start both threads."""
        self._hold_fps(self._ladder)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop both threads, wait for them, close the source and the stylizer."""
        self._end()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=5)
        self._capture.close()
        self._used.close(timeout=5)
        if self._ladder is not self._used:  # it never came to a frame
            self._ladder.close(timeout=5)

    def change(self, live: Live) -> None:
        """Take another look and finish, from the next frame on.

        Raises ConfigError where there is none.
        """
        with self._changing:
            self.live = live
            if self._finish is not None:
                self._finish.change(live.finishing)
            if live.look is not None and not self.loading:
                self._ladder.stylizer.change(live.look)

    def swap(self, stylizer: Stylizer) -> None:
        """Go on with another stylizer, from the next frame on; then the one before is closed.

        It takes the look that was asked for meanwhile first, which may take as long as encoding a
        prompt does; called on a thread that may wait.
        """
        live = self.live
        if live is not None and live.look is not None:
            with contextlib.suppress(StylizerError):  # it is refused, and told with the progress
                stylizer.change(live.look, wait=True)
        ladder = Ladder(stylizer)
        self._hold_fps(ladder)
        with self._changing:
            self._ladder = ladder
            self.loading = ""  # from here on a change reaches it; one that came before is given now
            if self.live is not None and self.live is not live and self.live.look is not None:
                stylizer.change(self.live.look)

    def progress(self) -> Running:
        """What runs and what was counted, now."""
        source, ladder = self._capture.source, self._ladder
        stylizer = ladder.stylizer
        live, refusal = self.live, stylizer.refusal
        self._counts.superseded = self._captured.superseded
        return Running(
            source=source.name,
            source_size=source.size,
            source_fps=source.fps,
            stylizer=stylizer.name,
            engine=stylizer.engine,
            engine_why=stylizer.why,
            stylizer_size=stylizer.size,
            size_why=ladder.why,
            counts=self._counts,
            heard=0 if live is None else live.number,
            is_settled=stylizer.is_settled,
            refusal=refusal if refusal and live and refusal.look is live.look else None,
            note=stylizer.note,
            trouble=self._capture.trouble or self._spoilt_why * self._is_spoilt,
            spoilt_why=self._spoilt_why,
            loading=self.loading,
            fresh=ladder is not self._proven,
            building=self.building,
        )

    def _hold_fps(self, ladder: Ladder) -> None:
        if self.hold_fps is not None:  # a source that gives fewer is no reason to be faster
            ladder.start(min(self.hold_fps, self._capture.source.fps or self.hold_fps))

    def _run_capture(self) -> None:
        self._capture.run(self._captured, self._forecast, self._stopping)

    def _run_stylize(self) -> None:
        while True:
            frame = self._captured.take()
            self._forecast.begin()
            ladder = self._next_ladder()
            try:
                write, held = self._styled(frame, ladder.stylizer)
            except SpoiltFrame as error:  # what was shown stays
                self._spoil(str(error))
                continue
            self._is_spoilt = False
            self._slot.put(frame.seq, frame.captured_at, write)
            self._counts.stylized += 1
            self._proven = ladder
            if held:
                self._counts.held += 1
                self._forecast.skip()
            else:
                duration = self._forecast.end()
                self._counts.stylize.record(duration)
                ladder.record(duration)

    def _spoil(self, why: str) -> None:
        self._is_spoilt, self._spoilt_why = True, why
        self._counts.spoilt += 1
        self._forecast.skip()
        if self._finish is not None:
            self._finish.forget()

    def _next_ladder(self) -> Ladder:
        """That of the next frame, at the size that it is styled at."""
        ladder = self._ladder
        is_other = ladder is not self._used
        if is_other:
            self._used.close()
            self._used = ladder
        if ladder.turn():
            self._counts.resizes += 1
            is_other = True
        if is_other and self._finish is not None:
            self._finish.forget()
        return ladder

    def _styled(
        self, frame: Frame, stylizer: Stylizer
    ) -> tuple[Callable[[memoryview], None], bool]:
        """What writes the frame's picture, and whether that is what was shown before."""
        finish = self._finish
        if finish is None or stylizer.is_plain or not finish.is_on:
            if finish is not None:  # what it remembers is not what is shown
                finish.forget()
            return functools.partial(to_i420, stylizer.stylize(frame).pixels), False
        if not stylizer.is_settled:  # it may take another look in this frame
            finish.forget()
        new = finish.look_at(frame.pixels, stylizer.finish)
        if new:
            finish.style(stylizer.stylize(frame).pixels)
        return finish.write, not new

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except Closed:
            pass
        except BaseException as error:  # kept for whoever watches; the first one is the cause
            self.failure = self.failure or error
        self._end()

    def _end(self) -> None:
        self._stopping.set()
        self._captured.close()
