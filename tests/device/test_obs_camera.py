"""A real OBS that takes the camera, inside the micro-VM."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from vm import boot, missing

from livestyle.commands import main

LIMIT = 1200  # s; it takes 290 on 2 idle cores


@pytest.mark.slow
@pytest.mark.timeout(LIMIT + 60)
def test_obs_shows_the_camera_as_it_is(tmp_path: Path) -> None:
    lacking = ", ".join(filter(None, (missing(), "" if shutil.which("obs") else "obs")))
    if lacking:
        pytest.skip(f"no VM with OBS without {lacking}")
    game = cv2.imread(str(Path(__file__).parents[2] / "docs/pictures/bright-game.jpg"))
    assert game is not None
    smaller, styled = tmp_path / "game.png", tmp_path / "shown.png"
    cv2.imwrite(str(smaller), cv2.resize(game, (640, 360), interpolation=cv2.INTER_AREA))
    assert main(["stylize", str(smaller), str(styled), "--style", "comic"]) == 0
    guest = boot(Path(__file__).with_name("guest_obs.py"), tmp_path, LIMIT, memory="4G")
    figures = guest.figures("camera_in_obs")
    (device,) = figures["devices"]["propertyItems"]
    assert device["itemName"].startswith("livestyle (")
    seen = cv2.imread(str(tmp_path / "obs.png"))
    shown = cv2.imread(str(styled))
    assert seen is not None and shown is not None and seen.shape == shown.shape
    assert np.abs(seen.astype(int) - shown).mean() < 8
