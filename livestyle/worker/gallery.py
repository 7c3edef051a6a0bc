"""What the gallery's process does: one picture in each of lite's styles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2

from livestyle.between.look import finishing_of
from livestyle.canvas import Canvas, scale
from livestyle.config import Config
from livestyle.errors import LivestyleError
from livestyle.finish.picture import PictureFinish
from livestyle.frame import Frame, even, within
from livestyle.stylizers import open_stylizer
from livestyle.stylizers.settle import settle_stylizer

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_STYLED = 640, 360  # as live: a style's strokes have a size inside it
_SHOWN = 320, 180
_QUALITY = 85


def paint_styles(
    source: Pixels, names: list[str], report: Callable[[tuple[str, bytes]], None]
) -> None:
    """Tell each style's name with its JPEG; one that can't be opened is left out.

    source: I420 (H * 3 / 2, W).
    """
    rgb: Any = cv2.cvtColor(source, cv2.COLOR_YUV2RGB_I420)
    rgb = scale(rgb, even(within((rgb.shape[1], rgb.shape[0]), _STYLED)))
    for name in names:
        try:
            report((name, _jpeg(_painted(rgb, name))))
        except LivestyleError:  # of the user's own there may be one that is damaged
            continue


def _painted(rgb: Pixels, name: str) -> Pixels:
    config = settle_stylizer(Config(stylizer="lite", style=name, hold=0.0), lambda _: None)
    canvas = Canvas((rgb.shape[1], rgb.shape[0]), "stretch")
    bgra: Any = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA)
    with open_stylizer(config, canvas, lambda _: None) as stylizer:
        finish = PictureFinish(rgb, finishing_of(config))
        return finish(rgb, lambda: stylizer.stylize(Frame(bgra, 0, 0)).pixels)


def _jpeg(rgb: Pixels) -> bytes:
    small = scale(rgb, within((rgb.shape[1], rgb.shape[0]), _SHOWN))
    bgr: Any = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()
