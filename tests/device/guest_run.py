"""Scenarios inside the VM: `livestyle run` as users start it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guest import (
    DEVICE,
    SHARED,
    SIZE,
    Figures,
    ffmpeg,
    fork,
    frames_read,
    load_module,
    opencv,
    wait_until,
)

from livestyle.sinks.v4l2 import list_cameras

FPS = 10
KEPT = "41,21,99,53"
LATER = ("-vf", f"select=gte(n\\,{2 * FPS})")  # the first may be the card of a run that rested
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
            figures["clock_set_at"] = frames_read("reader")
            for hours in (1, -2, 1):
                _set_clock(hours)
                time.sleep(3)
            figures["worker_killed_at"] = frames_read("reader")
            _kill_worker(front.pid)
            wait_until(lambda: frames_read("reader") > 11 * FPS, PATIENCE)  # long enough to count
            reader.send_signal(signal.SIGINT)
            figures["reader"] = reader.wait(30)
        _raw_picture("plain")
        front.send_signal(signal.SIGTERM)
        figures["ended"] = front.wait(30)
    figures["writable_after"] = list_cameras()[-1].writable
    styled = "--stylizer", "lite", "--style", "noir", "--keep", KEPT
    with _livestyle("again", "--idle", "off", *styled) as front:  # its first frame takes long here
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


def _set_clock(hours: int) -> None:
    """Have the wall clock jump, as when a machine learns what time it is."""
    time.clock_settime(time.CLOCK_REALTIME, time.time() + hours * 3600)


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
    command += [*LATER, "-frames:v", "1", str(SHARED / "live_ffmpeg.png")]
    return subprocess.run(command, timeout=60).returncode


def _raw_picture(name: str) -> bool:
    """What the camera shows, I420 as it is. Returns whether it showed anything."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "v4l2", "-i", DEVICE]
    command += [*LATER, "-frames:v", "1", "-f", "rawvideo", str(SHARED / f"{name}.yuv")]
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


def idle() -> Figures:
    """The camera from its last reader to the next: what it costs, and how soon it is back."""
    from livestyle.client import connect
    from livestyle.runs import list_runs

    load_module(exclusive_caps=1, card_label="livestyle", video_nr=20)
    figures: Figures = {}
    with _livestyle("idle", "--sink", "web", "--port", "0") as front:
        wait_until(lambda: not list_cameras()[-1].writable, PATIENCE)
        wait_until(list_runs, PATIENCE)  # the page comes after the camera
        run = connect()
        with ffmpeg("watching", 100_000):
            wait_until(lambda: run.status()["state"] == "running", PATIENCE)
            began = frames_read("watching")
            wait_until(lambda: frames_read("watching") > began + 6 * FPS, PATIENCE)
            figures["watched"] = run.status()["state"]
            figures["working_cpu"] = _cpu(front.pid, 5)
        left = time.monotonic()
        wait_until(lambda: run.status()["state"] == "standby", PATIENCE)
        figures["rests_after_s"] = time.monotonic() - left
        time.sleep(2)
        before = run.status()["source"]["frames"]
        figures["resting_cpu"] = _cpu(front.pid, 20)
        figures["captured_at_rest"] = run.status()["source"]["frames"] - before
        figures["first_frames"], figures["back_s"] = _until_bars()
        front.send_signal(signal.SIGTERM)
        figures["ended"] = front.wait(30)
    return figures


def _cpu(front: int, seconds: float) -> float:
    """What the run's processes take of a core."""
    import psutil

    processes = [psutil.Process(front), *psutil.Process(front).children(recursive=True)]
    spent = -sum(sum(each.cpu_times()[:2]) for each in processes)
    began = time.monotonic()
    time.sleep(seconds)
    spent += sum(sum(each.cpu_times()[:2]) for each in processes)
    return spent / (time.monotonic() - began)


def _until_bars() -> tuple[int, float]:
    """Open the camera and read it until it shows the source. Returns how many frames showed
    something else, and the s that it took.
    """
    bars = (SHARED / "bars.i420").read_bytes()
    began = time.monotonic()
    others = 0
    with open(DEVICE, "rb", buffering=0) as camera:
        while (read := camera.read(len(bars))) and not _alike(read, bars):
            others += 1
            if time.monotonic() > began + PATIENCE:
                raise TimeoutError(f"{others} frames, and none of the source")
    return others, time.monotonic() - began


def _alike(one: bytes, other: bytes) -> bool:
    import numpy as np

    first, second = (np.frombuffer(each, np.uint8).astype(np.int16) for each in (one, other))
    return bool(np.median(abs(first - second)) < 4)


def crowd() -> Figures:
    """Eleven readers at once for 12 s, of which one is slow; the driver's usual limit is 10, its
    writer included.
    """
    from livestyle.client import connect
    from livestyle.runs import list_runs

    load_module(exclusive_caps=1, card_label="livestyle", video_nr=20, max_openers=16)
    version = Path("/sys/module/v4l2loopback/version")
    with _livestyle("crowd", "--idle", "off", "--sink", "web", "--port", "0") as front:
        wait_until(list_runs, PATIENCE)
        run = connect()
        wait_until(lambda: run.status()["state"] == "running", PATIENCE)
        before, began = run.status()["output"], time.monotonic()
        readers = [_Reader(12, pause) for pause in (1.0, *[0.0] * 10)]
        slow, *told = [reader.told() for reader in readers]
        after, seconds = run.status()["output"], time.monotonic() - began
        front.send_signal(signal.SIGTERM)
        front.wait(30)
    return {
        "version": version.read_text().strip() if version.exists() else "",
        "slow": slow,
        "readers": told,
        "frames": after["frames"] - before["frames"],
        "late": after["late"] - before["late"],
        "seconds": seconds,
    }


class _Reader:
    """A process that reads the camera for some s and waits for some after each frame."""

    def __init__(self, seconds: float, pause: float) -> None:
        self._ours, theirs = fork.Pipe()
        arguments = seconds, pause, theirs
        self._process = fork.Process(target=_read, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def told(self) -> Figures:
        """How many frames there were, of how many kinds, and how many were not whole."""
        figures: Figures = self._ours.recv()
        self._process.join(10)
        return figures


def _read(seconds: float, pause: float, parent: Any) -> None:
    frame = SIZE[0] * SIZE[1] * 3 // 2
    frames, broken, kinds, error = 0, 0, set[int](), ""
    ends = time.monotonic() + seconds
    try:
        with open(DEVICE, "rb", buffering=0) as camera:
            while time.monotonic() < ends:
                read = camera.read(frame)
                frames += 1
                broken += len(read) != frame
                kinds.add(zlib.adler32(read))
                time.sleep(pause)
    except OSError as refused:
        error = str(refused)
    parent.send({"frames": frames, "broken": broken, "kinds": len(kinds), "error": error})


SCENARIOS = (live, idle, crowd)
