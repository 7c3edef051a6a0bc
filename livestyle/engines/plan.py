"""Plan: what a build is asked for, as a Build; and the same beside a run."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Sequence

import torch

from livestyle.config import Config
from livestyle.engines.build import GIB, Build, build_engine, check_room, needs
from livestyle.engines.cache import user_cache
from livestyle.engines.choice import Device, Wanted, device_for, flavours
from livestyle.engines.levers import Levers
from livestyle.engines.tensorrt import RTX_TARGETS, installed, library
from livestyle.errors import ConfigError, EngineError, MissingPackage
from livestyle.frame import Size
from livestyle.installation import adding, command
from livestyle.models.loadable import Loadable, random_model, stored_model
from livestyle.recipe import DiffusionRecipe, load_recipe

_USUAL_OUTPUT = (1280, 720)  # and every other of 16:9

# What an engine's way from PyTorch needs, of the extra "build".
_EXPORTERS = {
    "tensorrt": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript"),
    "torch-compiled": (),
}


def plan_build(
    config: Config,
    *,
    targets: tuple[str, ...],
    flavour: str | None,
    random_weights: bool,
    say: Callable[[str], None],
) -> Build:
    """The build of a recipe's model, or that of the settings.

    config: settled. targets: GPUs as sm_89; none: this machine. say: told what is decided, and how
    far a download is. Raises ConfigError, EngineError, MissingPackage, ModelError.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    device = device_for(config.engine, recipe)
    engine = _engine(config, device, targets, flavour)
    for package in _EXPORTERS[engine]:
        if importlib.util.find_spec(package) is None:
            raise MissingPackage(package, "build")
    chosen = ""
    if engine == "tensorrt":
        chosen = _flavour(device, targets, flavour)
        targets = _targets(device, targets, chosen)
    elif targets or flavour:
        raise ConfigError(f"--target and --flavour are for --engine tensorrt, not {engine}")
    # what `bench` takes, or `run`
    shown = recipe.size if random_weights else config.output_size or _USUAL_OUTPUT
    size = recipe.size_inside(shown, config.size)
    model: Loadable = random_model(config) if random_weights else stored_model(config, say)
    wanted = Wanted(model, size, recipe.precision_for(config.precision))
    spec = wanted.spec(engine, device, flavour=chosen, targets=targets)
    on = spec.card or ", ".join(spec.targets)
    say(f"{model.title} {size[0]}x{size[1]} {spec.precision}, {spec.label}, for {on}")
    if config.size is None and not random_weights:
        say("that is what run takes for {}x{}; else name its --output-size".format(*shown))
    return Build(model, spec)


def with_levers(build: Build, words: Sequence[str]) -> Build:
    """The same build with levers. Raises ConfigError for one that is unknown or not for it."""
    levers = Levers.parse(words)
    if not levers.cudnn_benchmark:
        raise ConfigError("--lever no-cudnn-benchmark: no engine keeps that; it is for bench turbo")
    if words and build.spec.engine != "torch-compiled":
        raise ConfigError(
            f"--lever {words[0]}: that is for --engine torch-compiled, not {build.spec.engine}"
        )
    return dataclasses.replace(build, levers=levers)


def build_beside(config: Config, output_size: Size, report: Callable[[str], None]) -> bool:
    """Build the engine that a run with these settings would take, at low priority.

    report: told in words how far it is. Returns whether there is one now that was not there.

    Raises EngineError where it can't be built, or the GPU would not hold both it and what runs.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    size = recipe.size_inside(output_size, config.size)
    sized = dataclasses.replace(config, size=size)
    build = plan_build(sized, targets=(), flavour=None, random_weights=False, say=report)
    cache = user_cache()
    if cache.find(build.spec):
        return False
    if torch.cuda.is_available() and build.spec.engine != "openvino":
        needed, (free, _) = needs(build).gpu, torch.cuda.mem_get_info()
        if free < needed:
            raise EngineError(
                f"the GPU has {free / GIB:.1f} GiB free, {needed / GIB:.1f} are needed beside what "
                f"runs; stop, and run: {command('build')}"
            )
    check_room(build, cache)
    build = dataclasses.replace(build, background=True)
    build_engine(build, cache, lambda phase, part: report(f"{phase} {part:.0%}"))
    return True


def _engine(config: Config, device: Device, targets: tuple[str, ...], flavour: str | None) -> str:
    if config.engine == "torch":
        raise ConfigError("--engine torch: nothing is built for it")
    if config.engine != "auto":
        return config.engine
    if targets or flavour or (device.kind == "cuda" and flavours(device)):
        return "tensorrt"
    return "torch-compiled" if device.kind == "cuda" else "openvino"


def _flavour(device: Device, targets: tuple[str, ...], wanted: str | None) -> str:
    """Which TensorRT: that named, else the one that is installed and builds for the targets."""
    if not targets and device.kind == "cpu":
        known = ", ".join(RTX_TARGETS)
        raise EngineError(f"there is no GPU here to build for; name one with --target, of: {known}")
    if wanted is None:
        there = installed()
        if not there:
            raise MissingPackage("tensorrt-rtx", "rtx")
        fit = there if targets else flavours(device)
        if not fit:
            raise EngineError(
                f"TensorRT-RTX does not build for {device.target}; use --engine torch-compiled, or "
                f"install TensorRT, {adding('tensorrt')}"
            )
        wanted = "rtx" if "rtx" in fit else fit[0]
    library(wanted)  # or say that it is not installed
    return wanted


def _targets(device: Device, targets: tuple[str, ...], flavour: str) -> tuple[str, ...]:
    if flavour == "full":
        if device.kind != "cuda" or set(targets) - {device.target}:
            raise EngineError(
                f"--flavour full builds for the GPU of this machine alone ({device.target}); "
                "build there, or use --flavour rtx"
            )
        return (device.target,)
    targets = tuple(sorted(set(targets or (device.target,))))
    if unknown := sorted(set(targets) - set(RTX_TARGETS)):
        raise ConfigError(
            f"--target {unknown[0]}: TensorRT-RTX builds for {', '.join(RTX_TARGETS)}; for "
            "others, build on that machine with --flavour full or --engine torch-compiled"
        )
    return targets
