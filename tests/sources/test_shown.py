"""Files that are not shown as they are stored, against what ffmpeg and Pillow show of them."""

from __future__ import annotations

import gc
import io
import os
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest
from av.video.frame import VideoFrame
from heif import tiled
from PIL import Image, ImageOps, features

from livestyle.errors import SourceError
from livestyle.frame import UHD
from livestyle.sources import open_source, source_size
from livestyle.sources.file import FileInfo, VideoFile, decode, decode_timed, probe

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


def ffmpeg(*arguments, stdin=None):
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def scene(width=96, height=64):
    """Another colour in each corner, and no symmetry."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 // width, y * 255 // height, np.where(x > y, 40, 200)], -1)
    rgb[: height // 4, : width // 8] = 255
    return Image.fromarray(rgb.astype(np.uint8))


def rgb_of(path):
    return next(decode(str(path)))[..., 2::-1]


def far(ours, theirs):
    assert ours.shape == theirs.shape
    return np.abs(ours.astype(int) - theirs).mean()


def on_black(picture):
    picture = picture.convert("RGBA")
    black = Image.new("RGBA", picture.size, "black")
    return np.asarray(Image.alpha_composite(black, picture))[..., :3]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "avif"])
def test_photographs_by_their_exif(tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photograph.{ending}"
    scene().save(path, exif=exif, quality=95)
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    assert probe(str(path)).size == expected.shape[1::-1]
    assert far(rgb_of(path), expected) < 5


MATRICES = {
    "upright": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "flipped": (1, 0, 0, -1),
    "about": (-1, 0, 0, -1),
    "right": (0, 1, -1, 0),
    "left": (0, -1, 1, 0),
    "across": (0, 1, 1, 0),
    "across and about": (0, -1, -1, 0),
}


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_clips_by_their_display_matrix(tmp_path, matrix):
    path = tmp_path / "clip.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=0.3", "-pix_fmt", "yuv420p", path)
    file = bytearray(path.read_bytes())
    at = file.index(b"tkhd") + 4 + 40  # version 0
    a, b, c, d = (65536 * number for number in matrix)
    struct.pack_into(">9i", file, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(file)
    width, height = (96, 64) if a else (64, 96)
    # ffmpeg 5 takes some reflections in clips for turns, so the picture is turned here
    raw = ffmpeg("-noautorotate", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    stored = np.frombuffer(raw, np.uint8).reshape(-1, 64, 96, 3)[0]
    shown = np.zeros((height, width, 3), np.uint8)
    for q in range(64):
        for p in range(96):
            x, y = matrix[0] * p + matrix[2] * q, matrix[1] * p + matrix[3] * q
            shown[y % height, x % width] = stored[q, p]
    # what lands at -1 is the last row or column: x % width is off by one where the sign is minus
    shown = np.roll(shown, (-(matrix[1] + matrix[3] < 0), -(matrix[0] + matrix[2] < 0)), (0, 1))
    assert probe(str(path)).size == (width, height)
    assert far(rgb_of(path), shown) < 3


def turned_jpeg(picture, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(jpeg := io.BytesIO(), "JPEG", quality=95, subsampling=0, exif=exif)
    return jpeg.getvalue()


@pytest.mark.parametrize("orientations", [(1, 2, 4, 3, 6, 5, 8, 7), (8, 6, 6, 1, 4)])
def test_each_frame_of_a_clip_by_its_own_exif(tmp_path, orientations):
    path = tmp_path / "clip.mjpg"
    files = [turned_jpeg(scene(), orientation) for orientation in orientations]
    path.write_bytes(b"".join(files))
    shown = list(decode(str(path)))
    assert len(shown) == len(files)
    for pixels, file in zip(shown, files, strict=True):
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
        assert far(pixels[..., 2::-1], np.asarray(upright)) < 6
    with VideoFile(str(path)) as source:
        assert source.size == (shown[0].shape[1], shown[0].shape[0])


@pytest.mark.parametrize("orientations", [(6,) * 12, (1, 2) * 6])
def test_no_frame_outlives_its_turn(tmp_path, orientations):
    path = tmp_path / "clip.mjpg"
    path.write_bytes(b"".join(turned_jpeg(scene(), number) for number in orientations))
    gc.collect()
    gc.disable()
    try:
        counts = [_alive() for _ in decode(str(path))]
    finally:
        gc.enable()
    assert 1 <= max(counts) <= 3


def _alive():
    return sum(type(one) is VideoFrame and one.width > 2 for one in gc.get_objects())


CLEAR = {
    "rle.mov": ["-c:v", "qtrle", "-pix_fmt", "argb"],
    "prores.mov": ["-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"],
    "vp8.webm": ["-c:v", "libvpx", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0"],
    "deep.png": ["-frames:v", "1", "-pix_fmt", "rgba64be"],
    "moving.apng": [],
}


@pytest.mark.parametrize(("name", "arguments"), CLEAR.items(), ids=CLEAR)
def test_what_is_transparent_lies_on_black(tmp_path, name, arguments):
    """Red, covering from nothing on the left to everything on the right."""
    path = tmp_path / name
    graph = "color=red:s=64x48:r=10:d=0.3,format=yuva444p,geq=lum='p(X,Y)':a='X*4'"
    ffmpeg("-f", "lavfi", "-i", graph, *arguments, path)
    for pixels in decode(str(path)):
        red = pixels[24, :, 2].astype(int)
        assert np.abs(red - np.arange(64) * 4).max() <= 8
        assert pixels[..., :2].max() <= 8


@pytest.mark.parametrize("ending", ["png", "webp", "gif", "tiff", "avif"])
def test_colours_hidden_in_a_picture(tmp_path, ending):
    picture = scene().convert("RGBA")
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, 32:] = 255 if ending == "gif" else 128
    alpha[:, 64:] = 255
    picture.putalpha(Image.fromarray(alpha))
    path = tmp_path / f"hidden.{ending}"
    picture.save(path, **({"lossless": True} if ending == "webp" else {}))
    with Image.open(path) as stored:
        assert far(rgb_of(path), on_black(stored)) < 3
    assert rgb_of(path)[:, :31].max() <= 1


def test_hdr_with_transparency(tmp_path):
    path = tmp_path / "clear.mkv"
    graph = "color=white:s=64x48:r=10:d=0.2,format=yuva444p10le,geq=lum='p(X,Y)':a='X*16'"
    tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    ffmpeg("-f", "lavfi", "-i", graph, "-c:v", "ffv1", *tags, path)
    assert probe(str(path)).range == "PQ"
    white = rgb_of(path)[24, :, 1].astype(int)
    assert np.abs(white - np.arange(64) * 4).max() <= 4


def test_colours_hidden_in_a_palette(tmp_path):
    picture = scene().quantize(16)
    path = tmp_path / "palette.png"
    picture.save(path, transparency=bytes(range(0, 256, 16)))
    with Image.open(path) as stored:
        assert far(rgb_of(path), on_black(stored)) < 0.5


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
@pytest.mark.parametrize(("columns", "rows"), [(2, 2), (3, 1)])
@pytest.mark.parametrize("ending", ["avif", "heic"])
def test_pictures_of_tiles_are_whole(tmp_path, columns, rows, ending, monkeypatch):
    if ending == "heic":
        pytest.importorskip("pillow_heif")
    picture = scene(64 * columns, 64 * rows)
    path = tiled(tmp_path / f"tiles.{ending}", picture, columns, rows)
    assert probe(path) == FileInfo((64 * columns, 64 * rows), None, 1)
    assert far(rgb_of(path), np.asarray(picture)) < 4
    monkeypatch.setitem(
        sys.modules, "pillow_heif" if ending == "heic" else "PIL.AvifImagePlugin", None
    )
    with pytest.raises(SourceError, match=r"tiles.*pip install -e '.*\[pictures\]'"):
        next(decode(path))


@pytest.mark.parametrize("durations", [[40, 120, 40, 200], [100] * 3])
def test_animated_webp_plays(tmp_path, durations):
    frames = [Image.new("RGB", (64, 48), (60 * number, 10, 200)) for number in range(4)]
    path = tmp_path / "moving.webp"
    frames[0].save(
        path,
        save_all=True,
        append_images=frames[1 : len(durations)],
        duration=durations,
        lossless=True,
    )
    found = probe(str(path))
    assert found.size == (64, 48) and found.frames == len(durations)
    assert found.fps == pytest.approx(1000 * len(durations) / sum(durations))
    shown = [pixels[0, 0, 2] for pixels in decode(str(path))]
    assert shown == [60 * number for number in range(len(durations))]
    with VideoFile(str(path)) as source:
        seen = [source.read() for _ in range(5)]
    assert [frame.pixels[0, 0, 2] for frame in seen] == (shown + shown)[:5]


def clear_frames(count, size=(64, 48)):
    """Magenta whose transparent part moves, and differs from what its colours alone show."""
    frames = []
    for number in range(count):
        rgba = np.full((*size[::-1], 4), (250, 20, 250 - 40 * number, 255), np.uint8)
        rgba[: 8 * (number + 1), :, 3] = 0
        frames.append(Image.fromarray(rgba))
    return frames


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
@pytest.mark.parametrize(("durations", "size"), [([40, 120, 200], (64, 48)), ([100] * 2, (48, 96))])
def test_animated_avif_with_transparency_plays(tmp_path, durations, size, monkeypatch):
    frames = clear_frames(len(durations), size)
    path = tmp_path / "moving.avif"
    options = {"save_all": True, "append_images": frames[1:], "duration": durations}
    frames[0].save(path, quality=95, **options)
    found = probe(str(path))
    assert found.size == size and found.frames == len(durations)
    assert found.fps == pytest.approx(1000 * len(durations) / sum(durations), rel=0.01)
    times, shown = zip(*decode_timed(str(path)), strict=True)
    assert times == pytest.approx([sum(durations[:n]) / 1000 for n in range(len(durations))])
    for pixels, frame in zip(shown, frames, strict=True):
        assert far(pixels[..., 2::-1], on_black(frame)) < 4
    monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
    with pytest.raises(SourceError, match=r"animated AVIF with .*pip install -e '.*\[pictures\]'"):
        next(decode(str(path)))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_animations_without_or_of_another_kind(tmp_path):
    frames = clear_frames(3)
    path, other = tmp_path / "opaque.avif", tmp_path / "other.heif"
    options = {"save_all": True, "duration": 100, "quality": 95}
    opaque = [frame.convert("RGB") for frame in frames]
    opaque[0].save(path, append_images=opaque[1:], **options)
    for pixels, frame in zip(decode(str(path)), opaque, strict=True):
        assert far(pixels[..., 2::-1], np.asarray(frame)) < 4
    frames[0].save(path, append_images=frames[1:], **options)
    other.write_bytes(path.read_bytes().replace(b"avis", b"hevc").replace(b"avif", b"heic"))
    with pytest.raises(SourceError, match="other.heif is an animation with transparency of a kind"):
        next(decode(str(other)))


def pq(light):
    """SMPTE ST 2084, written down here once more."""
    power = (light / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def patches(path, levels, transfer, primaries="bt2020", matrix="bt2020nc"):
    """A 10 bit clip, its grey in the signals `levels` from left to right."""
    luma = np.repeat(np.round(64 + 876 * np.array(levels)), 32).astype("<u2")
    planes = np.tile(luma, (48, 1)).tobytes() + np.full(luma.size * 24, 512, "<u2").tobytes()
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", f"{luma.size}x48", "-r", "10"),
        *("-i", "pipe:0", "-c:v", "libx264", "-qp", "0"),
        *("-color_primaries", primaries, "-color_trc", transfer, "-colorspace", matrix, path),
        stdin=planes * 3,
    )
    return str(path)


def middles(path):
    rgb = rgb_of(path).astype(int)
    assert (rgb.max(-1) - rgb.min(-1)).max() <= 2, "grey stays grey"
    return rgb[24, 16::32, 1]


@pytest.mark.parametrize(
    ("transfer", "levels"),
    [
        ("smpte2084", [0, pq(26), pq(100), pq(203), pq(400), pq(1000), pq(4000)]),
        ("arib-std-b67", [0, 0.38, 0.6, 0.75, 0.85, 1, 1]),
    ],
)
def test_hdr_is_as_bright_as_other_films(tmp_path, transfer, levels):
    path = patches(tmp_path / "hdr.mp4", levels, transfer)
    black, grey, _, white, bright, brightest, _ = shown = middles(path)
    assert (np.diff(shown) >= 0).all()
    assert black == 0 and 100 <= grey <= 130 and 235 <= white < bright < brightest == 255
    told = []
    with open_source(f"file:{path}", None, 30, told.append):
        assert len(told) == 1 and "SDR" in told[0]


def test_colours_of_hdr_are_those_of_bt709(tmp_path):
    """BT.709's red at 100 cd/m², as BT.2020 and PQ have it, is red; at gamma 2.4."""
    linear = np.array([0.6274, 0.0691, 0.0164]) * 100
    red, green, blue = (pq(light) for light in linear)
    y = 0.2627 * red + 0.678 * green + 0.0593 * blue
    cb, cr = (blue - y) / 1.8814, (red - y) / 1.4746
    planes = (
        [round(64 + 876 * y)] * 1024,
        [round(512 + 896 * cb)] * 256,
        [round(512 + 896 * cr)] * 256,
    )
    tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "32x32", "-i", "pipe:0"),
        *("-c:v", "libx264", "-qp", "0", *tags, tmp_path / "red.mp4"),
        stdin=b"".join(np.array(plane, "<u2").tobytes() for plane in planes),
    )
    red, green, blue = rgb_of(tmp_path / "red.mp4")[8, 8].astype(int)
    assert abs(red - 255 * (100 / 203) ** (1 / 2.4)) <= 2
    assert max(green, blue) < 20, "a thousandth of the light, where the signal is steep"


def test_ten_bits_alone_are_no_hdr(tmp_path):
    levels = [0, 0.25, 0.5, 0.75, 1]
    path = patches(tmp_path / "sdr.mp4", levels, "bt709", "bt709", "bt709")
    assert probe(path).range == ""
    assert np.abs(middles(path) - 255 * np.array(levels)).max() <= 1


def combing(pixels):
    green = pixels[..., 1].astype(int)
    return np.abs(green[1:-1] - (green[:-2] + green[2:]) / 2).mean()


FIELDS = {
    "h264.mkv": ["-c:v", "libx264", "-flags", "+ildct+ilme", "-x264opts", "tff=1"],
    "mpeg2.ts": ["-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-q:v", "2"],
    "told-by-the-stream.mkv": ["-c:v", "ffvhuff", "-flags", "+ildct+ilme", "-field_order", "tt"],
}


@pytest.mark.parametrize(("name", "arguments"), FIELDS.items(), ids=FIELDS)
def test_fields_are_made_whole(tmp_path, name, arguments):
    path = tmp_path / name
    graph = "testsrc2=s=160x96:r=50:d=0.8,tinterlace=interleave_top,fieldorder=tff"
    ffmpeg("-f", "lavfi", "-i", graph, "-pix_fmt", "yuv420p", *arguments, path)
    raw = ffmpeg(
        *("-i", path, "-vf", "bwdif=mode=send_frame:deint=all:parity=tff"),
        *("-f", "rawvideo", "-pix_fmt", "bgra", "-"),
    )
    expected = np.frombuffer(raw, np.uint8).reshape(-1, 96, 160, 4)
    frames = list(decode(str(path)))
    assert len(frames) == len(expected) == 20
    for ours, theirs in zip(frames[2:-2], expected[2:-2], strict=True):
        assert far(ours[..., :3], theirs[..., :3]) < 6
        assert combing(ours) < combing(theirs) * 1.15


def test_one_interlaced_frame_alone(tmp_path):
    path = tmp_path / "one.mkv"
    graph = "testsrc2=s=160x96:r=50:d=0.04,tinterlace=interleave_top,fieldorder=tff"
    fields = ["-c:v", "ffv1", "-flags", "+ildct+ilme", "-frames:v", "1"]
    ffmpeg("-f", "lavfi", "-i", graph, *fields, path)
    assert probe(str(path)) == FileInfo((160, 96), None, 1)


def test_a_whole_frame_stays_as_it_is(tmp_path):
    path = tmp_path / "whole.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x96:r=10:d=0.3", "-c:v", "ffv1", path)
    raw = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "bgra", "-")
    expected = np.frombuffer(raw, np.uint8).reshape(-1, 96, 160, 4)
    for ours, theirs in zip(decode(str(path)), expected, strict=True):
        assert far(ours[..., :3], theirs[..., :3]) < 2


@pytest.mark.parametrize("size", [(8000, 6000), (6000, 8000)])
def test_a_giant_is_read_at_4k(tmp_path, size):
    path = tmp_path / "giant.jpg"
    Image.new("RGB", size, (200, 40, 40)).save(path)
    told = []
    shown = source_size(f"file:{path}", None, 30, told.append)
    assert shown[0] <= UHD[0] and shown[1] <= UHD[1] and max(shown) > 2000
    assert shown[0] / shown[1] == pytest.approx(size[0] / size[1], rel=0.01)
    assert told == ["file:giant.jpg is {}x{}; it is read at {}x{}".format(*size, *shown)]
    assert probe(str(path)).size == size, "`stylize` takes it whole"
    with VideoFile(str(path), (7680, 4320)) as source:
        assert max(source.size) > 4000, "nor is less read than was asked for"
        assert np.abs(source.read().pixels[10, 10, 2::-1].astype(int) - (200, 40, 40)).max() < 4


@pytest.mark.parametrize("text", ["Großer Fluß", "naïve café"])
def test_a_title_in_another_encoding(tmp_path, text):
    path = tmp_path / "titled.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=32x32:d=0.2", "-metadata", f"title={text}", path)
    file = path.read_bytes()
    latin = text.encode("latin-1")
    assert text.encode() in file
    path.write_bytes(file.replace(text.encode(), latin.ljust(len(text.encode()), b" ")))
    assert probe(str(path)).size == (32, 32)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
@pytest.mark.parametrize("opened", [VideoFile, probe, lambda path: next(decode(path))])
def test_what_is_no_regular_file_is_refused(tmp_path, opened):
    os.mkfifo(tmp_path / "fifo")
    for path in (str(tmp_path / "fifo"), "/dev/zero"):
        with pytest.raises(SourceError, match="no regular file"):
            opened(path)


@pytest.mark.parametrize("shape", ["40000/1", "1/1000"])
def test_pixels_of_an_absurd_shape_are_square(tmp_path, shape):
    path = tmp_path / "shape.mkv"
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=64x48:d=0.1,setsar={shape}", "-c:v", "ffv1", path)
    assert next(decode(str(path))).shape == (48, 64, 4)


@pytest.mark.parametrize("seed", range(3))
def test_damage_is_told_in_a_line(tmp_path, seed):
    """Whatever libav, Pillow or libheif make of it."""
    chance = np.random.default_rng(seed)
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=0.3", tmp_path / "clip.mp4")
    scene().save(moving := io.BytesIO(), "WEBP", save_all=True, append_images=[scene()])
    whole = {"mp4": (tmp_path / "clip.mp4").read_bytes(), "webp": moving.getvalue()}
    for ending, file in whole.items():
        path = tmp_path / f"hurt.{ending}"
        for _ in range(40):
            hurt = bytearray(file)
            for at in chance.integers(file.find(b"moov") if ending == "mp4" else 12, len(file), 8):
                hurt[at] = chance.integers(256)
            path.write_bytes(hurt)
            try:
                probe(str(path))
                list(decode(str(path)))
            except SourceError as error:
                assert "\n" not in str(error)
