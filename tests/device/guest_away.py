"""Scenarios inside the VM: a run whose camera fails, goes away and comes back.

The kernel lets nobody remove a v4l2loopback that is open, so the run's descriptor fails first, see
guest_front.py; what follows, the module taken out and loaded again, is real.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from guest import (
    DEVICE,
    SHARED,
    SIZE,
    Figures,
    ffmpeg,
    frames_read,
    load_module,
    unload_module,
    wait_until,
)

from livestyle.frame import Frame
from livestyle.sinks.v4l2 import V4l2Camera

OTHER = "/dev/video21"
HIDDEN = "/dev/hidden"
RAW = Path("/run/home/away.yuv")
PATIENCE = 240  # s: most of it for the run to start, on a busy machine
FRAME = SIZE[0] * SIZE[1] * 3 // 2


def away() -> Figures:
    """Refused frames; the module loaded again under another number; another program's format."""
    load_module(exclusive_caps=1, card_label="livestyle", video_nr=20)
    with (SHARED / "away.log").open("wb") as log:
        front = subprocess.Popen(_command(), stderr=log)
    try:
        wait_until(lambda: _is_bars(_picture(DEVICE)), PATIENCE)
        pictures = [_picture(DEVICE)]
        figures: Figures = {"pid": front.pid, "refused": _refused(front)}
        figures["loaded_again"] = _loaded_again(front)
        pictures.append(_picture(OTHER))
        figures["format"] = _format(front)
        pictures.append(_picture(OTHER))
        (SHARED / "away.i420").write_bytes(b"".join(pictures))
        front.send_signal(signal.SIGTERM)
        figures["ended"] = front.wait(60)
    finally:
        front.kill()
        front.wait(10)
    figures["raw_frames"] = RAW.stat().st_size / FRAME
    unload_module(OTHER)
    return figures


def _command() -> list[str]:
    size = "{}x{}".format(*SIZE)
    command = [sys.executable, str(Path(__file__).with_name("guest_front.py")), "run"]
    command += ["--source", f"file:{SHARED}/bars.png", "--stylizer", "passthrough", "--fps", "10"]
    command += ["--size", size, "--output-size", size, "--sink", "v4l2", "--sink", f"raw:{RAW}"]
    return [*command, "--report", str(SHARED / "away.json")]


def _refused(front: subprocess.Popen[bytes]) -> Figures:
    """Half a second without a frame, which a reader sits through."""
    with ffmpeg("refused", 100_000) as reader:
        wait_until(lambda: frames_read("refused") > 10, PATIENCE)
        front.send_signal(signal.SIGUSR2)
        until = frames_read("refused") + 30
        wait_until(lambda: frames_read("refused") > until, PATIENCE)
        reader.send_signal(signal.SIGINT)
        return {"reader": reader.wait(30), "log": (SHARED / "refused.log").read_text()}


def _loaded_again(front: subprocess.Popen[bytes]) -> Figures:
    os.rename(DEVICE, HIDDEN)  # so that the run does not open it before it can be taken out
    front.send_signal(signal.SIGUSR1)
    wait_until(lambda: f"there is no {DEVICE}" in _log(), PATIENCE)
    unload_module(HIDDEN)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(HIDDEN)
    wait_until(lambda: "v4l2loopback is not loaded" in _log(), PATIENCE)
    load_module(exclusive_caps=1, card_label="livestyle", video_nr=21)
    began = time.monotonic()
    _picture(OTHER)
    return {"back_after": time.monotonic() - began}


def _format(front: subprocess.Popen[bytes]) -> Figures:
    os.rename(OTHER, HIDDEN)
    front.send_signal(signal.SIGUSR1)
    wait_until(lambda: f"there is no {OTHER}" in _log(), PATIENCE)
    with ffmpeg("holds", 100_000, HIDDEN):  # which stays when the writer is gone
        with V4l2Camera((640, 480), 15, HIDDEN) as camera:
            wait_until(lambda: _write(camera) or frames_read("holds") > 0, PATIENCE)
        os.rename(HIDDEN, OTHER)
        wait_until(lambda: "stays at 640x480" in _log(), PATIENCE)
    began = time.monotonic()
    _picture(OTHER)
    return {"back_after": time.monotonic() - began}


def _write(camera: V4l2Camera) -> None:
    import numpy as np

    camera.write(Frame(np.zeros((480 * 3 // 2, 640), np.uint8), 0, time.monotonic_ns()))


def _picture(device: str) -> bytes:
    """One that is read once there is one."""
    found: list[bytes] = []

    def is_there() -> bool:
        with contextlib.suppress(OSError):
            descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
            try:
                found.append(os.read(descriptor, 4 * FRAME))
            finally:
                os.close(descriptor)
        return bool(found)

    wait_until(is_there, PATIENCE)
    return found[0]


def _is_bars(picture: bytes) -> bool:
    import numpy as np

    shown, bars = (np.frombuffer(i420, np.uint8).astype(int)
                   for i420 in (picture, (SHARED / "bars.i420").read_bytes()))  # fmt: skip
    return shown.size == bars.size and bool(np.median(abs(shown - bars)) < 4)


def _log() -> str:
    return (SHARED / "away.log").read_text()


SCENARIOS = (away,)
