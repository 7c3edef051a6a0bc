"""A window on a test's display, with a pattern in it that tells where each pixel belongs."""

from __future__ import annotations

import numpy as np
import xcffib
import xcffib.xproto
from xcffib.xproto import CW, ConfigWindow, PropMode, StackMode, WindowClass

_ROWS = 64  # at a time: a request may be as large as 256 KiB


class PatternWindow:
    """Shows the pattern from its top left corner on, whatever size it is given.

    seed: of the pattern. Without one it is magenta all over.
    """

    def __init__(
        self,
        display: str,
        title: str,
        size: tuple[int, int],
        seed: int | None = None,
        at: tuple[int, int] = (20, 30),
    ) -> None:
        self._connection = xcffib.Connection(display)
        self._core = self._connection.core
        screen = self._connection.get_setup().roots[0]
        self.root, self._depth = screen.root, screen.root_depth
        shape = screen.height_in_pixels, screen.width_in_pixels, 4
        self.pattern = np.full(shape, (255, 0, 255, 0), np.uint8)
        if seed is not None:
            self.pattern = np.random.default_rng(seed).integers(0, 250, shape, np.uint8)
        self.id = self._connection.generate_id()
        self._context = self._connection.generate_id()
        self._painting = self._pixmap()
        self._core.CreateWindow(
            self._depth, self.id, self.root, *at, *size, 0, WindowClass.InputOutput,
            screen.root_visual, CW.BackPixmap, [self._painting],
        )  # fmt: skip
        self.rename(title)
        self.show()

    def rename(self, title: str) -> None:
        name = title.encode()
        self._set(self.id, self._atom("_NET_WM_NAME"), self._atom("UTF8_STRING"), 8, name)
        self.done()

    def show(self) -> None:
        self._core.MapWindow(self.id)
        self.done()

    def hide(self) -> None:
        self._core.UnmapWindow(self.id)
        self.done()

    def move(self, x: int, y: int) -> None:
        self._configure(ConfigWindow.X | ConfigWindow.Y, [x, y])

    def resize(self, width: int, height: int) -> None:
        self._configure(ConfigWindow.Width | ConfigWindow.Height, [width, height])

    def lift(self) -> None:
        """On top of all others."""
        self._configure(ConfigWindow.StackMode, [StackMode.Above])

    def frame(self, border: int) -> None:
        """Put it into another window, as window managers do."""
        frame = self._connection.generate_id()
        self._core.CreateWindow(
            0, frame, self.root, 5, 5, 500, 400, 0, WindowClass.InputOutput, 0, 0, []
        )
        self._core.ReparentWindow(self.id, frame, border, border)
        self._core.MapWindow(frame)
        ids = np.array([self.id], np.uint32).tobytes()
        window = xcffib.xproto.Atom.WINDOW
        self._set(self.root, self._atom("_NET_CLIENT_LIST"), window, 32, ids)
        self.done()

    def strip(self) -> None:
        """Have no background any more, as games' windows: what is new of it shows the pattern once
        that is painted, and until then what was on the screen.
        """
        self._core.ChangeWindowAttributes(self.id, CW.BackPixmap, [0])
        self.done()

    def paint(self) -> None:
        height, width, _ = self.pattern.shape
        self._core.CopyArea(self._painting, self.id, self._context, 0, 0, 0, 0, width, height)
        self.done()

    def close(self) -> None:
        self._connection.disconnect()

    def done(self) -> None:
        """Wait until the display has done all that it was asked."""
        self._core.GetInputFocus().reply()

    def _configure(self, mask: int, values: list[int]) -> None:
        self._core.ConfigureWindow(self.id, mask, values)
        self.done()

    def _pixmap(self) -> int:
        height, width, _ = self.pattern.shape
        pixmap = self._connection.generate_id()
        self._core.CreatePixmap(self._depth, pixmap, self.root, width, height)
        self._core.CreateGC(self._context, pixmap, 0, [])
        for top in range(0, height, _ROWS):
            rows = self.pattern[top : top + _ROWS]
            form = xcffib.xproto.ImageFormat.ZPixmap
            self._core.PutImage(
                form, pixmap, self._context, width, len(rows), 0, top, 0, self._depth,
                rows.size, rows.tobytes(),
            )  # fmt: skip
        return pixmap

    def _set(self, window: int, name: int, kind: int, bits: int, value: bytes) -> None:
        count = len(value) * 8 // bits
        self._core.ChangeProperty(PropMode.Replace, window, name, kind, bits, count, value)

    def _atom(self, name: str) -> int:
        return self._core.InternAtom(False, len(name), name).reply().atom
