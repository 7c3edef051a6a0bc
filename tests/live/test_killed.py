"""What reads the pictures of a run is never left without, whatever becomes of its worker."""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from display import Display
from soak_run import FPS, SoakRun, left_out, recovery
from soak_scene import NONE, SIZE
from waiting import until

from livestyle.front.recovery import HEALTHY
from livestyle.pacing import SECOND

Record = Callable[[str, object], None]
_LITE = ["--stylizer", "lite", "--style", "comic"]


def _held(front: psutil.Process) -> dict[str, int]:
    """What must be the same after as before: descriptors, those of memory, maps of it, threads."""
    links = [os.readlink(each) for each in Path(f"/proc/{front.pid}/fd").iterdir()]
    maps = Path(f"/proc/{front.pid}/maps").read_text()
    return {
        "descriptors": len(links),
        "segments": sum("memfd:" in link for link in links),
        "mapped": maps.count("memfd:"),
        "files": len(os.listdir("/dev/shm")),
        "threads": front.num_threads(),
    }


def _styled(run: SoakRun) -> bool:
    """Whether pictures come that are newer than this moment's."""
    numbers = run.watcher.numbers
    seen = max(numbers, default=NONE)
    time.sleep(0.1)
    return seen != NONE and numbers[-1] > seen


@pytest.mark.parametrize(
    "kills", [5, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(1500)])]
)
def test_a_worker_killed_again_and_again(
    make_display: Callable[..., Display],
    tmp_path: Path,
    record_property: Record,
    kills: int,
) -> None:
    with SoakRun(tmp_path, make_display(*SIZE), 100_000, _LITE, {}) as run:
        killed, held, memory = list[int](), list[dict[str, int]](), list[float]()
        for _ in range(kills):
            until(lambda: _styled(run))
            time.sleep(HEALTHY + 0.5)  # what is killed sooner is followed more slowly
            held.append(_held(run.front))
            memory.append(run.front.memory_info().rss / 1e6)
            worker = run.worker()
            assert worker is not None and run.watcher.is_open
            killed.append(time.monotonic_ns())
            worker.kill()
            worker.wait()
            time.sleep(0.2)  # what it had made is read
        until(lambda: _styled(run))
        time.sleep(1)
        held.append(_held(run.front))
        assert run.watcher.is_open and run.stop() == 130
        watcher, report, frames = run.watcher, run.report(), run.frames()
    assert (watcher.torn, watcher.backwards, watcher.rest) == ([], 0, 0)
    assert len(watcher.numbers) + left_out(report) == report["output"]["frames"] == len(frames)
    assert abs(report["output"]["frames"] - report["seconds"] * FPS) <= 2
    assert watcher.longest_gap() < 1
    assert report["worker_restarts"] == kills
    assert all(each == held[1] for each in held[1:])
    settled = kills // 5
    assert statistics.median(memory[-settled:]) - memory[settled] < 1
    seconds = [recovery(frames, at) for at in killed]
    assert None not in seconds
    told = sorted(each for each in seconds if each is not None)
    found = {"median": statistics.median(told), "p95": told[len(told) * 95 // 100], "max": told[-1]}
    grown = memory[-1] - memory[settled]
    record_property("recovery", found)
    print(
        f"{kills} kills: {found}; front {memory[settled]:.1f} MB, then {grown:+.2f} MB; {held[-1]}"
    )
    assert found["median"] <= 1.5


def _stop_each(run: SoakRun, ending: threading.Event) -> None:
    """Have every worker stand still."""
    while not ending.wait(0.05):
        worker = run.worker()
        if worker is not None and worker.status() != psutil.STATUS_STOPPED:
            worker.send_signal(signal.SIGSTOP)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "faults"),
    [
        ("none", {}),
        ("stopped", {}),
        ("slow x 10", {"LIVESTYLE_FAULT": "stylizer.slow:110ms@6s"}),  # a frame takes 12
        ("hung", {"LIVESTYLE_FAULT": "stylizer.slow:1000s@6s"}),
    ],
)
def test_the_output_is_steady(
    make_display: Callable[..., Display],
    tmp_path: Path,
    trouble: str,
    faults: Mapping[str, str],
) -> None:
    ending = threading.Event()
    with SoakRun(tmp_path, make_display(*SIZE), 70, _LITE, faults) as run:
        until(lambda: _styled(run))
        stops = threading.Thread(target=_stop_each, args=(run, ending))
        time.sleep(6)
        if trouble == "stopped":
            stops.start()
        assert run.end(100) == 0
        ending.set()
        frames, report = run.frames(), run.report()
        assert (run.watcher.torn, run.watcher.rest) == ([], 0)
    found = _steadiness(frames)
    print(f"{trouble}: {found}, {report['worker_restarts']} restarts")
    assert abs(found["frames"] - 60 * FPS) <= 1 and found["late"] <= 0.005 * 60 * FPS
    if trouble == "none":
        assert found["unique"] > 50 * FPS
    else:
        assert found["unique"] < 12 * 60


def _steadiness(frames: list[dict[str, str]]) -> dict[str, Any]:
    """Of the last 60 s."""
    times = [(int(each["deadline_ns"]), int(each["written_at_ns"])) for each in frames]
    since = times[-1][1] - 60 * SECOND
    late = [written - deadline for deadline, written in times if written > since]
    kinds = [each["kind"] for each in frames[-len(late) :]]
    return {
        "frames": len(late),
        "late": sum(each >= SECOND / FPS for each in late),
        "latest_ms": round(max(late) / 1e6, 1),
        "unique": kinds.count("unique"),
    }
