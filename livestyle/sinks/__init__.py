"""Sinks take frames: a virtual camera, the page's preview, a recording, a pipe, nothing."""

from __future__ import annotations

import sys
from typing import Protocol

from livestyle.control import Controls
from livestyle.errors import ConfigError, LivestyleError
from livestyle.frame import Frame, Size
from livestyle.installation import adding


class Sink(Protocol):
    """Takes frames. Opened and closed (by `with`) on the main thread, written from one other.

    `name` is what the status line shows: what a user looks for, like the camera's label or the
    page's address. `note` is "" while all is well, else one line on what goes wrong (frames dropped
    by a slow disk, say).
    """

    @property
    def name(self) -> str: ...

    @property
    def note(self) -> str: ...

    def write(self, frame: Frame) -> None:
        """Take one frame, I420 (H * 3 / 2, W); called once a tick, repeats of a frame included.

        It may take a small part of the interval at most: what is slow belongs on a thread of the
        sink's own. The pixels are the caller's and change after the next call: copy what is kept.

        Raises SinkError when no further frame can be taken; it is then closed, the others go on.
        """
        ...

    def __enter__(self) -> Sink: ...

    def __exit__(self, *exc_info: object) -> None:
        """Finish. Raises SinkError when that fails, as the last part of a file may."""
        ...


SINKS = (
    "auto",
    "v4l2",
    "v4l2:DEVICE",
    "virtualcam",
    "web",
    "record:FILE",
    "raw:FILE",
    "raw:-",
    "null",
)


def open_sink(spec: str, size: Size, fps: float, *, port: int | None, controls: Controls) -> Sink:
    """Open the sink that `spec` names (one of SINKS but `auto`, see `choose_sink`).

    size: (width, height) of every frame, both even. fps: the rate at which `write` is called.
    port, controls: the page's TCP port and what it shows and does (web only).

    Raises ConfigError for an unknown or malformed `spec`, SinkError when it can't be opened.
    """
    kind, _, argument = spec.partition(":")
    if kind == "v4l2":
        from livestyle.sinks.v4l2 import V4l2Camera

        return V4l2Camera(size, fps, device=argument or None)
    if kind == "record" and argument:
        from livestyle.sinks.record import Recorder

        return Recorder(argument, size, fps)
    if kind == "raw" and argument:
        from livestyle.sinks.raw import RawVideo

        return RawVideo(argument, size)
    if spec == "virtualcam":
        from livestyle.sinks.virtualcam import VirtualCamera

        return VirtualCamera(size, fps)
    if spec == "web":
        from livestyle.sinks.web import WebPreview

        return WebPreview(size, port=port, controls=controls)
    if spec == "null":
        from livestyle.sinks.null import Null

        return Null()
    raise ConfigError(f"unknown sink {spec!r}; choose from: {', '.join(SINKS)}")


def choose_sink() -> tuple[str, str]:
    """What `auto` stands for on this machine, and why in words."""
    if sys.platform.startswith("linux"):
        from livestyle.sinks.v4l2 import find_camera

        try:
            return "v4l2", f"the camera {find_camera()}"
        except LivestyleError as error:
            return "web", str(error)
    try:
        import pyvirtualcam  # noqa: F401
    except ImportError:
        return "web", f"no virtual camera; for one install OBS, and {adding('virtualcam')}"
    return "virtualcam", "pyvirtualcam is installed"
