"""Easel: where the stylize thread makes a picture in another look for somebody beside it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TYPE_CHECKING

from livestyle.errors import StylizerError
from livestyle.stylizers.gpu import gpu_error

if TYPE_CHECKING:
    from livestyle.between.look import Look
    from livestyle.frame import Frame, Pixels
    from livestyle.stylizers import Stylizer

    Pair = tuple[Pixels, Pixels]  # of the source, BGRA, and what the stylizer made of it

PATIENCE = 5.0  # s for which a frame is waited for


class Easel:
    """One picture at a time: who wants it waits, and the stylize thread makes it of the frame that
    it has just shown, as if it had another frame to style.
    """

    def __init__(self) -> None:
        self._waiting: _Sitting | None = None
        self._is_closed = False

    @property
    def is_wanted(self) -> bool:
        """Whether a picture waits. It costs the stylize thread no more between two frames."""
        return self._waiting is not None

    def glimpse(self, stylizer: Stylizer, look: Look) -> Pair:
        """A frame of the source, and the same in that look; copies. Waits for it: called on one
        thread, not on the stylize thread.

        Raises StylizerError where there is none, TimeoutError where no frame came.
        """
        sitting = _Sitting(stylizer, stylizer.glimpse(look))
        self._waiting = sitting
        if self._is_closed:
            self._waiting = None
            raise StylizerError("the run ends")
        try:
            made = sitting.made.get(timeout=PATIENCE)
        except queue.Empty:
            if self._waiting is sitting:
                self._waiting = None
                raise TimeoutError from None
            made = sitting.made.get()  # it is being made, and may take as long as a frame does
        if isinstance(made, str):
            raise StylizerError(made)
        return made

    def paint(self, frame: Frame, stylizer: Stylizer) -> None:
        """Make the picture that waits; between two frames. Raises what is wrong with the GPU."""
        sitting, self._waiting = self._waiting, None
        if sitting is None:
            return
        if sitting.stylizer is not stylizer:
            sitting.made.put("another stylizer took over; try again")
            return
        try:
            styled = sitting.paint(frame).pixels
        except Exception as error:
            sitting.made.put(str(error) if isinstance(error, StylizerError) else repr(error))
            if gpu_error(error):
                raise
            return
        sitting.made.put((frame.pixels.copy(), styled.copy()))

    def close(self) -> None:
        """Nothing is made any more: who waits hears so."""
        self._is_closed = True
        if sitting := self._waiting:
            sitting.made.put("the run ends")


class _Sitting:
    def __init__(self, stylizer: Stylizer, paint: Callable[[Frame], Frame]) -> None:
        self.stylizer = stylizer
        self.paint = paint
        self.made: queue.SimpleQueue[Pair | str] = queue.SimpleQueue()
