"""Prompts that can't be encoded, that are cut, and that have weights."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from random_pipelines import save_pipeline_of_unread_word
from waiting import until

import livestyle
from livestyle.between.look import Look, look_of, with_look
from livestyle.between.messages import Counts, Refused, Running
from livestyle.canvas import Canvas
from livestyle.commands import main
from livestyle.config import Config
from livestyle.diffusion.denoiser import Embedding
from livestyle.diffusion.model import Model, load_model
from livestyle.diffusion.prompt import Prompts, note_of
from livestyle.errors import StylizerError
from livestyle.frame import Frame
from livestyle.front.asked import Asked
from livestyle.models.folder import ModelFolder
from livestyle.models.plan import Choice
from livestyle.sources.testcard import draw
from livestyle.stylizers.turbo import Turbo

SIZE = (64, 64)
FRAME = Frame(draw(3, SIZE), 0, 0)
LONG = "an " + "x" * 80  # a token a letter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose second tokenizer knows a word that its text encoder doesn't."""
    return save_pipeline_of_unread_word(tmp_path_factory.mktemp("model"), "zebra")


@pytest.fixture
def model(folder: Path) -> Model:
    weights = ModelFolder(folder)
    return load_model(Choice(weights=weights, sampler="turbo", device="cpu", precision="fp32"))


def _look(prompt: str, strength: float = 0.5, steps: int = 1) -> Look:
    return Look(prompt, strength, steps, 0, fade=0.0)


@contextlib.contextmanager
def _opened(model: Model) -> Iterator[Turbo]:
    with Turbo(model, Canvas(SIZE, "fit"), lambda _: SIZE, _look("a cat")) as turbo:
        yield turbo


def _shown(turbo: Turbo) -> np.ndarray:
    return turbo.stylize(FRAME).pixels.copy()


@pytest.mark.parametrize("wait", [True, False])
def test_a_prompt_that_fails_leaves_the_look_as_it_was(model: Model, wait: bool) -> None:
    with _opened(model) as turbo:
        before = _shown(turbo)
        bad = _look("a zebra", strength=0.9)
        if wait:
            with pytest.raises(StylizerError, match="cannot encode the prompt 'a zebra': .*zebra"):
                turbo.change(bad, wait=True)
        else:
            turbo.change(bad)
        refusal = until(lambda: turbo.refusal)
        assert (refusal.look, refusal.kept) == (bad, _look("a cat"))
        assert np.array_equal(_shown(turbo), before) and turbo.is_settled
        turbo.change(_look("winter"), wait=True)
        assert turbo.refusal is None
        assert not np.array_equal(_shown(turbo), before)
        turbo.change(_look("a cat"), wait=True)
        assert np.array_equal(_shown(turbo), before)


@pytest.mark.parametrize(
    "error", [RuntimeError("an assert\nand more"), IndexError(), torch.OutOfMemoryError("full")]
)
def test_whatever_an_encoder_raises_is_a_line(
    model: Model, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    encode = model.encode_prompt

    def fail(text: str) -> Any:
        if text == "bad":
            raise error
        return encode(text)

    monkeypatch.setattr(model, "encode_prompt", fail)
    with _opened(model) as turbo:
        for _ in range(3):
            with pytest.raises(StylizerError) as raised:
                turbo.change(_look("bad"), wait=True)
            assert "\n" not in str(raised.value)
        turbo.change(_look("dog"), wait=True)


def test_one_that_fails_late_does_not_take_back_what_came_after_it(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, go_on = model.encode_prompt, threading.Event()

    def slow(text: str) -> Any:
        if text == "bad":
            go_on.wait(30)
        return encode("zebra" if text == "bad" else text)

    monkeypatch.setattr(model, "encode_prompt", slow)
    with _opened(model) as turbo:
        turbo.change(_look("bad"))
        turbo.change(_look("a dog", strength=0.8))
        go_on.set()
        turbo.change(_look("a dog", strength=0.8), wait=True)
        assert turbo.refusal is None
        for _ in range(2):
            _shown(turbo)
        assert turbo.is_settled


def test_steps_that_there_is_no_memory_for_leave_the_look_as_it_was(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _opened(model) as turbo:
        before = _shown(turbo)

        def make(_: Any) -> Any:
            raise torch.OutOfMemoryError("full")

        monkeypatch.setattr(turbo, "_make_for", make)
        turbo.change(_look("a cat", steps=4))
        for _ in range(2):
            assert np.array_equal(_shown(turbo), before)
        assert turbo.refusal is not None and "memory" in turbo.refusal.why
        assert turbo.is_settled


def test_the_first_prompt_is_refused_in_a_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), FRAME.pixels[:, :, :3])
    command = ["stylize", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--stylizer"]
    assert main([*command, "turbo", "--prompt", "zebra", "--model", str(folder)]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("livestyle: cannot encode the prompt 'zebra': ")


@pytest.mark.parametrize("text", ["", "dog"])
def test_what_is_waited_for_is_encoded_also_where_it_is_empty(text: str) -> None:
    embedding = Embedding(torch.zeros(1), None)

    def encode(prompt: str) -> Embedding:
        time.sleep(0.3 * (prompt == text))
        return embedding

    prompts = Prompts(encode, "cat", lambda *_: None)
    prompts.ask(text)
    prompts.wait_for(text)
    assert prompts.newest == (text, embedding)
    prompts.close()


def _running(heard: int, **more: Any) -> Running:
    known: dict[str, Any] = dict.fromkeys(Running.__dataclass_fields__, "")
    known |= {"counts": Counts(), "heard": heard, "is_settled": True, "refused": None}
    return Running(**known | more)


def test_the_settings_go_back_with_a_refusal_and_with_no_older_one() -> None:
    config = Config(stylizer="turbo", prompt="a cat", strength=0.5, steps=1, seed=0)
    asked, kept = Asked(config), look_of(config)
    bad = Config(stylizer="turbo", prompt="zebra", strength=0.5, steps=1, seed=0, mix=0.5)
    refused = Refused(with_look(bad, kept), "why")
    asked.change(bad)
    asked.hear(_running(0))
    assert not asked.is_answered
    asked.hear(_running(1, refused=refused))
    assert asked.is_answered and asked.refused == "why"
    assert (look_of(asked.config), asked.config.mix) == (kept, 0.5)
    asked.change(bad)
    asked.hear(_running(1, refused=refused))
    assert asked.config is bad and not asked.refused and not asked.is_answered


@pytest.mark.parametrize(
    "supervise", ["--supervise", pytest.param("--no-supervise", marks=pytest.mark.slow)]
)
def test_a_run_answers_400_and_goes_on(folder: Path, tmp_path: Path, supervise: str) -> None:
    command = [sys.executable, "-m", "livestyle", "run", "--source", "testcard", "--seconds", "300"]
    command += ["--model", str(folder), "--stylizer", "turbo", "--prompt", "a cat", "--fps", "10"]
    command += ["--size", "64x64", "--output-size", "64x64", "--sink", "web", "--port", "0"]
    with open(tmp_path / "said", "w+b") as said:
        process = subprocess.Popen([*command, supervise], cwd=tmp_path, stderr=said)
        try:
            ask = _Ask(tmp_path / "said")
            until(lambda: ask("status") and json.loads(ask("status")[1]).get("output"))
            until(lambda: json.loads(ask("status")[1])["output"]["unique"] > 3)
            for prompt in ("zebra", "two zebra"):
                code, text = ask("settings", {"prompt": prompt, "strength": 0.9, "mix": 0.5})
                why = json.loads(text)["error"]
                assert code == 400 and why.startswith(f"cannot encode the prompt {prompt!r}: ")
            settings = json.loads(ask("settings")[1])["settings"]
            assert settings["prompt"]["value"] == "a cat"  # all or nothing
            assert (settings["strength"]["value"], settings["mix"]["value"]) == (0.5, 0)
            assert ask("settings", {"prompt": LONG + " (cat:1.8)"})[0] == 200
            status = until(
                lambda: (found := json.loads(ask("status")[1]))["stylizer"]["note"] and found
            )
            assert "'(cat:1.8)' is read as it stands" in status["stylizer"]["note"]
            assert status["worker_restarts"] == 0 and not status["changed"]["refused"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 130
        finally:
            process.kill()
            process.wait()
    told = (tmp_path / "said").read_text()
    assert "Traceback" not in told
    assert len(re.findall("^livestyle: cannot encode the prompt 'zebra'", told, re.M)) == 1
    assert len(re.findall("^livestyle: the prompt is cut after 75", told, re.M)) == 1


class _Ask:
    """What a run's page answers."""

    def __init__(self, said: Path) -> None:
        found = until(lambda: re.search(r"(http://[^/]+)/#token=(\S+)", said.read_text()))
        self._address, self._token = found.groups()

    def __call__(self, what: str, change: dict[str, Any] | None = None) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        body = None if change is None else json.dumps(change).encode()
        request = urllib.request.Request(f"{self._address}/api/v1/{what}", body, headers)
        if body is not None:
            request.method = "PATCH"
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("prompt", "unread"),
    [
        ("a cat", ""),
        ("x" * 75, ""),
        ("x" * 75 + " Dragon at  Night ", "Dragon at  Night"),
        ("y" * 76, "y"),
        ("é" * 100, "é" * 63),
        ("", ""),
    ],
    ids=lambda text: text[-20:],
)
def test_what_is_cut_is_told_as_it_was_written(model: Model, prompt: str, unread: str) -> None:
    assert model.encode_prompt(prompt).unread == unread
    assert bool(note_of(prompt, unread)) is bool(unread)


def test_what_is_said_to_be_unread_makes_no_difference(model: Model) -> None:
    long = model.encode_prompt("x" * 74 + " y dragon")
    assert long.unread == "dragon"
    for other, same in (("x" * 74 + " y", True), ("x" * 74 + " z", False)):
        assert torch.equal(long.context, model.encode_prompt(other).context) is same


@pytest.mark.parametrize(
    "syntax",
    ["(cat:1.8)", "(a big cat: .5)", "((cat))", "cat++", "(cat)1.3", "[cat:dog:0.5]", "<lora:c:1>"],
)
def test_weights_are_said_to_be_read_as_they_stand(syntax: str) -> None:
    assert repr(syntax) in note_of(f"an oil painting of {syntax} in winter", "")


@pytest.mark.parametrize("plain", ["a (small) cat", "at 12:30, f/1.8", "cat - dog", "a [cat]"])
def test_plain_words_have_no_weights(plain: str) -> None:
    assert note_of(plain, "") == ""


def test_a_cut_is_told_by_the_command_and_by_the_api(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: Any
) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), FRAME.pixels[:, :, :3])
    command = ["stylize", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--stylizer"]
    settings = ["turbo", "--prompt", LONG + " dragon", "--model", str(folder)]
    assert main([*command, *settings]) == 0
    told = capsys.readouterr().err
    assert told.count("dragon' is not read") == 1
    with (
        caplog.at_level(logging.WARNING, "livestyle"),
        livestyle.open_stylizer("turbo", model=str(folder), prompt="a cat") as stylize,
    ):
        assert not [text for text in caplog.messages if "not read" in text]
        stylize.change(prompt=LONG + " wolf")
        stylize.change(strength=0.4)
        with pytest.raises(StylizerError, match="cannot encode the prompt 'zebra'"):
            stylize.change(prompt="zebra")
    assert len([text for text in caplog.messages if "wolf' is not read" in text]) == 1


def test_what_was_said_of_the_look_can_be_asked_for_when_it_is_closed(model: Model) -> None:
    """A last report is made then."""
    with Turbo(model, Canvas(SIZE, "fit"), lambda _: SIZE, _look("a (cat:1.8)")) as turbo:
        note = turbo.note
    assert note and turbo.note == note and turbo.is_settled and turbo.refusal is None
