"""What the gallery's process does: pictures in each of lite's styles."""

from __future__ import annotations

import contextlib
import signal
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import cv2

from livestyle.between.look import finishing_of
from livestyle.canvas import Canvas, scale
from livestyle.config import Config
from livestyle.errors import LivestyleError
from livestyle.finish.picture import PictureFinish
from livestyle.frame import Frame, even, within
from livestyle.machine import leave_machine_to_others
from livestyle.streams import leave_stdout
from livestyle.stylizers import Stylizer, open_stylizer
from livestyle.stylizers.settle import settle_stylizer

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_STYLED = 640, 360  # as live: a style's strokes have a size inside it
_SHOWN = 320, 180
_QUALITY = 85


class Painter:
    """Paints pictures in lite's styles, and keeps those that it has opened."""

    def __init__(self) -> None:
        self._opened: dict[str, tuple[Stylizer, PictureFinish]] = {}

    def paint(self, rgb: Pixels, name: str) -> Pixels:
        """RGB (H, W, 3) in that style, the caller's own. Raises LivestyleError."""
        stylizer, finish = self._open(rgb, name)
        bgra: Any = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA)
        finish.forget()
        return finish(rgb, lambda: stylizer.stylize(Frame(bgra, 0, 0)).pixels)

    def _open(self, rgb: Pixels, name: str) -> tuple[Stylizer, PictureFinish]:
        if name not in self._opened:
            settings = Config(stylizer="lite", style=name, hold=0.0)
            config = settle_stylizer(settings, lambda _: None)
            canvas = Canvas((rgb.shape[1], rgb.shape[0]), "stretch")
            stylizer = open_stylizer(config, canvas, lambda _: None)
            self._opened[name] = stylizer, PictureFinish(rgb, finishing_of(config))
        return self._opened[name]


def serve_gallery(front: Connection) -> None:
    """What the process runs, until the front is gone: it hears a picture of one run's source, I420
    (H * 3 / 2, W), and names of styles; it tells each name with its JPEG, or with why there is
    none, and then None.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the front's to decide
    leave_stdout()  # which may carry the front's pictures
    leave_machine_to_others()
    painter = Painter()
    with contextlib.suppress(EOFError, OSError):
        while True:
            source, names = front.recv()
            whole: Any = cv2.cvtColor(source, cv2.COLOR_YUV2RGB_I420)
            rgb = scale(whole, even(within((whole.shape[1], whole.shape[0]), _STYLED)))
            for name in names:
                front.send((name, _made(painter, rgb, name)))
            front.send(None)


def _made(painter: Painter, rgb: Pixels, name: str) -> bytes | str:
    try:
        return jpeg_of(painter.paint(rgb, name))
    except LivestyleError as error:  # of the user's own there may be one that is damaged
        return str(error)


def jpeg_of(rgb: Pixels) -> bytes:
    """Small, as a gallery shows it."""
    small = scale(rgb, within((rgb.shape[1], rgb.shape[0]), _SHOWN))
    bgr: Any = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()
