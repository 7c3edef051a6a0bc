"""BackgroundWriter: takes frames at once, for a slow consumer on a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from livestyle.errors import SinkError
from livestyle.frame import Size

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_BUFFERS = 12  # frames: rides out a hiccup of the disk; 16 MiB at 1280x720


class BackgroundWriter:
    """A bounded set of buffers between `put` and `consume`; what finds none free is dropped.

    consume(pixels, tick): called on the thread, in order; tick is the number of the `put`.
    finish(): called on the thread after the last frame; not after a failure of `consume`.
    Both may raise SinkError.
    """

    def __init__(
        self,
        size: Size,
        consume: Callable[[Pixels, int], None],
        finish: Callable[[], None],
    ) -> None:
        width, height = size
        self.dropped = 0
        self._consume = consume
        self._finish = finish
        self._failure: SinkError | None = None
        self._told = False  # whoever writes of the failure
        self._free: queue.SimpleQueue[Pixels] = queue.SimpleQueue()
        for _ in range(_BUFFERS):
            self._free.put(np.empty((height * 3 // 2, width), np.uint8))
        self._filled: queue.SimpleQueue[tuple[Pixels, int] | None] = queue.SimpleQueue()
        self._ticks = 0
        self._thread = threading.Thread(target=self._run, name="background-writer", daemon=True)
        self._thread.start()

    @property
    def note(self) -> str:
        """What the sink says of itself: "" or how many frames were dropped."""
        return f"{self.dropped} frames dropped, too slow" if self.dropped else ""

    def put(self, pixels: Pixels) -> None:
        """Copy an I420 picture for the consumer. Never waits. Raises the consumer's SinkError."""
        self._tell()
        tick, self._ticks = self._ticks, self._ticks + 1
        try:
            buffer = self._free.get_nowait()
        except queue.Empty:
            self.dropped += 1
            return
        np.copyto(buffer, pixels)
        self._filled.put((buffer, tick))

    def close(self, timeout: float) -> bool:
        """Wait until all that was put is consumed, `timeout` s at most. Returns whether it is.

        Raises the consumer's SinkError where `put` has not done so.
        """
        self._filled.put(None)
        self._thread.join(timeout)
        if not self._told:
            self._tell()
        return not self._thread.is_alive()

    def _tell(self) -> None:
        if self._failure:
            self._told = True
            raise self._failure

    def _run(self) -> None:
        try:
            while item := self._filled.get():
                self._consume(*item)
                self._free.put(item[0])
            self._finish()
        except SinkError as error:
            self._failure = error
        finally:
            # who consumes holds this one: of such a circle all memory, an encoder's too, would stay
            # until the collector comes to it, which in a run takes hours
            del self._consume, self._finish
