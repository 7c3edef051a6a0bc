"""The supervisor with workers that can't be ended, or that say their last while they are ended."""

from __future__ import annotations

import dataclasses
import multiprocessing.process
import multiprocessing.util
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

import pytest
from test_pulse import FRESH

from livestyle.between.messages import Counts, Failed, Loading, Running
from livestyle.config import Config
from livestyle.endings import end_in_order
from livestyle.front.child import Child
from livestyle.front.supervisor import Supervisor
from livestyle.leash import Leash
from livestyle.worker.process import WorkerProcess


class _Hung:
    """A worker in a call of the system that never ends: killed, it is still there. In place of
    multiprocessing's Popen.
    """

    pid = sentinel = 0

    def __init__(self, process: Any) -> None:
        _, _, theirs, self.begins, *_ = process._args
        self.front = Connection(os.dup(theirs.fileno()))
        self.killed = 0
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def wait(self, timeout: float | None = None) -> int | None:
        if self.code is None:
            time.sleep(60 if timeout is None else timeout)
        return self.code

    def terminate(self) -> None:
        self.killed += 1

    def kill(self) -> None:
        self.killed += 1

    def close(self) -> None: ...


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[_Hung]:
    """Those that are started, the latest last."""
    started: list[_Hung] = []

    def begin(process: Any) -> _Hung:
        started.append(_Hung(process))
        return started[-1]

    monkeypatch.setattr(WorkerProcess, "_Popen", staticmethod(begin))
    monkeypatch.setattr(Leash, "tie", lambda leash, pid: leash.held.close())
    monkeypatch.setattr(multiprocessing.process, "_children", set())
    return started


class _Clock:
    """The supervisor's: it stands still but for what is added to `now`, s."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None: ...


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr("livestyle.front.supervisor.time", clock)
    return clock


@pytest.fixture
def supervisor(workers: list[_Hung]) -> Supervisor:
    slot: Any = None
    supervisor = Supervisor(Config(source="testcard"), (320, 180), slot)
    supervisor.start()
    return supervisor


def test_a_worker_that_cannot_be_ended_is_left_and_another_started(
    supervisor: Supervisor, workers: list[_Hung]
) -> None:
    for number in range(2):
        workers[number].front.send(FRESH)
        supervisor.poll(0.1)
        assert supervisor.state == "running"
        workers[number].front.close()
        begun = time.monotonic()
        supervisor.poll(0.1)
        assert time.monotonic() - begun < 4 and workers[number].killed
        assert supervisor.state == "recovering"
        supervisor.poll(2)
        assert len(workers) == number + 2
    left = multiprocessing.process.active_children()
    assert len(left) == 3
    workers[0].code = -9
    assert len(multiprocessing.process.active_children()) == 2  # it is reaped when it can be


def test_a_run_ends_though_its_worker_does_not(
    supervisor: Supervisor, workers: list[_Hung]
) -> None:
    begun = time.monotonic()
    supervisor.stop()
    # what the interpreter does at its end
    for child in multiprocessing.process.active_children():
        child.join()
    assert time.monotonic() - begun < 6 and workers[0].killed


@pytest.mark.parametrize("before", [[], [Loading("a model")], [FRESH]])
def test_the_last_word_of_a_worker_that_is_ended_is_no_failure_of_the_run(
    supervisor: Supervisor, workers: list[_Hung], before: list[Any]
) -> None:
    last = dataclasses.replace(FRESH, counts=Counts(captured=7))
    for message in (*before, Failed("no source"), last, Failed("no card")):
        workers[0].front.send(message)
    workers[0].code = 0
    workers[0].front.close()
    supervisor.stop()
    assert supervisor.counts().captured == 7


def _fails(supervisor: Supervisor, worker: _Hung, *failed: Any, ready: Running = FRESH) -> None:
    """As a worker that was ready, and then was not."""
    worker.front.send(ready)
    worker.front.send(Failed(*(failed or ("no memory",))))
    worker.code = 0
    worker.front.close()
    for _ in range(2):
        supervisor.poll(0.1)


def test_one_that_fails_the_same_way_is_tried_once_a_minute_until_something_changes(
    supervisor: Supervisor, workers: list[_Hung], clock: _Clock
) -> None:
    states = []
    for number in range(7):
        _fails(supervisor, workers[number])
        states.append((supervisor.state, supervisor.message.partition(",")[2]))
        clock.now += 59
        supervisor.poll(0)
        if supervisor.state == "failed":
            assert len(workers) == number + 1
            clock.now += 1
            supervisor.poll(0)
        assert len(workers) == number + 2
    assert states[4] == ("recovering", "")
    assert states[5:] == [
        ("failed", " 6 times in a row; one try a minute"),
        ("failed", " 7 times in a row; one try a minute"),
    ]
    assert supervisor.last_error == "no memory" and supervisor.restarts == 7
    _fails(supervisor, workers[-1])
    supervisor.change(dataclasses.replace(supervisor.asked.config, fps=24.0))
    supervisor.poll(0)
    assert len(workers) == 9 and workers[-1].begins.config.fps == 24


def test_the_source_as_it_is_is_shown_meanwhile_where_that_is_wanted(
    supervisor: Supervisor, workers: list[_Hung], clock: _Clock
) -> None:
    shows = Config(source="testcard", style="wave", stylizer="lite", on_failure="passthrough")
    supervisor.change(shows)
    _fails(supervisor, workers[0])
    supervisor.poll(0)
    _fails(supervisor, workers[1])  # the next try is in a second
    _, again, stand_in = workers
    assert again.begins.config == shows
    assert stand_in.begins.config.stylizer == "passthrough"
    stand_in.front.send(dataclasses.replace(FRESH, counts=Counts(stylized=9)))
    supervisor.poll(0.1)
    assert supervisor.state == "recovering" and supervisor.message == "no memory; restart in 1 s"
    assert supervisor.counts().stylized == 0  # nothing is
    clock.now += 1
    supervisor.poll(0)
    assert stand_in.killed and workers[3].begins.config == shows
    assert supervisor.restarts == 2


def test_where_gpu_memory_is_short_a_smaller_picture_is_tried_once(
    supervisor: Supervisor, workers: list[_Hung], clock: _Clock
) -> None:
    inside = dataclasses.replace(FRESH, stylizer_size=(640, 384))
    _fails(supervisor, workers[0], "no memory left", "memory", ready=inside)
    assert supervisor.message == "no memory left; restart in 0 s, at 512x320"
    supervisor.poll(0)
    assert workers[1].begins.config.size == (512, 320)
    _fails(supervisor, workers[1], "no engine of that size")  # nor is it tried again
    clock.now += 1
    supervisor.poll(0)
    assert workers[2].begins.config.size is None
    _fails(supervisor, workers[2], "no memory left", "memory")
    assert (supervisor.state, supervisor.message) == (
        "standby",
        "no memory left; one try a minute",
    )
    clock.now += 60
    supervisor.poll(0)
    assert workers[3].begins.config.size is None
    _fails(supervisor, workers[3], "gone", "lost")
    assert supervisor.state == "standby"
    supervisor.change(dataclasses.replace(supervisor.asked.config, fps=24.0))  # a try at once
    supervisor.poll(0)
    assert len(workers) == 5


class _EndsUs:
    """An argument of a process. Whoever starts one is asked to end while it tells of this."""

    def __init__(self, ending: signal.Signals) -> None:
        self.ending = ending

    def __reduce__(self) -> tuple[type[str], tuple[()]]:
        signal.raise_signal(self.ending)
        return str, ()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_process_is_started_whole_before_the_run_ends(
    ending: signal.Signals, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[WorkerProcess] = []
    start = WorkerProcess.start
    monkeypatch.setattr(WorkerProcess, "start", lambda it: (start(it), started.append(it)))
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        end_in_order()
        with pytest.raises(KeyboardInterrupt):
            Child("child", time.sleep, _EndsUs(ending))
        assert signal.getsignal(ending) is signal.default_int_handler
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, handlers[number])
    started[0].join(10)
    assert started[0].exitcode == -signal.SIGKILL  # by its leash
    assert capfd.readouterr().err == ""
