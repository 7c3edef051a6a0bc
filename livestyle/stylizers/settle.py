"""What the turbo stylizer's settings come to: style, recipe and flags in one; nothing is loaded."""

from __future__ import annotations

import ctypes.util
import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livestyle.config import Config
from livestyle.errors import ConfigError, MissingPackage, ModelError
from livestyle.models.checkpoint import ModelFile, is_checkpoint
from livestyle.models.folder import (
    ModelFolder,
    autoencoder_class,
    check_weights,
    read_layout,
    weight_files,
)
from livestyle.placement import network_size
from livestyle.recipe import DiffusionRecipe, load_recipe
from livestyle.stylizers.preset import find_preset

if TYPE_CHECKING:
    from livestyle.models.fetch import Repo
    from livestyle.models.pin import Pin

# UNet and autoencoder halve the picture five times; below and above the networks lose their sense.
GRID = range(256, 1025, 32)
PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "huggingface_hub")
_STRENGTH = 0.5


def settle_turbo(
    config: Config, announce: Callable[[str], None], *, with_model: bool = True
) -> Config:
    """The settings with prompt, strength, seed, steps and size decided.

    with_model: whether there must be a model.

    Raises ConfigError for an unknown style or recipe, MissingPackage, and ModelError for a model
    that can't be used or fetched.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    preset = find_preset(config.style) if config.style else None
    if lacking := _lacking():
        raise MissingPackage(lacking, "turbo")
    if config.build == "background" and (config.engine == "torch" or config.unet != "own"):
        raise ConfigError(
            "--build background makes no engine for --engine torch or --unet diffusers; leave it"
        )
    if with_model:
        _check_model(config, recipe, announce)
    if config.source == "blank" and config.strength not in (None, 1.0):
        raise ConfigError(
            f"--strength {config.strength:g}: with --source blank there is no picture to keep; "
            "leave it out"
        )
    usual = 1.0 if config.source == "blank" else preset.strength if preset else _STRENGTH
    return dataclasses.replace(
        config,
        prompt=_first(config.prompt, preset and preset.prompt, ""),
        strength=_first(config.strength, usual),
        seed=_first(config.seed, preset and preset.seed, 0),
        steps=_first(config.steps, recipe.steps),
        size=_size(config, recipe, announce),
    )


def choose_turbo(config: Config) -> str:
    """ "" where turbo would run well on this machine, else why it would not."""
    driver = "nvcuda" if sys.platform == "win32" else "cuda"
    if not ctypes.util.find_library(driver):
        return "there is no CUDA GPU; --stylizer turbo runs on a CPU too, at seconds a frame"
    if lacking := _lacking():
        return f"{lacking} is not installed; for turbo: pip install 'livestyle[turbo]'"
    if config.model is None and not _is_cached(config):
        return f"the model of {config.recipe} is not on this disk; --stylizer turbo fetches it"
    return ""


def parse_lora(text: str) -> tuple[Path, float]:
    """File and scale of FILE[:SCALE]. Raises ConfigError."""
    name, colon, number = text.rpartition(":")
    scale = 1.0
    try:
        scale = float(number)
    except ValueError:  # the colon, if any, is part of the name, as in C:\\x.safetensors
        colon = ""
    file = Path(name if colon else text)
    if not file.is_file() or not -10 <= scale <= 10:
        raise ConfigError(f"--lora {text!r}: FILE.safetensors[:SCALE] is expected, a file there is")
    return file, scale


def _lacking() -> str:
    return next((name for name in PACKAGES if importlib.util.find_spec(name) is None), "")


def needed_repos(config: Config, recipe: DiffusionRecipe) -> dict[str, Repo]:
    """What the settings need of the hub: "model", "layout", "autoencoder", "lora", or less.

    Raises ConfigError where the recipe does not fit the model, ModelError.
    """
    from livestyle.models.fetch import layout, repos

    needed = repos(recipe, full_autoencoder=config.autoencoder == "full")
    if config.autoencoder not in ("auto", "tiny"):
        needed.pop("autoencoder", None)
    if config.model is None:
        return needed
    of_recipe = {"autoencoder": needed["autoencoder"]} if config.autoencoder == "tiny" else {}
    if is_checkpoint(config.model):
        of_recipe["layout"] = layout(recipe)
    if of_recipe and (family := _family_of_model(config.model)) != _family(recipe):
        raise ConfigError(
            f"the model {config.model!r} is of the family {family}, the recipe {config.recipe!r} "
            f"is not, and its {' and '.join(of_recipe)} would be used; choose another --recipe"
        )
    own = _own_pin(config.model)
    return of_recipe | ({"model": own.model(own_autoencoder=_uses_own(config))} if own else {})


def open_weights(config: Config, fetched: dict[str, Path]) -> ModelFolder | ModelFile:
    """The model of the settings, checked. fetched: `needed_repos`, each in its folder now.

    Raises ModelError.
    """
    own = "autoencoder" not in fetched and _uses_own(config)
    if "model" not in fetched and is_checkpoint(str(config.model)):
        return ModelFile(Path(str(config.model)), own_autoencoder=own)
    return ModelFolder(fetched.get("model") or Path(str(config.model)), own_autoencoder=own)


def _uses_own(config: Config) -> bool:
    return config.autoencoder in ("auto", "full")


def _own_pin(model: str) -> Pin | None:
    """What the hub says of `--model`, where that is an id there."""
    from livestyle.models.pin import is_hub_id, pin

    return None if is_checkpoint(model) or not is_hub_id(model) else pin(model)


def _layout_of(model: str) -> Path:
    """Where the settings of a folder or a model on the hub are; they are fetched for that."""
    own = _own_pin(model)
    return Path(model) if own is None else own.layout().fetch()


def _family_of_model(model: str) -> str:
    if is_checkpoint(model):
        return ModelFile(Path(model), own_autoencoder=False).family
    return read_layout(_layout_of(model))[0]


def _family(recipe: DiffusionRecipe) -> str:
    return "sdxl" if recipe.autoencoder.endswith("taesdxl") else "sd"


def _is_cached(config: Config) -> bool:
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    return all(repo.cached() for repo in needed_repos(config, recipe).values())


def _check_model(config: Config, recipe: DiffusionRecipe, announce: Callable[[str], None]) -> None:
    if config.autoencoder not in ("auto", "full", "tiny"):
        autoencoder_class(Path(config.autoencoder))
        weight_files(Path(config.autoencoder))
    for lora in config.lora:
        check_weights(parse_lora(lora)[0])
    licence = recipe.licence
    if config.model is not None:
        own = _own_pin(config.model)
        licence = own.licence if own else licence
        _check_own_model(config.model, config, on_disk=own is None)
    if needed := needed_repos(config, recipe):
        from livestyle.models.fetch import announce_download

        announce_download(list(needed.values()), licence, announce)


def _check_own_model(model: str, config: Config, *, on_disk: bool) -> None:
    if is_checkpoint(model):
        ModelFile(Path(model), own_autoencoder=_uses_own(config))
        return
    layout = _layout_of(model)
    read_layout(layout)
    if on_disk:
        ModelFolder(layout, own_autoencoder=_uses_own(config))
    kind = autoencoder_class(layout / "vae") if _uses_own(config) else ""
    if config.autoencoder == "full" and kind != "AutoencoderKL":
        raise ModelError(f"--autoencoder full: that of {model!r} is an {kind}; use auto")


def _size(config: Config, recipe: DiffusionRecipe, announce: Callable[[str], None]) -> Any:
    if config.size is None:
        return None
    size = network_size(config.size, config.size, recipe.size, GRID)
    if size != config.size:
        given, made = ("{}x{}".format(*pair) for pair in (config.size, size))
        announce(f"size {given}: made {made}, the sides are multiples of 32 from 256 to 1024")
    return size


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
