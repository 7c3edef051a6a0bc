"""A real game for the tests: SuperTux's title screen on a private display."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from display import Display

GAME = "/usr/games/supertux2"


@contextmanager
def running_game(make_display: Callable[..., Display], folder: Path) -> Iterator[str]:
    """The display on which the game runs, its title screen drawn. folder: for what it writes."""
    if not shutil.which(GAME):
        pytest.skip(f"{GAME} is not installed (Debian package supertux)")
    display = make_display(1280, 720)
    environment = {**display.environment, "HOME": str(folder / "home")}
    with (folder / "game.log").open("w") as log:
        process = subprocess.Popen(
            [GAME, "--geometry", "1280x720", "--disable-sound"],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_drawn(display.name, process)
            yield display.name
        finally:
            process.kill()
            process.wait(10)


def grab(display: str) -> np.ndarray:
    """What is on it: grey, (720, 1280)."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "x11grab", "-video_size", "1280x720", "-i", display]
        + ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"],
        capture_output=True,
        check=True,
        timeout=30,
    )
    return np.frombuffer(done.stdout, np.uint8).reshape(720, 1280)


def _wait_until_drawn(display: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, "the game ended"
        # the menu is white text in the middle; loading screens are dark or empty
        if grab(display).std() > 40:
            time.sleep(2)
            return
        time.sleep(1)
    raise AssertionError("the title screen did not appear")
