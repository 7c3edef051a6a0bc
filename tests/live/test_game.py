"""A real game, live: SuperTux's title screen under Xvfb, styled, recorded and looked at."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from display import Display
from game import grab, running_game


@pytest.fixture
def game(make_display: Callable[..., Display], tmp_path: Path) -> Iterator[str]:
    """The display on which the game runs, its title screen drawn."""
    with running_game(make_display, tmp_path) as display:
        yield display


def _structure(grey: np.ndarray) -> np.ndarray:
    """Edges at a coarse scale, which a style keeps while it changes colours and texture."""
    small = cv2.resize(grey, (160, 90), interpolation=cv2.INTER_AREA).astype(np.float32)
    edges = np.hypot(cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1))
    return cv2.GaussianBlur(edges, (0, 0), 2)


@pytest.mark.timeout(240)
def test_styled_game_is_recorded(game: str, tmp_path: Path) -> None:
    before = grab(game)
    command = [sys.executable, "-m", "livestyle", "run", "--source", "screen:1", "--style", "wave"]
    command += ["--sink", "record:game.mp4", "--seconds", "20", "--report", "report.json"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "DISPLAY": game},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["source"]["size"] == report["output"]["size"] == [1280, 720]
    assert report["stylizer"]["size"] == [640, 360]
    assert report["output"]["frames"] == 600
    assert report["output"]["unique"] > 5  # how many more is the machine's affair
    with av.open(str(tmp_path / "game.mp4")) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]
    note = report["sinks"][0]["note"]
    assert len(frames) == 600 - (int(note.split()[0]) if note else 0)  # what it left out
    styled = frames[-1]
    assert styled.shape == (720, 1280, 3)
    grey = cv2.cvtColor(styled, cv2.COLOR_BGR2GRAY)
    assert grey.mean() > 25 and grey.std() > 15  # not black, not flat
    after = grab(game)
    assert np.abs(grey.astype(int) - after.astype(int)).mean() > 8  # not the input
    same = np.corrcoef(_structure(grey).ravel(), _structure(after).ravel())[0, 1]
    other = np.corrcoef(_structure(grey).ravel(), _structure(after[::-1]).ravel())[0, 1]
    assert same > 0.5 and same > other + 0.2  # but the same scene
    assert before.std() > 40
    cv2.imwrite(str(tmp_path / "styled.png"), styled)
