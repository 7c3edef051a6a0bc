"""What is said when the stylizer can't keep up: once, and what would help."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from test_pulse import FRESH, running

from livestyle.config import Config
from livestyle.front.advice import Advice
from livestyle.installation import command
from livestyle.stats import Timings


def lines(
    advice: Advice,
    ms: float,
    seconds: float,
    settings: dict[str, Any] | None = None,
    start: float = 0.0,
    **other: Any,
) -> list[str]:
    """What is said while frames take so long, four times a second."""
    timings = Timings()
    said = []
    for look in range(int(4 * seconds)):
        for _ in range(max(1, int(250 / ms))):
            timings.record(int(ms * 1e6))
        now = int((start + look / 4) * 1e9)
        said.append(advice.update(now, Config(**settings or {}), running(1, **other), timings))
    return said


@pytest.mark.parametrize(
    ("settings", "ms", "other", "said"),
    [
        ({}, 140, {"stylizer": "lite", "stylizer_size": (1280, 720)},
         "lite takes 140 ms for a frame, of which 30 fps leaves 33; what helps: a smaller --size "
         "(it is 1280x720), another --style, or --hold-fps N, which finds the size itself"),
        ({"hold_fps": 10.0}, 300, {"stylizer": "lite", "stylizer_size": (640, 360)},
         "10 fps leaves 100; what helps: a smaller --size (it is 640x360), another --style"),
        ({"fps": 60.0}, 900, {"stylizer": "turbo", "stylizer_size": (512, 288)},
         "a smaller --size (it is 512x288), fewer --steps, an engine "
         f"({command('build')}), or --stylizer lite"),
        ({}, 80, {"stylizer": "passthrough"}, "what helps: a smaller --output-size"),
    ],
)  # fmt: skip
def test_too_slow_for_some_seconds(
    settings: dict[str, Any], ms: float, other: dict[str, Any], said: str
) -> None:
    advice = Advice()
    told = lines(advice, ms, 10, settings, **other)
    assert not any(told[:20]) and all(told[22:])
    assert said in told[-1] and "\n" not in told[-1]
    assert lines(advice, 5, 10, settings, start=20, **other)[-1] == ""  # it keeps up again
    assert advice.latest == told[-1]


@pytest.mark.parametrize(("ms", "seconds"), [(40, 20), (60, 20), (200, 4)])
def test_a_little_slow_or_not_for_long_is_no_matter(ms: float, seconds: float) -> None:
    advice = Advice()
    assert not any(lines(advice, ms, seconds))
    assert advice.latest == ""


def test_nothing_is_said_while_it_loads_or_is_away() -> None:
    advice = Advice()
    assert not any(lines(advice, 500, 20, loading="turbo"))
    timings = Timings()
    timings.record(10**9)
    for second in range(20):
        assert advice.update(second * 10**9, Config(), FRESH, timings) == ""
        assert advice.update(second * 10**9, Config(), None, timings) == ""


@pytest.mark.parametrize(
    ("settings", "ms", "other", "limit"),
    [
        ({}, 66, {}, "a frame takes 66 of 33 ms"),
        ({}, 33.4, {}, ""),
        ({}, 10, {"source_fps": 23.976}, "the source has 24 fps"),
        ({}, 60, {"source_fps": 25.0}, "a frame takes 60 of 40 ms"),
        ({"fps": 60.0, "hold_fps": 30.0}, 30, {}, ""),
        ({}, 10, {"source_fps": 60.0}, ""),
        ({}, 10, {"fresh": True}, "no first frame yet"),
        ({"off": True}, 66, {}, ""),
    ],
)
def test_what_keeps_new_pictures_fewer_than_asked_for(
    settings: dict[str, Any], ms: float, other: dict[str, Any], limit: str
) -> None:
    advice = Advice()
    now = dataclasses.replace(running(1), **other)
    timings = Timings()
    for look in range(4):
        timings.record(int(ms * 1e6))
        advice.update(look * 10**9, Config(**settings), now, timings)
    assert advice.limit == limit
    advice.update(10**10, Config(), None, timings)
    assert advice.limit == ""
