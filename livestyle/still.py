"""Still: a picture file that something is learned from, by OpenCV: a machine that only trains needs
no PyAV.
"""

from __future__ import annotations

import stat
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.errors import reason

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_DAMAGED = "it is damaged"
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST = 2**30  # pixels, of OpenCV
_LONGEST = 1_000_000  # px of a side, of libpng
# what is done to a stored picture by each orientation of EXIF, in this order: rows become columns,
# left and right change places, top and bottom do
_TURNS = {
    2: (False, True, False), 3: (False, True, True), 4: (False, False, True),
    5: (True, False, False), 6: (True, True, False), 7: (True, True, True), 8: (True, False, True),
}  # fmt: skip


def read_still(file: Path) -> Pixels:
    """RGB (H, W, 3) of a JPEG, PNG, WebP or BMP file, of an animation the first frame: upright by
    its EXIF, what is transparent on black.

    Raises ValueError, which says why, for what is none, no regular file, damaged or too large.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # opening a pipe waits for a writer
            raise ValueError("it is no regular file")
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(reason(error)) from error
    if content.startswith(_PNG):
        bgr = _png(content)
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        stored = _decoded(content, cv2.IMREAD_UNCHANGED)
        bgr = _turned(_on_black(stored), _webp_exif(content))
    elif content.startswith((b"\xff\xd8\xff", b"BM")):
        bgr = _decoded(content, cv2.IMREAD_COLOR)
    else:
        raise ValueError(f"{_DAMAGED}, or no JPEG, PNG, WebP or BMP file")
    return np.ascontiguousarray(bgr[..., ::-1])


def _decoded(content: bytes, flags: int) -> Pixels:
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        many = "MAX_IMAGE" in str(error.err)
        raise ValueError(f"it has more than {_MOST} pixels" if many else _DAMAGED) from error
    if pixels is None:
        raise ValueError(_DAMAGED)
    found: Pixels = pixels
    return found


def _png(content: bytes) -> Pixels:
    """BGR (H, W, 3), upright and on black.

    libpng sees what makes the picture alone: of the rest it would complain in lines of its own.
    """
    chunks = _png_chunks(content)
    colours = chunks.get(b"tRNS", [b""])[0]
    header = chunks[b"IHDR"][0]
    depth, kind = header[8], header[9]
    if kind in (0, 2):  # the lowest bits of a number are the colour
        numbers = np.frombuffer(colours[: len(colours) // 2 * 2], ">u2") & (2**depth - 1)
        colours = numbers.astype(">u2").tobytes()
    kept: list[tuple[bytes, bytes | memoryview]] = [(b"IHDR", header)]
    kept += [(b"PLTE", data) for data in chunks.get(b"PLTE", [])]
    kept += [(b"tRNS", colours)] if colours else []
    kept += [(b"IDAT", data) for data in chunks.get(b"IDAT", [])]
    kept += [(b"IEND", b"")]
    made = _PNG + b"".join(_chunk(name, data) for name, data in kept)
    stored = _decoded(made, cv2.IMREAD_UNCHANGED if kind & 4 or colours else cv2.IMREAD_COLOR)
    if stored.ndim == 2:  # one grey is transparent, of which OpenCV says nothing
        grey = int.from_bytes(colours[:2], "big") * (255 // (2**depth - 1) or 1)
        stored = cv2.merge([stored] * 3) * (stored != grey)[..., None]
    if stored.dtype == np.uint16:
        stored = (stored >> 8).astype(np.uint8)
    return _turned(_on_black(stored), bytes(chunks.get(b"eXIf", [b""])[0]))


def _png_chunks(content: bytes) -> dict[bytes, list[memoryview]]:
    """By name. Raises ValueError for damage, and for sizes that are too large."""
    view, at = memoryview(content), len(_PNG)
    found: dict[bytes, list[memoryview]] = {}
    while b"IEND" not in found:
        if at + 12 > len(content):
            raise ValueError(_DAMAGED)
        length, name = struct.unpack_from(">I4s", content, at)
        data = view[at + 8 : at + 8 + length]
        at += 12 + length
        # what begins with a capital must be understood
        if name[:1].isupper() and content[at - 4 : at] != _chunk(name, data)[-4:]:
            raise ValueError(_DAMAGED)
        found.setdefault(name, []).append(data)
    header = found.get(b"IHDR", [view[:0]])[0]
    if len(header) != 13:
        raise ValueError(_DAMAGED)
    width, height = struct.unpack_from(">2I", header)
    if width * height > _MOST or max(width, height) > _LONGEST:
        raise ValueError(f"it has {width}x{height} pixels, which is too many")
    return found


def _chunk(name: bytes, data: bytes | memoryview) -> bytes:
    check = zlib.crc32(data, zlib.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def _on_black(stored: Pixels) -> Pixels:
    """BGR (H, W, 3) of BGR or BGRA."""
    if stored.shape[2] == 3:
        return stored
    alpha = cv2.merge([stored[..., 3]] * 3)
    shown: Any = cv2.multiply(np.ascontiguousarray(stored[..., :3]), alpha, scale=1 / 255)
    covered: Pixels = shown
    return covered


def _webp_exif(content: bytes) -> bytes:
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        if name == b"EXIF":
            return content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return b""


def _turned(pixels: Pixels, exif: bytes) -> Pixels:
    across, mirrored, flipped = _TURNS.get(_orientation(exif), (False, False, False))
    turned = pixels.swapaxes(0, 1) if across else pixels
    step = slice(None, None, -1), slice(None)
    return turned[step[not flipped], step[not mirrored]]


def _orientation(exif: bytes) -> int:
    """1 where it says none, or can't be read."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == 0x0112:
                return int(value)
    except struct.error:
        pass
    return 1
