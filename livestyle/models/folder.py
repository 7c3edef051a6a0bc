"""A model's folder, in diffusers' layout: what is in it, and whether it may be loaded.

Nothing here loads a network: the checks come before anything heavy is imported.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from livestyle.errors import ModelError, reason

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pt2")
AUTOENCODERS = ("AutoencoderTiny", "AutoencoderKL")

# What model_index.json may name, and its family. An inpainting model, say, has more inputs.
FAMILIES = {
    "StableDiffusionXLPipeline": "sdxl",
    "StableDiffusionXLImg2ImgPipeline": "sdxl",
    "StableDiffusionPipeline": "sd",
    "StableDiffusionImg2ImgPipeline": "sd",
    "LatentConsistencyModelPipeline": "sd",
    "LatentConsistencyModelImg2ImgPipeline": "sd",
}
_NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")
# What the arithmetic of livestyle.diffusion.step stands on.
_SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
}
_STORED = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}


class ModelFolder:
    """A folder that holds a model livestyle can run.

    `family` is sdxl or sd, `sampler` turbo or lcm; `stored` is how the UNet's weights are stored:
    fp32, fp16 or bf16.

    Raises ModelError: no model, of another kind, pickled, or damaged.
    """

    def __init__(self, path: Path, *, own_autoencoder: bool = True) -> None:
        """own_autoencoder: whether that of the folder is needed too."""
        self.path = path
        self.family, self.sampler = read_layout(path)
        if not (path / "tokenizer").is_dir():
            raise ModelError(f"there is no {str(path / 'tokenizer')!r}; get the whole model again")
        for network in _NETWORKS:
            needed = own_autoencoder or network != "vae"
            if needed and (path / network).is_dir():
                for file in weight_files(path / network):
                    safetensors_header(file)
        self.stored = stored_precision(weight_files(path / "unet")[0])


def read_layout(path: Path) -> tuple[str, str]:
    """Family and sampler of the model in a folder, whose weights need not be there yet.

    Raises ModelError for a model that livestyle does not run.
    """
    index = _read_json(path / "model_index.json")
    kind = str(index.get("_class_name"))
    if kind not in FAMILIES:
        raise ModelError(f"{str(path)!r} is a {kind}; livestyle runs: {', '.join(FAMILIES)}")
    scheduler = index.get("scheduler") or ["", ""]
    _check_schedule(path / "scheduler" / "scheduler_config.json")
    if _read_json(path / "unet" / "config.json").get("time_cond_proj_dim"):
        raise ModelError(
            f"the UNet of {str(path)!r} takes the guidance as an input, as distilled LCM models "
            "do; livestyle runs one with an LCM-LoRA folded in, as --recipe lcm-sdxl does"
        )
    return FAMILIES[kind], "lcm" if scheduler[1] == "LCMScheduler" else "turbo"


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files in a network's folder. Raises ModelError when there are none."""
    try:
        there = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        there = []
    except OSError as error:
        raise unreadable(folder, error) from error
    if files := [file for file in there if file.suffix == ".safetensors"]:
        return files
    pickled = [file.name for file in there if file.suffix in PICKLES]
    what = f"only {pickled[0]}, a pickle, which can run any code" if pickled else "no weights"
    raise ModelError(f"{str(folder)!r} has {what}; get the model as .safetensors")


def variant(folder: Path) -> str | None:
    """What diffusers calls files like NAME.fp16.safetensors, where there are no others."""
    return "fp16" if all(".fp16." in file.name for file in weight_files(folder)) else None


def autoencoder_class(folder: Path) -> str:
    """Which of AUTOENCODERS a folder holds. Raises ModelError when it is none of them."""
    kind = str(_read_json(folder / "config.json").get("_class_name"))
    if kind not in AUTOENCODERS:
        raise ModelError(
            f"{str(folder)!r} is a {kind}; an autoencoder is one of: {', '.join(AUTOENCODERS)}"
        )
    return kind


def check_weights(file: Path) -> None:
    """Raise ModelError for a file that is pickled, damaged or no safetensors at all."""
    if file.suffix in PICKLES:
        raise ModelError(
            f"{str(file)!r} is a pickle, which can run any code; get it as .safetensors"
        )
    stored_precision(file)


def stored_precision(file: Path) -> str:
    """fp32, fp16 or bf16: how a safetensors file stores its first tensor. Raises ModelError."""
    first = next(iter(safetensors_header(file).values()))
    return _STORED.get(first["dtype"], "fp32")


def is_file(path: Path) -> bool:
    """Whether there is a file. Raises ModelError where one may not look."""
    try:
        return path.is_file()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> ModelError:
    """What to raise where the system refuses a file or folder of a model."""
    return ModelError(f"cannot read {str(path)!r}: {reason(error)}")


def safetensors_header(file: Path) -> dict[str, Any]:
    """Name -> {"dtype", "shape", "data_offsets"} of each tensor. Raises ModelError."""
    return _read_header(file)[0]


def safetensors_metadata(file: Path) -> dict[str, str]:
    """What a safetensors file says beside its tensors. Raises ModelError."""
    return _read_header(file)[1]


def _read_header(file: Path) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > file.stat().st_size:
                raise ValueError("cut off")
            header: dict[str, Any] = json.loads(opened.read(length))
        if not isinstance(header, dict):
            raise ValueError("its header is no table of tensors")
        metadata = header.pop("__metadata__", None) or {}
        _check_header(header, metadata)
        ends = max(told["data_offsets"][1] for told in header.values())
        if 8 + length + ends > file.stat().st_size:
            raise ValueError("cut off")
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, RecursionError, struct.error) as error:
        raise ModelError(f"{str(file)!r} is damaged ({error}); get it again") from error
    return header, metadata


def _check_header(tensors: dict[str, Any], metadata: Any) -> None:
    """Raise ValueError for what no safetensors file has."""
    if not isinstance(metadata, dict) or not all(isinstance(x, str) for x in metadata.values()):
        raise ValueError("its metadata is no table of texts")
    if not tensors:
        raise ValueError("no tensors")
    if not all(map(_is_tensor, tensors.values())):
        raise ValueError("its header is no table of tensors")


def _is_tensor(told: Any) -> bool:
    """Whether that tells of a tensor."""
    if not isinstance(told, dict) or not isinstance(told.get("dtype"), str):
        return False
    for key in ("shape", "data_offsets"):
        numbers = told.get(key)
        if not isinstance(numbers, list) or not all(type(x) is int and x >= 0 for x in numbers):
            return False
    offsets = told["data_offsets"]
    return len(offsets) == 2 and offsets[0] <= offsets[1]


def _check_schedule(file: Path) -> None:
    schedule = _read_json(file)
    for key, needed in _SCHEDULE.items():
        if schedule.get(key, needed) != needed:
            raise ModelError(
                f"{str(file)!r}: the model was trained with {key} {schedule[key]!r}; "
                f"livestyle computes with {needed!r} alone"
            )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError(
            f"there is no {str(file)!r}; a model is a folder in diffusers' layout, a "
            ".safetensors checkpoint or an id on the hub"
        ) from error
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"cannot read {str(file)!r}: {error}; get it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{str(file)!r} holds no settings but {content!r:.40}; get it again")
    return content
