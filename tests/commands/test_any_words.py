"""A thousand command lines and settings files, drawn from the flags that there are: whatever is in
them, what comes is a result or a line, and never a traceback.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from livestyle.commands import _parser, bench, main
from livestyle.config import Config
from livestyle.errors import LivestyleError

SEED = 20261127
LINES, FILES, RUNS = 700, 300, 8
MOST_SECONDS = 240.0  # a machine that is slower than that tries fewer

NASTY = [
    "", " ", "-", "--", "-1", "0", "1", "2", "nan", "inf", "-inf", "1e999", "1e-999", "0x10",
    "１２", "9" * 5000, "-" + "9" * 400, "1/0", "1:2:3", ",", ":", "::", "=", "a=b", "a" * 3000,
    "../..", "/", "/dev/null", "/dev/zero", "/proc/self/mem", "/nonexistent/x.png", "~",
    "~nobody-here/x", "ü", "🙂" * 50, "\ud83d", "\udcff", "\x1b[2J", "a\nb", "\x7f", "null",
    "none", "auto", "true", "screen:1", "screen:99", "screen:1,0,0,1,1", "screen:-1,0,0,0,0",
    "camera:0", "camera:99999999999999999999", "file:", "window:x", "1x1", "0x0", "640x360",
    "99999x99999", "640x", "x360", "640*360", "record:", "record:/nonexistent/a.mp4",
    "record:a.exe", "raw:-", "raw:", "web", "v4l2:/dev/null", "null:x", "localhost", "0.0.0.0:1",
    "[::1]:7", "999999", "comic", "wave", "comic,ink", "a.jpg:nan,b.jpg:0", "0,0,10,10",
    "0,0,-1,5", "1e3,0,1,1", "fp16", "fp8", "torch", "(cat:1.8)", "a" * 400 + " cat",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the lines are run, with a few files; no network is asked, and nothing is measured."""
    monkeypatch.chdir(tmp_path)
    for name in ("CACHE", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    cv2.imwrite("small.png", np.full((24, 32, 3), 90, np.uint8))
    Path("text.png").write_text("no picture")
    Path("empty.mkv").write_bytes(b"")
    Path("here").mkdir()

    def not_measured(arguments: argparse.Namespace, _: object) -> dict[str, Any]:
        bench._config(arguments)
        raise LivestyleError("nothing is measured here")

    for name in ("lite", "turbo", "floor", "picture"):
        monkeypatch.setattr(bench, f"_bench_{name}", not_measured)
    return tmp_path


class Drawn:
    """Draws words for the command's own grammar."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        (commands,) = (
            action
            for action in _parser()._actions
            if isinstance(action, argparse._SubParsersAction)
        )
        self._parsers = commands.choices

    def line(self) -> list[str]:
        """The words of one command; what would take minutes is left out."""
        weights = {"run": 9, "stylize": 5, "bench": 3, "build": 2, "train": 2}
        name = self.random.choices(
            *zip(*[(n, weights.get(n, 1)) for n in self._parsers], strict=True)
        )[0]
        actions = [
            a for a in self._parsers[name]._actions if a.dest not in ("help", "random_weights")
        ]
        words = [name]
        for action in actions:
            if not action.option_strings and self.random.random() < 0.95:
                words += [self._value(action) for _ in range(self.random.choice([1, 1, 1, 0, 2]))]
        flags = [action for action in actions if action.option_strings]
        for action in self.random.sample(
            flags, min(len(flags), self.random.choice([0, 1, 1, 2, 3, 5]))
        ):
            flag = self.random.choice(action.option_strings)
            if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
                words.append(flag)
            elif self.random.random() < 0.5:
                words.append(f"{flag}={self._value(action)}")
            else:
                words += [flag, self._value(action)]
        ends = {
            "run": ["--print-config"],
            "build": ["--model", "here"],
            "train": ["--on", "text.png"],
            "stylize": [
                "--stylizer",
                "lite",
                "--style",
                self.random.choice(["night", "noir", "x"]),
            ],
        }
        return words + ends.get(name, [])

    def _value(self, action: argparse.Action) -> str:
        if action.choices and self.random.random() < 0.6:
            return str(self.random.choice(list(action.choices)))
        files = [
            "small.png",
            "text.png",
            "empty.mkv",
            "here",
            "out.png",
            "out.mp4",
            "out.json",
            "out.csv",
        ]
        return self.random.choice(NASTY + files * 3)

    def settings(self) -> str:
        """A settings file: of some of the settings that there are, of none, or no TOML."""
        fields = [field.name for field in dataclasses.fields(Config)]
        lines = []
        for _ in range(self.random.choice([0, 1, 1, 2, 3, 8])):
            name = self.random.choice([*fields, *fields, "nope", "a.b", '"ü"', "[run]", ""])
            lines.append(f"{name} = {self._toml(2)}")
        text = "\n".join(lines)
        if self.random.random() < 0.15:
            text = text[: self.random.randrange(len(text) + 1)] + self.random.choice(
                ["[", '"', "\x00", "é", "=\n"]
            )
        return text

    def _toml(self, depth: int) -> str:
        word = self.random.choice(NASTY)
        quoted = (
            '"'
            + "".join(f"\\U{ord(c):08x}" if ord(c) < 32 or c in '"\\\x7f' else c for c in word)
            + '"'
        )
        plain = [
            "true",
            "false",
            "0",
            "1",
            "-1",
            "30",
            "0.5",
            "nan",
            "inf",
            "9" * 30,
            "9" * 5000,
            "1979-05-27",
        ]
        kinds = [quoted, self.random.choice(plain), word]
        if depth:
            inner = ", ".join(self._toml(depth - 1) for _ in range(self.random.randrange(4)))
            kinds += [f"[{inner}]", f"{{ a = {self._toml(depth - 1)} }}", "[" * 400 + "]" * 400]
        return self.random.choice(kinds)


def _within(count: int) -> Iterator[int]:
    ends = time.monotonic() + MOST_SECONDS
    for number in range(count):
        if time.monotonic() > ends:
            return
        yield number


def _code(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as ended:  # argparse's own
        return int(ended.code or 0)


@pytest.mark.timeout(400)
def test_no_line_ends_in_a_traceback(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drawn, codes = Drawn(SEED), []
    for _ in _within(LINES):
        words = drawn.line()
        codes.append(_code(words))
        out, err = capfd.readouterr()
        assert codes[-1] in (0, 1, 2), words
        assert "Traceback" not in err + out and "\x1b" not in err, words
        if codes[-1]:
            last = err.rstrip("\n").rpartition("\n")[2]
            assert last.startswith("livestyle") and len(last) < 1200, (words, last)
    assert all(codes.count(code) > len(codes) // 50 for code in (0, 1, 2))  # of each some
    assert Path("small.png").stat().st_size and Path("text.png").read_text() == "no picture"


@pytest.mark.timeout(400)
def test_no_settings_file_does_and_what_is_printed_is_read_back(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    drawn, codes = Drawn(SEED + 1), []
    for _ in _within(FILES):
        text = drawn.settings()
        Path("mine.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
        codes.append(_code(["run", "--config", "mine.toml", "--print-config"]))
        out, err = capfd.readouterr()
        assert codes[-1] in (0, 2) and "Traceback" not in err, text
        if codes[-1]:
            assert err.startswith("livestyle: ") and err.count("\n") == 1 and len(err) < 1200, text
        else:
            Path("printed.toml").write_text(out, encoding="utf-8")
            assert _code(["run", "--config", "printed.toml", "--print-config"]) == 0, text
            assert capfd.readouterr().out == out
    assert 0 in codes and 2 in codes


@pytest.mark.timeout(200)
def test_nor_does_a_run(folder: Path) -> None:
    """What is valid by itself meets a machine: each in a process of its own, for a moment."""
    drawn, done = Drawn(SEED + 2), 0
    while done < RUNS:
        words = drawn.line()
        if words[0] != "run" or _code(words):
            continue
        done += 1
        words = [*words[:-1], "--seconds", "0.5", "--sink", "null", "--port", "0"]
        command = [sys.executable, "-m", "livestyle", *words]
        ended = subprocess.run(
            command, env=os.environ, capture_output=True, text=True, errors="replace", timeout=60
        )
        assert ended.returncode in (0, 1, 2), words
        assert "Traceback" not in ended.stderr, (words, ended.stderr)
