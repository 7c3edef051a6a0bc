"""Scenes: what contestants are judged on, and the clips that are made of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from livestyle.canvas import Canvas
from livestyle.sources.file import decode
from livestyle.sources.testcard import draw

if TYPE_CHECKING:
    from livestyle.bench.picture.measures import Step
    from livestyle.frame import Pixels, Size

FRAMES = 6  # of each clip, but for those that move
_TESTCARD, _EVERY = 40, 4  # its first frame, and how many of them make one of the scene
_PAN: Step = (8, 0)  # how a picture moves that has no other frames
_MARGIN = 24  # part of the width that is left out beside what moves: strokes reach over the edge


@dataclass(frozen=True)
class Scene:
    """frames: RGB (H, W, 3), all of one size, one after the other; one alone of a picture."""

    name: str
    frames: Sequence[Pixels]

    @property
    def picture(self) -> Pixels:
        """The first frame."""
        return self.frames[0]

    def half_still(self) -> list[Pixels]:
        """A clip whose left half stands still while the right half moves."""
        moving = self.frames if len(self.frames) > 1 else moved(self.picture, _PAN, FRAMES)
        middle = self.picture.shape[1] // 2
        return [np.hstack([self.picture[:, :middle], frame[:, middle:]]) for frame in moving]


def load_scenes(files: Sequence[str], size: Size) -> list[Scene]:
    """The testcard, then the first frames of each file, a video or a picture, named after it.

    size: (width, height) of all; what has another shape is cropped. Raises SourceError.
    """
    times = Counter(Path(file).stem for file in files)
    scenes = [_testcard(size)]
    for file in files:
        stem = Path(file).stem
        name = stem if times[stem] == 1 and stem != scenes[0].name else file
        scenes.append(Scene(name, _frames(file, size)))
    return scenes


def _testcard(size: Size) -> Scene:
    numbers = range(_TESTCARD, _TESTCARD + FRAMES * _EVERY, _EVERY)
    drawn = [cv2.cvtColor(draw(number, size), cv2.COLOR_BGRA2RGB) for number in numbers]
    return Scene("testcard", cast("list[Pixels]", drawn))


def _frames(file: str, size: Size) -> list[Pixels]:
    canvas = Canvas(size, "fill")
    frames = []
    for pixels in itertools.islice(decode(file), FRAMES):
        canvas.paint(pixels)
        frames.append(canvas.pixels.copy())
    return frames


def still_part(clip: Sequence[Pixels]) -> list[Pixels]:
    """What stands still of a clip that is half still, without a strip beside what moves."""
    width = clip[0].shape[1]
    return [np.ascontiguousarray(frame[:, : width // 2 - width // _MARGIN]) for frame in clip]


def noisy(picture: Pixels, sigma: float) -> list[Pixels]:
    """A clip of it with new noise in each frame. sigma: standard deviation, of 255."""
    random = np.random.default_rng(1)
    clip = []
    for _ in range(FRAMES):
        noise = random.normal(0, sigma, picture.shape).astype(np.float32)
        clip.append(np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8))
    return clip


def moved(picture: Pixels, step: Step, frames: int) -> list[Pixels]:
    """A clip of it that moves by the step from frame to frame; what comes in mirrors what was
    there.
    """
    height, width = picture.shape[:2]
    across, down = ((frames - 1) * length for length in step)
    wide = cv2.copyMakeBorder(picture, down, 0, across, 0, cv2.BORDER_REFLECT_101)
    clip = []
    for number in range(frames):
        left, top = across - number * step[0], down - number * step[1]
        clip.append(np.ascontiguousarray(wide[top : top + height, left : left + width], np.uint8))
    return clip
