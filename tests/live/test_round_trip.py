"""Real pictures through the whole live path of turbo, with a real autoencoder and a perfect UNet.

A UNet that knows the noise must give the picture back at any strength, as well as the autoencoder
alone does: a swapped channel, a wrong range or scale, a shifted crop shows to a number.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import diffusers
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from random_pipelines import save_pipeline
from torch import Tensor

from livestyle.between.look import Look
from livestyle.canvas import Canvas
from livestyle.diffusion.denoiser import Conditions, Embedding
from livestyle.diffusion.model import Model, load_model
from livestyle.diffusion.step import abar
from livestyle.frame import Frame, Size
from livestyle.models.folder import ModelFolder
from livestyle.models.plan import Choice
from livestyle.stylizers.turbo import Turbo

Picture = NDArray[np.uint8]
AUTOENCODER = Path(__file__).parents[1] / "data" / "tiny-autoencoder"
DOCS = Path(__file__).parents[2] / "docs"
MODEL_SIZE = (640, 384)


class Knowing(Model):
    """A model whose UNet returns the true noise of the picture that was encoded last."""

    latents: Tensor

    def encode(self, picture: Tensor) -> Tensor:
        self.latents = super().encode(picture)
        return self.latents

    def conditions(self, prompt: Embedding, timesteps: Tensor, time_ids: Tensor) -> Conditions:
        return (timesteps,)

    def predict(self, x: Tensor, number: int, conditions: Conditions) -> Tensor:
        left = abar(int(conditions[0][number]))
        noise: Tensor = (x - math.sqrt(left) * self.latents) / math.sqrt(1 - left)
        return noise


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = ModelFolder(save_pipeline(tmp_path_factory.mktemp("model")))
    choice = Choice(
        weights=folder, sampler="turbo", device="cpu", precision="fp32", autoencoder=AUTOENCODER
    )
    loaded = load_model(choice)
    loaded.__class__ = Knowing
    return loaded


def _game() -> Picture:
    """SuperTux's title screen, BGR (720, 1280, 3)."""
    sheet = cv2.imread(str(DOCS / "before-after.jpg"))
    assert sheet is not None
    return cv2.resize(sheet[:360, :640], (1280, 720), interpolation=cv2.INTER_CUBIC)


def _photograph() -> Picture:
    """A bird on a tree, BGR (720, 1280, 3)."""
    picture = cv2.imread(str(DOCS / "pictures" / "photograph.jpg"))
    assert picture is not None
    return picture


def _plain(bgr: Picture, size: Size) -> Picture:
    """BGR of any size by diffusers' encode and decode alone, at the model's size, and back."""
    autoencoder = diffusers.AutoencoderTiny.from_pretrained(AUTOENCODER).float()
    small = cv2.resize(bgr, MODEL_SIZE, interpolation=cv2.INTER_AREA)
    picture = torch.from_numpy(small[:, :, ::-1].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        back = autoencoder.decode(autoencoder.encode(picture).latents).sample[0]
    rgb = ((back / 2 + 0.5).clamp(0, 1) * 255).permute(1, 2, 0).numpy()
    large = cv2.resize(rgb[:, :, ::-1], size, interpolation=cv2.INTER_LINEAR)
    return large.round().astype(np.uint8)


def _psnr(a: Picture, b: Picture) -> float:
    return 10 * math.log10(255**2 / np.square(a.astype(float) - b).mean())


def _live(model: Model, bgr: Picture, canvas: Canvas, strength: float, steps: int = 1) -> Picture:
    """What the live path gives, as BGR."""
    bgra = np.dstack([bgr, np.zeros_like(bgr[:, :, :1])])
    with Turbo(model, canvas, lambda _: MODEL_SIZE, Look("", strength, steps, 1, 0.0)) as turbo:
        styled = turbo.stylize(Frame(bgra, 0, 0)).pixels
    form = cv2.COLOR_YUV2BGR_I420 if canvas.i420 else cv2.COLOR_RGB2BGR
    return cv2.cvtColor(styled, form)


@pytest.mark.parametrize("i420", [False, True], ids=["RGB", "I420"])
@pytest.mark.parametrize(
    "strength",
    [pytest.param(0.1, marks=pytest.mark.slow), 0.5, pytest.param(0.9, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("picture", [_game, _photograph], ids=["game", "photograph"])
def test_real_pictures_come_back(
    model: Model, picture: Callable[[], Picture], strength: float, i420: bool
) -> None:
    bgr = picture()
    back = _live(model, bgr, Canvas((1280, 720), "fit", i420=i420), strength)
    plain = _psnr(_plain(bgr, (1280, 720)), bgr)
    assert plain > 19
    assert _psnr(back, bgr) > plain - 0.3


@pytest.mark.parametrize("steps", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_more_steps_bring_it_back_too(model: Model, steps: int) -> None:
    bgr = _photograph()
    back = _live(model, bgr, Canvas((1280, 720), "fit"), 0.5, steps)
    assert _psnr(back, bgr) > _psnr(_plain(bgr, (1280, 720)), bgr) - 0.3


@pytest.mark.parametrize(
    "output",
    [
        (640, 480),
        *(
            pytest.param(size, marks=pytest.mark.slow)
            for size in ((480, 640), (1920, 800), (322, 182))
        ),
    ],
)
@pytest.mark.parametrize("aspect", ["fit", "fill", "stretch"])
def test_every_aspect_puts_it_where_the_canvas_says(
    model: Model, output: Size, aspect: str
) -> None:
    """As OpenCV does it on the canvas of the other stylizers, bars included."""
    bgr = _game()
    canvas, room = Canvas(output, aspect), Canvas(output, aspect)
    back = _live(model, bgr, canvas, 0.5)
    shown = room.place(bgr)
    area = room.room
    area[:] = _plain(np.ascontiguousarray(shown), (area.shape[1], area.shape[0]))
    np.testing.assert_array_equal(back[room.pixels.sum(2) == 0], 0)
    assert _psnr(back, room.pixels) > 38


def _sheet(file: str, folder: Path) -> None:
    """Write what the tests compare side by side: the picture, the autoencoder alone, strengths."""
    checked = ModelFolder(save_pipeline(folder))
    choice = Choice(
        weights=checked, sampler="turbo", device="cpu", precision="fp32", autoencoder=AUTOENCODER
    )
    model = load_model(choice)
    model.__class__ = Knowing
    rows = []
    for picture in (_game, _photograph):
        bgr = picture()
        cells = [bgr, _plain(bgr, (1280, 720))]
        for strength in (0.1, 0.5, 0.9):
            cells.append(_live(model, bgr, Canvas((1280, 720), "fit", i420=True), strength))
        print(*(f"{_psnr(cell, bgr):.2f} dB" for cell in cells[1:]))
        rows.append(np.hstack([cv2.resize(cell, (480, 270)) for cell in cells]))
    cv2.imwrite(file, np.vstack(rows))


if __name__ == "__main__":  # python tests/test_round_trip.py FILE.jpg
    with tempfile.TemporaryDirectory() as temporary:
        _sheet(sys.argv[1], Path(temporary))
