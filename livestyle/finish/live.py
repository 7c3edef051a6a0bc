"""The finish of a live picture: from source frames and styled ones to I420."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from livestyle.between.look import Finishing
from livestyle.canvas import Canvas, to_i420
from livestyle.finish.finish import Finish
from livestyle.finish.planes import Planes

if TYPE_CHECKING:
    from livestyle.finish.device import DeviceFinish
    from livestyle.frame import Pixels, Size


class LiveFinish:
    """For outputs of one size, frame after frame, on one thread but for `change`."""

    def __init__(self, canvas: Canvas, finishing: Finishing) -> None:
        """canvas: where the source is put to be seen at the output's size; of this alone."""
        self._canvas = canvas
        width, height = canvas.size
        self._source, self._styled = (np.empty((height * 3 // 2, width), np.uint8) for _ in "ab")
        self._source_planes = Planes.of_i420(self._source)
        self._styled_planes = Planes.of_i420(self._styled)
        self._finish = Finish(self._source_planes, finishing)
        self._shape: tuple[int, ...] = ()
        self._is_new = True
        self._on_device = False

    @property
    def size(self) -> Size:
        """(width, height) of what is shown."""
        return self._canvas.size

    def place(self, aspect: str) -> None:
        """Put the source so, from the next frame on; called between two frames."""
        if aspect != self._canvas.aspect:
            self._canvas = Canvas(self._canvas.size, aspect)
            self.forget()

    def show_source(self, source: Pixels, into: memoryview) -> None:
        """Write the source as it is, BGRA (h, w, 4), as I420 of H * W * 3 / 2 bytes."""
        self._canvas.show(source, np.frombuffer(into, np.uint8).reshape(self._source.shape))

    @property
    def is_on(self) -> bool:
        """Whether it does anything; if not, the styled picture is what is shown."""
        return self._finish.wanted != Finishing()

    def change(self, finishing: Finishing) -> None:
        """Take other settings, from the next frame on. Called on any thread."""
        self._finish.change(finishing)

    def forget(self) -> None:
        """The next frame has nothing to do with those before: another look, another stylizer."""
        self._finish.forget()

    def look_at(self, source: Pixels, device: DeviceFinish | None = None) -> bool:
        """Begin a frame: BGRA (h, w, 4). Returns whether it has to be styled, or what was shown
        may stay.

        device: what finishes it, with its styling, where it has to be styled.
        """
        if source.shape != self._shape:  # another resolution: every place shows something else
            self._shape = source.shape
            self._finish.forget()
        self._canvas.show(source, self._source)
        self._is_new = self._finish.look_at(self._source_planes)
        self._on_device = device is not None
        if device is not None and self._is_new:
            device.take(self._source, self._finish.new, self._finish.finishing)
        return self._is_new

    def style(self, styled: Pixels) -> None:
        """What the stylizer made of it: RGB (H, W, 3) or I420 (H * 3 / 2, W) of the output."""
        to_i420(styled, self._styled.data.cast("B"))

    def write(self, into: memoryview) -> None:
        """End it: I420, H * W * 3 / 2 bytes."""
        planes = Planes.of_i420(np.frombuffer(into, np.uint8).reshape(self._source.shape))
        if self._on_device:
            self._finish.show(self._styled_planes, planes, is_new=self._is_new)
        else:
            self._finish.apply(self._styled_planes if self._is_new else None, planes)
