"""Bundle: all that a bug report needs, as one zip file, and nothing that is nobody's business."""

from __future__ import annotations

import importlib.metadata
import io
import json
import re
import subprocess
import time
import zipfile
from collections.abc import Container, Iterator, Mapping
from typing import Any

from livestyle.commands.doctor import Check
from livestyle.config import key
from livestyle.config import settings as settings_of_runs
from livestyle.errors import LivestyleError
from livestyle.installation import NAME, words_of_command
from livestyle.machine import describe_machine
from livestyle.past import last_report, past_runs, read_kept
from livestyle.places import is_there
from livestyle.settings import user_file
from livestyle.tables import read_toml
from livestyle.veil import HIDDEN, PROMPTS, TITLES, Veil
from livestyle.version import __version__

_MOST = 2**24  # bytes of logs
_PATIENCE = 120  # s, for the doctor
_BEGIN = f"""Of livestyle {__version__}, for a bug report. It was sent nowhere: attach it yourself.

What is in it:
"""
_NEVER = (
    "pictures, and what is in any other file of yours",
    "tokens, keys and passwords, of the page and of other programs",
    "the path of your home, which is ~, and your name where a path has it",
    "comments of your settings file, and what it sets that no setting is called",
    "prompts and titles of windows that runs had: their logs and reports are kept without",
)
# What may be left in, by the word that asks for it.
_ASKED = {
    PROMPTS: "prompts of your settings file",
    TITLES: "titles of windows in your settings file",
}


class Bundle:
    """`members`: what is in it, by name, and what that is in words. `left_out`: a line each."""

    def __init__(self, environment: Mapping[str, str], shows: Container[str]) -> None:
        """environment: its secrets are hidden. shows: see `Veil`."""
        self.members: dict[str, str] = {}
        self.left_out = [
            *_NEVER,
            *(
                f"{what}; --with {word} leaves them in"
                for word, what in _ASKED.items()
                if word not in shows
            ),
        ]
        self._veil = Veil(environment, shows)
        self._content: dict[str, bytes] = {}

    def zipped(self) -> bytes:
        """Collect all of it. Raises LivestyleError where the doctor can't be asked."""
        settings = self._settings()  # first: what is private in them is hidden everywhere
        self._add_doctor()
        self._add_json("versions.json", "versions of what livestyle uses, and the machine", {
            "machine": describe_machine(), "packages": dict(_versions()),
        })  # fmt: skip
        if settings is not None:
            self._add_json("settings.json", "what your settings file sets", settings)
        self._add_report()
        self._add_logs()
        self.members["README.txt"] = "this list"
        self._content["README.txt"] = self._read_me().encode()
        opened = io.BytesIO()
        with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self._content.items():
                entry = zipfile.ZipInfo(name, time.localtime()[:6])
                entry.external_attr = 0o600 << 16
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
        return opened.getvalue()

    def _add(self, name: str, what: str, text: str) -> None:
        """text: in lines, each of which says something of its own."""
        self.members[name] = what
        hidden = "\n".join(map(self._veil.text, text.split("\n")))
        self._content[name] = hidden.encode(errors="backslashreplace")

    def _add_json(self, name: str, what: str, plain: object) -> None:
        self.members[name] = what
        hidden = json.dumps(self._veil.plain(plain), indent=2, default=str)
        self._content[name] = (hidden + "\n").encode()

    def _settings(self) -> dict[str, Any] | None:
        file = user_file()
        if not is_there(file):
            self.left_out.append("settings.json: there is no settings file")
            return None
        try:
            settings = read_toml(file, f"config {str(file)!r}")
        except LivestyleError as error:
            self.left_out.append(f"settings.json: {error}")
            return None
        self._veil.learn(settings)
        known = {key(name) for name in settings_of_runs()}
        return {name: value if name in known else HIDDEN for name, value in settings.items()}

    def _add_doctor(self) -> None:
        """By a process of its own: what it loads may end it, or hang."""
        words = words_of_command("doctor", "--json")
        try:
            done = subprocess.run(words, capture_output=True, timeout=_PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            self.left_out.append(f"doctor.json: {error}")
            return
        try:
            found = json.loads(done.stdout)
            checks = [Check(**check) for check in found]
        except (ValueError, TypeError):
            self.left_out.append(f"doctor.json: there is none; it ended with {done.returncode}")
            said = done.stderr.decode("utf-8", "replace")
            self._add("doctor.txt", "what it said as it failed", said)
            return
        lines = [line for check in checks for line in check.lines()]
        self._add("doctor.txt", "what `livestyle doctor` says", "\n".join([*lines, ""]))
        self._add_json("doctor.json", "the same, for programs", found)

    def _add_report(self) -> None:
        try:
            self._add_json("report.json", "the report of the last run that ended", last_report())
        except LivestyleError as error:
            self.left_out.append(f"report.json: {error}")

    def _add_logs(self) -> None:
        """The newest first, as far as there is room."""
        room = _MOST
        for run in past_runs():
            for file in (run.log, run.older_log):
                if not is_there(file):
                    continue
                content = read_kept(file)
                room -= len(content)
                if room < 0:
                    self.left_out.append(f"logs/{file.name}: there are newer ones, and no room")
                elif content:
                    text = content.decode("utf-8", "replace")
                    self._add(f"logs/{file.name}", "what happened to that run", text)
                else:
                    self.left_out.append(f"logs/{file.name}: it is empty, or open to others")

    def _read_me(self) -> str:
        members = (f"  {name}: {what}\n" for name, what in self.members.items())
        left_out = (f"  {self._veil.text(line)}\n" for line in self.left_out)
        return f"{_BEGIN}{''.join(members)}\nWhat was left out:\n{''.join(left_out)}"


def _versions() -> Iterator[tuple[str, str]]:
    """Of the packages that livestyle may use, those that are there."""
    yield NAME, __version__
    try:
        required = importlib.metadata.requires(NAME) or []
    except importlib.metadata.PackageNotFoundError:  # a tree that is not installed
        required = []
    names = {match[0] for each in required if (match := re.match(r"[\w.-]+", each))}
    for name in sorted(names):
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
