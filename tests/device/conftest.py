"""Boots the VM once for all tests here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import pytest
from vm import Guest, boot, missing

LIMIT = 900  # s for the whole VM; it takes 100 on 2 idle cores, 270 has been seen on busy ones


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """The VM after all its scenarios."""
    if lacking := missing():
        pytest.skip(f"no VM without {lacking}; tools/install_test_packages.sh installs all")
    folder = tmp_path_factory.mktemp("vm")
    bars = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "smptebars=size=320x240"]
    subprocess.run([*bars, "-frames:v", "1", str(folder / "bars.png")], check=True, timeout=30)
    picture = cv2.imread(str(folder / "bars.png"))
    assert picture is not None
    cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tofile(folder / "bars.i420")
    return boot(Path(__file__).with_name("guest.py"), folder, LIMIT)
