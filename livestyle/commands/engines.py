"""The engines that are built; --prune removes some."""

from __future__ import annotations

import argparse

from livestyle import values
from livestyle.commands.terminal import add_json, say, tell, tell_json, typed

HELP = "the engines that are built, or remove some"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Without any it lists."""
    parser.add_argument(
        "--prune",
        nargs="?",
        const=30,
        type=typed(values.number(0, 1_000_000, int)),
        metavar="DAYS",
        help="remove what was not used for so many days (30), what is damaged or left over; 0: all",
    )
    add_json(parser)


def call(arguments: argparse.Namespace) -> int:
    """Prune, then list."""
    from livestyle.engines.cache import user_cache
    from livestyle.engines.listing import list_engines, prune

    cache = user_cache()
    if arguments.prune is not None:
        for line in prune(cache, arguments.prune):
            say(line)
    listed = list_engines(cache)
    if arguments.json:
        tell_json(listed)
        return 0
    say(f"{len(listed)} in {cache.root}")
    for engine in listed:
        tell(f"{engine['key'][:8]}  {engine['gib']:6.2f} GiB  {engine['used']}  {engine['words']}")
    return 0
