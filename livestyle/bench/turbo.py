"""`livestyle bench turbo`: a frame of turbo, host memory to host memory, its stages, and its peers.

On the same frames, weights, size, precision and number of threads: one step, no guidance, uint8 in
and uint8 out, the prompt encoded before. One contestant after the other, each in a process of its
own, livestyle first. That is the closed loop: each waits for the next frame. The open loop after it
is livestyle alone, live.
"""

from __future__ import annotations

import functools
import importlib.metadata
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livestyle.apart import Work, run_apart
from livestyle.bench.contestant import Figures, Task
from livestyle.bench.peers import PEERS
from livestyle.bench.stages import summary
from livestyle.bench.variant import ENGINES, Variant
from livestyle.config import Config
from livestyle.errors import ConfigError, LivestyleError
from livestyle.frame import Size
from livestyle.machine import describe_machine
from livestyle.models.loadable import Loadable, random_model, stored_model
from livestyle.recipe import DiffusionRecipe, load_recipe

OURS = "livestyle"


@dataclass(frozen=True)
class Options:
    """What is timed.

    random_weights: of the recipe's exact architecture, in place of a model. peers: those of PEERS,
    and variants of livestyle. frames: of each contestant; None: as many as its device is worth.
    in_flight: frames at once, also; 1: not. limit: s after which a contestant is ended.
    """

    random_weights: bool = False
    peers: list[str] = field(default_factory=list)
    frames: int | None = None
    in_flight: int = 1
    limit: float | None = None


Pictures = dict[str, Any]  # of each contestant: what it made of the same frame, RGB (h, w, 3)
Keep = Callable[[Figures, Pictures], None]


def bench_turbo(
    config: Config,
    options: Options,
    say: Callable[[str], None],
    keep: Keep = lambda figures, pictures: None,
) -> Figures:
    """Time livestyle, then its peers.

    config: settled. say: told how far a download is. keep: given what there is so far, again after
    each contestant.

    Returns for each contestant its ms per frame (p50, p95, p99, max), livestyle's ratio to it (of
    the medians) and its part of the floor, or in its place the error that ended it; the stages and
    kernels of those that are livestyle's; and the open loop at the settings' fps. Raises
    ConfigError for an unknown peer, LivestyleError where livestyle itself fails.
    """
    variants = {name: _variant(name) for name in options.peers if name not in PEERS}
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    size = recipe.size_inside(recipe.size, config.size)
    random = options.random_weights
    loadable: Loadable = random_model(config) if random else stored_model(config, say)
    with tempfile.TemporaryDirectory(prefix="livestyle-") as folder:  # of this user alone
        task = Task(loadable, config, size, options.frames, options.in_flight, Path(folder))
        apart = functools.partial(_apart, task, options.limit)
        ours = apart(OURS, "own:measure_livestyle")
        precision, device = ours["precision"], ours["device"]["device"]
        run = _Run(_begun(loadable.title, size, ours), keep)
        run.add(OURS, ours)
        for name in options.peers:
            try:
                if variant := variants.get(name):
                    floor = variant.precision(precision) not in run.figures["floors"]
                    found = apart(name, "own:measure_variant", variant, precision, floor)
                else:
                    kind = "cpu" if device == "cpu" else "cuda"
                    found = apart(name, "peers:measure_peer", name, precision, kind)
            except LivestyleError as error:
                found = {"error": str(error)}
            run.add(name, found)
    return run.figures


def _begun(title: str, size: Size, ours: Figures) -> Figures:
    """What is known before anything is compared. ours: what livestyle measured."""
    versions = {name: importlib.metadata.version(name) for name in ("torch", "diffusers")}
    return {
        "bench": "turbo",
        "versions": versions,
        "model": title,
        "machine": describe_machine() | ours["device"],
        "size": list(size),
        "steps": ours["steps"],
        "open_loop": ours.pop("open_loop", None),
        "floors": {},
        "contestants": {},
    }


class _Run:
    """What was measured so far."""

    def __init__(self, figures: Figures, keep: Keep) -> None:
        self.figures = figures
        self._keep = keep
        self._pictures: Pictures = {}

    def add(self, name: str, found: Figures) -> None:
        """What a contestant measured, or why it did not, and how it compares."""
        contestants, floors = self.figures["contestants"], self.figures["floors"]
        contestants[name] = found
        if "frame_ms_each" in found:
            self._pictures[name] = found.pop("picture")
            if "error" not in (floor := found.pop("floor", {"error": ""})):
                floors[found["precision"]] = floor
            median = statistics.median(found["frame_ms_each"])
            ours = statistics.median(contestants[OURS]["frame_ms_each"])
            least = floors.get(found["precision"], {}).get("floor_ms")
            contestants[name] = {
                "frame_ms": summary(found["frame_ms_each"]),
                "fps": round(1000 / median, 2),
                "ratio": round(ours / median, 3),
                "percent_of_floor": least and round(100 * least / median, 1),
                **found,
            }
        self._keep(self.figures, self._pictures)


def _variant(name: str) -> Variant:
    if name.partition("+")[0] not in ENGINES:
        known = ", ".join([*ENGINES, *PEERS])
        raise ConfigError(f"unknown peer {name!r}; choose from: {known}")
    return Variant.parse(name)


def _apart(task: Task, limit: float | None, name: str, function: str, *arguments: Any) -> Figures:
    """What a contestant measured; with the "error" that ended it, if one did after its frames.

    Raises LivestyleError where there are none.
    """
    work = Work(f"livestyle.bench.{function}", (task, *arguments), name, seconds=limit)
    told: list[Figures] = []
    try:
        figures, peak = run_apart(work, told.append)
    except LivestyleError as error:
        why = f"bench of {name}: {error}"
        if not told:
            raise LivestyleError(why) from error
        return {**told[-1], "error": why}
    return {**figures, "memory_gib": peak}
