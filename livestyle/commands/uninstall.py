"""Undo what `livestyle install` did."""

from __future__ import annotations

import argparse

from livestyle.commands.install import NAME, OURS, check_systemd, systemctl, unit_file
from livestyle.commands.terminal import tell
from livestyle.errors import LivestyleError, reason

HELP = "undo `livestyle install`"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """For whom."""
    parser.add_argument(
        "--user", action="store_true", required=True, help="for you alone, as it was installed"
    )


def call(arguments: argparse.Namespace) -> int:
    """Stop it, and remove the unit."""
    check_systemd()
    unit = unit_file()
    try:
        is_ours = unit.read_text().startswith(OURS)
    except FileNotFoundError:
        tell(f"{unit} is not there: nothing is installed")
        return 0
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "it is no text"
        raise LivestyleError(f"{unit}: {why}") from error
    if not is_ours:
        raise LivestyleError(f"{unit} is not by `livestyle install`; remove it yourself")
    systemctl("disable", "--now", NAME)
    try:
        unit.unlink(missing_ok=True)
    except OSError as error:
        raise LivestyleError(f"cannot remove {unit}: {reason(error)}") from error
    systemctl("daemon-reload")
    tell(f"{unit} is removed, and livestyle stopped where that had started it")
    return 0
