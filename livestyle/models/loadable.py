"""Loadable: a model on this disk, or one of random weights, for whoever builds or runs an engine.

It can be sent to another process; nothing is loaded before a pipeline is asked for.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import diffusers
import torch

from livestyle.config import Config
from livestyle.models.digest import canonical, digest
from livestyle.models.fetch import Say
from livestyle.models.folder import ModelFolder, weight_files
from livestyle.models.lora import FOLDING
from livestyle.models.pipeline import load_pipeline, quiet
from livestyle.models.plan import Choice, plan_model
from livestyle.models.random_weights import FAMILIES, SEED, random_pipeline, random_unet
from livestyle.recipe import DiffusionRecipe, load_recipe

_LIBRARY: Any = diffusers  # it has no types


class Loadable(Protocol):
    """Gives pipelines as diffusers'. title: what people call it."""

    @property
    def title(self) -> str: ...

    @property
    def sampler(self) -> str:
        """One of SAMPLERS."""
        ...

    @property
    def stored(self) -> str:
        """How its weights are stored: fp32, fp16 or bf16."""
        ...

    @property
    def unet_bytes(self) -> int:
        """Of the UNet's weights as they are stored."""
        ...

    def pipeline(self, precision: str, device: str) -> Any:
        """With all networks; a StoredModel's are still on the CPU. Raises ModelError."""
        ...

    def text_pipeline(self, precision: str) -> Any:
        """What encodes prompts alone. Raises ModelError."""
        ...

    def skeleton(self) -> Any:
        """A pipeline's UNet and autoencoder without memory for their weights (device "meta").

        Raises OSError.
        """
        ...

    def digests(self) -> Mapping[str, Any]:
        """model, autoencoder and loras of a Spec. Raises OSError."""
        ...


@dataclass(frozen=True)
class StoredModel:
    """A model on this disk."""

    title: str
    choice: Choice

    @property
    def sampler(self) -> str:
        return self.choice.sampler

    @property
    def stored(self) -> str:
        return self.choice.weights.stored

    @property
    def unet_bytes(self) -> int:
        return sum(file.stat().st_size for file in self._unet())

    def pipeline(self, precision: str, device: str) -> Any:
        return load_pipeline(dataclasses.replace(self.choice, precision=precision))[0]

    def text_pipeline(self, precision: str) -> Any:
        choice = dataclasses.replace(self.choice, precision=precision)
        # a LoRA may have a part for the text encoders; diffusers folds it into whole pipelines
        pipeline = load_pipeline(choice, only_text=not choice.loras)[0]
        pipeline.unet = pipeline.vae = None
        return pipeline

    def skeleton(self) -> Any:
        quiet()
        unet, autoencoder = self._settings("unet"), self._settings("vae")
        kind = getattr(_LIBRARY, autoencoder["_class_name"])
        with torch.device("meta"):
            return SimpleNamespace(
                unet=_LIBRARY.UNet2DConditionModel.from_config(unet),
                vae=kind.from_config(autoencoder),
            )

    def digests(self) -> Mapping[str, Any]:
        model = digest(self._unet(), canonical(self._settings("unet")))
        files, salt = self._autoencoder(), canonical(self._settings("vae"))
        if files == self._unet():  # a checkpoint holds both, and is read once
            files, salt = [], salt + model
        return {
            "model": model,
            "autoencoder": digest(files, salt),
            "loras": tuple((digest([file], FOLDING), scale) for file, scale in self.choice.loras),
        }

    def _unet(self) -> list[Path]:
        weights = self.choice.weights
        if isinstance(weights, ModelFolder):
            return weight_files(weights.path / "unet")
        return [weights.path]

    def _autoencoder(self) -> list[Path]:
        own, weights = self.choice.autoencoder, self.choice.weights
        if own is not None:
            return weight_files(own)
        if isinstance(weights, ModelFolder):
            return weight_files(weights.path / "vae")
        return [weights.path]

    def _settings(self, network: str) -> dict[str, Any]:
        """config.json of a network."""
        folder = (self.choice.layout or self.choice.weights.path) / network
        if network == "vae" and self.choice.autoencoder is not None:
            folder = self.choice.autoencoder
        settings: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return settings


@dataclass(frozen=True)
class RandomModel:
    """A model of the exact architecture with random weights. family: sdxl or sd."""

    title: str
    family: str
    sampler: str

    stored = "fp16"

    @property
    def unet_bytes(self) -> int:
        return 2 * FAMILIES[self.family][1]

    def pipeline(self, precision: str, device: str) -> Any:
        return random_pipeline(self.family, device=device, precision=precision)

    def text_pipeline(self, precision: str) -> Any:
        return random_pipeline(self.family, device="cpu", precision=precision, only_text=True)

    def skeleton(self) -> Any:
        with torch.device("meta"):
            return SimpleNamespace(unet=random_unet(self.family), vae=_LIBRARY.AutoencoderTiny())

    def digests(self) -> Mapping[str, Any]:
        name = f"random {self.family} {SEED}"
        return {"model": name, "autoencoder": name, "loras": ()}


def stored_model(config: Config, say: Say) -> StoredModel:
    """The model that settled settings name; what is missing of it is fetched. Raises ModelError.

    say: told how far that is.
    """
    plan = plan_model(config)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return StoredModel(plan.title, plan.fetch(device, say))


def random_model(config: Config) -> RandomModel:
    """The exact architecture of the settings' recipe."""
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    return RandomModel(f"{recipe.model} with random weights", recipe.family, recipe.timesteps)
