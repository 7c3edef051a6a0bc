"""The testcard: a small first-person game that plays itself, the same on every run."""

from __future__ import annotations

import time
from functools import cached_property, lru_cache
from threading import get_ident
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.frame import Frame, Size
from livestyle.sources.testcard.hud import Hud
from livestyle.sources.testcard.scene import Scene

if TYPE_CHECKING:
    from livestyle.frame import Pixels


class Testcard:
    """A Source that needs no screen: a walk through a maze, frame after frame, never waiting."""

    name = "testcard"
    fps = None

    def __init__(self, size: Size) -> None:
        self.size = size
        self._seq = 0

    def read(self) -> Frame:
        """The next frame, at once."""
        seq = self._seq
        self._seq += 1
        return Frame(_draw(seq, *self._painters), seq, time.monotonic_ns())

    @cached_property
    def _painters(self) -> tuple[Scene, Hud]:
        # a quarter of a second's work, for nothing when it is only asked for its size
        return Scene(self.size), Hud(self.size)

    def __enter__(self) -> Testcard:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


def draw(seq: int, size: Size) -> Pixels:
    """Frame `seq` of the testcard: BGRA (H, W, 4), freshly allocated, alike for the same arguments.

    The scene repeats every `maze.FRAMES` frames; the number over it goes on.
    """
    return _draw(seq, *_kept(size, get_ident()))


def _draw(seq: int, scene: Scene, hud: Hud) -> Pixels:
    enlarged = cv2.resize(scene.draw(seq), hud.size, interpolation=cv2.INTER_LINEAR)
    pixels = np.asarray(enlarged, np.uint8)
    hud.draw(pixels, seq)
    return pixels


@lru_cache(maxsize=4)
def _kept(size: Size, thread: int) -> tuple[Scene, Hud]:
    """What `draw` keeps from call to call, for each thread its own: a Scene has room to work in."""
    return Scene(size), Hud(size)
