"""Judges a soak: each criterion with its value, its limit and whether it holds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np
from soak_plan import Span, quiet
from soak_run import FPS, left_out

from livestyle.pacing import SECOND

LONG = 3600.0  # s: from there on the limits are those of the requirements
WARM_UP = 1800.0  # s of a long run; of a shorter one a third
_BLOCKS = 30  # that memory is judged by, each by its median
_T = 2.048  # Student's t for 95 % and the 28 degrees of freedom that a line through them leaves
_GROWTH = 1.0  # MB in an hour; of a shorter run in the time that is judged
_RECOVERY = 1.5  # s, the median
_LATE = 0.005
_DRIFT = 0.10
_WORKER_DRIFT = 0.10
_AGE = (8.0, 12.0)  # s, at which lives of workers are compared
_LINES = 100_000.0, 1_000.0  # bytes of what is said in an hour, and more for each fault


@dataclass(frozen=True)
class Soaked:
    """What is known of a run when it is over. Times are in s of the run."""

    seconds: float  # asked for
    report: dict[str, Any]
    frames: list[dict[str, str]]  # the frame log
    samples: list[dict[str, Any]]
    began: int  # ns
    read: int  # pictures that came out of the pipe
    torn: int
    backwards: int
    rest: int  # bytes
    longest_gap: float
    unexplained: list[str]
    unanswered: list[str]
    recoveries: list[float]
    said: int  # bytes
    faults: int

    @property
    def judged_from(self) -> float:
        """When its memory has settled."""
        return WARM_UP if self.seconds >= LONG else self.seconds / 3

    def at_rest(self) -> list[list[dict[str, Any]]]:
        """The samples of each quiet stretch after that, those beside a gallery left out."""
        usual = statistics.median(sample["children"] for sample in self.samples)
        stretches = [
            [each for each in self.samples if a < each["at"] < b and each["children"] <= usual]
            for a, b in quiet(self.seconds)
            if a >= self.judged_from
        ]
        return [stretch for stretch in stretches if stretch]


def judge(soaked: Soaked) -> list[dict[str, Any]]:
    """All criteria."""
    output = soaked.report["output"]
    dropped = left_out(soaked.report)
    counted = output["frames"] - soaked.seconds * FPS
    deadlines = [int(frame["deadline_ns"]) for frame in soaked.frames]
    ticks = len(deadlines) - 1 - (deadlines[-1] - deadlines[0]) * FPS / SECOND
    slope, bound = memory_slope(soaked)
    hours = (soaked.seconds - soaked.judged_from) / 3600
    growth = _GROWTH if soaked.seconds >= LONG else _GROWTH / hours
    lives = _lives(soaked.samples)
    bytes_said = _LINES[0] * soaked.seconds / 3600 + _LINES[1] * (soaked.faults + 5)
    first, last = _p99(soaked)
    return [
        _at_most("pictures torn", soaked.torn, 0),
        _at_most("pictures older than the one before", soaked.backwards, 0),
        _at_most("bytes of a part of a picture", soaked.rest, 0),
        _at_most("pictures that are missing", abs(output["frames"] - soaked.read - dropped), 0),
        _at_most("share left out for the reader", round(dropped / output["frames"], 5), _LATE),
        _at_most("s between two pictures", round(soaked.longest_gap, 3), 1.0),
        _at_most("pictures off elapsed x fps", round(abs(counted), 2), 1),
        _at_most("pictures off the log's own clock", round(abs(ticks), 2), 1),
        _at_most("share late", round(output["late"] / output["frames"], 5), _LATE),
        _at_most("ticks lost", output["lost"], 0),
        _at_most("front: MB/h, upper 95 % bound", round(bound, 3), round(growth, 2), slope=slope),
        *(_constant(name, key, soaked) for name, key in CONSTANT),
        _at_most("restarts unexplained", len(soaked.unexplained), 0, which=soaked.unexplained),
        _at_most("kills without a restart", len(soaked.unanswered), 0, which=soaked.unanswered),
        _at_most("s to the next styled picture, median", _median(soaked.recoveries), _RECOVERY),
        _at_most("latency p99, first to last", _drift(first, last), _DRIFT, first=first, last=last),
        _at_most("worker: memory, first to last life", _drift(*lives), _WORKER_DRIFT, mb=lives),
        _at_most("bytes said", soaked.said, round(bytes_said)),
    ]


CONSTANT = (
    ("front: descriptors", "fds"),
    ("front: threads", "threads"),
    ("front: shared memory, descriptors", "memfds"),
    ("files in /dev/shm", "shm_files"),
    ("children", "children"),
)


def memory_slope(soaked: Soaked) -> tuple[float, float]:
    """Of the front's resident memory once it has settled: MB/h, and the upper end of what it is
    with 95 %.
    """
    settled = [each for each in soaked.samples if each["at"] >= soaked.judged_from]
    blocks = np.array_split(np.array([(each["at"], each["rss_mb"]) for each in settled]), _BLOCKS)
    hours, memory = np.array([np.median(block, axis=0) for block in blocks]).T
    hours = (hours - hours.mean()) / 3600
    spread = (hours**2).sum()
    slope = (hours * memory).sum() / spread
    left = memory - memory.mean() - slope * hours
    error = np.sqrt((left**2).sum() / (_BLOCKS - 2) / spread)
    return round(float(slope), 3), float(slope + _T * error)


def _constant(name: str, key: str, soaked: Soaked) -> dict[str, Any]:
    """The median in each quiet stretch; all are to be alike."""
    medians = [statistics.median(each[key] for each in stretch) for stretch in soaked.at_rest()]
    holds = len(set(medians)) == 1
    return {"criterion": name, "value": medians, "limit": "constant", "holds": holds}


def _at_most(name: str, value: float | None, limit: float, **more: Any) -> dict[str, Any]:
    """More: what it was made of."""
    holds = value is not None and value <= limit
    return {"criterion": name, "value": value, "limit": limit, "holds": holds, **more}


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 3) if values else None


def _drift(first: float | None, last: float | None) -> float | None:
    return round(last / first - 1, 3) if first and last else None


def quiet_stretches(soaked: Soaked) -> list[dict[str, Any]]:
    """Each with the latency of its new pictures, ms, how busy the machine was, %, and the ms of a
    core that it took for work that is always the same.
    """
    return [_stretch(soaked, span) for span in quiet(soaked.seconds)]


def _stretch(soaked: Soaked, span: Span) -> dict[str, Any]:
    within = [each for each in soaked.samples if span[0] < each["at"] < span[1]]
    return {
        "from": round(span[0], 1),
        "to": round(span[1], 1),
        **latencies(soaked.frames, soaked.began, [span]),
        "busy": _median([each["busy"] for each in within]),
        "pace_ms": _median([each["pace_ms"] for each in within]),
    }


def latencies(frames: list[dict[str, str]], began: int, spans: list[Span]) -> dict[str, Any]:
    """Of the new pictures in these stretches, ms, and how many they are."""
    found = _latencies(frames, began, spans)
    return {"pictures": len(found), "p50": _percentile(found, 50), "p99": _percentile(found, 99)}


def _p99(soaked: Soaked) -> tuple[float | None, float | None]:
    """ms, in the quiet stretches of the first and of the last third."""
    spans = quiet(soaked.seconds)
    third = soaked.seconds / 3
    first = latencies(soaked.frames, soaked.began, [span for span in spans if span[0] < third])
    last = latencies(soaked.frames, soaked.began, [span for span in spans if span[0] >= 2 * third])
    return first["p99"], last["p99"]


def _latencies(frames: list[dict[str, str]], began: int, spans: list[Span]) -> list[int]:
    """ns from the capture of each new picture in these stretches until it was written."""
    found = []
    for frame in frames:
        written = int(frame["written_at_ns"])
        at = (written - began) / SECOND
        if frame["kind"] == "unique" and any(begin < at < end for begin, end in spans):
            found.append(written - int(frame["captured_at_ns"]))
    return found


def _percentile(found: list[int], percent: float) -> float | None:
    return round(float(np.percentile(found, percent)) / 1e6, 2) if found else None


def _lives(samples: list[dict[str, Any]]) -> tuple[float | None, float | None]:
    """MB of workers at one age: the least of the first half of the lives, and of the rest, for the
    styles that they are given take more and less.
    """
    lives: dict[int, list[float]] = {}
    for worker in (sample["worker"] for sample in samples if "worker" in sample):
        if _AGE[0] <= worker["age"] <= _AGE[1]:
            lives.setdefault(worker["pid"], []).append(worker["rss_mb"])
    levels = [statistics.median(each) for each in lives.values()]
    half = len(levels) // 2
    return min(levels[:half], default=None), min(levels[half:], default=None)
