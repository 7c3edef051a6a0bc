"""Frame: a picture and when it was captured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

Size = tuple[int, int]  # (width, height) in pixels, everywhere

UHD: Size = 3840, 2160  # 4K: the most that an output has whose size nobody named


def within(size: Size, box: Size) -> Size:
    """The size in its shape, as large as the box lets it be; itself where it fits."""
    shrink = min(1.0, box[0] / size[0], box[1] / size[1])
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))


def even(size: Size) -> Size:
    """The size without an odd last column or row: I420 has none."""
    return max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)


CANVAS: Size = 1280, 720  # the most that is drawn on


def canvas_size(output_size: Size | None) -> Size:
    """(width, height) of what is drawn on for such an output."""
    return even(within(output_size or CANVAS, CANVAS))


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture on its way from a Source to a Sink.

    `pixels` are uint8 and C-contiguous. Their layout follows from where the frame is:
    BGRA, (H, W, 4), as a Source gives it (the fourth byte means nothing);
    RGB, (H, W, 3), as a Stylizer returns it, where its canvas does not ask for I420;
    I420, (H * 3 / 2, W), BT.601 limited range, as a Sink gets it: half the bytes of RGB, and what
    cameras and encoders want.
    """

    pixels: Pixels
    seq: int  # numbered by the source; gaps are frames that were dropped
    captured_at: int  # ns of time.monotonic_ns() at the end of the capture, valid in all processes
    change: int = 0  # number of the newest change of settings that shows in it

    def with_pixels(self, pixels: Pixels) -> Frame:
        """The same moment with other pixels."""
        return replace(self, pixels=pixels)
