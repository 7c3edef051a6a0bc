"""Measure what the README states, on this machine: live screens under Xvfb, start-up, the stage.

    python tools/measure.py docs/benchmarks/NAME.json

Needs Xvfb and ffplay, which shows a moving test pattern on the screen that is captured. Run it
where nothing else runs; the figures are for that machine alone.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from livestyle.files import write_atomically
from livestyle.machine import describe_machine

DISPLAY = ":93"
LIVESTYLE = [sys.executable, "-m", "livestyle"]

# else the player draws by OpenGL, which without a GPU takes most of a core from what is measured
PLAIN = {"SDL_RENDER_DRIVER": "software", "SDL_FRAMEBUFFER_ACCELERATION": "0"}

# name, screen, arguments of `livestyle run`
SCENARIOS = (
    ("passthrough 1280x720 at 60", "1280x720", "--stylizer passthrough --fps 60"),
    ("passthrough 1920x1080 at 30", "1920x1080", "--stylizer passthrough --fps 30"),
    ("lite 640x360 on 1280x720 at 30", "1280x720", "--stylizer lite --size 640x360 --fps 30"),
)


@contextlib.contextmanager
def live_screen(size: str) -> Iterator[dict[str, str]]:
    """An X screen of that size with a moving picture on it. Gives the environment to use it."""
    environment = {**os.environ, "DISPLAY": DISPLAY, **PLAIN}
    server = subprocess.Popen(
        ["Xvfb", DISPLAY, "-screen", "0", f"{size}x24", "-noreset"], stderr=subprocess.DEVNULL
    )
    time.sleep(2)
    pattern = f"testsrc2=size={size}:rate=30"
    player = subprocess.Popen(
        ["ffplay", "-loglevel", "quiet", "-an", "-noborder", "-f", "lavfi", "-i", pattern],
        env=environment,
    )
    time.sleep(3)
    try:
        yield environment
    finally:
        for process in (player, server):
            process.terminate()
            process.wait(10)


def run(arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """One `livestyle run`: its figures, and s from the command to the first card and frame."""
    with tempfile.TemporaryDirectory() as folder:
        log, report = Path(folder) / "log.csv", Path(folder) / "report.json"
        command = [*LIVESTYLE, "run", *arguments, "--report", str(report), "--frame-log", str(log)]
        started = time.monotonic_ns()
        subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
        with log.open() as opened:
            lines = list(csv.DictReader(opened))
        figures = json.loads(report.read_text())
    written: dict[str, float] = {}
    for line in lines:
        written.setdefault(line["kind"], (int(line["written_at_ns"]) - started) / 1e9)
    keys = ("seconds", "source", "stylizer", "output", "worker_restarts")
    return {
        "arguments": " ".join(map(str, arguments)),
        "first_card_s": round(written["card"], 3),
        "first_styled_s": round(written["unique"], 3),
        **{key: figures[key] for key in keys},
    }


def main() -> int:
    """Run all scenarios and the bench; write and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", help="JSON file to write")
    parser.add_argument("--seconds", default="20", help="of each scenario")
    options = parser.parse_args()
    figures: dict[str, Any] = {"machine": describe_machine(), "runs": {}}
    for name, size, arguments in SCENARIOS:
        with live_screen(size) as environment:
            rest = ["--source", "screen", "--sink", "null", "--seconds", options.seconds]
            figures["runs"][name] = run([*rest, *arguments.split()], environment)
        output = figures["runs"][name]["output"]
        print(name, output["unique_fps"], "unique fps, latency ms", output["latency_ms"])
    bench = subprocess.run(
        [*LIVESTYLE, "bench", "lite", "--json"], check=True, capture_output=True, text=True
    )
    figures["bench_lite"] = json.loads(bench.stdout)
    print("bench lite", figures["bench_lite"]["ratio"])
    write_atomically(options.output, json.dumps(figures, indent=1).encode() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
