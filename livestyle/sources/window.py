"""A window of X11, through XComposite: its own pixels alone, wherever it is and whatever lies over
it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from livestyle.errors import SourceError, SourceLost
from livestyle.frame import Frame, Size
from livestyle.sources.x11 import GONE, REFUSED, SharedMemory, WindowInfo, X11Display
from livestyle.values import shown

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_TRIES = 3  # of one picture, of a window that is just being resized
_PAINTS_WITHIN = 0.2  # s after it is shown or resized: until then it may have pixels of the screen
_PATIENCE = 3.0  # s for a size that stays


class Window:
    """A Source that samples a window whenever it is read.

    title: all of what stands in its title bar, see `choose_window`; a part of it might be another's
    where the one that was meant is away. Of several that have it the topmost is taken.
    display: the X11 display; None for the session's own.

    The window is followed when it is moved, covered, resized or renamed. The pointer is not seen.
    After it is opened, and when its size is another, it is waited for until it has one that stays:
    what its program has not painted yet is what was on the screen there.
    Raises SourceError when there is no such window, or it is minimised.
    """

    fps = None

    def __init__(self, title: str, display: str | None = None) -> None:
        self.name = f"window:{title}"
        self._title = title
        with contextlib.ExitStack() as undo:
            self._display = undo.enter_context(X11Display(display))
            with _answering(self.name, SourceError):
                found = find_window(self._display.windows(), title)
                self._id, self.size = found.id, found.size
                self._display.redirect(self._id)
                self._memory = undo.enter_context(SharedMemory(self._display))
                self._memory.hold(self.size[0] * self.size[1] * 4)  # whether there can be any
            self._opened = undo.pop_all()
        self._seq = 0
        self._painted: Size | None = None  # the size at which its program has painted it

    def read(self) -> Frame:
        """The window now, or as soon as it has painted itself: BGRA (H, W, 4).

        Raises SourceLost when it is closed or minimised, or the display is gone.
        """
        with _answering(self.name, SourceLost):
            pixels = self._painted_pixels()
        captured_at = time.monotonic_ns()
        self.size = pixels.shape[1], pixels.shape[0]
        self._seq += 1
        return Frame(pixels, self._seq - 1, captured_at)

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._opened.close()

    def _painted_pixels(self) -> Pixels:
        pixels, until = self._grab(), time.monotonic() + _PATIENCE
        while (size := (pixels.shape[1], pixels.shape[0])) != self._painted:
            time.sleep(_PAINTS_WITHIN)
            pixels = self._grab()
            if (pixels.shape[1], pixels.shape[0]) == size or time.monotonic() > until:
                self._painted = pixels.shape[1], pixels.shape[0]
        return pixels

    def _grab(self) -> Pixels:
        for _ in range(_TRIES):
            try:
                return self._display.read(self._id, self._memory)
            except REFUSED:  # between its size and its picture it was given another
                if why := self._display.why_unseen(self._id):
                    raise SourceLost(f"{self.name} {why}") from None
        raise SourceLost(f"{self.name} is resized without a pause")


def list_windows(display: str | None = None) -> list[WindowInfo]:
    """Those that are shown and have a title, the topmost last. Raises SourceError when there is no
    display.
    """
    with X11Display(display) as opened, _answering("windows", SourceError):
        return opened.windows()


def choose_window(windows: list[WindowInfo], words: str) -> WindowInfo:
    """The one with this title; where there is none, one with this in its title, in any case. Of
    several the topmost, which is the last. Raises SourceError when there is none.
    """
    wanted = " ".join(words.split()).casefold()
    alike = [window for window in windows if wanted in window.title.casefold()]
    exact = [window for window in alike if window.title.casefold() == wanted]
    return (exact or alike or [find_window(windows, words)])[-1]


def find_window(windows: list[WindowInfo], title: str) -> WindowInfo:
    """The one with exactly this title, of several the topmost. Raises SourceError when there is
    none.
    """
    if found := [window for window in windows if window.title == title]:
        return found[-1]
    there = ", ".join(shown(window.title) for window in windows) or "none is shown"
    raise SourceError(f"there is no window {shown(title)}; choose from: {there}")


@contextlib.contextmanager
def _answering(name: str, error: type[SourceError]) -> Iterator[None]:
    """What the display does not answer is that error."""
    try:
        yield
    except REFUSED as refused:
        why = type(refused).__name__.removesuffix("Error")
        raise error(f"cannot read {name}: the display refuses it ({why})") from refused
    except GONE as gone:
        raise error(f"cannot read {name}: the display is gone") from gone
