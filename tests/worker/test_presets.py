"""Pictures in turbo's presets beside a run's frames: the run's own stylizer makes them."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from random_pipelines import save_pipeline
from waiting import until

from livestyle.aside import run_aside
from livestyle.between.look import finishing_of, look_of
from livestyle.between.messages import Change
from livestyle.between.slot import Slot, Slots
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.diffusion.model import Model, load_model
from livestyle.finish.live import LiveFinish
from livestyle.frame import Frame
from livestyle.models.folder import ModelFolder
from livestyle.models.plan import Choice
from livestyle.sources.testcard import draw
from livestyle.stylizers.change import changed
from livestyle.stylizers.preset import list_presets, user_presets
from livestyle.stylizers.turbo import Turbo
from livestyle.worker import easel
from livestyle.worker.gallery import jpeg_of
from livestyle.worker.pipeline import Pipeline
from livestyle.worker.presets import Presets

SIZE = (128, 64)
AUTOENCODER = Path(__file__).parents[1] / "data" / "tiny-autoencoder"
CONFIG = Config(
    stylizer="turbo", style="mine", prompt="a maze", strength=0.5, seed=1, steps=1, fps=100,
    detail=0.5, hold=0.5, mix=0.2, prompt_fade=0.0,
)  # fmt: skip
NAMES = tuple(preset.name for preset in list_presets())


class Still:
    """A source that shows the same, until it is lost."""

    name, size, fps = "still", SIZE, None
    seq = 0

    def read(self) -> Frame:
        self.seq += 1
        return Frame(draw(7, SIZE), self.seq, time.monotonic_ns())

    def __enter__(self) -> Still:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    weights = ModelFolder(save_pipeline(tmp_path_factory.mktemp("model"), "sdxl", "pico"))
    return load_model(
        Choice(
            weights=weights, sampler="turbo", device="cpu", precision="fp32",
            autoencoder=AUTOENCODER,
        )
    )  # fmt: skip


class Running:
    """A pipeline, what it shows, and the pictures that are made beside it."""

    def __init__(self, pipeline: Pipeline, slot: Slot) -> None:
        self.pipeline = pipeline
        self.presets = Presets(pipeline)
        self._slot = slot
        self._number = 0

    def asked(self, *names: str) -> dict[str, bytes | str]:
        """A round."""
        self.presets.paint(names)
        return self.made(len(names))

    def made(self, count: int) -> dict[str, bytes | str]:
        """So many that come."""
        made: dict[str, bytes | str] = {}

        def is_done() -> bool:
            made.update({each.name: each.made for each in self.presets.painted()})
            return len(made) >= count

        until(is_done, 200)
        return made

    def shows(self, config: Config) -> np.ndarray:
        """What is shown, I420, once it is of these settings."""
        self._number += 1
        self.pipeline.opened = self._number
        self.pipeline.change(Change(self._number, config))
        shown = np.zeros((SIZE[1] * 3 // 2, SIZE[0]), np.uint8)

        def is_taken() -> bool:
            taken = self._slot.look(shown.data.cast("B"))
            return taken is not None and taken.change == self._number

        until(is_taken, 200)
        return shown


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For frames that are slow beside others on a small machine."""
    monkeypatch.setattr(easel, "PATIENCE", 100.0)


@pytest.fixture
def running(model: Model) -> Iterator[Running]:
    with _running(model, CONFIG) as running:
        yield running


@contextlib.contextmanager
def _running(model: Model, config: Config) -> Iterator[Running]:
    canvas, look = Canvas(SIZE, "fit", i420=True), look_of(config)
    # as a worker does: PyTorch keeps a team of threads for each that has computed
    turbo = run_aside(lambda: Turbo(model, canvas, lambda _: SIZE, look), "load")
    finish = LiveFinish(Canvas(SIZE, "fit"), finishing_of(config))
    with Slot(SIZE[0] * SIZE[1] * 3 // 2) as slot:
        pipeline = Pipeline(Still, turbo, Slots(slot), Change(0, config), finish)
        pipeline.start()
        try:
            until(lambda: pipeline.progress().counts.stylized > 2)
            yield Running(pipeline, slot)
        finally:
            pipeline.stop()
        assert pipeline.failure is None


@pytest.mark.parametrize("finishing", [{}, {"detail": 0.0, "hold": 0.0, "mix": 0.0}])
def test_each_is_what_the_run_shows_when_it_is_chosen(
    model: Model, finishing: dict[str, float]
) -> None:
    with _running(model, dataclasses.replace(CONFIG, **finishing)) as running:
        config = running.pipeline.asked
        first = running.shows(config).copy()
        made = running.asked(*NAMES)
        assert len(set(made.values())) == len(NAMES)
        assert np.array_equal(running.shows(config), first)
        for name in NAMES[::5]:
            chosen = changed(config, {"style": name})
            source, styled = running.pipeline.glimpse(look_of(chosen))
            mine = running.presets._finished(chosen, source, styled)
            shown = cv2.cvtColor(running.shows(chosen), cv2.COLOR_YUV2RGB_I420)
            np.testing.assert_array_equal(mine, shown)
            assert made[name] == jpeg_of(shown)


def test_some_that_fail_are_told_and_the_others_are_made(running: Running, model: Model) -> None:
    user_presets().parent.mkdir(parents=True)
    entry = '[{}]\nprompt = "{}"\nstrength = {}\nseed = 1\ndescription = "mine"\n'
    own = entry.format("few", "a cave", 0.001) + entry.format("mine", "a cave", 0.5)
    user_presets().write_text(own)
    running.shows(changed(running.pipeline.asked, {"steps": 2}))
    made = running.asked("few", "unheard", "mine")
    assert "it takes 1 steps" in str(made["few"]) and "unknown style" in str(made["unheard"])
    assert isinstance(made["mine"], bytes)
    user_presets().write_text("[mine\n")
    assert "cannot read the presets" in str(running.asked("mine")["mine"])


def test_nothing_is_made_while_the_run_rests_and_it_says_so(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(easel, "PATIENCE", 0.5)
    running._slot.rests = True
    time.sleep(0.2)
    began = time.monotonic()
    made = running.asked(*NAMES)
    assert set(made.values()) == {"nobody watches the run: it rests; try again"}
    assert set(made) == set(NAMES) and time.monotonic() - began < 5  # not each in its turn
    running._slot.rests = False
    assert isinstance(running.asked("anime")["anime"], bytes)
    running.pipeline.loading = "turbo"
    assert "turbo is loading" in str(running.asked("anime")["anime"])
    running.pipeline.loading = ""
    off = dataclasses.replace(running.pipeline.asked, off=True)
    running.shows(off)
    assert isinstance(running.asked("anime")["anime"], bytes)


def test_a_change_in_the_middle_comes_first_and_newer_names_take_the_place_of_older(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint, order = easel.Easel.paint, list[Any]()

    def noted(self: easel.Easel, frame: Frame, stylizer: Turbo) -> None:
        order.append(stylizer._wanted is stylizer._look)
        paint(self, frame, stylizer)

    monkeypatch.setattr(easel.Easel, "paint", noted)
    running.presets.paint(NAMES)
    until(lambda: order)
    for name in ("anime", "pencil"):
        running.shows(changed(running.pipeline.asked, {"style": name}))
    assert set(running.made(len(NAMES))) == set(NAMES) and all(order)
    running.presets.paint(NAMES)
    running.presets.paint(("comic",))
    made = running.made(1)
    until(lambda: not running.presets._is_painting)
    made |= {each.name: each.made for each in running.presets.painted()}
    assert "comic" in made and len(made) <= 2


def test_who_waits_hears_of_the_end(model: Model) -> None:
    with _running(model, CONFIG) as running:
        running._slot.rests = True
        time.sleep(0.2)
        running.presets.paint(("anime",))
        until(lambda: running.pipeline._easel.is_wanted)
    assert running.made(1) == {"anime": "the run ends"}
