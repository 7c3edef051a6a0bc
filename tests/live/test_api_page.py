"""docs/api.md: what it shows does what it says, block by block, in its order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from steered import Steered, connected

from livestyle.client import Client
from livestyle.config import live_settings
from livestyle.settings import load_config

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def block(language: str, begin: str) -> str:
    """The only one of a language that begins so."""
    (found,) = (text for kind, text in BLOCKS if kind == language and text.startswith(begin))
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Steered, Client]]:
    """The run that the page begins with, and the client that looks what became of it."""
    steered = Steered(tmp_path_factory.mktemp("page"))
    program = Path(sys.executable).parent
    steered.environment["PATH"] = f"{program}{os.pathsep}{steered.environment['PATH']}"
    words = block("sh", "livestyle run ").removeprefix("livestyle ").rstrip()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", steered.environment["XDG_RUNTIME_DIR"])
        with steered.running(words):
            yield steered, connected()


def done(steered: Steered, *command: str) -> str:
    """What a block printed, which must not fail."""
    ended = subprocess.run(
        command, cwd=steered.folder, env=steered.environment, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout


def test_ctl(page: tuple[Steered, Client]) -> None:
    steered, client = page
    said = done(steered, "bash", "-e", "-c", block("sh", "livestyle ctl "))
    settings = client.settings()
    assert (settings["style"]["value"], settings["detail"]["value"]) == ("ink", 0.7)
    assert settings["keep"]["value"] == [] and settings["off"]["value"] is False
    assert "unique fps" in said.splitlines()[0] and '"state": "running"' in said
    assert "keep: 0,0,400,60,0 900,0,380,60,8" in said and "records into" in said
    assert cv2.imread(str(steered.folder / "ctl.png")) is not None
    assert list(steered.videos.glob("*.mp4"))


def test_python(page: tuple[Steered, Client]) -> None:
    steered, client = page
    said = done(steered, sys.executable, "-c", block("python", "import livestyle.client"))
    settings = client.settings()
    assert (settings["style"]["value"], settings["mix"]["value"]) == ("comic", 0.2)
    assert said.splitlines()[-1] == "mix 7: a number from 0 to 1 is expected"
    assert cv2.imread(str(steered.folder / "python.png")) is not None


def test_curl(page: tuple[Steered, Client]) -> None:
    steered, client = page
    before = set(steered.videos.glob("*.mp4"))
    said = done(steered, "bash", "-e", "-c", block("sh", "said()"))
    settings = client.settings()
    assert (settings["style"]["value"], settings["mix"]["value"]) == ("ink", 0.1)
    assert '"seconds"' in said and "livestyle_" in said
    assert cv2.imread(str(steered.folder / "curl.png")) is not None
    assert len(set(steered.videos.glob("*.mp4")) - before) == 1


def test_osc(page: tuple[Steered, Client]) -> None:
    steered, client = page
    done(steered, sys.executable, "-c", block("python", "from pythonosc"))

    def taken() -> dict[str, Any]:
        return {key: client.settings()[key]["value"] for key in ("style", "mix")}

    for _ in range(100):
        if taken() == {"style": "comic", "mix": pytest.approx(0.3)}:
            break
        time.sleep(0.05)
    assert taken() == {"style": "comic", "mix": pytest.approx(0.3)}


def test_hotkeys_are_settings(tmp_path: Path) -> None:
    shown = block("toml", "[hotkeys]")
    (tmp_path / "settings.toml").write_text(shown)
    config = load_config({}, str(tmp_path / "settings.toml"))
    assert config.hotkeys == tomllib.loads(shown)["hotkeys"]
    for action in config.hotkeys:
        key, equals, _ = action.partition("=")
        assert not equals or key in live_settings()
