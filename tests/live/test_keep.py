"""Kept rectangles, live: what passthrough shows there, byte for byte, in a lossless recording and
in what the page saves.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

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


def _saved(folder: Path, *flags: str) -> np.ndarray:
    """The picture that the page saves of a run on a still source."""
    command = [sys.executable, "-m", "livestyle", "run", "--source", "file:in.png", "--fps", "10"]
    process = subprocess.Popen(
        [*command, "--sink", "web", *flags], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "http://" in line)
        address, token = re.search(r"(http://127\.0\.0\.1:\d+)/#token=(\S+)", line).groups()  # type: ignore[union-attr]

        def asked(path: str) -> bytes:
            headers = {"Authorization": f"Bearer {token}"}
            with urlopen(Request(address + path, headers=headers), timeout=20) as reply:
                return bytes(reply.read())

        deadline = time.monotonic() + 60
        while json.loads(asked("/api/v1/status")).get("stylizer", {}).get("frames", 0) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        picture = cv2.imdecode(
            np.frombuffer(asked("/api/v1/snapshot.png"), np.uint8), cv2.IMREAD_COLOR
        )
        assert picture is not None
        return picture
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_page_saves_it_to_the_byte(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), draw(7, SIZE)[..., :3])
    plain = _saved(tmp_path, "--stylizer", "passthrough")
    kept = _saved(tmp_path, "--stylizer", "lite", "--style", "ink", "--keep", "21,11,99,53")
    assert plain.shape == kept.shape == (180, 320, 3)
    assert (kept[11:64, 21:120] == plain[11:64, 21:120]).all()
    assert (kept != plain).mean() > 0.3
