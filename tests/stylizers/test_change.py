"""What may change while a run goes on, what follows from it, and what is refused."""

import dataclasses

import pytest

from livestyle.between.look import Finishing, finishing_of
from livestyle.config import Config, live_settings
from livestyle.errors import ConfigError
from livestyle.stylizers.change import LOOK, changed, is_style_changed
from livestyle.stylizers.preset import list_presets
from livestyle.stylizers.style import find_style

LITE = Config(source="testcard", stylizer="lite", style="comic", detail=0.8)
TURBO = dataclasses.replace(
    LITE, stylizer="turbo", style=None, prompt="a cat", strength=0.5, steps=1, seed=3
)
PLAIN = Config(source="testcard", stylizer="passthrough")


def test_the_finish_changes_for_all_and_the_prompt_for_turbo() -> None:
    values = {"detail": "0.3", "hold": 0, "colour": 0.5, "mix": 0.25, "keep": ["0,0,64,32,4"]}
    for config in (LITE, TURBO):
        wanted = Finishing(0.3, 0.0, 0.5, 0.25, ((0, 0, 64, 32, 4),))
        assert finishing_of(changed(config, values)) == wanted
    after = changed(TURBO, {"prompt": "winter", "prompt-fade": 2})
    assert (after.prompt, after.prompt_fade, after.seed) == ("winter", 2.0, 3)


def test_source_output_and_off_change_for_all() -> None:
    values = {"source": "screen:1", "sink": ["null"], "fps": 25, "aspect": "fill", "off": True}
    for config in (LITE, TURBO, PLAIN):
        after = changed(config, values)
        assert (after.source, after.sink, after.fps) == ("screen:1", ("null",), 25)
        assert (after.aspect, after.off) == ("fill", True)


def test_a_style_brings_its_own_and_says_when_it_was_edited() -> None:
    preset = list_presets()[0]
    after = changed(TURBO, {"style": preset.name})
    assert (after.prompt, after.strength, after.seed) == (
        preset.prompt, preset.strength, preset.seed
    )  # fmt: skip
    assert not is_style_changed(after) and not is_style_changed(TURBO)
    edited = changed(after, {"prompt": preset.prompt + ", at night"})
    assert edited.style == preset.name and is_style_changed(edited)
    beside = changed(TURBO, {"style": preset.name, "strength": 0.9})
    assert (beside.prompt, beside.strength) == (preset.prompt, 0.9)


def test_a_style_of_lite_brings_its_detail_unless_somebody_chose_one() -> None:
    ink = changed(LITE, {"style": "ink"})
    assert (ink.style, ink.detail) == ("ink", find_style("ink").detail)
    chosen = changed(LITE, {"detail": 0.11})
    assert is_style_changed(chosen)
    assert changed(chosen, {"style": "ink"}).detail == 0.11


def test_random_is_another_seed_each_time() -> None:
    seeds = {changed(TURBO, {"seed": "random"}).seed for _ in range(8)}
    assert len(seeds) > 6 and all(seed is not None and 0 <= seed < 2**32 for seed in seeds)


def test_every_live_setting_says_what_json_may_be() -> None:
    assert set(live_settings()) >= {"off", "style", "source", "sink", "fps", "keep", "prompt"}
    for key, (_, setting) in live_settings().items():
        assert {"type", "enum", "anyOf"} & set(setting.parse.schema), key


@pytest.mark.parametrize(
    ("config", "values", "said"),
    [
        (LITE, {"prompt": "x"}, "stylizer 'lite' has no prompt; use --stylizer turbo"),
        (LITE, {"model": "x"}, "'model' can't change while running; what can: source"),
        (LITE, {"style": "nosuch"}, "unknown style 'nosuch'; choose from"),
        (TURBO, {"style": "nosuch"}, "unknown style 'nosuch' for turbo; choose from"),
        (LITE, {"style": "no/such.jpg"}, "there is no file 'no/such.jpg'"),
        (LITE, {"source": "blank"}, "source 'blank' shows nothing to stylizer 'lite'"),
        (LITE, {"detail": 2}, "detail 2: a number from 0 to 1 is expected"),
        (LITE, {"detail": None}, "detail None: a number from 0 to 1 is expected"),
        (LITE, {"off": "yes"}, "off 'yes': true or false is expected"),
        (LITE, {"fps": 0}, "fps 0: a number from 1 to 240"),
        (TURBO, {"strength": None}, "strength None: a number from 0.001 to 1"),
        (TURBO, {"seed": ""}, "seed '': a number from 0 to 4294967295 is expected, or random"),
        (TURBO, {"prompt": None}, "prompt None: text of at most"),
        (LITE, {"keep": ["1,2"]}, "X,Y,W,H or X,Y,W,H,FEATHER is expected"),
        (LITE, {"keep": "0,0,9,9"}, "a list of texts is expected"),
        (TURBO, {"strength": 0}, "strength 0: a number from 0.001 to 1"),
        (PLAIN, {"hold": 0.1}, "stylizer 'passthrough' shows the source as it is"),
        (dataclasses.replace(LITE, hold_fps=30.0), {"fps": 20}, "fps 20 is less than hold-fps 30"),
    ],
)
def test_what_can_not_be_is_refused(config: Config, values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        changed(config, values)
    assert said in str(refused.value)


def test_an_open_stylizer_takes_looks_alone() -> None:
    assert changed(LITE, {"mix": 0.5}, LOOK).mix == 0.5
    with pytest.raises(ConfigError, match=r"'style' can't change while running; what can: prompt"):
        changed(LITE, {"style": "ink"}, LOOK)
