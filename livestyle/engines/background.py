"""Background: an engine built beside a run that goes on meanwhile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from livestyle.config import Config
from livestyle.engines.build import GIB, build_engine, check_room, needs
from livestyle.engines.cache import user_cache
from livestyle.engines.plan import plan_build
from livestyle.errors import EngineError
from livestyle.frame import Size
from livestyle.placement import network_size
from livestyle.recipe import DiffusionRecipe, load_recipe
from livestyle.stylizers.settle import GRID


def build_beside(config: Config, output_size: Size, report: Callable[[str], None]) -> bool:
    """Build the engine that a run with these settings would take, at low priority.

    report: told in words how far it is. Returns whether there is one now that was not there.

    Raises EngineError where it can't be built, or the GPU would not hold both it and what runs.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    size = network_size(output_size, config.size, recipe.size, GRID)
    sized = dataclasses.replace(config, size=size)
    build = plan_build(sized, targets=(), flavour=None, random_weights=False, say=report)
    cache = user_cache()
    if cache.find(build.spec):
        return False
    if torch.cuda.is_available():
        needed, (free, _) = needs(build).gpu, torch.cuda.mem_get_info()
        if free < needed:
            raise EngineError(
                f"the GPU has {free / GIB:.1f} GiB free, {needed / GIB:.1f} are needed beside what "
                "runs; stop, and run livestyle build"
            )
    check_room(build, cache)
    build = dataclasses.replace(build, background=True)
    build_engine(build, cache, lambda phase, part: report(f"{phase} {part:.0%}"))
    return True
