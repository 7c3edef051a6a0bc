"""When what goes wrong in a soak: by a seed, with quiet stretches between."""

from __future__ import annotations

import random
from dataclasses import dataclass

Span = tuple[float, float]  # s of the run

PARTS = 6  # of a run, each of which begins with a quiet stretch; another ends it
_SHARE = 30  # such a stretch is so small a part of the run
_SHORTEST = 5.0  # s
BEGUN = 8.0  # s after the start, at which a run is up
_MARGIN = 12.0  # s before a quiet stretch in which nothing begins, for what is to be got over

# each kind: how often it comes, for how long, s
FAULTS = {
    "kill": (4, (0.0, 0.0)),  # SIGKILL
    "crash": (2, (0.0, 0.0)),  # SIGSEGV
    "stop": (1, (4.0, 4.0)),  # SIGSTOP, for good
    "halt": (2, (0.3, 1.5)),  # SIGSTOP, then SIGCONT
    "slow": (2, (2.0, 5.0)),  # stopped nine tenths of the time
    "hang": (2, (1.0, 6.0)),  # the display answers nothing
    "loss": (2, (0.5, 5.0)),  # the display is gone
    "gone": (1, (1.0, 4.0)),  # LIVESTYLE_FAULT from here on
    "error": (1, (0.0, 0.0)),
    "errors": (1, (1.0, 2.5)),
    "spoilt": (1, (0.5, 2.0)),
}
PLANNED = {
    "gone": "capture.lost",
    "error": "stylizer.error",
    "errors": "stylizer.error",
    "spoilt": "stylizer.nan",
}
VISITS = {
    "look": (3, (0.0, 0.0)),  # at all that the page asks for
    "watch": (3, (2.0, 6.0)),  # by several at once
    "gallery": (1, (0.0, 0.0)),
    "settings": (3, (0.0, 0.0)),
    "style": (3, (0.0, 0.0)),
    "swaps": (1, (0.0, 0.0)),  # of styles, faster than they can be taken
    "sinks": (1, (1.0, 2.0)),  # one more
    "record": (2, (2.0, 6.0)),
    "snapshot": (2, (0.0, 0.0)),
    "osc": (1, (0.0, 0.0)),  # a flood
}
BASE = "base"  # a visit before each quiet stretch: the settings that all of these have


@dataclass(frozen=True)
class Planned:
    """What is to happen, when and for how long, in s of the run."""

    at: float
    kind: str
    seconds: float

    @property
    def words(self) -> str:
        """As LIVESTYLE_FAULT has it; "" for what is done from outside."""
        if self.kind not in PLANNED:
            return ""
        lasts = f":{self.seconds:.2f}s" if self.seconds else ""
        return f"{PLANNED[self.kind]}{lasts}@{self.at:.2f}s"


def quiet(seconds: float) -> list[Span]:
    """The stretches of a run in which nothing is done to it."""
    part, length = seconds / PARTS, max(_SHORTEST, seconds / _SHARE)
    first = (BEGUN, BEGUN + length)
    rest = [(part * number, part * number + length) for number in range(1, PARTS)]
    return [first, *rest, (seconds - length, seconds)]


def plan(seed: int, seconds: float) -> tuple[list[Planned], list[Planned]]:
    """The faults and the visits of a run, each in their order."""
    chance = random.Random(seed)
    faults, visits = _drawn(chance, FAULTS, 8.0, seconds), _drawn(chance, VISITS, 4.0, seconds)
    times = [BEGUN / 2, *(begin - _MARGIN / 2 for begin, _ in quiet(seconds)[1:])]
    back = [Planned(at, BASE, 0.0) for at in times]
    return faults, sorted([*visits, *back], key=lambda each: each.at)


def _drawn(
    chance: random.Random, kinds: dict[str, tuple[int, Span]], pause: float, seconds: float
) -> list[Planned]:
    """One after the other, with so many s between them on the average."""
    weights = [weight for weight, _ in kinds.values()]
    planned = []
    for (_, begin), (end, _) in zip(quiet(seconds), quiet(seconds)[1:], strict=False):
        at = begin
        while True:
            at += 1.0 + chance.expovariate(1 / (pause - 1.0))
            (kind,) = chance.choices(list(kinds), weights)
            lasts = round(chance.uniform(*kinds[kind][1]), 2)
            if at + lasts > end - _MARGIN:
                break
            planned.append(Planned(round(at, 2), kind, lasts))
            at += lasts
    return planned
