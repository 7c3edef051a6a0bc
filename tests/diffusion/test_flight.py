"""Frames in flight: order, whole changes, and what period and latency come of stages of a length.

The device is a clock of its own: nothing sleeps, so the figures are exact.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_pipelines import save_pipeline

from livestyle.between.mailbox import Closed, Mailbox
from livestyle.diffusion.flight import Flight, fly
from livestyle.diffusion.model import load_model
from livestyle.diffusion.program import Form, Program
from livestyle.frame import Frame
from livestyle.models.folder import ModelFolder
from livestyle.models.plan import Choice
from livestyle.placement import Placement
from livestyle.sources.testcard import draw


class Clock:
    now = 0.0  # ms


class Staged:
    """A program whose stages take known times on units that it shares with others, as a copy engine
    and the multiprocessors are shared; its picture says what it was made of."""

    def __init__(self, clock: Clock, units: dict[str, float], stages: dict[str, float]) -> None:
        """units: when each is free. stages: unit -> ms, one after the other."""
        self._clock, self._units, self._stages = clock, units, stages
        self.prompt, self.seed = 0, 0
        self._done = 0.0

    def submit(self, pixels: Any) -> None:
        assert self._clock.now >= self._done, "it is still at work on the frame before"
        at = self._clock.now
        for unit, spent in self._stages.items():
            at = self._units[unit] = max(at, self._units[unit]) + spent
        self._done = at
        self._pixels = np.array([pixels[0], self.prompt, self.seed])

    def is_done(self) -> bool:
        return self._clock.now >= self._done

    def collect(self) -> Any:
        self._clock.now = max(self._clock.now, self._done)
        return self._pixels


STAGES = {"upload": 1.0, "compute": 6.0, "download": 1.0}


def _flight(depth: int) -> tuple[Clock, Flight[Staged]]:
    clock, units = Clock(), dict.fromkeys(STAGES, 0.0)
    return clock, Flight([Staged(clock, units, STAGES) for _ in range(depth)])


def _frame(number: int, clock: Clock) -> Frame:
    return Frame(np.array([number]), number, int(clock.now * 1e6))


def _run(depth: int, frames: int) -> tuple[list[int], float, float]:
    """Numbers as they came out, ms from one to the next, ms that each took; of the last ten."""
    clock, flight = _flight(depth)
    numbers, ends, spent = [], [], []
    begun = 0
    while len(numbers) < frames:
        if flight.has_room:
            flight.submit(_frame(begun, clock))
            begun += 1
            continue
        done = flight.collect()
        numbers.append(done.seq)
        ends.append(clock.now)
        spent.append(clock.now - done.captured_at / 1e6)
    return numbers, (ends[-1] - ends[-11]) / 10, sum(spent[-10:]) / 10


@pytest.mark.parametrize(
    ("depth", "period", "latency"),
    [
        (1, 8.0, 8.0),  # all of it, one after the other
        (2, 6.0, 12.0),  # the longest stage never waits; two periods from begin to end
        (3, 6.0, 18.0),  # a third one gains nothing but age
    ],
)
def test_period_and_latency_are_those_of_the_stages(
    depth: int, period: float, latency: float
) -> None:
    numbers, every, spent = _run(depth, 30)
    assert numbers == list(range(30))
    assert (every, spent) == (period, latency)


def test_a_change_takes_effect_whole_at_one_frame() -> None:
    """Two changes at once, between the submission of frames 6 and 7, while 5 and 6 are computed."""
    clock, flight = _flight(2)
    shown = []

    def take_look(program: Staged) -> None:
        program.prompt, program.seed = 7, 9

    for number in range(12):
        if number == 7:
            flight.change(take_look)
        if not flight.has_room:
            shown.append(flight.collect().pixels.tolist())
        flight.submit(_frame(number, clock))
    while not flight.is_empty:
        shown.append(flight.collect().pixels.tolist())
    assert shown == [[number, 7, 9] if number >= 7 else [number, 0, 0] for number in range(12)]


class Arrivals:
    """A source by the same clock: a frame every so many ms, of which the newest is kept."""

    def __init__(self, clock: Clock, every: float, frames: int) -> None:
        self._clock, self._every, self._frames = clock, every, frames
        self._taken = -1

    def take(self) -> Frame:
        self._clock.now = max(self._clock.now, (self._taken + 1) * self._every)
        frame = self.poll(0)
        assert frame is not None
        return frame

    def poll(self, seconds: float) -> Frame | None:
        newest = int(self._clock.now / self._every)
        if newest <= self._taken:
            self._clock.now += seconds * 1000
            newest = int(self._clock.now / self._every)
        if newest >= self._frames:
            raise Closed
        if newest <= self._taken:
            return None
        self._taken = newest
        frame = _frame(newest, self._clock)
        return Frame(frame.pixels, newest, int(newest * self._every * 1e6))


@pytest.mark.parametrize(
    ("every", "period"),
    [
        (1.0, 6.0),  # more than can be done: as often as the longest stage allows
        (7.0, 7.0),  # each of them, though alone each would take 8
        (20.0, 20.0),
    ],
)
def test_the_newest_frames_are_taken_as_soon_as_there_is_room(every: float, period: float) -> None:
    clock, flight = _flight(2)
    delivered: list[tuple[int, float, float]] = []

    def deliver(frame: Frame) -> None:
        delivered.append((frame.seq, clock.now, clock.now - frame.captured_at / 1e6))

    with pytest.raises(Closed):
        fly(flight, Arrivals(clock, every, 1000), deliver)
    numbers = [number for number, _, _ in delivered]
    assert numbers == sorted(set(numbers))
    ends = [end for _, end, _ in delivered]
    assert (ends[-1] - ends[10]) / (len(ends) - 11) == pytest.approx(period, rel=0.05)
    latency = max(spent for _, _, spent in delivered[10:])
    assert latency < (8.5 if every > 8 else 2 * 6 + 1 + 1.5)  # what it waits for, and a tick


def test_a_frame_is_not_held_back_when_none_follows() -> None:
    clock, flight = _flight(2)
    source: Mailbox[Frame] = Mailbox()
    delivered = threading.Event()
    flying = threading.Thread(
        target=_until_closed, args=(flight, source, delivered.set), daemon=True
    )
    flying.start()
    source.put(_frame(0, clock))
    for _ in range(200):  # ms by the device's clock, until it is done
        clock.now += 1
        if delivered.wait(0.1):
            break
    assert delivered.is_set()
    source.close()
    flying.join(20)
    assert not flying.is_alive()


def _until_closed(flight: Flight[Staged], source: Mailbox[Frame], said: Any) -> None:
    with pytest.raises(Closed):
        fly(flight, source, lambda _: said())


def test_real_programs_in_flight_give_what_one_gives(tmp_path: Path) -> None:
    size = (256, 256)
    folder = save_pipeline(tmp_path, "sdxl", "nano")
    choice = Choice(weights=ModelFolder(folder), sampler="turbo", device="cpu", precision="fp32")
    model = load_model(choice)

    def made(lane: int) -> Program:
        program = Program(model, size, Placement(size, size, "fit"), Form(1, False, False, lane))
        program.set_steps(model.sampler.steps(0.5, 1))
        program.set_noise(3)
        program.set_prompt(model.encode_prompt("a cat"))
        return program

    alone, flight = made(0), Flight([made(0), made(1)])
    winter = model.encode_prompt("winter")
    wanted, shown = [], []
    for number in range(5):
        pixels = draw(20 * number, size)
        if number == 3:
            alone.set_prompt(winter)
            flight.change(lambda program: program.set_prompt(winter))
        if not flight.has_room:
            shown.append(flight.collect().pixels.copy())
        flight.submit(Frame(pixels, number, 0))
        wanted.append(alone.run(pixels).copy())
    while not flight.is_empty:
        shown.append(flight.collect().pixels.copy())
    np.testing.assert_array_equal(shown, wanted)
    alone.set_prompt(model.encode_prompt("a cat"))
    assert not np.array_equal(alone.run(draw(80, size)), wanted[-1])  # the change can be seen
