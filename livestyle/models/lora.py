"""LoRA: which kinds of files livestyle applies, and that one is applied whole or not at all."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from livestyle.errors import ModelError
from livestyle.models.folder import safetensors_header, safetensors_metadata
from livestyle.models.lora_config import LoraConfig, read_configs

if TYPE_CHECKING:
    from torch import Tensor

FOLDING = "each layer by its own alpha"
"""How files are folded in, for the digests of engines: another word, another engine."""
# What is in the names of the tensors of other kinds, in the order in which they are told apart.
_KINDS = {
    r"dora_scale|lora_magnitude_vector": "it is a DoRA",
    r"\.hada_": "it is a LoHa",
    r"\.lokr_": "it is a LoKr",
    r"\.(oft|boft)_": "it is an OFT",
    r"\.[ab][12]\.weight$": "it is a GLoRA",
    r"\.on_input$": "it is an IA3",
    r"\.lora_mid\.": "it is a LoCon of three matrices a layer",
    r"\.[wb]_norm$": "it holds norms, as LyCORIS trains them",
    r"\.diff(_b)?$": "it holds full differences, as LyCORIS trains them",
    r"\.(vera|randlora)_": "it is a VeRA or RandLoRA",
    r"emb_params|^clip_[lg]$|bundle_emb|string_to_param": "it holds a textual inversion",
    r"(double|single|joint)_blocks|single_transformer|^(lora_)?transformer[._]|^lora_te3_": (
        "it is for Flux, SD 3 or another transformer"
    ),
    r"^(base_model\.model|diffusion_model)\.": "its layers are named as by PEFT alone or ComfyUI",
}
_MATRIX = re.compile(
    r"(?P<layer>.*?)[._](lora_[AB]|((lora|lora_linear_layer)[._])?(down|up))\.weight$"
)
_ALPHA = re.compile(r"(?P<layer>.*?)([._](lora|lora_linear_layer))?\.alpha$")
_STORED = ("F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
_WIDTHS = {768: "SD 1.5", 1024: "SD 2 (as SD-Turbo)", 2048: "SDXL"}  # of the text that it attends


class _Layer(NamedTuple):
    """The tensors' names; the change of the layer's weight is up x down x alpha / rank."""

    down: str
    up: str
    rank: int
    alpha: str | None  # without one it is the rank, where the metadata says nothing else


def check_lora(file: Path) -> None:
    """Raise ModelError for a file that is damaged, or no LoRA of two matrices a layer."""
    tensors = safetensors_header(file)
    for mark, kind in _KINDS.items():
        if found := next((name for name in tensors if re.search(mark, name)), None):
            raise _refused(file, f"{kind} (its {found!r})")
    _configured(file, _layers(file, tensors))


def _layers(file: Path, tensors: dict[str, Any]) -> dict[str, _Layer]:
    """What it changes, by the layers' names. tensors: of the file's header."""
    parts: dict[str, dict[str, str]] = {}
    for name, told in tensors.items():
        part, layer = _part(file, name, told)
        other = parts.setdefault(layer, {}).setdefault(part, name)
        if other != name:
            raise _refused(file, f"its {other!r} and {name!r} are for the same layer")
    if all(set(names) == {"alpha"} for names in parts.values()):
        raise _refused(file, "nothing in it changes a layer")
    return {layer: _layer(file, names, tensors) for layer, names in parts.items()}


def _part(file: Path, name: str, told: dict[str, Any]) -> tuple[str, str]:
    """What a tensor is, down, up or alpha, and of which layer."""
    if match := _MATRIX.match(name):
        if told["dtype"] not in _STORED:
            known = ", ".join(_STORED)
            raise _refused(file, f"its {name!r} is stored as {told['dtype']}, not one of {known}")
        return "up" if name.endswith(("up.weight", "B.weight")) else "down", match["layer"]
    if match := _ALPHA.match(name):
        if math.prod(told["shape"]) != 1:
            raise _refused(file, f"its {name!r} of {told['shape']} is not one number")
        return "alpha", match["layer"]
    raise _refused(file, f"livestyle does not know what its {name!r} is")


def _layer(file: Path, names: dict[str, str], tensors: dict[str, Any]) -> _Layer:
    if not {"down", "up"} <= names.keys():
        first = next(iter(names.values()))
        lacking = "matrices" if set(names) == {"alpha"} else "second matrix"
        raise _refused(file, f"its {first!r} stands alone, with no {lacking}")
    down, up = (tensors[names[side]]["shape"] for side in ("down", "up"))
    if len(down) != len(up) or len(down) < 2 or down[0] != up[1]:
        raise _refused(file, f"its {names['down']!r} of {down} and {up} do not go together")
    if not math.prod(down) * math.prod(up):
        raise _refused(file, f"its {names['down']!r} of {down} and {up} have nothing in them")
    return _Layer(names["down"], names["up"], down[0], names.get("alpha"))


def _configured(file: Path, layers: dict[str, _Layer]) -> dict[str, LoraConfig]:
    """What the file's metadata says, by network; empty where it says nothing."""
    try:
        configs = read_configs(safetensors_metadata(file))
    except ValueError as error:
        raise _refused(file, str(error)) from error
    for name, layer in layers.items():
        if configs and (name.split(".")[0] not in configs or ".lora_A." not in layer.down):
            raise _refused(file, f"its metadata says nothing of {layer.down!r}")
        if configs and layer.alpha:
            raise _refused(file, f"its metadata gives another alpha beside {layer.alpha!r}")
    return configs


def apply_lora(pipeline: Any, file: Path, scale: float) -> None:
    """Fold a checked file into the networks of a diffusers pipeline.

    Raises ModelError where any of it does not fit them.
    """
    from safetensors import SafetensorError

    tensors = safetensors_header(file)
    layers = _layers(file, tensors)
    try:
        pipeline.load_lora_weights(_scaled(file, layers))
        applied = _applied(pipeline)
        if applied != len(layers):
            lacking = f"{len(layers) - applied} of its {len(layers)}"
            raise _refused(file, f"{lacking} layers are not in this model")
        pipeline.fuse_lora(lora_scale=scale)
        pipeline.unload_lora_weights()
    except (
        OSError,
        ValueError,
        RuntimeError,
        TypeError,
        LookupError,
        AttributeError,
        SafetensorError,
    ) as error:
        raise _refused(file, _why(tensors, error)) from error


def _scaled(file: Path, layers: dict[str, _Layer]) -> dict[str, Tensor]:
    """The matrices in float32, whose product is the change: of many alphas, diffusers and PEFT
    would give all layers the most frequent one.
    """
    import torch
    from safetensors.torch import load_file

    tensors, configs = load_file(file), _configured(file, layers)
    scaled = {}
    for name, layer in layers.items():
        network, _, inner = name.partition(".")
        if layer.alpha:
            factor = float(tensors[layer.alpha].item()) / layer.rank
        else:
            factor = configs[network].factor(inner, layer.rank) if configs else 1.0
        # by a power of two each: in half precision, small numbers would lose bits in one of them
        half = 2.0 ** round(math.log2(abs(factor)) / 2) if math.isfinite(factor) and factor else 1.0
        for matrix, share in ((layer.down, half), (layer.up, factor / half)):
            scaled[matrix] = tensors.pop(matrix).float() * share
            if not torch.isfinite(scaled[matrix]).all():
                raise _refused(file, f"its {matrix!r} or the alpha of that has NaN or infinity")
    return scaled


def _applied(pipeline: Any) -> int:
    """How many layers have been given a LoRA. Raises ValueError for one that is scaled again."""
    from peft.tuners.lora import LoraLayer

    networks = (
        getattr(pipeline, name, None) for name in ("unet", "text_encoder", "text_encoder_2")
    )
    layers = [
        layer
        for network in networks
        if network is not None
        for layer in network.modules()
        if isinstance(layer, LoraLayer)
    ]
    for layer in layers:
        if set(layer.scaling.values()) != {1.0}:
            raise ValueError(f"it scales a layer by {layer.scaling}")
    return len(layers)


def _why(tensors: dict[str, Any], error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()] or [""]
    differs = next((line for line in lines if line.startswith("size mismatch")), "")
    if not differs:
        return f"diffusers can't read it: {lines[0] or type(error).__name__}"
    made_for = _WIDTHS.get(_text_width(tensors), "a model of other sizes")
    return f"it is for {made_for}, not for this model: {differs}"


def _text_width(tensors: dict[str, Any]) -> int:
    """0 where nothing in it attends a text."""
    for name, tensor in tensors.items():
        if re.search(r"attn2[._]to_[kv][._].*(down|lora_A)\.weight$", name):
            return int(tensor["shape"][-1])
    return 0


def _refused(file: Path, why: str) -> ModelError:
    return ModelError(
        f"cannot apply the LoRA {str(file)!r}: {why}; livestyle applies LoRA and LoCon for the "
        "model's own family, as kohya's scripts and diffusers write them"
    )
