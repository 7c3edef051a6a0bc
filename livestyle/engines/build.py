"""Build: from a model to an engine in the cache, in phases, each in a process of its own.

A compiler holds several times the weights in memory, and what PyTorch held before must be gone by
then. Nothing reaches the cache before it agrees with PyTorch; when a phase fails, or this process
ends however it may, what was half done is removed, at the latest by the next build.
"""

from __future__ import annotations

import functools
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from livestyle.apart import Work, run_apart
from livestyle.engines.cache import Cache
from livestyle.engines.entry import Entry, Manifest
from livestyle.engines.levers import Levers
from livestyle.engines.spec import Spec
from livestyle.errors import EngineError, LivestyleError
from livestyle.machine import free_memory_gib
from livestyle.models.loadable import Loadable

GIB = 2**30
_MODULE = "livestyle.engines.phases"
_INTERMEDIATE = ("*.onnx", "*.onnx.data")
# Of UNet weights in half precision, measured at SDXL's size (docs/benchmarks): what the folder and
# the hungriest phase grow to.
_DISK, _MEMORY = 2.2, {"tensorrt": 3.1, "openvino": 2.6, "torch-compiled": 3.1}
_BASE = 1.5 * GIB
_GPU = 1.5  # not measured: the networks once more, what tuning tries, the text encoders

Report = Callable[[str, float], None]  # a phase, and what part of it is done: 0 … 1


@dataclass(frozen=True)
class Build:
    """What to build. levers: of torch-compiled alone; they are no part of the spec, for what is
    built with others does the same, and takes its place."""

    model: Loadable
    spec: Spec
    levers: Levers = Levers()
    background: bool = False  # leave the machine to others


# Functions of livestyle.engines.phases.
PHASES = {
    "tensorrt": ("export", "compare", "compile"),
    "openvino": ("export", "convert", "try_out"),
    "torch-compiled": ("generate", "try_out"),
}


class Needs(NamedTuple):
    """Bytes that a build takes at most, on the disk and in memory; and the engine, of a GPU's."""

    disk: int
    memory: int
    gpu: int


def needs(build: Build) -> Needs:
    """Of the size of the UNet's weights."""
    half = build.model.unet_bytes // (2 if build.model.stored == "fp32" else 1)
    weights = half * (2 if build.spec.precision == "fp32" else 1)
    disk, memory = _DISK * weights, _MEMORY[build.spec.engine] * weights
    return Needs(*(int(size + _BASE) for size in (disk, memory, _GPU * weights)))


def check_room(build: Build, cache: Cache) -> str:
    """What a build needs and what there is, in one line. Raises EngineError where it lacks.

    Memory may lack where the card that it is for is here: the networks are on that, and a virtual
    machine's memory may grow when it is asked for.
    """
    disk, memory, _ = needs(build)
    place = next(path for path in (cache.root, *cache.root.parents) if path.exists())
    free, available = shutil.disk_usage(place).free, free_memory_gib()
    if free < disk:
        raise EngineError(
            f"the build needs {disk / GIB:.1f} GiB on the disk of {str(cache.root)!r}, where "
            f"{free / GIB:.1f} are free; make room there"
        )
    lacks = available is not None and available * GIB < memory
    if lacks and not build.spec.card:
        raise EngineError(
            f"the build needs {memory / GIB:.1f} GiB of memory, {available:.1f} are free; close "
            "what else uses it"
        )
    known = "" if available is None else f" of {available:.1f}"
    warning = "; if it is killed, close what else uses memory" if lacks else ""
    return (
        f"needs up to {disk / GIB:.1f} GiB of {free / GIB:.1f} on the disk, {memory / GIB:.1f}"
        f"{known} of memory{warning}"
    )


def build_engine(build: Build, cache: Cache, report: Report) -> Entry:
    """Build an engine and put it into the cache, in place of an older one. Raises EngineError."""
    measured: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    with cache.building(build.spec) as folder:
        for phase in PHASES[build.spec.engine]:
            report(phase, 0.0)
            started = time.monotonic()
            work = Work(
                f"{_MODULE}:{phase}",
                (build, folder, facts),
                f"the build's phase {phase!r}",
                build.background,
            )
            try:
                told, peak = run_apart(work, functools.partial(report, phase))
            except LivestyleError as error:
                raise EngineError(str(error)) from error
            facts |= told.get("facts", {})
            measured[phase] = {
                "seconds": round(time.monotonic() - started, 1),
                "peak_memory_gib": peak,
                **told.get("measured", {}),
            }
        for pattern in _INTERMEDIATE:
            for file in folder.glob(pattern):
                file.unlink()
        title, spec = build.model.title, build.spec
        return cache.finish(folder, Manifest(spec, title, time.time(), {}, facts, measured))
