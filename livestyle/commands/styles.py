"""The styles there are, and the recipes of turbo."""

from __future__ import annotations

import argparse

from livestyle.commands.terminal import add_json, tell, tell_json
from livestyle.recipe import user_recipes
from livestyle.stylizers.preset import list_presets, user_presets
from livestyle.stylizers.style import list_styles

HELP = "the styles there are"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """As text or as JSON."""
    add_json(parser)


def call(arguments: argparse.Namespace) -> int:
    """List them."""
    styles, presets = list_styles(), list_presets()
    if arguments.json:
        tell_json([*(style.plain() for style in styles), *(preset.plain() for preset in presets)])
        return 0
    tell("--stylizer lite")
    for style in styles:
        tell(f"  {style.name:16} {style.title}, {style.artist}: {style.description}")
    tell(f"--stylizer turbo (your own: {user_presets()})")
    for preset in presets:
        tell(f"  {preset.name:16} {preset.description}")
    tell(f"--recipe, of turbo (your own: {user_recipes()}/NAME.toml)")
    return 0
