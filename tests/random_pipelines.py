"""Pipelines of the right shapes with random weights, saved to a folder as a user's model would be.

`pico` is compiled as fast as can be, `nano` quickly exported; `tiny` takes milliseconds on a CPU;
`middle` has every kind of block of the real networks at about a hundredth of their work.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    EulerAncestralDiscreteScheduler,
    LCMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from livestyle.sources.testcard import draw

# channels of the levels, transformer blocks in each, heads, widths of the text encoders
SHAPES = {
    "pico": ((32,), (1,), (2,), (32, 48)),
    "nano": ((32, 64), (1, 1), (2, 4), (32, 48)),
    "tiny": ((32, 64, 64), (1, 1, 2), (2, 4, 4), (32, 48)),
    "middle": ((96, 192, 384), (1, 2, 4), (2, 3, 6), (192, 192)),
}
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def save_pipeline(
    folder: Path,
    family: str = "sdxl",
    shape: str = "tiny",
    scheduler: str = "turbo",
    autoencoder: str = "tiny",
) -> Path:
    """Save a pipeline of family sdxl or sd in float32. Returns the folder."""
    torch.manual_seed(17)
    xl = family == "sdxl"
    parts: dict[str, Any] = {
        "unet": random_diffusers_unet(shape, xl),
        "vae": _autoencoder(autoencoder),
        "scheduler": _scheduler(scheduler),
        "tokenizer": _tokenizer(),
        "text_encoder": CLIPTextModel(_text_config(SHAPES[shape][3][0])),
    }
    pipeline: Any
    if xl:
        parts["tokenizer_2"] = _tokenizer()
        parts["text_encoder_2"] = CLIPTextModelWithProjection(_text_config(SHAPES[shape][3][1]))
        pipeline = StableDiffusionXLPipeline(**parts, add_watermarker=False)
    else:
        nothing = {"safety_checker": None, "feature_extractor": None}
        pipeline = StableDiffusionPipeline(**parts, **nothing, requires_safety_checker=False)
    pipeline.save_pretrained(folder)
    return folder


def save_pipeline_of_unread_word(folder: Path, word: str) -> Path:
    """Save a small one whose second tokenizer knows a word that its text encoder doesn't. Returns
    the folder.
    """
    save_pipeline(folder, "sdxl", "pico")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
    tokenizer.add_tokens([word])
    tokenizer.save_pretrained(folder / "tokenizer_2")
    return folder


def _scheduler(kind: str) -> EulerAncestralDiscreteScheduler | LCMScheduler:
    if kind == "lcm":
        return LCMScheduler(**BETAS)
    return EulerAncestralDiscreteScheduler(**BETAS, timestep_spacing="trailing")


def random_diffusers_unet(shape: str, xl: bool) -> UNet2DConditionModel:
    channels, depth, heads, widths = SHAPES[shape]
    options: dict[str, Any] = {}
    if xl:
        options = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + widths[1],
        }
    return UNet2DConditionModel(
        sample_size=64,
        block_out_channels=channels,
        layers_per_block=1 if shape in ("pico", "nano") else 2,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * (len(channels) - 1)),
        up_block_types=(*("CrossAttnUpBlock2D",) * (len(channels) - 1), "UpBlock2D"),
        transformer_layers_per_block=depth if xl else 1,
        attention_head_dim=heads,
        cross_attention_dim=sum(widths) if xl else widths[0],
        use_linear_projection=True,
        **options,
    )


def _autoencoder(kind: str) -> AutoencoderTiny | AutoencoderKL:
    """Latents and pictures are made as lively as real ones: random ones are nearly constant."""
    scene = torch.from_numpy(draw(40, (256, 256))[:, :, :3].copy()).permute(2, 0, 1)[None]
    picture = scene / 127.5 - 1
    if kind == "tiny":
        sizes = (16, 16, 16, 16)
        tiny = AutoencoderTiny(encoder_block_out_channels=sizes, decoder_block_out_channels=sizes)
        _spread(tiny.encoder.layers[-1], lambda: tiny.encode(picture).latents, 0, 1)
        latents = tiny.encode(picture).latents
        _spread(tiny.decoder.layers[-1], lambda: tiny.decode(latents).sample / 2 + 0.5, 0.5, 0.2)
        return tiny
    full = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 16, 16, 16),
        norm_num_groups=4,
        latent_channels=4,
        scaling_factor=0.13025,
    )
    _spread(full.quant_conv, lambda: full.encode(picture).latent_dist.parameters, 0, 5)
    latents = full.encode(picture).latent_dist.mode()
    _spread(full.decoder.conv_out, lambda: full.decode(latents).sample, 0, 0.4)
    return full


@torch.no_grad()
def _spread(last: Any, result: Callable[[], torch.Tensor], mean: float, deviation: float) -> None:
    """Scale and shift the last convolution so that each channel of the result is spread so."""
    now = result()[0].flatten(1)
    factor = deviation / now.std(1)
    last.weight *= factor[:, None, None, None]
    last.bias.copy_((last.bias - now.mean(1)) * factor + mean)


def _text_config(width: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(_vocabulary()),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=3,
        num_attention_heads=4,
        bos_token_id=_vocabulary()["<|startoftext|>"],
        eos_token_id=_vocabulary()["<|endoftext|>"],
    )


def _vocabulary() -> dict[str, int]:
    letters = string.ascii_lowercase + string.digits + string.punctuation
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    return {
        word: number for number, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])
    }


def _tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer(vocab=_vocabulary(), merges=[], model_max_length=77)
