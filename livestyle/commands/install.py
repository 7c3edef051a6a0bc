"""Have systemd start livestyle with your desktop, and again whenever it ends by a failure."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from livestyle.commands.terminal import tell
from livestyle.errors import LivestyleError, reason
from livestyle.files import Target
from livestyle.installation import words_of_command
from livestyle.settings import user_file

HELP = "have systemd start livestyle with your desktop"

NAME = "livestyle.service"
OURS = "# by `livestyle install --user`; `livestyle uninstall --user` removes it\n"
# A run that was stopped ends with 130; one whose settings can't be with 2, which trying again
# won't change.
_UNIT = """\
{ours}[Unit]
Description=livestyle, a game restyled live
PartOf=graphical-session.target
After=graphical-session.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
SuccessExitStatus=130
Restart=on-failure
RestartPreventExitStatus=2
RestartSec=5
WatchdogSec=30
TimeoutStopSec=20
KillMode=mixed

[Install]
WantedBy=graphical-session.target
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """For whom, and whether another version's is replaced."""
    parser.add_argument(
        "--user", action="store_true", required=True, help="for you alone, without root"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the unit that is there")


def call(arguments: argparse.Namespace) -> int:
    """Write the unit, and have systemd know it."""
    check_systemd()
    unit = unit_file()
    try:
        unit.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LivestyleError(f"cannot make {unit.parent}: {reason(error)}") from error
    command = " ".join(map(quoted, words_of_command("run")))
    target = Target("the unit", str(unit), arguments.overwrite)
    target.write(_UNIT.format(ours=OURS, command=command).encode())
    systemctl("daemon-reload")
    systemctl("enable", NAME)
    tell(
        f"{unit}: `livestyle run` begins with your next login, with what {user_file()} says\n"
        "now:                    systemctl --user start livestyle\n"
        "settings read again:    systemctl --user reload livestyle\n"
        "what it says:           journalctl --user -u livestyle"
    )
    return 0


def check_systemd() -> None:
    """Raise LivestyleError where there is none."""
    if sys.platform != "linux" or shutil.which("systemctl") is None:
        raise LivestyleError(
            "this system has no systemd; have it start `livestyle run` in its own way"
        )


def unit_file() -> Path:
    """Where a user's units are."""
    import platformdirs

    return Path(platformdirs.user_config_dir(), "systemd", "user", NAME)


def systemctl(*words: str) -> None:
    """Ask the user's systemd. Raises LivestyleError where it refuses."""
    command = ["systemctl", "--user", "--quiet", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = reason(error) if isinstance(error, OSError) else "no answer"
        raise LivestyleError(f"systemctl --user {' '.join(words)}: {why}") from error
    if done.returncode:
        why = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise LivestyleError(f"systemctl --user {' '.join(words)}: {why}")


def quoted(word: str) -> str:
    """A word of ExecStart, see systemd.service(5), "Command lines"."""
    for character, written in {"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"}.items():
        word = word.replace(character, written)
    return f'"{word}"'
