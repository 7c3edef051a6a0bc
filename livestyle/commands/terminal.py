"""What every command prints and takes: lines for the user, what was asked for, files, settings."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from livestyle import values
from livestyle.config import Config
from livestyle.errors import LivestyleError, reason
from livestyle.files import Wanted, check_targets
from livestyle.settings import load_config

INTERRUPTED = 130
_EVERY = 5.0  # s
_LONGEST, _BEGIN = 1000, 600  # characters
# C0, delete and C1, what ends a line, and what turns the direction of what follows
_SPELLED = {
    code: ascii(chr(code))[1:-1]
    for code in (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F),
                 *range(0x2066, 0x206A))
}  # fmt: skip


def spelled(text: str) -> str:
    """A line whose control characters are spelled, as \\x1b: a terminal would obey them, and names
    of files, models and styles may come from anybody.
    """
    return text.translate(_SPELLED)


def say(*lines: str) -> None:
    """Lines for the user: on stderr, because stdout may carry pictures or JSON. Of one that is
    longer than anybody reads, for what was given is in it, the middle is left out.
    """
    print(*map(_readable, lines), sep="\n", file=sys.stderr, flush=True)


def _readable(text: str) -> str:
    line = spelled(text)
    return line if len(line) <= _LONGEST else f"{line[:_BEGIN]} … {line[_BEGIN - _LONGEST :]}"


def typed(parse: values.Parse) -> Callable[[str], Any]:
    """For argparse, which tells what is expected only of its own kind of error."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{values.shown(text)}: {error}") from None

    return parsed


class NowAndThen:
    """Says what goes on, such as a download, every few seconds; short work goes unmentioned."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _EVERY

    def __call__(self, text: str) -> None:
        if time.monotonic() >= self._next:
            self.at_once(text)

    def at_once(self, text: str) -> None:
        """What is to be read in any case."""
        say(text)
        self._next = time.monotonic() + _EVERY


def tell(text: str) -> None:
    """What was asked for, in lines on stdout. Raises LivestyleError where it can't be written."""
    check_stdout()
    try:
        print("\n".join(map(spelled, text.split("\n"))), flush=True)
    except OSError as error:
        raise LivestyleError(f"cannot write to stdout: {reason(error)}") from error


def tell_json(plain: object) -> None:
    """The same, as one JSON document."""
    tell(json.dumps(plain, indent=2))


def check_stdout() -> None:
    """Raise LivestyleError where there is none."""
    if sys.stdout is None:
        raise LivestyleError("cannot write to stdout: it is closed; give it a file or a pipe")


def check_written(targets: Iterable[Wanted], overwrite: bool, *, json: bool) -> None:
    """Raise where what a command is to write can't be: a file, see `check_targets`, or with json
    its stdout, which must be there and be none of the files. Better before the work than after it.
    """
    if json:
        check_stdout()
        targets = [Wanted("--json", "-", "stream"), *targets]
    check_targets(targets, overwrite)


def add_json(parser: argparse._ActionsContainer, what: str = "it") -> None:
    """Add --json, which means the same for every command."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON, on stdout")


def add_config(parser: argparse._ActionsContainer) -> None:
    """Add --config."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=typed(values.path),
        help="read settings from this TOML file; flags win, and it wins over your own file",
    )


def config_of(arguments: argparse.Namespace, names: Iterable[str] | None = None) -> Config:
    """The settings of a command: its flags on top of --config, on top of the user's own file.

    names: those that concern it; None: all.
    """
    known = Config.__dataclass_fields__
    flags = {name: value for name, value in vars(arguments).items() if name in known}
    return load_config(flags, getattr(arguments, "config", None), names)
