"""livestyle's UNet against diffusers': the same weights, the same numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from random_pipelines import random_diffusers_unet
from torch import Tensor

from livestyle.diffusion.denoiser import DiffusersUNet, Embedding, OwnUNet
from livestyle.diffusion.unet import load_unet
from livestyle.errors import ModelError
from livestyle.models.random_weights import FAMILIES, random_unet

SIZES = [(512, 512), (640, 384), (1024, 576)]
TIMESTEPS = torch.tensor([499, 249])


def _unet(shape: str, family: str) -> Any:
    torch.manual_seed(3)
    return random_diffusers_unet(shape, family == "sdxl").eval()


def _inputs(unet: Any, size: tuple[int, int]) -> tuple[Tensor, Embedding, Tensor]:
    generator = torch.Generator().manual_seed(9)
    x = torch.randn(1, 4, size[1] // 8, size[0] // 8, generator=generator)
    context = torch.randn(1, 77, unet.config.cross_attention_dim, generator=generator)
    pooled = None
    if unet.config.addition_embed_type == "text_time":
        numbers = 6 * unet.config.addition_time_embed_dim
        width = unet.config.projection_class_embeddings_input_dim - numbers
        pooled = torch.randn(1, width, generator=generator)
    time_ids = torch.tensor([[size[1], size[0], 0, 0, size[1], size[0]]], dtype=torch.float32)
    return x, Embedding(context, pooled), time_ids


def _relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


@torch.no_grad()
@pytest.mark.parametrize("family", ["sdxl", "sd"])
@pytest.mark.parametrize("shape", ["tiny", "middle"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_every_block_gives_what_diffusers_gives(shape: str, family: str, packed: bool) -> None:
    reference = _unet(shape, family)
    own = OwnUNet.of(reference)
    if packed:
        own.pack()
    blocks: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_: Any, __: Any, result: Any) -> None:
            last = result[-1] if isinstance(result, list) else result
            blocks[name] = last[0] if isinstance(last, tuple) else last

        return hook

    levels = len(reference.down_blocks)
    for level in range(levels):
        own.run.downs[level].register_forward_hook(keep(f"own down {level}"))
        own.run.ups[level].register_forward_hook(keep(f"own up {level}"))
        down = reference.down_blocks[level]
        down.register_forward_hook(lambda *_, level=level: keep(f"down {level}")(0, 0, _[2][0]))
        reference.up_blocks[level].register_forward_hook(keep(f"up {level}"))
    own.run.middle.register_forward_hook(keep("own middle"))
    reference.mid_block.register_forward_hook(keep("middle"))
    sizes = SIZES if shape == "tiny" else SIZES[1:2]
    for size in sizes:
        x, prompt, time_ids = _inputs(reference, size)
        denoisers = own, DiffusersUNet(reference)
        ours, theirs = (
            denoiser.predict(x, 1, denoiser.conditions(prompt, TIMESTEPS, time_ids))
            for denoiser in denoisers
        )
        names = [name for name in blocks if not name.startswith("own")]
        assert len(names) == 2 * levels + 1
        for name in names:
            assert _relative(blocks[f"own {name}"], blocks[name]) < 1e-4, (size, name)
        assert _relative(ours, theirs) < 1e-4, size


@torch.no_grad()
def test_stable_diffusion_1_projects_by_convolutions() -> None:
    plain = _unet("tiny", "sd").config
    torch.manual_seed(4)
    reference = UNet2DConditionModel.from_config(
        {**plain, "use_linear_projection": False, "attention_head_dim": 4}
    ).eval()
    x, prompt, time_ids = _inputs(reference, (512, 384))
    ours, theirs = (
        denoiser.predict(x, 0, denoiser.conditions(prompt, TIMESTEPS, time_ids))
        for denoiser in (OwnUNet.of(reference), DiffusersUNet(reference))
    )
    assert _relative(ours, theirs) < 1e-4


@torch.no_grad()
def test_a_folded_lora_gives_what_an_applied_one_gives() -> None:
    reference = _unet("tiny", "sdxl")
    x, prompt, time_ids = _inputs(reference, (640, 384))
    bare = OwnUNet.of(reference)
    targets = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "ff.net.0.proj", "ff.net.2", "conv1"]
    reference.add_adapter(
        LoraConfig(r=4, lora_alpha=8, target_modules=targets, init_lora_weights=False)
    )
    applied = DiffusersUNet(reference)
    theirs = applied.predict(x, 0, applied.conditions(prompt, TIMESTEPS, time_ids)).clone()
    without = bare.predict(x, 0, bare.conditions(prompt, TIMESTEPS, time_ids))
    assert _relative(without, theirs) > 1e-2
    reference.fuse_lora()
    reference.unload_lora()
    own = OwnUNet.of(reference)
    ours = own.predict(x, 0, own.conditions(prompt, TIMESTEPS, time_ids))
    assert _relative(ours, theirs) < 1e-4


@pytest.mark.slow
@torch.no_grad()
def test_half_precision_is_as_near_as_that_of_diffusers() -> None:
    reference = _unet("middle", "sdxl").to(torch.bfloat16)
    x, prompt, time_ids = _inputs(reference, (512, 512))
    assert prompt.pooled is not None
    half = Embedding(prompt.context.bfloat16(), prompt.pooled.bfloat16())
    ours, theirs = (
        denoiser.predict(x.bfloat16(), 0, denoiser.conditions(half, TIMESTEPS, time_ids)).float()
        for denoiser in (OwnUNet.of(reference), DiffusersUNet(reference))
    )
    assert float((ours - theirs).norm() / theirs.norm()) < 2e-2


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_of_the_real_size_has_its_place(family: str) -> None:
    unet = random_unet(family)
    parts = load_unet(unet.config, unet.state_dict())
    assert (
        sum(weight.numel() for part in parts for weight in part.parameters())
        == (FAMILIES[family][1])
    )


def test_a_weight_that_lacks_or_is_left_over_is_named() -> None:
    unet = _unet("tiny", "sd")
    weights = unet.state_dict()
    name = "up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v.weight"
    with pytest.raises(ModelError, match=f"lack '{name}'"):
        load_unet(unet.config, {key: value for key, value in weights.items() if key != name})
    with pytest.raises(ModelError, match=r"have 'conv_mid.weight' and 0 more that have no place"):
        load_unet(unet.config, weights | {"conv_mid.weight": torch.zeros(1)})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("act_fn", "gelu"),
        ("time_embedding_type", "fourier"),
        ("down_block_types", ["AttnDownBlock2D"] * 3),
    ],
)
def test_another_structure_is_refused(key: str, value: Any) -> None:
    unet = _unet("tiny", "sd")
    with pytest.raises(ModelError, match="run it with --unet diffusers"):
        load_unet({**unet.config, key: value}, unet.state_dict())
