"""Percentiles against numpy's, rates, freezes."""

import numpy as np
import pytest

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


def test_a_freeze_is_a_gap_far_above_the_usual() -> None:
    freezes = Freezes()
    now = 0
    for _ in range(40):
        now += 33 * MS
        freezes.new_frame(now)
    assert freezes.count == 0
    now += 182 * MS
    freezes.new_frame(now)
    assert freezes.count == 0
    now += 250 * MS
    freezes.new_frame(now)
    assert freezes.count == 1
