"""The report of the last run; or, in one file, all that a bug report needs."""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from livestyle import values
from livestyle.commands.terminal import add_json, check_stdout, tell, tell_json, typed
from livestyle.errors import ConfigError, LivestyleError
from livestyle.files import Target
from livestyle.veil import PROMPTS, TITLES

HELP = "the last run's report; all that a bug report needs, in one file"
_NAME = "livestyle-report-%Y%m%d-%H%M%S.zip"  # local time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to make a bundle, and what may be in it."""
    parser.add_argument(
        "--bundle",
        nargs="?",
        const=True,
        type=typed(values.path),
        metavar="FILE.zip",
        help="write what `livestyle doctor` says, your settings, the logs and reports of the last "
        "runs into one file (livestyle-report-DATE-TIME.zip, here): nothing is sent anywhere, and "
        "no picture, prompt, window's title or token is in it",
    )
    parser.add_argument(
        "--with",
        dest="shows",
        action="append",
        choices=(PROMPTS, TITLES),
        help="leave them in your settings there: prompts, or titles of windows; repeatable",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    add_json(parser, "the report, or what was written,")


def call(arguments: argparse.Namespace) -> int:
    """Tell, or write."""
    if arguments.bundle is not None:
        _bundle(arguments)
        return 0
    if arguments.shows or arguments.overwrite:
        raise ConfigError("--with and --overwrite are for --bundle; add it")
    from livestyle.past import last_report

    report = last_report()
    if arguments.json:
        tell_json(report)
    else:
        tell("\n".join(_summary(report)))
    return 0


def _summary(report: dict[str, Any]) -> list[str]:
    from livestyle.commands.status import summary

    try:
        return summary(report)
    except (KeyError, TypeError, ValueError) as error:
        raise LivestyleError(
            "the last report is by another livestyle, or damaged; `livestyle report --json` "
            "prints it as it is"
        ) from error


def _bundle(arguments: argparse.Namespace) -> None:
    from livestyle.commands.bundle import Bundle

    check_stdout()
    file = time.strftime(_NAME) if arguments.bundle is True else arguments.bundle
    target = Target("--bundle", file, arguments.overwrite)
    bundle = Bundle(os.environ, arguments.shows or ())
    content = bundle.zipped()
    target.write(content)
    if arguments.json:
        written = {"file": file, "bytes": len(content)}
        tell_json({**written, "has": list(bundle.members), "left_out": bundle.left_out})
        return
    kilobytes = len(content) / 1000
    tell(
        f"{file}: {kilobytes:.0f} kB, {len(bundle.members)} files (README.txt lists them); "
        "it is sent nowhere: look into it, then attach it yourself"
    )
