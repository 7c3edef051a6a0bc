"""Loading: an engine's verified files as the networks of a model, once they agree with PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch

from livestyle.diffusion.denoiser import OwnUNet
from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import Networks, Traits, take_networks
from livestyle.diffusion.step import SAMPLERS
from livestyle.diffusion.unet import Conditioner, Layout
from livestyle.engines.export import CONDITIONER
from livestyle.engines.reference import REFERENCE, Agreement, agreement, chain_of
from livestyle.errors import EngineError
from livestyle.models.precision import DTYPES, dtype_of, precision_of

if TYPE_CHECKING:
    from livestyle.engines.entry import Entry, Memory
    from livestyle.engines.spec import Spec
    from livestyle.models.loadable import Loadable

Files = Mapping[str, "Memory"]


def open_engine(entry: Entry, model: Loadable) -> Model:
    """The model, run by an engine of the cache.

    Raises EngineError: its files are not what was built, it does not load, or it does not agree
    with PyTorch on this machine.
    """
    manifest, files = entry.read()
    loaded = load_networks(model, manifest.spec, manifest.facts, files)
    pipeline = loaded.pipeline
    if pipeline is None:
        pipeline = model.text_pipeline(precision_of(loaded.networks.dtype))
    return Model(pipeline, loaded.networks, SAMPLERS[model.sampler])


@dataclass(frozen=True)
class Loaded:
    """networks: of an engine. pipeline: what they came from, where they were not self-contained."""

    networks: Networks
    pipeline: Any
    agreement: Agreement


def load_networks(model: Loadable, spec: Spec, facts: Mapping[str, Any], files: Files) -> Loaded:
    """The networks of a spec, once they are near enough to the reference. Raises EngineError."""
    pipeline: Any = None
    if spec.engine == "torch-compiled":
        from livestyle.engines.compiled import check_nothing_was_compiled

        networks, pipeline = _compiled(model, spec, facts, files)
    else:
        networks = _self_contained(spec, facts, files)
    device = networks.device
    reference = {
        name: tensor.to(device)
        for name, tensor in safetensors.torch.load(files[REFERENCE][:]).items()
    }
    found = agreement(reference, chain_of(networks))
    if spec.engine == "torch-compiled":
        check_nothing_was_compiled()
    found.require(spec.precision, f"the engine {spec.label!r}")
    return Loaded(networks, pipeline, found)


def _self_contained(spec: Spec, facts: Mapping[str, Any], files: Files) -> Networks:
    """An engine that holds all networks: nothing is needed of the model but its text encoders."""
    if spec.engine == "tensorrt":
        from livestyle.engines import tensorrt

        loaded: Any = tensorrt.load(files, spec.flavour)
        device, dtype = torch.device("cuda"), dtype_of(spec.precision)
        taken = dtype
    elif spec.engine == "openvino":
        from livestyle.engines import openvino

        loaded = openvino.load(files, spec.precision, spec.targets[0])
        device, dtype, taken = torch.device("cpu"), DTYPES[spec.precision], openvino.DTYPE
        if dtype is torch.float16:  # of an Intel GPU; what is beside it runs on the CPU
            dtype = torch.float32
    else:
        raise EngineError(f"unknown engine {spec.engine!r}; build it again")
    layout = Layout(**facts["layout"])
    state = safetensors.torch.load(files[CONDITIONER][:])
    conditioner = Conditioner.restored(
        layout, {name: tensor.to(device, dtype) for name, tensor in state.items()}
    )
    return Networks(
        denoiser=OwnUNet(conditioner, loaded["unet"], taken),
        encode=loaded["encoder"],
        decode=loaded["decoder"],
        traits=Traits(**facts["traits"]),
        device=device,
        dtype=dtype,
        engine=f"{spec.label} {device.type} {spec.precision}",
    )


def _compiled(
    model: Loadable, spec: Spec, facts: Mapping[str, Any], files: Files
) -> tuple[Networks, Any]:
    from livestyle.engines.compiled import compile_parts, use_artifacts

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pipeline = model.pipeline(spec.base_precision, device.type)
    networks = take_networks(pipeline, device, dtype_of(spec.precision), packed=False)
    use_artifacts(files)
    return compile_parts(networks, facts), pipeline
