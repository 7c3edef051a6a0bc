"""LoRA files of every kind: applied to the number, or refused in a line that says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from random_pipelines import save_pipeline
from safetensors.torch import save_file

from livestyle.commands import main
from livestyle.errors import ModelError
from livestyle.models.folder import ModelFolder
from livestyle.models.lora import check_lora
from livestyle.models.pipeline import load_pipeline
from livestyle.models.plan import Choice
from livestyle.sources.testcard import draw

RANK, ALPHA, SCALE = 4, 2.0, 0.5
Tensors = dict[str, torch.Tensor]
NETWORKS = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}
BLOCK = "down_blocks.1.attentions.0.transformer_blocks.0"
SGM = "lora_unet_input_blocks_4_1_transformer_blocks_0"  # the same block in the original's names


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"), "sdxl", "tiny")


def _pipeline(model: Path, *loras: Path) -> Any:
    scaled = tuple((file, SCALE) for file in loras)
    choice = Choice(
        weights=ModelFolder(model), sampler="turbo", device="cpu", precision="fp32", loras=scaled
    )
    return load_pipeline(choice)[0]


@pytest.fixture(scope="module")
def plain(model: Path) -> Any:
    return _pipeline(model)


def _layers(network: Any) -> Iterator[tuple[str, torch.Tensor]]:
    for name, layer in network.named_modules():
        # of the projection and the added embedding diffusers knows no name
        odd = name == "text_projection" or name.startswith("add_embedding")
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d) and not odd:
            yield name, layer.weight


def _pair(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    down = torch.randn(RANK, *weight.shape[1:])
    return down, torch.randn(len(weight), RANK, *[1] * (weight.dim() - 2))


def _kohya(network: str, layer: str) -> str:
    if network != "unet" and not layer.startswith("text_model."):
        layer = f"text_model.{layer}"
    return f"{NETWORKS[network]}_{layer}".replace(".", "_")


def _diffusers(network: str, layer: str) -> str:
    return f"{network}.{layer}"


NAMINGS: dict[str, tuple[Callable[[str, str], str], str, str, float]] = {
    "kohya": (_kohya, "lora_down", "lora_up", ALPHA / RANK),
    "diffusers": (_diffusers, "lora_A", "lora_B", 1.0),
    "old diffusers": (_diffusers, "lora.down", "lora.up", 1.0),
}


@pytest.mark.parametrize(
    ("naming", "network"),
    [
        *((naming, network) for naming in ("kohya", "diffusers") for network in NETWORKS),
        ("old diffusers", "unet"),
    ],
)
def test_every_layer_is_changed_by_what_the_file_says(
    model: Path, plain: Any, tmp_path: Path, naming: str, network: str
) -> None:
    named, down, up, factor = NAMINGS[naming]
    tensors: Tensors = {}
    wanted = {}
    torch.manual_seed(5)
    for layer, weight in _layers(getattr(plain, network)):
        a, b = _pair(weight)
        name = named(network, layer)
        tensors |= {f"{name}.{down}.weight": a, f"{name}.{up}.weight": b}
        if naming == "kohya":
            tensors[f"{name}.alpha"] = torch.tensor(ALPHA)
        change = (b.flatten(1) @ a.flatten(1)).view_as(weight)
        wanted[layer] = weight + SCALE * factor * change
    save_file(tensors, tmp_path / "x.safetensors")
    check_lora(tmp_path / "x.safetensors")
    found = dict(_layers(getattr(_pipeline(model, tmp_path / "x.safetensors"), network)))
    assert len(wanted) > 15
    for layer, weight in wanted.items():
        torch.testing.assert_close(found[layer], weight, rtol=1e-4, atol=1e-4)


def test_the_original_s_names_of_blocks_are_known(model: Path, plain: Any, tmp_path: Path) -> None:
    a, b = _pair(before := plain.unet.get_submodule(f"{BLOCK}.attn1.to_q").weight)
    name = f"{SGM}_attn1_to_q"
    tensors = {f"{name}.lora_down.weight": a, f"{name}.lora_up.weight": b}
    save_file(tensors, tmp_path / "x.safetensors")
    after = _pipeline(model, tmp_path / "x.safetensors").unet.get_submodule(f"{BLOCK}.attn1.to_q")
    torch.testing.assert_close(after.weight, before + SCALE * b @ a)


def _of(**tensors: tuple[int, ...]) -> Tensors:
    """One layer of the model's, with what is in it; __ stands for a dot."""
    return {
        f"{SGM}_attn1_to_q.{name.replace('__', '.')}": torch.ones(shape)
        for name, shape in tensors.items()
    }


SOUND = _of(lora_down__weight=(4, 64), lora_up__weight=(64, 4), alpha=())
OTHERS: dict[str, tuple[Tensors, str]] = {
    "DoRA by kohya": (SOUND | _of(dora_scale=(64, 1)), "it is a DoRA"),
    "DoRA by PEFT": (
        {f"unet.{BLOCK}.attn1.to_q.lora_magnitude_vector": torch.ones(64)} | SOUND,
        "it is a DoRA",
    ),
    "LoHa": (_of(hada_w1_a=(64, 4), hada_w1_b=(4, 64)), "it is a LoHa"),
    "LoHa beside LoRA": (SOUND | {"lora_unet_x.hada_w1_a": torch.ones(4)}, "it is a LoHa"),
    "LoKr": (_of(lokr_w1=(4, 4), lokr_w2=(16, 16)), "it is a LoKr"),
    "Tucker": (SOUND | _of(lora_mid__weight=(4, 4, 3, 3)), "three matrices"),
    "full": (_of(diff=(64, 64)), "full differences"),
    "full bias": (SOUND | _of(diff_b=(64,)), "full differences"),
    "norms": (SOUND | _of(w_norm=(64,)), "norms"),
    "IA3": (_of(weight=(64,), on_input=()), "it is an IA3"),
    "GLoRA": (_of(a1__weight=(4, 64), a2__weight=(64, 4)), "it is a GLoRA"),
    "OFT": (_of(oft_blocks=(4, 16, 16)), "it is an OFT"),
    "a bias": (SOUND | _of(lora_up__bias=(64,)), "does not know what its .*lora_up.bias' is"),
    "an embedding": (SOUND | {"bundle_emb.x.clip_l": torch.ones(4)}, "a textual inversion"),
    "one matrix": (_of(lora_down__weight=(4, 64)), "stands alone"),
    "ranks": (_of(lora_down__weight=(4, 64), lora_up__weight=(64, 8)), "do not go together"),
    "nothing": ({"x.alpha": torch.ones(1)}, "nothing in it changes a layer"),
    "Flux by kohya": (
        {f"lora_unet_double_blocks_0_img_attn_qkv.lora_{n}.weight": torch.ones(4) for n in "ud"},
        "it is for Flux, SD 3",
    ),
    "Flux by diffusers": (
        {"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": torch.ones(4, 8)},
        "it is for Flux, SD 3",
    ),
    "SD 3": ({"lora_te3_x.lora_down.weight": torch.ones(4, 8)}, "it is for Flux, SD 3"),
    "PEFT alone": (
        {"base_model.model.x.to_q.lora_A.weight": torch.ones(4, 8)},
        "as by PEFT alone",
    ),
    "ComfyUI": ({"diffusion_model.x.lora_A.weight": torch.ones(4, 8)}, "or ComfyUI"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_are_refused_by_name_before_a_model_is_loaded(
    tmp_path: Path, kind: str
) -> None:
    tensors, why = OTHERS[kind]
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=f"^cannot apply the LoRA .*{why}") as raised:
        check_lora(tmp_path / "x.safetensors")
    assert "\n" not in str(raised.value)


def _attention(width: int, inner: int) -> Tensors:
    name = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    return {
        f"{name}.lora_down.weight": torch.ones(4, width),
        f"{name}.lora_up.weight": torch.ones(inner, 4),
    }


UNFIT = {
    "SD 1.5": (_attention(768, 640), "it is for SD 1.5, not for this model: size mismatch"),
    "SD 2": (_attention(1024, 640), "it is for SD 2"),
    "SDXL": (_attention(2048, 640), "it is for SDXL"),
    "sizes": (_attention(5, 7), "it is for a model of other sizes"),
    "a layer that lacks": (
        SOUND | {f"unet.foo.lora_{n}.weight": torch.ones(4, 4) for n in "AB"},
        "diffusers can't read it|of its 2 layers are not in this model",
    ),
    "none that is there": (
        {f"unet.foo.lora_{n}.weight": torch.ones(4, 4) for n in "AB"},
        "1 of its 1 layers are not in this model|can't read it",
    ),
    "another text encoder's": (
        SOUND
        | {
            "lora_te1_text_model_encoder_layers_9_mlp_fc1.lora_down.weight": torch.ones(4, 32),
            "lora_te1_text_model_encoder_layers_9_mlp_fc1.lora_up.weight": torch.ones(64, 4),
        },
        "1 of its 2 layers are not in this model|can't read it",
    ),
    "what diffusers drops": (
        SOUND
        | {
            "lora_unet_add_embedding_linear_1.lora_down.weight": torch.ones(4, 96),
            "lora_unet_add_embedding_linear_1.lora_up.weight": torch.ones(128, 4),
        },
        "1 of its 2 layers are not in this model",
    ),
    "a text projection": (
        {
            f"text_encoder_2.text_projection.lora_{n}.weight": torch.ones(shape)
            for n, shape in (("A", (4, 48)), ("B", (48, 4)))
        },
        "can't read it|not in this model",
    ),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_does_not_fit_whole_is_refused(model: Path, tmp_path: Path, kind: str) -> None:
    tensors, why = UNFIT[kind]
    save_file(tensors, tmp_path / "x.safetensors")
    check_lora(tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=f"^cannot apply the LoRA .*({why})") as raised:
        _pipeline(model, tmp_path / "x.safetensors")
    assert "\n" not in str(raised.value)


def test_the_command_says_so_in_a_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), draw(1, (64, 64))[:, :, :3])
    command = ["stylize", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--stylizer"]
    for tensors, _ in (OTHERS["DoRA by kohya"], UNFIT["SD 1.5"]):
        save_file(tensors, tmp_path / "x.safetensors")
        lora = ["--lora", str(tmp_path / "x.safetensors")]
        assert main([*command, "turbo", "--model", str(model), "--prompt", "cat", *lora]) == 1
        (line,) = [
            line for line in capsys.readouterr().err.splitlines() if line.startswith("livestyle: ")
        ]
        assert "cannot apply the LoRA" in line
