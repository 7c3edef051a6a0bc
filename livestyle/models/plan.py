"""Plan: which files the model of the settings is, on this disk and on the hub; nothing is loaded.

    settings ─► plan_model ─► Plan ─► fetch ─► Choice ─► load_pipeline, or an engine's key

The hub is asked for what an id means (once, see `pin`) and for a model's settings, a few MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livestyle.config import Config
from livestyle.errors import ConfigError, ModelError
from livestyle.models.checkpoint import ModelFile, is_checkpoint
from livestyle.models.fetch import Repo, Say, announce_download, layout, repos
from livestyle.models.folder import (
    ModelFolder,
    autoencoder_class,
    check_weights,
    is_file,
    read_layout,
    weight_files,
)
from livestyle.models.lora import check_lora
from livestyle.models.pin import is_hub_id, pin
from livestyle.recipe import DiffusionRecipe, load_recipe

Parts = dict[str, Any]  # what is the same for every kind of model: fields of Plan


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which model to load, and how: files on this disk, checked.

    sampler: one of SAMPLERS. device: as torch names it. precision: fp32, bf16, fp16 or auto, see
    `choose_precision`. layout: a model's folder, for what a ModelFile does not say. autoencoder: a
    folder of its own, in place of the model's. loras: files and their scales, folded into the
    weights. unet: one of DENOISERS.
    """

    weights: ModelFolder | ModelFile
    sampler: str
    device: str
    precision: str
    layout: Path | None = None
    autoencoder: Path | None = None
    loras: tuple[tuple[Path, float], ...] = ()
    unet: str = "own"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which files a model is, before those of the hub are fetched.

    title: what people call it. repos: what the hub has of it, by what it is: "model", "layout" (the
    settings that a checkpoint lacks), "autoencoder", "lora", or less. weights: the model where it
    is no repo, checked. own_autoencoder: whether the model's own is used. The rest: see Choice.
    """

    title: str
    licence: str
    repos: Mapping[str, Repo]
    sampler: str
    precision: str
    unet: str
    weights: ModelFolder | ModelFile | None
    own_autoencoder: bool
    autoencoder: Path | None
    loras: tuple[tuple[Path, float], ...]

    def announce(self, say: Say) -> None:
        """Say what will be fetched, if anything. Raises ModelError where it can't be."""
        announce_download(list(self.repos.values()), self.licence, say)

    def is_here(self) -> bool:
        """Whether nothing is to be fetched."""
        return all(repo.cached() for repo in self.repos.values())

    def fetch(self, device: str, say: Say) -> Choice:
        """The files, all on this disk, for a device. say: told how far it is. Raises ModelError."""
        here = {name: repo.fetch(say) for name, repo in self.repos.items()}
        weights = self.weights
        if weights is None:
            weights = ModelFolder(here["model"], own_autoencoder=self.own_autoencoder)
        lora = [(file, 1.0) for file in weight_files(here["lora"])] if "lora" in here else []
        return Choice(
            weights=weights,
            sampler=self.sampler,
            device=device,
            precision=self.precision,
            layout=here.get("layout"),
            autoencoder=here.get("autoencoder", self.autoencoder),
            loras=(*lora, *self.loras),
            unet=self.unet,
        )


def plan_model(config: Config) -> Plan:
    """The model that settings name: the recipe's, or one of the user's own.

    Raises ConfigError where settings do not fit each other, ModelError for a model that livestyle
    does not run.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    parts: Parts = {"precision": recipe.precision_for(config.precision), "unet": config.unet}
    parts["autoencoder"] = _own_autoencoder(config)
    parts["loras"] = tuple(_checked_lora(text) for text in config.lora)
    parts["own_autoencoder"] = config.autoencoder == "full"
    if config.model is None:
        return _of_recipe(recipe, parts)
    parts["own_autoencoder"] |= config.autoencoder == "auto"
    of_model = _of_checkpoint if is_checkpoint(config.model) else _of_folder
    return of_model(config.model, config, recipe, parts)


def parse_lora(text: str) -> tuple[Path, float]:
    """File and scale of FILE[:SCALE]. Raises ConfigError, ModelError."""
    name, colon, number = text.rpartition(":")
    scale = 1.0
    try:
        scale = float(number)
    except ValueError:  # the colon, if any, is part of the name, as in C:\\x.safetensors
        colon = ""
    file = Path(name if colon else text)
    if not is_file(file) or not -10 <= scale <= 10:
        raise ConfigError(f"--lora {text!r}: FILE.safetensors[:SCALE] is expected, a file there is")
    return file, scale


def _checked_lora(text: str) -> tuple[Path, float]:
    file, scale = parse_lora(text)
    check_weights(file)
    check_lora(file)
    return file, scale


def _own_autoencoder(config: Config) -> Path | None:
    """The folder that --autoencoder names, checked."""
    if config.autoencoder in ("auto", "full", "tiny"):
        return None
    folder = Path(config.autoencoder)
    autoencoder_class(folder)
    weight_files(folder)
    return folder


def _of_recipe(recipe: DiffusionRecipe, parts: Parts) -> Plan:
    needed = repos(recipe, full_autoencoder=parts["own_autoencoder"])
    if parts["autoencoder"] is not None:
        needed.pop("autoencoder", None)
    return Plan(
        title=recipe.model,
        licence=recipe.licence,
        repos=needed,
        sampler=recipe.timesteps,
        weights=None,
        **parts,
    )


def _of_checkpoint(model: str, config: Config, recipe: DiffusionRecipe, parts: Parts) -> Plan:
    weights = ModelFile(Path(model), own_autoencoder=parts["own_autoencoder"])
    needed = {"layout": layout(recipe)}
    return Plan(
        title=model,
        licence=recipe.licence,
        repos=_with_recipe_s(needed, weights.family, config, recipe),
        sampler=recipe.timesteps,  # a file does not say
        weights=weights,
        **parts,
    )


def _of_folder(model: str, config: Config, recipe: DiffusionRecipe, parts: Parts) -> Plan:
    """Of a folder, or of a repo on the hub, which is one once it is fetched."""
    known = pin(model) if is_hub_id(model) else None
    folder = Path(model) if known is None else known.layout().fetch()
    family, sampler = read_layout(folder)
    own = parts["own_autoencoder"]
    weights = ModelFolder(folder, own_autoencoder=own) if known is None else None
    kind = autoencoder_class(folder / "vae") if own else ""
    if config.autoencoder == "full" and kind != "AutoencoderKL":
        raise ModelError(f"--autoencoder full: that of {model!r} is an {kind}; use auto")
    needed = {} if known is None else {"model": known.model(own_autoencoder=own)}
    return Plan(
        title=model,
        licence=recipe.licence if known is None else known.licence,
        repos=_with_recipe_s(needed, family, config, recipe),
        sampler=sampler,
        weights=weights,
        **parts,
    )


def _with_recipe_s(
    needed: dict[str, Repo], family: str, config: Config, recipe: DiffusionRecipe
) -> dict[str, Repo]:
    """With the recipe's tiny autoencoder, where that is asked for.

    Raises ConfigError where what is used of the recipe is for models of another family.
    """
    if config.autoencoder == "tiny":
        needed = {"autoencoder": repos(recipe, full_autoencoder=False)["autoencoder"], **needed}
    used = [name for name in needed if name != "model"]
    if used and family != recipe.family:
        raise ConfigError(
            f"the model {config.model!r} is of the family {family}, the recipe {config.recipe!r} "
            f"is not, and its {' and '.join(used)} would be used; choose another --recipe"
        )
    return needed
