"""Passthrough: the source as it is, in the output's size and channel order."""

from __future__ import annotations

import cv2

from livestyle.between.look import Look
from livestyle.canvas import Canvas, scale
from livestyle.errors import ConfigError
from livestyle.frame import Frame


class Passthrough:
    """A Stylizer that changes nothing but size and channel order."""

    name = "passthrough"
    engine = "opencv"
    why = ""

    def __init__(self, canvas: Canvas) -> None:
        self.paint_on(canvas)

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) in, RGB (H, W, 3) of the canvas out."""
        seen = self._canvas.place(frame.pixels)
        room = self._canvas.room
        cv2.cvtColor(scale(seen, (room.shape[1], room.shape[0])), cv2.COLOR_BGRA2RGB, dst=room)
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
