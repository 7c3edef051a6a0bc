"""Passthrough: the source as it is, in the output's size and channel order."""

from __future__ import annotations

from livestyle.between.look import Look
from livestyle.canvas import Canvas
from livestyle.errors import ConfigError
from livestyle.frame import Frame


class Passthrough:
    """A Stylizer that changes nothing but size and channel order."""

    name = "passthrough"
    engine = "opencv"
    why = ""
    is_plain = True
    is_settled = True

    def __init__(self, canvas: Canvas) -> None:
        self.paint_on(canvas)

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) in, RGB (H, W, 3) of the canvas out."""
        self._canvas.paint(frame.pixels)
        return frame.with_pixels(self._canvas.pixels)

    def change(self, look: Look, *, wait: bool = False) -> None:
        """Raises ConfigError: passthrough has no look."""
        raise ConfigError("stylizer 'passthrough' has no prompt to change; use --stylizer turbo")

    def paint_on(self, canvas: Canvas) -> None:
        """Go on with another canvas."""
        self._canvas = canvas
        self.size = canvas.size

    def __enter__(self) -> Passthrough:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass
