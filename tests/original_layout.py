"""A diffusers pipeline written as one checkpoint file, by the names of its authors' own code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

Weights = dict[str, Tensor]
Rules = list[tuple[str, str]]

_ENDS: Rules = [
    (r"^time_embedding\.linear_1", "time_embed.0"),
    (r"^time_embedding\.linear_2", "time_embed.2"),
    (r"^add_embedding\.linear_1", "label_emb.0.0"),
    (r"^add_embedding\.linear_2", "label_emb.0.2"),
    (r"^conv_in", "input_blocks.0.0"),
    (r"^conv_norm_out", "out.0"),
    (r"^conv_out", "out.2"),
    (r"^mid_block\.resnets\.0", "middle_block.0"),
    (r"^mid_block\.attentions\.0", "middle_block.1"),
    (r"^mid_block\.resnets\.1", "middle_block.2"),
]
_UNET_RESNET: Rules = [
    (r"\.norm1", ".in_layers.0"),
    (r"\.conv1", ".in_layers.2"),
    (r"\.norm2", ".out_layers.0"),
    (r"\.conv2", ".out_layers.3"),
    (r"\.time_emb_proj", ".emb_layers.1"),
    (r"\.conv_shortcut", ".skip_connection"),
]
_AUTOENCODER: Rules = [
    (r"encoder\.down_blocks\.(\d)\.resnets", r"encoder.down.\1.block"),
    (r"encoder\.down_blocks\.(\d)\.downsamplers\.0", r"encoder.down.\1.downsample"),
    (r"decoder\.up_blocks\.(\d)\.resnets", r"decoder.up.\1.block"),
    (r"decoder\.up_blocks\.(\d)\.upsamplers\.0", r"decoder.up.\1.upsample"),
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_(q|k|v)", r"mid.attn_1.\1"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
    (r"conv_norm_out", "norm_out"),
    (r"\.conv_shortcut", ".nin_shortcut"),
]
_OPEN_CLIP: Rules = [
    (r"^embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^embeddings\.token_embedding", "token_embedding"),
    (r"^final_layer_norm", "ln_final"),
    (r"^encoder\.layers", "transformer.resblocks"),
    (r"layer_norm", "ln_"),
    (r"mlp\.fc1", "mlp.c_fc"),
    (r"mlp\.fc2", "mlp.c_proj"),
    (r"self_attn", "attn"),
]


def save_checkpoint(pipeline: Any, file: Path) -> Path:
    """Write an SDXL pipeline with a full autoencoder and 2 layers a block. Returns the file."""
    text = {_plain(name): value for name, value in pipeline.text_encoder.state_dict().items()}
    weights = {
        **_under("model.diffusion_model.", _unet(pipeline.unet.state_dict())),
        **_under("first_stage_model.", _autoencoder(pipeline.vae)),
        **_under("conditioner.embedders.0.transformer.text_model.", text),
        **_under("conditioner.embedders.1.model.", _open_clip(pipeline.text_encoder_2)),
    }
    save_file({name: value.contiguous().clone() for name, value in weights.items()}, file)
    return file


def _under(prefix: str, weights: Weights) -> Weights:
    return {prefix + name: value for name, value in weights.items()}


def _renamed(name: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _plain(name: str) -> str:
    return name.removeprefix("text_model.")


def _unet(weights: Weights) -> Weights:
    with_attention = {name.split(".")[1] for name in weights if re.match(r"up.*attentions", name)}

    def place(name: str) -> str:
        match = re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)(\.conv)?", name)
        if match is None:
            return _renamed(name, _ENDS)
        way, block, kind, layer = match[1], match[2], match[3], int(match[4])
        number = 3 * int(block) + (1 if way == "down" else 0)
        prefix = "input_blocks" if way == "down" else "output_blocks"
        rest = name[match.end() :]
        if kind == "downsamplers":
            return f"{prefix}.{number + 2}.0.op{rest}"
        if kind == "upsamplers":
            return f"{prefix}.{number + 2}.{2 if block in with_attention else 1}.conv{rest}"
        rest = name[match.start(5) if match[5] else match.end() :]
        return f"{prefix}.{number + layer}.{0 if kind == 'resnets' else 1}{rest}"

    def finished(name: str) -> str:
        placed = place(name)
        return _renamed(placed, _UNET_RESNET) if "resnets" in name else placed

    return {finished(name): value for name, value in weights.items()}


def _autoencoder(autoencoder: Any) -> Weights:
    last = len(autoencoder.config.up_block_types) - 1
    result = {}
    for name, value in autoencoder.state_dict().items():
        renamed = _renamed(name, _AUTOENCODER)
        renamed = re.sub(r"decoder\.up\.(\d)", lambda m: f"decoder.up.{last - int(m[1])}", renamed)
        is_projection = re.search(r"attn_1\.(q|k|v|proj_out)\.weight", renamed)
        result[renamed] = value[:, :, None, None] if is_projection else value
    return result


def _open_clip(encoder: Any) -> Weights:
    weights = {_plain(name): value for name, value in encoder.state_dict().items()}
    result = {"text_projection": weights.pop("text_projection.weight").T}
    for kind in ("weight", "bias"):
        for layer in range(encoder.config.num_hidden_layers):
            parts = [
                weights.pop(f"encoder.layers.{layer}.self_attn.{part}_proj.{kind}")
                for part in "qkv"
            ]
            result[f"transformer.resblocks.{layer}.attn.in_proj_{kind}"] = torch.cat(parts)
    return result | {_renamed(name, _OPEN_CLIP): value for name, value in weights.items()}
