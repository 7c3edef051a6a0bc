"""Spec: all that an engine depends on. Engines of equal specs are the same engine."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.resources
import platform
import sys
from dataclasses import dataclass
from typing import Any

from livestyle.frame import Size
from livestyle.models.digest import canonical

OPSET = 20  # of ONNX; the first with a node for GELU, which TensorRT and OpenVINO fuse
NONE = "none"
# Whose source decides how a network looks to a compiler, and what is kept of it.
_DRAWN_BY = (
    "diffusion/denoiser.py",
    "diffusion/networks.py",
    "diffusion/unet.py",
    "engines/compiled.py",
    "engines/export.py",
    "engines/fp8.py",
    "engines/levers.py",
    "engines/openvino.py",
    "engines/reference.py",
    "engines/tensorrt.py",
)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What is in the cache under one key.

    model, autoencoder: SHA-256 of settings and weights. loras: SHA-256 and scale. graph: SHA-256 of
    livestyle's code that defines the networks. flavour: of TensorRT, rtx or full. targets: GPUs as
    sm_89, or a CPU with what it computes in. card: the one GPU that it runs on, where it is bound
    to one.
    """

    model: str
    autoencoder: str
    loras: tuple[tuple[str, float], ...]
    size: Size
    batch: int
    precision: str
    graph: str
    exporter: str
    engine: str
    flavour: str
    version: str
    targets: tuple[str, ...]
    card: str
    platform: str

    @property
    def key(self) -> str:
        """32 hexadecimal digits, another for every other spec."""
        return hashlib.sha256(canonical(dataclasses.asdict(self)).encode()).hexdigest()[:32]

    @property
    def label(self) -> str:
        """What compiles it, in words: "tensorrt rtx 1.7.1.116"."""
        return " ".join(filter(None, (self.engine, self.flavour, self.version)))

    def serves(self, wanted: Spec) -> bool:
        """Whether an engine of this spec does for `wanted`: it may be for more targets.

        Where what exported it is not installed, its version is not asked for.
        """
        exporter = wanted.exporter if NONE in wanted.exporter else self.exporter
        alike = dataclasses.replace(self, targets=wanted.targets, exporter=exporter) == wanted
        return alike and set(wanted.targets) <= set(self.targets)

    @property
    def base_precision(self) -> str:
        """What is in half precision where the large layers are in 8 bits."""
        return "fp16" if self.precision == "fp8" else self.precision

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Spec:
        """Of what JSON made of it. Raises TypeError or ValueError where it is none."""
        if wrong := {field.name for field in dataclasses.fields(cls)} ^ set(plain):
            raise ValueError(f"missing or unknown: {sorted(wrong)[0]}")
        values = dict(plain)
        texts = [name for name in values if name not in ("loras", "size", "batch", "targets")]
        width, height = plain["size"]
        values["size"] = _whole(width, "width"), _whole(height, "height")
        values["batch"] = _whole(plain["batch"], "batch")
        values["loras"] = tuple(
            (_text(digest, "LoRA"), float(scale)) for digest, scale in plain["loras"]
        )
        values["targets"] = tuple(_text(target, "target") for target in plain["targets"])
        return cls(**values | {name: _text(values[name], name) for name in texts})


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"its {what} is no text but {str(value)[:40]}")
    return value


def _whole(value: Any, what: str) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"its {what} is no whole number from 1 on but {str(value)[:40]}")
    return value


@functools.cache
def graph_digest() -> str:
    """SHA-256 of the code that defines the networks."""
    package = importlib.resources.files("livestyle")
    hashed = hashlib.sha256()
    for name in _DRAWN_BY:
        hashed.update((package / name).read_bytes())
    return hashed.hexdigest()


def exporter(engine: str) -> str:
    """What the networks come from and are written by, with the versions of all that takes part."""
    versions = [f"{name} {version_of(name)}" for name in ("torch", "diffusers", "peft")]
    if engine != "torch-compiled":
        versions += [f"onnxscript {version_of('onnxscript')}", f"opset {OPSET}"]
    return ", ".join(versions)


def version_of(package: str) -> str:
    """Its version, or that there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return NONE


def this_platform() -> str:
    """Operating system and processor: engines are not portable across them."""
    return f"{sys.platform}-{platform.machine().lower()}"
