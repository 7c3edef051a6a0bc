"""Steer a run that goes on in another process, by the server of its page."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from livestyle import values
from livestyle.commands.terminal import add_json, say, tell, tell_json, typed
from livestyle.errors import ConfigError
from livestyle.installation import command

if TYPE_CHECKING:
    from livestyle.client import Client

HELP = "steer a run that goes on: settings, snapshot, recording, off and on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A command of its own for each thing to do."""
    port = argparse.ArgumentParser(add_help=False)
    port.add_argument(
        "--port",
        metavar="N",
        type=typed(values.number(1, 65535, int)),
        help="which run, where there are several: the port of its page",
    )
    what = parser.add_subparsers(required=True, metavar="WHAT")

    def add(
        name: str, does: Callable[[Client, argparse.Namespace], None], help: str
    ) -> argparse.ArgumentParser:
        description = help[0].upper() + help[1:]
        added = what.add_parser(name, help=help, description=description, parents=[port])
        added.set_defaults(does=does)
        return added

    add_json(add("status", _status, "how it is, in a line"), "all that is known")
    of_set = add("set", _set, "change a setting, as in `set style ink`")
    of_set.add_argument("key", metavar="KEY", help="as flags spell it, without the --")
    of_set.add_argument("words", metavar="VALUE", nargs="+", help='several for a list; "" for none')
    of_snapshot = add("snapshot", _snapshot, "write the picture as PNG, with its settings in it")
    of_snapshot.add_argument("file", metavar="FILE.png", type=typed(values.path))
    of_snapshot.add_argument(
        "--overwrite", action="store_true", help="replace a file that is there"
    )
    of_record = add("record", _record, "start or stop a recording into a folder of yours")
    of_record.add_argument("how", choices=("start", "stop"))
    add("off", lambda client, _: client.off(), "show the source as it is, until `on`")
    add("on", lambda client, _: client.on(), "style it again")


def call(arguments: argparse.Namespace) -> int:
    """Ask the run."""
    from livestyle.client import connect

    arguments.does(connect(arguments.port), arguments)
    return 0


def _status(client: Client, arguments: argparse.Namespace) -> None:
    status = client.status()
    if arguments.json:
        tell_json(status)
        return
    from livestyle.commands.status import describe

    tell(describe(status))


def _set(client: Client, arguments: argparse.Namespace) -> None:
    from livestyle.words import value_of

    key, settings = arguments.key, client.settings()
    if key not in settings:
        raise ConfigError(
            f"{values.shown(key)} can't change while running; what can: {', '.join(settings)}"
        )
    try:
        value = value_of(settings[key]["schema"], arguments.words)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None
    answer = client.set(key, value)
    tell(f"{key}: {_shown(answer['settings'].get(key))}")
    if answer["pending"]:
        say(f"livestyle: it is still being taken; how far it is: {command('ctl status')}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _snapshot(client: Client, arguments: argparse.Namespace) -> None:
    client.snapshot(arguments.file, overwrite=arguments.overwrite)


def _record(client: Client, arguments: argparse.Namespace) -> None:
    if arguments.how == "start":
        tell(f"records into {client.start_recording()['file']}")
        return
    ended = client.stop_recording()
    tell(f"{ended['file']}: {ended['seconds']:.1f} s, {ended['bytes'] / 1e6:.1f} MB")
