"""What a real OBS shows of the view."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from display import Display
from obs_client import Obs, obs
from web_client import QUARTERS, ask, bearer, clock, figures, ignore, picture, send

from livestyle.sinks.web import WebPreview
from tests.controls import FakeRun

SIZE = 640, 360


def colours(shown: np.ndarray) -> np.ndarray:
    """In the middle of its quarters: (4, 3), BGR."""
    height, width = shown.shape[:2]
    rows, columns = (height // 4, height * 3 // 4), (width // 4, width * 3 // 4)
    return np.array([shown[y, x] for y in rows for x in columns])


def seen(studio: Obs, *, wanted: bool) -> np.ndarray | None:
    """What its source shows, once that is something, or nothing, as wanted."""
    ends = time.monotonic() + 60
    while True:
        shown = studio.picture("livestyle")
        if (shown is not None) == wanted:
            return shown
        assert time.monotonic() < ends
        time.sleep(0.5)


@pytest.mark.slow
def test_a_media_source_shows_the_picture_until_it_is_taken_back(
    display: Display, tmp_path: Path
) -> None:
    if not shutil.which("obs"):
        pytest.skip("obs-studio is not installed")
    with (
        WebPreview(SIZE, port=0, controls=FakeRun(figures, ignore)) as web,
        clock(web, picture(*SIZE)),
        obs(display.name, tmp_path) as studio,
    ):
        settings = {
            "is_local_file": False,
            "input": send(web, "POST /api/v1/view", {}).json()["stream"],
            "input_format": "mpjpeg",
            "ffmpeg_options": "use_wallclock_as_timestamps=1",
            "buffering_mb": 0,
            "reconnect_delay_sec": 1,
        }
        made = studio.ask(
            "CreateInput",
            sceneName="Scene",
            inputName="livestyle",
            inputKind="ffmpeg_source",
            inputSettings=settings,
        )
        assert made is not None
        shown = seen(studio, wanted=True)
        assert shown is not None and shown.shape == (SIZE[1], SIZE[0], 3)
        np.testing.assert_allclose(colours(shown), QUARTERS, atol=12)
        assert ask(web, "DELETE /api/v1/view", bearer(web)).status == 200
        seen(studio, wanted=False)
