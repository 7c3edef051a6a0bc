"""The commands in hints: they do, where they are pasted, what they say."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from livestyle import installation

ROOT = Path(installation.__file__).parents[1]
SAID = (
    "from livestyle import installation as i; "
    "print(i.adding('any-style')); print(i.adding_package('mss')); print(i.command('styles'))"
)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An environment into which livestyle's folder was copied, with a space in its path."""
    home = tmp_path / "my games"
    venv.create(home / "env", with_pip=False)
    (packages,) = (home / "env").glob("lib/python*/site-packages")
    (packages / "livestyle").mkdir()
    for file in (ROOT / "livestyle").glob("*.py"):
        (packages / "livestyle" / file.name).write_bytes(file.read_bytes())
    info = packages / "livestyle-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: livestyle\nVersion: 0.1.0\n")
    return home


def _said(home: Path, cwd: Path) -> list[str]:
    command = [str(home / "env/bin/python"), "-c", SAID]
    environment = {"PATH": os.defpath, "HOME": str(home)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _origin(home: Path, told: dict[str, object]) -> None:
    (info,) = (home / "env").glob("lib/python*/site-packages/livestyle-0.1.0.dist-info")
    (info / "direct_url.json").write_text(json.dumps(told))


def test_of_a_checkout_it_is_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    near = shlex.split(installation.adding("any-style").removeprefix("run: "))
    monkeypatch.chdir(tmp_path)
    far = shlex.split(installation.adding("any-style").removeprefix("run: "))
    assert near[-2:] == ["-e", ".[any-style]"] and far[-2:] == ["-e", f"{ROOT}[any-style]"]
    done = subprocess.run([*far, "--dry-run", "--no-deps", "--no-build-isolation"], timeout=100)
    assert done.returncode == 0


def test_pip_of_the_environment_or_uv_where_there_is_none(bare: Path, tmp_path: Path) -> None:
    extra, package, command = _said(bare, bare)
    assert extra == "run: uv pip install --python env/bin/python 'livestyle[any-style]'"
    assert package == "uv pip install --python env/bin/python mss"
    assert command == "env/bin/python -m livestyle styles"
    far, _, command = _said(bare, tmp_path / "my games" / "env")
    assert far.startswith("run: uv pip install --python bin/python ")
    assert command == "bin/python -m livestyle styles"
    script = bare / "env/bin/livestyle"
    script.write_text("#!/bin/sh\n")
    assert _said(bare, Path("/"))[2] == f"'{script}' styles"


@pytest.mark.parametrize(
    ("told", "requirement"),
    [
        ({"url": "file:///a/b%20c", "dir_info": {}}, "/a/b c[any-style]"),
        ({"url": "file:///a/l.whl", "archive_info": {}}, "livestyle[any-style] @ file:///a/l.whl"),
        (
            {"url": "https://x.org/l", "vcs_info": {"vcs": "git", "commit_id": "12ab"}},
            "livestyle[any-style] @ git+https://x.org/l@12ab",
        ),
    ],
    ids=["folder", "wheel", "git"],
)
def test_what_was_installed_is_what_gets_the_extra(
    bare: Path, told: dict[str, object], requirement: str
) -> None:
    _origin(bare, told)
    assert shlex.split(_said(bare, bare)[0])[-1] == requirement


@pytest.mark.parametrize(
    ("file", "extra", "package"),
    [
        ("pipx_metadata.json", "pipx install --force", "pipx runpip livestyle install mss"),
        (
            "uv-receipt.toml",
            "uv tool install --force",
            "uv pip install --python env/bin/python mss",
        ),
    ],
)
def test_tools_have_their_own_way(bare: Path, file: str, extra: str, package: str) -> None:
    (bare / "env" / file).write_text("")
    _origin(bare, {"url": "file:///a/l.whl", "archive_info": {}})
    said = _said(bare, bare)
    assert said[:2] == [f"run: {extra} 'livestyle[any-style] @ file:///a/l.whl'", package]


def test_large_extras_say_how_large() -> None:
    assert "1 GB" in installation.adding("turbo") and "GB" not in installation.adding("any-style")
    assert sys.prefix.split("/")[-1] in installation.adding("any-style")
