"""The usual settings, whatever the style: what a game writes on its panels can be read, and what
stands still stands still.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import livestyle
from livestyle.api import OpenStylizer
from livestyle.bench.picture.words import can_read, read_words, write_words
from livestyle.config import Config
from livestyle.sources.testcard import draw
from livestyle.stylizers.style import list_styles

TINY = Path(__file__).parents[1] / "data" / "tiny-autoencoder"
LEAST = 0.9  # of what is read of the source


@pytest.fixture(scope="module")
def page() -> tuple[np.ndarray, Counter[str], int]:
    if not can_read():
        pytest.skip("tesseract is not installed")
    picture, written = write_words(np.ascontiguousarray(draw(40, (1280, 720))[..., 2::-1]))
    return picture, written, read_words(picture, written).total()


def test_the_source_itself_is_read(page: tuple[np.ndarray, Counter[str], int]) -> None:
    assert page[2] > 0.9 * page[1].total() > 72


STYLES = [("lite", style.name) for style in list_styles()]


@pytest.fixture(scope="module")
def turbo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights."""
    from random_pipelines import save_pipeline

    return save_pipeline(tmp_path_factory.mktemp("turbo"), "sdxl", "pico")


@pytest.fixture
def stylize(request: pytest.FixtureRequest) -> Iterator[OpenStylizer]:
    """The stylizer and style that a test names, opened with what is usual live."""
    stylizer, style = request.param
    settings: dict[str, Any] = {"style": style}
    if stylizer == "turbo":
        model = request.getfixturevalue("turbo")
        settings = {"model": str(model), "autoencoder": str(TINY), "prompt": "oil"}
        settings |= {"strength": 0.5, "size": (512, 288)}
    with livestyle.open_stylizer(stylizer, hold=Config().hold, **settings) as opened:
        yield opened


@pytest.mark.parametrize("stylize", [*STYLES, ("turbo", "")], indirect=True, ids="-".join)
def test_words_are_read(stylize: OpenStylizer, page: tuple[np.ndarray, Counter[str], int]) -> None:
    picture, written, of_source = page
    styled = stylize(picture)
    assert read_words(styled, written).total() >= LEAST * of_source
    assert np.abs(styled.astype(int) - picture).mean() >= 8  # and it still is the style


@pytest.mark.parametrize("stylize", [*STYLES, ("turbo", "")], indirect=True, ids="-".join)
def test_what_stands_still_does(stylize: OpenStylizer) -> None:
    shown = []
    for seq in range(4):
        picture = np.ascontiguousarray(draw(40, (640, 360))[..., 2::-1])
        picture[:, 320:] = draw(40 + 7 * seq, (640, 360))[:, 320:, 2::-1]
        shown.append(stylize(picture).astype(int))
    for before, after in pairwise(shown):
        assert np.array_equal(before[:, :280], after[:, :280])
        assert np.abs(before[:, 320:] - after[:, 320:]).mean() > 1


@pytest.mark.parametrize("style", [style.name for style in list_styles() if style.network])
def test_a_network_leaves_them_itself(
    style: str, page: tuple[np.ndarray, Counter[str], int]
) -> None:
    picture, written, of_source = page
    with livestyle.open_stylizer("lite", style=style, detail=0) as stylize:
        assert read_words(stylize(picture), written).total() >= LEAST * of_source


@pytest.mark.parametrize("style", ["oil", "watercolour"])
def test_without_detail_a_filter_does_not(
    style: str, page: tuple[np.ndarray, Counter[str], int]
) -> None:
    picture, written, of_source = page
    with livestyle.open_stylizer("lite", style=style, detail=0) as stylize:
        assert read_words(stylize(picture), written).total() < 0.5 * of_source
