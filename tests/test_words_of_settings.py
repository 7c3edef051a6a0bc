"""Words of a command line as values of live settings."""

from __future__ import annotations

import math
from typing import Any

import pytest

from livestyle.config import live_settings
from livestyle.words import value_of


@pytest.mark.parametrize(
    ("key", "words", "value"),
    [
        ("style", ["ink"], "ink"),
        ("prompt", [""], ""),
        ("prompt", ["7"], "7"),
        ("mix", ["0.5"], 0.5),
        ("mix", ["1"], 1),
        ("mix", ["nan"], "nan"),
        ("mix", ["much"], "much"),
        ("steps", ["2"], 2),
        ("seed", ["random"], "random"),
        ("seed", ["7"], 7),
        ("off", ["on"], True),
        ("off", ["true"], True),
        ("off", ["off"], False),
        ("off", ["maybe"], "maybe"),
        ("keep", [""], []),
        ("keep", ["0,0,9,9", "9,0,9,9"], ["0,0,9,9", "9,0,9,9"]),
        ("sink", ["web"], ["web"]),
        ("aspect", ["fill"], "fill"),
    ],
)
def test_words_become_what_json_has(key: str, words: list[str], value: Any) -> None:
    found = value_of(live_settings()[key][1].parse.schema, words)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("words", [[], ["a", "cat"]])
def test_one_value_is_expected(words: list[str]) -> None:
    with pytest.raises(ValueError, match="one value is expected; put one with spaces"):
        value_of(live_settings()["prompt"][1].parse.schema, words)


def test_every_live_setting_takes_its_own_value_as_words() -> None:
    """What it parses to from a text of its own, it parses to from the JSON of that text."""
    texts = {"fps": "24", "hold": "0.25", "detail": "1", "strength": "0.5", "prompt-fade": "2"}
    for key, text in texts.items():
        parse = live_settings()[key][1].parse
        value = value_of(parse.schema, [text])
        assert parse(value) == parse(text) and math.isfinite(value)
