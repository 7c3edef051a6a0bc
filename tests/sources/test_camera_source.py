"""Cameras as sources: what goes wrong without one, and the thread that keeps the newest picture.

Real cameras are read in tests/device, inside a virtual machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from livestyle.errors import ConfigError, SourceError, SourceLost
from livestyle.sources import open_source
from livestyle.sources.camera import Camera, Newest

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /dev")


@linux
def test_no_such_camera(capfd):
    with pytest.raises(SourceError, match=r"there is no camera 250; ") as error:
        Camera(250)
    assert not isinstance(error.value, SourceLost)
    message = str(error.value)
    there = sorted(Path("/sys/class/video4linux").glob("video*"))
    assert "choose from: " in message if there else message.endswith("no camera is connected")
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")


@linux
def test_a_device_that_is_no_camera(capfd):
    """/dev/videoN that OpenCV can make nothing of: one line, and nothing else is printed."""
    device = Path("/dev/video251")
    if os.geteuid() or device.exists():
        pytest.skip("needs to be root, for a device node of its own")
    device.symlink_to("/dev/null")
    try:
        with pytest.raises(SourceError, match="camera:251 cannot be opened; is another program"):
            Camera(251, (640, 480), 30)
    finally:
        device.unlink()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "spec", ["camera:", "camera:x", "camera:-1", "camera:1.5", "camera:²", "camera:" + "9" * 5000]
)
def test_malformed(spec):
    with pytest.raises(ConfigError, match="a camera has a number, as in camera:0"):
        open_source(spec)


@pytest.fixture
def video(tmp_path):
    """60 frames, the red of frame N being 4 N."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    path = tmp_path / "count.avi"
    graph = "color=black:s=320x180:r=30:d=2,format=gbrp,geq=r='N*4':g=0:b=0"
    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", graph, "-c:v", "ffv1"]
    subprocess.run([*command, str(path)], timeout=60, check=True)
    return str(path)


def read_all(newest):
    frames = []
    with pytest.raises(SourceLost, match="camera:0 is gone"):
        while True:
            frames.append(newest.take())
    return frames


def test_newest_frame_wins_and_gaps_show(video):
    """A file is a camera that gives its pictures as fast as they can be taken."""
    newest = Newest(cv2.VideoCapture(video), "camera:0")
    assert newest.wait_for_first() == (320, 180)
    frames = read_all(newest)
    newest.close()
    numbers = [frame.seq for frame in frames]
    assert numbers == sorted(set(numbers)) and numbers[-1] == 59
    for frame in frames:
        assert frame.pixels.shape == (180, 320, 3)
        assert (frame.pixels == (0, 0, 4 * frame.seq)).all()
    times = [frame.captured_at for frame in frames]
    assert times == sorted(times) and times[-1] <= time.monotonic_ns()


def test_what_nobody_took_is_replaced(video):
    newest = Newest(cv2.VideoCapture(video), "camera:0")
    newest.wait_for_first()
    deadline = time.monotonic() + 20
    while any(thread.name == "camera:0" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [frame.seq for frame in read_all(newest)] == [59]
    newest.close()


def test_close_ends_the_thread(video):
    newest = Newest(cv2.VideoCapture(video), "camera:0")
    newest.take()
    newest.close()
    assert not any(thread.name == "camera:0" for thread in threading.enumerate())
    newest.close()


def test_frames_are_the_takers(video):
    newest = Newest(cv2.VideoCapture(video), "camera:0")
    frame = newest.take()
    kept = frame.pixels.copy()
    read_all(newest)
    newest.close()
    assert np.array_equal(frame.pixels, kept)
