"""livestyle report: what a run leaves, packed for a bug report, with nothing that is nobody's
business; judged by a run that had secrets of every kind.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from display import Display
from pattern_window import PatternWindow
from waiting import until

from livestyle.commands import bundle, main
from livestyle.past import past_runs

LIVESTYLE = [sys.executable, "-m", "livestyle"]
TITLE, PROMPT, HUB = "Ann's Bank - 4711", "zebras in a velvet cave", "the-token-of-the-hub-99"
SETTINGS = f"""# the comment of Ann
stylizer = "passthrough"
prompt = "{PROMPT}"
source = "window:bank"
fps = 24
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Of somebody who has settings."""
    home = tmp_path / "ann-karenina"
    (home / ".config" / "livestyle").mkdir(parents=True)
    _settings(home).write_text(SETTINGS)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HF_TOKEN", HUB)
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", "")
        monkeypatch.delenv(f"XDG_{name}_HOME")
    monkeypatch.setenv("LIVESTYLE_ENGINES", str(home / "engines"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return home


def _settings(home: Path) -> Path:
    return home / ".config" / "livestyle" / "settings.toml"


def _opened(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def _log() -> str:
    runs = past_runs()
    return runs[0].log.read_text() if runs and runs[0].log.exists() else ""


def _run_with_secrets(display: Display, home: Path) -> str:
    """A run to which all happens that a log tells of. Returns what its terminal said."""
    window = PatternWindow(display.name, TITLE, (240, 160), 1)
    environment = {**os.environ, **display.environment, "LIVESTYLE_FAULT": "worker.kill@10m"}
    command = [*LIVESTYLE, "run", "--output-size", "320x180", "--sink", "web", "--port", "0"]
    command += ["--idle", "off"]  # nobody watches, and it is to notice what happens
    command += ["--frame-log", str(home / "frames.csv")]
    said = home / "said"
    with said.open("wb") as stderr:
        run = subprocess.Popen(command, env=environment, stderr=stderr)
    try:
        until(lambda: "INFO running" in _log())
        for new, answer in (
            (SETTINGS.replace("bank", "Letters"), "settings stay as they were"),
            (SETTINGS.replace("24", "25"), "settings are now: fps=25.0"),
        ):
            _settings(home).write_text(new)
            run.send_signal(signal.SIGHUP)
            until(lambda answer=answer: answer in _log())
        os.kill(int(_log().partition("INFO worker ")[2].split()[0]), signal.SIGKILL)
        until(lambda: _log().count("INFO running") == 2)
        window.close()
        until(lambda: "WARNING standby: " in _log())
        window = PatternWindow(display.name, TITLE, (240, 160), 1)
        until(lambda: "is back" in _log())
    finally:
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    return said.read_text()


def test_a_run_with_secrets(
    display: Display, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    said = _run_with_secrets(display, home)
    token = said.partition("#token=")[2].split()[0]
    assert TITLE in said and len(token) > 20

    told = subprocess.run([*LIVESTYLE, "report", "--bundle"], capture_output=True, timeout=120)
    assert told.returncode == 0, told.stderr
    (file,) = Path.cwd().glob("livestyle-report-*-*.zip")
    assert f"{file.name}: " in told.stdout.decode() and b"it is sent nowhere" in told.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.stat().st_size < 100_000
    found = _opened(file)
    for secret in (TITLE, "Bank", PROMPT, "velvet", token, HUB, "ann-karenina", "Letters"):
        kept = {name for name, content in found.items() if secret.encode() in content}
        assert not kept, f"{secret} is in {kept}"
    (log,) = (name for name in found if name.startswith("logs/"))
    assert set(found) == {log, "README.txt", "doctor.txt", "doctor.json", "settings.json",
                          "versions.json", "report.json"}  # fmt: skip
    listed = found["README.txt"].decode()
    assert all(f"  {name}: " in listed for name in found)
    read = {name: json.loads(found[name]) for name in found if name.endswith(".json")}
    hidden = {"prompt": "…", "source": "window:…"}
    assert read["settings.json"] == {"stylizer": "passthrough", "fps": 25} | hidden
    report = read["report.json"]
    assert (report["config"]["prompt"], report["config"]["fps"]) == ("…", 25.0)
    assert report["source"]["name"] == "window:…" and report["output"]["frames"] > 100
    assert {check["subject"] for check in read["doctor.json"]} >= {"Python", "your own files"}
    assert "ok       Python: " in found["doctor.txt"].decode()
    assert {"livestyle", "numpy", "openvino"} <= set(read["versions.json"]["packages"])
    _check_log(found[log].decode())

    # with a doctor that crashes, and what was asked for
    crashes = [sys.executable, "-c", f"import os; print({TITLE!r}); os.abort()"]
    monkeypatch.setattr(bundle, "words_of_command", lambda *_: crashes)
    assert main(["report", "--bundle", "b.zip", "--with", "prompts", "--with", "titles"]) == 0
    shown = _opened(Path("b.zip"))
    settings = json.loads(shown["settings.json"])
    assert (settings["prompt"], settings["source"]) == (PROMPT, "window:bank")
    assert not [name for name in shown if token.encode() in shown[name]]
    assert "doctor.json: there is none; it ended with -6" in shown["README.txt"].decode()

    capsys.readouterr()
    assert main(["report"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == said.splitlines()[-len(lines) :] and " s at 320x180: " in lines[0]
    assert main(["report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"] == report["config"]


def _check_log(log: str) -> None:
    """All that happened is there, in its order."""
    place = 0
    for part in (
        " INFO livestyle 0.1.0, Python 3.",
        "settings: source=window:…, stylizer=passthrough, prompt=…, sink=['web'], ",
        "frame-log=~/frames.csv",
        "LIVESTYLE_FAULT: worker.kill at 600 s",
        "INFO source window:…\n",
        "INFO output: http://127.0.0.1:",
        "has begun\n",
        "INFO running\n",
        "INFO change of source refused: there is no window …\n",
        "INFO settings stay as they were: there is no window …\n",
        "INFO settings read again: fps\n",
        "INFO settings are now: fps=25.0\n",
        "ended with signal 9 (SIGKILL)\n",
        "WARNING recovering: the worker ended with signal 9 (SIGKILL); restart in 0 s\n",
        "has begun\n",
        "INFO running\n",
        "WARNING standby: ",
        "INFO source window:… is back; it was lost 1x so far\n",
        "ended with code 0\n",
        " s at 320x180: ",
        "INFO restarted for: the worker ended with signal 9 (SIGKILL)\n",
        "INFO ended with exit code 130\n",
    ):
        found = log.find(part, place)
        assert found >= 0, f"{part!r} is not in what follows:\n{log[place:]}"
        place = found + len(part)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 1, "no run has left a report yet; a run does when it ends"),
        (["--overwrite"], 2, "--with and --overwrite are for --bundle"),
        (["--with", "titles"], 2, "--with and --overwrite are for --bundle"),
        (["--bundle", "there.zip"], 2, "that is there already; name another, or replace it by"),
        (["--bundle", "none/x.zip"], 2, "its folder does not exist; make it first"),
        (["--bundle", "a\0b"], 2, r"no file's name has a character '\x00'"),
    ],
)
def test_what_is_refused(
    words: list[str], code: int, told: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("there.zip").write_text("mine")
    assert main(["report", *words]) == code
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1
    assert Path("there.zip").read_text() == "mine" and os.listdir() == ["there.zip"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "is damaged; remove it"),
        (b"[]", "is damaged; remove it"),
        (b'{"seconds": 3}', "is by another livestyle, or damaged"),
    ],
)
def test_files_that_are_none(
    content: bytes,
    told: str,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither the last report nor the settings nor the doctor stand in the way of the rest."""
    folder = home / ".local" / "state" / "livestyle" / "runs"
    folder.mkdir(parents=True)
    name = "20260101T000000Z-7"
    for ending, mode in ((".json", 0o600), (".log", 0o644), (".log.1", 0o600)):
        (folder / f"{name}{ending}").write_bytes(content)
        (folder / f"{name}{ending}").chmod(mode)
    _settings(home).write_text('prompts = "x')
    assert main(["report"]) == 1
    assert told in capsys.readouterr().err
    monkeypatch.setattr(bundle, "words_of_command", lambda *_: ["/no/such/command"])
    assert main(["report", "--bundle", "b.zip", "--json"]) == 0
    written: dict[str, Any] = json.loads(capsys.readouterr().out)
    found = _opened(Path("b.zip"))
    assert written["has"] == list(found) and written["bytes"] == Path("b.zip").stat().st_size
    left_out = "\n".join(written["left_out"])
    assert f"logs/{name}.log: it is empty, or open to others" in left_out
    assert "settings.json: cannot read config" in left_out and "doctor.json: " in left_out
    assert ("report.json: " in left_out) == (told == "is damaged; remove it")
    assert f"logs/{name}.log.1" in found
