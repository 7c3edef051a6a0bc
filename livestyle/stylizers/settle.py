"""What a stylizer's settings come to: style, recipe and flags in one; nothing is loaded."""

from __future__ import annotations

import ctypes.util
import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

from livestyle.config import Config
from livestyle.errors import ConfigError, MissingPackage
from livestyle.installation import adding
from livestyle.recipe import DiffusionRecipe, load_recipe
from livestyle.stylizers.blend import find_blend, package_folder
from livestyle.stylizers.preset import find_preset, list_presets
from livestyle.stylizers.style import DETAIL, USUAL, find_style, list_styles

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "huggingface_hub")
_STRENGTH = 0.5


def settle_stylizer(config: Config, announce: Callable[[str], None]) -> Config:
    """The settings with all that concerns the stylizer decided and checked; nothing is loaded.

    announce: told in one line what was chosen or corrected.

    Raises ConfigError for an unknown style, ModelError for a model that can't be used.
    """
    if config.source == "blank" and config.stylizer not in ("auto", "turbo"):
        raise ConfigError(
            f"source 'blank' shows nothing to stylizer {config.stylizer!r}; use --stylizer turbo"
        )
    if config.stylizer == "auto":
        name, why = choose_stylizer(config)
        announce(f"stylizer {name}, chosen by auto: {why}")
        config = dataclasses.replace(config, stylizer=name)
    if config.stylizer == "lite" and find_blend(config.style):
        package_folder()
        return dataclasses.replace(config, detail=_first(config.detail, DETAIL))
    if config.stylizer == "lite":
        style = find_style(config.style or USUAL)
        return dataclasses.replace(
            config, style=style.name, detail=_first(config.detail, style.detail)
        )
    if config.stylizer == "turbo":
        return settle_turbo(config, announce)
    return config


def settle_turbo(
    config: Config, announce: Callable[[str], None], *, with_model: bool = True
) -> Config:
    """The settings with prompt, strength, seed, steps and size decided.

    with_model: whether there must be a model.

    Raises ConfigError for an unknown style or recipe, MissingPackage, and ModelError for a model
    that can't be used or fetched.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    if find_blend(config.style):
        raise ConfigError(
            f"style {config.style!r}: a picture is a style of lite alone; use --stylizer lite"
        )
    preset = find_preset(config.style) if config.style else None
    if lacking := _lacking():
        raise MissingPackage(lacking, "turbo")
    _check_engine(config)
    if with_model:
        from livestyle.models.plan import plan_model

        plan_model(config).announce(announce)
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
        detail=_first(config.detail, DETAIL),
    )


def _check_engine(config: Config) -> None:
    if config.build == "background" and (config.engine == "torch" or config.unet != "own"):
        raise ConfigError(
            "--build background makes no engine for --engine torch or --unet diffusers; leave it"
        )
    if config.hold_fps is not None:
        if config.build == "background":
            raise ConfigError(
                "--hold-fps: --build background makes an engine of one size; leave it"
            )
        if config.engine not in ("auto", "torch"):
            raise ConfigError(
                f"--hold-fps: engine {config.engine!r} is made for one size; leave it out, or take "
                "--engine torch"
            )


def choose_stylizer(config: Config) -> tuple[str, str]:
    """What `auto` stands for on this machine with these settings, and why in words."""
    if config.source == "blank":
        return "turbo", "it alone makes pictures from nothing"
    if find_blend(config.style):
        return "lite", "it alone takes a picture as a style"
    if config.style and _is_of_lite_alone(config.style):
        return "lite", f"it alone has the style {config.style!r}"
    if why_not := choose_turbo(config):
        return "lite", why_not
    return "turbo", "there is a CUDA GPU, and the model is on this disk"


def _is_of_lite_alone(style: str) -> bool:
    is_of_turbo = any(style == preset.name for preset in list_presets())
    return not is_of_turbo and any(style == each.name for each in list_styles())


def choose_turbo(config: Config) -> str:
    """ "" where turbo would run well on this machine, else why it would not."""
    driver = "nvcuda" if sys.platform == "win32" else "cuda"
    if not ctypes.util.find_library(driver):
        return "no CUDA GPU for turbo (--stylizer turbo runs on a CPU too, at seconds a frame)"
    if lacking := _lacking():
        return f"no {lacking} for turbo; to add it {adding('turbo')}"
    from livestyle.models.plan import plan_model

    if config.model is None and not plan_model(config).is_here():
        return f"no model of {config.recipe} on this disk for turbo (--stylizer turbo fetches it)"
    return ""


def _lacking() -> str:
    return next((name for name in PACKAGES if importlib.util.find_spec(name) is None), "")


def _size(config: Config, recipe: DiffusionRecipe, announce: Callable[[str], None]) -> Any:
    if config.size is None:
        return None
    size = recipe.size_inside(config.size, config.size)
    if size != config.size:
        given, made = ("{}x{}".format(*pair) for pair in (config.size, size))
        announce(f"size {given}: made {made}, the sides are multiples of 32 from 256 to 1024")
    return size


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
