"""Denoisers: the UNet of a model, by livestyle's own module or by diffusers' as the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from livestyle.diffusion.packed import pack_linears
from livestyle.diffusion.unet import Conditioner, load_unet


@dataclass(frozen=True)
class Embedding:
    """A prompt as the UNet wants it: context [1, 77, D]; pooled [1, P], for SDXL alone.

    unread: what of the prompt is after the cut, and so not in it.
    """

    context: Tensor
    pooled: Tensor | None
    unread: str = ""

    def to(self, dtype: torch.dtype) -> Embedding:
        """The same in another precision."""
        pooled = None if self.pooled is None else self.pooled.to(dtype)
        return Embedding(self.context.to(dtype), pooled)

    def blended(self, other: Embedding, weight: float) -> Embedding:
        """The point at `weight` (0 … 1) on the line from this prompt to the other."""
        context = torch.lerp(self.context, other.context, weight)
        if self.pooled is None or other.pooled is None:
            return Embedding(context, None)
        return Embedding(context, torch.lerp(self.pooled, other.pooled, weight))


Conditions = tuple[Tensor, ...]
RunUNet = Callable[[Tensor, Tensor, Tensor], Tensor]


class Denoiser(Protocol):
    """Predicts the noise in latents. `name` is what a user calls it.

    `conditions` is run when the prompt or the timesteps change, `predict` for every frame; between
    them the conditions may be copied into buffers that stay where they are.
    """

    name: str

    def pack(self) -> None:
        """Give the weights the order that is fastest on a CPU; nobody else may hold them then."""
        ...

    def conditions(self, prompt: Embedding, timesteps: Tensor, time_ids: Tensor) -> Conditions:
        """What `predict` needs to know. timesteps: int64 [steps]. time_ids: [1, 6], of the size."""
        ...

    def predict(self, x: Tensor, number: int, conditions: Conditions) -> Tensor:
        """The noise in the latents x, float32 [1, channels, h, w], at the timestep of a number."""
        ...


class OwnUNet:
    """livestyle's module, or an engine that was compiled from it."""

    name = "own"

    def __init__(self, conditioner: Conditioner, run: RunUNet, dtype: torch.dtype) -> None:
        """run: takes what `livestyle.diffusion.unet.UNet` takes, in `dtype`."""
        self.conditioner = conditioner
        self.run = run
        self.dtype = dtype

    @classmethod
    def of(cls, unet: Any) -> OwnUNet:
        """unet: a module of diffusers, on its device, channels-last. It can be let go of: the
        weights are shared.

        Raises ModelError for a structure that is not built.
        """
        return cls(*load_unet(unet.config, unet.state_dict()), unet.dtype)

    def pack(self) -> None:
        """See Denoiser."""
        for part in (self.conditioner, self.run):
            if isinstance(part, nn.Module):
                pack_linears(part)

    @torch.no_grad()
    def conditions(self, prompt: Embedding, timesteps: Tensor, time_ids: Tensor) -> Conditions:
        """[steps, all widths], as the resnets need it, and the prompt's keys and values."""
        shifts = [
            self.conditioner.shift(timestep, prompt.pooled, time_ids)
            for timestep in torch.split(timesteps, 1)
        ]
        key_value = self.conditioner.key_value(prompt.context)
        return torch.cat(shifts).to(self.dtype), key_value.to(self.dtype)

    def predict(self, x: Tensor, number: int, conditions: Conditions) -> Tensor:
        """See Denoiser."""
        shifts, key_value = conditions
        return self.run(x.to(self.dtype), shifts[number : number + 1], key_value)


class DiffusersUNet:
    """diffusers' module as it is: slower, and the reference."""

    name = "diffusers"

    def __init__(self, unet: Any) -> None:
        """unet: a module of diffusers, on its device."""
        self._unet = unet

    def pack(self) -> None:
        """Leave it as it is."""

    def conditions(self, prompt: Embedding, timesteps: Tensor, time_ids: Tensor) -> Conditions:
        """What the module is called with; SDXL's pooled prompt and numbers come last."""
        plain = (timesteps, prompt.context)
        return plain if prompt.pooled is None else (*plain, prompt.pooled, time_ids)

    def predict(self, x: Tensor, number: int, conditions: Conditions) -> Tensor:
        """See Denoiser."""
        timesteps, context, *xl = conditions
        added = dict(zip(("text_embeds", "time_ids"), xl, strict=True)) if xl else None
        noise: Tensor = self._unet(
            x.to(self._unet.dtype),
            timesteps[number : number + 1],
            context,
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return noise


DENOISERS: dict[str, Callable[[Any], Denoiser]] = {"own": OwnUNet.of, "diffusers": DiffusersUNet}
