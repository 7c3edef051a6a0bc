"""Restyle a source live, into a camera or a page."""

from __future__ import annotations

import argparse
import os
import signal
from typing import TYPE_CHECKING, Any

from livestyle.chaos import VARIABLE, begin
from livestyle.commands.reload import Reload
from livestyle.commands.service import Service
from livestyle.commands.terminal import (
    INTERRUPTED,
    add_config,
    add_json,
    check_written,
    config_of,
    say,
    tell,
    tell_json,
)
from livestyle.config import Config, key, plain, settings
from livestyle.endings import ENDINGS, end_in_order, on_hangup
from livestyle.errors import SinkError
from livestyle.machine import check_memory
from livestyle.places import is_there
from livestyle.settings import add_flags, to_toml, user_file

if TYPE_CHECKING:
    from livestyle.commands.log import RunLog
    from livestyle.commands.status import StatusLine
    from livestyle.front.front import Front

HELP = "restyle a source live, into a camera or a page"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All settings are flags of it."""
    parser.usage = "%(prog)s [settings]"  # all of them would fill a screen before the first word
    groups = add_flags(parser)
    add_config(groups["run"])
    groups["run"].add_argument(
        "--print-config",
        action="store_true",
        help="print all settings as a TOML file, and where your own file is, and end",
    )
    add_json(groups["run"], "the report at the end, or the settings,")


def call(arguments: argparse.Namespace) -> int:
    """Run until the time is over, or Ctrl-C."""
    config = config_of(arguments)
    if arguments.print_config and arguments.json:
        tell_json(dict.fromkeys(map(key, settings())) | plain(config))
        return 0
    if arguments.print_config:
        there = "read first" if is_there(user_file()) else "would be read first"
        tell(
            f"# {user_file()} {there}; then --config FILE, then flags\n\n{to_toml(config)}".rstrip()
        )
        return 0
    check_memory()
    from livestyle.commands.log import RunLog

    faults = begin(os.environ) if os.environ.get(VARIABLE) else []
    if arguments.json:
        from livestyle.front.decide import wanted

        check_written(wanted(config), config.overwrite, json=True)
    end_in_order()
    reload = Reload(config, lambda: config_of(arguments))
    on_hangup(reload.ask)
    with RunLog(os.environ) as log:
        log.begin(config)
        for fault in faults:
            say(f"{VARIABLE}: {fault}")
            log.write(f"{VARIABLE}: {fault}")
        code, report = _run(config, reload, log)
        log.write(f"ended with exit code {code}")
    if told := log.trouble():
        say(told)
    if arguments.json:
        tell_json(report)
    return code


def _run(config: Config, reload: Reload, log: RunLog) -> tuple[int, dict[str, Any]]:
    """Returns how it ended, as an exit code, and the report, which is then written and told."""
    from livestyle.commands.status import StatusLine, summary
    from livestyle.front.front import Front

    def announce(line: str) -> None:
        say(line)
        log.write(line)

    code = 0
    service = Service(os.environ)
    with Front(config, announce, log.write) as front:
        for sink in front.outputs:
            announce(f"output: {sink.name}")
        with StatusLine() as line:

            def show(status: dict[str, Any]) -> None:
                _turn(front, line, reload, log)
                log.look(status)
                line.show(status)
                service.show(status)

            try:
                front.run(show)
            except KeyboardInterrupt:
                code = INTERRUPTED
            except SinkError as error:  # the report has its line
                code = error.exit_code
            for ending in ENDINGS:  # the rest takes seconds at most
                signal.signal(ending, signal.SIG_IGN)
            service.ends()
            report = front.finish()
    log.keep(report)
    say(*summary(report))
    front.write_report(report)
    return code or int(bool(report["ended"])), report


def _turn(front: Front, line: StatusLine, reload: Reload, log: RunLog) -> None:
    if told := reload.turn(front):
        line.tell(told)
        log.write(told)
    if told := log.trouble():
        line.tell(told)
