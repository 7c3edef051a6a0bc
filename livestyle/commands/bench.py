"""Measure this machine."""

from __future__ import annotations

import argparse
from typing import Any

from livestyle import values
from livestyle.commands.terminal import (
    NowAndThen,
    add_config,
    add_json,
    config_of,
    say,
    tell,
    tell_json,
)
from livestyle.config import STYLIZER
from livestyle.errors import ConfigError
from livestyle.files import check_target, write, write_json
from livestyle.settings import add_flags

HELP = "measure this machine"
# each bench has its own stylizer, whatever a run has
_SETTINGS = (*(name for name in STYLIZER if name != "stylizer"), "output_size", "fps")
_OF_FILES = tuple(name for name in _SETTINGS if name != "style")
_OF_TURBO = ("peer", "frames", "in_flight", "limit", "plot", "pictures")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure, how, and the stylizer's settings."""
    parser.add_argument(
        "what",
        choices=("lite", "turbo", "floor"),
        help="lite: the stylize stage beside the bare network; turbo: a frame and its stages; "
        "floor: the least time that a frame of turbo can take on this machine",
    )
    add_config(parser)
    add_json(parser, "the figures")
    parser.add_argument(
        "--report",
        dest="figures",
        type=values.path,
        metavar="FILE.json",
        help="write the figures there, turbo: anew after each contestant",
    )
    parser.add_argument(
        "--random-weights",
        action="store_true",
        help="turbo, floor: the recipe's exact architecture without its weights, for speed alone",
    )
    _add_arguments_of_turbo(parser.add_argument_group("turbo"))
    add_flags(parser, _SETTINGS)


def _add_arguments_of_turbo(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--peer",
        action="append",
        metavar="NAME",
        help="timed after it: torch (livestyle without an engine) or torch-compiled, with +fp8 and "
        "levers as in torch-compiled+fp8+tune-gemm; diffusers, diffusers-compile, streamdiffusion",
    )
    group.add_argument(
        "--frames", type=int, metavar="N", help="to time (default: 600 on a GPU, else 20)"
    )
    group.add_argument(
        "--in-flight",
        type=int,
        metavar="N",
        help="time so many frames at once, too (default: 1, not)",
    )
    group.add_argument(
        "--limit", type=int, metavar="SECONDS", help="end a contestant after so long"
    )
    group.add_argument(
        "--plot", type=values.path, metavar="FILE.png", help="draw frames and stages there"
    )
    group.add_argument(
        "--pictures",
        type=values.path,
        metavar="FILE.png",
        help="what each made of one frame, side by side",
    )


def call(arguments: argparse.Namespace) -> int:
    """Measure, then tell; 1 where a contestant failed."""
    for name in _OF_TURBO if arguments.what != "turbo" else ():
        if (value := getattr(arguments, name)) is not None:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} {value!r}: that is for bench turbo")
    for flag, file in (
        ("report", arguments.figures),
        ("plot", arguments.plot),
        ("pictures", arguments.pictures),
    ):
        check_target(f"--{flag}", file)
    benches = {"lite": _bench_lite, "turbo": _bench_turbo, "floor": _bench_floor}
    figures = benches[arguments.what](arguments)
    if arguments.figures is not None:
        write_json(arguments.figures, figures)
    if arguments.json:
        tell_json(figures)
    else:
        from livestyle.commands.figures import describe_bench

        tell(describe_bench(figures))
    failed = [found for found in figures.get("contestants", {}).values() if "error" in found]
    for found in failed:
        say(f"livestyle: {found['error']}")
    return int(bool(failed))


def _bench_lite(arguments: argparse.Namespace) -> dict[str, Any]:
    from livestyle.bench.lite import bench_lite

    if arguments.random_weights:
        raise ConfigError("--random-weights: that is for bench turbo and bench floor")
    return bench_lite(config_of(arguments, _OF_FILES))


def _bench_floor(arguments: argparse.Namespace) -> dict[str, Any]:
    from livestyle.stylizers.settle import settle_turbo

    config = settle_turbo(
        config_of(arguments, _OF_FILES), say, with_model=not arguments.random_weights
    )
    from livestyle.bench.floor import bench_floor

    return bench_floor(config, random_weights=arguments.random_weights, say=NowAndThen())


def _bench_turbo(arguments: argparse.Namespace) -> dict[str, Any]:
    from livestyle.stylizers.settle import settle_turbo

    numbers = {
        name: number
        for name in ("frames", "in_flight", "limit")
        if (number := getattr(arguments, name)) is not None
    }
    for name, number in numbers.items():
        if number < 1:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} {number}: a number from 1 on is expected")
    random = arguments.random_weights
    config = settle_turbo(config_of(arguments, _OF_FILES), say, with_model=not random)
    if arguments.plot or arguments.pictures:
        from livestyle.bench import plot
    from livestyle.bench.turbo import Options, bench_turbo

    def keep(figures: dict[str, Any], pictures: dict[str, Any]) -> None:
        """What was measured stays, whatever comes after it."""
        if arguments.figures is not None:
            write_json(arguments.figures, figures)
        if arguments.plot is not None:
            write(arguments.plot, plot.plot_turbo(figures))
        if arguments.pictures is not None:
            write(arguments.pictures, plot.sheet(pictures))

    options = Options(random, arguments.peer or [], **numbers)
    return bench_turbo(config, options, NowAndThen(), keep)
