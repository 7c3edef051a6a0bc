"""The look and the finish, as settings have them."""

import dataclasses
import json

from livestyle.between.look import Finishing, finishing_of, look_of, plain_look, with_look
from livestyle.config import Config
from livestyle.stylizers.change import changed

TURBO = Config(
    stylizer="turbo", style=None, prompt="a cat", strength=0.5, steps=1, seed=3, detail=0.8
)


def test_settings_go_on_with_another_look() -> None:
    look = look_of(dataclasses.replace(TURBO, prompt="winter", prompt_fade=2.0, seed=9))
    after = with_look(TURBO, look)
    assert look_of(after) == look and (after.prompt, after.seed) == ("winter", 9)
    assert finishing_of(after) == finishing_of(TURBO) == Finishing(0.8, 0.5)


def test_nothing_is_looked_at_in_a_blank_source() -> None:
    assert not look_of(TURBO).from_text
    assert look_of(dataclasses.replace(TURBO, source="blank")).from_text


def test_a_look_is_what_brings_it_back() -> None:
    sets = {"game": ((0, 0, 8, 8, 2),)}
    lite = Config(
        source="testcard", stylizer="lite", style="ink", detail=0.5, keep=("game",), keep_sets=sets
    )
    look = plain_look(lite)
    assert look == {
        "style": "ink", "detail": 0.5, "hold": 0.5, "colour": 0.0, "mix": 0.0,
        "keep": ["0,0,8,8,2"],
    }  # fmt: skip
    other = dataclasses.replace(lite, style="wave", detail=0.1, keep=(), mix=0.5)
    assert plain_look(changed(other, json.loads(json.dumps(look)))) == look
    turbo = dataclasses.replace(lite, stylizer="turbo", style=None, prompt="a fox", steps=2)
    assert set(plain_look(turbo)) == set(look) - {"style"} | {"prompt", "prompt-fade", "steps"}
    passthrough = dataclasses.replace(lite, stylizer="passthrough")
    assert plain_look(passthrough) == {}
