"""Pixels: BGRA of decoded frames, as they are meant to be seen on an ordinary screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from livestyle.errors import SourceError
from livestyle.frame import Size, within
from livestyle.sources.tone import ToneMap, range_of
from livestyle.sources.upright import Turn, turn_of

if TYPE_CHECKING:
    from av.video.format import VideoFormat
    from av.video.frame import VideoFrame

    from livestyle.frame import Pixels
    from livestyle.sources.film import Decoded

_SHRINKS = 16384  # px, the longest side that FFmpeg shrinks to two pixels


class Converter:
    """Makes BGRA of decoded frames, by the matrix, range and curve that each of them names.

    box: (width, height); a larger picture is scaled down into it, in its shape. path: of their
    file, for what fails.
    """

    def __init__(self, path: str, box: Size | None = None) -> None:
        self._path = path
        self._box = box
        self._reformatter = VideoReformatter()
        self._tone = ToneMap("")
        self._miniatures = VideoReformatter()
        self._clear: dict[str, bool] = {}  # by the format's name: whether it has a transparency

    def pixels(self, frame: Decoded) -> Pixels:
        """(H, W, 4), freshly allocated and upright; what is transparent lies on black.

        Raises SourceError for what FFmpeg can't convert.
        """
        try:
            return self._pixels(frame)
        except (OSError, av.FFmpegError) as error:
            what = f"{frame.picture.width}x{frame.picture.height} in {frame.picture.format.name}"
            raise SourceError(f"cannot read {self._path}: {what}: {error.strerror}") from error

    def _pixels(self, frame: Decoded) -> Pixels:
        picture = frame.picture
        turn = self._turn(picture)
        size = frame.width, picture.height
        if self._box:
            box = self._box[::-1] if turn.across else self._box
            size = within(size, box)
        shown = picture
        if range := range_of(picture):
            if self._tone.range != range:
                self._tone = ToneMap(range)
            shown = self._tone(picture)
        pixels = self._bgra(shown, size)
        if self._is_clear(picture.format):
            # the tone map's format has no room for it
            alpha = (pixels if shown is picture else self._bgra(picture, size))[..., 3]
            pixels = _on_black(pixels, alpha)
        return turn(pixels)

    def _bgra(self, picture: VideoFrame, size: Size) -> Pixels:
        bgra = self._reformatter.reformat(picture, width=size[0], height=size[1], format="bgra")
        return np.asarray(bgra.to_ndarray(), np.uint8)

    def size(self, frame: Decoded) -> Size:
        """(width, height) of a frame as it is shown, without a box."""
        size = frame.width, frame.picture.height
        return size[::-1] if self._turn(frame.picture).across else size

    def _turn(self, picture: VideoFrame) -> Turn:
        """Each frame's own: of one clip they may differ."""
        if max(picture.width, picture.height) > _SHRINKS:
            return turn_of(picture)
        # looking at what is attached to a frame keeps its memory until Python collects garbage;
        # to a smaller one the same is attached
        return turn_of(
            self._miniatures.reformat(
                picture, width=2, height=2, format="gray", interpolation="POINT"
            )
        )

    def _is_clear(self, format: VideoFormat) -> bool:
        name = format.name
        if name not in self._clear:
            alpha = any(component.is_alpha for component in format.components)
            self._clear[name] = alpha or format.has_palette
        return self._clear[name]


def _on_black(pixels: Pixels, alpha: Pixels) -> Pixels:
    """BGRA (H, W, 4) whose colours count as much as alpha (H, W) lets them cover."""
    if alpha.min() == 255:
        return pixels
    covered: Any = cv2.multiply(pixels, cv2.merge([alpha] * 4), scale=1 / 255)
    return np.asarray(covered, np.uint8)
