"""LoRA files of every kind: applied to the number, or refused in a line that says why."""

from __future__ import annotations

import json
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


def _pair(weight: torch.Tensor, rank: int = RANK) -> tuple[torch.Tensor, torch.Tensor]:
    down = torch.randn(rank, *weight.shape[1:])
    return down, torch.randn(len(weight), rank, *[1] * (weight.dim() - 2))


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


MIXED_RANKS, MIXED_ALPHAS = (4, 2, 3), (2.0, 16.0, None, 4.0, 1.0)


def _mixed(pipeline: Any, naming: str) -> tuple[Tensors, dict[str, dict[str, torch.Tensor]]]:
    """A LoRA whose layers have ranks and alphas of their own, some none, and what it shall make."""
    named, down, up, _ = NAMINGS[naming]
    tensors: Tensors = {}
    wanted: dict[str, dict[str, torch.Tensor]] = {}
    torch.manual_seed(6)
    for network in ("unet",) if naming == "old diffusers" else NETWORKS:
        for number, (layer, weight) in enumerate(_layers(getattr(pipeline, network))):
            rank = MIXED_RANKS[number % 3]
            alpha = MIXED_ALPHAS[number % 5]
            a, b = _pair(weight, rank)
            name = named(network, layer)
            tensors |= {f"{name}.{down}.weight": a, f"{name}.{up}.weight": b}
            if alpha is not None:
                tensors[f"{name}.alpha"] = torch.tensor(alpha)
            change = SCALE * (alpha or rank) / rank * (b.flatten(1) @ a.flatten(1))
            wanted.setdefault(network, {})[layer] = weight + change.view_as(weight)
    return tensors, wanted


def _check_made(pipeline: Any, wanted: dict[str, dict[str, torch.Tensor]]) -> None:
    for network, weights in wanted.items():
        found = dict(_layers(getattr(pipeline, network)))
        for layer, weight in weights.items():
            torch.testing.assert_close(found[layer], weight, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_layer_counts_by_its_own_alpha(
    model: Path, plain: Any, tmp_path: Path, naming: str
) -> None:
    tensors, wanted = _mixed(plain, naming)
    save_file(tensors, tmp_path / "x.safetensors")
    check_lora(tmp_path / "x.safetensors")
    _check_made(_pipeline(model, tmp_path / "x.safetensors"), wanted)


def test_so_it_does_in_the_original_s_names(model: Path, plain: Any, tmp_path: Path) -> None:
    tensors: Tensors = {}
    wanted = {}
    torch.manual_seed(7)
    for inner, rank, alpha in (
        ("attn1_to_q", 4, 1.0), ("attn1_to_k", 4, 1.0), ("attn1_to_v", 2, 8.0),
        ("attn2_to_q", 3, None),
    ):  # fmt: skip
        layer = f"{BLOCK}.{inner.replace('_', '.', 1)}"
        weight = plain.unet.get_submodule(layer).weight
        a, b = _pair(weight, rank)
        name = f"{SGM}_{inner}"
        tensors |= {f"{name}.lora_down.weight": a, f"{name}.lora_up.weight": b}
        if alpha:
            tensors[f"{name}.alpha"] = torch.tensor(alpha)
        wanted[layer] = weight + SCALE * (alpha or rank) / rank * b @ a
    save_file(tensors, tmp_path / "x.safetensors")
    _check_made(_pipeline(model, tmp_path / "x.safetensors"), {"unet": wanted})


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_smaller_numbers_are_folded_as_they_are(
    model: Path, plain: Any, tmp_path: Path, dtype: torch.dtype
) -> None:
    before = plain.unet.get_submodule(f"{BLOCK}.attn1.to_q").weight
    a, b = (matrix.to(dtype) for matrix in _pair(before))
    name = f"{SGM}_attn1_to_q"
    tensors = {f"{name}.lora_down.weight": a, f"{name}.lora_up.weight": b}
    tensors[f"{name}.alpha"] = torch.tensor(1, dtype=torch.int64)
    save_file(tensors, tmp_path / "x.safetensors")
    after = _pipeline(model, tmp_path / "x.safetensors").unet.get_submodule(f"{BLOCK}.attn1.to_q")
    change = SCALE / RANK * b.float() @ a.float()
    torch.testing.assert_close(after.weight, before + change, rtol=1e-4, atol=1e-4)


def _config(**told: Any) -> dict[str, str]:
    """The metadata that diffusers writes beside a LoRA of the UNet."""
    names = {"r": RANK, "lora_alpha": RANK, "use_dora": False} | told
    plain = {f"unet.{name}": value for name, value in names.items()}
    return {"lora_adapter_metadata": json.dumps(plain)}


@pytest.mark.parametrize(
    ("told", "factors"),
    [
        ({"lora_alpha": 1}, (1 / 4, 1 / 4)),
        ({"alpha_pattern": {f"^{BLOCK}.attn1.to_k": 6}}, (1, 6 / 4)),
        ({"lora_alpha": 2, "alpha_pattern": {"attn1.to_q": 12}}, (12 / 4, 2 / 4)),
        ({"lora_alpha": 6, "use_rslora": True}, (3, 3)),
    ],
)
def test_an_alpha_in_the_metadata_counts(
    model: Path, plain: Any, tmp_path: Path, told: dict[str, Any], factors: tuple[float, float]
) -> None:
    tensors: Tensors = {}
    wanted = {}
    for inner, factor in zip(("attn1.to_q", "attn1.to_k"), factors, strict=True):
        layer = f"{BLOCK}.{inner}"
        a, b = _pair(weight := plain.unet.get_submodule(layer).weight)
        tensors |= {f"unet.{layer}.lora_A.weight": a, f"unet.{layer}.lora_B.weight": b}
        wanted[layer] = weight + SCALE * factor * b @ a
    save_file(tensors, tmp_path / "x.safetensors", _config(**told))
    check_lora(tmp_path / "x.safetensors")
    _check_made(_pipeline(model, tmp_path / "x.safetensors"), {"unet": wanted})


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
    "two for a layer": (
        SOUND | _of(lora__down__weight=(4, 64), lora__up__weight=(64, 4)),
        "are for the same layer",
    ),
    "no rank": (_of(lora_down__weight=(0, 64), lora_up__weight=(64, 0)), "have nothing in them"),
    "alphas in a row": (SOUND | _of(alpha=(4,)), r"of \[4\] is not one number"),
    "an empty alpha": (SOUND | _of(alpha=(0,)), r"of \[0\] is not one number"),
    "an alpha of nothing": (SOUND | {"lora_unet_x.alpha": torch.ones(())}, "with no matrices"),
    "whole numbers": ({name: t.to(torch.int8) for name, t in SOUND.items()}, "stored as I8, not"),
    "doubles": ({name: t.double() for name, t in SOUND.items()}, "stored as F64, not one of F32"),
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


PEFT = {
    f"unet.{BLOCK}.attn1.to_q.lora_A.weight": torch.ones(4, 64),
    f"unet.{BLOCK}.attn1.to_q.lora_B.weight": torch.ones(64, 4),
}
METADATA: dict[str, tuple[dict[str, str], str]] = {
    "DoRA": (_config(use_dora=True), r"it is a DoRA \(unet.use_dora"),
    "QALoRA": (_config(use_qalora=True), r"of another kind \(unet.use_qalora"),
    "PiSSA": (_config(init_lora_weights="pissa_niter_4"), "for weights as 'pissa_niter_4' leaves"),
    "cut off": ({"lora_adapter_metadata": '{"unet.r": 4'}, "its lora_adapter_metadata is damaged"),
    "a list": ({"lora_adapter_metadata": "[]"}, r"is damaged \(no table\)"),
    "nested": ({"lora_adapter_metadata": "[" * 100_000}, "its lora_adapter_metadata is damaged"),
    "no alpha": (_config(lora_alpha=None), "unet.lora_alpha in its lora_adapter_metadata is None"),
    "a text": (_config(alpha_pattern={"to_q": "x"}), "unet.to_q in its .* is 'x', no number"),
    "a pattern": (_config(alpha_pattern={"(a+)+$": 1}), "does not name layers alone"),
    "another network's": (
        {"lora_adapter_metadata": json.dumps({"text_encoder.lora_alpha": 4})},
        "its metadata says nothing of 'unet",
    ),
}


@pytest.mark.parametrize("kind", METADATA)
def test_metadata_that_tells_of_another_kind_or_is_damaged_is_refused(
    tmp_path: Path, kind: str
) -> None:
    metadata, why = METADATA[kind]
    save_file(PEFT, tmp_path / "x.safetensors", metadata)
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
    "infinite": (SOUND | {f"{SGM}_attn1_to_q.alpha": torch.tensor(float("inf"))}, "or infinity"),
    "no number": (
        SOUND | {f"{SGM}_attn1_to_q.lora_up.weight": torch.full((64, 4), float("nan"))},
        "its '.*lora_up.weight' or the alpha of that has NaN",
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
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), draw(1, (64, 64))[:, :, :3])
    command = ["stylize", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--stylizer"]
    for tensors, metadata in (
        (OTHERS["DoRA by kohya"][0], None),
        (OTHERS["whole numbers"][0], None),
        (PEFT, METADATA["DoRA"][0]),
        (UNFIT["SD 1.5"][0], None),
        (UNFIT["a text projection"][0], None),
    ):
        save_file(tensors, tmp_path / "x.safetensors", metadata)
        lora = ["--lora", str(tmp_path / "x.safetensors")]
        assert main([*command, "turbo", "--model", str(model), "--prompt", "cat", *lora]) == 1
        (line,) = [
            line
            for line in capfd.readouterr().err.splitlines()
            if not line.startswith("sampling: turbo")
        ]
        assert line.startswith("livestyle: cannot apply the LoRA")
