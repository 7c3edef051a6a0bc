"""The livestyle command: one module for each subcommand, with its arguments; all that prints."""

from __future__ import annotations

import argparse
import io
import re
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from livestyle.aside import leave
from livestyle.commands import (
    bench,
    build,
    chaos,
    ctl,
    devices,
    doctor,
    engines,
    install,
    report,
    run,
    styles,
    stylize,
    train,
    uninstall,
)
from livestyle.commands.terminal import INTERRUPTED, say, tell
from livestyle.errors import ConfigError, LivestyleError
from livestyle.places import check_current_folder, settle_caches, settle_home
from livestyle.streams import outlast_readers, write_or_drop
from livestyle.version import __version__

# Each has HELP, add_arguments(parser) and call(arguments), which returns the exit code.
_COMMANDS = {
    "run": run,
    "ctl": ctl,
    "stylize": stylize,
    "bench": bench,
    "train": train,
    "build": build,
    "engines": engines,
    "doctor": doctor,
    "report": report,
    "devices": devices,
    "styles": styles,
    "install": install,
    "uninstall": uninstall,
    "chaos": chaos,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit code: 0, 1 problem, 2 usage, 130 interrupted."""
    outlast_readers()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may know fewer letters than we write
            stream.reconfigure(errors="replace")
    try:
        told = settle_home()  # what is parsed may be in it
        arguments = _parser().parse_args(argv)
        told += settle_caches()
        check_current_folder()
        for line in told:
            say(f"livestyle: {line}")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return int(arguments.call(arguments))
    except LivestyleError as error:
        say(f"livestyle: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        leave(INTERRUPTED)
        return INTERRUPTED
    finally:
        write_or_drop()


class _Parser(argparse.ArgumentParser):
    """Help is what was asked for, too."""

    def print_help(self, file: object = None) -> None:
        tell(self.format_help().rstrip())

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        flags = words[: words.index("--") if "--" in words else None]
        # argparse would make empty lists of both
        if words.count("--") > 1:
            raise ConfigError("'--' is given twice; a file of that name is written as './--'")
        for word in flags:
            if word.startswith("--") and word.endswith("=--"):
                raise ConfigError(f"{word[:-3]}: '--' is no value")
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        # a value, not the form of the command
        if message.startswith("argument -") or re.match("argument [^:]*: (?!invalid c)", message):
            raise ConfigError(message.removeprefix("argument "))
        super().error(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        if message:
            say(message.rstrip("\n"))
        sys.exit(status)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        tell(f"livestyle {__version__}")
        parser.exit()


def _parser() -> _Parser:
    parser = _Parser(
        prog="livestyle",
        description="Restyle a running game, or anything on a screen, live, as a webcam.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        of_command = commands.add_parser(name, help=command.HELP, description=command.__doc__)
        command.add_arguments(of_command)
        of_command.set_defaults(call=command.call)
    return parser
