"""PNG: a whole picture, with a text in it that says how it came about."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_HEAD = 8 + 25  # bytes: the signature and the chunk IHDR, which come first


def png_of(pixels: Pixels) -> bytes:
    """As PNG, RGB of its size: BGRA (H, W, 4) without its fourth byte, or I420 (H * 3 / 2, W)."""
    code = cv2.COLOR_YUV2BGR_I420 if pixels.ndim == 2 else cv2.COLOR_BGRA2BGR
    _, png = cv2.imencode(".png", cv2.cvtColor(pixels, code))
    return png.tobytes()


def with_text(png: bytes, keyword: str, text: str) -> bytes:
    """The same with an iTXt chunk. keyword: 1 to 79 characters of Latin-1."""
    # keyword, not compressed, neither language nor translated keyword
    content = keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    chunk = b"iTXt" + content
    packed = struct.pack(">I", len(content)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:_HEAD] + packed + png[_HEAD:]
