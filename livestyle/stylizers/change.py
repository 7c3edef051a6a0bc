"""What changes of settings while they are in use: checked, and with what follows from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping
from typing import Any

from livestyle.config import FINISH, Config, key, live_values, settings
from livestyle.errors import ConfigError
from livestyle.stylizers.blend import find_blend, package_folder
from livestyle.stylizers.preset import find_preset
from livestyle.stylizers.style import DETAIL, find_style

LOOK = ("prompt", "prompt_fade", "strength", "steps", "seed", *FINISH)
"""What an open stylizer takes at once."""


def changed(
    config: Config, values: Mapping[str, Any], names: Container[str] | None = None
) -> Config:
    """Settled settings with some of what may change changed, by the keys that flags have. A style
    brings what it has of its own, but for what is changed beside it.

    names: the fields that may; None: all that are live.

    Raises ConfigError for another key, one that the stylizer has no use for, or a value out of its
    limits.
    """
    checked = live_values(values, names)
    for name in checked:
        _check_use(config, name)
    if "style" in checked:
        own = _of_style(config, checked["style"])
        if config.stylizer == "lite" and is_style_changed(config):  # somebody chose the detail
            own = {}
        checked = own | checked
    after = dataclasses.replace(config, **checked)
    if after.source == "blank" and after.stylizer != "turbo":
        raise ConfigError(
            f"source 'blank' shows nothing to stylizer {after.stylizer!r}; use --stylizer turbo"
        )
    if after.hold_fps is not None and after.hold_fps > after.fps:
        raise ConfigError(f"fps {after.fps:g} is less than hold-fps {after.hold_fps:g}; raise it")
    return after


def is_style_changed(config: Config) -> bool:
    """Whether settled settings have a style and something else of what it has of its own."""
    if not config.style or config.stylizer not in ("lite", "turbo"):
        return False
    own = _of_style(config, config.style)
    if config.source == "blank":  # there is nothing to keep
        own.pop("strength", None)
    return any(getattr(config, name) != value for name, value in own.items())


def _check_use(config: Config, name: str) -> None:
    if config.stylizer in settings()[name][1].live:
        return
    if config.stylizer == "passthrough":
        raise ConfigError("stylizer 'passthrough' shows the source as it is; use lite or turbo")
    raise ConfigError(f"stylizer {config.stylizer!r} has no {key(name)}; use --stylizer turbo")


def _of_style(config: Config, style: str) -> dict[str, Any]:
    """What it has of its own. Raises ConfigError for an unknown one."""
    if config.stylizer == "turbo":
        preset = find_preset(style)
        return {"prompt": preset.prompt, "strength": preset.strength, "seed": preset.seed}
    if find_blend(style):
        package_folder()
        return {"detail": DETAIL}
    return {"detail": find_style(style).detail}
