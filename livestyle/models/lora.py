"""LoRA: which kinds of files livestyle applies, and what is in them."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from livestyle.errors import ModelError
from livestyle.models.folder import safetensors_header, safetensors_metadata
from livestyle.models.lora_config import LoraConfig, read_configs

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


class Layer(NamedTuple):
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
            raise refused(file, f"{kind} (its {found!r})")
    configured(file, layers_of(file, tensors))


def layers_of(file: Path, tensors: dict[str, Any]) -> dict[str, Layer]:
    """What it changes, by the layers' names. tensors: of the file's header."""
    parts: dict[str, dict[str, str]] = {}
    for name, told in tensors.items():
        part, layer = _part(file, name, told)
        other = parts.setdefault(layer, {}).setdefault(part, name)
        if other != name:
            raise refused(file, f"its {other!r} and {name!r} are for the same layer")
    if all(set(names) == {"alpha"} for names in parts.values()):
        raise refused(file, "nothing in it changes a layer")
    return {layer: _layer(file, names, tensors) for layer, names in parts.items()}


def _part(file: Path, name: str, told: dict[str, Any]) -> tuple[str, str]:
    """What a tensor is, down, up or alpha, and of which layer."""
    if match := _MATRIX.match(name):
        if told["dtype"] not in _STORED:
            known = ", ".join(_STORED)
            raise refused(file, f"its {name!r} is stored as {told['dtype']}, not one of {known}")
        return "up" if name.endswith(("up.weight", "B.weight")) else "down", match["layer"]
    if match := _ALPHA.match(name):
        if math.prod(told["shape"]) != 1:
            raise refused(file, f"its {name!r} of {told['shape']} is not one number")
        return "alpha", match["layer"]
    raise refused(file, f"livestyle does not know what its {name!r} is")


def _layer(file: Path, names: dict[str, str], tensors: dict[str, Any]) -> Layer:
    if not {"down", "up"} <= names.keys():
        first = next(iter(names.values()))
        lacking = "matrices" if set(names) == {"alpha"} else "second matrix"
        raise refused(file, f"its {first!r} stands alone, with no {lacking}")
    down, up = (tensors[names[side]]["shape"] for side in ("down", "up"))
    if len(down) != len(up) or len(down) < 2 or down[0] != up[1]:
        raise refused(file, f"its {names['down']!r} of {down} and {up} do not go together")
    if not math.prod(down) * math.prod(up):
        raise refused(file, f"its {names['down']!r} of {down} and {up} have nothing in them")
    return Layer(names["down"], names["up"], down[0], names.get("alpha"))


def configured(file: Path, layers: dict[str, Layer]) -> dict[str, LoraConfig]:
    """What the file's metadata says, by network; empty where it says nothing."""
    try:
        configs = read_configs(safetensors_metadata(file))
    except ValueError as error:
        raise refused(file, str(error)) from error
    for name, layer in layers.items():
        if configs and (name.split(".")[0] not in configs or ".lora_A." not in layer.down):
            raise refused(file, f"its metadata says nothing of {layer.down!r}")
        if configs and layer.alpha:
            raise refused(file, f"its metadata gives another alpha beside {layer.alpha!r}")
    return configs


def refused(file: Path, why: str) -> ModelError:
    """What to raise for a file that is not applied."""
    return ModelError(
        f"cannot apply the LoRA {str(file)!r}: {why}; livestyle applies LoRA and LoCon for the "
        "model's own family, as kohya's scripts and diffusers write them"
    )
