"""Damage by kind: what a decoder, a demuxer or a clock of the file does that is damaged."""

from __future__ import annotations

import io
import itertools
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from livestyle.errors import SourceError
from livestyle.sources.file import VideoFile, decode, decode_timed, probe
from livestyle.sources.film import Decoded

FRAMES = 20


def clip(path: Path, codec: str = "libx264", **options: str) -> str:
    """Frame N is of one grey, 10 N."""
    with av.open(str(path), "w") as made:
        stream = made.add_stream(codec, rate=20, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(FRAMES):
            grey = np.full((48, 64, 3), 10 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return str(path)


def test_a_decoder_that_hangs_ends_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, goes_on = clip(tmp_path / "clip.mp4"), threading.Event()
    frames = decode_timed(path)

    def hanging(name: str) -> Generator[Decoded]:
        yield from itertools.islice(whole(name), 3)
        goes_on.wait()

    from livestyle.sources import file

    whole = file.decoded
    monkeypatch.setattr(file, "decoded", hanging)
    monkeypatch.setattr(file, "STALLED", 0.2)
    frames, began = decode_timed(path), time.monotonic()
    with pytest.raises(SourceError, match="clip.mp4: its decoder has given nothing for 0.2 s"):
        list(frames)
    assert time.monotonic() - began < 20
    goes_on.set()


def test_the_process_ends_though_a_decoder_hangs(tmp_path: Path) -> None:
    program = """
import sys, time
from livestyle.commands import main
from livestyle.sources import file
file.decoded, file.STALLED = lambda path: (time.sleep(1000) for _ in range(9)), 0.2
sys.exit(main(["stylize", sys.argv[1], sys.argv[1] + ".png", "--stylizer", "passthrough"]))
"""
    command = [sys.executable, "-c", program, clip(tmp_path / "clip.mp4")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1, ended.stderr
    assert "has given nothing" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_frame_that_cannot_be_decoded_is_left_out_whatever_the_decoder_calls_it(
    tmp_path: Path,
) -> None:
    """Of a moving PNG the third picture's data: zlib's complaint, of an external library."""
    rng = np.random.default_rng(3)
    first, *rest = (Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)) for _ in range(6))
    first.save(file := io.BytesIO(), "PNG", save_all=True, append_images=rest, duration=50)
    content = bytearray(file.getvalue())
    at = -1
    for _ in range(2):
        at = content.index(b"fdAT", at + 1)
    content[at + 8 : at + 60] = b"\xff" * 52
    (tmp_path / "moving.png").write_bytes(content)
    assert len(list(decode(str(tmp_path / "moving.png")))) >= 4


def test_streams_that_come_up_late_end_nothing(tmp_path: Path) -> None:
    """MPEG-TS may say so at any time: here the packets of a second programme, damaged or not."""
    first = Path(clip(tmp_path / "first.ts", "mpeg2video")).read_bytes()
    second = bytearray(first)
    for at in range(0, len(second), 188):  # under other numbers
        number = struct.unpack_from(">H", second, at + 1)[0]
        if number & 0x1FFF == 0x100:
            struct.pack_into(">H", second, at + 1, number & 0xE000 | 0x1A0)
    (tmp_path / "both.ts").write_bytes(first * 40 + bytes(second) * 3)
    with av.open(str(tmp_path / "both.ts")) as opened:
        streams = len(opened.streams)
    assert streams == 1
    assert len(list(decode(str(tmp_path / "both.ts")))) > FRAMES


def _with_times(path: Path, times: list[float]) -> str:
    with av.open(str(path), "w") as made:
        stream = made.add_stream("ffv1", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, at in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8))
            frame.pts, frame.time_base = round(at * 1000), Fraction(1, 1000)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return str(path)


def test_a_leap_in_time_is_damage_and_a_pause_is_none(tmp_path: Path) -> None:
    path = _with_times(tmp_path / "leap.mkv", [0, 0.05, 500, 500.05, 90_000, 90_000.05])
    times = [at for at, _ in decode_timed(path)]
    assert times[:4] == pytest.approx([0, 0.05, 500, 500.05])
    assert times[4] - times[3] < 1 and times[5] - times[4] == pytest.approx(0.05)
    with VideoFile(_with_times(tmp_path / "far.mkv", [0, 90_000])) as source:
        began = time.monotonic()
        source.read(), source.read()
    assert time.monotonic() - began < 20


def test_a_picture_that_is_too_large_is_named_with_its_size(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 48)).save(path := tmp_path / "x.avif", "AVIF")
    content = path.read_bytes()
    said, huge = struct.pack(">II", 64, 48), struct.pack(">II", 12_000, 9_000)
    assert said in content
    path.write_bytes(content.replace(said, huge))
    with pytest.raises(SourceError, match="x.avif is 12000x9000, and of a file of its size 3355"):
        probe(str(path))
