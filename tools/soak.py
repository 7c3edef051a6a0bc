"""Run livestyle for minutes with faults at random, and judge what it shows and what it holds.

    python tools/soak.py MINUTES FILE.json [--seed N]

A screen of its own (Xvfb) shows a moving picture that has its number in it. `livestyle run` styles
it into a pipe that is read, and serves its page; docs/reliability.md says what is done to it, and
by what it is judged. The same seed plans the same. Beside FILE.json there will be a plot, FILE.png.
Exits 1 where a criterion does not hold.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from display import Display
from soak_explain import explain, restarts
from soak_faults import Faults
from soak_judge import Soaked, judge, latencies, quiet_stretches
from soak_plan import BEGUN, plan
from soak_plot import plot
from soak_run import SoakRun, recovery
from soak_samples import Sampler
from soak_scene import SIZE
from soak_visits import BASE, Visits
from written import parse

from livestyle.files import Target
from livestyle.machine import describe_machine
from livestyle.pacing import SECOND

_FRESH = 90.0  # s of the run before it and of the one after it


def soak(seconds: float, seed: int, folder: Path, arguments: list[str]) -> dict[str, Any]:
    """One run of so many s: all figures, with the criteria. folder: for what it writes."""
    display = Display(SIZE)
    faults, visits = plan(seed, seconds)
    environment = {"LIVESTYLE_FAULT": ",".join(filter(None, (each.words for each in faults)))}
    try:
        before = fresh(folder / "before", display, arguments)
        with SoakRun(folder, display, seconds, arguments, environment) as run:
            began = time.monotonic()
            with (
                Sampler(run, began) as sampler,
                Faults(faults, began, run, display) as hit,
                Visits(visits, began, run, seed) as visited,
            ):
                code = run.end(seconds + 60)
        after = fresh(folder / "after", display, arguments)
    finally:
        display.stop()
    told = restarts(run.said.lines, round(began * SECOND))
    report, frames, watcher = run.report(), run.frames(), run.watcher
    unexplained, unanswered = explain(told, hit.done, report["worker_restarts"])
    killed = [each for each in hit.done if each["kind"] == "kill" and "pid" in each["came"]]
    recoveries = [
        found
        for each in killed
        if (found := recovery(frames, round((began + each["at"]) * SECOND))) is not None
    ]
    soaked = Soaked(
        seconds=seconds,
        report=report,
        frames=frames,
        samples=sampler.samples,
        began=round(began * SECOND),
        read=len(watcher.numbers),
        torn=len(watcher.torn),
        backwards=watcher.backwards,
        rest=watcher.rest,
        longest_gap=watcher.longest_gap(),
        unexplained=unexplained,
        unanswered=unanswered,
        recoveries=recoveries,
        said=run.said.bytes,
        faults=len(faults) + len(visits),
    )
    return {
        "exit_code": code,
        "criteria": judge(soaked),
        "fresh": [before, after],
        "quiet": quiet_stretches(soaked),
        "recoveries_s": [round(each, 3) for each in recoveries],
        "restarts": told,
        "faults": hit.done,
        "visits": visited.done,
        "torn": watcher.torn[:100],
        "report": report,
        "said": [line for _, line in run.said.lines if not line.startswith("running: ")],
        "samples": sampler.samples,
    }


def fresh(folder: Path, display: Display, arguments: list[str]) -> dict[str, Any]:
    """The latency of a run that nothing is done to: of the machine at that time."""
    folder.mkdir()
    with SoakRun(folder, display, _FRESH, arguments, {}) as run:
        began = time.monotonic()
        run.end(_FRESH + 60)
    return latencies(run.frames(), round(began * SECOND), [(BEGUN, _FRESH)])


def main() -> int:
    """Soak; write the figures and the plot, print the criteria."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("output", help="JSON file to write")
    parser.add_argument("--seed", type=int, default=1, help="of what happens, and when")
    parser.add_argument("--stylizer", default="lite")
    parser.add_argument("--style", default=BASE["style"], help="at the start, and in quiet times")
    parser.add_argument(
        "--nice", type=int, default=0, help="of all of it; below 0 where others work on the machine"
    )
    options = parse(parser, "output")
    seconds = options.minutes * 60
    if seconds < 180:
        parser.error(f"minutes {options.minutes:g}: at least 3, or there is nothing to judge by")
    picture = Target("plot", str(Path(options.output.file).with_suffix(".png")), options.overwrite)
    arguments = ["--stylizer", options.stylizer, "--style", options.style]
    _prefer(options.nice)
    with tempfile.TemporaryDirectory() as folder:
        figures = soak(seconds, options.seed, Path(folder), arguments)
    figures = {
        "machine": describe_machine(),
        "version": _version(),
        "minutes": options.minutes,
        "seed": options.seed,
        "nice": options.nice,
        "arguments": arguments,
        "beside": _beside(figures["samples"]),
        **figures,
    }
    options.output.write_json(figures)
    picture.write(plot(figures))
    for each in figures["quiet"]:
        print("quiet:", each)
    for each in figures["criteria"]:
        holds = "holds" if each["holds"] else "DOES NOT HOLD"
        print(f"{holds:14} {each['criterion']}: {each['value']} (limit {each['limit']})")
    return int(figures["exit_code"] != 0 or not all(each["holds"] for each in figures["criteria"]))


def _prefer(nice: int) -> None:
    """How the system is to think of this process and of all that it starts."""
    group = Path("/proc/self/autogroup")  # of its session, where Linux weighs these first
    if nice and group.exists():
        group.write_text(str(nice))
    os.nice(nice)


def _beside(samples: list[dict[str, Any]]) -> dict[str, float]:
    """How busy the machine was, this run included: medians of % of its cores and of its load."""
    return {key: statistics.median(each[key] for each in samples) for key in ("busy", "load")}


def _version() -> str:
    """Of the checkout, as git tells it."""
    root = Path(__file__).resolve().parents[1]
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True
    )
    return told.stdout.strip() or "not a checkout"


if __name__ == "__main__":
    sys.exit(main())
