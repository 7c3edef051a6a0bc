"""Look: what of the turbo stylizer may change while it runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from livestyle.config import Config, check, key
from livestyle.errors import ConfigError

_LIVE = ("prompt", "prompt_fade", "strength", "steps", "seed")


@dataclass(frozen=True)
class Look:
    """All of it in its limits: livestyle.config checks them."""

    prompt: str
    strength: float  # 0 … 1: how far to leave the picture
    steps: int  # evaluations of the network for a frame
    seed: int  # of the noise, the same for every frame
    fade: float  # s from one prompt to the next


def look_of(config: Config) -> Look:
    """The look that settled settings begin with."""
    assert config.prompt is not None and config.strength is not None
    assert config.steps is not None and config.seed is not None
    return Look(config.prompt, config.strength, config.steps, config.seed, config.prompt_fade)


def settled_with(config: Config, look: Look | None) -> Config:
    """Settled settings with another look, where there is one."""
    if look is None:
        return config
    return dataclasses.replace(
        config,
        prompt=look.prompt,
        strength=look.strength,
        steps=look.steps,
        seed=look.seed,
        prompt_fade=look.fade,
    )


def with_look(config: Config, values: dict[str, Any]) -> Config:
    """Settled settings with some of their look changed, by the names that flags have.

    Raises ConfigError for another name, or a value out of its limits.
    """
    names = {key(name): name for name in _LIVE}
    if unknown := sorted(set(values) - set(names)):
        raise ConfigError(
            f"{', '.join(map(repr, unknown))} can't change while running; "
            f"what can: {', '.join(names)}"
        )
    checked = {names[name]: check(names[name], value, name) for name, value in values.items()}
    return dataclasses.replace(config, **checked)
