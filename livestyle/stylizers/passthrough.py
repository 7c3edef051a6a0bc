"""Passthrough: the source as it is, in the output's size and channel order."""

from __future__ import annotations

from collections.abc import Callable

from livestyle.canvas import Canvas
from livestyle.errors import StylizerError
from livestyle.frame import Frame, Size
from livestyle.stylizers.lookless import Lookless


class Passthrough(Lookless):
    """A Stylizer that changes nothing but size and channel order."""

    name = "passthrough"
    engine = "opencv"
    is_plain = True
    grid = None

    def __init__(self, canvas: Canvas) -> None:
        self.paint_on(canvas)

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) in, RGB (H, W, 3) of the canvas out."""
        self._canvas.paint(frame.pixels)
        return frame.with_pixels(self._canvas.pixels)

    def paint_on(self, canvas: Canvas) -> None:
        """Go on with another canvas."""
        self._canvas = canvas
        self.size = canvas.size

    def prepare(self, size: Size) -> Callable[[], bool]:
        """Raises StylizerError: there is no picture inside."""
        raise StylizerError("stylizer 'passthrough' has no picture inside; use lite or turbo")
