"""Which size keeps the frames a second: the decision on made-up machines, in a clock of its own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from livestyle.pacing import SECOND
from livestyle.stats import MS
from livestyle.worker.hold_fps import HoldFps

SIZES = [(640, 360), (512, 288), (408, 232), (328, 184), (264, 144)]
FPS = 30
Load = Callable[[float], float]


@dataclass(kw_only=True)
class Machine:
    """A frame takes `top_ms` at the largest size, times the load: `constant` of that whatever the
    size, the rest by a power of the pixels. noise: the deviation of that. hiccups: the part of the
    frames that something delays by up to 100 ms.
    """

    top_ms: float
    load: Load = lambda second: 1.0
    constant: float = 0.2
    power: float = 1.0
    noise: float = 0.05
    hiccups: float = 0.0
    source_fps: float = FPS
    seed: int = 0
    took: list[tuple[float, float]] = field(default_factory=list)  # (when it began, ms)

    def run(self, hold: HoldFps, clock: Clock, seconds: float) -> Iterator[tuple[float, str]]:
        """Frames for so long. Yields when another size was taken, and why."""
        chance = random.Random(self.seed)
        end, tick = clock.now + seconds * SECOND, SECOND / self.source_fps
        while clock.now < end:
            began = clock.now
            pixels = hold.size[0] * hold.size[1] / (SIZES[0][0] * SIZES[0][1])
            part = self.constant + (1 - self.constant) * pixels**self.power
            duration = self.top_ms * MS * self.load(began / SECOND) * part
            duration *= max(0.1, chance.gauss(1, self.noise))
            if chance.random() < self.hiccups:
                duration += chance.uniform(10, 100) * MS
            self.took.append((began / SECOND, duration / MS))
            clock.now += round(duration)
            if resize := hold.record(round(duration)):
                hold.go(resize.size)
                yield clock.now / SECOND, resize.why
            # the next tick of the source
            clock.now = max(clock.now, round((began // tick + 1) * tick))

    def mean(self, first: float, last: float) -> float:
        """ms a frame, of those that began between two moments."""
        took = [ms for began, ms in self.took if first <= began < last]
        return sum(took) / len(took)


@dataclass
class Clock:
    """ns"""

    now: int = 0

    def __call__(self) -> int:
        return self.now


def _run(machine: Machine, seconds: float, fps: float = FPS) -> list[tuple[float, str]]:
    clock = Clock()
    return list(machine.run(HoldFps(fps, SIZES, clock), clock, seconds))


def _hog(factor: float) -> Load:
    """From 20 s to 40 s."""
    return lambda second: factor if 20 <= second < 40 else 1


@pytest.mark.parametrize("noise", [0, 0.1, 0.4])
@pytest.mark.parametrize("top_ms", [3, 15, 28])
def test_a_steady_machine_that_is_fast_enough_stays(top_ms: float, noise: float) -> None:
    assert _run(Machine(top_ms=top_ms, noise=noise), 100) == []


def test_what_delays_single_frames_is_no_reason() -> None:
    assert _run(Machine(top_ms=20, hiccups=0.05), 200) == []


@pytest.mark.parametrize("top_ms", [45, 60, 100])
def test_a_machine_that_is_too_slow_goes_down_and_stays(top_ms: float) -> None:
    machine = Machine(top_ms=top_ms)
    resizes = _run(machine, 100)
    assert 1 <= len(resizes) <= 2
    assert resizes[-1][0] < 4
    assert machine.mean(5, 100) < 33.3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("constant", [0.02, 0.2, 0.4])
@pytest.mark.parametrize("factor", [1.8, 2, 2.5])
@pytest.mark.parametrize("top_ms", [20, 24])
def test_a_hog_for_twenty_seconds(top_ms: float, factor: float, constant: float, seed: int) -> None:
    """Half the machine is gone, and then there again."""
    machine = Machine(
        top_ms=top_ms, load=_hog(factor), constant=constant, noise=0.15, hiccups=0.02, seed=seed
    )
    resizes = _run(machine, 90)
    # one more where the sizes differ little in time, for then it learns from more of them
    assert 2 <= len(resizes) <= (3 if constant < 0.4 else 4)
    assert resizes[0][1].startswith("640x360 → ")
    assert 20 < resizes[0][0] < 24
    assert resizes[-1][1].split(": ")[0].endswith("→ 640x360")
    assert 44 < resizes[-1][0] < 60
    for first, last in ((25, 40), (41, 90)):
        assert machine.mean(first, last) < 1000 / 27


@pytest.mark.parametrize("power", [0.8, 1.3, 1.5])
def test_a_time_that_does_not_grow_as_the_pixels_is_learnt(power: float) -> None:
    """As where a large picture does not fit a cache."""
    machine = Machine(top_ms=24, load=_hog(2.5), constant=0.02, power=power)
    resizes = _run(machine, 90)
    assert 2 <= len(resizes) <= 3
    assert resizes[-1][1].split(": ")[0].endswith("→ 640x360")
    assert machine.mean(25, 40) < 1000 / 27


def test_it_says_what_it_did_and_why() -> None:
    resizes = [why for _, why in _run(Machine(top_ms=24, load=_hog(1.6), noise=0), 60)]
    assert resizes == [
        "640x360 → 512x288: a frame takes 38.4 of 33.3 ms",
        "512x288 → 640x360: a frame would take 24 of 33 ms",
    ]


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("top_ms", [29, 31, 32, 33, 34, 36, 38])
def test_a_load_at_the_boundary_does_not_oscillate(top_ms: float, noise: float) -> None:
    assert len(_run(Machine(top_ms=top_ms, noise=noise, hiccups=0.03), 200)) <= 1


@pytest.mark.parametrize("constant", [0, 0.2, 0.6])
@pytest.mark.parametrize("top_ms", [36, 41, 47, 54])
def test_no_load_between_two_sizes_makes_it_oscillate(top_ms: float, constant: float) -> None:
    assert len(_run(Machine(top_ms=top_ms, constant=constant, noise=0.1), 200)) <= 3


@pytest.mark.parametrize("period", [1, 3, 5, 10, 20])
def test_a_load_that_comes_and_goes_is_followed_ever_less(period: float) -> None:
    machine = Machine(top_ms=20, load=lambda second: 1 + (second // period) % 2)
    resizes = [at for at, _ in _run(machine, 1800)]
    assert len([at for at in resizes if at >= 900]) <= 6 < 900 / period


def test_a_size_that_failed_again_waits_twice_as_long() -> None:
    """A larger size that is slower than can be predicted, as one that does not fit a cache."""
    clock = Clock()
    hold = HoldFps(FPS, SIZES, clock)
    ups = []
    while clock.now < 2000 * SECOND:
        duration = round((40 if hold.size == SIZES[0] else 10) * MS)
        clock.now += max(duration, round(SECOND / FPS))
        if resize := hold.record(duration):
            if resize.size == SIZES[0]:
                ups.append(clock.now / SECOND)
            hold.go(resize.size)
    waits = [later - sooner for sooner, later in zip(ups, ups[1:], strict=False)]
    assert len(ups) <= 8
    assert waits == sorted(waits) and waits[-1] > 20 * waits[0] > 100


def test_a_source_with_few_frames_is_no_reason() -> None:
    assert _run(Machine(top_ms=20, source_fps=2), 120) == []
    assert _run(Machine(top_ms=20, source_fps=0.2), 300) == []


def test_frames_from_long_ago_are_not_judged_by() -> None:
    """A few were slow, then the source stood still, and moves again."""
    clock = Clock()
    hold = HoldFps(FPS, SIZES, clock)
    for _ in range(20):
        clock.now += 40 * MS
        assert hold.record(40 * MS) is None
    clock.now += 60 * SECOND
    for _ in range(200):
        clock.now += 33 * MS
        assert hold.record(25 * MS) is None


def test_slow_frames_are_judged_by_a_few() -> None:
    """As turbo's on a CPU: there is no second with many."""
    machine = Machine(top_ms=1500, constant=0.02, source_fps=1)
    resizes = _run(machine, 60, fps=1)
    assert len(resizes) == 1 and resizes[0][0] < 10
    assert machine.mean(10, 60) < 1000


def test_where_no_size_helps_none_is_taken_and_that_is_said() -> None:
    clock = Clock()
    hold = HoldFps(FPS, SIZES, clock)
    machine = Machine(top_ms=100, constant=1.0, noise=0)
    resizes = list(machine.run(hold, clock, 60))
    assert len(resizes) == 1  # it has to be tried once
    assert hold.stuck == "264x144: a frame takes 100 of 33.3 ms, and no smaller size helps"
    machine.top_ms = 20
    assert len(list(machine.run(hold, clock, 60))) <= 2
    assert (hold.size, hold.stuck) == (SIZES[0], "")


def test_one_size_alone_is_never_left() -> None:
    clock = Clock()
    hold = HoldFps(FPS, SIZES[:1], clock)
    assert list(Machine(top_ms=50, noise=0).run(hold, clock, 10)) == []
    assert hold.stuck.startswith("640x360: a frame takes 50 of 33.3 ms")
