"""Compile an engine, for this machine or another GPU."""

from __future__ import annotations

import argparse

from livestyle.commands.terminal import (
    add_config,
    add_json,
    check_stdout,
    config_of,
    say,
    tell,
    tell_json,
)
from livestyle.endings import end_in_order
from livestyle.machine import check_memory
from livestyle.settings import add_flags

HELP = "compile an engine, for this machine or another GPU"
_SETTINGS = ("engine", "model", "autoencoder", "lora", "precision", "size", "output_size")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to compile, for what, and those settings that an engine depends on."""
    parser.add_argument(
        "recipe",
        metavar="RECIPE",
        help="one of engines/, such as sdxl-turbo, one of yours, or a FILE.toml",
    )
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="SM",
        help="tensorrt: of another GPU, as sm_89; several with commas (this machine's)",
    )
    parser.add_argument(
        "--flavour",
        choices=("rtx", "full"),
        help="tensorrt: TensorRT-RTX, for GeForce and RTX cards, or TensorRT (what is installed)",
    )
    parser.add_argument(
        "--lever",
        action="append",
        default=[],
        metavar="NAME",
        help="torch-compiled: tune-gemm (minutes), whole-transformers, no-fast-accumulation",
    )
    parser.add_argument(
        "--random-weights",
        action="store_true",
        help="the recipe's exact architecture without its weights, for speed alone",
    )
    add_flags(parser, _SETTINGS)
    add_config(parser)
    add_json(parser, "where the engine is, and what each phase took and found,")


def call(arguments: argparse.Namespace) -> int:
    """Build it, showing each phase."""
    check_memory()
    check_stdout()
    from livestyle.stylizers.settle import settle_turbo

    end_in_order()
    random = arguments.random_weights
    config = settle_turbo(config_of(arguments, _SETTINGS), say, with_model=not random)
    from livestyle.commands.bars import build_bars
    from livestyle.commands.figures import describe_build
    from livestyle.engines.build import PHASES, build_engine, check_room
    from livestyle.engines.cache import user_cache
    from livestyle.engines.plan import plan_build, with_levers

    targets = [name.strip() for names in arguments.target for name in names.split(",")]
    build = plan_build(
        config,
        targets=tuple(targets),
        flavour=arguments.flavour,
        random_weights=random,
        say=say,
    )
    build = with_levers(build, arguments.lever)
    cache = user_cache()
    say(check_room(build, cache))
    with build_bars() as report:
        entry = build_engine(build, cache, report)
    phases = entry.manifest().report
    if arguments.json:
        tell_json({"engine": str(entry.folder), **phases})
    else:
        tell(describe_build(str(entry.folder), phases, PHASES[build.spec.engine]))
    return 0
