"""Ladder: a stylizer and the sizes of the picture inside it that keep so many frames a second."""

from __future__ import annotations

import threading
from collections.abc import Callable

from livestyle.aside import Aside
from livestyle.errors import StylizerError
from livestyle.frame import Size
from livestyle.placement import ladder
from livestyle.stylizers import Stylizer
from livestyle.worker.hold_fps import HoldFps, Resize, words

_Takes = dict[Size, Callable[[], bool]]


class Ladder:
    """The sizes are prepared first, beside the frames where the stylizer allows; until they all are
    nothing is judged, for the preparing itself takes time from the frames. Which size is best is
    HoldFps' affair; it is taken between two frames, by exchanging what is ready.

    Without `start` the stylizer stays as it is.
    """

    def __init__(self, stylizer: Stylizer, aspect: str) -> None:
        """stylizer: open; `close` closes it. aspect: that of its canvas."""
        self.stylizer = stylizer
        self.aspect = aspect
        self._hold: HoldFps | None = None
        self._takes: _Takes = {}  # empty until all of them are prepared
        self._next: Resize | None = None
        self._why = ""  # there is this size
        self._failure: BaseException | None = None
        self._closing = threading.Event()
        self._preparing: threading.Thread | None = None

    def start(self, fps: float) -> None:
        """Begin to keep so many frames a second. Called on any thread, while no frame is styled."""
        stylizer = self.stylizer
        if stylizer.grid is None:
            self._why = f"{stylizer.name} has no other size, to hold {fps:g} frames per second"
            return
        sizes = ladder(stylizer.size, stylizer.grid)
        self._hold = HoldFps(fps, sizes)
        self._prepare(sizes)

    @property
    def why(self) -> str:
        """Why there is this size and no other, in words, or ""."""
        return (self._hold and self._hold.stuck) or self._why

    def turn(self) -> bool:
        """Between two frames: take what was found better. Returns whether the size is another."""
        if self._failure:
            raise self._failure
        if self._next is None or self._hold is None:
            return False
        resize, self._next = self._next, None
        if not self._takes[resize.size]():
            self._prepare(list(self._takes))
            return False
        self._hold.go(resize.size)
        self._why = resize.why
        return True

    def record(self, duration: int) -> None:
        """A frame that was styled took so long, ns, from taken to shown."""
        if self._hold is not None and self._takes:
            self._next = self._hold.record(duration)

    def close(self, timeout: float = 0) -> None:
        """Close the stylizer. timeout: s, to wait for what is being prepared."""
        self._closing.set()
        if self._preparing is not None:
            self._preparing.join(timeout)
        self._takes = {}
        self.stylizer.__exit__(None, None, None)

    def _prepare(self, sizes: list[Size]) -> None:
        self._takes = {}
        if self.stylizer.prepares_beside:
            self._preparing = Aside(lambda: self._prepare_all(sizes), "ladder")
            self._preparing.start()
        else:
            self._prepare_all(sizes)

    def _prepare_all(self, sizes: list[Size]) -> None:
        takes: _Takes = {}
        size = self.stylizer.size
        try:
            for size in sizes:
                if self._closing.is_set():
                    return
                takes[size] = self.stylizer.prepare(size)
            self._takes = takes
        except StylizerError as error:  # the run goes on as it is
            self._why = (
                f"{words(self.stylizer.size)} stays: {words(size)} can't be prepared: {error}"
            )
        except Exception as error:  # raised where frames are styled
            if not self._closing.is_set():
                self._failure = error
