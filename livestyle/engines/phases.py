"""Phases of a build: each runs in a process of its own, in the folder of the engine to be.

They take (build, folder, facts so far, report) and return "facts", which the engine is run with,
and what they "measured". They raise EngineError.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from livestyle.apart import Report
from livestyle.engines.build import Build

Told = dict[str, Any]


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


def generate(build: Build, folder: Path, facts: Told, report: Report) -> Told:
    """Inductor's code for the parts of the networks."""
    from livestyle.engines.compiled import compile_model

    return {"facts": compile_model(build, folder, report)}


def try_out(build: Build, folder: Path, facts: Told, report: Report) -> Told:
    """The engine itself, where it runs on this machine: it must agree with PyTorch."""
    from livestyle.engines.entry import map_file
    from livestyle.engines.loading import load_networks

    files = {file.name: map_file(file) for file in folder.iterdir() if ".onnx" not in file.name}
    loaded = load_networks(build.model, build.spec, facts, files)
    return {"measured": loaded.agreement.plain()}
