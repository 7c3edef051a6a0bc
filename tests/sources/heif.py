"""Writes HEIC and AVIF of tiles, as phones do: ISO/IEC 23008-12, 6.6.2.3."""

from __future__ import annotations

import struct
from pathlib import Path

from PIL import Image


def tiled(path: Path, picture: Image.Image, columns: int, rows: int) -> str:
    """The picture in so many tiles of one size; the name's ending says of which kind."""
    width, height = picture.width // columns, picture.height // rows
    corners = [(column * width, row * height) for row in range(rows) for column in range(columns)]
    tiles, coding = [], b""
    for left, top in corners:
        tile = picture.crop((left, top, left + width, top + height))
        data, coding = _coded(path, tile)
        tiles.append(data)
    kind, brand = (b"av01", b"avif") if path.suffix == ".avif" else (b"hvc1", b"heic")
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *picture.size)
    items = [*tiles, grid]
    names = [kind] * len(tiles) + [b"grid"]
    entries = b"".join(
        _full(b"infe", 2, struct.pack(">HH4sx", number, 0, name))
        for number, name in enumerate(names, 1)
    )
    last = len(items)
    sizes = [
        _full(b"ispe", 0, struct.pack(">II", *size)) for size in ((width, height), picture.size)
    ]
    properties = _box(b"ipco", sizes[0] + sizes[1] + coding)
    owned = b"".join(struct.pack(">HBBB", n, 2, 1, 0x80 | 3) for n in range(1, last))
    owned += struct.pack(">HBB", last, 1, 2)
    parts = struct.pack(">HH", last, last - 1) + struct.pack(f">{last - 1}H", *range(1, last))

    def meta(start: int) -> bytes:
        places = b""
        for number, item in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, start, len(item))
            start += len(item)
        return _full(
            b"meta",
            0,
            _full(b"hdlr", 0, b"\0" * 4 + b"pict" + b"\0" * 13)
            + _full(b"pitm", 0, struct.pack(">H", last))
            + _full(b"iloc", 0, struct.pack(">BBH", 0x44, 0, last) + places)
            + _full(b"iinf", 0, struct.pack(">H", last) + entries)
            + _full(b"iref", 0, _box(b"dimg", parts))
            + _box(b"iprp", properties + _full(b"ipma", 0, struct.pack(">I", last) + owned)),
        )

    head = _box(b"ftyp", brand + b"\0" * 4 + b"mif1" + brand)
    start = len(head) + len(meta(0)) + 8
    path.write_bytes(head + meta(start) + _box(b"mdat", b"".join(items)))
    return str(path)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _full(name: bytes, version: int, content: bytes) -> bytes:
    return _box(name, struct.pack(">I", version << 24) + content)


def _coded(path: Path, tile: Image.Image) -> tuple[bytes, bytes]:
    """A tile's bytes, and the box that says how they are coded."""
    alone = path.with_name(f"tile{path.suffix}")
    if path.suffix == ".avif":
        tile.save(alone, quality=95, subsampling="4:4:4")
        box = b"av1C"
    else:
        import pillow_heif

        pillow_heif.from_pillow(tile).save(alone, quality=95)
        box = b"hvcC"
    file = alone.read_bytes()
    at = file.index(box) - 4
    coding = file[at : at + struct.unpack_from(">I", file, at)[0]]
    at = file.index(b"mdat") - 4
    return file[at + 8 : at + struct.unpack_from(">I", file, at)[0]], coding
