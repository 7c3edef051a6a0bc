"""The check for one card, in a process that believes in it; see compile_check.py.

python tools/gpu/compile_for.py TARGET CODE VARIANT… > FILE.json; CODE: a folder
"""

from __future__ import annotations

import json
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import diffusers
import torch
import torch._dynamo
import triton
from cards import CARDS, Card
from fake_cuda import pretend
from fake_frame import SIZE, Frame, fake_networks, faked, seen_of
from fused_kernels import Compiled, Written, compile_kernel, written
from launches import Launches
from triton.errors import TritonError

from livestyle.bench.variant import Variant
from livestyle.engines.compiled import compile_parts

_STAGES = ("encode", "unet", "decode")  # of a frame's graph
_ERROR = 400  # characters of it


class Check:
    """Of one card; kernels that several variants have are compiled once."""

    def __init__(self, card: Card, code: Path) -> None:
        """code: a folder that what Inductor writes is kept in."""
        self._card = card
        self._code = code
        self._compiled: dict[str, Compiled | str] = {}
        self._seconds: dict[str, float] = {}

    def of(self, variant: str) -> dict[str, Any]:
        """What JSON holds of a variant."""
        started = cpu_seconds()
        launches, kept = run_frame(variant)
        writing = cpu_seconds() - started
        self._keep(kept, variant)
        for source in kept.sources:
            self._compile(source)
        found = [(name, self._compiled[source]) for source, name in kept.sources.items()]
        kernels = [kernel for _, kernel in found if isinstance(kernel, Compiled)]
        compiling = sum(self._seconds[source] for source in kept.sources)
        return {
            "launches": _totals(launches),
            "operators": dict(launches.operators.most_common()),
            "programs": len(kept.programs),
            "kernels": len(kept.sources),
            "ways": sum(kernel.ways for kernel in kernels),
            "failed": [[name, kernel] for name, kernel in found if isinstance(kernel, str)],
            "most_registers": max((kernel.registers for kernel in kernels), default=0),
            "spilled_bytes": _spilled(found),
            "most_shared_memory": max((kernel.shared_memory for kernel in kernels), default=0),
            "cpu_seconds": {"write": round(writing, 1), "compile": round(compiling, 1)},
        }

    def _keep(self, kept: Written, variant: str) -> None:
        folder = self._code / f"sm_{self._card.number}-{variant}"
        folder.mkdir(parents=True, exist_ok=True)
        for number, program in enumerate(kept.programs):
            (folder / f"{number:02d}.py").write_text(program)

    def _compile(self, source: str) -> None:
        if source in self._compiled:
            return
        started = cpu_seconds()
        try:
            self._compiled[source] = compile_kernel(source, self._card)
        except (TritonError, RuntimeError) as error:
            self._compiled[source] = f"{type(error).__name__}: {error}"[:_ERROR]
        self._seconds[source] = cpu_seconds() - started


def run_frame(variant: str) -> tuple[Launches, Written]:
    """Once, on fake tensors; on the way Inductor writes its code."""
    parsed = Variant.parse(variant)
    facts: dict[str, Any] = {"levers": parsed.levers.words()}
    launches = Launches()
    with faked(), written(launches.add_fused) as kept:
        networks = fake_networks()
        if parsed.fp8:
            facts["seen"] = seen_of(networks)
        if parsed.engine == "torch-compiled":
            networks = compile_parts(networks, facts)
        frame = Frame(networks)
        with launches:
            frame.run(launches.end)
    torch._dynamo.reset()
    return launches, kept


def _spilled(found: Sequence[tuple[str, Compiled | str]]) -> list[tuple[str, int]]:
    """Kernels that have more in registers than there are, in the worst of their ways."""
    return [
        (name, kernel.spills)
        for name, kernel in found
        if isinstance(kernel, Compiled) and kernel.spills
    ]


def _totals(launches: Launches) -> dict[str, Any]:
    stages = {stage: launches.stages[stage] for stage in _STAGES}
    totals = {stage: sum(kinds.values()) for stage, kinds in stages.items()}
    return {"frame": sum(totals.values()), **totals, "kinds": stages}


def cpu_seconds() -> float:
    """Of this process and of those that it waited for."""
    return sum(os.times()[:4])


def main() -> None:
    """Check variants for a card."""
    target, code, *variants = sys.argv[1:]
    card = CARDS[target]
    warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")
    warnings.filterwarnings("ignore", "dynamo_pgo force disabled")
    pretend(card)
    check = Check(card, Path(code))
    versions = {"python": platform.python_version()}
    versions |= {package.__name__: package.__version__ for package in (torch, triton, diffusers)}
    figures = {
        "card": asdict(card),
        "size": SIZE,
        "versions": versions,
        "variants": {variant: check.of(variant) for variant in variants},
    }
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
