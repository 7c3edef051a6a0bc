"""Scenarios inside the VM: the camera sinks alone."""

from __future__ import annotations

import os
import subprocess

import guest
from guest import DEVICE, SIZE, Figures, Writer, error_of, ffmpeg, load_module, wait_until

from livestyle.frame import Size
from livestyle.sinks import videodev
from livestyle.sinks.v4l2 import V4l2Camera, find_camera, list_cameras

OURS = {"card_label": "livestyle", "video_nr": 20}


def open_ours() -> V4l2Camera:
    return V4l2Camera(SIZE, 15, None)


def refusal(size: Size = SIZE, device: str | None = None) -> str:
    """Why the camera cannot be opened; "" if it can."""

    def try_it() -> None:
        with V4l2Camera(size, 15, device):
            pass

    return error_of(try_it)


def not_there() -> Figures:
    """Before the module is loaded, and with a loopback that is not ours."""
    figures: Figures = {"not_loaded": error_of(find_camera)}
    load_module(exclusive_caps=1, card_label='"OBS Virtual Camera"', video_nr=20)
    figures["other_label"] = error_of(find_camera)
    with V4l2Camera(SIZE, 15, DEVICE) as camera:
        figures["explicit"] = camera.name
    return figures


def colours() -> Figures:
    """One writer, two kinds of reader, a second writer, and what lists say meanwhile."""
    load_module(exclusive_caps=1, **OURS)
    figures: Figures = {"before": _camera()}
    with Writer(open_ours) as writer:
        figures |= {"name": writer.name, "pid": writer.pid, "rate": _reported_rate()}
        with ffmpeg("colours", 20) as reader:
            figures["ffmpeg"] = reader.wait(60)
        figures["opencv"] = guest.opencv("colours", 10)
        figures["during"] = _camera()
        figures["second"] = refusal()
    figures["after"] = _camera()
    return figures


def killed() -> Figures:
    """A writer is killed while a program reads; the next one takes over, in the same size only."""
    with Writer(open_ours) as first, ffmpeg("killed", 60) as reader:
        wait_until(lambda: guest.frames_read("killed") > 10, 30)
        first.kill()
        silent_from = guest.frames_read("killed")
        other_size = refusal((640, 480))
        with Writer(open_ours) as second:
            code = reader.wait(60)
    return {
        "names": [first.name, second.name],
        "silent_from": silent_from,
        "other_size": other_size,
        "reader": code,
        "after": _camera(),
    }


def pyvirtualcam() -> Figures:
    """pyvirtualcam's plain writes; they leave driver 0.12 without a capability, then comes ours."""
    from livestyle.sinks.virtualcam import VirtualCamera

    load_module(exclusive_caps=1, **OURS)
    with Writer(lambda: VirtualCamera(SIZE, 15)) as writer, ffmpeg("pyvirtualcam", 10) as reader:
        figures: Figures = {"name": writer.name, "ffmpeg": reader.wait(60)}
        figures["second"] = refusal()
    fd = os.open(DEVICE, os.O_RDWR)
    figures["capabilities_after"] = videodev.query(fd)[2]
    os.close(fd)
    with Writer(lambda: VirtualCamera(SIZE, 15)) as refused:
        figures["pyvirtualcam_again"] = refused.name
    with Writer(open_ours) as revived, ffmpeg("revived", 10) as reader:
        figures |= {"revived": revived.name, "revived_ffmpeg": reader.wait(60)}
    return figures


def shared_device() -> Figures:
    """With exclusive_caps=0 the driver (0.12) would take a second writer; the lock does not."""
    load_module(exclusive_caps=0, **OURS)
    with Writer(open_ours) as writer:
        figures: Figures = {"pid": writer.pid, "during": _camera()}
        figures["second"] = refusal()
        figures["elsewhere"] = refusal(device="/proc/self/root" + DEVICE)
    with Writer(open_ours) as next_one:
        figures["after"] = next_one.name
    return figures


def not_a_loopback() -> Figures:
    """The kernel's own test camera; a user who may not; and no module at all again."""
    subprocess.run(["modprobe", "vivid", "n_devs=1", "node_types=0x1"], check=True, timeout=60)
    wait_until(lambda: len(list_cameras()) > 1, 10)
    figures: Figures = {"cameras": [list(camera_fields(camera)) for camera in list_cameras()]}
    other = next(camera.path for camera in list_cameras() if not camera.loopback)
    figures["path"] = other
    figures["webcam"] = refusal(device=other)
    os.chmod(DEVICE, 0o660)
    os.seteuid(65534)
    try:
        figures["no_permission"] = refusal()
        figures["listed"] = [list(camera_fields(camera)) for camera in list_cameras()]
    finally:
        os.seteuid(0)
    guest.unload_module()
    figures["unloaded"] = error_of(find_camera)
    return figures


def camera_fields(camera: videodev.Camera) -> tuple[str, str, str, bool, bool]:
    return camera.path, camera.label, camera.driver, camera.loopback, camera.writable


def _camera() -> Figures:
    camera = next(camera for camera in list_cameras() if camera.path == DEVICE)
    return {
        "label": camera.label,
        "driver": camera.driver,
        "loopback": camera.loopback,
        "writable": camera.writable,
        "users": camera.users,
    }


def _reported_rate() -> str:
    done = subprocess.run(
        ["v4l2-ctl", "-d", DEVICE, "--get-parm"], capture_output=True, timeout=30, check=True
    )
    return done.stdout.decode()


SCENARIOS = (not_there, colours, killed, pyvirtualcam, shared_device, not_a_loopback)
