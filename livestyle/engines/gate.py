"""Gate: exported networks run by ONNX Runtime on the CPU must agree with PyTorch.

For an engine that can't be run where it is built. It knows no bf16.
"""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import torch
from safetensors.torch import load_file
from torch import Tensor

from livestyle.engines.export import INPUTS
from livestyle.engines.reference import REFERENCE, Agreement, Chain, agreement

_TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}
_ONLY_ERRORS = 3


def check_export(folder: Path, scaling: float) -> Agreement:
    """How near the exported networks in a folder are to its reference.

    They are loaded one after the other, so that one at a time is in memory.
    """
    networks = {
        name: lambda *inputs, name=name: _run(folder / f"{name}.onnx", INPUTS[name], inputs)
        for name in INPUTS
    }
    chain = Chain(
        encode=networks["encoder"],
        conditions=lambda reference: (reference["shift"], reference["key_value"]),
        unet=lambda x, conditions: networks["unet"](x, *conditions),
        decode=networks["decoder"],
        scaling=scaling,
    )
    return agreement(load_file(folder / REFERENCE), chain)


def _run(file: Path, names: tuple[str, ...], inputs: tuple[Tensor, ...]) -> Tensor:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ONLY_ERRORS
    # weights stay mapped: folding their casts to float32 would hold all of them a second time
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    kinds = {taken.name: _TYPES[taken.type] for taken in session.get_inputs()}
    given = {
        name: tensor.to(kinds[name]).contiguous().numpy()
        for name, tensor in zip(names, inputs, strict=True)
    }
    return torch.from_numpy(session.run(None, given)[0])
