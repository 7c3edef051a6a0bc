"""A model of the exact architecture with random weights: as fast as the real one, no download."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import diffusers
import torch
from torch import Tensor, nn

from livestyle.models.pipeline import quiet
from livestyle.models.precision import DTYPES

_LIBRARY: Any = diffusers  # it has no types

# config.json of the UNets that the recipes name; the numbers of parameters are the check
_XL: dict[str, Any] = {
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "sample_size": 64,
}
_SD: dict[str, Any] = {
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": (5, 10, 20, 20),
    "cross_attention_dim": 1024,
    "use_linear_projection": True,
    "sample_size": 64,
}
FAMILIES = {"sdxl": (_XL, 2_567_463_684, 1280), "sd": (_SD, 865_910_724, None)}
SEED = 1  # another one whenever the weights change: engines are named by it
_DEVIATION = 0.02  # of the UNet's weights: keeps activations finite in half precision


def random_pipeline(family: str, *, device: str, precision: str, only_text: bool = False) -> Any:
    """What a Model needs of a pipeline. family: sdxl or sd, with the tiny autoencoder.

    precision: fp32, bf16 or fp16. The same weights every time, on the same kind of device. A prompt
    is a random one, whatever it says. only_text: without the networks.
    """
    config, parameters, pooled = FAMILIES[family]
    generator = torch.Generator("cpu").manual_seed(SEED)
    context = torch.randn(1, 77, config["cross_attention_dim"], generator=generator)
    embeds = None if pooled is None else torch.randn(1, pooled, generator=generator)

    def encode_prompt(_: str, *, device: torch.device | str, **__: Any) -> tuple[Any, ...]:
        kind: Any = {"device": device, "dtype": DTYPES[precision]}
        return context.to(**kind), None, None if embeds is None else embeds.to(**kind), None

    if only_text:
        return SimpleNamespace(unet=None, vae=None, encode_prompt=encode_prompt)
    quiet()
    unet = random_unet(family)
    count = sum(weight.numel() for weight in unet.parameters())
    assert count == parameters, f"the UNet has {count} parameters, not {parameters}"
    unet = unet.to(DTYPES[precision]).to_empty(device=device).eval().requires_grad_(False)
    _randomise(unet, lambda _: _DEVIATION)
    autoencoder = random_autoencoder(device=device, precision=precision)
    return SimpleNamespace(unet=unet, vae=autoencoder, encode_prompt=encode_prompt)


def random_autoencoder(*, device: str, precision: str) -> Any:
    """The tiny autoencoder, of both families. What a layer gives varies as what it takes: else all
    pictures would be of nearly one colour, and whether an engine gives the same would not be seen.
    """
    autoencoder = _LIBRARY.AutoencoderTiny().to(DTYPES[precision]).to(device)
    _randomise(autoencoder.eval().requires_grad_(False), lambda weight: weight[0].numel() ** -0.5)
    return autoencoder


def random_unet(family: str) -> Any:
    """The UNet without memory for its weights (torch's "meta" device)."""
    with torch.device("meta"):
        return _LIBRARY.UNet2DConditionModel(**FAMILIES[family][0])


def _randomise(network: nn.Module, deviation: Callable[[Tensor], float]) -> None:
    generator = torch.Generator(next(network.parameters()).device).manual_seed(SEED)
    for module in network.modules():
        norm = isinstance(module, nn.GroupNorm | nn.LayerNorm)
        for name, weight in module.named_parameters(recurse=False):
            if name == "bias":
                weight.zero_()
            elif norm:
                weight.fill_(1)
            else:
                drawn = torch.randn(weight.shape, generator=generator, device=weight.device)
                weight.copy_(drawn * deviation(weight))  # the same in every precision
