"""Run livestyle for a while and watch what it holds: memory, threads, file descriptors.

    python tools/soak.py --minutes 10 --json soak.json -- --source testcard --sink null --fps 30

What stands after `--` goes to `livestyle run`. Exits 1 when the memory of front and worker together
grew by 10 MB or more after the first minute, or when threads or file descriptors changed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from written import parse

from livestyle.machine import describe_machine

SETTLED = 60.0  # s: caches fill and pools grow until then
GROWTH_LIMIT = 10.0  # MB
EVERY = 5.0  # s


def sample(front: psutil.Process) -> dict[str, float]:
    """What front and worker hold now: resident memory in MB, threads, file descriptors."""
    total = {"rss_mb": 0.0, "threads": 0.0, "fds": 0.0}
    for process in (front, *front.children()):
        total["rss_mb"] += process.memory_info().rss / 1e6
        total["threads"] += process.num_threads()
        total["fds"] += process.num_fds()
    return total


def watch(front: psutil.Process, seconds: float) -> list[dict[str, float]]:
    """A sample every 5 s until the run is nearly over or gone."""
    started = time.monotonic()
    samples = []
    while time.monotonic() - started < seconds - EVERY:
        time.sleep(EVERY)
        with contextlib.suppress(psutil.NoSuchProcess):
            samples.append({"at": round(time.monotonic() - started, 1), **sample(front)})
    return samples


def judge(samples: list[dict[str, float]]) -> dict[str, Any]:
    """How much memory was added after the first minute, and the counts seen since."""
    settled = [one for one in samples if one["at"] >= SETTLED] or samples
    growth = max(one["rss_mb"] for one in settled) - settled[0]["rss_mb"]
    return {
        "rss_mb_after_a_minute": round(settled[0]["rss_mb"], 1),
        "rss_growth_mb": round(growth, 2),
        "threads": sorted({int(one["threads"]) for one in settled}),
        "fds": sorted({int(one["fds"]) for one in settled}),
    }


def soak(minutes: float, arguments: list[str]) -> dict[str, Any]:
    """Run livestyle with the arguments for so long. Returns the figures and livestyle's report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "livestyle", "run", *arguments]
        command += ["--seconds", str(minutes * 60), "--report", str(report)]
        with subprocess.Popen(command) as process:
            samples = watch(psutil.Process(process.pid), minutes * 60)
            code = process.wait(60)
        if code:
            raise SystemExit(f"livestyle ended with {code}")
        return {
            "machine": describe_machine(),
            "arguments": arguments,
            **judge(samples),
            "report": json.loads(report.read_text(encoding="utf-8")),
            "samples": samples,
        }


def main() -> int:
    """Parse the arguments, soak, print and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("arguments", nargs="*", help="for livestyle run, after --")
    options = parse(parser, "json")
    figures = soak(options.minutes, options.arguments)
    if options.json:
        options.json.write_json(figures)
    kept = ("rss_mb_after_a_minute", "rss_growth_mb", "threads", "fds")
    print(json.dumps({name: figures[name] for name in kept}))
    steady = len(figures["threads"]) == len(figures["fds"]) == 1
    return 0 if steady and figures["rss_growth_mb"] < GROWTH_LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
