"""`livestyle stylize`: a picture or a video file through a stylizer, every frame of it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.between.look import Finishing, finishing_of
from livestyle.canvas import Canvas, to_i420
from livestyle.commands.terminal import NowAndThen
from livestyle.config import Config
from livestyle.encoder import SUFFIXES, Encoder, check_size
from livestyle.errors import ConfigError
from livestyle.files import Target, Wanted
from livestyle.finish.live import LiveFinish
from livestyle.finish.picture import PictureFinish
from livestyle.frame import Frame, Size, even
from livestyle.sources.file import FileInfo, decode_timed, probe, told_of
from livestyle.stylizers import Stylizer, open_stylizer

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_TIME_BASE = Fraction(1, 90_000)  # s, what MPEG counts in: all usual rates are whole numbers of it
# px, of either side: libpng's limit, libjpeg's, and what WebP has room for
_PICTURES = {
    ".png": range(1, 1_000_000 + 1),
    ".jpg": range(1, 65_500 + 1),
    ".jpeg": range(1, 65_500 + 1),
    ".webp": range(1, 16_383 + 1),
}
Write = Callable[[memoryview], None]  # I420 of a frame
Advance = Callable[[int, int], None]  # frames done, frames in all (0: not known)


@dataclass(frozen=True)
class Job:
    """What is to be made of what. size: of the result."""

    input: str
    output: str
    clip: FileInfo
    size: Size

    @property
    def suffix(self) -> str:
        """What the result is, as `.png`."""
        return Path(self.output).suffix.lower()

    @property
    def is_picture(self) -> bool:
        """Whether it is one, of the first frame, and no clip."""
        return self.suffix in _PICTURES


def examine(input: str, output: str) -> Job:
    """Look at a file and at what it shall become. Raises ConfigError for an ending that is not
    known or that can't hold pictures of that size, SourceError for a file that can't be used.
    """
    suffix = Path(output).suffix.lower()
    if suffix not in (*_PICTURES, *SUFFIXES):
        known = ", ".join((*_PICTURES, *SUFFIXES))
        why = " (a GIF's 256 colours are too few)" if suffix == ".gif" else ""
        raise ConfigError(
            f"cannot tell what {output!r} shall be; its name ends in one of: {known}{why}"
        )
    clip = probe(input)
    size = clip.size if suffix in _PICTURES else even(clip.size)
    check_size(output, size, _PICTURES.get(suffix))
    return Job(input, output, clip, size)


def stylize_file(job: Job, config: Config, advance: Advance, say: NowAndThen) -> dict[str, Any]:
    """Restyle every frame of the input into the output, of the same size (made even) and times.

    A clip's frames are what a live run on a CPU gives for the same settings; sound is left out. A
    first frame alone is taken where the output is a picture, with colours at its full size; frames
    that have another shape than the first have bars in the clip. config: settled, see
    `settle_stylizer`. say: told what is being loaded and, at once, what is not as in the input.

    Returns what was done, as JSON can hold it; `seconds` with what was loaded, `fps` (of a clip)
    without.

    Raises LivestyleError when a file can't be used.
    """
    started = time.monotonic()
    input, output, clip, size = job.input, job.output, job.clip, job.size
    is_picture = job.is_picture
    target = Target("output", output, config.overwrite)
    if told := told_of(input, clip.range):
        say.at_once(told)
    canvas = Canvas(size, "stretch", i420=not is_picture)  # by an odd row and column at most
    with open_stylizer(config, canvas, say) as stylizer:
        if stylizer.note:
            say.at_once(stylizer.note)
        finishing = Finishing() if stylizer.is_plain else finishing_of(config)
        count, began = 1, time.monotonic()
        if is_picture:
            target.write(_encoded(job.suffix, _styled_picture(stylizer, input, finishing)))
            advance(1, 1)
        else:
            shown = Canvas(size, "stretch")
            frames = _styled(stylizer, input, LiveFinish(shown, finishing), (canvas, shown))
            encoder = Encoder(
                Wanted("output", output, "part"),
                size,
                clip.fps or 30,
                time_base=_TIME_BASE,
                overwrite=config.overwrite,
            )
            count = _write_clip(encoder, frames, lambda done: advance(done, clip.frames or 0))
        fps = count / (time.monotonic() - began)
        used = {name: getattr(stylizer, name) for name in ("name", "engine", "size")}
    return {
        "input": input,
        "output": output,
        "size": list(size),
        "frames": count,
        "seconds": round(time.monotonic() - started, 3),
        "fps": None if is_picture else round(fps, 2),
        "stylizer": used | {"style": config.style, "size": list(used["size"])},
    }


def _styled_picture(stylizer: Stylizer, file: str, finishing: Finishing) -> Pixels:
    """The first frame of a file, as RGB."""
    _, pixels = next(decode_timed(file))
    source: Pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB)  # type: ignore[assignment]
    finish = PictureFinish(source, finishing)
    return finish(source, lambda: stylizer.stylize(Frame(pixels, 0, captured_at=0)).pixels)


def _styled(
    stylizer: Stylizer, file: str, finish: LiveFinish, canvases: tuple[Canvas, Canvas]
) -> Iterator[tuple[float, Write]]:
    """When each frame of a file is shown, s, and what writes what is made of it, as live.

    canvases: those of stylizer and finish; what has not the first frame's size gets bars there.
    """
    first = None
    for seq, (at, pixels) in enumerate(decode_timed(file)):
        frame = Frame(pixels, seq, captured_at=0)
        first = first or pixels.shape
        for canvas in canvases:
            canvas.aspect = "stretch" if pixels.shape == first else "fit"
        if not finish.is_on:
            yield at, functools.partial(to_i420, stylizer.stylize(frame).pixels)
            continue
        if finish.look_at(pixels):
            finish.style(stylizer.stylize(frame).pixels)
        yield at, finish.write


def _encoded(suffix: str, rgb: Pixels) -> bytes:
    """An RGB picture (H, W, 3) as a file that ends so."""
    return cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()


def _write_clip(
    encoder: Encoder, frames: Iterator[tuple[float, Write]], advance: Callable[[int], None]
) -> int:
    """Returns how many frames were written."""
    width, height = encoder.size
    picture = np.empty((height * 3 // 2, width), np.uint8)
    count, tick = 0, -1
    try:
        for at, write in frames:
            write(picture.data.cast("B"))
            tick = max(tick + 1, round(at / _TIME_BASE))
            encoder.write(picture, tick)
            count += 1
            advance(count)
        encoder.close()
    except BaseException:
        encoder.discard()
        raise
    return count
