"""A day of a front on a clock of its own: the real output clock, supervisor and cover, and workers
that fail as a seed has it.
"""

from __future__ import annotations

import dataclasses
import random
import sys
import tracemalloc
from array import array
from collections import Counter, deque
from typing import Any

from test_pulse import FRESH

from livestyle.between.messages import Counts, Failed, Loading, Running
from livestyle.between.slot import Slot
from livestyle.config import Config
from livestyle.frame import Frame
from livestyle.front.cover import Cover
from livestyle.front.output import OutputClock
from livestyle.front.recovery import SELDOM
from livestyle.front.supervisor import Supervisor
from livestyle.pacing import SECOND
from livestyle.stats import Rate, Recent

SIZE = WIDTH, HEIGHT = 16, 16
FPS = 10
LOOK = SECOND // 4  # ns between two looks at the worker, as of the front
_COUNTED = 4 * 60  # looks between two of the rates
_KINDS = {
    "kill": 6.0, "crash": 3.0, "hang": 3.0, "away": 3.0, "slow": 3.0, "well": 3.0,
    "broken": 0.3, "suspend": 0.1,
}  # fmt: skip
_PIXELS = bytes(WIDTH * HEIGHT * 3 // 2)


class Worker:
    """In place of a Child, and its own end of the pipe: what it would do at each look."""

    pid = 0
    is_stopped = False

    def __init__(self, day: Day) -> None:
        self.day = day
        self.counts = Counts()
        self.told = 0  # frames that the front knows of
        self.code: int | None = None  # with which it has ended
        self.hangs = False
        self.source_back = 0  # ns, when the source gives pictures again
        self.slow = 1  # of so many ticks it has a frame for one
        self.ready = day.now + round(day.chance.uniform(0.3, 3.0) * SECOND)
        self._said: deque[Any] = deque()
        self._fails = day.now < day.broken_until

    @property
    def pipe(self) -> Worker:
        """No attribute: a circle would stay until the collector comes to it."""
        return self

    @property
    def works(self) -> bool:
        """Whether frames come of it."""
        day = self.day
        is_well = self.code is None and not self.hangs and day.now >= self.source_back
        return is_well and day.now >= self.ready and not self._fails

    def style(self) -> None:
        """A tick's frame."""
        day = self.day
        if self.works and day.ticks % self.slow == 0:
            day.seq += 1
            self.counts.captured += 1
            self.counts.stylized += 1
            self.counts.stylize.record(20_000_000)
            day.slot.put(day.seq, day.now - 25_000_000, _fill)

    def suffer(self, kind: str) -> None:
        """One of _KINDS."""
        match kind:
            case "kill":
                self.code = -9
            case "crash":
                self.code = -11
            case "hang":
                self.hangs = True
            case "away":
                self.source_back = self.day.now + round(self.day.chance.uniform(0.2, 90) * SECOND)
            case "slow":
                self.slow = self.day.chance.randint(2, 60)
            case "well":
                self.slow = 1

    def speak(self) -> None:
        """What it tells 4 times a second."""
        if self.code is not None or self.hangs:
            return
        if self.day.now < self.ready:
            self._said.append(Loading("lite"))
        elif self._fails:
            self._said.append(Failed("no engine"))
            self.code = 1
        else:
            self.told = self.counts.stylized
            away = "display :1 is away" if self.day.now < self.source_back else ""
            self._said.append(self._running(away))

    def _running(self, trouble: str) -> Running:
        told = dataclasses.replace(self.counts)
        return dataclasses.replace(
            FRESH, counts=told, fresh=not self.counts.stylized, trouble=trouble
        )

    def poll(self, timeout: float) -> bool:
        return bool(self._said) or self.code is not None

    def recv(self) -> Any:
        if not self._said:
            raise EOFError
        return self._said.popleft()

    def send(self, message: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def end(self) -> int:
        self.code = -9 if self.code is None else self.code
        self.day.told += self.told
        return self.code

    def exit_code(self) -> int:
        return self.code or 0


class Day:
    """A Sink that looks at what it is given; `clock`, `supervisor` and what else is real."""

    name = note = ""

    def __init__(self, seed: int, slot: Slot, config: Config) -> None:
        self.chance = random.Random(seed)
        self.now = 1000 * SECOND
        self.slot = slot
        self.ticks = self.seq = self.told = 0
        self.broken_until = 0  # ns, until when every worker fails at its start
        self.starts = 0  # of workers
        # objects and, where tracemalloc traces, bytes, each time that the rates are counted
        self.held = array("q"), array("q")
        self.kinds = Counter[str]()
        self.freezes = self.frozen = 0  # times that no new picture came for more than a second; ns
        self.stalls = 0  # times that the ticks began anew
        self.strayed = 0  # ticks that were not due when they should have been
        self.bare = 0  # looks at an old picture that stood there though the worker was away
        self.seldom = 0  # tries of what had failed for good
        self.soon = 0  # of them, sooner than a minute after the one before
        self.fastest = 0.0  # ticks a second
        self.recent = 0  # of the latencies
        self.new_at = self._base = self._since_base = self._began = 0
        self.worker = Worker(self)
        self.config = config
        self.clock = OutputClock(slot, SIZE, FPS, now=lambda: self.now, sleep=self.sleep)
        self.clock.add(self)  # type: ignore[arg-type]
        self.clock.log = deque()
        self.supervisor = Supervisor(config, SIZE, None)  # type: ignore[arg-type]
        self.cover = Cover(self.clock, SIZE)
        self._was_failed = False
        self._look_at = self.now
        self._next_fault = self.now + 60 * SECOND
        self._rate, self._recent, self._looks = Rate(), Recent(), 0

    def begin(self, *arguments: object) -> Worker:
        """Another worker, in place of Child."""
        self.seldom += self._was_failed
        self.soon += self._was_failed and self.now - self._began < SELDOM * SECOND
        self.starts += 1
        self._began = self.now
        self.worker = Worker(self)
        return self.worker

    def monotonic(self) -> float:
        """The supervisor's clock."""
        return self.now / SECOND

    def sleep(self, seconds: float) -> None:
        """A tick is waited for; or, by the supervisor, nothing."""
        if not seconds:
            return
        self.read_log()
        self.now += round(seconds * SECOND)
        self.ticks += 1
        self.worker.style()
        if self.now >= self._next_fault:
            self._next_fault = self.now + round(self.chance.expovariate(1 / 45) * SECOND)
            self._fail()
        if self.now >= self._look_at:
            self._look_at = self.now + LOOK
            self._look()

    def write(self, frame: Frame) -> None:
        """Of the sink, which is slow now and then."""
        if self.chance.random() < 1e-4:
            self.now += round(self.chance.uniform(0.01, 0.9) * SECOND)

    def read_log(self) -> None:
        """What the clock wrote since the last time, looked at by itself."""
        log = self.clock.log
        while log:
            line = log.popleft()
            self.kinds[line.kind] += 1
            due = self._base + int(self._since_base * SECOND / FPS)
            if line.deadline - due > SECOND:
                self._base, self._since_base, due = line.deadline, 0, line.deadline
                self.stalls += 1
            self._since_base += 1
            self.strayed += line.deadline != due
            if line.kind == "unique":
                if self.new_at and line.written_at - self.new_at > SECOND:
                    self.freezes += 1
                    self.frozen += line.written_at - self.new_at
                self.new_at = line.written_at

    def _look(self) -> None:
        self.worker.speak()
        self._was_failed = self.supervisor.state == "failed"
        self.supervisor.poll(0)
        self.cover.look(self.supervisor, self.config)
        old = self.now - self.clock.counts.newest_at > 3 * SECOND
        if old and self.supervisor.state != "running" and self.clock.card is None:
            self.bare += 1
        self._looks += 1
        if self._looks % _COUNTED == 0:
            self.held[0].append(sys.getallocatedblocks())
            self.held[1].append(tracemalloc.get_traced_memory()[0])
            counts = self.clock.counts
            self.fastest = max(self.fastest, self._rate.update(self.now, counts.frames))
            self.recent = self._recent.update(self.now, counts.latency).count

    def _fail(self) -> None:
        (kind,) = self.chance.choices(list(_KINDS), list(_KINDS.values()))
        if kind == "suspend":
            self.now += round(self.chance.uniform(5, 600) * SECOND)
        elif kind == "broken":
            self.worker.code = 1
            self.broken_until = self.now + round(self.chance.uniform(60, 1800) * SECOND)
        else:
            self.worker.suffer(kind)


def _fill(into: memoryview) -> None:
    into[:] = _PIXELS
