"""Video and picture files that ffmpeg made, played and decoded."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import threading
import time

import numpy as np
import pytest

from livestyle.errors import SourceError
from livestyle.sources import open_source
from livestyle.sources.file import FileInfo, VideoFile, decode, probe

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


def ffmpeg(*arguments):
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def make(path, *arguments, graph="testsrc2=s=320x180:r=25:d=1"):
    ffmpeg("-f", "lavfi", "-i", graph, *arguments, path)
    return str(path)


def counting(path, frames, fps, *arguments):
    """A lossless video in which frame N is red in the tone of 8 N."""
    graph = f"color=black:s=32x32:r={fps}:d={frames / fps},format=gbrp,geq=r='N*8':g=0:b=0"
    return make(path, "-c:v", "ffv1", *arguments, graph=graph)


def number(pixels):
    tone = int(pixels[0, 0, 2])
    assert tone % 8 == 0 and (pixels[..., :3] == (0, 0, tone)).all()
    return tone // 8


def as_ffmpeg_decodes(path, size, *arguments):
    raw = ffmpeg("-i", path, *arguments, "-f", "rawvideo", "-pix_fmt", "bgra", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 4)


def test_decode_gives_every_frame_in_order(tmp_path):
    path = counting(tmp_path / "count.mkv", 30, 25)
    assert [number(pixels) for pixels in decode(path)] == list(range(30))
    assert probe(path) == FileInfo((32, 32), 25.0, 30)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("h264.mp4", ["-pix_fmt", "yuv420p"]),
        ("b-frames.mkv", ["-c:v", "libx264", "-bf", "3", "-g", "12", "-pix_fmt", "yuv420p"]),
        (
            "ten-bit.mkv",
            ["-c:v", "libx265", "-x265-params", "log-level=0", "-pix_fmt", "yuv420p10"],
        ),
        ("vp9.webm", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
        ("moving.gif", []),
        ("raw.h264", ["-pix_fmt", "yuv420p"]),
        ("motion.avi", ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]),
    ],
)
def test_same_pictures_as_ffmpeg(tmp_path, name, arguments):
    path = make(tmp_path / name, *arguments)
    expected = as_ffmpeg_decodes(path, (320, 180))
    frames = list(decode(path))
    assert len(frames) == len(expected) == 25
    for ours, theirs in zip(frames, expected, strict=True):
        assert ours.dtype == np.uint8 and ours.flags.c_contiguous
        difference = np.abs(ours[..., :3].astype(int) - theirs[..., :3])
        assert difference.mean() < 4, "the same but for rounding and chroma interpolation"
    assert probe(path).fps == pytest.approx(25, rel=0.02)


@pytest.mark.parametrize("matrix", [("bt601", "smpte170m"), ("bt709", "bt709")])
@pytest.mark.parametrize("limits", ["tv", "pc"])
@pytest.mark.parametrize("bits", ["yuv444p", "yuv444p10"])
def test_matrix_and_range_of_the_file_count(tmp_path, matrix, limits, bits):
    """Colour bars come back as the RGB they were made of, whatever they were stored as."""
    bars = "smptehdbars=s=640x360:r=25:d=0.2,format=gbrp"
    name, tag = matrix
    path = make(
        tmp_path / "bars.mkv",
        *("-vf", f"scale=out_color_matrix={name}:out_range={limits},format={bits}"),
        *("-c:v", "libx264", "-qp", "0", "-colorspace", tag, "-color_range", limits),
        graph=bars,
    )
    picture = make(tmp_path / "bars.png", "-frames:v", "1", graph=bars)
    (expected,) = decode(picture)
    frame = next(decode(path))
    assert np.abs(frame[..., :3].astype(int) - expected[..., :3]).max() <= 2


def test_frames_are_freshly_allocated(tmp_path):
    for path in (counting(tmp_path / "a.mkv", 4, 25), make(tmp_path / "b.bmp", "-frames:v", "1")):
        with VideoFile(path) as source:
            first, second = source.read(), source.read()
        kept = second.pixels.copy()
        first.pixels[:] = 77
        assert np.array_equal(second.pixels, kept)


def test_odd_size(tmp_path):
    path = make(
        tmp_path / "odd.mkv", "-c:v", "ffv1", graph="color=red:s=321x181:r=10:d=0.5,format=gbrp"
    )
    assert probe(path) == FileInfo((321, 181), 10.0, 5)
    assert [pixels.shape for pixels in decode(path)] == [(181, 321, 4)] * 5


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_upright(tmp_path, turn):
    """As ffmpeg turns it by itself."""
    lying = make(tmp_path / "lying.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    path = tmp_path / "turned.mp4"
    ffmpeg("-i", lying, "-c", "copy", "-metadata:s:v", f"rotate={turn}", path)
    size = (320, 180) if turn == 180 else (180, 320)
    assert probe(str(path)).size == size
    expected = as_ffmpeg_decodes(path, size)
    for ours, theirs in zip(decode(str(path)), expected, strict=True):
        assert ours.flags.c_contiguous
        assert np.abs(ours[..., :3].astype(int) - theirs[..., :3]).mean() < 2.5


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 3), (8, 1)])
def test_photographs_are_turned_upright(tmp_path, orientation, turns):
    """As their EXIF data say; `turns`: quarters, counterclockwise."""
    lying = make(tmp_path / "lying.jpg", "-frames:v", "1")
    (before,) = decode(lying)
    entry = struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + entry
    data = (tmp_path / "lying.jpg").read_bytes()
    photograph = tmp_path / "photograph.jpg"
    photograph.write_bytes(
        data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    )
    (after,) = decode(str(photograph))
    assert np.array_equal(after, np.rot90(before, turns))


def test_pixels_are_made_square(tmp_path):
    path = make(tmp_path / "wide.mkv", "-vf", "setsar=16/15", graph="testsrc2=s=720x576:d=0.2")
    assert probe(path).size == (768, 576)
    assert next(decode(path)).shape == (576, 768, 4)


def test_numbered_through_the_rounds(tmp_path):
    path = counting(tmp_path / "count.mkv", 7, 100)
    with VideoFile(path) as source:
        assert source.fps == 100 and source.size == (32, 32) and source.name == "file:count.mkv"
        frames = [source.read() for _ in range(40)]
    numbers = [frame.seq for frame in frames]
    assert numbers == sorted(set(numbers)) and numbers[0] == 0 and numbers[-1] >= 39
    assert [number(frame.pixels) for frame in frames] == [seq % 7 for seq in numbers]


def test_keeps_pace_without_a_gap_between_rounds(tmp_path):
    """Frames come when they are due on one even grid, over the seam too."""
    path = counting(tmp_path / "count.mkv", 10, 20)
    with VideoFile(path) as source:
        frames = [source.read() for _ in range(25)]
    began = frames[0].captured_at
    early = [frame.captured_at - began - frame.seq * 50_000_000 for frame in frames]
    assert min(early) > -1_000_000, "no frame comes before its time"
    assert sorted(early)[len(early) // 2] < 200_000_000, "nor, mostly, long after it"


def test_what_is_over_is_left_out(tmp_path):
    path = counting(tmp_path / "count.mkv", 30, 50)
    with VideoFile(path) as source:
        first = source.read()
        time.sleep(0.21)
        second = source.read()
    lost = second.seq - first.seq
    passed = (second.captured_at - first.captured_at) / 20_000_000
    assert 8 <= lost <= passed + 1, "as many frames as there was time for"
    assert number(second.pixels) == second.seq % 30


def test_goes_on_where_it_was_after_a_long_pause(tmp_path):
    path = counting(tmp_path / "count.mkv", 30, 50)
    with VideoFile(path) as source:
        first = source.read()
        time.sleep(1.3)
        second = source.read()
    assert second.seq - first.seq <= 3


def test_slow_decoding_slows_the_film_down(tmp_path):
    """A film that can't be decoded in time is played slowly, not in jumps."""
    graph = "testsrc2=s=1280x720:r=2000:d=0.05"
    path = make(tmp_path / "fast.mkv", "-c:v", "ffv1", graph=graph)
    with VideoFile(path) as source:
        numbers = [source.read().seq for _ in range(40)]
    assert numbers[-1] < 39 * 12, "not ever more is left out"


def test_times_of_the_file_count(tmp_path):
    """Variable rate: the frames at 0, 40, 80, … ms but for three that are missing."""
    path = counting(
        tmp_path / "vfr.mkv", 12, 25, "-vf", "select='not(between(n,3,5))'", "-vsync", "vfr"
    )
    with VideoFile(path) as source:
        frames = [source.read() for _ in range(6)]
    assert [number(frame.pixels) for frame in frames] == [0, 1, 2, 6, 7, 8]
    gaps = np.diff([frame.captured_at for frame in frames])
    assert gaps[2] > 2 * np.median(gaps)


def test_file_without_times(tmp_path):
    path = make(tmp_path / "raw.h264", "-pix_fmt", "yuv420p", graph="testsrc2=s=64x64:r=50:d=0.5")
    with VideoFile(path) as source:
        assert source.fps == 50
        frames = [source.read() for _ in range(30)]
    passed = (frames[-1].captured_at - frames[0].captured_at) / 1e9
    assert 25 < (frames[-1].seq - frames[0].seq) / passed < 51


@pytest.mark.parametrize("name", ["still.png", "still.jpg", "still.bmp", "one-frame.mkv"])
def test_a_picture_is_given_again_and_again(tmp_path, name):
    path = make(tmp_path / name, "-frames:v", "1")
    assert probe(path) == FileInfo((320, 180), None, 1)
    (expected,) = decode(path)
    with open_source(f"file:{path}") as source:
        assert source.fps is None and source.size == (320, 180)
        frames = [source.read() for _ in range(3)]
    assert [frame.seq for frame in frames] == [0, 1, 2]
    for frame in frames:
        assert np.array_equal(frame.pixels, expected)


def test_opened_on_one_thread_read_on_another(tmp_path):
    path = counting(tmp_path / "count.mkv", 5, 50)
    read = []
    with VideoFile(path) as source:
        thread = threading.Thread(target=lambda: read.extend(source.read().seq for _ in range(12)))
        thread.start()
        thread.join(timeout=20)
    assert len(read) == 12


def test_damaged_file_gives_what_can_be_decoded(tmp_path):
    whole = make(tmp_path / "whole.mkv", "-c:v", "libx264", "-g", "5", "-pix_fmt", "yuv420p")
    data = bytearray((tmp_path / "whole.mkv").read_bytes())
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    assert 3 <= len(list(decode(str(cut)))) < 25
    data[len(data) // 2 : len(data) // 2 + 3000] = random.Random(1).randbytes(3000)
    hurt = tmp_path / "hurt.mkv"
    hurt.write_bytes(data)
    assert len(list(decode(str(hurt)))) > 8
    assert len(list(decode(whole))) == 25


def wrong_files(folder):
    (folder / "empty.mp4").touch()
    (folder / "junk.mp4").write_bytes(random.Random(1).randbytes(5000))
    (folder / "words.txt").write_text("no video at all\n" * 50)
    ffmpeg("-f", "lavfi", "-i", "sine", "-t", "0.2", folder / "sound.wav")
    make(folder / "whole.mp4", "-pix_fmt", "yuv420p")
    whole = (folder / "whole.mp4").read_bytes()
    (folder / "headless.mp4").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize("opened", [VideoFile, probe, lambda path: next(decode(path))])
def test_what_is_no_video(tmp_path, opened):
    wrong_files(tmp_path)
    for name, message in {
        "missing.mp4": "No such file",
        ".": "Is a directory",
        "empty.mp4": "is no video or picture",
        "junk.mp4": "is no video or picture",
        "words.txt": "is no video or picture",
        "sound.wav": "holds no video",
        "headless.mp4": "is no video or picture",
    }.items():
        with pytest.raises(SourceError, match=message) as error:
            opened(str(tmp_path / name))
        assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


@pytest.mark.skipif(os.name != "posix", reason="other systems have other permissions")
def test_no_permission(tmp_path):
    path = make(tmp_path / "secret.png", "-frames:v", "1")
    os.chmod(path, 0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # nobody: root may read everything
    try:
        with pytest.raises(SourceError, match="Permission denied"):
            VideoFile(path)
    finally:
        os.seteuid(user)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_files_are_closed(tmp_path):
    path = counting(tmp_path / "count.mkv", 3, 200)
    wrong_files(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with VideoFile(path) as source:
            for _ in range(5):
                source.read()
        with pytest.raises(SourceError):
            VideoFile(str(tmp_path / "junk.mp4"))
        probe(path)
        next(decode(path))
    assert len(os.listdir("/proc/self/fd")) <= before
