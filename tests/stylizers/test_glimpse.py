"""A glimpse: a frame in another look between two of the run's, which are as if it had not been."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from random_pipelines import save_pipeline_of_unread_word
from waiting import until

from livestyle.between.look import Finishing, Look
from livestyle.canvas import Canvas
from livestyle.diffusion.denoiser import Embedding
from livestyle.diffusion.model import Model, load_model
from livestyle.diffusion.prompt import Prompts
from livestyle.errors import SpoiltFrame, StylizerError
from livestyle.finish.device import DeviceFinish
from livestyle.finish.live import LiveFinish
from livestyle.frame import Frame
from livestyle.models.folder import ModelFolder
from livestyle.models.plan import Choice
from livestyle.sources.testcard import draw
from livestyle.stylizers.passthrough import Passthrough
from livestyle.stylizers.turbo import Turbo

SIZE = (128, 64)
AUTOENCODER = Path(__file__).parents[1] / "data" / "tiny-autoencoder"
Picture = NDArray[np.uint8]


def _look(prompt: str, strength: float = 0.5, seed: int = 0, steps: int = 2) -> Look:
    return Look(prompt, strength, steps, seed, fade=0.0)


FIRST, SECOND = _look("a maze"), _look("winter", 0.6, 3)
OTHERS = [_look("a pencil drawing", 0.8, 5), _look("a maze", 0.3), _look("a maze", seed=9)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Of a real autoencoder; its second tokenizer knows a word that its text encoder doesn't."""
    folder = save_pipeline_of_unread_word(tmp_path_factory.mktemp("model"), "zebra")
    weights = ModelFolder(folder)
    return load_model(
        Choice(
            weights=weights, sampler="turbo", device="cpu", precision="fp32",
            autoencoder=AUTOENCODER,
        )
    )  # fmt: skip


def _opened(model: Model, look: Look = FIRST) -> Turbo:
    return Turbo(model, Canvas(SIZE, "fit", i420=True), lambda _: SIZE, look)


def _frames() -> list[Frame]:
    """Half of it stands still."""
    frames = []
    for seq in range(6):
        bgra = draw(7, SIZE)
        bgra[:, SIZE[0] // 2 :] = draw(7 + 9 * seq, SIZE)[:, SIZE[0] // 2 :]
        frames.append(Frame(bgra, seq, 0))
    return frames


def _run(model: Model, glimpses: list[tuple[int, Look, Picture]] | None) -> list[Picture]:
    """What a run shows, of two looks, with what is finished and held; with glimpses or without,
    which are put into the list with the number of their frame.
    """
    live = LiveFinish(Canvas(SIZE, "fit"), Finishing(detail=0.6, hold=0.5, colour=0.2))
    shown = []
    with _opened(model) as turbo:
        for frame in _frames():
            if frame.seq == 3:
                turbo.change(SECOND, wait=True)
                live.forget()
            if live.look_at(frame.pixels, turbo.finish):
                live.style(turbo.stylize(frame).pixels)
            into = np.empty((SIZE[1] * 3 // 2, SIZE[0]), np.uint8)
            live.write(into.data.cast("B"))
            shown.append(into)
            for look in OTHERS if glimpses is not None else ():
                styled = turbo.glimpse(look)(frame).pixels.copy()
                glimpses.append((frame.seq, look, styled))
            assert turbo.is_settled or frame.seq == 3
            assert turbo.look == (FIRST if frame.seq < 3 else SECOND)
    return shown


@pytest.fixture(params=["in host memory", "on the device"])
def finished(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pictures are finished; a CPU takes the place of the GPU."""
    if request.param == "on the device":
        cpu = torch.device("cpu")
        monkeypatch.setattr(
            Turbo, "_finish_for", lambda self, canvas: DeviceFinish(canvas.size, cpu)
        )


@pytest.mark.usefixtures("finished")
def test_the_frames_of_a_run_are_the_same_beside_glimpses(model: Model) -> None:
    glimpses: list[tuple[int, Look, Picture]] = []
    beside, alone = _run(model, glimpses), _run(model, None)
    for mine, theirs in zip(beside, alone, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert len({picture.tobytes() for picture in alone}) == len(alone)
    frames = _frames()
    for look in OTHERS:
        with _opened(model, look) as turbo:
            turbo.finish = None  # as it is styled
            for seq, of, styled in glimpses:
                if of is look:
                    np.testing.assert_array_equal(styled, turbo.stylize(frames[seq]).pixels)
    assert len({styled.tobytes() for _, _, styled in glimpses}) == len(glimpses)


def test_what_fails_is_told_and_leaves_nothing(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, prompt = _frames()[0], OTHERS[0].prompt
    with _opened(model) as turbo:
        before = turbo.stylize(frame).pixels.copy()
        with pytest.raises(StylizerError, match="cannot encode the prompt 'a zebra': .*zebra"):
            turbo.glimpse(_look("a zebra"))
        with pytest.raises(StylizerError, match="it takes 1 steps .* and the run 2"):
            turbo.glimpse(_look(prompt, strength=0.001))(frame)
        encoded = model.encode_prompt(prompt)
        spoilt = Embedding(encoded.context * float("nan"), encoded.pooled)
        monkeypatch.setattr(turbo._prompts, "_encode", lambda _: spoilt)
        with pytest.raises(SpoiltFrame):
            turbo.glimpse(_look("spoilt"))(frame)
        np.testing.assert_array_equal(turbo.stylize(frame).pixels, before)
        other = Frame(draw(40, (96, 96)), 1, 0)  # it comes to a glimpse first, as while it is off
        turbo.glimpse(OTHERS[1])(other)
        resized = turbo.stylize(other).pixels.copy()
    with _opened(model) as turbo:
        np.testing.assert_array_equal(turbo.stylize(other).pixels, resized)
    with pytest.raises(StylizerError, match="closed"):
        turbo.glimpse(_look("too late"))
    with pytest.raises(StylizerError, match="'passthrough' has no other look"):
        Passthrough(Canvas(SIZE, "fit")).glimpse(FIRST)


@pytest.fixture
def slow() -> Iterator[tuple[Prompts, list[str], threading.Semaphore]]:
    """Prompts, those whose encoding began, and what lets one of them end."""
    began, ends = list[str](), threading.Semaphore(1)

    def encode(text: str) -> Embedding:
        began.append(text)
        assert ends.acquire(timeout=30)
        return Embedding(torch.zeros(1), None)

    prompts = Prompts(encode, "first", lambda *_: None)
    yield prompts, began, ends
    ends.release(9)
    prompts.close()


def test_a_prompt_that_is_typed_waits_for_one_beside_it_at_most(
    slow: tuple[Prompts, list[str], threading.Semaphore],
) -> None:
    prompts, began, ends = slow
    beside = threading.Thread(target=lambda: [prompts.encoded(text) for text in ("a", "b")])
    beside.start()
    until(lambda: began == ["first", "a"])
    prompts.ask("typed")
    ends.release()
    until(lambda: len(began) == 3)
    ends.release(2)
    beside.join(30)
    assert began == ["first", "a", "typed", "b"] or began == ["first", "a", "b", "typed"]
    assert began.index("typed") == 2 and prompts.newest[0] == "typed"
