"""Percentiles against numpy's, rates, freezes."""

import itertools
import math
from collections.abc import Iterable

import numpy as np
import pytest

from livestyle.pacing import SECOND
from livestyle.stats import MS, Freezes, Rate, Recent, Timings


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_within_one_percent(seed: int) -> None:
    durations = np.random.default_rng(seed).lognormal(np.log(20 * MS), 1.0, 5_000).astype(np.int64)
    timings = Timings()
    for duration in durations.tolist():
        timings.record(duration)
    for percent in (0, 50, 95, 99, 100):
        true = np.percentile(durations, percent, method="inverted_cdf")
        measured = timings.percentile(percent)
        assert measured is not None
        assert true * 0.999 <= measured <= true * 1.0101
    assert timings.max == durations.max()


def test_nothing_recorded_is_none_not_zero() -> None:
    assert Timings().milliseconds() == {"p50": None, "p95": None, "p99": None, "max": None}


def test_extremes_are_kept() -> None:
    timings = Timings()
    for duration in (0, 1, 10**15):
        timings.record(duration)
    assert timings.count == 3
    assert timings.percentile(1) == 1_000
    assert timings.max == 10**15


def test_rate_is_of_the_last_seconds() -> None:
    rate = Rate(window=2)
    for second in range(10):
        measured = rate.update(second * 1000 * MS, second * 30)
    assert measured == pytest.approx(30)
    for second in range(10, 14):
        measured = rate.update(second * 1000 * MS, 9 * 30)
    assert measured == 0


def test_recent_forgets_what_is_older_than_the_window() -> None:
    timings, recent = Timings(), Recent(window=2)
    for second in range(5):
        for _ in range(30):
            timings.record(100 * MS)
        recent.update(second * 1000 * MS, timings)
    for second in range(5, 9):
        for _ in range(30):
            timings.record(10 * MS)
        lately = recent.update(second * 1000 * MS, timings)
    assert lately.count == 60
    assert lately.milliseconds()["p99"] == pytest.approx(10, rel=0.011)
    assert lately.milliseconds()["max"] == pytest.approx(10, rel=0.011)
    assert timings.milliseconds()["max"] == 100


def shown(gaps: Iterable[float], fps: float = 30, *, until: float = 0.0) -> Freezes:
    """What is counted of new pictures that are so many s apart, each shown at the next tick."""
    freezes = Freezes()
    freezes.follow(fps)
    arrivals = list(itertools.accumulate(gaps, initial=0.1))
    last = max(until, arrivals[-1])
    for tick in range(math.ceil(last * fps) + 1):
        due = len([at for at in arrivals if at <= tick / fps])
        freezes.tick(SECOND + round(tick * SECOND / fps), is_new=due > 0)
        del arrivals[:due]
    return freezes


def figures(freezes: Freezes) -> tuple[int, float]:
    return freezes.count, round(freezes.duration / SECOND, 1)


@pytest.mark.parametrize(
    ("rate", "count", "frozen"),
    [(60, 0, 0), (30, 0, 0), (15, 0, 0), (5, 0, 0), (2, 0, 0), (0.5, 15, 30), (1 / 3, 10, 30)],
)
def test_a_steady_stream_is_frozen_where_a_picture_stays_over_a_second(
    rate: float, count: int, frozen: float
) -> None:
    assert figures(shown([1 / rate] * round(30 * rate))) == (count, frozen)


def test_at_a_picture_a_second_it_is_one_that_comes_late() -> None:
    assert figures(shown([1.0] * 30)) == (0, 0)
    assert figures(shown([1.0] * 10 + [1.1] + [1.0] * 10)) == (1, 1.1)


def test_a_jittery_stream_has_no_freezes() -> None:
    """Among these gaps are some of three times the average and over 150 ms more than it."""
    gaps = np.random.default_rng(3).exponential(1 / 15, 900).tolist()
    assert max(gaps) > 1 / 15 + 0.3
    assert figures(shown(gaps)) == (0, 0)


def test_a_halt_is_one_freeze_from_picture_to_picture() -> None:
    before, after = [1 / 30] * 60, [1 / 30] * 60
    assert figures(shown([*before, 0.9, *after])) == (0, 0)
    assert figures(shown([*before, 4.0, *after])) == (1, 4)
    assert figures(shown([*before, 4.0, *after, 2.0, *after])) == (2, 6)


def test_a_freeze_counts_while_it_goes_on() -> None:
    begun = [1 / 30] * 30
    assert figures(shown(begun, until=2.0)) == (0, 0)
    assert figures(shown(begun, until=2.5)) == (1, 1.4)
    assert figures(shown(begun, until=8.5)) == (1, 7.4)


def test_before_the_first_picture_nothing_is_frozen() -> None:
    freezes = Freezes()
    for tick in range(300):
        freezes.tick(SECOND + tick * SECOND // 30, is_new=False)
    assert figures(freezes) == (0, 0)


def test_what_is_asked_for_once_a_second_may_stay_as_long() -> None:
    assert figures(shown([1.0] * 20, fps=1)) == (0, 0)
    assert figures(shown([1.0] * 20 + [3.0], fps=1)) == (1, 3)
    slow = Freezes()
    slow.follow(0.5)  # a film of a picture every 2 s
    for tick in range(300):
        slow.tick(SECOND + tick * SECOND // 30, is_new=tick % 60 == 0)
    assert figures(slow) == (0, 0)
