"""The camera on Windows and macOS (OBS, UnityCapture), through pyvirtualcam."""

from __future__ import annotations

import sys

from livestyle.errors import FrameRefused, MissingPackage, SinkError
from livestyle.frame import Frame, Size

try:
    import pyvirtualcam
except ImportError as missing:
    raise MissingPackage("pyvirtualcam", "virtualcam") from missing


class VirtualCamera:
    """A Sink: the virtual camera that pyvirtualcam finds; on Linux the one labelled "livestyle". A
    Reopenable.

    On Linux v4l2 is the better choice: there pyvirtualcam holds the GIL while it writes, which
    delays all other threads, and only prints write errors, so that a lost camera goes unnoticed.
    The pace is the caller's; pyvirtualcam's own drifts.
    """

    def __init__(
        self, size: Size, fps: float, device: str | None = None, backend: str | None = None
    ) -> None:
        """device, backend: pyvirtualcam's names for one; None: the first that is free.

        Raises SinkError when no virtual camera is installed, or all are in use.
        """
        self.note = ""
        self.is_watched = True  # nothing tells who reads it
        self._size = size
        if sys.platform.startswith("linux"):
            from livestyle.sinks.v4l2 import find_camera

            device = find_camera()
        try:
            self._camera = pyvirtualcam.Camera(
                *size, fps, fmt=pyvirtualcam.PixelFormat.I420, device=device, backend=backend
            )
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise SinkError(f"no virtual camera could be opened: {reason}; {_cure()}") from error
        self.name = f"{self._camera.device} (pyvirtualcam)"

    def write(self, frame: Frame) -> None:
        """Send the frame. Raises FrameRefused when the camera refuses it."""
        try:
            self._camera.send(frame.pixels)
        except (RuntimeError, ValueError) as error:
            raise FrameRefused(f"{error}; {_cure()}") from error

    def again(self, fps: float) -> VirtualCamera:
        """The same camera; on Linux the one labelled "livestyle", whichever number it has now."""
        return VirtualCamera(self._size, fps, self._camera.device, self._camera.backend)

    def __enter__(self) -> VirtualCamera:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._camera.close()


def _cure() -> str:
    if sys.platform.startswith("linux"):
        from livestyle.sinks.v4l2 import RELOAD

        return RELOAD
    return "install OBS, open it once, stop its own virtual camera, then start livestyle again"
