"""The camera on Linux: a v4l2loopback device, which other programs see as a webcam.

It is chosen by its card label, "livestyle", not by its number: OBS has a loopback camera too.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from fractions import Fraction
from pathlib import Path

from livestyle.errors import FrameRefused, SinkError, SinkLost
from livestyle.frame import Frame, Size
from livestyle.sinks import videodev
from livestyle.sinks.readers import Readers
from livestyle.sinks.videodev import Camera, list_cameras

__all__ = ["Camera", "V4l2Camera", "find_camera", "list_cameras"]

LABEL = "livestyle"
LOAD = f"sudo modprobe v4l2loopback exclusive_caps=1 card_label={LABEL} video_nr=20"
RELOAD = f"close the programs that use it, then: sudo modprobe -r v4l2loopback && {LOAD}"

_I420 = int.from_bytes(b"YU12", "little")
_GONE = (errno.ENODEV, errno.ENXIO, errno.EBADF)  # the device does not get over these
_NO_FIELD = 1  # V4L2_FIELD_NONE: progressive
_FORMAT = struct.Struct("@I0P6I176x")  # type; width, height, fourcc, field, bytes a line and in all
_PARAMETERS = struct.Struct("=I8xII184x")  # type; seconds a frame as numerator, denominator
_S_FMT = 0xC0005605 | _FORMAT.size << 16
_S_PARM = 0xC0005616 | _PARAMETERS.size << 16


class V4l2Camera:
    """A Sink: the loopback camera. A Reopenable.

    It holds an advisory lock while open, as v4l2loopback before 0.14 lets two programs write to one
    device; the kernel drops it with the process.
    """

    def __init__(self, size: Size, fps: float, device: str | None) -> None:
        """Open `device`, or the camera labelled "livestyle".

        Raises SinkError when there is none, it is in use, or it takes no frames of this size.
        """
        width, height = size
        if width % 2 or height % 2:
            raise SinkError(f"a camera's width and height are even, not {width}x{height}")
        path = device or find_camera()
        self.note = ""
        self._size, self._device = size, device
        self._frame_bytes = width * height * 3 // 2
        self._fd, label = _open_loopback(path)
        self.name = f"{label} ({path})"
        try:
            self._set_format(path, size, fps)
        except BaseException:
            os.close(self._fd)
            raise
        self._readers = Readers(path)

    @property
    def is_watched(self) -> bool:
        """Whether a program has it open, be it that it only looks what it is."""
        return self._readers.are_there()

    def write(self, frame: Frame) -> None:
        """Hand the frame to whoever reads the camera: one copy, without the GIL; never waits.

        Raises SinkLost when the device is gone, FrameRefused for another error.
        """
        try:
            written = os.write(self._fd, frame.pixels.data)
        except OSError as error:
            kind = SinkLost if error.errno in _GONE else FrameRefused
            raise kind(str(error.strerror)) from error
        if written != self._frame_bytes:
            raise FrameRefused(
                f"{written} bytes were taken of a frame of {self._frame_bytes}; "
                "close the program that has changed the format"
            )

    def again(self, fps: float) -> V4l2Camera:
        """The same device; or the camera labelled "livestyle", whichever number it has now."""
        return V4l2Camera(self._size, fps, self._device)

    def __enter__(self) -> V4l2Camera:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._fd >= 0:
            self._readers.close()
            os.close(self._fd)
            self._fd = -1

    def _set_format(self, path: str, size: Size, fps: float) -> None:
        asked = (*size, _I420, _NO_FIELD, size[0], self._frame_bytes)
        interval = 1 / Fraction(fps).limit_denominator(1001)
        rate = (interval.numerator, interval.denominator)
        try:
            reply = fcntl.ioctl(self._fd, _S_FMT, _FORMAT.pack(videodev.OUTPUT_BUFFER, *asked))
            fcntl.ioctl(self._fd, _S_PARM, _PARAMETERS.pack(videodev.OUTPUT_BUFFER, *rate))
        except OSError as error:
            raise SinkError(
                f"{path} refuses {size[0]}x{size[1]} at {fps:g} fps: {error.strerror}"
                f"{_open_in(path)}; close what else writes to it"
            ) from error
        _, width, height, fourcc, _, stride, frame_bytes = _FORMAT.unpack(reply)
        # Version 0.12 answers with whole pages: more bytes than a frame has are fine.
        right = (width, height, fourcc, stride) == (*size, _I420, size[0])
        if not right or frame_bytes < self._frame_bytes:
            kept = fourcc.to_bytes(4, "little").decode("latin-1")
            raise SinkError(
                f"{path} stays at {width}x{height} {kept} ({frame_bytes} bytes a frame), not "
                f"{size[0]}x{size[1]} YU12 ({self._frame_bytes}){_open_in(path)}; "
                f"close what reads it, or run with --output-size {width}x{height}"
            )
        videodev.mark_as_writer(self._fd)


def find_camera() -> str:
    """The path of the loopback camera labelled "livestyle", a free one if there is one.

    Raises SinkError, "what is missing; what to do", when there is none.
    """
    loopbacks = [camera for camera in list_cameras() if camera.loopback]
    ours = [camera for camera in loopbacks if camera.label == LABEL]
    if ours:
        return min(ours, key=lambda camera: not camera.writable).path
    if loopbacks:
        found = ", ".join(f"{camera.path} {camera.label!r}" for camera in loopbacks)
        raise SinkError(
            f"no camera is labelled {LABEL!r}, only: {found}; "
            f"name one with --sink v4l2:{loopbacks[0].path}, or {RELOAD}"
        )
    if os.path.exists("/sys/module/v4l2loopback"):
        raise SinkError(f"v4l2loopback is loaded but has no device; {RELOAD}")
    try:
        modules = Path("/lib/modules", os.uname().release, "modules.dep").read_text()
    except OSError:
        modules = ""
    if "/v4l2loopback.ko" in modules:
        raise SinkError(f"the kernel module v4l2loopback is not loaded; run: {LOAD}")
    raise SinkError(
        "the kernel module v4l2loopback is not installed; "
        f"run: sudo apt install v4l2loopback-dkms && {LOAD}"
    )


def _open_loopback(path: str) -> tuple[int, str]:
    """A descriptor for writing, locked, and the card label."""
    fd = _open(path)
    try:
        driver, label, capabilities = videodev.query(fd)
        if driver != videodev.LOOPBACK:
            raise SinkError(
                f"{path} is {label!r} of the driver {driver!r}, not a v4l2loopback camera; "
                "`livestyle devices` lists them"
            )
        _lock(fd, path)
        if capabilities == videodev.CAPTURE:
            raise SinkError(
                f"{path} is in use by another program{_open_in(path)}; stop it, or {RELOAD}"
            )
        if not capabilities:
            _revive(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd, label


def _open(path: str) -> int:
    try:
        node = os.stat(path)
        # Nothing else is opened: a named pipe would wait, a tape would rewind.
        if not stat.S_ISCHR(node.st_mode) or os.major(node.st_rdev) != videodev.VIDEO_MAJOR:
            raise SinkError(f"{path} is not a video device; `livestyle devices` lists them")
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SinkError(f"there is no {path}; run: {LOAD}") from error
    except PermissionError as error:
        raise SinkError(
            f"no permission to write to {path}; run: sudo usermod -aG video $USER, log in again"
        ) from error
    except OSError as error:
        raise SinkError(
            f"cannot open {path}: {error.strerror}{_open_in(path)}; close what uses it"
        ) from error


def _lock(fd: int, path: str) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = ", ".join(videodev.users(path, lock=True)) or "a process of another user"
        raise SinkError(
            f"{path} is in use by another livestyle: {holder}; stop it first"
        ) from error


def _revive(fd: int, path: str) -> None:
    """Undo what another program's plain writes left behind: see `videodev.mark_as_writer`."""
    passing = _open(path)
    videodev.mark_as_writer(passing)
    os.close(passing)
    if not videodev.query(fd)[2] & videodev.OUTPUT:
        raise SinkError(f"{path} takes no writer since its last one closed; {RELOAD}")


def _open_in(path: str) -> str:
    seen = videodev.users(path, others=True)
    return f" (open in: {', '.join(seen)})" if seen else ""
