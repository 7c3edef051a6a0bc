"""Pictures that are not damaged, and larger than files of that size are, or as large as any."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def _png(size: tuple[int, int], depth: int, kind: int, samples: int) -> bytes:
    """All black."""
    row = bytes(1 + -(-size[0] * depth * samples // 8))
    packed = zlib.compressobj(1)
    pixels = b"".join(packed.compress(row * 64) for _ in range(size[1] // 64)) + packed.flush()
    made = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0)
    for name, data in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")):
        made += struct.pack(">I", len(data)) + name + data
        made += struct.pack(">I", zlib.crc32(name + data))
    return made


def _plain(size: tuple[int, int], kind: str, **options: object) -> bytes:
    Image.new("RGB", size).save(file := io.BytesIO(), kind, **options)
    return file.getvalue()


def bombs() -> dict[str, bytes]:
    """By name; of 64 megapixels."""
    size = 8192, 8192
    return {
        "bomb.png": _png(size, 1, 0, 1),
        "bomb.gif": _plain(size, "GIF"),
        "bomb.tiff": _plain(size, "TIFF", compression="tiff_deflate"),
    }


def largest() -> dict[str, bytes]:
    """By name; as large as is taken of files of any size."""
    size = 8192, 4096
    return {
        "most.jpg": _plain(size, "JPEG", progressive=True),  # becomes a .png
        "most.png": _png(size, 16, 6, 4),  # becomes an .mp4
    }
