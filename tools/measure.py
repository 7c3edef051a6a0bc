"""Measure here what docs/benchmarks states: live screens under Xvfb, start-up, the stage.

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

from written import parse

from livestyle.machine import describe_machine
from livestyle.stylizers.style import list_styles

DISPLAY = ":93"
LIVESTYLE = [sys.executable, "-m", "livestyle"]

# else the player draws by OpenGL, which without a GPU takes most of a core from what is measured
PLAIN = {"SDL_RENDER_DRIVER": "software", "SDL_FRAMEBUFFER_ACCELERATION": "0"}

SETTLED = 2  # s, after which a run has begun

# name, screen, pictures that it shows a second, arguments of `livestyle run`
SCENARIOS = (
    ("passthrough 1280x720 at 60", "1280x720", 60, "--stylizer passthrough --fps 60"),
    ("passthrough 1920x1080 at 30", "1920x1080", 30, "--stylizer passthrough --fps 30"),
    *(
        (f"{style.name} 1280x720 at {fps}", "1280x720", fps, f"--style {style.name} --fps {fps}")
        for style in list_styles()
        if style.is_bundled
        for fps in ([30] if style.network else [60])
    ),
)


@contextlib.contextmanager
def live_screen(size: str, rate: int) -> Iterator[dict[str, str]]:
    """An X screen of that size with a picture on it that changes so often a second. Gives the
    environment to use it.
    """
    environment = {**os.environ, "DISPLAY": DISPLAY, **PLAIN}
    server = subprocess.Popen(
        ["Xvfb", DISPLAY, "-screen", "0", f"{size}x24", "-noreset"], stderr=subprocess.DEVNULL
    )
    time.sleep(2)
    pattern = f"testsrc2=size={size}:rate={rate}"
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
    times = [(int(line["written_at_ns"]) - started) / 1e9 for line in lines]
    for line, at in zip(lines, times, strict=True):
        written.setdefault(line["kind"], at)
    begun = times[0] + SETTLED
    unique = sum(
        line["kind"] == "unique" for line, at in zip(lines, times, strict=True) if at > begun
    )
    keys = ("seconds", "source", "stylizer", "output", "worker_restarts")
    return {
        "arguments": " ".join(map(str, arguments)),
        "first_card_s": round(written["card"], 3),
        "first_styled_s": round(written["unique"], 3),
        "settled_unique_fps": round(unique / (times[-1] - begun), 2),
        **{key: figures[key] for key in keys},
    }


def main() -> int:
    """Run all scenarios and the bench; write and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", help="JSON file to write")
    parser.add_argument("--seconds", default="20", help="of each scenario")
    options = parse(parser, "output")
    if float(options.seconds) <= SETTLED:
        parser.error(
            f"--seconds {options.seconds}: more than {SETTLED}, for only then figures count"
        )
    figures: dict[str, Any] = {"machine": describe_machine(), "runs": {}}
    for name, size, rate, arguments in SCENARIOS:
        with live_screen(size, rate) as environment:
            rest = ["--source", "screen", "--sink", "null", "--seconds", options.seconds]
            figures["runs"][name] = run([*rest, *arguments.split()], environment)
        ran = figures["runs"][name]
        print(
            f"{name}: {ran['settled_unique_fps']} unique fps, latency", ran["output"]["latency_ms"]
        )
    bench = subprocess.run(
        [*LIVESTYLE, "bench", "lite", "--json"], check=True, capture_output=True, text=True
    )
    figures["bench_lite"] = json.loads(bench.stdout)
    print("bench lite", figures["bench_lite"]["ratio"])
    options.output.write_json(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
