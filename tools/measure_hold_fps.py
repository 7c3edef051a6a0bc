"""What `--hold-fps` does while other processes take cores: unique fps by second, and every resize.

    python tools/measure_hold_fps.py --style wave --size 640x360 --fps 30

The testcard at 1280x720 runs alone for 12 s, beside as many busy processes as half the cores (or
--hogs) for 20 s, and alone again for 15 s. --without runs it without `--hold-fps`, to compare. On a
machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ALONE, HOGGED, AFTER = 12, 20, 15  # s
WITHIN = 5  # s that it has to come back each way
SPIN = [sys.executable, "-c", "while True: pass"]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--style", default="wave")
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--hogs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--without", action="store_true", help="without --hold-fps")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "livestyle", "run", "--source", "testcard", "--sink", "null"]
    command += ["--output-size", "1280x720", "--stylizer", "lite", "--style", arguments.style]
    command += ["--size", arguments.size, "--fps", f"{arguments.fps:g}"]
    command += ["--frame-log", "frames.csv", "--report", "report.json"]
    if not arguments.without:
        command += ["--hold-fps", f"{arguments.fps:g}"]
    with tempfile.TemporaryDirectory() as folder:
        show(Path(folder), *run(command, Path(folder), arguments.hogs))


def run(command: list[str], folder: Path, hogs: int) -> tuple[float, float]:
    """Returns when the others began and ended, s of the monotonic clock."""
    process = subprocess.Popen(command, cwd=folder, stderr=(folder / "said").open("wb"))
    spinning: list[subprocess.Popen[bytes]] = []
    try:
        time.sleep(ALONE)
        began = time.monotonic()
        spinning += [subprocess.Popen(SPIN, start_new_session=True) for _ in range(hogs)]
        time.sleep(HOGGED)
    finally:
        for hog in spinning:
            hog.kill()
            hog.wait()
    ended = time.monotonic()
    time.sleep(AFTER)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    return began, ended


def show(folder: Path, began: float, ended: float) -> None:
    """Print the figures."""
    with (folder / "frames.csv").open() as opened:
        lines = [(int(line["deadline_ns"]) / 1e9, line["kind"]) for line in csv.DictReader(opened)]
    first, last = lines[0][0], lines[-1][0]
    unique = [at for at, kind in lines if kind == "unique"]
    seconds = Counter(int(at - first) for at in unique)
    print("unique fps by second:", *(seconds[second] for second in range(int(last - first))))
    print(f"others from {began - first:.1f} s to {ended - first:.1f} s")
    for name, since, until in (
        ("alone", began - WITHIN, began),
        ("beside them", began + WITHIN, ended),
        ("alone again", ended + WITHIN, last),
    ):
        count = sum(since <= at < until for at in unique)
        print(f"{name}: {count / (until - since):.1f} unique fps")
    for line in (folder / "said").read_text().splitlines():
        if line.startswith("livestyle: ") and "→" in line:
            print(line.removeprefix("livestyle: "))
    stylizer = json.loads((folder / "report.json").read_text())["stylizer"]
    print(f"{stylizer['resizes']} resizes; stylizer ms {stylizer['ms']}")


if __name__ == "__main__":
    main()
