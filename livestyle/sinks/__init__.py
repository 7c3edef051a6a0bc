"""Sinks take frames: a virtual camera, the page's preview, a recording, a pipe, nothing."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from livestyle.config import Config
from livestyle.control import Controls
from livestyle.errors import ConfigError, LivestyleError
from livestyle.files import Wanted, is_stream
from livestyle.frame import Frame, Size


class Sink(Protocol):
    """Takes frames. Opened and closed (by `with`) on the main thread, written from one other.

    `name` is what the status line shows: what a user looks for, like the camera's label or the
    page's address. `note` is "" while all is well, else one line on what goes wrong (frames dropped
    by a slow disk, say). `is_watched` says whether anybody may see the next frame, or keep it; it
    is asked at every tick of a run that rests, and has to answer at once.
    """

    @property
    def name(self) -> str: ...

    @property
    def note(self) -> str: ...

    @property
    def is_watched(self) -> bool: ...

    def write(self, frame: Frame) -> None:
        """Take one frame, I420 (H * 3 / 2, W); called once a tick, repeats of a frame included.

        It may take a small part of the interval at most: what is slow belongs on a thread of the
        sink's own. The pixels are the caller's and change after the next call: copy what is kept.

        Raises SinkError when no further frame can be taken; it is then asked no more, the others
        go on.
        """
        ...

    def __enter__(self) -> Sink: ...

    def __exit__(self, *exc_info: object) -> None:
        """Finish. Raises SinkError when that fails, as the last part of a file may."""
        ...


@runtime_checkable
class Reopenable(Sink, Protocol):
    """A Sink that may go away and come back, as cameras do.

    Its `write` raises SinkLost when it is gone, and FrameRefused for a frame that it does not take
    while it may take the next one.
    """

    def again(self, fps: float) -> Reopenable:
        """It, opened anew after it was closed: the one that was asked for at first, no other.

        Raises SinkError when it can't be.
        """
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


def open_sink(spec: str, size: Size, config: Config, controls: Controls) -> Sink:
    """Open the sink that `spec` names (one of SINKS but `auto`, see `choose_sinks`).

    size: (width, height) of every frame, both even. config: `write` is called at its fps, its port,
    address and names are the page's, and by its overwrite a file that is there is replaced.
    controls: what the page shows and does.

    Raises ConfigError for an unknown or malformed `spec` or a file that is not to be written,
    SinkError when it can't be opened, LivestyleError when its file can't be made.
    """
    fps, overwrite = config.fps, config.overwrite
    kind, _, argument = spec.partition(":")
    if kind == "v4l2":
        from livestyle.sinks.v4l2 import V4l2Camera

        return V4l2Camera(size, fps, device=argument or None)
    if kind == "record" and argument:
        from livestyle.sinks.record import Recorder

        return Recorder(argument, size, fps, overwrite=overwrite)
    if kind == "raw" and argument:
        from livestyle.sinks.raw import RawVideo

        return RawVideo(argument, size, overwrite=overwrite)
    if spec == "virtualcam":
        from livestyle.sinks.virtualcam import VirtualCamera

        return VirtualCamera(size, fps)
    if spec == "web":
        from livestyle.sinks.web import WebPreview

        return WebPreview(
            size,
            port=config.port,
            controls=controls,
            listen=config.listen,
            names=config.page_host,
        )
    if spec == "null":
        from livestyle.sinks.null import Null

        return Null()
    raise ConfigError(f"unknown sink {spec!r}; choose from: {', '.join(SINKS)}")


def exposed(config: Config) -> str:
    """What to say of a page that others reach, or ""."""
    if "web" not in config.sink or ipaddress.ip_address(config.listen).is_loopback:
        return ""
    port = config.port or 7878
    return (
        f"--listen {config.listen}: pictures, and what opens the page, travel unencrypted on that "
        f"network; without it, `ssh -L {port}:127.0.0.1:{port} THIS_MACHINE` on the other machine "
        "brings the page there encrypted"
    )


def files_of(specs: Iterable[str]) -> Iterator[Wanted]:
    """What these sinks make."""
    for spec in specs:
        kind, _, argument = spec.partition(":")
        if kind == "record" and argument:
            yield Wanted("recording", argument, "part")
        if kind == "raw" and argument:
            yield Wanted("raw video", argument, "stream" if is_stream(argument) else "part")


def choose_sinks() -> tuple[tuple[str, ...], str]:
    """What `auto` stands for on this machine, a camera where there is one, and the page; and why in
    words.
    """
    if sys.platform.startswith("linux"):
        from livestyle.sinks.v4l2 import find_camera

        try:
            return ("v4l2", "web"), f"the camera {find_camera()}, and a page to steer from"
        except LivestyleError as error:
            return ("web",), f"no camera to write to ({error})"
    try:
        from livestyle.sinks.virtualcam import VirtualCamera

        with VirtualCamera((1280, 720), 30) as camera:  # whether there is one shows in nothing else
            return ("virtualcam", "web"), f"the camera {camera.name}, and a page to steer from"
    except LivestyleError as error:
        return ("web",), f"no camera to write to ({error})"
