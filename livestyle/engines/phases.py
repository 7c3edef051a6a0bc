"""Phases of a build: each runs in a process of its own, in the folder of the engine to be.

They take (build, folder, facts so far, report) and return "facts", which the engine is run with,
and what they "measured". They raise EngineError.

The process is told on stdin what to do and answers on stdout, in pickles; it ends with its parent.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from livestyle.engines.build import Build
from livestyle.errors import LivestyleError
from livestyle.machine import peak_memory_gib
from livestyle.streams import leave_stdout

Told = dict[str, Any]
Report = Callable[[float], None]


def export(build: Build, folder: Path, facts: Told, report: Report) -> Told:
    """PyTorch's networks to ONNX."""
    from livestyle.diffusion.model import Model
    from livestyle.diffusion.networks import take_networks
    from livestyle.diffusion.step import SAMPLERS
    from livestyle.engines.export import export_model

    pipeline = build.model.pipeline("fp32", "cpu")
    networks = take_networks(pipeline, torch.device("cpu"), torch.float32, packed=False)
    model = Model(pipeline, networks, SAMPLERS[build.model.sampler])
    report(0.2)
    return {"facts": export_model(model, build.spec.size, build.spec.precision, folder)}


def compare(build: Build, folder: Path, facts: Told, report: Report) -> Told:
    """The exported networks by ONNX Runtime: they must agree with PyTorch."""
    from livestyle.engines.gate import check_export

    found = check_export(folder, facts["traits"]["scaling"])
    found.require("fp8" if build.spec.precision == "fp8" else "fp32", "what was exported")
    return {"measured": found.plain()}


def compile(build: Build, folder: Path, facts: Told, report: Report) -> Told:
    """ONNX to TensorRT's plans."""
    from livestyle.engines.tensorrt import compile_networks

    compile_networks(folder, build.spec.flavour, build.spec.targets, report)
    return {}


def convert(build: Build, folder: Path, facts: Told, report: Report) -> Told:
    """ONNX to OpenVINO's format."""
    from livestyle.engines.openvino import convert

    convert(folder, report)
    return {}


def autotune(build: Build, folder: Path, facts: Told, report: Report) -> Told:
    """Inductor's code for the parts of the networks."""
    from livestyle.engines.compiled import compile_model

    return {"facts": compile_model(build.model, build.spec, folder, report)}


def try_out(build: Build, folder: Path, facts: Told, report: Report) -> Told:
    """The engine itself, where it runs on this machine: it must agree with PyTorch."""
    from livestyle.engines.entry import map_file
    from livestyle.engines.loading import load_networks

    files = {file.name: map_file(file) for file in folder.iterdir() if ".onnx" not in file.name}
    loaded = load_networks(build.model, build.spec, facts, files)
    return {"measured": loaded.agreement.plain()}


_WORK = {work.__name__: work for work in (export, compare, compile, convert, autotune, try_out)}


def main() -> None:
    """What the process of a phase runs."""
    with os.fdopen(os.dup(1), "wb", buffering=0) as parent:
        leave_stdout()  # what libraries print is no answer

        def tell(kind: str, value: object) -> None:
            parent.write(pickle.dumps((kind, value)))

        build, folder, phase, facts = pickle.load(sys.stdin.buffer)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        if build.background and hasattr(os, "nice"):
            os.nice(19)
        try:
            told = _WORK[phase](build, folder, facts, lambda part: tell("at", part))
            tell("done", (told, peak_memory_gib()))
        except LivestyleError as error:
            tell("failed", str(error))
        except (MemoryError, torch.OutOfMemoryError):
            tell(
                "failed", f"there is too little memory for the phase {phase!r}; close what uses it"
            )
        except Exception as error:
            traceback.print_exc()
            tell("failed", f"internal error: {error!r}")


def _end_with_parent() -> None:
    """End at once when nobody waits any more."""
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
