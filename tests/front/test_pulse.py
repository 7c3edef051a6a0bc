"""The pulse of a worker: a slow one is no dead one, a dead one is found."""

from __future__ import annotations

import dataclasses

import pytest

from livestyle.between.messages import Counts, Loading, Running
from livestyle.front.pulse import FIRST_SILENCE, LOADING_SILENCE, PATIENCE, SILENCE, STALLED, Pulse

FRESH = Running(
    source="screen:1",
    source_size=(640, 360),
    source_fps=None,
    stylizer="turbo",
    engine="torch",
    engine_why="",
    stylizer_size=(512, 512),
    size_why="",
    counts=Counts(),
    heard=0,
    is_settled=True,
    refused=None,
    note="",
    trouble="",
    spoilt_why="",
    loading="",
    opening="",
    fresh=True,
    building="",
    rests=False,
)


def running(frames: int, *, slowest: float = 0.1, **other: object) -> Running:
    """One that has styled so many frames, the slowest in so many s."""
    counts = Counts(stylized=frames)
    counts.stylize.record(int(slowest * 1e9))
    return dataclasses.replace(FRESH, counts=counts, fresh=False, **other)


def beats(pulse: Pulse, message: Loading | Running, seconds: float, *, start: float = 0.0) -> str:
    """What is wrong with a worker that says the same, twice a second for so long."""
    for beat in range(int(2 * seconds)):
        pulse.hear(message, start + beat / 2)
        if trouble := pulse.trouble(start + beat / 2):
            return trouble
    return ""


@pytest.fixture
def pulse() -> Pulse:
    begun = Pulse()
    begun.begin(0.0)
    return begun


@pytest.mark.parametrize("seconds", [45, 300, PATIENCE - 1])
@pytest.mark.parametrize("message", [FRESH, Loading("turbo")])
def test_a_long_load_or_first_frame_costs_no_worker(
    pulse: Pulse, message: Loading | Running, seconds: float
) -> None:
    assert beats(pulse, message, seconds) == ""
    assert beats(pulse, running(1, slowest=seconds), 3 * STALLED, start=seconds) == ""


def test_a_stylizer_that_takes_over_may_be_as_slow(pulse: Pulse) -> None:
    assert beats(pulse, running(300), 5) == ""
    taken_over = dataclasses.replace(running(300), fresh=True)
    assert beats(pulse, taken_over, 100, start=5) == ""
    assert (
        beats(pulse, running(301), STALLED + 5, start=105) == "the worker styled nothing for 30 s"
    )


def test_nobody_is_given_up_again_and_again(pulse: Pulse) -> None:
    """What takes 20 minutes comes up at the third try at the latest."""
    ended = 0
    while trouble := beats(pulse, FRESH, 1200):
        assert trouble == f"the worker had no first frame for {PATIENCE * 2**ended:.0f} s"
        ended += 1
        pulse.begin(0.0)
    assert 1 <= ended <= 2


def test_what_a_load_says_is_a_move(pulse: Pulse) -> None:
    assert beats(pulse, Loading("the model"), PATIENCE - 1) == ""
    assert beats(pulse, Loading("the weights"), PATIENCE - 1, start=PATIENCE) == ""
    assert "loaded the weights" in beats(pulse, Loading("the weights"), 9, start=2 * PATIENCE)


@pytest.mark.parametrize(
    ("message", "silence"),
    [
        (running(5), SILENCE),
        (running(5, trouble="display :1 cannot be opened"), SILENCE),
        (dataclasses.replace(FRESH, trouble="display :1 cannot be opened"), SILENCE),
        (running(5, loading="turbo"), LOADING_SILENCE),
        (FRESH, FIRST_SILENCE),
        (Loading("turbo"), LOADING_SILENCE),
    ],
)
def test_silence_is_noticed(pulse: Pulse, message: Loading | Running, silence: float) -> None:
    pulse.hear(message, 0.0)
    now = 0.0
    while not (trouble := pulse.trouble(now)):
        now += 0.25
        assert now < 1000
    assert silence < now <= silence + 0.5
    assert trouble == f"the worker said nothing for {now:.0f} s"


@pytest.mark.parametrize("message", [None, Loading("turbo"), FRESH, running(5)])
def test_one_that_is_stopped_is_noticed_whatever_it_was_at(
    pulse: Pulse, message: Loading | Running | None
) -> None:
    if message:
        pulse.hear(message, 0.0)
    now = 0.0
    while not pulse.trouble(now, stopped=True):
        now += 0.25
    assert SILENCE < now <= SILENCE + 0.5


def test_frames_that_stop_are_noticed_but_not_without_a_source(pulse: Pulse) -> None:
    away = running(5, trouble="display :1 cannot be opened")
    assert beats(pulse, away, 10 * STALLED) == ""
    pulse.begin(0.0)
    assert beats(pulse, running(5), STALLED + 5) == "the worker styled nothing for 30 s"
    pulse.begin(0.0)
    assert beats(pulse, running(5, slowest=20.0), 100) == ""


@pytest.mark.parametrize("pause", [5.0, 3600.0])
def test_a_pause_of_this_process_is_not_the_workers(pulse: Pulse, pause: float) -> None:
    assert beats(pulse, running(5), 2) == ""
    assert pulse.trouble(2 + pause) == ""
    assert beats(pulse, running(6), 2, start=2 + pause) == ""
