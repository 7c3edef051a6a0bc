"""Choice: which engine runs a model on this machine, and why that one."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from livestyle.config import Config
from livestyle.engines import tensorrt
from livestyle.engines.cache import Cache, user_cache
from livestyle.engines.entry import Entry
from livestyle.engines.fp8 import TARGETS_FROM
from livestyle.engines.spec import Spec, exporter, graph_digest, this_platform, version_of
from livestyle.errors import ConfigError, EngineError, MissingEngine, reason
from livestyle.frame import Size
from livestyle.installation import command
from livestyle.machine import describe_machine
from livestyle.models.loadable import Loadable, RandomModel
from livestyle.models.precision import choose_precision
from livestyle.recipe import DiffusionRecipe, load_recipe

# What a kind of device can run, the fastest first.
_OF_DEVICE = {"cuda": ("tensorrt", "torch-compiled"), "cpu": ("openvino", "torch-compiled")}
_PRECISIONS = {
    "tensorrt": ("fp16", "fp32", "fp8"),  # its Resize takes no bf16
    "openvino": ("bf16", "fp32"),
    "openvino on a GPU": ("fp16", "fp32"),
    "torch-compiled": ("fp16", "bf16", "fp32", "fp8"),
}
_VERSIONS = {"openvino": "openvino", "torch-compiled": "torch"}


@dataclass(frozen=True)
class Device:
    """What runs the networks. target: as engines are built for. card: the very one, in words."""

    kind: str  # cuda or cpu, as torch names it
    target: str
    card: str


def this_device(kind: str | None = None) -> Device:
    """This machine's GPU where PyTorch finds one, else its CPU. kind: cuda or cpu, to have that."""
    if kind != "cpu" and torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
        card = f"{properties.name}, {properties.multi_processor_count} SMs, "
        card += f"{properties.total_memory >> 20} MiB"
        return Device("cuda", f"sm_{properties.major}{properties.minor}", card)
    return Device("cpu", "+".join(["cpu", *describe_machine()["cpu_features"]]), "")


def device_for(engine: str, recipe: DiffusionRecipe) -> Device:
    """What an engine of that name, or "auto", runs on here: an Intel GPU if the recipe says so.

    Raises EngineError where there is none.
    """
    if recipe.device == "GPU" and engine in ("auto", "openvino"):
        from livestyle.engines.openvino import gpu_target

        return Device("cpu", gpu_target(), "")
    return this_device("cpu" if engine == "openvino" else None)


@dataclass(frozen=True)
class Wanted:
    """A model at a size, to be run in a precision or "auto"."""

    model: Loadable
    size: Size
    precision: str

    def spec(
        self, engine: str, device: Device, *, flavour: str = "", targets: tuple[str, ...] = ()
    ) -> Spec:
        """Of an engine for a device, or for GPUs named as targets.

        Raises ConfigError for a precision that the engine does not compute in, EngineError for
        weights that can't be read.
        """
        # what is measured on a card, or compiled for its very size, is that card's alone
        bound = flavour == "full" or (engine == "torch-compiled" and device.kind == "cuda")
        library = tensorrt.package(flavour) if flavour else _VERSIONS[engine]
        return Spec(
            **self._digests,
            size=self.size,
            batch=1,
            precision=self._precision(engine, targets or (device.target,), device.kind),
            graph=graph_digest(),
            exporter=exporter(engine),
            engine=engine,
            flavour=flavour,
            version=version_of(library),
            targets=targets or (device.target,),
            card=device.card if bound else "",
            platform=this_platform(),
        )

    @functools.cached_property
    def _digests(self) -> Mapping[str, Any]:
        """Of the weights, read once."""
        try:
            return self.model.digests()
        except OSError as error:
            raise EngineError(f"cannot read {self.model.title!r}: {reason(error)}") from error

    def _precision(self, engine: str, targets: tuple[str, ...], kind: str) -> str:
        allowed = _allowed(engine, targets[0])
        if self.precision == "auto":
            on_gpu = kind == "cuda" or not targets[0].startswith("cpu")
            return "fp16" if on_gpu else choose_precision("auto", "cpu", self.model.stored)
        if self.precision not in allowed:
            raise ConfigError(
                f"--precision {self.precision}: engine {engine} computes in {' or '.join(allowed)}"
            )
        if self.precision == "fp8" and (unfit := sorted(filter(_lacks_fp8, targets))):
            raise ConfigError(f"--precision fp8: {unfit[0]} does not compute in it; use fp16")
        return self.precision

    def specs(self, engine: str, device: Device) -> Iterator[Spec]:
        """Every spec of an engine that this device runs. Raises ConfigError, EngineError."""
        for flavour in flavours(device) if engine == "tensorrt" else ("",):
            yield self.spec(engine, device, flavour=flavour)


def _allowed(engine: str, target: str) -> tuple[str, ...]:
    if engine == "openvino" and not target.startswith("cpu"):
        engine = "openvino on a GPU"
    return _PRECISIONS[engine]


def _built(wanted: Wanted, engines: Iterable[str], device: Device, cache: Cache) -> Entry | None:
    """The first that is in the cache; weights are hashed only where it has any."""
    for engine in engines if cache.entries() else ():
        for spec in wanted.specs(engine, device):
            if entry := cache.find(spec):
                return entry
    return None


def _lacks_fp8(target: str) -> bool:
    return not target.startswith("sm_") or int(target[3:]) < TARGETS_FROM


def flavours(device: Device) -> list[str]:
    """Of TensorRT: those that are installed and run on the device."""
    return [
        name
        for name in tensorrt.installed()
        if name == "full" or device.target in tensorrt.RTX_TARGETS
    ]


def choose_engine(
    wanted: Wanted, engine: str, device: Device, cache: Cache, build_command: str
) -> tuple[Entry | None, str]:
    """The cache's entry to run, or None for PyTorch; and why, in words.

    engine: its name, or "auto": what is built for the device, the fastest first. device: see
    `device_for`.

    Raises EngineError where one that was asked for is not there (MissingEngine), or one that is
    there is damaged; ConfigError for a precision that it does not compute in.
    """
    if engine == "torch":
        if wanted.precision == "fp8":
            raise ConfigError("--precision fp8: engine torch computes in fp16, bf16 or fp32")
        return None, "it was asked for"
    if engine == "tensorrt" and device.kind != "cuda":
        raise EngineError("--engine tensorrt: PyTorch finds no CUDA GPU; use --engine auto")
    names: Iterable[str] = (engine,)
    if engine == "auto":
        names = [
            name
            for name in _OF_DEVICE[device.kind]
            if wanted.precision in ("auto", *_allowed(name, device.target))
        ]
    if entry := _built(wanted, names, device, cache):
        return entry, "it is built for this model, size and device"
    width, height = wanted.size
    where = f"built for {wanted.model.title} at {width}x{height} on {device.target}"
    if engine == "auto" and wanted.precision != "fp8":
        return None, f"no other is {where}; to build one: {build_command}"
    raise MissingEngine(
        f"--engine {engine}: no engine is {where}; build it: {build_command} --engine {engine}"
    )


def choose_engine_for(config: Config, wanted: Wanted) -> tuple[Entry | None, str]:
    """The cache's engine that the settings run, None for PyTorch; and why. Raises EngineError."""
    if config.unet == "diffusers":
        if wanted.precision == "fp8":
            raise ConfigError(
                "--precision fp8: diffusers' UNet has none; leave out --unet diffusers"
            )
        if config.engine not in ("auto", "torch"):
            raise ConfigError(
                f"--engine {config.engine} is compiled from livestyle's own UNet; leave out "
                "--unet diffusers"
            )
        return None, "the UNet of diffusers is not compiled"
    command = _build_command(config, wanted)
    try:
        device = device_for(config.engine, load_recipe(config.recipe, DiffusionRecipe))
        return choose_engine(wanted, config.engine, device, user_cache(), command)
    except MissingEngine:
        if config.build != "background" or wanted.precision == "fp8":
            raise
        return None, f"engine {config.engine} is being built"


def _build_command(config: Config, wanted: Wanted) -> str:
    """What a user types to build an engine for the settings."""
    flags = ["--size {}x{}".format(*wanted.size)]
    if isinstance(wanted.model, RandomModel):
        flags.append("--random-weights")
    for name in ("model", "autoencoder", "precision"):
        value, usual = getattr(config, name), getattr(Config(), name)
        if value != usual:
            flags.append(f"--{name} {shlex.quote(value)}")
    flags += [f"--lora {shlex.quote(lora)}" for lora in config.lora]
    return command(" ".join(["build", shlex.quote(config.recipe), *flags]))
