"""A frame of SDXL-Turbo's exact architecture at 512x512, on fake tensors: no weights, no card."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import diffusers
import numpy as np
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from livestyle.diffusion.denoiser import Embedding
from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import Networks, take_networks, unet_of
from livestyle.diffusion.program import Form, Lap, Program
from livestyle.diffusion.step import SAMPLERS
from livestyle.engines.fp8 import Seen, layers
from livestyle.models.random_weights import random_pipeline, random_unet
from livestyle.placement import Placement

SIZE = (512, 512)
_LARGEST = 16.0  # that came into a layer: any number does, it is a weight like the others
_TOKENS, _WIDTH, _POOLED = 77, 2048, 1280  # of a prompt


def fake_networks() -> Networks:
    """In fp16, as `take_networks` makes them on a card. To be called where tensors are faked."""
    device = torch.device("cuda")
    pipeline = random_pipeline("sdxl", device="cuda", precision="fp16", only_text=True)
    autoencoder: Any = diffusers.AutoencoderTiny  # it has no types
    with torch.device("meta"):
        pipeline.vae = autoencoder()
    pipeline.unet = random_unet("sdxl")
    for network in (pipeline.unet, pipeline.vae):
        _put_on_card(network.eval().requires_grad_(False))
    # a module's fake weights can't be moved, and they are where they belong
    with patch.object(nn.Module, "to", lambda module, *_, **__: module):
        return take_networks(pipeline, device, torch.float16, packed=False)


def _put_on_card(network: nn.Module) -> None:
    for module in network.modules():
        for name, weight in module.named_parameters(recurse=False):
            layout = torch.channels_last if weight.dim() == 4 else torch.preserve_format
            like: Any = {"dtype": torch.float16, "device": "cuda", "memory_format": layout}
            setattr(module, name, nn.Parameter(torch.empty_like(weight, **like), False))


def seen_of(networks: Networks) -> Seen:
    """What `livestyle.engines.fp8.watched` finds in frames, with made up numbers."""
    return {name: _LARGEST for name, *_ in layers(unet_of(networks))}


class Frame:
    """What happens to a frame, ready to be run as often as wanted. For where tensors are faked."""

    def __init__(self, networks: Networks) -> None:
        model = Model(None, networks, SAMPLERS["turbo"])
        placement = Placement(SIZE, SIZE, "fit")
        self._program = Program(model, SIZE, placement, Form(1, i420=False, from_text=False))
        self._program.set_steps(model.sampler.steps(0.5, 1))
        like: Any = {"dtype": torch.float16, "device": "cuda"}
        context, pooled = torch.empty(1, _TOKENS, _WIDTH, **like), torch.empty(1, _POOLED, **like)
        self._program.set_prompt(Embedding(context, pooled))

    def run(self, lap: Lap) -> None:
        """lap: called with the name of each stage at its end."""
        pixels = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
        with patch.object(self._program, "collect"):  # there is nothing in it
            self._program.run_in_stages(pixels, lap)


def faked() -> FakeTensorMode:
    """Where tensors are fake; real ones may come in, as a frame's pixels do."""
    return FakeTensorMode(allow_non_fake_inputs=True)
