"""Restyle a picture or a video file, every frame of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from livestyle import values
from livestyle.commands.terminal import (
    add_config,
    add_json,
    check_written,
    config_of,
    say,
    tell_json,
    typed,
)
from livestyle.config import FINISH, STYLIZER
from livestyle.endings import end_in_order
from livestyle.files import Wanted
from livestyle.machine import check_memory
from livestyle.settings import add_flags

HELP = "restyle a picture or a video file"
_SETTINGS = (*STYLIZER, *FINISH, "keep_sets", "overwrite")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two files, and what concerns the stylizer."""
    parser.add_argument(
        "input",
        metavar="IN",
        type=typed(values.path),
        help="a picture or a video file, as FFmpeg reads them",
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        type=typed(values.path),
        help="a picture (.png, .jpg, .webp) or a clip (.mp4, or .mkv, lossless)",
    )
    add_flags(parser, _SETTINGS)
    add_config(parser)
    add_json(parser, "the figures")


def call(arguments: argparse.Namespace) -> int:
    """Restyle the file."""
    check_memory()
    from livestyle.commands.bars import progress_bar
    from livestyle.commands.offline import examine, stylize_file
    from livestyle.encoder import SUFFIXES
    from livestyle.stylizers.settle import settle_stylizer

    end_in_order()
    config = config_of(arguments, _SETTINGS)
    grows = Path(arguments.output).suffix.lower() in SUFFIXES
    output = Wanted("output", arguments.output, "part" if grows else "whole")
    check_written([output], config.overwrite, json=arguments.json)
    job = examine(arguments.input, arguments.output)  # all of it before a model is fetched
    config = settle_stylizer(config, say)
    with progress_bar("stylize") as bar:
        figures = stylize_file(job, config, bar.advance, bar.loading)
    say(_told_of(figures))
    if arguments.json:
        tell_json(figures)
    return 0


def _told_of(figures: dict[str, Any]) -> str:
    """What was written, in a line."""
    count = "1 frame" if figures["frames"] == 1 else f"{figures['frames']} frames"
    line = "{output}: {}x{}, {count} in {seconds:.1f} s"
    line += "" if figures["fps"] is None else ", {fps:.1f} fps"
    return line.format(*figures["size"], count=count, **figures)
