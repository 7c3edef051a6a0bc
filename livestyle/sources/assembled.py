"""Pictures that FFmpeg gives in parts or not at all, put together by Pillow: HEIC and AVIF that are
made of tiles or have a transparency, and animated WebP.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from av.stream import Disposition
from av.video.frame import VideoFrame

from livestyle.errors import SourceError
from livestyle.installation import adding

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from PIL.Image import Image

_MS = Fraction(1, 1000)
_USUAL = 100  # ms; how long browsers show a frame that gives no duration


def assembly(path: str, container: InputContainer, stream: VideoStream) -> str:
    """What makes the file one for Pillow: "webp", "avif" or "heic", or "" when it is none."""
    if container.format.name == "webp_pipe":
        return "webp" if _durations(path) else ""
    told = container.metadata
    brands = told.get("major_brand", "") + told.get("compatible_brands", "")
    avif = "avif" in brands
    if container.duration or not (avif or "mif1" in brands or "heic" in brands):
        return ""
    size = stream.width, stream.height
    parts = [
        other
        for other in container.streams.video
        if other.disposition & Disposition.dependent
        # a transparency is as large as its picture, a preview smaller
        or (other is not stream and other.codec_context and (other.width, other.height) == size)
    ]
    return ("avif" if avif else "heic") if parts else ""


class Assembled:
    """A picture or an animation.

    fps: the average rate, None of a picture. count: how many frames.

    Raises SourceError when a package lacks for it.
    """

    def __init__(self, path: str, kind: str) -> None:
        """kind: as `assembly` says."""
        self._path = path
        self._kind = kind
        self._durations = _durations(path) if kind == "webp" else []
        self.count = len(self._durations) or 1
        total = sum(self._durations)
        self.fps = 1000 * self.count / total if total else None
        try:
            self._read = _reader(kind)
        except ImportError as error:
            what = "an animated WebP" if kind == "webp" else "made of tiles or has transparency"
            raise SourceError(f"{path} is {what}; to read those, {adding('pictures')}") from error

    def pictures(self) -> Iterator[VideoFrame]:
        """RGBA, upright, with their times. Raises SourceError when they can't be decoded."""
        from PIL.Image import DecompressionBombError

        # what Pillow and libheif raise for damaged data, and for more than they take
        refusals = (
            OSError,
            EOFError,
            SyntaxError,
            ValueError,
            RuntimeError,
            LookupError,
            DecompressionBombError,
        )
        began = 0
        try:
            with self._read(self._path) as image:
                for number in range(self.count):
                    image.seek(number)
                    picture = VideoFrame.from_ndarray(_rgba(image), format="rgba")
                    picture.pts, picture.time_base = began, _MS
                    picture.duration = self._durations[number] if self._durations else 0
                    began += picture.duration
                    yield picture
        except refusals as error:
            why = " ".join(str(error).split())  # libheif's have more lines than one
            raise SourceError(f"{self._path} cannot be decoded: {why}") from error


def _reader(kind: str) -> Callable[[str], Image]:
    """Raises ImportError."""
    # by their own classes: Image.open would refuse what it takes for too large
    if kind == "webp":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile
    if kind == "avif":
        from PIL.AvifImagePlugin import AvifImageFile

        return AvifImageFile
    import pillow_heif

    return lambda path: pillow_heif.open_heif(path).to_pillow()


def _rgba(image: Image) -> np.ndarray:
    from PIL import ImageOps

    return np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))


def _durations(path: str) -> list[int]:
    """How long each frame of an animated WebP is shown, ms; of another none (RFC 9649, 2.7)."""
    data = Path(path).read_bytes()
    durations, at = [], 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"ANMF" and at + 23 <= len(data):
            durations.append(int.from_bytes(data[at + 20 : at + 23], "little") or _USUAL)
        at += 8 + size + size % 2
    return durations
