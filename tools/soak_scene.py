"""The scene of a soak: a moving picture on a display, with its number written into it so that a
picture put together of two is seen.

    python tools/soak_scene.py DISPLAY

Draws until it is ended. A display that dies is waited for, and the number goes on.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import xcffib
import xcffib.xproto
from xcffib.xproto import CW, ImageFormat, WindowClass

from livestyle.pacing import Pacer
from livestyle.sources.testcard import draw

if TYPE_CHECKING:
    from livestyle.frame import Pixels

SIZE = WIDTH, HEIGHT = 640, 360
FPS = 30
BITS = 20  # of the number: it goes round after 9 hours
NONE = -1  # in place of a number
_CELL, _STRIP = WIDTH // (2 * BITS), 16  # px: a bit's width, a strip's height
_TOPS = (0, 112, 232, HEIGHT - _STRIP)
KEEP = tuple(f"0,{top},{WIDTH},{_STRIP}" for top in _TOPS)  # in a run, so that they stay as drawn
_ONE, _ZERO = (255, 0, 255, 0), (255, 255, 255, 0)  # BGRX: apart in all planes of I420
_AGAIN = 0.1  # s between two tries to reach the display
_LOOP = 90  # pictures that are drawn once


def write_number(picture: Pixels, number: int) -> None:
    """Into a BGRX picture (HEIGHT, WIDTH, 4): four strips, of the bits and of their opposites."""
    bits = [number >> bit & 1 for bit in range(BITS)]
    cells = np.array([_ONE if bit else _ZERO for bit in (*bits, *(1 - bit for bit in bits))])
    strip = np.repeat(cells.astype(np.uint8), _CELL, axis=0)
    for top in _TOPS:
        picture[top : top + _STRIP] = strip


class Reader:
    """Reads the numbers in I420 pictures of SIZE, in each plane and each strip by themselves."""

    def __init__(self) -> None:
        x = np.arange(2 * BITS) * _CELL + _CELL // 2
        y = np.array(_TOPS)[:, None] + _STRIP // 2
        quarter = y // 2 * (WIDTH // 2) + x // 2
        luma = WIDTH * HEIGHT
        self._places = np.stack([y * WIDTH + x, luma + quarter, luma * 5 // 4 + quarter])
        self._weights = 1 << np.arange(BITS)

    def numbers(self, picture: Pixels) -> set[int]:
        """Those in a picture, flat; NONE of a strip without. More than one: it is torn."""
        found = picture[self._places]  # (plane, strip, bit)
        found[0] = 255 - found[0]  # in which a one is darker
        is_one = found > np.array([86, 165, 175], np.uint8)[:, None, None]
        bits, opposites = is_one[..., :BITS], is_one[..., BITS:]
        numbers = bits @ self._weights
        is_whole = (bits != opposites).all(axis=-1)
        return set(np.where(is_whole, numbers, NONE).ravel().tolist())


class Screen:
    """A window that fills the display."""

    def __init__(self, display: str) -> None:
        """Raises xcffib.ConnectionException where there is no display."""
        self._connection = xcffib.Connection(display)
        self._core = self._connection.core
        root = self._connection.get_setup().roots[0]
        self._depth = root.root_depth
        self._window, self._pixmap, self._context = (
            self._connection.generate_id() for _ in range(3)
        )
        self._core.CreateWindow(
            self._depth, self._window, root.root, 0, 0, WIDTH, HEIGHT, 0, WindowClass.InputOutput,
            root.root_visual, CW.OverrideRedirect, [1],
        )  # fmt: skip
        self._core.CreatePixmap(self._depth, self._pixmap, root.root, WIDTH, HEIGHT)
        self._core.CreateGC(self._context, self._pixmap, 0, [])
        self._core.MapWindow(self._window)

    def show(self, picture: Pixels) -> None:
        """All at once: whoever captures sees this one or the one before."""
        for top in range(0, HEIGHT, 64):  # a request may be as large as 256 KiB
            rows = picture[top : top + 64]
            self._core.PutImage(
                ImageFormat.ZPixmap, self._pixmap, self._context, WIDTH, len(rows), 0, top, 0,
                self._depth, rows.size, rows.tobytes(),
            )  # fmt: skip
        self._core.CopyArea(self._pixmap, self._window, self._context, 0, 0, 0, 0, WIDTH, HEIGHT)
        self._core.GetInputFocus().reply()  # it has done it

    def close(self) -> None:
        """Let go of the display."""
        with contextlib.suppress(xcffib.ConnectionException):
            self._connection.disconnect()


def main() -> None:
    """Draw on the display that is named, for good."""
    (name,) = sys.argv[1:]
    pictures = [draw(number, SIZE) for number in range(_LOOP)]
    pacer = Pacer(FPS)
    screen: Screen | None = None
    number = 0
    while True:
        pacer.wait()
        number = (number + 1) % (1 << BITS)
        picture = pictures[number % _LOOP]
        write_number(picture, number)
        try:
            screen = screen or Screen(name)
            screen.show(picture)
        except xcffib.ConnectionException:
            if screen is not None:
                screen.close()
                screen = None
            time.sleep(_AGAIN)


if __name__ == "__main__":
    main()
