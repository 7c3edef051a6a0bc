"""What may change while a run goes on, and what is refused."""

import dataclasses

import pytest

from livestyle.between.look import Finishing, Live, finishing_of, live_of, settled_with, with_live
from livestyle.config import Config
from livestyle.errors import ConfigError

LITE = Config(stylizer="lite", style="comic", detail=0.8)
TURBO = dataclasses.replace(
    LITE, stylizer="turbo", prompt="a cat", strength=0.5, steps=1, seed=3, prompt_fade=0.0
)


def test_the_finish_changes_for_all_and_the_prompt_for_turbo() -> None:
    values = {"detail": "0.3", "hold": 0, "colour": 0.5, "mix": 0.25, "keep": ["0,0,64,32,4"]}
    for config in (LITE, TURBO):
        changed = with_live(config, values)
        wanted = Finishing(0.3, 0.0, 0.5, 0.25, ((0, 0, 64, 32, 4),))
        assert finishing_of(changed) == live_of(changed).finishing == wanted
    assert live_of(LITE).look is None
    look = live_of(with_live(TURBO, {"prompt": "winter", "prompt-fade": 2})).look
    assert look is not None and (look.prompt, look.fade) == ("winter", 2.0)


def test_a_successor_begins_with_what_has_changed() -> None:
    changed = with_live(TURBO, {"prompt": "winter", "detail": 0.1, "keep": ["1,2,3,4"]})
    assert settled_with(TURBO, live_of(changed)) == changed
    assert settled_with(LITE, Live(Finishing(hold=1.0))).hold == 1.0
    assert settled_with(LITE, None) == LITE


@pytest.mark.parametrize(
    ("config", "values", "said"),
    [
        (LITE, {"prompt": "x"}, "stylizer 'lite' has no prompt; use --stylizer turbo"),
        (LITE, {"style": "ink"}, "'style' can't change while running; what can: prompt"),
        (LITE, {"detail": 2}, "detail 2: a number from 0 to 1 is expected"),
        (LITE, {"detail": None}, "detail None: a number from 0 to 1 is expected"),
        (TURBO, {"strength": None}, "strength None: a number from 0.001 to 1"),
        (TURBO, {"seed": ""}, "seed '': a number from 0 to"),
        (TURBO, {"prompt": None}, "prompt None: text of at most"),
        (LITE, {"keep": ["1,2"]}, "X,Y,W,H or X,Y,W,H,FEATHER is expected"),
        (LITE, {"keep": "0,0,9,9"}, "a list of texts is expected"),
        (TURBO, {"strength": 0}, "strength 0: a number from 0.001 to 1"),
        (
            Config(stylizer="passthrough"), {"hold": 0.1},
            "stylizer 'passthrough' shows the source as it is",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused(config: Config, values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        with_live(config, values)
    assert said in str(refused.value)
