"""What the turbo stylizer's settings come to: style, recipe and flags in one; nothing is loaded."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livestyle.config import Config
from livestyle.diffusion.folder import ModelFolder
from livestyle.errors import MissingPackage, ModelError
from livestyle.placement import network_size
from livestyle.recipe import DiffusionRecipe, load_recipe
from livestyle.stylizers.preset import find_preset

# UNet and autoencoder halve the picture five times; below and above the networks lose their sense.
GRID = range(256, 1025, 32)
_STRENGTH = 0.5
_PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors")


def settle_turbo(config: Config, announce: Callable[[str], None]) -> Config:
    """The settings with prompt, strength, seed, steps and size decided.

    Raises ConfigError for an unknown style or recipe, MissingPackage, and ModelError for a model
    that can't be used.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    preset = find_preset(config.style) if config.style else None
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingPackage(package, "turbo")
    if config.model is None:
        raise ModelError(
            "turbo has no model; give --model FOLDER, a folder in diffusers' layout, "
            f"such as a copy of the hub's {recipe.model} ({recipe.licence})"
        )
    ModelFolder(Path(config.model))
    size = config.size
    if size is not None:
        size = network_size(size, size, recipe.size, GRID)
        if size != config.size:
            announce(
                "size {}x{}: made {}x{}, the sides are multiples of 32 from 256 to 1024".format(
                    *config.size or size, *size
                )
            )
    from_text = config.source == "blank"
    usual = 1.0 if from_text else preset.strength if preset else _STRENGTH
    return dataclasses.replace(
        config,
        prompt=_first(config.prompt, preset and preset.prompt, ""),
        strength=_first(config.strength, usual),
        seed=_first(config.seed, preset and preset.seed, 0),
        steps=_first(config.steps, recipe.steps),
        size=size,
    )


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
