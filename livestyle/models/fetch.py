"""Fetch: models from the hub, at a pinned revision, checked once, then used without a network.

They lie in the hub client's own cache, where other programs find them too.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from livestyle.errors import MissingPackage, ModelError, reason
from livestyle.installation import adding_package
from livestyle.places import cache_folder, is_there
from livestyle.recipe import DiffusionRecipe

try:
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        HfHubHTTPError,
        HTTPError,
        LocalEntryNotFoundError,
    )
    from huggingface_hub.utils import logging as hub_logging
    from tqdm import tqdm
except ImportError as missing:
    raise MissingPackage(missing.name or "huggingface_hub", "turbo") from missing

GB = 1e9
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
Say = Callable[[str], None]

LAYOUT = ("model_index.json", "scheduler/*.json", "tokenizer*/*", "*/config.json")
_MODEL = (*LAYOUT, "text_encoder*/*.fp16.safetensors", "unet/*.fp16.safetensors")
_FULL_AUTOENCODER = ("vae/*.fp16.safetensors",)
_AUTOENCODER = ("config.json", "diffusion_pytorch_model.safetensors")
_LORA = ("*.safetensors",)


def _ignore(_: str) -> None:
    """For a progress that nobody waits for."""


@dataclass(frozen=True)
class Repo:
    """Files of the hub: those of `id` at the commit `revision` whose names fit `patterns`.

    part: what these patterns are called, where a repo has several sets of them.
    """

    id: str
    revision: str
    patterns: tuple[str, ...]
    part: str = ""

    def cached(self) -> Path | None:
        """Their folder, when all are there and have been checked; asks no network."""
        if not is_there(self._mark()):
            return None
        try:
            return Path(self._snapshot(local_files_only=True))
        except LocalEntryNotFoundError:
            return None

    def missing_bytes(self) -> int:
        """How much there is to fetch. Raises ModelError without a network."""
        with reported(self.id):
            files: Any = self._snapshot(dry_run=True, tqdm_class=_progress("", _ignore))
            return sum(file.file_size for file in files if file.will_download)

    def fetch(self, say: Say = _ignore) -> Path:
        """Their folder; what is missing is fetched, going on where an earlier try ended.

        say: told how far it is. Raises ModelError.
        """
        if folder := self.cached():
            return folder
        with reported(self.id):
            folder = Path(self._snapshot(tqdm_class=_progress(self.id, say)))
            say(f"checking {self.id}")
            found = HfApi().verify_repo_checksums(self.id, revision=self.revision)
        if found.mismatches:
            names = [wrong["path"] for wrong in found.mismatches]
            for name in names:
                _remove(folder / name)
            raise ModelError(
                f"{', '.join(names)} of {self.id} came with other bytes than the hub has "
                "(checksum); removed, so start livestyle again to fetch it anew"
            )
        with contextlib.suppress(OSError):  # where nothing can be kept, it is checked next time
            self._mark().parent.mkdir(parents=True, exist_ok=True)
            self._mark().touch()
        return folder

    def _snapshot(self, **options: Any) -> Any:
        return snapshot_download(
            self.id, revision=self.revision, allow_patterns=list(self.patterns), **options
        )

    def _mark(self) -> Path:
        """An empty file that says: checked."""
        part = f"-{self.part}" if self.part else ""
        name = f"{self.id.replace('/', '--')}-{self.revision}{part}"
        return cache_folder() / "checked" / name


@contextlib.contextmanager
def reported(id: str) -> Iterator[None]:
    """Make what goes wrong with the hub one ModelError that says what to do."""
    # the one line below says it
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        _reach()
        yield
    except _Unasked as error:
        raise ModelError(f"{id} is not on this disk and can't be fetched: {error}") from error
    except (HfHubHTTPError, HTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        if isinstance(error, OSError) and (error.filename or error.errno in _OF_THE_DISK):
            raise ModelError(
                f"cannot keep {id} in {constants.HF_HUB_CACHE!r}: {reason(error)}; HF_HOME names "
                "another place"
            ) from error
        cause = error.__cause__ or error
        first = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise ModelError(
            f"{id} is not on this disk and can't be fetched: {first}; start livestyle once with a "
            "network to fetch it, or give a model's folder with --model"
        ) from error


def repos(recipe: DiffusionRecipe, *, full_autoencoder: bool) -> dict[str, Repo]:
    """What a recipe needs: "model", "autoencoder" unless the full one is wanted, and "lora"."""
    patterns = _MODEL + (_FULL_AUTOENCODER if full_autoencoder else ())
    part = "full" if full_autoencoder else ""
    needed = {"model": Repo(recipe.model, recipe.revision, patterns, part)}
    if not full_autoencoder:
        revision = recipe.autoencoder_revision
        needed["autoencoder"] = Repo(recipe.autoencoder, revision, _AUTOENCODER)
    if recipe.lora:
        needed["lora"] = Repo(recipe.lora, recipe.lora_revision, _LORA)
    return needed


def layout(recipe: DiffusionRecipe) -> Repo:
    """The settings and tokenizers of a recipe's model, without any weights: a few MB."""
    return Repo(recipe.model, recipe.revision, LAYOUT, "layout")


def announce_download(needed: Sequence[Repo], licence: str, say: Say) -> None:
    """Say what will be fetched, how much, under which licence and to where.

    Raises ModelError when it can't be fetched.
    """
    missing = [repo for repo in needed if not repo.cached()]
    if missing:
        size = sum(repo.missing_bytes() for repo in missing) / GB
        names = ", ".join(repo.id for repo in missing)
        say(
            f"fetching {names}: {size:.1f} GB into {constants.HF_HUB_CACHE}; "
            f"licence of the model: {licence}"
        )


class _Unasked(Exception):
    """Why the hub is not even asked, and what to do."""


def _reach() -> None:
    """Raise at once where the hub can't be reached, for its client tries for half a minute:
    OSError, or _Unasked where a proxy is why or nothing shall be asked.
    """
    if constants.HF_HUB_OFFLINE:
        raise _Unasked("HF_HUB_OFFLINE is set; unset it, or give a model's folder with --model")
    address = urlsplit(constants.ENDPOINT)
    host, proxies = address.hostname or "", _proxies()
    name = address.scheme if address.scheme in proxies else "all"
    if name in proxies and not proxy_bypass(host):
        proxy = proxies[name]
        try:
            _connect(proxy)
        except OSError as error:
            raise _Unasked(
                f"the proxy {proxy.hostname} of {name.upper()}_PROXY does not answer "
                f"({error.strerror or error}); mend that variable, or unset it"
            ) from None
    else:
        _connect(address)


def _connect(address: SplitResult) -> None:
    port = address.port or _PORTS.get(address.scheme, 443)
    socket.create_connection((address.hostname or "", port), timeout=10).close()


def _proxies() -> dict[str, SplitResult]:
    """Those that the hub's client takes from the environment: http, https, all.

    Raises _Unasked for one that it can't use; what is in it may be a secret.
    """
    found = {}
    for name, text in getproxies().items():
        if name not in ("http", "https", "all"):
            continue
        try:
            address = urlsplit(text if "://" in text else f"http://{text}")
            usable = address.scheme in _PORTS and address.hostname and address.port != 0
        except ValueError:  # of a port, or of brackets
            usable = False
        if not usable:
            raise _Unasked(
                f"{name.upper()}_PROXY names no proxy that can be used: http://HOST:PORT or "
                "socks5://HOST:PORT is expected"
            )
        if address.scheme.startswith("socks") and not importlib.util.find_spec("socksio"):
            raise _Unasked(
                f"{name.upper()}_PROXY names a SOCKS proxy, which takes the package socksio; run: "
                + adding_package("socksio")
            )
        found[name] = address
    return found


def _remove(file: Path) -> None:
    """A file of a snapshot is a link to its bytes: both go."""
    for part in (file.resolve(), file):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def _progress(name: str, say: Say) -> type[Any]:
    """A progress bar for the hub's client that draws nothing and tells `say`."""

    class Progress(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            options |= {"file": _Nowhere(), "disable": False}
            options.pop("name", None)
            super().__init__(*arguments, **options)

        def display(self, *_: Any, **__: Any) -> None:
            if self.unit == "B" and self.total:
                part = min(1.0, self.n / self.total)
                gigabytes = f"{self.n / GB:.2f} of {self.total / GB:.2f} GB"
                say(f"{part:.0%} of {name} fetched, {gigabytes}")

    return Progress


class _Nowhere:
    """Where a bar is drawn that nobody shall see."""

    def write(self, _: str) -> None:
        pass

    def flush(self) -> None:
        pass
