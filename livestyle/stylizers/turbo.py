"""Turbo: SDXL-Turbo and its kind, one or a few denoising steps a frame."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import torch

from livestyle.between.look import Look, look_of
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.diffusion.denoiser import Embedding
from livestyle.diffusion.model import Choice, Model, load_model
from livestyle.diffusion.program import Form, Program
from livestyle.diffusion.prompt import Prompts
from livestyle.diffusion.step import Step
from livestyle.engines.cache import user_cache
from livestyle.engines.choice import Wanted, choose_engine, device_for
from livestyle.engines.entry import Entry
from livestyle.engines.loading import open_engine
from livestyle.errors import ConfigError, MissingEngine, StylizerError
from livestyle.frame import Frame, Size
from livestyle.models.folder import ModelFolder, weight_files
from livestyle.models.loadable import Loadable, RandomModel, StoredModel
from livestyle.pacing import SECOND
from livestyle.placement import Placement, network_size
from livestyle.recipe import DiffusionRecipe, load_recipe
from livestyle.stylizers.settle import GRID, needed_repos, open_weights, parse_lora


class Turbo:
    """A Stylizer: image to image at low strength, or with `from_text` text to image.

    The same frame gives the same pixels, however often and whatever came before, once a fade from
    one prompt to another is over.
    """

    name = "turbo"

    def __init__(
        self, model: Model, canvas: Canvas, size: Size, look: Look, *, from_text: bool = False
    ) -> None:
        """size: (width, height) of the picture inside, out of GRID.

        The first frame is made here: what is allocated, compiled or captured once is ready then.
        """
        self.size = size
        self.engine = model.networks.engine
        self.why = model.networks.why
        self._model = model
        self._canvas = canvas
        self._from_text = from_text
        self._look = self._wanted = look
        self._prompts = Prompts(model.encode_prompt, look.prompt)
        self._shown = self._from = self._to = self._prompts.newest[1]
        self._fade_began = 0  # ns
        try:
            self._program = self._make(canvas.size)
        except BaseException:
            self._prompts.close()
            raise

    def change(self, look: Look) -> None:
        """Take another look, whole: from the next frame on, or when its prompt is encoded."""
        if look.prompt != self._wanted.prompt:
            self._prompts.ask(look.prompt)
        self._wanted = look

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) in; RGB (H, W, 3) or I420 (H * 3 / 2, W) of the canvas out."""
        if self._prompts.failure:
            raise StylizerError(f"a prompt can't be encoded: {self._prompts.failure}")
        self._take_look()
        self._fade()
        height, width = frame.pixels.shape[:2]
        if (width, height) != self._program.source_size:
            self._program = self._make((width, height))
        return frame.with_pixels(self._program.run(frame.pixels))

    def __enter__(self) -> Turbo:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._prompts.close()
        on_gpu = self._model.device.type == "cuda"
        del self._program, self._model, self._prompts
        if on_gpu:  # PyTorch would keep the memory, and an engine that takes over has its own
            torch.cuda.empty_cache()

    def _make(self, source_size: Size) -> Program:
        steps = self._steps(self._look)
        placement = Placement(source_size, self._canvas.size, self._canvas.aspect)
        form = Form(len(steps), self._canvas.i420, self._from_text)
        program = Program(self._model, self.size, placement, form)
        program.set_steps(steps)
        program.set_noise(self._look.seed)
        program.set_prompt(self._shown)
        program.warm_up()
        return program

    def _steps(self, look: Look) -> tuple[Step, ...]:
        strength = 1.0 if self._from_text else look.strength  # there is nothing to keep
        return self._model.sampler.steps(strength, look.steps)

    def _take_look(self) -> None:
        before, wanted = self._look, self._wanted  # once: it may change at any moment
        if wanted is before:
            return
        if wanted.prompt != before.prompt:
            text, embedding = self._prompts.newest
            if text != wanted.prompt:
                return
            self._from, self._to = self._shown, embedding
            self._fade_began = time.monotonic_ns()
        self._look = wanted
        steps = self._steps(wanted)
        if len(steps) != self._program.form.steps:
            self._program = self._make(self._program.source_size)
            return
        self._program.set_steps(steps)
        if wanted.seed != before.seed:
            self._program.set_noise(wanted.seed)

    def _fade(self) -> None:
        if self._shown is self._to:
            return
        now = time.monotonic_ns()
        passed = (now - self._fade_began) / SECOND
        over = passed >= self._look.fade
        self._shown = self._to if over else self._between(passed / self._look.fade)
        self._program.set_prompt(self._shown)

    def _between(self, weight: float) -> Embedding:
        return self._from.blended(self._to, weight)


def open_turbo(config: Config, canvas: Canvas, say: Callable[[str], None]) -> Turbo:
    """The stylizer that settled settings describe. Raises StylizerError.

    say: told what is being loaded.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    choice = choose_model(config, say)
    size = network_size(canvas.size, config.size, recipe.size, GRID)
    look, from_text = look_of(config), config.source == "blank"
    try:
        stored = StoredModel(title_of(config), choice)
        entry, why = choose_engine_for(config, Wanted(stored, size, choice.precision))
        say(f"the model {stored.title}")
        model = load_model(choice) if entry is None else open_engine(entry, stored)
        model.networks = dataclasses.replace(model.networks, why=why)
        return Turbo(model, canvas, size, look, from_text=from_text)
    except torch.OutOfMemoryError as error:
        raise StylizerError(
            f"the GPU's memory does not hold {title_of(config)} at "
            f"{size[0]}x{size[1]}; close what else uses it, or choose a smaller --size or --recipe "
            "sd-turbo"
        ) from error


def title_of(config: Config) -> str:
    """What people call the model of the settings."""
    return config.model or load_recipe(config.recipe, DiffusionRecipe).model


def loadable_of(config: Config, *, random_weights: bool, say: Callable[[str], None]) -> Loadable:
    """The model of the settings, or its exact architecture with random weights.

    say: told how far a download is. Raises ModelError.
    """
    if not random_weights:
        return StoredModel(title_of(config), choose_model(config, say))
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    family = "sd" if recipe.model.endswith("sd-turbo") else "sdxl"
    return RandomModel(f"{recipe.model} with random weights", family, recipe.timesteps)


def wanted_precision(config: Config) -> str:
    """That of the settings, else that of their recipe; it may be "auto"."""
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    return recipe.precision if config.precision == "auto" else config.precision


def choose_engine_for(config: Config, wanted: Wanted) -> tuple[Entry | None, str]:
    """The cache's engine that the settings run, None for PyTorch; and why. Raises EngineError."""
    if config.unet == "diffusers":
        if wanted.precision == "fp8":
            raise ConfigError(
                "--precision fp8: diffusers' UNet has none; leave out --unet diffusers"
            )
        if config.engine not in ("auto", "torch"):
            raise ConfigError(
                f"--engine {config.engine} is compiled from livestyle's own UNet; leave out "
                "--unet diffusers"
            )
        return None, "the UNet of diffusers is not compiled"
    command = build_command(config, wanted)
    try:
        device = device_for(config.engine, load_recipe(config.recipe, DiffusionRecipe))
        return choose_engine(wanted, config.engine, device, user_cache(), command)
    except MissingEngine:
        if config.build != "background" or wanted.precision == "fp8":
            raise
        return None, f"engine {config.engine} is being built"


def build_command(config: Config, wanted: Wanted) -> str:
    """What a user types to build an engine for the settings."""
    flags = ["--size {}x{}".format(*wanted.size)]
    if isinstance(wanted.model, RandomModel):
        flags.append("--random-weights")
    for name in ("model", "autoencoder", "precision"):
        value, usual = getattr(config, name), getattr(Config(), name)
        if value != usual:
            flags.append(f"--{name} {shlex.quote(value)}")
    flags += [f"--lora {shlex.quote(lora)}" for lora in config.lora]
    return " ".join(["livestyle build", config.recipe, *flags])


def choose_model(config: Config, say: Callable[[str], None]) -> Choice:
    """Which files settled settings mean; those of a recipe are fetched where they are missing.

    say: told how far a download is. Raises ModelError.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    needed = needed_repos(config, recipe)
    fetched = {name: repo.fetch(say) for name, repo in needed.items()}
    own = config.autoencoder not in ("auto", "full", "tiny")
    autoencoder = Path(config.autoencoder) if own else fetched.get("autoencoder")
    weights = open_weights(config, fetched)
    loras = [(file, 1.0) for file in weight_files(fetched["lora"])] if "lora" in fetched else []
    sampler = recipe.timesteps
    if config.model is not None and isinstance(weights, ModelFolder):  # a file does not say
        sampler = weights.sampler
    return Choice(
        weights=weights,
        layout=fetched.get("layout"),
        sampler=sampler,
        device="cuda" if torch.cuda.is_available() else "cpu",
        precision=wanted_precision(config),
        autoencoder=autoencoder,
        loras=(*loras, *map(parse_lora, config.lora)),
        unet=config.unet,
    )
