"""Homes that are of no use: every command does its work, in a private folder where it needs one."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from livestyle.commands import main
from livestyle.places import cache_folder, settle_caches, settle_home, state_folder, user_folder

RUN = ["run", "--source", "testcard", "--sink", "null", "--output-size", "64x64"]
RUN += ["--stylizer", "passthrough", "--seconds", "1.5", "--no-supervise"]
LIVESTYLE = [sys.executable, "-m", "livestyle"]


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No variable that says where anything is; returns the temporary folder."""
    folders = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
    for name in ("HOME", *folders, "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, "")  # it is put back afterwards
        monkeypatch.delenv(name)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(tmp_path)
    return temporary


def _unknown(_: int) -> Any:
    raise KeyError


def _private(temporary: Path) -> Path:
    (folder,) = temporary.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    return folder


@pytest.mark.parametrize(
    ("home", "flaw"),
    [
        ("some/where", "the home 'some/where' is no absolute path"),
        ("~", "the home '~' is no absolute path"),
        ("FILE", "FILE' is no folder"),
        ("/no/such/home", "the home '/no/such/home' is of no use: No such file or directory"),
        ("FILE/home", "FILE/home' is of no use: Not a directory"),
        ("/" + 300 * "x", "is of no use: File name too long"),
        (None, "the home is not set, and this user not known"),
        ("", "the home is not set, and this user not known"),
    ],
)
def test_a_private_folder_takes_the_place_of_a_home_that_is_of_no_use(
    home: str | None, flaw: str, homeless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwd, "getpwuid", _unknown)
    (tmp_path / "FILE").touch()
    if home is not None:
        monkeypatch.setenv("HOME", home.replace("FILE", str(tmp_path / "FILE")))
    told, *more = (*settle_home(), *settle_caches())
    assert not more
    private = _private(homeless)
    assert flaw in told and told.endswith(f"; {str(private)!r} takes its place")
    assert os.environ["HOME"] == str(private) == os.path.expanduser("~")
    assert Path(os.environ["HF_HOME"]).is_relative_to(private)
    assert cache_folder().is_relative_to(private) and user_folder().is_relative_to(private)
    assert settle_home() == settle_caches() == []  # in the processes that it starts
    monkeypatch.delenv("HOME")
    settle_home()
    assert os.environ["HOME"] == str(private)  # found again


def test_another_user_s_home_gives_way_to_our_own(
    homeless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `sudo -E -u somebody`."""
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    own.mkdir()
    theirs.mkdir()
    monkeypatch.setenv("HOME", str(theirs))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: type("Entry", (), {"pw_dir": str(own)}))
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, how: path != str(theirs) and access(path, how))
    assert settle_home() == [
        f"the home {str(theirs)!r} is closed to this user; {str(own)!r} takes its place"
    ]
    assert os.environ["HOME"] == str(own) and os.listdir(homeless) == []


def test_a_home_that_is_well_is_left_alone(
    homeless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which counts not
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert settle_home() == settle_caches() == []
    assert cache_folder() == home / ".cache" / "livestyle"
    assert state_folder() == home / ".local" / "state" / "livestyle"
    assert os.environ["HF_HOME"] == str(home / ".cache" / "huggingface")
    assert os.listdir(home) == os.listdir(homeless) == []


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["run", "--help"], ["run", "--fps"]])
def test_what_only_tells_writes_nowhere(
    argv: list[str], homeless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "mkstemp", lambda *_: pytest.fail("a file was tried"))
    with contextlib.suppress(SystemExit):
        main(argv)
    assert os.listdir(homeless) == []


@pytest.mark.parametrize("planted", ["link", "open", "file"])
def test_what_others_planted_is_no_private_folder(
    planted: str, homeless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = homeless / f"livestyle-{os.getuid()}-aaaaaaaa"
    if planted == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        name.symlink_to(tmp_path / "theirs")
    elif planted == "open":
        name.mkdir()
        name.chmod(0o777)
    else:
        name.touch(0o600)
    monkeypatch.setenv("HOME", "nowhere")
    settle_home()
    private = Path(os.environ["HOME"])
    assert private.parent == homeless and private != name
    assert stat.S_IMODE(private.lstat().st_mode) == 0o700


def test_without_a_temporary_folder_either_it_goes_on(
    homeless: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    monkeypatch.setenv("HOME", "nowhere")
    assert main(["styles"]) == 0
    assert "'/nonexistent' takes its place" in capsys.readouterr().err


def _read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


def _full(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "filler").open("wb", 0) as filler:
        while True:
            filler.write(bytes(4096))


@pytest.fixture(params=[_read_only, _full], ids=["read-only", "full"])
def spoil(request: pytest.FixtureRequest, small_disk: Path) -> Callable[[], None]:
    """Makes `small_disk` one that takes nothing any more."""
    return lambda: request.param(small_disk)


@pytest.mark.parametrize("had", [(), (".cache/livestyle", ".cache/huggingface")], ids=len)
def test_a_home_that_nothing_can_be_kept_in(
    spoil: Callable[[], None],
    had: tuple[str, ...],
    homeless: Path,
    small_disk: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for folder in had:
        (small_disk / folder).mkdir(parents=True)
    (small_disk / ".config" / "livestyle").mkdir(parents=True)
    (small_disk / ".config" / "livestyle" / "settings.toml").write_text("fps = 17\n")
    spoil()
    os.environ["HOME"] = str(small_disk)  # `homeless` puts it back
    assert main(["run", "--print-config"]) == 0
    printed = capsys.readouterr()
    assert "\nfps = 17" in printed.out  # what is there is read
    caches = small_disk if had else _private(homeless)
    assert cache_folder() == caches / ".cache" / "livestyle"
    assert os.environ["HF_HOME"] == str(caches / ".cache" / "huggingface")
    told = f"livestyle: no cache can be in '{small_disk}/.cache': "
    assert printed.err.count("\n") == printed.err.count(told) == (0 if had else 1)
    for argv in (["styles"], ["engines"], ["doctor"], [*RUN, "--no-supervise"]):
        assert main(argv) in (0, 1), argv
        assert "Traceback" not in capsys.readouterr().err


HOMES = {
    "relative": {"HOME": "here"},
    "file": {"HOME": sys.executable},
    "nowhere": {"HOME": "/no/such/home"},
    "takes nothing": {"HOME": "/proc"},
    "unset": {},
}


@pytest.mark.parametrize("home", HOMES)
def test_every_command_works_and_tells_it_once(home: str, homeless: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), np.zeros((64, 64, 3), np.uint8))
    environment = {**os.environ, **HOMES[home]}
    for command in (
        ["run", "--print-config"],
        ["styles"],
        ["engines"],
        ["devices"],
        ["doctor"],
        RUN,
        ["stylize", "in.png", "out.png", "--style", "comic"],
    ):
        done = subprocess.run(
            [*LIVESTYLE, *command], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0 or command == ["doctor"], done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.count(f"; '{homeless}/livestyle-") == (home != "unset")


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="root and setpriv are needed"
)
@pytest.mark.usefixtures("homeless")
def test_a_user_that_nobody_knows_has_neither_home_nor_name() -> None:
    user = ["setpriv", "--reuid=4711", "--regid=4711", "--clear-groups"]
    # this Python may lie in a home that is closed to others
    user += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    with tempfile.TemporaryDirectory(dir="/tmp") as open_to_all:  # pytest's own are not
        os.chmod(open_to_all, 0o1777)
        environment = {**os.environ, "TMPDIR": open_to_all, "LIVESTYLE_ENGINES": ""}
        for command in (["engines"], RUN):
            done = subprocess.run(
                [*user, *LIVESTYLE, *command],
                cwd=open_to_all,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr
            line, *_ = done.stderr.splitlines()
            assert line.startswith("livestyle: the home is not set, and this user not known; ")
        assert _private(Path(open_to_all)).stat().st_uid == 4711


@pytest.mark.parametrize(
    "argv", [["styles"], RUN, ["stylize", "/etc/hostname", "o.png"], ["bench", "lite"]]
)
def test_a_current_folder_that_was_removed_is_one_line(
    argv: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(argv) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "the current folder can't be used" in line and "go to another one" in line
