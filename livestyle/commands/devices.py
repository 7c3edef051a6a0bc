"""The screens, windows and cameras of this machine, as flags that choose them."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from shlex import quote

from livestyle.commands.terminal import add_json, tell, tell_json
from livestyle.errors import SourceError
from livestyle.front.devices import list_cameras, list_screens, list_windows
from livestyle.installation import command

HELP = "screens, windows and cameras"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """As text or as JSON."""
    add_json(parser)


def call(arguments: argparse.Namespace) -> int:
    """List them."""
    devices = list_devices()
    if arguments.json:
        tell_json([device.plain() for device in devices])
        return 0
    for device in devices:
        tell(f"{device.flag:26} {device.description}")
    return 0


@dataclass(frozen=True)
class Device:
    """A screen, window or camera. `flag` is what to write, as `--source screen:1`."""

    flag: str
    description: str

    def plain(self) -> dict[str, str]:
        """As JSON can hold it."""
        return asdict(self)


def list_devices() -> list[Device]:
    """What can be named as a source or a sink here; why there is none of a kind, where so."""
    return [*_screens(), *_cameras(), Device("--source testcard", "a moving test scene, anywhere")]


def _screens() -> list[Device]:
    from livestyle.sources import answered

    try:
        screens = answered(list_screens, "the display")
    except SourceError as error:
        return [Device("(no screen)", str(error))]
    return [Device(f"--source {screen.spec}", screen.label) for screen in screens] + _windows()


def _windows() -> list[Device]:
    from livestyle.sources import answered

    try:
        windows = answered(list_windows, "the display")
    except SourceError as error:
        return [Device("(no window)", str(error))]
    return [Device(f"--source {quote(window.spec)}", window.label) for window in windows]


def _cameras() -> list[Device]:
    sources, sinks = list_cameras()
    found = [Device(f"--source {camera.spec}", camera.label) for camera in sources]
    found += [
        Device(f"--sink {camera.spec}", camera.label) for camera in sinks if camera.spec != "v4l2"
    ]
    return found or [Device("(no camera)", f"no /dev/video; {command('doctor')} tells how")]
