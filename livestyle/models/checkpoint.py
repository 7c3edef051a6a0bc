"""A model as one checkpoint file: all its networks in the layout of their authors' own code.

Nothing here loads a network: the checks come before anything heavy is imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from livestyle.errors import ModelError
from livestyle.models.folder import (
    PICKLES,
    check_weights,
    is_file,
    safetensors_header,
    stored_precision,
)

_FIRST = "model.diffusion_model.input_blocks.0.0.weight"
_AUTOENCODER = "first_stage_model.encoder.conv_in.weight"
# A tensor of the text encoder that only this family has.
_FAMILIES = {
    "conditioner.embedders.1.model.ln_final.weight": "sdxl",
    "cond_stage_model.model.ln_final.weight": "sd",
}
_OTHERS = {
    "conditioner.embedders.0.model.ln_final.weight": "SDXL's refiner",
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": "Stable Diffusion 1",
}


def is_checkpoint(model: str) -> bool:
    """Whether `--model` names a file, be it one that is refused."""
    return Path(model).suffix in (".safetensors", *PICKLES)


class ModelFile:
    """A .safetensors file that holds a whole model livestyle can run.

    What the file does not say (settings, tokenizers) is in a folder of the same family's model.
    `family` and `stored`: see ModelFolder.

    Raises ModelError: another kind of file or model, pickled, or damaged.
    """

    def __init__(self, path: Path, *, own_autoencoder: bool = True) -> None:
        """own_autoencoder: whether that in the file is needed too."""
        if not is_file(path):
            raise ModelError(f"there is no {str(path)!r}; see --model")
        check_weights(path)
        self.path = path
        self.stored = stored_precision(path)
        tensors = safetensors_header(path)
        self.family = _family(path, tensors)
        channels = tensors[_FIRST]["shape"][1]
        if channels != 4:
            raise ModelError(
                f"{str(path)!r}: its UNet takes {channels} channels, for inpainting or the like; "
                "livestyle runs those of 4"
            )
        if "v_pred" in tensors:
            raise ModelError(f"{str(path)!r} predicts v; livestyle runs models that predict noise")
        if own_autoencoder and _AUTOENCODER not in tensors:
            raise ModelError(f"{str(path)!r} has no autoencoder; use --autoencoder tiny")


def _family(path: Path, tensors: dict[str, Any]) -> str:
    for name, family in _FAMILIES.items():
        if name in tensors and _FIRST in tensors:
            return family
    others = [what for name, what in _OTHERS.items() if name in tensors]
    what = others[0] if others else "no whole checkpoint with a UNet and its text encoders"
    raise ModelError(
        f"{str(path)!r} is {what}; as one file livestyle loads SDXL and Stable Diffusion 2.1"
    )
