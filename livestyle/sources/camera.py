"""Cameras and capture cards, through OpenCV."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from livestyle.errors import SourceError, SourceLost
from livestyle.frame import Frame, Size

_WANTED = 1.0  # s after one was taken in which pictures are decoded
SILENT_FOR = 5.0  # s without a picture after which a camera is taken for lost; some start slowly
BACKENDS = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}


class Camera:
    """A Source that reads a camera by its number (Linux: the N of /dev/videoN).

    size, fps: what to ask the camera for; it gives the nearest that it can, which `size` and `fps`
    then say. Its pictures are taken off its queue as they come, so what is read is never old;
    those that come between two reads are left out and leave gaps in `seq`.

    Raises SourceError when it can't be opened or gives no picture.
    """

    def __init__(self, index: int, size: Size | None = None, fps: float = 30) -> None:
        self.name = f"camera:{index}"
        _check(index)
        # its warnings repeat, less clearly, what is raised here
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        capture = cv2.VideoCapture(index, BACKENDS.get(sys.platform, cv2.CAP_ANY))
        if not capture.isOpened():
            raise SourceError(f"{self.name} cannot be opened; is another program using it?")
        _ask(capture, size, fps)
        self.fps: float | None = capture.get(cv2.CAP_PROP_FPS) or fps
        self._newest = Newest(capture, self.name)
        try:
            self.size = self._newest.wait_for_first()
        except SourceError as error:
            self._newest.close()
            raise SourceError(f"{error}; is another program using it?") from error

    def read(self) -> Frame:
        """The next picture: BGRA (H, W, 4). Raises SourceLost when none comes any more."""
        frame = self._newest.take()
        self.size = frame.pixels.shape[1], frame.pixels.shape[0]
        return frame.with_pixels(np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2BGRA)))

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._newest.close()


class Newest:
    """Takes pictures off a `cv2.VideoCapture` as they come, on a thread; keeps only the newest.

    Frames are BGR (H, W, 3). The capture is the thread's, which releases it.
    """

    def __init__(self, capture: cv2.VideoCapture, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()  # protects the three below
        self._frame: Frame | None = None
        self._ended = False
        self._wanted_until = math.inf  # s, monotonic: as long as one is waited for, and a while
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(capture,), name=name, daemon=True)
        self._thread.start()

    def wait_for_first(self) -> Size:
        """(width, height) of the pictures. Raises SourceLost when none comes."""
        with self._changed:
            height, width = self._wait().pixels.shape[:2]
        return width, height

    def take(self) -> Frame:
        """The newest frame, once; waits for the next one. Raises SourceLost when none comes."""
        with self._changed:
            frame, self._frame = self._wait(), None
        return frame

    def close(self) -> None:
        """Release the capture, if need be a little later: it may be waiting for a picture."""
        self._closing.set()
        self._thread.join(timeout=2)

    def _wait(self) -> Frame:
        self._wanted_until = math.inf
        self._changed.wait_for(lambda: self._frame or self._ended, SILENT_FOR)
        self._wanted_until = time.monotonic() + _WANTED
        if self._frame:
            return self._frame
        how = "is gone" if self._ended else f"gave no picture for {SILENT_FOR:g} s"
        raise SourceLost(f"{self._name} {how}")

    def _run(self, capture: cv2.VideoCapture) -> None:
        seq = 0
        with contextlib.suppress(cv2.error):  # the camera is gone, as when `grab` says no
            while not self._closing.is_set() and capture.grab():
                captured_at = time.monotonic_ns()
                if not self._is_wanted():  # to decode it would cost
                    continue
                whole, pixels = capture.retrieve()
                if whole:
                    self._put(Frame(np.asarray(pixels, np.uint8), seq, captured_at))
                seq += 1
        capture.release()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _is_wanted(self) -> bool:
        with self._changed:
            if time.monotonic() > self._wanted_until:
                self._frame = None  # it is old when somebody comes
                return False
            return True

    def _put(self, frame: Frame) -> None:
        with self._changed:
            self._frame = frame
            self._changed.notify_all()


def _ask(capture: cv2.VideoCapture, size: Size | None, fps: float) -> None:
    """Ask for a size and rate; compressed, where that is what it takes, as over USB 2."""
    asked = {cv2.CAP_PROP_FPS: fps}
    if size:
        asked |= {cv2.CAP_PROP_FRAME_WIDTH: size[0], cv2.CAP_PROP_FRAME_HEIGHT: size[1]}
    for key in sorted(asked):  # width, height, then the rate, which depends on them
        capture.set(key, asked[key])
    if any(capture.get(key) < value - 0.5 for key, value in asked.items()):
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        for key in sorted(asked):
            capture.set(key, asked[key])


def _check(index: int) -> None:
    """Raise SourceError, with the reason, for a camera that can't be there (known on Linux)."""
    if sys.platform != "linux":
        return
    device = f"/dev/video{index}"
    try:
        os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK))
    except FileNotFoundError as error:
        there = ", ".join(_cameras())
        choice = f"choose from: {there}" if there else "no camera is connected"
        raise SourceError(f"there is no camera {index}; {choice}") from error
    except PermissionError as error:
        raise SourceError(
            f"camera:{index} may not be opened; add yourself to the group of {device} "
            "(sudo usermod -aG video $USER) and log in again"
        ) from error
    except OSError as error:
        raise SourceError(f"camera:{index} cannot be opened: {error.strerror}") from error


def _cameras() -> list[str]:
    """The cameras of a Linux machine, as "0 (name)"."""
    found = {}
    for node in Path("/sys/class/video4linux").glob("video*"):
        with contextlib.suppress(OSError):  # unplugged meanwhile
            if (node / "index").read_text().strip() == "0":  # others: a camera's further streams
                found[int(node.name[5:])] = (node / "name").read_text().strip()
    return [f"{number} ({name})" for number, name in sorted(found.items())]
