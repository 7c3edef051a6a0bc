"""Build: from a model to an engine in the cache, in phases, each in a process of its own.

A compiler holds several times the weights in memory, and what PyTorch held before must be gone by
then. Nothing reaches the cache before it agrees with PyTorch; when a phase fails, or this process
ends however it may, what was half done is removed, at the latest by the next build.
"""

from __future__ import annotations

import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from livestyle.engines.cache import Cache
from livestyle.engines.entry import Entry, Manifest
from livestyle.engines.loadable import Loadable
from livestyle.engines.spec import Spec
from livestyle.errors import EngineError
from livestyle.machine import free_memory_gib

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
    """What to build."""

    model: Loadable
    spec: Spec
    background: bool = False  # leave the machine to others


# Functions of livestyle.engines.phases.
PHASES = {
    "tensorrt": ("export", "compare", "compile"),
    "openvino": ("export", "convert", "try_out"),
    "torch-compiled": ("autotune", "try_out"),
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
    """What a build needs and what there is, in one line. Raises EngineError where it lacks."""
    disk, memory, _ = needs(build)
    place = next(path for path in (cache.root, *cache.root.parents) if path.exists())
    free, available = shutil.disk_usage(place).free, free_memory_gib()
    if free < disk:
        raise EngineError(
            f"the build needs {disk / GIB:.1f} GiB on the disk of {str(cache.root)!r}, where "
            f"{free / GIB:.1f} are free; make room there"
        )
    if available is not None and available * GIB < memory:
        raise EngineError(
            f"the build needs {memory / GIB:.1f} GiB of memory, {available:.1f} are free; close "
            "what else uses it"
        )
    known = "" if available is None else f" of {available:.1f}"
    return (
        f"needs up to {disk / GIB:.1f} GiB of {free / GIB:.1f} on the disk, {memory / GIB:.1f}"
        f"{known} of memory"
    )


def build_engine(build: Build, cache: Cache, report: Report) -> Entry:
    """Build an engine and put it into the cache, in place of an older one. Raises EngineError."""
    measured: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    with cache.building(build.spec) as folder:
        for phase in PHASES[build.spec.engine]:
            report(phase, 0.0)
            started = time.monotonic()
            told, peak = _run_phase(build, folder, phase, facts, report)
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


def _run_phase(
    build: Build, folder: Path, phase: str, facts: dict[str, Any], report: Report
) -> tuple[dict[str, Any], float | None]:
    """What the phase returned, and the most memory that its process held, in GiB."""
    # In a session of its own: Ctrl-C is this process' to decide. -P: nothing of the current folder.
    command = [sys.executable, "-P", "-m", _MODULE]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None and process.stdout is not None
    with process:  # which closes its stdin: the process ends by itself when it finds that
        try:
            pickle.dump((build, folder, phase, facts), process.stdin)
            process.stdin.flush()
            while True:
                kind, value = pickle.load(process.stdout)
                if kind == "done":
                    told: tuple[dict[str, Any], float | None] = value
                    return told
                if kind == "failed":
                    raise EngineError(value)
                report(phase, value)
        except (EOFError, OSError, pickle.UnpicklingError):
            code = process.wait()
            why = f"ended with exit code {code}"
            if code == -signal.SIGKILL:
                why = "was killed, as the system does where memory runs out"
            raise EngineError(f"the build's phase {phase!r} {why}; nothing was kept") from None
        finally:
            process.kill()
