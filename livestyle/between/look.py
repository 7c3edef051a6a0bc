"""The look of turbo's pictures, and how every picture is finished, as settings have them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from livestyle.config import Config, live_settings, plain
from livestyle.values import Rectangle


@dataclass(frozen=True)
class Look:
    """All of it in its limits: livestyle.config checks them."""

    prompt: str
    strength: float  # 0 … 1: how far to leave the picture
    steps: int  # evaluations of the network for a frame
    seed: int  # of the noise, the same for every frame
    fade: float  # s from one prompt to the next
    from_text: bool = False  # the source is not looked at: text to image


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
    return Look(
        config.prompt,
        config.strength,
        config.steps,
        config.seed,
        config.prompt_fade,
        config.source == "blank",
    )


def plain_look(config: Config) -> dict[str, Any]:
    """What makes settled settings look as they do, by the keys that flags have, as JSON can hold
    it: all that is live of how pictures are styled, and has a use for their stylizer. Sets of
    rectangles are the rectangles.
    """
    values = plain(dataclasses.replace(config, keep=config.kept))
    return {
        key: values[key]
        for key, (name, setting) in live_settings().items()
        if setting.group in ("look", "turbo")
        and config.stylizer in setting.live
        and name != "off"
        and key in values
    }


def with_look(config: Config, look: Look) -> Config:
    """Settled settings with another look."""
    return dataclasses.replace(
        config,
        prompt=look.prompt,
        strength=look.strength,
        steps=look.steps,
        seed=look.seed,
        prompt_fade=look.fade,
    )
