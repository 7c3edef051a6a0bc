"""Pin: what the hub said of a model of the user's own when it was first asked; it stays at that.

A recipe names a commit; `--model OWNER/NAME` does not, and without a network nobody could ask.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi

from livestyle.errors import LivestyleError, ModelError
from livestyle.files import write
from livestyle.models.fetch import LAYOUT, Repo, reported
from livestyle.models.folder import PICKLES, unreadable
from livestyle.places import cache_folder, is_there

_ID = re.compile(r"\w[\w.-]*/[\w.-]+(@[\w./-]+)?")
_NETWORKS = ("unet", "text_encoder", "text_encoder_2", "vae")


def is_hub_id(model: str) -> bool:
    """Whether `--model` names no file or folder but OWNER/NAME[@REVISION]."""
    return bool(_ID.fullmatch(model)) and not is_there(Path(model))


@dataclass(frozen=True)
class Pin:
    """One repo: the commit, the licence it states and the names of its files."""

    id: str
    commit: str
    licence: str
    files: tuple[str, ...]

    def layout(self) -> Repo:
        """Its settings and tokenizers, without any weights: a few MB."""
        return Repo(self.id, self.commit, LAYOUT, "layout")

    def model(self, *, own_autoencoder: bool) -> Repo:
        """All that livestyle needs of it, in half precision where it is there.

        Raises ModelError where its weights are no safetensors.
        """
        networks = _NETWORKS if own_autoencoder else _NETWORKS[:-1]
        chosen = [name for network in networks for name in self._weights(network)]
        part = "with-autoencoder" if own_autoencoder else "without-autoencoder"
        return Repo(self.id, self.commit, (*LAYOUT, *chosen), part)

    def _weights(self, network: str) -> list[str]:
        here = [name for name in self.files if fnmatch(name, f"{network}/*")]
        found = [name for name in here if name.endswith(".safetensors")]
        pickled = [name for name in here if Path(name).suffix in PICKLES]
        if not found and (pickled or network == "unet"):
            what = f"only {pickled[0]}, a pickle, which can run any code" if pickled else "no UNet"
            raise ModelError(f"{self.id} has {what}; get a model as .safetensors")
        half = [name for name in found if ".fp16." in name]
        return half or [name for name in found if ".non_ema." not in name]


def pin(model: str) -> Pin:
    """What is known of OWNER/NAME[@REVISION]; the hub is asked once. Raises ModelError."""
    name, _, revision = model.partition("@")
    pins = cache_folder() / "pins"
    known = pins / f"{model.replace('/', '--')}.json"
    if is_there(known):
        return _read(known)
    with reported(name):
        found = HfApi().model_info(name, revision=revision or None)
    licence = getattr(found.card_data, "license", None) or "not stated, see its page"
    files = tuple(file.rfilename for file in found.siblings or ())
    result = Pin(name, str(found.sha), str(licence), files)
    with contextlib.suppress(OSError, LivestyleError):  # where nothing can be kept, it asks again
        pins.mkdir(parents=True, exist_ok=True)
        write(str(known), json.dumps(asdict(result), indent=1).encode())
    return result


def _read(file: Path) -> Pin:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Pin(**content | {"files": tuple(content["files"])})
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(f"{str(file)!r} is damaged ({error}); delete it") from error
