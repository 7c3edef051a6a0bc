"""LoRA: which kinds of files livestyle applies, and that one is applied whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from livestyle.errors import ModelError
from livestyle.models.folder import safetensors_header

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
_MATRICES = re.compile(
    r"(?P<layer>.*[._])(lora_A|lora_B|(lora[._]|lora_linear_layer\.)?(down|up))\.weight$"
)
_WIDTHS = {768: "SD 1.5", 1024: "SD 2 (as SD-Turbo)", 2048: "SDXL"}  # of the text that it attends


def check_lora(file: Path) -> None:
    """Raise ModelError for a file that is damaged, or no LoRA of two matrices a layer."""
    tensors = safetensors_header(file)
    for mark, kind in _KINDS.items():
        if found := next((name for name in tensors if re.search(mark, name)), None):
            raise _refused(file, f"{kind} (its {found!r})")
    _layers(file, tensors)


def _layers(file: Path, tensors: dict[str, Any]) -> int:
    """How many layers it changes."""
    layers: dict[str, list[str]] = {}
    for name in tensors:
        if match := _MATRICES.match(name):
            layers.setdefault(match["layer"], []).append(name)
        elif not name.endswith(".alpha"):
            raise _refused(file, f"livestyle does not know what its {name!r} is")
    for names in layers.values():
        if len(names) != 2:
            raise _refused(file, f"its {names[0]!r} stands alone, with no second matrix")
        down, up = (tensors[name]["shape"] for name in sorted(names))  # lora_A, lora_B too
        if len(down) != len(up) or len(down) < 2 or down[0] != up[1]:
            raise _refused(file, f"its {names[0]!r} of {down} and {up} do not go together")
    if not layers:
        raise _refused(file, "nothing in it changes a layer")
    return len(layers)


def apply_lora(pipeline: Any, file: Path, scale: float) -> None:
    """Fold a checked file into the networks of a diffusers pipeline.

    Raises ModelError where any of it does not fit them.
    """
    tensors = safetensors_header(file)
    try:
        pipeline.load_lora_weights(str(file.parent), weight_name=file.name, local_files_only=True)
        applied = _applied(pipeline)
    except (OSError, ValueError, RuntimeError, TypeError, LookupError, AttributeError) as error:
        raise _refused(file, _why(tensors, error)) from error
    if applied != (layers := _layers(file, tensors)):
        raise _refused(file, f"{layers - applied} of its {layers} layers are not in this model")
    pipeline.fuse_lora(lora_scale=scale)
    pipeline.unload_lora_weights()


def _applied(pipeline: Any) -> int:
    """How many layers have been given a LoRA."""
    from peft.tuners.lora import LoraLayer

    networks = (
        getattr(pipeline, name, None) for name in ("unet", "text_encoder", "text_encoder_2")
    )
    return sum(
        isinstance(layer, LoraLayer)
        for network in networks
        if network is not None
        for layer in network.modules()
    )


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
