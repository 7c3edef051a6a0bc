"""Pictures that something is learned from: a style's, a training's, a bench's, all read alike."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from livestyle.bench.picture.style_distance import Painting
from livestyle.commands import main
from livestyle.errors import LivestyleError
from livestyle.still import read_still
from livestyle.stylizers.blend import Part
from livestyle.stylizers.magenta import predict_style
from livestyle.training.pictures import read_folder, read_painting


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Another colour in each corner, and no symmetry."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 // width, y * 255 // height, np.where(x > y, 40, 200)], -1)
    rgb[: height // 4, : width // 8] = 255
    return Image.fromarray(rgb.astype(np.uint8))


def clear(width: int = 96, height: int = 64) -> Image.Image:
    """The same with magenta hidden in one corner, and half of it elsewhere."""
    picture = scene(width, height).convert("RGBA")
    picture.paste((255, 0, 255, 0), (0, 0, width // 3, height // 2))
    picture.paste((255, 0, 255, 100), (width // 2, height // 2, width, height))
    return picture


def on_black(picture: Image.Image) -> np.ndarray:
    picture = picture.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture))[
        ..., :3
    ]


def far(ours: np.ndarray, theirs: np.ndarray) -> int:
    assert ours.shape == theirs.shape
    return int(np.abs(ours.astype(int) - theirs).max())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("ending", "drawn"), [
    ("png", scene), ("png", clear), ("webp", scene), ("webp", clear), ("jpg", scene),
])  # fmt: skip
def test_upright_and_on_black(
    tmp_path: Path, ending: str, drawn: Callable[[], Image.Image], orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description before it"
    exif[0x0112] = orientation
    path = tmp_path / f"x.{ending}"
    exact = {"lossless": True, "exact": True} if ending == "webp" else {"quality": 95}
    drawn().save(path, exif=exif, **exact)
    with Image.open(path) as stored:
        wanted = on_black(ImageOps.exif_transpose(stored))
    assert far(read_still(path), wanted) <= (12 if ending == "jpg" else 1)


def hidden_grey() -> Image.Image:
    picture = Image.new("L", (96, 64), 200)
    picture.paste(100, (0, 0, 64, 32))
    return picture


CLEAR: dict[str, tuple[Image.Image, dict[str, object]]] = {
    "grey.png": (hidden_grey(), {"transparency": 200}),
    "two.png": (hidden_grey().point(lambda v: 255 * (v > 150), "1"), {"transparency": 255}),
    "colour.png": (scene(), {"transparency": (255, 255, 255)}),
    "grey-alpha.png": (clear().convert("LA"), {}),
    "palette.png": (hidden_grey().convert("P"), {"transparency": 200}),
    "moving.webp": (
        clear(), {"save_all": True, "append_images": [scene()], "lossless": True, "exact": True}
    ),
    "moving.png": (clear(), {"save_all": True, "append_images": [scene().convert("RGBA")]}),
    "opaque.bmp": (scene(), {}),
    "profile.png": (scene(), {"icc_profile": b"no profile"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAR)
def test_every_transparency(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    picture, options = CLEAR[name]
    picture.save(tmp_path / name, **options)
    with Image.open(tmp_path / name) as stored:
        assert far(read_still(tmp_path / name), on_black(stored)) <= 1
    assert capfd.readouterr().err == ""


def png(kind: int, rows: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """Of 16 bits."""
    height, width = rows.shape[:2]
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    made = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(lines)), (b"IEND", b"")):
        made += struct.pack(">I", len(data)) + name + data
        made += struct.pack(">I", zlib.crc32(name + data))
    return made


def test_sixteen_bits(tmp_path: Path) -> None:
    grey = np.full((20, 30), 0x8040, np.uint16)
    grey[:10] = 0x8041  # the transparent one differs by the last bit
    (tmp_path / "grey.png").write_bytes(png(0, grey, (b"tRNS", struct.pack(">H", 0x8041))))
    shown = read_still(tmp_path / "grey.png")
    assert (shown[:10] == 0).all() and (shown[10:] == 0x80).all()
    rgba = np.full((20, 30, 4), (65535, 0, 30000, 65535), np.uint16)
    rgba[:, :15, 3] = 0
    (tmp_path / "rgba.png").write_bytes(png(6, rgba))
    shown = read_still(tmp_path / "rgba.png")
    assert (shown[:, :15] == 0).all() and far(shown[:, 15:], rgba[:, 15:, :3] >> 8) <= 1


def _painted(path: Path) -> object:
    return read_painting(path, 640)


READERS: dict[str, Callable[[Path], object]] = {
    "a style": lambda path: predict_style([Part(path, 1.0)]),
    "a painting": _painted,
    "of the bench": lambda path: Painting(str(path)).open(),
}
NAME = "\x1b[31mx.png"


def _jpeg(size: tuple[int, int]) -> bytes:
    """The beginning of one that says it is that large."""
    Image.new("L", (16, 16)).save(file := io.BytesIO(), "JPEG")
    whole = bytearray(file.getvalue())
    struct.pack_into(">2H", whole, whole.index(b"\xff\xc0") + 5, *size)
    return bytes(whole)


REFUSED: dict[str, tuple[bytes, str]] = {
    "a giant PNG": (
        png(0, np.zeros((1, 1))).replace(
            struct.pack(">2I", 1, 1), struct.pack(">2I", 40_000, 40_000)
        ),
        "damaged",
    ),
    "a giant JPEG": (_jpeg((60_000, 60_000)), "more than 1073741824 pixels"),
    "cut off": (png(0, np.zeros((9, 9)))[:-30], "damaged"),
    "no picture": (b"#!/bin/sh\n", "damaged, or no JPEG"),
    "nothing": (b"", "damaged, or no JPEG"),
    "no header": (b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IEND\xae\x42\x60\x82", "damaged"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_picture_is_refused_in_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], reader: str, kind: str
) -> None:
    content, why = REFUSED[kind]
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(LivestyleError, match=why) as raised:
        READERS[reader](tmp_path / NAME)
    assert "\n" not in str(raised.value) and "\x1b" not in str(raised.value)
    assert capfd.readouterr().err == "", "libraries would print the name, too"


@pytest.mark.parametrize("size", [(40_000, 40_000), (1, 2_000_000)])
def test_a_size_is_named(tmp_path: Path, size: tuple[int, int]) -> None:
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    made = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        made += struct.pack(">I", len(data)) + name + data
        made += struct.pack(">I", zlib.crc32(name + data))
    (tmp_path / "x.png").write_bytes(made)
    with pytest.raises(ValueError, match="{}x{} pixels, which is too many".format(*size)):
        read_still(tmp_path / "x.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
@pytest.mark.parametrize("reader", READERS)
def test_nothing_waits_for_a_pipe(tmp_path: Path, reader: str) -> None:
    os.mkfifo(path := tmp_path / "x.png")
    refused = []

    def read(path: Path) -> None:
        with pytest.raises(LivestyleError, match="no regular file|cannot read"):
            READERS[reader](path)
        refused.append(path)

    for some in (path, Path("/dev/zero")):
        thread = threading.Thread(target=read, args=(some,), daemon=True)
        thread.start()
        thread.join(60)
    assert len(refused) == 2


def test_a_folder_s_pictures_alone_are_taken(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(REFUSED["cut off"][0])
    (tmp_path / "\x1b]2;c.jpg").write_bytes(REFUSED["a giant JPEG"][0])
    (tmp_path / "folder.png").mkdir()
    clear().save(tmp_path / "z.png")
    (found,) = read_folder(tmp_path)
    assert far(found, on_black(clear())) <= 1
    assert capfd.readouterr().err == ""


def test_the_command_trains_on_no_pipe(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "on").mkdir()
    scene(320, 240).save(tmp_path / "on" / "x.png")
    os.mkfifo(fifo := tmp_path / "fifo.png")
    assert main(["train", str(fifo), "--on", str(tmp_path / "on"), "--device", "cpu"]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"livestyle: cannot read the picture '{fifo}': it is no regular file; name a JPEG, PNG or "
        "WebP file"
    )
