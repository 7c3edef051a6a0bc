"""The files that a tool is asked to write: refused before the work rather than after it."""

from __future__ import annotations

import argparse

from livestyle.errors import ConfigError
from livestyle.files import Target


def parse(parser: argparse.ArgumentParser, *names: str) -> argparse.Namespace:
    """Parse the arguments, those of these names as a Target where they were given; --overwrite is
    added. Ends the program where one can't be written.
    """
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    arguments = parser.parse_args()
    for name in names:
        if file := getattr(arguments, name):
            try:
                target = Target(name, str(file), arguments.overwrite)
            except ConfigError as error:
                parser.error(str(error))
            setattr(arguments, name, target)
    return arguments
