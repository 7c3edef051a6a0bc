"""Faults on purpose: as they are written, and when they come."""

from __future__ import annotations

import time

import pytest

from livestyle.chaos import POINTS, Plan, begin, parse, plan_of
from livestyle.commands import main
from livestyle.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("capture.hang:10s@60s", ["capture.hang for 10 s at 60 s"]),
        ("worker.kill@2m/30s", ["worker.kill at 120 s and every 30 s from there"]),
        ("stylizer.slow:250ms", ["stylizer.slow for 0.25 s"]),
        (" stylizer.error , gpu.memory:1.5m@0s", ["stylizer.error", "gpu.memory for 90 s at 0 s"]),
        ("", []),
    ],
)
def test_faults_are_read_as_they_are_meant(written: str, meant: list[str]) -> None:
    assert list(map(str, parse(written))) == meant


@pytest.mark.parametrize(
    "written",
    [
        "capture", "capture.hang:10", "capture.hang@60s", "worker.kill@", "worker.kill@1s/",
        "worker.kill@1s/0s", "worker.kill/3s", "none.such@1s", "worker.kill@-1s", "worker.kill@１s",
        "worker.kill@1s@2s", "x" * 500,
    ],
)  # fmt: skip
def test_others_are_refused(written: str) -> None:
    with pytest.raises(ConfigError, match="LIVESTYLE_FAULT: ") as caught:
        parse(written)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_one_with_a_time_goes_on_for_it() -> None:
    (fault,) = parse("capture.hang:10s@60s")
    assert [fault.is_on(now) for now in (0, 59.9, 60, 69.9, 70, 1000)] == [
        False, False, True, True, False, False,
    ]  # fmt: skip
    assert fault.left(63) == pytest.approx(7) and fault.left(59) == fault.left(71) == 0


def test_one_that_is_repeated_comes_again() -> None:
    (fault,) = parse("capture.lost:2s@10s/5s")
    assert [now for now in range(31) if fault.is_on(now)] == [
        10, 11, 15, 16, 20, 21, 25, 26, 30,
    ]  # fmt: skip


def test_an_event_comes_once_each_time() -> None:
    (fault,) = parse("worker.kill@10s/5s")
    times = [tenth / 10 for tenth in range(301)]
    assert [now for now in times if fault.comes(now)] == [10, 15, 20, 25, 30]
    (fault,) = parse("worker.kill@10s")
    assert [now for now in times if fault.comes(now)] == [10]
    (fault,) = parse("worker.kill")
    assert [now for now in times if fault.comes(now)] == [0]


def test_a_process_that_begins_later_is_not_hit_by_what_was_before() -> None:
    plan = Plan(parse("worker.kill@10s/5s,worker.stop@3s,worker.crash@40s"), time.monotonic() - 21)
    kill, stop, crash = plan.of("worker.kill", "worker.stop", "worker.crash")
    assert [now for now in range(21, 31) if kill.comes(now)] == [25, 30]
    assert not any(stop.comes(now) for now in range(21, 99))
    assert crash.comes(40)


def test_all_processes_of_a_run_know_when_it_began() -> None:
    environment = {"LIVESTYLE_FAULT": "worker.kill@1s"}
    assert [fault.at for fault in begin(environment)] == [1]
    time.sleep(0.05)
    plan = plan_of(environment)
    assert plan is not None and 0.05 <= plan.now() < 5
    assert plan_of({}) is None and plan_of({"LIVESTYLE_FAULT": ""}) is None


def test_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chaos", "--list"]) == 0
    told = capsys.readouterr().out
    assert all(f"{point} " in told for point in POINTS)
    assert main(["chaos", "worker.kill@2m/30s"]) == 0
    assert capsys.readouterr().out == "worker.kill at 120 s and every 30 s from there\n"
    assert main(["chaos", "worker.kill@x"]) == 2
