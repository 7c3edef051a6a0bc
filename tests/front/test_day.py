"""Hours of a front in seconds: nothing drifts, grows or is lost, whatever its workers do."""

from __future__ import annotations

import statistics
import tracemalloc
from collections.abc import Iterator

import pytest
from day import FPS, HEIGHT, WIDTH, Day

from livestyle.between.slot import Slot
from livestyle.config import Config
from livestyle.pacing import SECOND

_GROWTH = 1000, 64_000  # objects (one for each restart would be more in half a day), bytes


@pytest.fixture
def day(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    with Slot(WIDTH * HEIGHT * 3 // 2) as slot:
        day = Day(request.param, slot, Config(source="testcard", stylizer="lite"))
        monkeypatch.setattr("livestyle.front.supervisor.time", day)
        monkeypatch.setattr("livestyle.front.supervisor.Child", day.begin)
        yield day


@pytest.mark.parametrize(
    ("hours", "day"),
    [(1, 1), *(pytest.param(24, seed, marks=pytest.mark.slow) for seed in (2, 3, 4))],
    indirect=["day"],
)
def test_hours_of_faults(day: Day, hours: int) -> None:
    clock, supervisor = day.clock, day.supervisor
    if hours == 1:  # it takes four times as long with that
        tracemalloc.start()
    day.cover.begin()
    supervisor.start()
    clock.start(hours * 3600)
    while clock.running:
        clock._thread.join()
    tracemalloc.stop()
    day.read_log()
    assert clock.failure is None
    counts = clock.counts
    assert clock.seconds >= hours * 3600
    assert abs(counts.frames + counts.lost - clock.seconds * FPS) <= 1 + day.stalls
    assert day.strayed == 0
    assert day.kinds == {
        "unique": counts.unique, "repeated": counts.repeated, "card": counts.cards,
    }  # fmt: skip
    assert counts.frames == day.kinds.total() == counts.frame.count + 1
    assert counts.unique == counts.latency.count and counts.unique + counts.superseded <= day.seq
    ongoing = day.now - day.new_at
    assert counts.freezes.count - day.freezes in (0, 1)
    assert counts.freezes.duration - day.frozen in (0, pytest.approx(ongoing, abs=SECOND))
    assert supervisor.restarts == day.starts - 1 > 20 * hours
    assert supervisor.counts().stylized == day.told + day.worker.told
    assert day.bare == 0 and day.soon == 0 and day.seldom > 0
    assert day.recent <= 80 * FPS and day.fastest < 2 * FPS
    for held, limit in zip(day.held, _GROWTH, strict=True):
        quarter = len(held) // 4
        before, after = held[quarter : 2 * quarter], held[-quarter:]
        assert statistics.median(after) - statistics.median(before) < limit
