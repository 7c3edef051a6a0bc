"""Model: the networks of a diffusion model, loaded through diffusers, as plain callables."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from livestyle.diffusion.denoiser import Conditions, Embedding
from livestyle.diffusion.networks import (
    DTYPES,
    Networks,
    choosing_convolutions,
    quiet,
    take_networks,
)
from livestyle.diffusion.step import SAMPLERS, Sampler
from livestyle.errors import MissingPackage, ModelError
from livestyle.frame import Size
from livestyle.machine import describe_machine
from livestyle.models.checkpoint import ModelFile
from livestyle.models.folder import ModelFolder, autoencoder_class, variant

try:
    import diffusers
    import torch
    from safetensors import SafetensorError
    from torch import Tensor
except ImportError as missing:
    raise MissingPackage(missing.name or "diffusers", "turbo") from missing


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
        """The prompt by the model's text encoders, cut off after 75 tokens.

        On a GPU that is done beside the frames; it is ready when this returns.
        """
        if self._beside is None:
            return self._encode_prompt(text)
        with torch.cuda.stream(self._beside):
            embedding = self._encode_prompt(text)
        self._beside.synchronize()
        return embedding

    def _encode_prompt(self, text: str) -> Embedding:
        encoded = self._pipeline.encode_prompt(
            text, device=self.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        return Embedding(encoded[0], encoded[2] if self.traits.is_xl else None)

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


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which model to load, and how.

    sampler: one of SAMPLERS. device: as torch names it. precision: fp32, bf16, fp16 or auto, see
    `choose_precision`. layout: a model's folder, for what a ModelFile does not say. autoencoder: a
    folder of its own, in place of the model's. loras: files and their scales, folded into the
    weights. unet: one of DENOISERS.
    """

    weights: ModelFolder | ModelFile
    sampler: str
    device: str
    precision: str
    layout: Path | None = None
    autoencoder: Path | None = None
    loras: tuple[tuple[Path, float], ...] = ()
    unet: str = "own"


def load_model(choice: Choice) -> Model:
    """Load a model from this disk; nothing is fetched. Raises ModelError when it does not load."""
    pipeline, dtype = load_pipeline(choice)
    networks = take_networks(pipeline, torch.device(choice.device), dtype, choice.unet)
    return Model(pipeline, networks, SAMPLERS[choice.sampler])


def load_pipeline(choice: Choice, *, only_text: bool = False) -> tuple[Any, torch.dtype]:
    """A diffusers pipeline with its LoRAs folded in, still on the CPU, and what it computes in.

    only_text: without the networks that an engine has.

    Raises ModelError.
    """
    quiet()
    weights = choice.weights
    dtype = DTYPES[choose_precision(choice.precision, choice.device, weights.stored)]
    options: dict[str, Any] = {"dtype": dtype, "local_files_only": True}
    if only_text:
        options |= {"unet": None, "vae": None}
    elif choice.autoencoder is not None:
        options["vae"] = _load_autoencoder(choice.autoencoder, dtype)
    kind: Any = diffusers.StableDiffusionXLPipeline
    if weights.family == "sd":
        kind = diffusers.StableDiffusionPipeline
        options |= {"safety_checker": None, "feature_extractor": None}
        options["requires_safety_checker"] = False
    with _reported(weights.path):
        if isinstance(weights, ModelFile):
            pipeline = kind.from_single_file(
                str(weights.path), config=str(choice.layout), **options
            )
        else:
            options |= {"use_safetensors": True, "variant": variant(weights.path / "unet")}
            pipeline = kind.from_pretrained(weights.path, **options)
    for file, scale in choice.loras:
        with _reported(file):
            pipeline.load_lora_weights(str(file.parent), weight_name=file.name)
            if not pipeline.get_active_adapters():
                raise ValueError("nothing in it fits this model")
            pipeline.fuse_lora(lora_scale=scale)
            pipeline.unload_lora_weights()
    return pipeline, dtype


def choose_precision(wanted: str, device: str, stored: str) -> str:
    """What "auto" stands for: fp16 on a GPU; on the CPU as the weights are stored.

    But half precision is bf16 there, and fp32 where the CPU does not compute in bf16 by itself.
    """
    if wanted != "auto":
        return wanted
    if device != "cpu":
        return "fp16"
    fast = {"amx_bf16", "avx512_bf16"} & set(describe_machine()["cpu_features"])
    return "bf16" if stored != "fp32" and fast else "fp32"


def _load_autoencoder(folder: Path, dtype: torch.dtype) -> Any:
    kind = getattr(diffusers, autoencoder_class(folder))
    options = {"dtype": dtype, "use_safetensors": True, "local_files_only": True}
    with _reported(folder):
        return kind.from_pretrained(folder, **options, variant=variant(folder))


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"cannot load {str(path)!r}: {first}") from error
