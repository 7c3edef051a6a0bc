"""Reference: one frame by PyTorch in float32, which an engine must agree with before it is used."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from livestyle.diffusion.denoiser import Conditions, Embedding, OwnUNet
from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import Networks, unet_of
from livestyle.diffusion.step import denoise, noised, turbo_steps
from livestyle.diffusion.unet import UNet
from livestyle.engines.fp8 import Seen, watched
from livestyle.errors import EngineError
from livestyle.frame import Size
from livestyle.sources.testcard import draw

Reference = dict[str, Tensor]

REFERENCE = "reference.safetensors"
STEP = turbo_steps(0.5, 1)[0]
_PROMPT = "an oil painting"
SCENES = (0, 300, 120, 40)  # of the testcard: those that scales are found with; the last is kept
# cosine of the UNet's output (above), error of the picture (below). fp8 was published at 23.65 dB
# on real weights: an error of about 0.3. A broken engine is far from all of them.
LIMITS = {"fp32": (0.999, 0.05), "fp16": (0.999, 0.05), "bf16": (0.999, 0.15), "fp8": (0.98, 0.5)}


@dataclass(frozen=True)
class Agreement:
    """How near an engine is: cosine of the UNet's output; error of the picture, as a part of how
    far that is from one colour (1 is what a plain grey has); the same as PSNR in dB.

    psnr_bf16: from PyTorch in bf16, for an engine in fp8.
    """

    cosine: float
    error: float
    psnr: float
    psnr_bf16: float | None = None

    def plain(self) -> dict[str, float]:
        """As JSON can hold it."""
        plain = {
            "cosine": round(self.cosine, 6),
            "error": round(self.error, 5),
            "psnr_db": round(self.psnr, 2),
        }
        if self.psnr_bf16 is not None:
            plain["psnr_db_from_bf16"] = round(self.psnr_bf16, 2)
        return plain

    def agrees(self, precision: str) -> bool:
        """Whether that is near enough; a NaN is not."""
        cosine, error = LIMITS[precision]
        return self.cosine > cosine and self.error < error

    def require(self, precision: str, what: str) -> None:
        """Raise EngineError where it is too far."""
        cosine, error = LIMITS[precision]
        if not self.agrees(precision):
            raise EngineError(
                f"{what} does not agree with PyTorch: cosine {self.cosine:.5f} (above {cosine} is "
                f"needed), error of the picture {self.error:.3f} (below {error:g}); use --engine "
                "torch"
            )


@torch.no_grad()
def make_reference(model: Model, size: Size, scene: int = SCENES[-1]) -> Reference:
    """The frame. model: as exact as can be. size: (width, height) of its picture.

    scene: number of a frame of the testcard.

    What goes in: context, pooled and time_ids (the prompt), picture, grain (the noise). What is
    between: shift and key_value (the conditions), latents, noise. What comes out: styled.
    """
    picture = torch.from_numpy(draw(scene, size)[:, :, 2::-1].copy()).permute(2, 0, 1)[None]
    picture = picture.to(model.device).float() / 127.5 - 1
    prompt = model.encode_prompt(_PROMPT)
    timesteps = torch.tensor([STEP.timestep], device=model.device)
    time_ids = model.time_ids(size)
    shift, key_value = model.conditions(prompt, timesteps, time_ids)
    latents = model.encode(picture)
    grain = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(model.device)
    x = noised(latents, grain, STEP)
    noise = model.predict(x, 0, (shift, key_value))
    pooled = {} if prompt.pooled is None else {"pooled": prompt.pooled}
    return {
        "context": prompt.context,
        **pooled,
        "time_ids": time_ids,
        "picture": picture,
        "grain": grain,
        "shift": shift,
        "key_value": key_value,
        "latents": latents,
        "noise": noise,
        "styled": model.decode(_clean(x, noise)),
    }


def keep_reference(
    model: Model, size: Size, precision: str, folder: Path
) -> tuple[Reference, Seen]:
    """`reference_for`, the frame written where an engine is built."""
    reference, seen = reference_for(model, size, precision)
    plain = {name: tensor.cpu().contiguous() for name, tensor in reference.items()}
    save_file(plain, folder / REFERENCE)
    return reference, seen


def reference_for(model: Model, size: Size, precision: str) -> tuple[Reference, Seen]:
    """The frame that an engine of a precision is compared with.

    Of fp8 with its picture in bf16 (styled_bf16) and what came into the UNet's layers, else {}.
    """
    if precision == "fp8":
        return _for_fp8(model, size, unet_of(model.networks))
    return make_reference(model, size), {}


def _for_fp8(model: Model, size: Size, unet: UNet) -> tuple[Reference, Seen]:
    with watched(unet) as seen:
        for scene in SCENES:
            reference = make_reference(model, size, scene)
    # products in bf16, as a network in bf16 has them; the weights stay as they are
    with torch.autocast(model.device.type, torch.bfloat16, cache_enabled=False):
        in_bf16 = make_reference(model, size)["styled"]
    return reference | {"styled_bf16": in_bf16.float()}, seen


@dataclass(frozen=True)
class Chain:
    """The three networks of a frame as plain callables, wherever they run."""

    encode: Callable[[Tensor], Tensor]
    conditions: Callable[[Reference], Conditions]
    unet: Callable[[Tensor, Conditions], Tensor]
    decode: Callable[[Tensor], Tensor]
    scaling: float  # of the latents


def agreement(reference: Reference, chain: Chain) -> Agreement:
    """Of the networks with a reference that is where they are."""
    conditions = chain.conditions(reference)
    with torch.inference_mode():  # as frames are made
        return _agreement(reference, chain, conditions)


def _agreement(reference: Reference, chain: Chain, conditions: Conditions) -> Agreement:
    latents = chain.encode(reference["picture"].clone()).float() * chain.scaling
    x = noised(latents, reference["grain"], STEP)
    noise = chain.unet(x, conditions).float()
    styled = chain.decode(_clean(x, noise) / chain.scaling).float()
    cosine = torch.cosine_similarity(noise.flatten(), reference["noise"].flatten(), 0)
    in_bf16 = reference.get("styled_bf16")
    return Agreement(
        cosine=float(cosine),
        error=error_of(styled, reference["styled"]),
        psnr=psnr(styled, reference["styled"]),
        psnr_bf16=None if in_bf16 is None else psnr(styled, in_bf16),
    )


def chain_of(networks: Networks) -> Chain:
    """Of a frame's networks, by livestyle's own UNet or what was compiled from it."""
    denoiser = networks.denoiser
    assert isinstance(denoiser, OwnUNet)

    def conditions(reference: Reference) -> Conditions:
        prompt = Embedding(reference["context"], reference.get("pooled"))
        timesteps = torch.tensor([STEP.timestep], device=networks.device)
        return denoiser.conditions(prompt.to(networks.dtype), timesteps, reference["time_ids"])

    def unet(x: Tensor, conditions: Conditions) -> Tensor:
        return denoiser.predict(x, 0, conditions)

    return Chain(networks.encode, conditions, unet, networks.decode, networks.traits.scaling)


def error_of(picture: Tensor, wanted: Tensor) -> float:
    """Norm of the difference over that of `wanted` from its own mean colour.

    Both [1, 3, H, W] in -1 … 1, cut off there. 1 or more of a picture of one colour, whatever is
    wanted; NaN or inf where that is of one colour itself.
    """
    picture, wanted = picture.clamp(-1, 1), wanted.clamp(-1, 1)
    spread = wanted - wanted.mean((2, 3), keepdim=True)
    return float((picture - wanted).norm() / spread.norm())


def psnr(picture: Tensor, wanted: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in -1 … 1, both cut off there.

    10 log10(peak^2 / mean squared error); inf where they are the same.
    """
    error = float((picture.clamp(-1, 1) - wanted.clamp(-1, 1)).square().mean())
    return math.inf if error == 0 else 10 * math.log10(2**2 / error)


def _clean(x: Tensor, noise: Tensor) -> Tensor:
    clean: Tensor = denoise(x, (), (STEP,), lambda *_: noise)
    return clean
