"""Kept rectangles, live: what passthrough shows there, byte for byte, in a lossless recording."""

import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np

from livestyle.finish.planes import Planes
from livestyle.sources.testcard import draw

SIZE = (320, 180)


def _recorded(folder: Path, name: str, *flags: str) -> np.ndarray:
    """The last picture of a run on a still source, I420, as a lossless recording has it."""
    command = [sys.executable, "-m", "livestyle", "run", "--source", "file:in.png", "--fps", "10"]
    command += ["--sink", f"record:{name}.mkv", "--seconds", "3", *flags]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    with av.open(str(folder / f"{name}.mkv")) as container:
        *_, last = container.decode(video=0)
    return last.to_ndarray()


def test_a_kept_rectangle_is_what_passthrough_shows(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), draw(7, SIZE)[..., :3])
    plain = _recorded(tmp_path, "plain", "--stylizer", "passthrough")
    keep = ["--keep", "21,11,99,53", "--keep", "200,100,64,40,6"]
    kept = _recorded(tmp_path, "kept", "--stylizer", "lite", "--style", "ink", *keep)
    theirs, ours = Planes.of_i420(plain), Planes.of_i420(kept)
    for left, top, width, height in ((21, 11, 99, 53), (200, 100, 64, 40)):
        for halved, mine, passthrough in zip((1, 2, 2), ours, theirs, strict=True):
            rows = slice(top // halved, -(-(top + height) // halved))
            columns = slice(left // halved, -(-(left + width) // halved))
            assert (mine[rows, columns] == passthrough[rows, columns]).all()
    assert (ours.y != theirs.y).mean() > 0.3
