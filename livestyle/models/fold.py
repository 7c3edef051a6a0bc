"""Fold: a LoRA into the networks of a pipeline, whole or not at all."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from livestyle.models.folder import safetensors_header
from livestyle.models.lora import Layer, configured, layers_of, refused

_WIDTHS = {768: "SD 1.5", 1024: "SD 2 (as SD-Turbo)", 2048: "SDXL"}  # of the text that it attends


def apply_lora(pipeline: Any, file: Path, scale: float) -> None:
    """Fold a checked file into the networks of a diffusers pipeline.

    Raises ModelError where any of it does not fit them.
    """
    tensors = safetensors_header(file)
    layers = layers_of(file, tensors)
    try:
        pipeline.load_lora_weights(_scaled(file, layers))
        applied = _applied(pipeline)
        if applied != len(layers):
            lacking = f"{len(layers) - applied} of its {len(layers)}"
            raise refused(file, f"{lacking} layers are not in this model")
        pipeline.fuse_lora(lora_scale=scale)
        pipeline.unload_lora_weights()
    except (
        OSError,
        ValueError,
        RuntimeError,
        TypeError,
        LookupError,
        AttributeError,
        SafetensorError,
    ) as error:
        raise refused(file, _why(tensors, error)) from error


def _scaled(file: Path, layers: dict[str, Layer]) -> dict[str, Tensor]:
    """The matrices in float32, whose product is the change: of many alphas, diffusers and PEFT
    would give all layers the most frequent one.
    """
    tensors, configs = load_file(file), configured(file, layers)
    scaled = {}
    for name, layer in layers.items():
        network, _, inner = name.partition(".")
        if layer.alpha:
            factor = float(tensors[layer.alpha].item()) / layer.rank
        else:
            factor = configs[network].factor(inner, layer.rank) if configs else 1.0
        # by a power of two each: in half precision, small numbers would lose bits in one of them
        half = 2.0 ** round(math.log2(abs(factor)) / 2) if math.isfinite(factor) and factor else 1.0
        for matrix, share in ((layer.down, half), (layer.up, factor / half)):
            scaled[matrix] = tensors.pop(matrix).float() * share
            if not torch.isfinite(scaled[matrix]).all():
                raise refused(file, f"its {matrix!r} or the alpha of that has NaN or infinity")
    return scaled


def _applied(pipeline: Any) -> int:
    """How many layers have been given a LoRA. Raises ValueError for one that is scaled again."""
    from peft.tuners.lora import LoraLayer  # it takes a second to load

    networks = (
        getattr(pipeline, name, None) for name in ("unet", "text_encoder", "text_encoder_2")
    )
    layers = [
        layer
        for network in networks
        if network is not None
        for layer in network.modules()
        if isinstance(layer, LoraLayer)
    ]
    for layer in layers:
        if set(layer.scaling.values()) != {1.0}:
            raise ValueError(f"it scales a layer by {layer.scaling}")
    return len(layers)


def _why(tensors: dict[str, Any], error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()] or [""]
    differs = next((line for line in lines if line.startswith("size mismatch")), "")
    if not differs:
        return f"diffusers can't read it: {lines[0] or type(error).__name__}"
    made_for = _WIDTHS.get(_text_width(tensors), "a model of other sizes")
    return f"it is for {made_for}, not for this model: {differs}"


def _text_width(tensors: dict[str, Any]) -> int:
    """0 where nothing in it attends a text."""
    for name, tensor in tensors.items():
        if re.search(r"attn2[._]to_[kv][._].*(down|lora_A)\.weight$", name):
            return int(tensor["shape"][-1])
    return 0
