"""Export: a model's networks as ONNX files, with what they are checked and run with.

PyTorch's newer exporter (torch.export) writes them: it follows types and shapes without running
the network, keeps LayerNorm, GELU and the sizes as single nodes, and puts all weights into one file
beside the graph, past the 2 GB that an ONNX file may have. The older one (tracing) gives the same
numbers, in more nodes and one file for each weight; tests compare both.
"""

from __future__ import annotations

import dataclasses
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from livestyle.diffusion.denoiser import OwnUNet
from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import Decoder, Encoder, overflows, unet_of
from livestyle.engines.fp8 import quantise
from livestyle.engines.reference import Reference, keep_reference
from livestyle.engines.spec import OPSET
from livestyle.frame import Size
from livestyle.models.precision import dtype_of

NETWORKS = ("encoder", "unet", "decoder")
CONDITIONER = "conditioner.safetensors"
INPUTS = {"encoder": ("picture",), "unet": ("x", "shift", "key_value"), "decoder": ("latents",)}


@torch.no_grad()
def export_model(model: Model, size: Size, precision: str, folder: Path) -> dict[str, Any]:
    """Write NETWORK.onnx and NETWORK.onnx.data, the reference and the conditioner.

    model: in float32 on the CPU, not packed; its networks are at `precision` afterwards (fp8: the
    UNet's large layers), but for an autoencoder that overflows there. Returns the facts that the
    networks are run with, as JSON can hold them.
    """
    denoiser, dtype = model.networks.denoiser, dtype_of(precision)
    assert isinstance(denoiser, OwnUNet)
    unet = unet_of(model.networks)
    assert isinstance(model.networks.encode, Encoder) and isinstance(model.networks.decode, Decoder)
    reference, seen = keep_reference(model, size, precision, folder)
    denoiser.conditioner.to(dtype)
    save_file(denoiser.conditioner.state_dict(), folder / CONDITIONER)
    facts = {
        "traits": dataclasses.asdict(model.traits),
        "layout": dataclasses.asdict(denoiser.conditioner.layout),
    }
    autoencoder: Any = model.networks.encode.autoencoder
    too_large = dtype is torch.float16 and overflows(autoencoder)
    autoencoder.to(torch.float32 if too_large else dtype)
    unet.to(dtype)
    if precision == "fp8":
        quantise(unet, seen)
    modules = {
        "encoder": model.networks.encode,
        "unet": unet,
        "decoder": model.networks.decode,
    }
    for name, inputs in example_inputs(reference, model.traits.scaling).items():
        kind = dtype if name == "unet" else autoencoder.dtype
        write_onnx(modules[name], [tensor.to(kind) for tensor in inputs], name, folder)
    return facts


def example_inputs(reference: Reference, scaling: float) -> dict[str, list[Tensor]]:
    """Of each network, by its name: float32."""
    latents = reference["latents"]
    return {
        "encoder": [reference["picture"]],
        "unet": [latents, reference["shift"], reference["key_value"]],
        "decoder": [latents / scaling],
    }


def write_onnx(module: nn.Module, inputs: list[Tensor], name: str, folder: Path) -> None:
    """One network, by name, with inputs of its precision; sizes are fixed."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it says what it has no use for
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, about its future
        torch.onnx.export(
            module,
            tuple(inputs),
            folder / f"{name}.onnx",
            input_names=INPUTS[name],
            output_names=["result"],
            opset_version=OPSET,
            dynamo=True,
            external_data=True,
            optimize=True,
            verbose=False,
        )
