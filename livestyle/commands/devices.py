"""The screens and cameras of this machine, as flags that choose them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass

from livestyle.commands.terminal import add_json, tell, tell_json
from livestyle.errors import SourceError
from livestyle.installation import command

HELP = "screens and cameras"


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
    """A screen or camera. `flag` is what to write: `--source screen:1`, `--sink v4l2:/dev/…`."""

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
    from livestyle.sources.screen import list_monitors

    try:
        monitors = answered(list_monitors, "the display")
    except SourceError as error:
        return [Device("(no screen)", str(error))]
    return [
        Device(
            f"--source screen:{monitor.number}",
            f"{monitor.width}x{monitor.height} at {monitor.x},{monitor.y} {monitor.name}".strip(),
        )
        for monitor in monitors
    ]


def _cameras() -> list[Device]:
    if not sys.platform.startswith("linux"):
        return [Device("--sink virtualcam", "the virtual camera of OBS or UnityCapture")]
    from livestyle.sinks.videodev import list_cameras

    devices = []
    for camera in list_cameras():
        if camera.loopback:
            devices.append(Device(f"--sink v4l2:{camera.path}", f"virtual camera {camera.label!r}"))
        else:
            number = camera.path.removeprefix("/dev/video")
            devices.append(Device(f"--source camera:{number}", f"camera {camera.label!r}"))
    return devices or [Device("(no camera)", f"no /dev/video; {command('doctor')} tells how")]
