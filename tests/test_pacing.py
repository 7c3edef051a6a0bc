"""The pacer, with a clock of its own."""

import pytest

from livestyle.pacing import SECOND, Pacer


class Clock:
    """Time passes only by sleeping, and by `late`."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    def late(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


def _pacer(clock: Clock, fps: float) -> Pacer:
    return Pacer(fps, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize("fps", [1, 24, 29.97, 30, 60, 144])
def test_a_day_of_ticks_does_not_drift(fps: float) -> None:
    clock = Clock()
    pacer = _pacer(clock, fps)
    ticks = int(fps * 1000)
    for _ in range(ticks):
        pacer.wait()
    elapsed = clock.now - 5 * SECOND
    assert abs(elapsed - (ticks - 1) * SECOND / fps) < 1000


def test_overdue_ticks_come_at_once_and_the_grid_stays() -> None:
    clock = Clock()
    pacer = _pacer(clock, 10)
    assert pacer.wait() == 5 * SECOND
    clock.late(0.35)
    deadlines = [pacer.wait() - 5 * SECOND for _ in range(4)]
    assert deadlines == [SECOND // 10, 2 * SECOND // 10, 3 * SECOND // 10, 4 * SECOND // 10]
    assert clock.now == 5 * SECOND + 4 * SECOND // 10
    assert pacer.lost == 0


def test_a_stall_starts_anew_without_a_burst() -> None:
    clock = Clock()
    pacer = _pacer(clock, 10)
    pacer.wait()
    clock.late(30)
    assert pacer.wait() == clock.now == 35 * SECOND
    assert pacer.lost == 299
    assert pacer.wait() == 35 * SECOND + SECOND // 10


@pytest.mark.parametrize("shift", [-0.049, -0.02, 0.0, 0.03, 0.049, 3.03])
def test_align_shifts_the_grid_by_half_an_interval_at_most(shift: float) -> None:
    clock = Clock()
    pacer = _pacer(clock, 10)
    pacer.wait()
    next_tick = 5 * SECOND + SECOND // 10
    moment = next_tick + round(shift * SECOND)
    pacer.align(moment)
    tick = pacer.wait()
    assert abs(tick - next_tick) <= SECOND // 20
    assert (tick - moment) % (SECOND // 10) == 0


def test_skip_leaves_out_what_is_overdue() -> None:
    clock = Clock()
    pacer = _pacer(clock, 10)
    pacer.wait()
    assert pacer.skip(before=clock.now) == 0
    clock.late(0.35)
    assert pacer.skip(before=clock.now - pacer.interval) == 2
    assert pacer.skip(before=clock.now) == 1
    assert pacer.wait() == 5 * SECOND + 4 * SECOND // 10
    assert pacer.skip(before=clock.now) == 0
