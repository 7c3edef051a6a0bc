"""Peers of the turbo stylizer, for `livestyle bench turbo`: a BGRA array in, an RGB array out.

They run on the very weights that livestyle runs on, with the prompt encoded before.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import diffusers
import torch
from torch import Tensor

from livestyle.bench.contestant import Figures, Run, Task, Tell, measure_frames
from livestyle.bench.gpu_state import wake
from livestyle.between.look import look_of
from livestyle.config import Config
from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import take_networks
from livestyle.diffusion.step import SAMPLERS
from livestyle.errors import LivestyleError
from livestyle.frame import Size
from livestyle.installation import adding_package
from livestyle.models.precision import dtype_of

Networks = dict[str, Any]  # "unet" and "vae", modules of diffusers
_LIBRARY: Any = diffusers  # it has no types
_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def _diffusers(
    model: Model, networks: Networks, config: Config, size: Size, *, compiled: bool = False
) -> Run:
    """Its image-to-image pipeline, from an array to an array, its prompt encoded before."""
    look, device = look_of(config), model.device
    unet: Any = networks["unet"]
    kind: Any = _LIBRARY.StableDiffusionImg2ImgPipeline
    scheduler = _LIBRARY.EulerAncestralDiscreteScheduler(
        **_BETAS, timestep_spacing="trailing", steps_offset=1
    )
    parts = dict.fromkeys(("text_encoder", "tokenizer"))
    prompt = model.encode_prompt(look.prompt)
    arguments: dict[str, Any] = {"prompt_embeds": prompt.context, "guidance_scale": 0.0}
    if model.traits.is_xl:
        kind = _LIBRARY.StableDiffusionXLImg2ImgPipeline
        parts |= dict.fromkeys(("text_encoder_2", "tokenizer_2"))
        arguments["pooled_prompt_embeds"] = prompt.pooled
        pipeline = kind(unet=unet, vae=networks["vae"], scheduler=scheduler, **parts)
    else:
        parts |= dict.fromkeys(("safety_checker", "feature_extractor"))
        pipeline = kind(
            unet=unet, vae=networks["vae"], scheduler=scheduler,
            requires_safety_checker=False, **parts,
        )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    if compiled:  # as its manual has it; all of the UNet at once would take minutes
        unet.compile_repeated_blocks(fullgraph=True)
    arguments["num_inference_steps"] = round(look.steps / look.strength)
    generator = torch.Generator("cpu")

    def run(bgra: Any) -> Any:
        picture = torch.from_numpy(bgra[:, :, 2::-1].copy()).to(device).permute(2, 0, 1)[None]
        result = pipeline(
            image=picture / 255, strength=look.strength, output_type="pt",
            generator=generator.manual_seed(look.seed), **arguments,
        )  # fmt: skip
        return _uint8(result.images[0] * 255)

    return run


class _WithoutCuda:
    """torch as streamdiffusion 0.1.1 needs it on a CPU: it times each frame with CUDA's events."""

    class Event:
        def __init__(self, **_: Any) -> None:
            pass

        def record(self) -> None:
            pass

        def elapsed_time(self, _: Any) -> float:
            return 1.0

    cuda = SimpleNamespace(Event=Event, synchronize=lambda: None)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


class _WithPooled(torch.nn.Module):
    """An SDXL UNet as streamdiffusion 0.1.1 calls one: it knows nothing of pooled prompts."""

    def __init__(self, unet: Any, pooled: Tensor, time_ids: Tensor) -> None:
        super().__init__()
        self.unet = unet
        self.config = unet.config
        self._added = {"text_embeds": pooled, "time_ids": time_ids}

    def forward(
        self, x: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **_: Any
    ) -> tuple[Tensor, ...]:
        result: tuple[Tensor, ...] = self.unet(
            x, timestep, encoder_hidden_states, added_cond_kwargs=self._added, return_dict=False
        )
        return result


def _streamdiffusion(model: Model, networks: Networks, config: Config, size: Size) -> Run:
    """Its PyTorch path: one step at the nearest of its 50 timesteps, its similarity filter off."""
    if importlib.util.find_spec("streamdiffusion") is None:
        raise LivestyleError(
            "streamdiffusion is not installed; run: "
            + adding_package("--no-deps", "streamdiffusion==0.1.1")
        )
    from streamdiffusion import pipeline as library

    if model.device.type == "cpu":
        library.torch = _WithoutCuda()
    look = look_of(config)
    prompt = model.encode_prompt(look.prompt)
    unet: Any = networks["unet"]
    if prompt.pooled is not None:
        unet = _WithPooled(unet, prompt.pooled, model.time_ids(size))
    pipe: Any = type("Pipe", (), {})()
    pipe.device, pipe.vae, pipe.unet = model.device, networks["vae"], unet
    pipe.vae_scale_factor, pipe.text_encoder = model.traits.reduction, None
    pipe.encode_prompt = lambda **_: (prompt.context, None)
    pipe.scheduler = _LIBRARY.EulerAncestralDiscreteScheduler(**_BETAS)
    stream = library.StreamDiffusion(
        pipe, t_index_list=[round(50 * (1 - look.strength))], torch_dtype=model.networks.dtype,
        width=size[0], height=size[1], cfg_type="none",
    )  # fmt: skip
    stream.prepare(look.prompt, num_inference_steps=50, guidance_scale=1.0)

    def run(bgra: Any) -> Any:
        picture = torch.from_numpy(bgra[:, :, 2::-1].copy()).to(model.device).permute(2, 0, 1)
        result = stream(picture[None].to(model.networks.dtype) / 255)
        return _uint8((result[0].float() / 2 + 0.5).clamp(0, 1) * 255)

    return run


def _uint8(planes: Tensor) -> Any:
    """[3, H, W] of 0 … 255 on the device -> uint8 (H, W, 3) in host memory."""
    return planes.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


PEERS: dict[str, Callable[[Model, Networks, Config, Size], Run]] = {
    "diffusers": _diffusers,
    "diffusers-compile": functools.partial(_diffusers, compiled=True),
    "streamdiffusion": _streamdiffusion,
}

_FRAMES = {"cuda": 300, "cpu": 20}  # it may be ten times as slow, and its median is what is wanted


def measure_peer(task: Task, name: str, precision: str, device: str, tell: Tell) -> Figures:
    """Somebody else's pipeline, one of PEERS, with its libraries' own settings.

    precision: of livestyle beside it; fp16 stands for fp8.
    """
    started = time.perf_counter()
    wake(torch.device(device))
    half = "fp16" if precision == "fp8" else precision
    pipeline = task.model.pipeline(half, device)
    theirs = {"unet": pipeline.unet, "vae": pipeline.vae}
    networks = take_networks(pipeline, torch.device(device), dtype_of(half), "diffusers")
    model = Model(pipeline, networks, SAMPLERS[task.model.sampler])
    run = PEERS[name](model, theirs, task.config, task.size)
    ready = time.perf_counter() - started
    if task.frames is None:
        task = dataclasses.replace(task, frames=_FRAMES[device])
    return {"engine": name, "precision": half} | measure_frames(run, task, model, ready)
