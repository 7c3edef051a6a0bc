"""A run that nobody watches rests, and is there again for the first who comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from steered import RUN, Steered, connected
from waiting import until

from livestyle.client import Client
from livestyle.front.card import draw_card

SIZE = (320, 180)
LATEST = 5.0  # s without a viewer


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steered]:
    made = Steered(tmp_path_factory.mktemp("idle"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", made.environment["XDG_RUNTIME_DIR"])
        yield made


@pytest.fixture(scope="module")
def process(steered: Steered) -> Iterator[psutil.Process]:
    with steered.running() as started:
        connected()
        yield psutil.Process(started.pid)


@pytest.fixture
def resting(process: psutil.Process) -> Client:
    """The only run, once it rests."""
    client = connected()
    until(lambda: _rests(client), 2 * LATEST)
    return client


def _rests(client: Client) -> bool:
    return client.status()["state"] == "standby"


def _work(client: Client) -> tuple[int, int]:
    status = client.status()
    return status["source"]["frames"], status["stylizer"]["frames"]


def _is_card(jpeg: bytes) -> bool:
    """Whether it is that of a run that is away, whatever it says."""
    seen: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    card = draw_card(SIZE, "one moment")[: SIZE[1]]
    return bool(np.median(cv2.absdiff(seen, card)) < 8)


def test_it_rests_within_seconds_and_costs_next_to_nothing(
    steered: Steered, process: psutil.Process, resting: Client
) -> None:
    status = resting.status()
    assert "nobody watches" in status["message"] and not status["advice"]
    assert steered.ctl("status").stdout.startswith("standby: nobody watches")
    processes = [process, *process.children(recursive=True)]
    time.sleep(1.5)  # until the worker's last word has come
    before, began = _work(resting), time.monotonic()
    spent = -sum(sum(each.cpu_times()[:2]) for each in processes)
    time.sleep(4)
    spent += sum(sum(each.cpu_times()[:2]) for each in processes)
    assert spent / (time.monotonic() - began) < 0.06  # of a core; 0.02 is meant, beside nothing
    assert _work(resting) == before
    assert resting.status()["worker_restarts"] == 0


def test_who_comes_first_gets_a_new_picture_and_not_the_card(resting: Client) -> None:
    assert _is_card(cv2.imencode(".jpg", draw_card(SIZE, "one moment")[: SIZE[1]])[1].tobytes())
    captured, _ = _work(resting)
    assert not _is_card(resting._ask("GET", "frame.jpg"))
    until(lambda: _work(resting)[0] > captured, 2)
    until(lambda: _rests(resting), 2 * LATEST)
    output = resting.status()["output"]
    assert output["freezes"] == 0 and output["rested_s"] > 2


def test_a_change_and_a_snapshot_wake_it(steered: Steered, resting: Client, tmp_path: Path) -> None:
    answer = resting.set(style="ink")
    assert not answer["pending"] and not _rests(resting)
    until(lambda: _rests(resting), 2 * LATEST)
    resting.snapshot(str(tmp_path / "now.png"))
    picture = cv2.imread(str(tmp_path / "now.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert not _is_card(cv2.imencode(".jpg", picture)[1].tobytes())


def test_a_recording_keeps_it_awake(resting: Client) -> None:
    resting.start_recording()
    until(lambda: not _rests(resting), 2)
    time.sleep(LATEST + 1)
    assert not _rests(resting)
    ended = resting.stop_recording()
    assert ended["seconds"] > LATEST
    until(lambda: _rests(resting), 2 * LATEST)


def test_a_worker_that_is_killed_while_it_rests_is_there_for_the_next(
    process: psutil.Process, resting: Client
) -> None:
    for child in process.children():
        if "spawn_main" in " ".join(child.cmdline()) and "resource" not in child.name():
            child.kill()
    until(lambda: resting.status()["worker_restarts"] == 1, 20)
    until(lambda: _rests(resting), 30)  # once it has shown that it works
    assert not _is_card(resting._ask("GET", "frame.jpg"))


def test_off_means_that_it_goes_on(steered: Steered, resting: Client) -> None:
    resting.set(idle="off")
    time.sleep(LATEST + 1)
    assert resting.status()["state"] == "running"
    with steered.running(f"{RUN} --idle auto --sink null"):
        other = connected(sorted(set(_ports(steered)) - {resting.port})[0])
        time.sleep(LATEST + 1)
        assert other.status()["state"] == "running"  # what a null sink gets is all that is wanted


def _ports(steered: Steered) -> list[int]:
    from livestyle.runs import list_runs

    return until(lambda: found if len(found := [run.port for run in list_runs()]) > 1 else [], 60)
