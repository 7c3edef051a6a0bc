"""Scenarios inside the VM: `livestyle run` as users start it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from guest import (
    DEVICE,
    SHARED,
    SIZE,
    Figures,
    ffmpeg,
    frames_read,
    load_module,
    opencv,
    wait_until,
)

from livestyle.sinks.v4l2 import list_cameras

FPS = 10
KEPT = "41,21,99,53"
PATIENCE = 120  # s: a Python with OpenCV takes 10 s to start in here, on a busy machine much more


def live() -> Figures:
    """The camera through a second daemon, a killed worker and SIGTERM, with a reader all the time.

    One reader after the other: in driver 0.12 a second one that starts can make the first one fail.
    """
    load_module(exclusive_caps=1, card_label="livestyle", video_nr=20)
    with _livestyle("live") as front:
        wait_until(lambda: not list_cameras()[-1].writable, PATIENCE)
        wait_until(_shows_bars, PATIENCE)
        figures: Figures = {"opencv": opencv("live", 20), "ffmpeg_picture": _ffmpeg_picture()}
        with ffmpeg("reader", 100_000) as reader:
            wait_until(lambda: frames_read("reader") > 20, PATIENCE)
            with _livestyle("second", "--seconds", "5") as second:
                figures["second"] = second.wait(PATIENCE)
            figures["worker_killed_at"] = frames_read("reader")
            _kill_worker(front.pid)
            wait_until(lambda: frames_read("reader") > 11 * FPS, PATIENCE)  # long enough to count
            reader.send_signal(signal.SIGINT)
            figures["reader"] = reader.wait(30)
        _raw_picture("plain")
        front.send_signal(signal.SIGTERM)
        figures["ended"] = front.wait(30)
    figures["writable_after"] = list_cameras()[-1].writable
    with _livestyle("again", "--stylizer", "lite", "--style", "noir", "--keep", KEPT) as front:
        wait_until(lambda: _raw_picture("kept") and _is_styled(), PATIENCE)
        front.send_signal(signal.SIGTERM)
        figures["again"] = front.wait(30)
    return figures


@contextlib.contextmanager
def _livestyle(name: str, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run it on the bars: its words go to NAME.log, its report to NAME.json."""
    size = "{}x{}".format(*SIZE)
    command = [sys.executable, "-m", "livestyle", "run", "--source", f"file:{SHARED}/bars.png"]
    command += ["--stylizer", "passthrough", "--sink", "v4l2", "--fps", str(FPS), "--size", size]
    command += ["--output-size", size, "--report", str(SHARED / f"{name}.json"), *flags]
    with open(SHARED / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def _kill_worker(front: int) -> None:
    """Kill the worker process as a crash would, and wait until another one's pictures arrive."""
    picture = _last_frames(1)
    worker = _worker_of(front)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: _worker_of(front) not in (0, worker), PATIENCE)
    time.sleep(3)  # by now a card has replaced the last picture
    wait_until(lambda: _last_frames(10) == picture * 10, PATIENCE)


def _shows_bars() -> bool:
    import cv2
    import numpy as np

    if not opencv("seen", 2)["read"]:
        return False  # driver 0.15 is no camera before the first frame
    seen, bars = (cv2.imread(str(SHARED / name)) for name in ("seen.png", "bars.png"))
    assert seen is not None and bars is not None
    return bool(np.median(cv2.absdiff(seen, bars)) < 4)


def _ffmpeg_picture() -> int:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "v4l2", "-i", DEVICE]
    command += ["-frames:v", "1", str(SHARED / "live_ffmpeg.png")]
    return subprocess.run(command, timeout=60).returncode


def _raw_picture(name: str) -> bool:
    """What the camera shows, I420 as it is. Returns whether it showed anything."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "v4l2", "-i", DEVICE]
    command += ["-frames:v", "1", "-f", "rawvideo", str(SHARED / f"{name}.yuv")]
    return subprocess.run(command, timeout=60).returncode == 0


def _is_styled() -> bool:
    """Whether it is neither a card nor the bars: these in black and white."""
    import numpy as np

    width, height = SIZE
    colours = np.fromfile(SHARED / "kept.yuv", np.uint8)[width * height :].reshape(
        2, -1, width // 2
    )
    return bool((colours[:, -8:] == 128).all() and (colours != 128).any())


def _worker_of(front: int) -> int:
    for pid in Path(f"/proc/{front}/task/{front}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    return 0


def _last_frames(count: int) -> list[str]:
    lines = (SHARED / "reader.crc").read_text().splitlines()
    return [line.rpartition(",")[2] for line in lines[-count:]]


SCENARIOS = (live,)
