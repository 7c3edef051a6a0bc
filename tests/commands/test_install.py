"""The unit for systemd; a script stands for systemctl, systemd-analyze judges what is written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from livestyle.commands import main
from livestyle.commands.install import quoted

SYSTEMCTL = """\
#!/bin/sh
echo "$@" >> {log}
exit {code}
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What systemctl was called with, a line a call; the code that it ends with is in `code`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    log = tmp_path / "asked"
    log.write_text("")
    script = programs / "systemctl"
    (tmp_path / "code").write_text("0")
    script.write_text(SYSTEMCTL.format(log=log, code=f"$(cat {tmp_path / 'code'})"))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return log


def unit_of(tmp_path: Path) -> Path:
    return tmp_path / "config/systemd/user/livestyle.service"


def test_it_is_written_and_removed(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = unit_of(tmp_path)
    assert main(["install", "--user"]) == 0
    assert asked.read_text() == (
        "--user --quiet daemon-reload\n--user --quiet enable livestyle.service\n"
    )
    assert f"{unit}: `livestyle run` begins with your next login" in capsys.readouterr().out
    words = unit.read_text().split("ExecStart=")[1].splitlines()[0]
    assert words.endswith('"run"') and words.startswith(f'"{sys.prefix}/bin/')
    asked.write_text("")
    assert main(["uninstall", "--user"]) == 0
    assert asked.read_text().splitlines()[0] == "--user --quiet disable --now livestyle.service"
    assert not unit.exists()
    assert main(["uninstall", "--user"]) == 0
    assert "is not there: nothing is installed" in capsys.readouterr().out


def test_what_is_there_is_replaced_when_that_is_asked_for_alone(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = unit_of(tmp_path)
    unit.parent.mkdir(parents=True)
    unit.write_text("[Unit]\n")
    assert main(["install", "--user"]) == 2
    assert "that is there already" in capsys.readouterr().err
    assert main(["uninstall", "--user"]) == 1
    assert "is not by `livestyle install`; remove it yourself" in capsys.readouterr().err
    assert unit.read_text() == "[Unit]\n" and asked.read_text() == ""
    assert main(["install", "--user", "--overwrite"]) == 0


def test_a_systemd_that_refuses_is_told(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "code").write_text("4")
    assert main(["install", "--user"]) == 1
    assert capsys.readouterr().err == ("livestyle: systemctl --user daemon-reload: exit code 4\n")


def test_where_there_is_none_nothing_is_written(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["install", "--user"]) == 1
    assert "this system has no systemd" in capsys.readouterr().err
    assert not unit_of(tmp_path).exists()


def test_systemd_finds_nothing_wrong_with_it(asked: Path, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    assert main(["install", "--user"]) == 0
    done = subprocess.run(
        ["systemd-analyze", "--user", "--man=no", "verify", str(unit_of(tmp_path))],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    about_it = [line for line in done.stderr.splitlines() if "livestyle" in line]
    assert (done.returncode, about_it) == (0, [])


@pytest.mark.parametrize(
    ("word", "written"),
    [("a b", '"a b"'), ('50% of "$HOME"', '"50%% of \\"$$HOME\\""'), ("c:\\d", '"c:\\\\d"')],
)
def test_words_are_quoted_as_systemd_reads_them(word: str, written: str) -> None:
    assert quoted(word) == written
