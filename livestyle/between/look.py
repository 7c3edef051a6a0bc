"""What may change while a run goes on: the look of turbo, and how every picture is finished."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livestyle.config import FINISH, Config, check, key
from livestyle.errors import ConfigError
from livestyle.values import Rectangle

_OF_LOOK = ("prompt", "prompt_fade", "strength", "steps", "seed")


@dataclass(frozen=True)
class Look:
    """All of it in its limits: livestyle.config checks them."""

    prompt: str
    strength: float  # 0 … 1: how far to leave the picture
    steps: int  # evaluations of the network for a frame
    seed: int  # of the noise, the same for every frame
    fade: float  # s from one prompt to the next


@dataclass(frozen=True)
class Refusal:
    """A look that can't be taken, the one that stays in its place, and why, in a line."""

    look: Look
    kept: Look
    why: str


@dataclass(frozen=True)
class Finishing:
    """How styled pictures are finished, see livestyle.finish; 0 to 1 but for the rectangles."""

    detail: float = 0.0
    hold: float = 0.0
    colour: float = 0.0
    mix: float = 0.0
    keep: tuple[Rectangle, ...] = ()

    @property
    def colour_of_source(self) -> float:
        """How much of the source's colour there is, by `colour` and in the mix, 0 … 1."""
        return 1 - (1 - self.mix) * (1 - self.colour)


def finishing_of(config: Config) -> Finishing:
    """That of settled settings."""
    return Finishing(config.detail or 0.0, config.hold, config.colour, config.mix, config.kept)


def look_of(config: Config) -> Look:
    """The look that settled settings begin with."""
    assert config.prompt is not None and config.strength is not None
    assert config.steps is not None and config.seed is not None
    return Look(config.prompt, config.strength, config.steps, config.seed, config.prompt_fade)


@dataclass(frozen=True)
class Live:
    """All that may change. look: None for a stylizer that has none. number: of the change, counted
    from the start of the run.
    """

    finishing: Finishing
    look: Look | None = None
    number: int = 0


def live_of(config: Config, number: int = 0) -> Live:
    """That of settled settings."""
    look = look_of(config) if config.stylizer == "turbo" else None
    return Live(finishing_of(config), look, number)


def settled_with(config: Config, live: Live | None) -> Config:
    """Settled settings with what has changed since, where anything has."""
    if live is None:
        return config
    config = dataclasses.replace(config, **dataclasses.asdict(live.finishing))
    if live.look is None:
        return config
    return dataclasses.replace(
        config,
        prompt=live.look.prompt,
        strength=live.look.strength,
        steps=live.look.steps,
        seed=live.look.seed,
        prompt_fade=live.look.fade,
    )


def with_live(config: Config, values: Mapping[str, Any]) -> Config:
    """Settled settings with some of what may change changed, by the names that flags have.

    Raises ConfigError for another name, one that the stylizer has no use for, or a value out of its
    limits.
    """
    names = {key(name): name for name in (*_OF_LOOK, *FINISH)}
    if unknown := sorted(set(values) - set(names)):
        raise ConfigError(
            f"{', '.join(map(repr, unknown))} can't change while running; "
            f"what can: {', '.join(names)}"
        )
    checked = {names[name]: check(names[name], value, name) for name, value in values.items()}
    if config.stylizer == "passthrough" and checked:
        raise ConfigError("stylizer 'passthrough' shows the source as it is; use lite or turbo")
    if config.stylizer != "turbo" and set(checked) & set(_OF_LOOK):
        raise ConfigError(f"stylizer {config.stylizer!r} has no prompt; use --stylizer turbo")
    return dataclasses.replace(config, **checked)
