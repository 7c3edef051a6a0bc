"""`livestyle stylize`: a picture or a video file through a stylizer, every frame of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.canvas import Canvas, to_i420
from livestyle.config import Config
from livestyle.encoder import SUFFIXES, Encoder
from livestyle.errors import ConfigError, LivestyleError
from livestyle.frame import Frame, Size, even
from livestyle.sources.file import FileInfo, decode, probe
from livestyle.stylizers import open_stylizer

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
Advance = Callable[[int, int], None]  # frames done, frames in all (0: not known)


def stylize_file(input: str, output: str, config: Config, advance: Advance) -> None:
    """Restyle every frame of `input` into `output`, of the same size (made even) and rate.

    The frames are what a live run gives for the same settings. A first frame alone is taken where
    `output` is a picture. config: settled, see `settle_stylizer`.

    Raises ConfigError for an ending that is not known, LivestyleError when a file can't be used.
    """
    suffix = Path(output).suffix.lower()
    if suffix not in _PICTURES + SUFFIXES:
        known = ", ".join(_PICTURES + SUFFIXES)
        raise ConfigError(f"cannot tell what {output!r} shall be; its name ends in one of: {known}")
    clip = probe(input)
    size = clip.size if suffix in _PICTURES else even(clip.size)
    canvas = Canvas(size, "stretch")  # by an odd row and column at most
    with open_stylizer(config, canvas) as stylizer:
        frames = (
            stylizer.stylize(Frame(pixels, seq, captured_at=0)).pixels
            for seq, pixels in enumerate(decode(input))
        )
        if suffix in _PICTURES:
            write_picture(output, next(frames))
            advance(1, 1)
        else:
            _write_clip(output, frames, clip, size, advance)


def write_picture(file: str, rgb: Pixels) -> None:
    """Write an RGB picture (H, W, 3), the format by the name's ending. Raises LivestyleError."""
    encoded = cv2.imencode(Path(file).suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1]
    temporary = f"{file}.part"
    try:
        Path(temporary).write_bytes(encoded.tobytes())
        os.replace(temporary, file)
    except OSError as error:
        raise LivestyleError(f"cannot write {file!r}: {error.strerror}") from error


def _write_clip(
    file: str, frames: Iterator[Pixels], clip: FileInfo, size: Size, advance: Advance
) -> None:
    encoder = Encoder(file, size, clip.fps or 30)
    picture = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
    try:
        for tick, rgb in enumerate(frames):
            to_i420(rgb, picture.data.cast("B"))
            encoder.write(picture, tick)
            advance(tick + 1, clip.frames or 0)
    except BaseException:
        encoder.discard()
        raise
    encoder.close()
