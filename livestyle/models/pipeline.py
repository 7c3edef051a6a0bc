"""Pipeline: the files of a Choice as a diffusers pipeline, its LoRAs folded in."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from livestyle.errors import MissingPackage, ModelError
from livestyle.models.checkpoint import ModelFile
from livestyle.models.folder import autoencoder_class, variant
from livestyle.models.plan import Choice
from livestyle.models.precision import DTYPES, choose_precision

try:
    import diffusers
    import torch
    import transformers
    from safetensors import SafetensorError

    from livestyle.models.fold import apply_lora
except ImportError as missing:
    raise MissingPackage(missing.name or "diffusers", "turbo") from missing


def quiet() -> None:
    """Progress bars and hints of the libraries would tear livestyle's status line; what they log
    as an error they raise, too.
    """
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity(logging.CRITICAL)
        library.utils.logging.disable_progress_bar()


def load_pipeline(choice: Choice, *, only_text: bool = False) -> tuple[Any, torch.dtype]:
    """A diffusers pipeline with its LoRAs folded in, still on the CPU, and what it computes in.

    only_text: without the networks that an engine has.

    Raises ModelError.
    """
    quiet()
    weights = choice.weights
    dtype = DTYPES[choose_precision(choice.precision, choice.device, weights.stored)]
    options: dict[str, Any] = {"dtype": dtype, "local_files_only": True}
    if only_text:
        options |= {"unet": None, "vae": None}
    elif choice.autoencoder is not None:
        options["vae"] = _load_autoencoder(choice.autoencoder, dtype)
    kind: Any = diffusers.StableDiffusionXLPipeline
    if weights.family == "sd":
        kind = diffusers.StableDiffusionPipeline
        options |= {"safety_checker": None, "feature_extractor": None}
        options["requires_safety_checker"] = False
    with _reported(weights.path):
        if isinstance(weights, ModelFile):
            pipeline = kind.from_single_file(
                str(weights.path), config=str(choice.layout), **options
            )
        else:
            options |= {"use_safetensors": True, "variant": variant(weights.path / "unet")}
            pipeline = kind.from_pretrained(weights.path, **options)
    for file, scale in choice.loras:
        apply_lora(pipeline, file, scale)
    return pipeline, dtype


def _load_autoencoder(folder: Path, dtype: torch.dtype) -> Any:
    kind = getattr(diffusers, autoencoder_class(folder))
    options = {"dtype": dtype, "use_safetensors": True, "local_files_only": True}
    with _reported(folder):
        return kind.from_pretrained(folder, **options, variant=variant(folder))


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"cannot load {str(path)!r}: {first}") from error
