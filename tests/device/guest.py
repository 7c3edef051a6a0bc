"""Runs inside the VM: every scenario, its figures into results.json of the shared folder.

Nothing is judged here; test_camera.py does that outside, where a failure can be read.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SHARED = Path(sys.argv[1])
NEWER = SHARED / "v4l2loopback.ko"
DEVICE = "/dev/video20"
SIZE = (320, 240)
Figures = dict[str, Any]
fork = multiprocessing.get_context("fork")  # a fresh Python takes many seconds in here


def load_module(**parameters: object) -> None:
    """Load v4l2loopback anew; returns once udev, which opens every new device, has let go of it.

    The one that is installed, but for where the shared folder has another.
    """
    unload_module()
    load = ["modprobe", "v4l2loopback"]
    if NEWER.exists():
        subprocess.run(["modprobe", "videodev"], check=True, timeout=60)  # which it needs
        load = ["insmod", str(NEWER)]
    options = [f"{name}={value}" for name, value in parameters.items()]
    subprocess.run([*load, *options], check=True, timeout=60)
    device = f"/dev/video{parameters['video_nr']}"
    wait_until(lambda: os.path.exists(device), 10)
    wait_until(_udev_record(device).exists, 60)


def unload_module(device: str = DEVICE) -> None:
    """Remove v4l2loopback, if it is loaded; udev may have its devices open for a moment."""
    if os.path.exists("/sys/module/v4l2loopback"):
        record = _udev_record(device)
        remove = ["rmmod", "v4l2loopback"]
        wait_until(lambda: subprocess.call(remove, stderr=subprocess.DEVNULL) == 0, 10)
        wait_until(lambda: not record.exists(), 60)


def _udev_record(device: str) -> Path:
    """The file that udev writes when it is done with the device, and removes when that is gone."""
    number = os.stat(device).st_rdev
    return Path(f"/run/udev/data/c{os.major(number)}:{os.minor(number)}")


def wait_until(condition: Callable[[], object], limit: float) -> None:
    """Return as soon as `condition` holds. Raises TimeoutError after `limit` s."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit} s in vain")
        time.sleep(0.05)


def error_of(call: Callable[[], object]) -> str:
    """The type and message that `call` raises; "" if it raises nothing."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


class Writer:
    """A process that opens a camera and shows the bars at 15 fps until it is killed.

    open_camera: called in the process; returns a Sink.
    """

    def __init__(self, open_camera: Callable[[], Any]) -> None:
        ours, theirs = fork.Pipe()
        self._process = fork.Process(target=_write, args=(open_camera, theirs), daemon=True)
        self._process.start()
        theirs.close()
        assert ours.poll(30), "no word from the writer"
        self.name = ours.recv()  # of the camera, or why it is not open
        self.pid = self._process.pid

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.join(10)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()


def _write(open_camera: Callable[[], Any], parent: Any) -> None:
    import numpy as np

    from livestyle.frame import Frame

    pixels = np.fromfile(SHARED / "bars.i420", np.uint8).reshape(SIZE[1] * 3 // 2, SIZE[0])
    try:
        with open_camera() as camera:
            camera.write(Frame(pixels, 0, time.monotonic_ns()))
            parent.send(camera.name)
            while True:
                time.sleep(1 / 15)
                camera.write(Frame(pixels, 0, time.monotonic_ns()))
    except Exception as error:
        parent.send(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def ffmpeg(name: str, frames: int, device: str = DEVICE) -> Iterator[subprocess.Popen[bytes]]:
    """An ffmpeg that reads the camera into NAME.crc (a line a frame) and NAME.i420 (the first 2).

    Ends after `frames` frames.
    """
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "v4l2", "-i", device]
    command += ["-map", "0:v", "-c", "copy", "-frames:v", str(frames)]
    command += ["-flush_packets", "1", "-f", "framecrc", str(SHARED / f"{name}.crc")]
    command += ["-map", "0:v", "-c", "copy", "-frames:v", "2"]
    command += ["-f", "rawvideo", str(SHARED / f"{name}.i420")]
    with open(SHARED / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def frames_read(name: str) -> int:
    """How many frames that ffmpeg has read so far."""
    try:
        return (SHARED / f"{name}.crc").read_text().count("\n0,")
    except FileNotFoundError:
        return 0


def opencv(name: str, frames: int) -> Figures:
    """Read the camera with OpenCV; the last picture goes to NAME.png."""
    import cv2

    camera = cv2.VideoCapture(DEVICE, cv2.CAP_V4L2)
    try:
        opened = camera.isOpened()
        times, picture = [], None
        for _ in range(frames):
            good, picture = camera.read()
            if not good:
                break
            times.append(time.monotonic())
        if picture is not None:
            cv2.imwrite(str(SHARED / f"{name}.png"), picture)
        return {
            "opened": opened,
            "read": len(times),
            "seconds": times[-1] - times[0] if times else 0,
        }
    finally:
        camera.release()


def main() -> None:
    """Run the scenarios one after the other; one that fails leaves its traceback, no figures."""
    import guest_away
    import guest_run
    import guest_sink

    results: Figures = {}
    for scenario in (*guest_sink.SCENARIOS, *guest_run.SCENARIOS, *guest_away.SCENARIOS):
        started = time.monotonic()
        try:
            figures = scenario()
        except Exception:
            figures = {"traceback": traceback.format_exc()}
        figures["seconds_taken"] = round(time.monotonic() - started, 1)
        print(scenario.__name__, figures["seconds_taken"], flush=True)
        results[scenario.__name__] = figures
        (SHARED / "results.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    sys.modules["guest"] = sys.modules["__main__"]  # the scenarios import what is above
    main()
