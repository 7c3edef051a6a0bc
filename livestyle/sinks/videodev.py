"""What Linux tells about its video devices: a few ioctls (linux/videodev2.h), /sys and /proc."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import struct
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "v4l2 loopback"  # the driver's name for itself
VIDEO_MAJOR = 81  # the number of all video device nodes
CAPTURE, OUTPUT = 1, 2  # capability bits
OUTPUT_BUFFER = 2  # V4L2_BUF_TYPE_VIDEO_OUTPUT

_CAPABILITY = struct.Struct("=16s32s32sIII12x")  # driver, card, bus, version, all caps, these caps
_QUERYCAP = 0x80005600 | _CAPABILITY.size << 16
_STREAMON = 0x40045612


@dataclass(frozen=True, slots=True)
class Camera:
    """A video device node of this machine."""

    path: str
    label: str  # what programs show for it
    driver: str  # "" where this user may not open it
    loopback: bool
    writable: bool  # a loopback that a writer can have now
    users: tuple[str, ...]  # "PID (command)" of each process seen to have it open


def list_cameras() -> list[Camera]:
    """All video device nodes, in the order of their numbers; opens each for a moment."""
    cameras = []
    for node in _nodes():
        with contextlib.suppress(FileNotFoundError):  # it has just gone
            cameras.append(_describe(node))
    return cameras


def loopbacks() -> list[str]:
    """The paths of v4l2loopback's, which are not opened for it."""
    return [f"/dev/{node.name}" for node in _nodes() if _is_loopback(node)]


def _nodes() -> list[Path]:
    nodes = Path("/sys/class/video4linux").glob("video*")
    return sorted(nodes, key=lambda node: int(node.name[5:]))


def _is_loopback(node: Path) -> bool:
    return (node / "max_openers").exists()  # an attribute of that driver alone


def query(fd: int) -> tuple[str, str, int]:
    """Driver, card label, and which of CAPTURE and OUTPUT the device can do now."""
    try:
        reply = fcntl.ioctl(fd, _QUERYCAP, bytes(_CAPABILITY.size))
    except OSError:
        return "of no video stream", "", 0  # a sub-device, such as a lens
    driver, label, _, _, _, capabilities = _CAPABILITY.unpack(reply)
    return _text(driver), _text(label), capabilities & (CAPTURE | OUTPUT)


def mark_as_writer(fd: int) -> None:
    """Make v4l2loopback 0.12 see a writer in `fd`, so that it takes the next one after `close`.

    With exclusive_caps=1 those versions stop being an output while one writes, and become one again
    only when a program that streams (STREAMON) closes, not one that just writes: the camera was
    dead until root reloaded the module. Later versions refuse the call and do without.
    """
    with contextlib.suppress(OSError):
        fcntl.ioctl(fd, _STREAMON, struct.pack("=i", OUTPUT_BUFFER))


def users(path: str, *, lock: bool = False, others: bool = False) -> tuple[str, ...]:
    """The processes that have `path` open, or (`lock`) locked, each as "PID (command)". others: but
    for this one.

    Processes of other users are not seen, except by root.
    """
    device = os.path.realpath(path)
    found = {}
    for link in glob.iglob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            if os.readlink(link) != device:
                continue
            process = Path(link).parents[1]
            if others and process.name == str(os.getpid()):
                continue
            if lock and "FLOCK" not in (process / "fdinfo" / link.rpartition("/")[2]).read_text():
                continue
            found[process.name] = f"{process.name} ({(process / 'comm').read_text().strip()})"
    return tuple(found.values())


def _describe(node: Path) -> Camera:
    path = f"/dev/{node.name}"
    seen = users(path)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        label = (node / "name").read_text().strip()
        return Camera(path, label, "", _is_loopback(node), False, seen)
    try:
        driver, label, capabilities = query(fd)
    finally:
        os.close(fd)
    loopback = driver == LOOPBACK
    # The lock is looked up, not tried: a livestyle that starts just now would find it taken.
    free = capabilities != CAPTURE and not users(path, lock=True)
    return Camera(path, label, driver, loopback, loopback and free, seen)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")
