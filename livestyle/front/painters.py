"""Painters: who makes the gallery's pictures, lite's in a process apart, turbo's in the run."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from livestyle.between.slot import Slot
from livestyle.errors import LivestyleError
from livestyle.frame import Size
from livestyle.front.child import Child
from livestyle.front.commission import Commission
from livestyle.stylizers.preset import list_presets
from livestyle.stylizers.style import list_styles
from livestyle.worker.gallery import serve_gallery

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_PATIENCE = 5.0  # s for which a picture of the source is waited for
_SECONDS = 120.0  # for all of them
_LOOK_EVERY = 0.05  # s


class Painter(Protocol):
    """Within `with`, and but for `stop` on one thread, it makes round after round."""

    def paint(self) -> Iterator[tuple[str, bytes | str]]:
        """A round: the source of now in each style, its name and JPEG, or why there is none.

        Raises LivestyleError where the round ends early.
        """
        ...

    def stop(self) -> None:
        """Have a round that goes on end early, and each that comes. Called on any thread."""
        ...

    def __enter__(self) -> object: ...

    def __exit__(self, *exc_info: object) -> None: ...


class Apart:
    """Lite's, by a process that leaves the machine to the run; it ends with `with`."""

    def __init__(self, slot: Slot, size: Size) -> None:
        """slot: pictures of the source, I420 of (width, height) `size`."""
        self._slot = slot
        self._size = size
        self._starting = threading.Lock()  # protects the next two
        self._child: Child | None = None
        self._is_stopped = False

    def __enter__(self) -> Apart:
        child = Child("livestyle-gallery", serve_gallery)
        with self._starting:
            self._child = child
            if self._is_stopped:
                child.kill()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._starting:
            child, self._child = self._child, None
        if child is not None:
            child.pipe.close()
            child.end()

    def stop(self) -> None:
        """End the process."""
        with self._starting:
            self._is_stopped = True
            if self._child is not None:
                self._child.kill()

    def paint(self) -> Iterator[tuple[str, bytes | str]]:
        """See Painter."""
        assert self._child is not None
        pipe, until = self._child.pipe, time.monotonic() + _SECONDS
        source, names = self._source(), [style.name for style in list_styles()]
        try:
            pipe.send((source, names))
            while pipe.poll(max(0.0, until - time.monotonic())):
                if (made := pipe.recv()) is None:
                    return
                yield made
        except (OSError, EOFError):
            raise LivestyleError("its process has ended") from None
        raise LivestyleError(f"the machine had no time for it within {_SECONDS:g} s")

    def _source(self) -> Pixels:
        """The source as it is now, I420 (H * 3 / 2, W). Raises LivestyleError."""
        width, height = self._size
        picture: Pixels = np.empty((height * 3 // 2, width), np.uint8)
        began = time.monotonic_ns()
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and not self._is_stopped:
            self._slot.want(1.0)
            seen = self._slot.look(picture.data.cast("B"))
            if seen is not None and seen.captured_at >= began:
                return picture
            time.sleep(_LOOK_EVERY)
        raise LivestyleError("the source gives no picture now; try again once it does")


class Within(contextlib.nullcontext[None]):
    """Turbo's, by the run's own stylizer: a second model would be too much memory."""

    def __init__(self, commission: Commission) -> None:
        super().__init__()
        self._commission = commission

    def stop(self) -> None:
        """See Painter."""
        self._commission.close()

    def paint(self) -> Iterator[tuple[str, bytes | str]]:
        """See Painter."""
        return self._commission.pictures([preset.name for preset in list_presets()], _SECONDS)
