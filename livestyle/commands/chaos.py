"""List the faults that a run can be given on purpose, to see that it gets over them."""

from __future__ import annotations

import argparse

from livestyle.chaos import POINTS, VARIABLE, parse
from livestyle.commands.terminal import add_json, tell, tell_json

HELP = "faults that a run can be given on purpose"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of them, or what is written."""
    parser.add_argument("--list", action="store_true", help="the points there are, as without")
    parser.add_argument(
        "faults",
        nargs="?",
        metavar="FAULTS",
        help="faults as LIVESTYLE_FAULT has them, to see what they mean",
    )
    add_json(parser)


def call(arguments: argparse.Namespace) -> int:
    """Tell."""
    if arguments.faults is not None:
        faults = list(map(str, parse(arguments.faults)))
        tell_json(faults) if arguments.json else tell("\n".join(faults))
        return 0
    if arguments.json:
        tell_json(POINTS)
        return 0
    for point, words in POINTS.items():
        tell(f"{point:16} {words}")
    tell(
        f"\n{VARIABLE}=capture.hang:10s@60s,worker.kill@2m/30s livestyle run\n"
        "has the source hang for 10 s at 60 s into the run, and from 2 minutes on kills the worker "
        "every 30 s."
    )
    return 0
