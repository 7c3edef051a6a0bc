"""The look and the finish, as settings have them."""

import dataclasses

from livestyle.between.look import Finishing, finishing_of, look_of, with_look
from livestyle.config import Config

TURBO = Config(
    stylizer="turbo", style=None, prompt="a cat", strength=0.5, steps=1, seed=3, detail=0.8
)


def test_settings_go_on_with_another_look() -> None:
    look = look_of(dataclasses.replace(TURBO, prompt="winter", prompt_fade=2.0, seed=9))
    changed = with_look(TURBO, look)
    assert look_of(changed) == look and (changed.prompt, changed.seed) == ("winter", 9)
    assert finishing_of(changed) == finishing_of(TURBO) == Finishing(0.8, 0.5)


def test_nothing_is_looked_at_in_a_blank_source() -> None:
    assert not look_of(TURBO).from_text
    assert look_of(dataclasses.replace(TURBO, source="blank")).from_text
