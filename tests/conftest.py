"""Fixtures that several test files use."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from display import Display

from livestyle.endings import ENDINGS


@pytest.fixture(autouse=True)
def nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that builds no engine finds none, and no settings, presets or recipes."""
    monkeypatch.setenv("LIVESTYLE_ENGINES", str(tmp_path / "no-engines"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-settings"))


@pytest.fixture(autouse=True, scope="session")
def no_state_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept from one run to the next is kept for the tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True, scope="session")
def no_runs_of_others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests run says where it is in a folder that nobody else looks into."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture(autouse=True)
def endings_as_they_were() -> Iterator[None]:
    """A run in this very process ignores SIGHUP from its end on, and so would all that the next
    tests start.
    """
    handlers = {ending: signal.getsignal(ending) for ending in ENDINGS}
    yield
    for ending, handler in handlers.items():
        signal.signal(ending, handler)


def _scheduling() -> object:
    if not hasattr(os, "sched_getscheduler"):
        return None
    return os.sched_getscheduler(0), os.sched_getaffinity(0), os.nice(0)


@pytest.fixture(autouse=True, scope="session")
def scheduling() -> object:
    """Of this thread, at the start."""
    return _scheduling()


@pytest.fixture(autouse=True)
def scheduled_as_at_the_start(scheduling: object) -> Iterator[None]:
    """What a library does to this thread, all that later tests start would inherit."""
    yield
    assert _scheduling() == scheduling


@pytest.fixture
def make_display() -> Iterator[Callable[..., Display]]:
    """Starts displays of a given width and height; they end with the test."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed")
    with contextlib.ExitStack() as started:

        def make(width: int, height: int, *options: str, depth: int = 24) -> Display:
            display = Display((width, height), *options, depth=depth)
            started.callback(display.stop)
            return display

        yield make


@pytest.fixture
def display(make_display: Callable[..., Display]) -> Display:
    """A display of 640 x 400."""
    return make_display(640, 400)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    if os.geteuid():
        pytest.skip("a small file system can only be mounted by root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may skip but for the hardware: there, all else can be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    wrong = [report.nodeid for report in skipped if "hardware" not in report.keywords]
    reporter.write_line(f"\n{len(skipped)} skipped, {len(wrong)} of them not allowed in CI")
    if wrong:
        reporter.write_line("\n".join(wrong))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
