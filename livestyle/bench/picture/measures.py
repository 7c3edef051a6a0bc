"""What can be measured of pictures alone: RGB (H, W, 3), uint8, all of a clip of one size."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from livestyle.frame import Pixels

Step = tuple[int, int]  # px across and down, from 0, by which a clip moves from frame to frame
_EDGE = 16  # px along the sides, where a stylizer has less to go by


def sharpness(picture: Pixels) -> float:
    """Sobel energy: the mean square of the gradient of brightness."""
    brightness = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    across = cv2.Sobel(brightness, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(brightness, cv2.CV_32F, 0, 1)
    return float(np.mean(across * across + down * down))


def distance(picture: Pixels, other: Pixels) -> float:
    """Mean absolute difference, of 255."""
    return float(cv2.absdiff(picture, other).mean())


def flicker(clip: Sequence[Pixels]) -> float:
    """Mean change from frame to frame, of 255."""
    return float(np.mean([distance(a, b) for a, b in itertools.pairwise(clip)]))


def noise(clip: Sequence[Pixels]) -> float:
    """Standard deviation over time, of 255, as the root of its mean square over all pixels."""
    frames = np.asarray(clip, np.float32)
    return float(np.sqrt(frames.var(axis=0, ddof=1).mean()))


def warping_error(clip: Sequence[Pixels], step: Step) -> float:
    """Mean difference, of 255, between each frame and the one before it, moved by the step."""
    return float(np.mean([_warped(a, b, step) for a, b in itertools.pairwise(clip)]))


def _warped(before: Pixels, after: Pixels, step: Step) -> float:
    (across, down), (height, width) = step, before.shape[:2]
    then = before[_EDGE : height - _EDGE - down, _EDGE : width - _EDGE - across]
    now = after[_EDGE + down : height - _EDGE, _EDGE + across : width - _EDGE]
    return distance(np.ascontiguousarray(then), np.ascontiguousarray(now))
