"""A window of Windows, through Windows.Graphics.Capture: its own pixels alone, whatever lies over
it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from livestyle.errors import SourceError, SourceLost
from livestyle.frame import Frame, Size
from livestyle.installation import adding

try:
    import windows_capture
except ImportError as missing:
    raise SourceError(f"windows-capture: {missing}; {adding('window')}") from missing

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_PATIENCE = 3.0  # s for the first picture: the system gives one at once, then those that differ


class Window:
    """A Source that samples a window whenever it is read.

    title: what stands in its title bar, or a part of that. The system finds and follows it.
    Raises SourceError when there is no such window, or it gives no picture.
    """

    fps = None

    def __init__(self, title: str) -> None:
        self.name = f"window:{title}"
        self._newest: Pixels | None = None  # set by the system's thread, never written to again
        self._changed = threading.Condition()
        self._is_closed = False
        self._seq = 0
        capture = windows_capture.WindowsCapture(cursor_capture=False, window_name=title)
        capture.frame_handler = self._take
        capture.closed_handler = self._close
        try:
            self._capture = capture.start_free_threaded()
        except Exception as error:  # what its native part raises is documented nowhere
            raise SourceError(f"cannot read {self.name}: {error}") from error
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._is_closed, _PATIENCE)
        if self._newest is None:
            self._capture.stop()
            raise SourceError(f"{self.name} gives no picture; it may be minimised")
        self.size: Size = self._newest.shape[1], self._newest.shape[0]

    def read(self) -> Frame:
        """The window now: BGRA (H, W, 4). Raises SourceLost when it is closed."""
        if self._is_closed or self._capture.is_finished() or self._newest is None:
            raise SourceLost(f"{self.name} is closed")
        pixels = self._newest
        self.size = pixels.shape[1], pixels.shape[0]
        self._seq += 1
        return Frame(pixels.copy(), self._seq - 1, time.monotonic_ns())

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._capture.stop()

    def _take(self, frame: Any, _: object) -> None:
        with self._changed:
            self._newest = frame.frame_buffer.copy()
            self._changed.notify()

    def _close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()
