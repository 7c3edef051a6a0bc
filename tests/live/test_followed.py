"""A run whose window is moved, covered, resized, closed and opened again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
from display import Display
from pattern_window import PatternWindow
from waiting import until

SIZE = (240, 160)


def _resembles(frame: av.VideoFrame, window: PatternWindow) -> bool:
    """Whether it is the window's pattern, of the first size."""
    width, height = SIZE
    seen = frame.to_ndarray(format="gray")
    expected = cv2.cvtColor(window.pattern[:height, :width, :3], cv2.COLOR_BGR2GRAY)
    return bool(np.corrcoef(seen.ravel(), expected.ravel())[0, 1] > 0.95)


def _shows_cover(frame: av.VideoFrame) -> bool:
    red, green, blue = np.moveaxis(frame.to_ndarray(format="rgb24"), 2, 0)
    return bool(((red > 200) & (green < 60) & (blue > 200)).mean() > 0.02)


def test_a_window_is_followed_through_all_that_happens_to_it(
    display: Display, tmp_path: Path
) -> None:
    first = PatternWindow(display.name, "Game", SIZE, 1)
    cover = PatternWindow(display.name, "Cover", (640, 400), None, at=(0, 0))
    said = tmp_path / "said"
    command = [sys.executable, "-m", "livestyle", "run", "--source", "window:game"]
    command += ["--stylizer", "passthrough", "--sink", "record:out.mkv", "--report", "r.json"]
    with said.open("wb") as stderr:
        run = subprocess.Popen(
            command, cwd=tmp_path, env=display.environment, stderr=stderr
        )  # fmt: skip
    try:
        until(lambda: "passthrough on opencv" in said.read_text())
        time.sleep(1)
        for step in range(10):
            first.resize(100 + 30 * step, 300 - 20 * step)
            first.move(40 * step - 100, 10 * step)
            cover.lift()
            time.sleep(0.2)
        first.hide()
        time.sleep(0.5)
        first.show()
        time.sleep(0.5)
        first.close()
        until(lambda: "window:Game is closed" in said.read_text())
        second = PatternWindow(display.name, "Game", SIZE, 2)
        cover.lift()
        time.sleep(3)
        run.terminate()
        assert run.wait(30) == 130, said.read_text()
    finally:
        run.kill()
        run.wait()
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["worker_restarts"] == 0 and report["source"]["reconnects"] >= 1
    with av.open(tmp_path / "out.mkv") as video:
        frames = list(video.decode(video=0))
    assert {(frame.width, frame.height) for frame in frames} == {SIZE}
    assert not any(_shows_cover(frame) for frame in frames)
    assert any(_resembles(frame, first) for frame in frames)
    assert _resembles(frames[-1], second) and not _resembles(frames[-1], first)
    second.close()
    cover.close()
