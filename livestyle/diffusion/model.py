"""Model: the networks of a diffusion model, loaded through diffusers, as plain callables."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

from livestyle.diffusion.denoiser import Conditions, Embedding
from livestyle.diffusion.networks import Networks, choosing_convolutions, take_networks
from livestyle.diffusion.step import SAMPLERS, Sampler
from livestyle.diffusion.tokens import tokens_of
from livestyle.frame import Size
from livestyle.models.pipeline import load_pipeline
from livestyle.models.plan import Choice

T = TypeVar("T")


class Model:
    """A model on one device: its networks, its text encoders and its way to take few steps.

    Pictures are [1, 3, H, W] in -1 … 1, latents [1, channels, H / reduction, W / reduction] with a
    variance of about 1; both are float32, whatever the networks compute in.

    times_convolutions: whether cuDNN does so on CUDA, see `choosing_convolutions`.
    """

    times_convolutions = True

    def __init__(self, pipeline: Any, networks: Networks, sampler: Sampler) -> None:
        """pipeline: a diffusers pipeline; its text encoders are moved to the networks' device."""
        self.networks = networks
        self.sampler = sampler
        self.traits = networks.traits
        self.device = device = networks.device
        self._pipeline = pipeline
        self._tokens = tokens_of(pipeline)
        self._lanes: list[torch.cuda.Stream] = []
        self._capturing = ThreadPoolExecutor(1, "capture")
        self._beside = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        for encoder in ("text_encoder", "text_encoder_2"):
            if getattr(pipeline, encoder, None) is not None:
                getattr(pipeline, encoder).to(device, networks.dtype)

    def lane(self, number: int) -> torch.cuda.Stream:
        """The CUDA stream of a number, for programs to be captured and replayed on.

        Programs that are never computed at once share one: cuBLAS keeps 32 MiB for each.
        """
        while len(self._lanes) <= number:
            # before the prompts' stream, whose priority is the usual one
            self._lanes.append(torch.cuda.Stream(self.device, priority=-1))  # type: ignore[no-untyped-call]
        return self._lanes[number]

    def capture(self, work: Callable[[], T]) -> T:
        """What `work` returns, from the one thread on which all of a model's graphs are captured:
        how to do a convolution is chosen there, once, and lasts as long as the model does."""

        threads = torch.get_num_threads()  # what was compiled is compiled for so many

        def chosen() -> T:
            torch.set_num_threads(threads)
            with choosing_convolutions(timed=self.times_convolutions):
                return work()

        return self._capturing.submit(chosen).result()

    @torch.no_grad()
    def encode_prompt(self, text: str) -> Embedding:
        """The prompt by the model's text encoders, cut off after 75 tokens. Raises ValueError, or
        what they may raise, where they can't.

        On a GPU that is done beside the frames; it is ready when this returns.
        """
        if self._beside is None:
            return self._encode_prompt(text)
        with torch.cuda.stream(self._beside):
            embedding = self._encode_prompt(text)
        self._beside.synchronize()
        return embedding

    def _encode_prompt(self, text: str) -> Embedding:
        unread = min((tokens.unread(text) for tokens in self._tokens), key=len, default="")
        encoded = self._pipeline.encode_prompt(
            text, device=self.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        return Embedding(encoded[0], encoded[2] if self.traits.is_xl else None, unread)

    def time_ids(self, size: Size) -> Tensor:
        """[1, 6]: what SDXL is told of a picture: size before a crop, its corner, size after it."""
        width, height = size
        return torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32).to(
            self.device
        )

    def encode(self, picture: Tensor) -> Tensor:
        """Picture -> latents."""
        return self.networks.encode(picture).float() * self.traits.scaling

    def decode(self, latents: Tensor) -> Tensor:
        """Latents -> picture; it may overshoot -1 … 1."""
        return self.networks.decode(latents / self.traits.scaling).float()

    def conditions(self, prompt: Embedding, timesteps: Tensor, time_ids: Tensor) -> Conditions:
        """What `predict` needs to know of them; see Denoiser."""
        return self.networks.denoiser.conditions(prompt, timesteps, time_ids)

    def predict(self, x: Tensor, number: int, conditions: Conditions) -> Tensor:
        """The noise in the latents x at the timestep of that number."""
        return self.networks.denoiser.predict(x, number, conditions).float()


def load_model(choice: Choice) -> Model:
    """Load a model from this disk; nothing is fetched. Raises ModelError when it does not load."""
    pipeline, dtype = load_pipeline(choice)
    networks = take_networks(pipeline, torch.device(choice.device), dtype, choice.unet)
    return Model(pipeline, networks, SAMPLERS[choice.sampler])
