"""Inductor: PyTorch's compiler over the parts of the networks that repeat, and what it made, kept.

The UNet's 70 transformer blocks are two pieces of code, its 17 resnets a dozen: each is compiled
once, not once for each place. The parts are captured into the frame's CUDA graph with the rest, so
Inductor's own graphs are off. So is what makes a build take longer than it is worth: convolutions
stay cuDNN's, and the launch settings of fused kernels those that Inductor takes unasked.
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch._inductor.config
from torch import nn
from torch._dynamo.utils import counters

from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import (
    Decoder,
    Encoder,
    Networks,
    take_networks,
    unet_of,
)
from livestyle.diffusion.step import SAMPLERS
from livestyle.diffusion.unet import Resnet, Transformer, TransformerBlock
from livestyle.engines.cache import user_cache
from livestyle.engines.fp8 import Seen, quantise
from livestyle.engines.levers import Levers
from livestyle.engines.reference import (
    Agreement,
    Reference,
    agreement,
    chain_of,
    keep_reference,
    reference_for,
)
from livestyle.errors import EngineError
from livestyle.frame import Size
from livestyle.models.precision import dtype_of

if TYPE_CHECKING:
    from livestyle.engines.build import Build
    from livestyle.engines.entry import Memory

NAME = "torch-compiled"
ARTIFACTS = "artifacts.bin"
_KINDS = 64  # of one part: shapes times what follows them; Dynamo gives up after 8 else


def compile_model(build: Build, folder: Path, report: Callable[[float], None]) -> dict[str, Any]:
    """Compile the networks on this machine; keep what came of it, and the frame by eager PyTorch.

    PyTorch's frame is in the precision of the engine, or in fp16 where that is fp8.

    Returns the facts that it is loaded with, beside the model itself. Raises EngineError.
    """
    model, spec = build.model, build.spec
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pipeline = model.pipeline(spec.base_precision, device.type)
    networks = take_networks(pipeline, device, dtype_of(spec.precision), packed=False)
    eager = Model(pipeline, networks, SAMPLERS[model.sampler])
    reference, seen = keep_reference(eager, spec.size, spec.precision, folder)
    report(0.2)
    facts = _facts(build.levers, seen)
    use_own_folder()
    _, found = _compile(networks, reference, facts)
    found.require(spec.precision, "what Inductor compiled")
    saved = torch.compiler.save_cache_artifacts()
    assert saved is not None  # something was compiled
    (folder / ARTIFACTS).write_bytes(saved[0])
    return facts


def compile_here(
    eager: Model, size: Size, precision: str, levers: Levers, folder: Path
) -> tuple[Networks, Agreement]:
    """A model's networks, compiled for this process alone, and how near they are to what they were.

    eager: in `precision`, or in fp16 where that is fp8; its UNet is changed. folder: for what
    Inductor writes, and finds again.
    """
    reference, seen = reference_for(eager, size, precision)
    _use_folder(folder)
    return _compile(eager.networks, reference, _facts(levers, seen))


def _facts(levers: Levers, seen: Seen) -> dict[str, Any]:
    return {"levers": levers.words()} | ({"seen": seen} if seen else {})


def _compile(
    networks: Networks, reference: Reference, facts: Mapping[str, Any]
) -> tuple[Networks, Agreement]:
    compiled = compile_parts(networks, facts)
    return compiled, agreement(reference, chain_of(compiled))


def compile_parts(networks: Networks, facts: Mapping[str, Any]) -> Networks:
    """The same networks, with the facts' levers; parts are compiled when they first run.

    facts: levers, as words; seen, what came into the layers that are to be in fp8, where any are.
    """
    dynamo: Any = torch._dynamo
    dynamo.config.recompile_limit = _KINDS  # on this thread alone, which then compiles them all
    levers = Levers.parse(facts["levers"])
    options: dict[str, Any] = {
        "max_autotune_gemm": levers.tune_gemm,
        "max_autotune_conv_backends": "ATEN",
        "coordinate_descent_tuning": False,
        "split_reductions": levers.split_reductions,
    }
    unet = unet_of(networks)
    engine = networks.engine.replace("torch", NAME, 1)
    if "seen" in facts:
        quantise(unet, facts["seen"], fast_accumulation=levers.fast_accumulation)
        engine = engine.replace("fp16", "fp8")
    transformer = Transformer if levers.whole_transformers else TransformerBlock
    parts: list[nn.Module] = [*unet.parts(Resnet), *unet.parts(transformer)]
    assert isinstance(networks.encode, Encoder) and isinstance(networks.decode, Decoder)
    parts += [networks.encode.autoencoder.encoder, networks.decode.autoencoder.decoder]
    for part in parts:
        part.compile(options=options, dynamic=False, fullgraph=True)
    return dataclasses.replace(networks, engine=engine)


def use_artifacts(files: Mapping[str, Memory]) -> None:
    """Put what was compiled before where Inductor looks for it. Raises EngineError."""
    use_own_folder()
    if torch.compiler.load_cache_artifacts(files[ARTIFACTS][:]) is None:
        raise EngineError("PyTorch can't read what Inductor compiled; build the engine again")


def check_nothing_was_compiled() -> None:
    """Raise EngineError where the artifacts did not serve: compiling takes minutes."""
    missed = counters["inductor"]["fxgraph_cache_miss"]
    if missed:
        raise EngineError(
            f"{missed} parts of what Inductor compiled do not fit this machine as it is now (its "
            "driver, say); build the engine again"
        )


@functools.cache
def _own_folder() -> Path:
    folder = user_cache().running_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def use_own_folder() -> None:
    """For what Inductor writes and runs: of this process alone, and gone with it. Else it takes one
    that all processes share, and runs what it finds there.

    Raises EngineError.
    """
    _use_folder(_own_folder())


def _use_folder(folder: Path) -> None:
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)
    inductor: Any = torch._inductor
    inductor.config.autotune_num_choices_displayed = 0  # it would write over the status line
