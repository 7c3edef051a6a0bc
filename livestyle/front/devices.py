"""The screens, windows and cameras of this machine, as sources and sinks that can be named."""

from __future__ import annotations

import importlib.util
import sys
from typing import NamedTuple

from livestyle.control import SinkChoice, SourceChoice
from livestyle.errors import SinkError
from livestyle.installation import adding


class Cameras(NamedTuple):
    """Those that give pictures, and those that take them."""

    sources: list[SourceChoice]
    sinks: list[SinkChoice]


def list_screens() -> list[SourceChoice]:
    """The monitors, the primary one first. Raises SourceError; it may hang where a display does."""
    from livestyle.sources.screen import list_monitors

    return [
        SourceChoice(
            f"screen:{monitor.number}",
            f"{monitor.width}x{monitor.height} at {monitor.x},{monitor.y} {monitor.name}".strip(),
            "monitor",
            chosen=False,
        )
        for monitor in list_monitors()
    ]


def list_windows() -> list[SourceChoice]:
    """Those that are shown on X11, by their titles. Raises SourceError; it may hang as a display
    does.
    """
    if sys.platform in ("win32", "darwin"):
        return []
    from livestyle.sources import window

    titles = {found.title: found for found in window.list_windows()}  # of several the one it opens
    return [
        SourceChoice(
            f"window:{title}", "{}, {}x{}".format(title, *found.size), "window", chosen=False
        )
        for title, found in titles.items()
    ]


def list_cameras() -> Cameras:
    """The cameras, and the virtual ones, with what there is to do where there is none of these."""
    if not sys.platform.startswith("linux"):
        label = "the virtual camera of OBS or UnityCapture"
        lacking = importlib.util.find_spec("pyvirtualcam") is None
        state, note = ("missing", adding("virtualcam")) if lacking else ("free", "")
        return Cameras([], [SinkChoice("virtualcam", label, state, note, chosen=False)])
    from livestyle.sinks import v4l2, videodev

    sources, sinks = [], []
    for camera in videodev.list_cameras():
        if camera.loopback:
            state = "free" if camera.writable else "taken"
            users = f"used by {', '.join(camera.users)}" if camera.users else ""
            label = f"virtual camera {camera.label!r}"
            sinks.append(SinkChoice(f"v4l2:{camera.path}", label, state, users, chosen=False))
        else:
            number = camera.path.removeprefix("/dev/video")
            label = f"camera {camera.label!r}"
            sources.append(SourceChoice(f"camera:{number}", label, "camera", chosen=False))
    if not sinks:
        try:
            v4l2.find_camera()
        except SinkError as error:
            missing = SinkChoice("v4l2", "virtual camera", "missing", str(error), chosen=False)
            sinks.append(missing)
    return Cameras(sources, sinks)
