"""The files by which runs are found: whose they are, and when they go."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from livestyle.errors import LivestyleError
from livestyle.places import runtime_folder
from livestyle.runs import Run, RunFile, list_runs

TOKEN = "t" * 43


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the runtime folder is, in one of the user's own."""
    own = tmp_path / "runtime"
    own.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    assert runtime_folder() == own / "livestyle"
    return runtime_folder()


@pytest.fixture
def page() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def address(page: socket.socket) -> str:
    return f"http://127.0.0.1:{page.getsockname()[1]}/"


def plant(folder: Path, port: int, **other: object) -> Path:
    """A file as a run writes it, but for what is other."""
    folder.mkdir(mode=0o700, exist_ok=True)
    run = {"address": f"http://127.0.0.1:{port}/", "token": TOKEN, "pid": 1, "version": "1"}
    file = folder / f"{port}.json"
    file.write_text(json.dumps(run | other))
    file.chmod(0o600)
    return file


def test_a_run_is_found_from_when_it_is_published_to_when_it_is_removed(
    folder: Path, page: socket.socket
) -> None:
    assert list_runs() == []
    file = RunFile(address(page), TOKEN)
    file.publish()
    (run,) = list_runs()
    port = page.getsockname()[1]
    assert (run.address, run.token, run.pid) == (address(page), TOKEN, os.getpid())
    assert (run.host, run.port) == ("127.0.0.1", port)
    (written,) = folder.iterdir()
    assert written.name == f"{port}.json"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads(written.read_text()).keys() == {"address", "token", "pid", "version"}
    file.remove()
    assert list_runs() == [] and not list(folder.iterdir())
    file.remove()


def test_one_that_was_killed_is_not_found_and_cleared_by_the_next(
    folder: Path, page: socket.socket
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as killed:
        dead = plant(folder, killed.getsockname()[1])
        assert len(list_runs()) == 1
    assert list_runs() == [] and dead.exists()
    RunFile(address(page), TOKEN).publish()
    assert not dead.exists() and len(list_runs()) == 1


def test_another_run_s_file_is_not_removed(folder: Path, page: socket.socket) -> None:
    file = RunFile(address(page), TOKEN)
    file.publish()
    later = RunFile(address(page), "another")
    later.publish()
    file.remove()
    assert [run.token for run in list_runs()] == ["another"]


def test_runs_are_listed_by_port(folder: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = [each.getsockname()[1] for each in (one, two)]
        for each in (one, two):
            RunFile(address(each), TOKEN).publish()
        assert [run.port for run in list_runs()] == sorted(ports)


def _link(file: Path, port: int) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to(file.with_name("elsewhere"))


def _other_address(file: Path, port: int) -> None:
    plant(file.parent, port, address="http://127.0.0.1:1/")


def _pipe(file: Path, port: int) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_link, id="link"),
        pytest.param(_pipe, id="pipe"),
        pytest.param(_other_address, id="another port's"),
        pytest.param(lambda file, _: file.chmod(0o644), id="open to others"),
        pytest.param(lambda file, _: file.parent.chmod(0o777), id="in an open folder"),
        pytest.param(lambda file, _: file.write_text("{"), id="no JSON"),
        pytest.param(lambda file, _: file.write_text("[" * 3000), id="deep"),
        pytest.param(lambda file, _: file.write_text('{"address": 7}'), id="others' JSON"),
        pytest.param(lambda file, _: file.write_text(" " * 10**6), id="large"),
        pytest.param(lambda file, port: plant(file.parent, port, token=7), id="no token"),
        pytest.param(lambda file, _: file.rename(file.with_name("x.json")), id="no port"),
        pytest.param(lambda file, _: file.unlink() or file.mkdir(mode=0o700), id="folder"),
    ],
)
def test_what_no_run_of_this_user_wrote_is_not_read(
    folder: Path, page: socket.socket, spoil: object
) -> None:
    port = page.getsockname()[1]
    file = plant(folder, port)
    assert len(list_runs()) == 1
    assert callable(spoil)
    spoil(file, port)
    assert list_runs() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's file")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_another_user_s_is_neither_read_nor_used(
    folder: Path, page: socket.socket, what: str
) -> None:
    file = plant(folder, page.getsockname()[1])
    os.chown(file if what == "file" else folder, 12345, 12345)
    assert list_runs() == []
    if what == "folder":
        with pytest.raises(LivestyleError, match="is another user's; remove it"):
            RunFile(address(page), TOKEN).publish()


def test_a_planted_link_is_replaced_and_not_followed(
    folder: Path, tmp_path: Path, page: socket.socket
) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("as it was")
    folder.mkdir(mode=0o700)
    (folder / f"{page.getsockname()[1]}.json").symlink_to(theirs)
    RunFile(address(page), TOKEN).publish()
    assert theirs.read_text() == "as it was" and len(list_runs()) == 1


@pytest.mark.parametrize("kind", ["link", "file", "open"])
def test_a_folder_that_is_not_ours_alone_is_refused(
    folder: Path, tmp_path: Path, page: socket.socket, kind: str
) -> None:
    if kind == "link":
        (tmp_path / "theirs").mkdir()
        folder.symlink_to(tmp_path / "theirs")
    elif kind == "file":
        folder.write_text("")
    else:
        folder.mkdir()
        folder.chmod(0o770)
    with pytest.raises(LivestyleError, match=f"{folder}'"):
        RunFile(address(page), TOKEN).publish()
    assert list_runs() == [] and not list(tmp_path.glob("theirs/*"))


@pytest.mark.parametrize("given", ["unset", "relative", "open", "another user's"])
def test_without_a_runtime_folder_of_the_user_s_it_is_among_the_caches(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if given == "another user's" and os.geteuid():
        pytest.skip("only root can make another user's folder")
    own = tmp_path / "runtime"
    own.mkdir(mode=0o755 if given == "open" else 0o700)
    if given == "another user's":
        os.chown(own, 12345, 12345)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "runtime" if given == "relative" else str(own))
    if given == "unset":
        monkeypatch.delenv("XDG_RUNTIME_DIR")
    usual = Path(f"/run/user/{os.getuid()}")
    expected = usual if usual.is_dir() else tmp_path / "cache" / "livestyle" / "run"
    assert runtime_folder() in (expected, usual / "livestyle")


def test_an_address_of_version_six_is_asked_too() -> None:
    run = Run("http://[::1]:7878/", TOKEN, 1, "1")
    assert (run.host, run.port) == ("::1", 7878)
