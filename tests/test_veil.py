"""The veil: what is nobody's business is out of a text, and what tells of a problem is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from livestyle.config import Config, check, plain
from livestyle.diffusion.prompt import note_of
from livestyle.errors import LivestyleError
from livestyle.sources.window import find_window
from livestyle.sources.x11 import WindowInfo
from livestyle.values import shown
from livestyle.veil import PROMPTS, TITLES, Veil

PROMPT = "a forest, (glowing:1.3) 'neon' moss\n" + "and very long words " * 20
SETTINGS: dict[str, Any] = {
    "prompt": PROMPT,
    "source": "window:Diary of  Ann",
    "hotkeys": {"prompt=hidden lake": "<f9>", "source=window:Bank": "<f8>", "off": "<f7>"},
}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann.b")


def _veil(*shows: str, settings: Mapping[str, Any] = SETTINGS) -> Veil:
    veil = Veil({"HF_TOKEN": "of-the-hub-1234", "EDITOR": "some-editor"}, shows)
    veil.learn(settings)
    return veil


def _no_window(*titles: str) -> str:
    with pytest.raises(LivestyleError) as refused:
        find_window([WindowInfo(1, title, (9, 9)) for title in titles], "My mail")
    return str(refused.value)


def _refused(prompt: str) -> str:
    with pytest.raises(LivestyleError) as refused:
        check("prompt", prompt, "prompt")
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "gone", "stays"),
    [
        (f"settings: prompt={PROMPT}, fps=30", ["forest", "moss", "words"], "fps=30"),
        (f"look {PROMPT!r} as JSON", ["forest", "moss", "words"], "as JSON"),
        (note_of(PROMPT, PROMPT[-150:]), ["words", "glowing"], "cut after 75 tokens: '…' is"),
        (_refused("never learned \x1b" + "x" * 500), ["never", "xxx"], "which is no text"),
        (_refused("also not \x1b"), ["also not"], "character 10 is"),
        (f"cannot encode the prompt {PROMPT[:60]!r}: why", ["forest"], ": why"),
        ("output on key prompt=hidden lake: done", ["hidden lake"], ": done"),
        ("source window:Diary of  Ann is closed", ["Diary"], "window:… is closed"),
        ("source window:Diary of Ann is closed", ["Diary"], "window:… is closed"),
        ("source window:Never seen before", ["Never"], "source window:…"),
        ("Bank is closed", ["Bank"], "is closed"),
        (_no_window("Letter to Bob", "Bank"), ["mail", "Letter", "Bank"], "there is no window …"),
        ("use screen:N or window:TITLE", [], "window:TITLE"),
        ("output: http://127.0.0.1:7878/#token=ab-C_9x", ["ab-C_9x"], "127.0.0.1:7878/#token=…"),
        ("http://127.0.0.1:7878/view/ab-C_9xxxxx/", ["ab-C"], "/view/…/"),
        ("by Bearer abcdef", ["abcdef"], "by Bearer"),
        ("HTTPS_PROXY http://me:word@proxy:3128 is away", ["me:word"], "//…@proxy:3128 is away"),
        ("GET https://hub/x?sig=abc&y=2 failed", ["sig", "y=2"], "https://hub/x?… failed"),
        ("the hub refuses of-the-hub-1234", ["1234"], "the hub refuses …"),
        ("the hub refuses hf_AbCdEfGhIjKl", ["AbC"], "hf_…"),
        ("in some-editor", [], "in some-editor"),
        ("config '/home/ann.b/a.toml': no", ["/home", "ann"], "'~/a.toml': no"),
        ("'/media/ann.b/disk' is full", ["ann"], "'/media/…/disk' is full"),
        ("'/home/ann.bold/x' is full", [], "/home/ann.bold/x"),
        ("it can't be 'comic' or it's 'ink'", [], "it can't be 'comic' or it's 'ink'"),
    ],
)  # fmt: skip
def test_a_text(text: str, gone: list[str], stays: str) -> None:
    hidden = _veil().text(text)
    assert not [word for word in gone if word in hidden], hidden
    assert stays in hidden
    assert _veil().text(hidden) == hidden


def test_settings() -> None:
    config = Config(prompt="x", source="window:Bank", model="/home/ann.b/m", style="ink")
    hidden = _veil().plain(plain(config) | {"hotkeys": SETTINGS["hotkeys"], "api_key": "k"})
    assert (hidden["prompt"], hidden["source"], hidden["api_key"]) == ("…", "window:…", "…")
    assert (hidden["model"], hidden["style"], hidden["prompt-fade"]) == ("~/m", "ink", 0.0)
    assert list(hidden["hotkeys"]) == ["prompt=…", "source=window:…", "off"]


def test_what_was_asked_for_is_shown() -> None:
    text = f"prompt {shown('a cat')}, {PROMPT}, window:Diary of  Ann, token=abc"
    prompts, titles = _veil(PROMPTS).text(text), _veil(TITLES).text(text)
    assert "'a cat'" in prompts and PROMPT in prompts and "Diary" not in prompts
    assert "window:Diary of  Ann" in titles and "a cat" not in titles and "moss" not in titles
    assert "abc" not in prompts + titles


def test_settings_that_are_none() -> None:
    _veil(settings={"prompt": 3, "source": ["window:x"], "hotkeys": "off", "x": None}).text("y")
