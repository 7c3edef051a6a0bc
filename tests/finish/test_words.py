"""What a game writes on its panels can be read whatever the style, at its usual settings."""

from collections import Counter

import numpy as np
import pytest

import livestyle
from livestyle.bench.picture.words import can_read, read_words, write_words
from livestyle.sources.testcard import draw
from livestyle.stylizers.style import list_styles

LEAST = 0.9  # of what is read of the source


@pytest.fixture(scope="module")
def page() -> tuple[np.ndarray, Counter[str], int]:
    if not can_read():
        pytest.skip("tesseract is not installed")
    picture, written = write_words(np.ascontiguousarray(draw(40, (1280, 720))[..., 2::-1]))
    return picture, written, read_words(picture, written).total()


def test_the_source_itself_is_read(page: tuple[np.ndarray, Counter[str], int]) -> None:
    assert page[2] > 0.9 * page[1].total() > 72


@pytest.mark.parametrize("style", [style.name for style in list_styles()])
def test_words_are_read_in_every_style(
    style: str, page: tuple[np.ndarray, Counter[str], int]
) -> None:
    picture, written, of_source = page
    with livestyle.open_stylizer("lite", style=style) as stylize:
        styled = stylize(picture)
    assert read_words(styled, written).total() >= LEAST * of_source
    assert np.abs(styled.astype(int) - picture).mean() >= 8  # and it still is the style


def test_without_detail_they_are_not(page: tuple[np.ndarray, Counter[str], int]) -> None:
    picture, written, of_source = page
    with livestyle.open_stylizer("lite", style="wave", detail=0) as stylize:
        assert read_words(stylize(picture), written).total() < 0.5 * of_source
