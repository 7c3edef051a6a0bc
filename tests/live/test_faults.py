"""Runs that get over what LIVESTYLE_FAULT does to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FPS = 30
Outcome = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    """Runs for so many seconds with these faults; gives the report and what was said."""

    def run(faults: str, seconds: float, *flags: str, code: int = 0) -> tuple[dict[str, Any], str]:
        command = [sys.executable, "-m", "livestyle", "run", "--source", "testcard"]
        command += ["--stylizer", "lite", "--style", "noir", "--output-size", "320x180"]
        command += ["--sink", "null", "--seconds", str(seconds), "--report", "r.json"]
        command += ["--overwrite", *flags]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "LIVESTYLE_FAULT": faults},
            capture_output=True,
            text=True,
            timeout=seconds + 60,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["output"]["frames"] == pytest.approx(report["seconds"] * FPS, abs=2)
        return report, done.stderr

    return run


def test_one_after_the_other(outcome: Outcome) -> None:
    faults = "capture.lost:1s@4s,stylizer.error@7s,worker.kill@9s,worker.crash@13s"
    report, said = outcome(faults, 17)
    assert report["worker_restarts"] == 2
    assert report["source"]["reconnects"] >= 1
    assert report["stylizer"]["spoilt"] == 1
    assert report["worker_error"] == "the worker ended with signal 11 (SIGSEGV)"
    assert "LIVESTYLE_FAULT: worker.kill at 9 s\n" in said
    assert "signal 9 (SIGKILL); restart in 0 s" in said
    assert "restart in 1 s" not in said


def test_a_gpu_that_fails_costs_a_worker_one_that_is_gone_is_waited_for(outcome: Outcome) -> None:
    report, said = outcome("gpu.error@5s,gpu.lost@14s", 25)
    assert report["worker_restarts"] == 1  # none comes for a minute
    failed = "the GPU failed: CUDA error: an illegal memory access was encountered"
    assert f"recovering: {failed}; restart in 0 s" in said
    gone = "the GPU is gone: CUDA error: no CUDA-capable device is detected; see nvidia-smi"
    assert f"standby: {gone}" in said and "; one try a minute" in said
    assert report["output"]["cards"] > 5 * FPS


def test_where_gpu_memory_is_short_the_picture_is_smaller_then_it_waits(outcome: Outcome) -> None:
    report, said = outcome("gpu.memory@5s,gpu.memory@14s", 22, "--size", "640x384")
    assert report["worker_restarts"] == 1
    assert "the GPU has no memory left: CUDA out of memory" in said
    assert "recovering: the GPU has" in said and "standby: the GPU has" in said
    assert "; restart in 0 s, at 512x320" in said


def test_an_output_that_goes_away_comes_back_while_another_goes_on(
    outcome: Outcome, tmp_path: Path
) -> None:
    faults = "sink.refused:300ms@5s,sink.lost:1500ms@7s,sink.refused:2500ms@10s"
    report, said = outcome(faults, 15, "--sink", "raw:r.yuv")
    lost, raw = report["sinks"]
    assert (lost["away"], lost["note"], lost["reconnects"]) == (False, "", 2)
    assert 1 + 1.6 * FPS < lost["write_errors"] < 1 + 3 * FPS  # none while it is away
    away = "degraded: null is away, and opened again when it is back: "
    gone = "null is gone, as LIVESTYLE_FAULT has sink.lost"
    assert f"{away}{gone} · " in said and f"{away}Input/output error · " in said
    assert said.count("is away") <= 6, "told once, not for each frame"
    dropped = int(raw["note"].split()[0]) if raw["note"] else 0  # a busy disk's affair
    written = (tmp_path / "r.yuv").stat().st_size / (320 * 180 * 3 / 2)
    assert written + dropped == report["output"]["frames"]
    assert report["worker_restarts"] == 0 and report["ended"] == []


def test_the_only_output_may_be_away_at_the_end(outcome: Outcome) -> None:
    report, said = outcome("sink.lost:60s@6s", 9, code=1)
    why = "null is gone, as LIVESTYLE_FAULT has sink.lost"
    assert f" away, and opened again when it is back: {why} · " in said
    assert f"null was away at the end: {why}" in report["ended"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "restarts"),
    [
        ("capture.hang:6s@4s", 0),
        ("stylizer.slow:300ms@4s", 0),
        ("stylizer.nan:3s@4s", 0),
        ("stylizer.error:3s@4s", 1),
        ("worker.stop@4s", 1),
    ],
)
def test_each(outcome: Outcome, fault: str, restarts: int) -> None:
    report, _ = outcome(fault, 14)
    assert restarts <= report["worker_restarts"] <= 4 * restarts
    assert report["output"]["late"] <= 0.005 * report["output"]["frames"]
    assert report["output"]["unique"] > 2 * FPS


@pytest.mark.slow
def test_the_output_shows_what_is_wanted_while_it_fails(outcome: Outcome) -> None:
    faults = "worker.kill@4s,worker.kill@5s,worker.kill@6s,worker.kill@7s"
    for shown in ("card", "black", "freeze"):
        report, _ = outcome("capture.lost:6s@4s", 12, "--on-failure", shown)
        assert report["worker_restarts"] == 0
        assert 3 * FPS < report["output"]["cards"] + FPS * 3 * (shown == "freeze") < 7 * FPS
    report, _ = outcome(faults, 14, "--on-failure", "passthrough")
    assert report["worker_restarts"] >= 2 and report["output"]["unique"] > 6 * FPS


def test_a_fault_that_is_none_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "livestyle", "run", "--source", "testcard", "--sink", "null"],
        env={**os.environ, "LIVESTYLE_FAULT": "capture.hang"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "livestyle: LIVESTYLE_FAULT: 'capture.hang' needs a time, as in capture.hang:10s@60s\n"
    )
