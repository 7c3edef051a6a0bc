"""Models from a folder: what is refused and why, and LoRAs that are folded in."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from random_pipelines import save_pipeline
from safetensors.torch import save_file

from livestyle.between.look import Look
from livestyle.canvas import Canvas
from livestyle.commands import main
from livestyle.diffusion.denoiser import OwnUNet
from livestyle.diffusion.model import Model, load_model
from livestyle.diffusion.packed import PackedLinear, pack_linears
from livestyle.errors import ConfigError, ModelError
from livestyle.frame import Frame
from livestyle.models.folder import ModelFolder
from livestyle.models.plan import Choice, parse_lora
from livestyle.models.precision import DTYPES, choose_precision
from livestyle.sources.testcard import draw
from livestyle.stylizers.turbo import Turbo

PICTURE = Path(__file__).parents[2] / "docs" / "before-after.jpg"
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(good, tmp_path / "m")
    return tmp_path / "m"


def _pickle(folder: Path) -> None:
    (folder / UNET).rename((folder / UNET).with_suffix(".bin"))


def _cut(folder: Path) -> None:
    whole = (folder / UNET).read_bytes()
    (folder / UNET).write_bytes(whole[: len(whole) // 2])


def _garble(folder: Path) -> None:
    (folder / UNET).write_bytes(b"\xff" * 100)


def _edit(name: str, key: str, value: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | {key: value}))

    return edit


def _write(name: str, content: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_text(content)

    return write


def _lose(name: str) -> Callable[[Path], None]:
    return lambda folder: shutil.rmtree(folder / name)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_pickle, "a pickle, which can run any code; get the model as .safetensors"),
        (_cut, "is damaged (cut off); get it again"),
        (_garble, "is damaged (cut off); get it again"),
        (_edit("model_index.json", "_class_name", "FluxPipeline"), "is a FluxPipeline; livestyle"),
        (_edit("scheduler/scheduler_config.json", "prediction_type", "v_prediction"), "'epsilon'"),
        (_edit("scheduler/scheduler_config.json", "beta_end", 0.02), "beta_end 0.02"),
        (_lose("unet"), "unet/config.json'; a model is a folder in diffusers' layout"),
        (_lose("tokenizer"), "m/tokenizer'; get the whole model again"),
        (_write("model_index.json", "[]"), "holds no settings but []; get it again"),
        (_edit("unet/config.json", "time_cond_proj_dim", 256), "takes the guidance as an input"),
        (_edit("unet/config.json", "act_fn", "gelu"), "act_fn is 'gelu', not 'silu'; run it with"),
        (_lose("scheduler"), "scheduler_config.json'; a model is a folder in diffusers' layout"),
    ],
    ids=[
        "pickle",
        "cut",
        "garbled",
        "flux",
        "v",
        "beta",
        "no unet",
        "no tokenizer",
        "no settings",
        "guided",
        "other",
        "no scheduler",
    ],
)
def test_what_cannot_or_must_not_be_loaded_is_one_line(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
    said: str,
) -> None:
    spoil(folder)
    command = ["stylize", str(PICTURE), str(tmp_path / "o.png"), "--stylizer", "turbo"]
    assert main([*command, "--model", str(folder), "--size", "256x256"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("livestyle: ") and error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "o.png").exists()


@pytest.mark.parametrize("model", ["./no/such", __file__])
def test_no_folder_at_all(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", str(PICTURE), "o.png", "--stylizer", "turbo", "--model", model]) == 1
    assert "a model is a folder in diffusers' layout" in capsys.readouterr().err


_CONV = "model.diffusion_model.input_blocks.0.0.weight"
_XL = "conditioner.embedders.1.model.ln_final.weight"
_ENCODER = "first_stage_model.encoder.conv_in.weight"


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({_CONV: 4, _XL: 1}, "has no autoencoder; use --autoencoder tiny"),
        ({_CONV: 9, _XL: 1, _ENCODER: 1}, "its UNet takes 9 channels, for inpainting or the like"),
        ({_CONV: 4, _XL: 1, _ENCODER: 1, "v_pred": 1}, "predicts v; livestyle runs models that"),
        ({_CONV: 4, "conditioner.embedders.0.model.ln_final.weight": 1}, "is SDXL's refiner; as"),
        (
            {_CONV: 4, "cond_stage_model.transformer.text_model.final_layer_norm.weight": 1},
            "is Stable Diffusion 1; as one file livestyle loads SDXL and Stable Diffusion 2.1",
        ),
        ({_CONV: 4}, "is no whole checkpoint with a UNet and its text encoders"),
        ({_XL: 4, _ENCODER: 1}, "is no whole checkpoint with a UNet and its text encoders"),
        ({"lora_unet.down": 4}, "is no whole checkpoint with a UNet and its text encoders"),
        ({}, "is damaged (no tensors); get it again"),
    ],
)
def test_a_checkpoint_that_cannot_be_run_is_named(
    tensors: dict[str, int], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "m.safetensors"
    save_file({name: torch.zeros(1, width, 1, 1) for name, width in tensors.items()}, file)
    assert (
        main(["stylize", str(PICTURE), "o.png", "--stylizer", "turbo", "--model", str(file)]) == 1
    )
    error = capsys.readouterr().err
    assert error.startswith("livestyle: ") and error.count("\n") == 1 and said in error


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.ckpt", b"PK", "is a pickle, which can run any code; get it as .safetensors"),
        ("m.safetensors", b"\xff" * 64, "is damaged (cut off); get it again"),
        ("m.safetensors", b"", "is damaged ("),
        ("m.safetensors", b"\x02" + bytes(7) + b"[]", "is damaged ("),
        ("m.safetensors", None, "there is no "),
    ],
)
def test_what_is_no_checkpoint_is_refused(
    name: str,
    content: bytes | None,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    assert (
        main(["stylize", str(PICTURE), "o.png", "--stylizer", "turbo", "--model", str(file)]) == 1
    )
    error = capsys.readouterr().err
    assert error.startswith("livestyle: ") and error.count("\n") == 1 and said in error


@pytest.mark.parametrize(
    ("wanted", "device", "stored", "chosen"),
    [
        ("fp32", "cuda", "fp16", "fp32"),
        ("auto", "cuda", "fp32", "fp16"),
        ("auto", "cpu", "fp32", "fp32"),
    ],
)
def test_precision(wanted: str, device: str, stored: str, chosen: str) -> None:
    assert choose_precision(wanted, device, stored) == chosen


@pytest.mark.slow
def test_half_precision_on_a_cpu_is_near_float32(good: Path) -> None:
    exact, coarse = (_styled(_load(good, precision=name)).astype(int) for name in ("fp32", "bf16"))
    difference = np.abs(exact - coarse)
    assert 0 < difference.mean() < 4


def _load(folder: Path, *loras: tuple[Path, float], precision: str = "fp32") -> Model:
    choice = Choice(
        weights=ModelFolder(folder), sampler="turbo", device="cpu", precision=precision, loras=loras
    )
    return load_model(choice)


def test_the_full_autoencoder_gives_numbers_where_fp16_would_overflow(tmp_path: Path) -> None:
    """As SDXL's own does: its config asks for more than fp16, which bf16 has too."""
    folder = save_pipeline(tmp_path / "m", "sdxl", "tiny", "turbo", "full")
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(folder)
    with torch.no_grad():
        pipeline.vae.decoder.conv_in.weight *= 1e5
    assert pipeline.vae.config.force_upcast
    pipeline.save_pretrained(folder)
    model = _load(folder, precision="fp16")
    latents = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    assert model.decode(latents).isfinite().all()
    with torch.no_grad():
        half = pipeline.vae.half().decode(latents.half() / model.traits.scaling).sample
    assert not half.isfinite().all()


def _styled(model: Model) -> np.ndarray:
    size = (256, 256)
    with Turbo(model, Canvas(size, "fit"), lambda _: size, Look("a cat", 0.5, 1, 2, 0.0)) as turbo:
        return turbo.stylize(Frame(draw(3, size), 0, 0)).pixels.copy()


@pytest.fixture(scope="module")
def lora(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random LoRA for the attention of the UNet, as diffusers saves one."""
    folder = tmp_path_factory.mktemp("lora")
    unet = diffusers.UNet2DConditionModel.from_pretrained(good / "unet")
    torch.manual_seed(3)
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    unet.add_adapter(LoraConfig(r=4, lora_alpha=8, target_modules=targets, init_lora_weights=False))
    weights = get_peft_model_state_dict(unet)
    diffusers.StableDiffusionXLPipeline.save_lora_weights(folder, unet_lora_layers=weights)
    (file,) = folder.iterdir()
    return file


def test_a_lora_is_folded_in_as_diffusers_applies_it(good: Path, lora: Path) -> None:
    ours = _styled(_load(good, (lora, 0.7))).astype(int)
    pipeline = diffusers.StableDiffusionXLImg2ImgPipeline.from_pretrained(good)
    pipeline.load_lora_weights(str(lora.parent), weight_name=lora.name, adapter_name="own")
    pipeline.set_adapters(["own"], [0.7])
    pipeline.set_progress_bar_config(disable=True)
    rgb = torch.from_numpy(draw(3, (256, 256))[:, :, 2::-1].copy()).permute(2, 0, 1)[None] / 255
    theirs = pipeline(
        "a cat",
        image=rgb,
        strength=0.5,
        num_inference_steps=2,
        guidance_scale=0.0,
        generator=torch.Generator("cpu").manual_seed(2),
        output_type="np",
    ).images[0]
    difference = np.abs(ours - (theirs * 255).round())
    assert difference.max() <= 2 and difference.mean() <= 0.2
    assert np.abs(ours - _styled(_load(good))).mean() > 1, "it changes nothing"


@pytest.mark.slow
def test_two_loras_add_up_and_scale_nought_is_none(good: Path, lora: Path) -> None:
    once = _styled(_load(good, (lora, 0.6)))
    twice = _styled(_load(good, (lora, 0.4), (lora, 0.2)))
    assert np.abs(once.astype(int) - twice).max() <= 1
    np.testing.assert_array_equal(_styled(_load(good, (lora, 0.0))), _styled(_load(good)))


def test_a_lora_flag_has_a_file_and_a_scale(lora: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a:b.safetensors"
    shutil.copy(lora, odd)
    assert parse_lora(str(lora)) == (lora, 1.0)
    assert parse_lora(f"{lora}:0.5") == (lora, 0.5)
    assert parse_lora(f"{lora}:-1") == (lora, -1.0)
    assert parse_lora(str(odd)) == (odd, 1.0)
    for wrong in ("no.safetensors", f"{lora}:99", f"{lora}:x", f"{lora}:nan"):
        with pytest.raises(ConfigError, match="FILE.safetensors"):
            parse_lora(wrong)


def test_a_lora_for_another_model_is_refused(tmp_path: Path, lora: Path) -> None:
    other = save_pipeline(tmp_path / "m", "sd", "middle")
    with pytest.raises(ModelError, match="cannot apply the LoRA"):
        _load(other, (lora, 1.0))


def test_a_lora_of_which_nothing_fits_is_refused(good: Path, tmp_path: Path) -> None:
    names = ("foo.lora_A.weight", "foo.lora_B.weight")
    save_file({name: torch.zeros(4, 4) for name in names}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="its layers? (is|are) not|can't read it|of its 1 layers"):
        _load(good, (tmp_path / "other.safetensors", 1.0))


@pytest.mark.slow
def test_which_autoencoder(good: Path, tmp_path: Path) -> None:
    full = save_pipeline(tmp_path / "full", "sdxl", "tiny", "turbo", "full")
    own = str(Path(__file__).parents[1] / "data" / "tiny-autoencoder")
    for model, autoencoder, code in (
        (good, "auto", 0),
        (good, own, 0),
        (good, "full", 1),
        (full, "full", 0),
        (full, own, 0),
        (full, str(tmp_path), 1),
    ):
        command = [
            "stylize",
            str(PICTURE),
            str(tmp_path / "o.png"),
            "--stylizer",
            "turbo",
            "--overwrite",
        ]
        command += ["--size", "256x256", "--model", str(model), "--autoencoder", autoencoder]
        assert main(command) == code, (model, autoencoder)


def test_the_tiny_autoencoder_of_another_family_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_pipeline(tmp_path / "m", "sd")
    command = ["stylize", str(PICTURE), "o.png", "--stylizer", "turbo", "--model", str(model)]
    assert main([*command, "--autoencoder", "tiny"]) == 2
    assert (
        "is not, and its autoencoder would be used; choose another --recipe"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.hardware)])
def test_packed_layers_compute_what_linear_ones_do(precision: str) -> None:
    dtype = DTYPES[precision]
    if precision == "bf16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this CPU does not compute in bf16")
    torch.manual_seed(5)
    with_bias, without = torch.nn.Linear(96, 40), torch.nn.Linear(40, 24, bias=False)
    plain = torch.nn.Sequential(with_bias, torch.nn.SiLU(), without).to(dtype)
    packed = copy.deepcopy(plain)
    pack_linears(packed)
    assert [type(layer) for layer in packed] == [PackedLinear, torch.nn.SiLU, PackedLinear]
    for shape in ((1, 7, 96), (3, 96), (2, 5, 6, 96)):
        x = torch.randn(shape, dtype=dtype)
        with torch.inference_mode():
            ours, theirs = packed(x), plain(x)
        torch.testing.assert_close(ours, theirs)


def test_no_layer_of_the_unet_is_left_unpacked(good: Path) -> None:
    choice = Choice(weights=ModelFolder(good), sampler="turbo", device="cpu", precision="fp32")
    denoiser = load_model(choice).networks.denoiser
    assert isinstance(denoiser, OwnUNet)
    kinds = {type(layer) for layer in denoiser.run.modules()}
    assert PackedLinear in kinds and torch.nn.Linear not in kinds
