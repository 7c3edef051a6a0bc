"""Whole pictures and clips of every kind, small, as what is damaged then."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from livestyle.aside import run_aside

WIDTH, HEIGHT, FRAMES = 160, 120, 12


def scenes() -> Iterator[Image.Image]:
    """A square that goes over noise and a slope, with a transparency."""
    noise = np.random.default_rng(1).integers(0, 60, (HEIGHT, WIDTH, 4), np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(FRAMES):
        rgba = noise + np.stack([x, y, x + y, np.full_like(x, 195)], -1).astype(np.uint8) // 2
        rgba[40:80, 8 * number : 8 * number + 40] = 250, 40, 90, 255
        yield Image.fromarray(rgba)


def _picture(kind: str, mode: str = "RGB", moves: bool = False, **options: Any) -> bytes:
    first, *rest = (scene.convert(mode) for scene in scenes())
    if moves:
        options |= {"save_all": True, "append_images": rest, "duration": 50, "loop": 0}
    if kind == "heif":
        import pillow_heif

        pillow_heif.register_heif_opener()
    first.save(file := io.BytesIO(), kind, **options)
    return file.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a description", 6
    return exif


def _sixteen() -> bytes:
    first = np.asarray(next(scenes()).convert("L"), np.uint16) * 257
    Image.fromarray(first).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def _clip(container: str, codec: str, form: str = "yuv420p", **options: str) -> bytes:
    file = io.BytesIO()
    of_container = {name[1:]: value for name, value in options.items() if name.startswith("_")}
    of_codec = {name: value for name, value in options.items() if not name.startswith("_")}
    with av.open(file, "w", format=container, options=of_container) as made:
        stream = made.add_stream(codec, rate=20, options=of_codec)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, form
        for number, scene in enumerate(scenes()):
            frame = av.VideoFrame.from_image(scene.convert("RGB"))
            frame.pts, frame.time_base = number, Fraction(1, 20)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return file.getvalue()


def _of_rotation() -> bytes:
    """A quarter turn in its display matrix."""
    file = bytearray(_clip("mov", "libx264", bf="2", g="6"))
    at = file.index(b"tkhd") + 44
    file[at : at + 36] = b"".join(
        number.to_bytes(4, signed=True) for number in (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    )
    return bytes(file)


def _of_av1() -> bytes:
    """SVT-AV1 makes root's thread that encodes a real-time one, and so all that it starts."""
    options = {"preset": "12", "svtav1-params": "lp=1"}
    return run_aside(lambda: _clip("mp4", "libsvtav1", **options), "av1")


_X265 = "log-level=none:pools=none:frame-threads=1"
MADE: dict[str, Callable[[], bytes]] = {
    "rgb.png": lambda: _picture("PNG"),
    "clear.png": lambda: _picture("PNG", "RGBA"),
    "sixteen.png": _sixteen,
    "palette.png": lambda: _picture("PNG", "P"),
    "moving.png": lambda: _picture("PNG", "RGBA", moves=True),
    "turned.jpg": lambda: _picture("JPEG", exif=_turned()),
    "progressive.jpg": lambda: _picture("JPEG", progressive=True),
    "lossy.webp": lambda: _picture("WEBP"),
    "lossless.webp": lambda: _picture("WEBP", "RGBA", lossless=True, exif=_turned()),
    "moving.webp": lambda: _picture("WEBP", "RGBA", moves=True),
    "moving.gif": lambda: _picture("GIF", "P", moves=True),
    "plain.bmp": lambda: _picture("BMP"),
    "packed.tiff": lambda: _picture("TIFF", compression="tiff_lzw"),
    "plain.avif": lambda: _picture("AVIF"),
    "clear.avif": lambda: _picture("AVIF", "RGBA"),
    "moving.avif": lambda: _picture("AVIF", "RGBA", moves=True),
    "plain.heic": lambda: _picture("heif"),
    "clear.heic": lambda: _picture("heif", "RGBA"),
    "h264.mp4": lambda: _clip("mp4", "libx264", bf="2", g="6"),
    "parts.mp4": lambda: _clip("mp4", "libx264", g="4", _movflags="frag_keyframe+empty_moov"),
    "hevc.mp4": lambda: _clip("mp4", "libx265", **{"x265-params": _X265}),
    "hevc.mkv": lambda: _clip("matroska", "libx265", **{"x265-params": f"{_X265}:keyint=6"}),
    "ten.mkv": lambda: _clip("matroska", "libx265", "yuv420p10le", **{"x265-params": _X265}),
    "turned.mov": _of_rotation,
    "h264.mkv": lambda: _clip("matroska", "libx264", bf="2", g="6"),
    "lossless.mkv": lambda: _clip("matroska", "ffv1"),
    "vp8.webm": lambda: _clip("webm", "libvpx", deadline="realtime"),
    "vp9.webm": lambda: _clip("webm", "libvpx-vp9", deadline="realtime", **{"cpu-used": "8"}),
    "av1.mp4": _of_av1,
    "motion.avi": lambda: _clip("avi", "mjpeg", "yuvj420p"),
    "fields.ts": lambda: _clip("mpegts", "mpeg2video", flags="+ildct+ilme", g="6"),
    "raw.h264": lambda: _clip("h264", "libx264", g="6"),
}  # fmt: skip


def make_all(folder: Path) -> list[Path]:
    """A file of each kind."""
    folder.mkdir()
    files = []
    for name, make in MADE.items():
        (folder / name).write_bytes(make())
        files.append(folder / name)
    return files
