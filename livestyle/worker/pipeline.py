"""Pipeline: the capture and the stylize thread of one process, from a source to a slot."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from livestyle.aside import Aside
from livestyle.between.look import Look, finishing_of, look_of, with_look
from livestyle.between.mailbox import Closed, Mailbox
from livestyle.between.messages import Change, Counts, Refused, Running
from livestyle.between.slot import Slots
from livestyle.canvas import Canvas, to_i420
from livestyle.config import Config
from livestyle.errors import SpoiltFrame, StylizerError
from livestyle.finish.live import LiveFinish
from livestyle.frame import Frame, Size
from livestyle.sources import Source
from livestyle.stylizers import Stylizer
from livestyle.stylizers.gpu import gpu_error
from livestyle.worker.capture import Capture, Forecast
from livestyle.worker.easel import Easel
from livestyle.worker.ladder import Ladder

if TYPE_CHECKING:
    from livestyle.worker.easel import Pair

_FORGIVEN = 2  # frames in a row that may fail: the next ones may not


class Pipeline:
    """source → mailbox → stylizer → slot, on two threads.

    `failure` is what ended a stage; the other stage is then stopped too.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        stylizer: Stylizer,
        slots: Slots,
        begins: Change,
        finish: LiveFinish,
    ) -> None:
        """Opens the source (errors appear here, before any thread exists) and starts nothing.

        stylizer: open, on a canvas of the settings' aspect; `stop` closes it. begins: what the
        source, the stylizer and the finish were opened with.
        """
        self.failure: BaseException | None = None
        self.loading = ""  # what is, while another stylizer stands in for the one wanted
        self.building = ""  # how far an engine is that will take over, or why there is none
        self.opened = begins.number  # of the newest change whose source and style are open
        self._asked = begins  # the newest change
        self._look = _look_of(begins.config)  # that it asks for
        self._changing = threading.Lock()  # protects these two, and whose turn it is
        self._shown = begins.number  # of the newest change that shows whole
        self._counts = Counts()
        self._is_spoilt, self._spoilt_why = False, ""  # the last frame; the last that was
        self._failed = 0  # frames in a row that ended in an error
        self._capture = Capture(open_source, slots.styled, begins.config.fps, self._counts)
        self._ladder = self._used = Ladder(stylizer, begins.config.aspect)
        self._proven: Ladder | None = None  # the one that made the latest frame
        self._slot = slots.styled
        self._seen = slots.source
        self._finish = finish
        self._captured: Mailbox[Frame] = Mailbox()
        self._forecast = Forecast()
        self._easel = Easel()
        self._stopping = threading.Event()
        self._capturing = self._thread("capture", self._run_capture)
        self._stylizing = self._thread("stylize", self._run_stylize)

    def start(self) -> None:
        """Start both threads."""
        self._hold_fps(self._ladder)
        self._capturing.start()
        self._stylizing.start()

    def stop(self) -> None:
        """Stop both threads, wait for them, close the source and the stylizer."""
        self._end()
        for thread in (self._capturing, self._stylizing):
            if thread.ident is not None:
                thread.join(timeout=5)
        self._capture.close()
        self._used.close(timeout=5)
        if self._ladder is not self._used:  # it never came to a frame
            self._ladder.close(timeout=5)

    def change(self, change: Change) -> None:
        """Go on with these settings, from the next frame on; but for another source or style, which
        `go_on_with` and `swap` bring.
        """
        with self._changing:
            self._asked, self._look = change, _look_of(change.config)
            self._finish.change(finishing_of(change.config))
            self._capture.fps = change.config.fps
            if self._look is not None and not self.loading:
                self._ladder.stylizer.change(self._look)

    def go_on_with(self, source: Source, open_source: Callable[[], Source]) -> None:
        """Go on with another source, open, from the next tick on; then the one before is closed.
        Waits until that is so; called on a thread that may.

        open_source: opens it again whenever it was lost.
        """
        if self._capture.go_on_with(source, open_source):
            return
        # nothing ends a read that hangs: its thread is left with it, and another one begins
        with self._changing:
            fps = self._asked.config.fps
            self._capture = Capture(open_source, self._slot, fps, self._counts, source)
            self._capturing = self._thread("capture", self._run_capture)
        self._capturing.start()

    def swap(self, stylizer: Stylizer) -> None:
        """Go on with another stylizer, from the next frame on; then the one before is closed.

        It takes the look that was asked for meanwhile first, which may take as long as encoding a
        prompt does; called on a thread that may wait.
        """
        look, aspect = self._look, self._asked.config.aspect
        if look is not None:
            with contextlib.suppress(StylizerError):  # it is refused, and told with the progress
                stylizer.change(look, wait=True)
        ladder = Ladder(stylizer, aspect)
        self._hold_fps(ladder)
        with self._changing:
            self._ladder = ladder
            self.loading = ""  # from here on a change reaches it; one that came before is given now
            if self._look is not None and self._look != look:
                stylizer.change(self._look)

    @property
    def asked(self) -> Config:
        """The settings that are wanted."""
        return self._asked.config

    @property
    def size(self) -> Size:
        """(width, height) of what is shown."""
        return self._finish.size

    def glimpse(self, look: Look) -> Pair:
        """The next frame, and the same in another look; see Easel. Raises StylizerError where it
        can't be made, TimeoutError with the reason where there is no frame.
        """
        if self.loading:
            raise StylizerError(f"{self.loading} is loading; try again once it runs")
        try:
            return self._easel.glimpse(self._ladder.stylizer, look)
        except TimeoutError:
            rests = "nobody watches the run: it rests" if self._slot.rests else ""
            why = self._capture.trouble or rests or "the run has no frame to spare"
            raise TimeoutError(f"{why}; try again") from None

    def progress(self) -> Running:
        """What runs and what was counted, now."""
        source, ladder = self._capture.source, self._ladder
        stylizer = ladder.stylizer
        asked, look, refusal = self._asked, self._look, stylizer.refusal
        refused = None
        if refusal and refusal.look == look:
            refused = Refused(with_look(asked.config, refusal.kept), refusal.why)
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
            heard=asked.number,
            is_settled=stylizer.is_settled,
            refused=refused,
            note=stylizer.note,
            trouble=self._capture.trouble or self._spoilt_why * self._is_spoilt,
            spoilt_why=self._spoilt_why,
            loading=self.loading,
            opening="",
            fresh=ladder is not self._proven and not asked.config.off,
            building=self.building,
            rests=self._slot.rests,
        )

    def _hold_fps(self, ladder: Ladder) -> None:
        hold_fps = self._asked.config.hold_fps
        if hold_fps is not None:  # a source that gives fewer is no reason to be faster
            ladder.start(min(hold_fps, self._capture.source.fps or hold_fps))

    def _run_capture(self) -> None:
        self._capture.run(self._captured, self._forecast, self._stopping)

    def _run_stylize(self) -> None:
        while True:
            frame = self._captured.take()
            self._show(frame)
            if self._easel.is_wanted:
                self._paint(frame, self._used.stylizer)

    def _show(self, frame: Frame) -> None:
        self._forecast.begin()
        asked, look, opened = self._asked, self._look, self.opened
        show_source = functools.partial(self._finish.show_source, frame.pixels)
        if self._seen is not None and self._seen.is_wanted:
            self._seen.put(frame.seq, frame.captured_at, show_source)
        ladder = self._next_ladder(asked.config)
        if asked.config.off:
            self._finish.forget()
            self._shown = max(self._shown, asked.number)
            self._slot.put(frame.seq, frame.captured_at, show_source, self._shown)
            self._counts.plain += 1
            self._forecast.skip()
            return
        if (styled := self._tried(frame, ladder.stylizer)) is None:  # what was shown stays
            return
        write, held = styled
        self._is_spoilt = False
        if opened >= asked.number and ladder.stylizer.look == look:
            self._shown = asked.number
        self._slot.put(frame.seq, frame.captured_at, write, self._shown)
        self._counts.stylized += 1
        self._proven = ladder
        if held:
            self._counts.held += 1
            self._forecast.skip()
        else:
            duration = self._forecast.end()
            self._counts.stylize.record(duration)
            ladder.record(duration)

    def _paint(self, frame: Frame, stylizer: Stylizer) -> None:
        """What waits at the easel; not before a change that waits has been shown."""
        if stylizer.is_settled or self._asked.config.off:
            self._forecast.begin()  # as long as a frame: the next is captured for when it is over
            self._easel.paint(frame, stylizer)
            self._forecast.skip()

    def _tried(
        self, frame: Frame, stylizer: Stylizer
    ) -> tuple[Callable[[memoryview], None], bool] | None:
        """See `_styled`; None where no picture came of it, and the next frame may be better."""
        try:
            styled = self._styled(frame, stylizer)
        except SpoiltFrame as error:
            self._spoil(str(error))
            return None
        except Exception as error:
            self._failed += 1
            if self._failed > _FORGIVEN or gpu_error(error):
                raise
            self._spoil(str(error) if isinstance(error, StylizerError) else repr(error))
            return None
        self._failed = 0
        return styled

    def _spoil(self, why: str) -> None:
        self._is_spoilt, self._spoilt_why = True, why
        self._counts.spoilt += 1
        self._forecast.skip()
        self._finish.forget()

    def _next_ladder(self, config: Config) -> Ladder:
        """That of the next frame, at the size that it is styled at, on a canvas as it is wanted."""
        ladder = self._ladder
        is_other = ladder is not self._used
        if is_other:
            Aside(self._used.close, "close").start()  # frames need not wait for its memory
            self._used = ladder
        if ladder.turn():
            self._counts.resizes += 1
            is_other = True
        if ladder.aspect != config.aspect:
            ladder.stylizer.paint_on(Canvas(self._finish.size, config.aspect, i420=True))
            ladder.aspect = config.aspect
            is_other = True
        self._finish.place(config.aspect)
        if is_other:
            self._finish.forget()
        return ladder

    def _styled(
        self, frame: Frame, stylizer: Stylizer
    ) -> tuple[Callable[[memoryview], None], bool]:
        """What writes the frame's picture, and whether that is what was shown before."""
        finish = self._finish
        if stylizer.is_plain or not finish.is_on:
            finish.forget()  # what it remembers is not what is shown
            return functools.partial(to_i420, stylizer.stylize(frame).pixels), False
        if not stylizer.is_settled:  # it may take another look in this frame
            finish.forget()
        new = finish.look_at(frame.pixels, stylizer.finish)
        if new:
            finish.style(stylizer.stylize(frame).pixels)
        return finish.write, not new

    def _thread(self, name: str, stage: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._guard, args=(stage,), name=name, daemon=True)

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except Closed:  # as the other stage has ended
            pass
        except BaseException as error:  # kept for whoever watches; the first one is the cause
            self.failure = self.failure or error
            self._end()

    def _end(self) -> None:
        self._stopping.set()
        self._captured.close()
        self._easel.close()


def _look_of(config: Config) -> Look | None:
    """What turbo is asked for, whether it is there yet or not."""
    return look_of(config) if config.stylizer == "turbo" else None
