"""Boots the VM for all tests here: once for each v4l2loopback."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import pytest
from vm import Guest, boot, kernel, missing

LIMIT = 1200  # s for the whole VM; it takes 520 on 2 idle cores


@pytest.fixture(
    scope="session", params=["installed", pytest.param("newer", marks=pytest.mark.slow)]
)
def guest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """The VM after all its scenarios."""
    if lacking := missing():
        pytest.skip(f"no VM without {lacking}; tools/install_test_packages.sh installs all")
    folder = tmp_path_factory.mktemp("vm")
    if request.param == "newer":
        _build_newer_module(folder)
    bars = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "smptebars=size=320x240"]
    subprocess.run([*bars, "-frames:v", "1", str(folder / "bars.png")], check=True, timeout=30)
    picture = cv2.imread(str(folder / "bars.png"))
    assert picture is not None
    cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tofile(folder / "bars.i420")
    return boot(Path(__file__).with_name("guest.py"), folder, LIMIT)


def _build_newer_module(folder: Path) -> None:
    image = kernel()
    assert image is not None
    build = [str(Path(__file__).with_name("newer_module.sh"))]
    build += [image.name.removeprefix("vmlinuz-"), str(folder)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"the newer v4l2loopback can't be had here: {done.stderr[-300:]}")
