"""Pictures turned and mirrored as their file says, in its display matrix or EXIF."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from av.sidedata.sidedata import Type

from livestyle.sources.chain import chain

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from livestyle.frame import Pixels

# what FFmpeg may attach to a frame and PyAV has no name for, such as the EXIF itself
_UNNAMED = sorted(set(range(40)) - {kind.value for kind in Type})


@dataclass(frozen=True, slots=True)
class Turn:
    """What is done to a stored picture before it is shown, in this order."""

    across: bool = False  # rows become columns
    mirrored: bool = False  # left and right change places
    flipped: bool = False  # top and bottom do

    def __call__(self, pixels: Pixels) -> Pixels:
        """(H, W, 4), or (W, H, 4) turned across: C-contiguous, itself where nothing is done."""
        if self == _AS_IT_IS:
            return pixels
        turned = pixels.swapaxes(0, 1) if self.across else pixels
        step = slice(None, None, -1), slice(None)
        return np.ascontiguousarray(turned[step[not self.flipped], step[not self.mirrored]])


_AS_IT_IS = Turn()


def turn_of(picture: VideoFrame) -> Turn:
    """By the display matrix a, b, u, c, d, v, x, y, w, which shows what is stored at (p, q) at
    (a p + c q + x, b p + d q + y), in the 16.16 of ISO/IEC 14496-12; FFmpeg makes one of EXIF too.
    To the nearest quarter.
    """
    matrix: Any
    try:
        matrix = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV can't list what it has no name for
        matrix = _named_alone(picture).side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return _AS_IT_IS
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)


def _named_alone(picture: VideoFrame) -> VideoFrame:
    """The picture without what PyAV has no name for."""
    graph = chain(
        picture, *(("sidedata", {"mode": "delete", "type": str(kind)}) for kind in _UNNAMED)
    )
    graph.push(picture)
    return graph.vpull()
