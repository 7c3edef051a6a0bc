"""Runs inside the VM: `livestyle` as it is, but for its camera's descriptor, which fails when told.

SIGUSR1: it is written to in vain from now on (EBADF), as one of a device that is gone. SIGUSR2: so
for half a second (ENOSPC), and the device stays open all the time.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import time

from livestyle.commands import main
from livestyle.sinks.videodev import VIDEO_MAJOR


def _is_camera(descriptor: int) -> bool:
    found = os.fstat(descriptor)
    return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == VIDEO_MAJOR


def _camera() -> int:
    descriptors = map(int, os.listdir("/proc/self/fd")[:-1])  # the last is that of the list
    return next(filter(_is_camera, descriptors))


def _put(path: str, flags: int, place: int) -> None:
    descriptor = os.open(path, flags)
    os.dup2(descriptor, place)
    os.close(descriptor)


def _lose(*_: object) -> None:
    _put(os.devnull, os.O_RDONLY, _camera())


def _fill(*_: object) -> None:
    camera = _camera()
    kept = os.dup(camera)
    _put("/dev/full", os.O_WRONLY, camera)
    time.sleep(0.5)
    os.dup2(kept, camera)
    os.close(kept)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _lose)
    signal.signal(signal.SIGUSR2, _fill)
    sys.exit(main(sys.argv[1:]))
