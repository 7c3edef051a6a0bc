"""Recording and raw video: what arrives in the file, and what happens when it can't."""

import gc
import os
import subprocess
import sys
import time
import weakref
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from waiting import until

from livestyle.errors import ConfigError, LivestyleError, SinkError
from livestyle.frame import Frame
from livestyle.sinks.raw import RawVideo
from livestyle.sinks.record import Recorder

SIZE = (320, 180)


def _frames(count: int) -> list[Frame]:
    """I420 pictures that differ: a moving ramp."""
    ramp = np.add.outer(np.arange(270), np.arange(320))
    return [Frame(((ramp + 4 * n) % 220 + 16).astype(np.uint8), n, 0) for n in range(count)]


def _decode(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def _write_slowly(sink: Recorder | RawVideo, frames: list[Frame]) -> None:
    for frame in frames:
        sink.write(frame)
        time.sleep(0.02)


def test_mkv_keeps_every_bit(tmp_path: Path) -> None:
    file = tmp_path / "o.mkv"
    frames = _frames(20)
    with Recorder(str(file), SIZE, 30) as recorder:
        _write_slowly(recorder, frames)
    decoded = _decode(file)
    assert recorder.note == ""
    assert len(decoded) == 20
    for frame, back in zip(frames, decoded, strict=True):
        np.testing.assert_array_equal(frame.pixels, back)
    assert [path.name for path in tmp_path.iterdir()] == ["o.mkv"]


@pytest.mark.parametrize("name", ["o.mkv", "o.raw"])
def test_what_it_held_is_free_as_it_ends(tmp_path: Path, name: str) -> None:
    """Not when the collector comes to it: an encoder holds 20 MB at 640x360."""
    gc.disable()
    try:
        sink = (RawVideo if name == "o.raw" else partial(Recorder, fps=30))(
            str(tmp_path / name), SIZE
        )
        with sink:
            _write_slowly(sink, _frames(3))
        held = weakref.ref(sink)
        del sink
        assert held() is None
    finally:
        gc.enable()


def test_mp4_plays_at_the_rate_and_says_its_colours(tmp_path: Path) -> None:
    file = tmp_path / "o.mp4"
    frames = _frames(30)
    with Recorder(str(file), SIZE, 29.97) as recorder:
        _write_slowly(recorder, frames)
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries"]
        + ["stream=codec_name,color_range,color_space,r_frame_rate", str(file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert probe.stdout.split(",")[:3] == ["h264", "tv", "bt470bg"]
    decoded = _decode(file)
    assert len(decoded) == 30
    error = np.abs(decoded[10].astype(int) - frames[10].pixels.astype(int)).mean()
    assert error < 6


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
@pytest.mark.parametrize("fps", [5, 60])
def test_a_recording_that_is_cut_off_plays_to_the_last_second(
    tmp_path: Path, name: str, fps: int
) -> None:
    recorder = Recorder(str(tmp_path / name), SIZE, fps)
    frames = _frames(fps * 3)
    for frame in frames:
        recorder.write(frame)
        time.sleep(0.01)
    assert recorder.note == ""
    time.sleep(0.5)  # by then all are with the encoder
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes((tmp_path / f"{name}.part").read_bytes())  # what a killed process leaves
    assert fps * 2 <= _played(cut) < fps * 3
    recorder.__exit__(None, None, None)


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
def test_a_killed_run_leaves_a_recording_to_the_last_second(tmp_path: Path, name: str) -> None:
    fps, size = 30, SIZE[0] * SIZE[1] * 3 // 2
    command = [sys.executable, "-m", "livestyle", "run", "--source", "testcard", "--stylizer"]
    command += ["passthrough", "--output-size", "320x180", "--sink", f"record:{name}"]
    command += ["--sink", "raw:o.yuv", "--fps", str(fps)]
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        written = tmp_path / "o.yuv.part"  # each frame at once
        until(lambda: written.exists() and written.stat().st_size > 3.7 * fps * size)
    finally:
        run.kill()
        run.wait(10)
    ticks = written.stat().st_size // size
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        [f"{name}.part", "o.yuv.part"]
    )
    part = tmp_path / f"{name}.part"
    assert abs(_played(part) - ticks) <= fps
    probe = ["ffprobe", "-v", "error", "-count_frames", "-of", "csv=p=0"]
    probe += ["-show_entries", "stream=nb_read_frames", str(part)]
    shown = subprocess.run(probe, capture_output=True, text=True, check=True, timeout=30)
    assert int(shown.stdout.strip(",\n")) == _played(part)
    last = np.fromfile(written, np.uint8)[: ticks * size].reshape(ticks, -1, SIZE[0])
    shown_last = _decode(part)[-1] if name == "o.mkv" else None
    assert shown_last is None or any((frame == shown_last).all() for frame in last[-fps - 1 :])


def _played(file: Path) -> int:
    """How many frames ffmpeg shows of it."""
    show = ["ffmpeg", "-v", "quiet", "-i", str(file), "-f", "rawvideo", "-"]
    done = subprocess.run(show, capture_output=True, timeout=30)
    return len(done.stdout) // (SIZE[0] * SIZE[1] * 3 // 2)


def test_nothing_recorded_leaves_no_file(tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "o.mp4"), SIZE, 30):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["o.avi", "o", "mp4"])
def test_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.mp4 or \.mkv"):
        Recorder(str(tmp_path / name), SIZE, 30)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="its folder does not exist; make it first"):
        Recorder(str(tmp_path / "no" / "o.mp4"), SIZE, 30)


def test_a_recording_under_way_or_saved_from_a_crash_is_left_alone(tmp_path: Path) -> None:
    file = str(tmp_path / "o.mp4")
    with Recorder(file, SIZE, 30) as first:
        with pytest.raises(LivestyleError, match=r"o.mp4.part' is there: another livestyle"):
            Recorder(file, SIZE, 30)
        _write_slowly(first, _frames(8))
    assert len(_decode(tmp_path / "o.mp4")) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_a_recording_begins_at_nought(tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "o.mp4"), SIZE, 30) as recorder:
        _write_slowly(recorder, _frames(8))
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.video[0].start_time == 0


def test_a_disk_that_is_full_at_the_very_end_is_told(small_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(16, 235, (270, 320), np.uint8)
    (small_disk / "filler").write_bytes(bytes(1_000_000))
    with (
        pytest.raises(SinkError, match="No space left on device; free some space"),
        Recorder(str(small_disk / "o.mp4"), SIZE, 30) as recorder,
    ):
        for _ in range(20):  # all in the encoder's and the container's buffers until the end
            recorder.write(Frame(noise, 0, 0))
            time.sleep(0.02)


def test_full_disk_stops_the_recording_with_a_message(small_disk: Path) -> None:
    file = small_disk / "o.mkv"
    noise = np.random.default_rng(0).integers(16, 235, (270, 320), np.uint8)
    deadline = time.monotonic() + 30
    with (
        Recorder(str(file), SIZE, 30) as recorder,
        pytest.raises(SinkError, match="recording stopped: .*No space left.*free some space"),
    ):
        while time.monotonic() < deadline:
            recorder.write(Frame(noise, 0, 0))
            time.sleep(0.01)
    assert [path.name for path in small_disk.iterdir()] == ["o.mkv"]
    with av.open(str(file)) as container:  # it plays up to there
        assert next(container.decode(video=0)).width == 320


def test_a_slow_encoder_never_holds_up_the_clock(tmp_path: Path) -> None:
    size = (1920, 1080)
    noise = np.random.default_rng(0).integers(16, 235, (1620, 1920), np.uint8)
    writes = []
    with Recorder(str(tmp_path / "o.mkv"), size, 240) as recorder:
        for n in range(120):
            started = time.monotonic()
            recorder.write(Frame(noise, n, 0))
            writes.append(time.monotonic() - started)
        dropped = int(recorder.note.split()[0])
    assert 0 < dropped < 120
    assert len(_decode(tmp_path / "o.mkv")) == 120 - dropped
    assert sorted(writes)[60] < 0.02  # a copy at most, far from an encoded 1080p frame of noise


def test_raw_is_the_bytes_of_the_frames(tmp_path: Path) -> None:
    file = tmp_path / "o.yuv"
    frames = _frames(8)
    with RawVideo(str(file), SIZE) as raw:
        _write_slowly(raw, frames)
    assert file.read_bytes() == b"".join(frame.pixels.tobytes() for frame in frames)


def test_raw_does_not_wait_for_a_pipe_that_nothing_reads(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SinkError, match="nothing reads the named pipe .* start that first"):
        RawVideo(str(tmp_path / "pipe"), SIZE)


def test_raw_says_when_the_reader_is_gone(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    deadline = time.monotonic() + 10
    with RawVideo(str(pipe), SIZE) as raw:
        os.close(reader)
        with pytest.raises(SinkError, match="Broken pipe"):
            while time.monotonic() < deadline:
                raw.write(_frames(1)[0])
                time.sleep(0.01)
