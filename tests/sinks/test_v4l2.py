"""What the camera sinks say where there is no camera; tests/device has a real one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from livestyle.errors import FrameRefused, SinkError, SinkLost
from livestyle.frame import Frame
from livestyle.front.sinks import with_chosen
from livestyle.sinks import choose_sinks
from livestyle.sinks.v4l2 import V4l2Camera, find_camera, list_cameras

SIZE = (640, 360)
LOAD = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=livestyle video_nr=20"

no_camera_here = pytest.mark.skipif(
    os.path.exists("/sys/module/v4l2loopback"), reason="this machine has v4l2loopback loaded"
)


@no_camera_here
def test_says_how_to_get_a_camera() -> None:
    with pytest.raises(SinkError) as caught:
        find_camera()
    found, _, fix = str(caught.value).partition("; ")
    assert "v4l2loopback is not " in found
    assert fix.startswith("run: ") and fix.endswith(LOAD)
    with pytest.raises(SinkError, match="v4l2loopback is not "):
        V4l2Camera(SIZE, 30, None)


@no_camera_here
def test_lists_no_loopback() -> None:
    assert [camera for camera in list_cameras() if camera.loopback] == []


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    for path in tmp_path / "video20", Path(__file__) / "video20":
        with pytest.raises(SinkError) as caught:
            V4l2Camera(SIZE, 30, str(path))
        assert str(caught.value) == f"there is no {path}; run: {LOAD}"


def test_a_device_that_is_something_else(tmp_path: Path) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_bytes(b"kept")
    os.mkfifo(pipe)
    for path in "/dev/null", file, pipe, tmp_path:
        with pytest.raises(SinkError) as caught:
            V4l2Camera(SIZE, 30, str(path))
        problem = f"{path} is not a video device; `livestyle devices` lists them"
        assert str(caught.value) == problem
    assert file.read_bytes() == b"kept"


def _pipe() -> int:
    """One that has room for less than a frame."""
    _, writing = os.pipe()
    os.set_blocking(writing, False)
    return writing


@pytest.mark.parametrize(
    ("opened", "error", "why"),
    [
        (lambda: os.open("/dev/full", os.O_WRONLY), FrameRefused, "No space left on device"),
        (lambda: os.open("/dev/null", os.O_RDONLY), SinkLost, "Bad file descriptor"),
        (_pipe, FrameRefused, "65536 bytes were taken of a frame of 345600; close the program"),
    ],
)
def test_what_a_device_refuses_is_told_from_one_that_is_gone(
    opened: Callable[[], int],
    error: type[SinkError],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a descriptor that fails so, in place of the camera's."""
    monkeypatch.setattr("livestyle.sinks.v4l2._open_loopback", lambda path: (opened(), "livestyle"))
    monkeypatch.setattr(V4l2Camera, "_set_format", lambda *_: None)
    frame = Frame(np.zeros((SIZE[1] * 3 // 2, SIZE[0]), np.uint8), 0, 0)
    with V4l2Camera(SIZE, 30, "/dev/video20") as camera, pytest.raises(error) as caught:
        camera.write(frame)
    assert type(caught.value) is error and str(caught.value).startswith(why)


@pytest.mark.parametrize("size", [(641, 360), (640, 361)])
def test_a_size_that_is_not_even(size: tuple[int, int]) -> None:
    with pytest.raises(SinkError, match=f"even, not {size[0]}x{size[1]}"):
        V4l2Camera(size, 30, "/dev/null")


@no_camera_here
@pytest.mark.skipif(os.name != "posix", reason="elsewhere OBS may be there")
def test_pyvirtualcam_does_not_look_for_another_camera() -> None:
    from livestyle.sinks.virtualcam import VirtualCamera

    with pytest.raises(SinkError, match="v4l2loopback is not "):
        VirtualCamera(SIZE, 30)


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_auto_is_the_page_where_no_camera_opens(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows and macOS without OBS."""

    class Camera:
        def __init__(self, *_: object, **__: object) -> None:
            raise RuntimeError("'obs' backend: OBS Virtual Camera is not installed")

    pyvirtualcam = pytest.importorskip("pyvirtualcam")
    monkeypatch.setattr(pyvirtualcam, "Camera", Camera)
    monkeypatch.setattr("sys.platform", system)
    chosen, why = choose_sinks()
    assert chosen == ("web",)
    assert "OBS Virtual Camera is not installed; install OBS" in why


def test_auto_keeps_the_camera_that_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livestyle.front.sinks.choose_sinks", lambda: (("web",), "it is in use"))
    assert with_chosen(("auto", "null"), print, {"virtualcam": None}) == (
        *("virtualcam", "web"),
        "null",
    )
    assert with_chosen(("auto", "null"), print) == ("web", "null")
