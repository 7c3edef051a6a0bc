"""Pictures that FFmpeg gives in parts or not at all, put together by Pillow: HEIC and AVIF that are
made of tiles or have a transparency, animated WebP, and animated AVIF with transparency.
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
from livestyle.sources.bounds import check_pixels

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from PIL.Image import Image

    from livestyle.frame import Size

_MS = Fraction(1, 1000)
_USUAL = 100  # ms; how long browsers show a frame that gives no duration


_WHAT = {
    "webp": "an animated WebP",
    "avis": "an animated AVIF with transparency",
    "avif": "made of tiles or has transparency",
    "heic": "made of tiles or has transparency",
}


def assembly(path: str, container: InputContainer, stream: VideoStream) -> str:
    """What makes the file one for Pillow: "webp", "avis", "avif" or "heic", or "" when it is none.

    Raises SourceError for an animation that is for neither.
    """
    if container.format.name == "webp_pipe":
        return "webp" if _durations(path) else ""
    told = container.metadata
    brands = told.get("major_brand", "") + told.get("compatible_brands", "")
    size = stream.width, stream.height
    # a transparency is as large as its picture, a preview smaller
    alike = [
        other
        for other in container.streams.video
        if other is not stream and other.codec_context and (other.width, other.height) == size
    ]
    if container.duration:
        return _animation(path, brands) if any(other.duration for other in alike) else ""
    avif = "avif" in brands
    if not (avif or "mif1" in brands or "heic" in brands):
        return ""
    tiles = [
        other for other in container.streams.video if other.disposition & Disposition.dependent
    ]
    return ("avif" if avif else "heic") if tiles or alike else ""


def _animation(path: str, brands: str) -> str:
    """Of an image sequence that has a track for its transparency (MIAF, 7.3.9); a film may have
    several that are no such thing.
    """
    if "avis" in brands:
        return "avis"
    if "msf1" in brands:
        raise SourceError(
            f"{path} is an animation with transparency of a kind that cannot be played; convert it "
            "to an animated WebP"
        )
    return ""


class Assembled:
    """A picture or an animation.

    fps: the average rate, None of a picture. count: how many frames.

    Raises SourceError when a package lacks for it.
    """

    def __init__(self, path: str, kind: str, stream: VideoStream) -> None:
        """kind: as `assembly` says. stream: the file's best one."""
        self._path = path
        durations = _durations(path) if kind == "webp" else []
        if durations:
            check_pixels(path, _canvas(path))  # opening it takes memory for two of that size
        self.count = len(durations) or 1
        total = sum(durations)
        self.fps = 1000 * self.count / total if total else None
        if kind == "avis" and stream.average_rate:
            self.count, self.fps = stream.frames, float(stream.average_rate)
        self._durations = durations
        try:
            self._read = _reader(kind)
        except ImportError as error:
            message = f"{path} is {_WHAT[kind]}; to read those, {adding('pictures')}"
            raise SourceError(message) from error

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
                check_pixels(self._path, image.size)
                for number in range(self.count):
                    image.seek(number)
                    picture = VideoFrame.from_ndarray(_rgba(image), format="rgba")
                    picture.pts, picture.time_base = began, _MS
                    # AVIF tells it with each frame
                    known = self._durations or {number: image.info.get("duration", 0)}
                    picture.duration = known[number]
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
    if kind in ("avif", "avis"):
        from PIL.AvifImagePlugin import AvifImageFile

        return AvifImageFile
    import pillow_heif

    def read_heif(path: str) -> Image:
        heif = pillow_heif.open_heif(path)
        check_pixels(path, heif.size)
        return heif.to_pillow()

    return read_heif


def _rgba(image: Image) -> np.ndarray:
    from PIL import ImageOps

    return np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))


def _canvas(path: str) -> Size:
    """How large an animated WebP says it is; (1, 1) where that lacks (RFC 9649, 2.7)."""
    with Path(path).open("rb") as opened:
        head = opened.read(30).ljust(30, b"\0")
    sides = head[24:27], head[27:30]
    width, height = (1 + int.from_bytes(side, "little") for side in sides)
    return (width, height) if head[12:16] == b"VP8X" else (1, 1)


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
