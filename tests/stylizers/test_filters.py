"""The filters: any size, the same every time, calm, and plainly not the source."""

import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest

from livestyle.canvas import Canvas, to_i420
from livestyle.frame import Frame
from livestyle.sources.testcard import draw
from livestyle.stylizers.filtered import Filtered
from livestyle.stylizers.filters import FILTERS
from livestyle.stylizers.style import FOLDER, USUAL, find_style, list_styles

SIZE = (640, 360)


def _styled(name: str, pixels: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
    shown = pixels.shape[1], pixels.shape[0]
    with Filtered(name, Canvas(shown, "fit"), size) as filtered:
        return filtered.stylize(Frame(pixels, 0, 0)).pixels.copy()


def test_each_has_a_card_and_one_is_the_usual_style() -> None:
    cards = {style.name: style.filter for style in list_styles() if style.filter}
    assert {*cards.values()} == set(FILTERS) and len(FILTERS) >= 8
    assert find_style(USUAL).filter
    for name in cards:
        card = tomllib.loads((FOLDER / f"{name}.toml").read_text())
        assert card["title"] and card["description"] and card["licence"] == "MIT"
        assert 0 < card["detail"] <= 1


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_it_is_the_same_every_time_and_leaves_its_source(name: str) -> None:
    first, second = draw(7, SIZE), draw(90, SIZE)
    with Filtered(name, Canvas(SIZE, "fit"), None) as filtered:
        once = filtered.stylize(Frame(first, 0, 0)).pixels.copy()
        other = filtered.stylize(Frame(second, 1, 0)).pixels.copy()
        again = filtered.stylize(Frame(first, 2, 0)).pixels.copy()
    assert (once == again).all() and (once != other).any()
    assert (first == draw(7, SIZE)).all()


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_it_is_plainly_a_style_and_has_light_and_dark(name: str) -> None:
    source = draw(7, SIZE)
    styled = _styled(name, source)
    assert np.abs(styled.astype(int) - source[..., 2::-1]).mean() >= 10
    grey = cv2.cvtColor(styled, cv2.COLOR_RGB2GRAY)
    assert grey.std() > 15


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_what_a_camera_gets_has_colours_that_rgb_has(name: str) -> None:
    """A filter can ask for more colour than there is: it has to be cut off before, not beyond."""
    vivid = draw(7, (1280, 720))
    vivid[..., :3] = cv2.convertScaleAbs(vivid[..., :3], None, 1.8, -60)
    made = []
    for i420 in (False, True):
        with Filtered(name, Canvas((1280, 720), "fit", i420=i420), None) as filtered:
            made.append(np.zeros((1080, 1280), np.uint8))
            to_i420(filtered.stylize(Frame(vivid, 0, 0)).pixels, made[-1].data.cast("B"))
    apart = np.abs(made[0].astype(int) - made[1])
    assert apart[:720].mean() < 0.8 and np.percentile(apart[:720], 99) <= 4
    assert apart[720:].mean() < 2


@pytest.mark.parametrize("shapes", [((480, 640), (720, 1280), (300, 900), (480, 640))])
def test_bars_are_black_whatever_was_shown_before(shapes: tuple[tuple[int, int], ...]) -> None:
    with Filtered("noir", Canvas((1280, 720), "fit", i420=True), None) as filtered:
        for shape in shapes:
            pixels = np.full((*shape, 4), 200, np.uint8)
            shown = filtered.stylize(Frame(pixels, 0, 0)).pixels
            other = Canvas((1280, 720), "fit")
            other.place(pixels)
            other.room.fill(1)
            bars = other.pixels[..., 0] == 0
            assert (shown[:720][bars] == 16).all() and (shown[720:] == 128).all()
            assert shown[:720][~bars].min() > 60


@pytest.mark.parametrize("name", sorted(FILTERS))
@pytest.mark.parametrize("size", [(64, 64), (1280, 720), (722, 406), (64, 1000)])
def test_any_size(name: str, size: tuple[int, int]) -> None:
    styled = _styled(name, draw(3, size))
    assert styled.shape == (size[1], size[0], 3)


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_noise_in_the_source_is_not_made_more(name: str) -> None:
    """Sigma 2 in; what is drawn in steps or in relief gives a little more. Hold takes it away."""
    noise = np.random.default_rng(1)
    clean = draw(7, SIZE)
    away = []
    for _ in range(3):
        noisy = clean.astype(float) + noise.normal(0, 2, clean.shape)
        styled = _styled(name, noisy.round().clip(0, 255).astype(np.uint8))
        away.append(np.abs(styled.astype(int) - _styled(name, clean)).mean())
    assert np.mean(away) < 3.5


def test_another_canvas_is_painted_on() -> None:
    with Filtered("pencil", Canvas(SIZE, "fit"), None) as filtered:
        inside = filtered.size
        filtered.paint_on(Canvas((400, 400), "fit"))
        styled = filtered.stylize(Frame(draw(3, (400, 400)), 0, 0)).pixels
    assert styled.shape == (400, 400, 3) and filtered.size != inside


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_another_size_is_as_if_it_had_been_opened_so(name: str) -> None:
    source = draw(7, SIZE)
    with Filtered(name, Canvas(SIZE, "fit"), None) as filtered:
        there, back = filtered.prepare((408, 232)), filtered.prepare(filtered.size)
        for take, size in ((there, (408, 232)), (back, SIZE), (there, (408, 232))):
            assert take() and filtered.size == size
            styled = filtered.stylize(Frame(source, 0, 0)).pixels
            assert (styled == _styled(name, source, size)).all()


def test_no_file_of_a_network_is_asked_for() -> None:
    assert not Path(FOLDER, "comic.xml").exists()
