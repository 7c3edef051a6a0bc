"""What diffusers writes of a LoRA in its file's metadata: PEFT's LoraConfig of each network."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_KEY = "lora_adapter_metadata"
# How training began; of others a part is in the model's own weights, which are not those any more.
_BEGINNINGS = (None, True, False, "gaussian", "eva", "orthogonal")


class LoraConfig(NamedTuple):
    """What of it matters for what a layer's matrices count. alphas: by layers' names, or by what
    these end in.
    """

    alpha: float
    alphas: Mapping[str, float]
    by_root: bool  # of the rank (rsLoRA)

    def factor(self, layer: str, rank: int) -> float:
        """What the product of the matrices of a layer is multiplied by."""
        ends = (name for name in self.alphas if _is_of(name, layer))
        alpha = self.alphas.get(next(ends, ""), self.alpha)
        return alpha / math.sqrt(rank) if self.by_root else alpha / rank


def _is_of(name: str, layer: str) -> bool:
    whole = name.removeprefix("^")
    return layer == whole or (name == whole and layer.endswith(f".{name}"))


def read_configs(metadata: Mapping[str, str]) -> dict[str, LoraConfig]:
    """Those in the metadata of a safetensors file, by network, as "unet"; none where there are
    none. Raises ValueError for what is damaged or tells of another kind of LoRA.
    """
    if _KEY not in metadata:
        return {}
    try:
        plain = json.loads(metadata[_KEY])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its {_KEY} is damaged ({error})") from error
    if not isinstance(plain, dict):
        raise ValueError(f"its {_KEY} is damaged (no table)")
    networks: dict[str, dict[str, Any]] = {}
    for key, value in plain.items():
        network, _, name = key.partition(".")
        networks.setdefault(network, {})[name] = value
    return {network: _config(network, told) for network, told in networks.items()}


def _config(network: str, told: Mapping[str, Any]) -> LoraConfig:
    if told.get("use_dora"):
        raise ValueError(f"it is a DoRA ({network}.use_dora in its {_KEY})")
    for name, value in told.items():
        if name.startswith("use_") and name != "use_rslora" and value:
            raise ValueError(f"it is of another kind ({network}.{name} in its {_KEY})")
    if (began := told.get("init_lora_weights")) not in _BEGINNINGS:
        raise ValueError(f"it is for weights as {began!r} leaves them, not for the model's own")
    alphas = told.get("alpha_pattern") or {}
    if not isinstance(alphas, dict) or not all(re.fullmatch(r"\^?[\w.]+", name) for name in alphas):
        raise ValueError(f"{network}.alpha_pattern in its {_KEY} does not name layers alone")
    for name, value in {"lora_alpha": told.get("lora_alpha"), **alphas}.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{network}.{name} in its {_KEY} is {value!r:.40}, no number")
    return LoraConfig(told["lora_alpha"], alphas, bool(told.get("use_rslora")))
