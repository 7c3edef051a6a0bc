"""Networks: what runs for every frame, out of a diffusers pipeline, as plain callables."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
from torch import Tensor, nn

from livestyle.diffusion.denoiser import DENOISERS, Denoiser, OwnUNet
from livestyle.diffusion.unet import UNet
from livestyle.models.pipeline import quiet
from livestyle.models.precision import precision_of


@dataclass(frozen=True)
class Traits:
    """What the arithmetic needs to know of a model.

    Latents are [1, channels, H / reduction, W / reduction]; the autoencoder's, times `scaling`,
    have a variance of about 1. is_xl: the prompt has a pooled part.
    """

    channels: int
    reduction: int
    scaling: float
    is_xl: bool


@dataclass(frozen=True, kw_only=True)
class Networks:
    """A frame's networks on one device. What goes in is float32; what comes out may be half.

    encode: picture [1, 3, H, W] in -1 … 1 -> latents, not scaled. decode: the way back; it may
    overshoot -1 … 1. dtype: what is beside them, the text encoders, computes in. engine: what
    computes them, in words, and in what precision; why: that one.
    """

    denoiser: Denoiser
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    traits: Traits
    device: torch.device
    dtype: torch.dtype
    engine: str
    why: str = ""


def unet_of(networks: Networks) -> UNet:
    """livestyle's own module, where that is what runs."""
    denoiser = networks.denoiser
    assert isinstance(denoiser, OwnUNet) and isinstance(denoiser.run, UNet)
    return denoiser.run


class Encoder(nn.Module):
    """Picture -> latents: of the full autoencoder the most likely ones.

    What comes in may lie in any order, as in the Decoder: what is compiled is compiled for one.
    """

    def __init__(self, autoencoder: Any) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self._tiny = is_tiny(autoencoder)

    def forward(self, picture: Tensor) -> Tensor:
        """[1, 3, H, W] -> [1, channels, H / reduction, W / reduction]."""
        encoded = self.autoencoder.encode(picture.to(self.autoencoder.dtype).contiguous())
        latents: Tensor = encoded.latents if self._tiny else encoded.latent_dist.mode()
        return latents


class Decoder(nn.Module):
    """Latents -> picture."""

    def __init__(self, autoencoder: Any) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, latents: Tensor) -> Tensor:
        """[1, channels, H / reduction, W / reduction] -> [1, 3, H, W]."""
        latents = latents.to(self.autoencoder.dtype).contiguous()
        picture: Tensor = self.autoencoder.decode(latents, return_dict=False)[0]
        return picture


@contextlib.contextmanager
def choosing_convolutions(*, timed: bool) -> Iterator[None]:
    """How cuDNN chooses its way to do a convolution: it times all of them when the convolution
    first comes, or takes the one it holds for the fastest. None that gives another result the next
    time: a still picture stays still.

    What was chosen is kept, by each thread for itself and while it lives.
    """
    cudnn: Any = torch.backends.cudnn
    usual = cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic
    cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic = timed, 0, True  # 0: all
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic = usual


def is_tiny(autoencoder: Any) -> bool:
    """Whether it is a tiny autoencoder, not the full one."""
    return isinstance(autoencoder, diffusers.AutoencoderTiny)


def overflows(autoencoder: Any) -> bool:
    """Whether it overflows in fp16, as SDXL's own does."""
    return bool(getattr(autoencoder.config, "force_upcast", False))


def traits_of(pipeline: Any) -> Traits:
    """Of a diffusers pipeline that has its networks."""
    config = pipeline.vae.config
    tiny = is_tiny(pipeline.vae)
    levels = config.encoder_block_out_channels if tiny else config.block_out_channels
    return Traits(
        channels=pipeline.unet.config.in_channels,
        reduction=2 ** (len(levels) - 1),
        scaling=config.scaling_factor,
        is_xl=pipeline.unet.config.addition_embed_type == "text_time",
    )


def take_networks(
    pipeline: Any,
    device: torch.device,
    dtype: torch.dtype,
    unet: str = "own",
    *,
    packed: bool = True,
) -> Networks:
    """The networks of a diffusers pipeline, moved to the device.

    unet: whose module runs, one of DENOISERS. The pipeline's leaves it, so that its weights are not
    there twice. packed: in the order that is fastest on a CPU, where the device is one; nothing can
    be compiled or exported then.

    Raises ModelError for a UNet that livestyle's module is not built for.
    """
    quiet()
    traits = traits_of(pipeline)
    network = pipeline.unet.to(device, dtype).to(memory_format=torch.channels_last)
    denoiser = DENOISERS[unet](network)
    pipeline.unet = network = None
    if packed and device.type == "cpu":
        denoiser.pack()
    autoencoder = pipeline.vae
    half = torch.bfloat16 if dtype is torch.float16 and overflows(autoencoder) else dtype
    autoencoder.to(device, half).to(memory_format=torch.channels_last)
    named = "" if unet == "own" else f" ({unet}' UNet)"
    return Networks(
        denoiser=denoiser,
        encode=Encoder(autoencoder),
        decode=Decoder(autoencoder),
        traits=traits,
        device=device,
        dtype=dtype,
        engine=f"torch {device.type} {precision_of(dtype)}{named}",
    )
