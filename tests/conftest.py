"""Fixtures that several test files use."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from display import Display


@pytest.fixture(autouse=True)
def nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that builds no engine finds none, and no settings, presets or recipes."""
    monkeypatch.setenv("LIVESTYLE_ENGINES", str(tmp_path / "no-engines"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-settings"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "no-state"))


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
    """In CI nothing but GPU tests may skip: there, all else can be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    skipped = [report.nodeid for report in reporter.stats.get("skipped", [])]
    wrong = [nodeid for nodeid in skipped if not nodeid.startswith("tests/gpu/")]
    reporter.write_line(f"\n{len(skipped)} skipped, {len(wrong)} of them not allowed in CI")
    if wrong:
        reporter.write_line("\n".join(wrong))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
