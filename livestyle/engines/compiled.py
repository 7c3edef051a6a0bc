"""Inductor: PyTorch's compiler over the parts of the networks that repeat, and what it made, kept.

The UNet's 70 transformer blocks are two pieces of code, its 17 resnets a dozen: each is compiled
once, not once for each place. The parts are captured into the frame's CUDA graph with the rest, so
Inductor's own graphs are off.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import torch
from torch import nn

from livestyle.diffusion.denoiser import OwnUNet
from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import Decoder, Encoder, Networks, dtype_of, take_networks
from livestyle.diffusion.step import SAMPLERS
from livestyle.diffusion.unet import Resnet, TransformerBlock, UNet
from livestyle.engines.cache import make_private
from livestyle.engines.fp8 import quantise, watched
from livestyle.engines.reference import (
    SCENES,
    agreement,
    chain_of,
    make_reference,
    save_reference,
)

if TYPE_CHECKING:
    from livestyle.engines.cache import Memory
    from livestyle.engines.loadable import Loadable
    from livestyle.engines.spec import Spec

NAME = "torch-compiled"
ARTIFACTS = "artifacts.bin"
_KINDS = 64  # of one part: shapes times what follows them; Dynamo gives up after 8 else


def compile_model(
    model: Loadable, spec: Spec, folder: Path, report: Callable[[float], None]
) -> dict[str, Any]:
    """Compile the networks on this machine; keep what came of it, and the frame by eager PyTorch.

    Returns the facts that it is loaded with, beside the model itself. Raises EngineError.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pipeline = model.pipeline(spec.base_precision, device.type)
    networks = take_networks(pipeline, device, dtype_of(spec.precision), packed=False)
    eager = Model(pipeline, networks, SAMPLERS[model.sampler])
    facts: dict[str, Any] = {}
    if spec.precision == "fp8":
        with watched(unet_of(networks)) as facts["seen"]:
            for scene in SCENES:
                make_reference(eager, spec.size, scene)
    reference = make_reference(eager, spec.size)
    save_reference(reference, folder)
    report(0.2)
    found = agreement(reference, chain_of(compile_parts(networks, facts)))
    found.require(spec.precision, "what Inductor compiled")
    saved = torch.compiler.save_cache_artifacts()
    assert saved is not None  # something was compiled
    (folder / ARTIFACTS).write_bytes(saved[0])
    return facts


def unet_of(networks: Networks) -> UNet:
    """livestyle's own module."""
    denoiser = networks.denoiser
    assert isinstance(denoiser, OwnUNet) and isinstance(denoiser.run, UNet)
    return denoiser.run


def compile_parts(networks: Networks, facts: Mapping[str, Any]) -> Networks:
    """The same networks, in fp8 where the facts say so; parts are compiled when they first run."""
    _use_private_folder()
    dynamo: Any = torch._dynamo
    dynamo.config.recompile_limit = _KINDS
    mode = "max-autotune-no-cudagraphs" if networks.device.type == "cuda" else "default"
    unet = unet_of(networks)
    engine = networks.engine.replace("torch", NAME, 1)
    if "seen" in facts:
        quantise(unet, facts["seen"])
        engine = engine.replace("fp16", "fp8")
    parts: list[nn.Module] = [*unet.parts(Resnet), *unet.parts(TransformerBlock)]
    assert isinstance(networks.encode, Encoder) and isinstance(networks.decode, Decoder)
    parts += [networks.encode.autoencoder.encoder, networks.decode.autoencoder.decoder]
    for part in parts:
        part.compile(mode=mode, dynamic=False, fullgraph=True)
    return dataclasses.replace(networks, engine=engine)


def use_artifacts(files: Mapping[str, Memory]) -> None:
    """Put what was compiled before where Inductor looks for it."""
    _use_private_folder()
    torch.compiler.load_cache_artifacts(files[ARTIFACTS][:])


def _use_private_folder() -> None:
    """For what Inductor writes and runs: else it takes one in the shared temporary folder."""
    folder = platformdirs.user_cache_path("livestyle") / "inductor"
    make_private(folder)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)
