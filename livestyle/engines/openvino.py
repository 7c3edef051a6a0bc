"""OpenVINO: networks for this CPU, or an Intel GPU; they are kept in its own format.

It compiles them on loading.

A compiled model of its CPU plugin would be no faster to load: it holds the weights in the order in
which they came. They are in the precision that is computed in: of other half precision the plugin
makes float32 first, and keeps that too, three times the memory (measured on a chain of products).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
import torch
from openvino.preprocess import PrePostProcessor
from torch import Tensor

from livestyle.engines.export import NETWORKS
from livestyle.errors import EngineError

if TYPE_CHECKING:
    from livestyle.engines.entry import Memory

DTYPE = torch.float32  # of what goes in and comes out
GPU = "gpu "  # how the target of an Intel GPU begins
_PRECISIONS = {"bf16": ov.Type.bf16, "fp16": ov.Type.f16, "fp32": ov.Type.f32}


def gpu_target() -> str:
    """The Intel GPU of this machine, as engines are built for it. Raises EngineError."""
    core = ov.Core()
    if "GPU" not in core.available_devices:
        raise EngineError(
            'OpenVINO finds no Intel GPU; have device = "auto" in the recipe, for the CPU'
        )
    return GPU + str(core.get_property("GPU", "FULL_DEVICE_NAME"))


def convert(folder: Path, report: Callable[[float], None]) -> None:
    """Each NETWORK.onnx in a folder to NETWORK.xml and NETWORK.bin. Raises EngineError."""
    for done, name in enumerate(NETWORKS):
        report(done / len(NETWORKS))
        try:
            model = ov.Core().read_model(folder / f"{name}.onnx")
            processing = PrePostProcessor(model)
            for place in range(len(model.inputs)):
                processing.input(place).tensor().set_element_type(ov.Type.f32)
            processing.output().tensor().set_element_type(ov.Type.f32)
            ov.save_model(processing.build(), folder / f"{name}.xml", compress_to_fp16=False)
        except RuntimeError as error:
            raise _error(name, error) from error


def load(files: Mapping[str, Memory], precision: str, target: str) -> dict[str, Network]:
    """The networks by name, compiled for a target, from the verified files of a cache entry.

    Raises EngineError.
    """
    core = ov.Core()
    properties = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
    }
    device = "GPU" if target.startswith(GPU) else "CPU"
    loaded = {}
    for name in NETWORKS:
        weights = np.frombuffer(files[f"{name}.bin"], np.uint8)
        try:
            model = core.read_model(files[f"{name}.xml"][:], ov.Tensor(weights, shared_memory=True))
            loaded[name] = Network(core.compile_model(model, device, properties), weights)
        except RuntimeError as error:
            raise _error(name, error) from error
    return loaded


class Network:
    """One network: float32 tensors of the CPU in, one out, which changes at the next call."""

    def __init__(self, compiled: ov.CompiledModel, weights: np.ndarray) -> None:
        self._weights = weights  # what was compiled still reads some of them
        self._request = compiled.create_infer_request()
        self._given = [0] * len(compiled.inputs)  # where each input lies
        self._held: list[Tensor] = [torch.empty(0)] * len(compiled.inputs)
        self._result = torch.from_numpy(self._request.get_output_tensor().data)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Inputs where they were at the last call are not bound again, nor copied ever."""
        for place, tensor in enumerate(inputs):
            tensor = tensor.contiguous()  # a picture may lie channels-last
            if tensor.data_ptr() != self._given[place]:
                shared = ov.Tensor(tensor.numpy(), shared_memory=True)
                self._request.set_input_tensor(place, shared)
                self._given[place] = tensor.data_ptr()
            self._held[place] = tensor
        self._request.infer()
        return self._result


def _error(name: str, error: RuntimeError) -> EngineError:
    reason = str(error).strip().splitlines()[-1]
    return EngineError(f"OpenVINO can't compile the {name}: {reason}; use --engine torch")
