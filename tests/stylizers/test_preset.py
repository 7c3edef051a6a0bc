"""The presets of turbo: the bundled ones, a user's own, and what is refused."""

from pathlib import Path

import pytest

from livestyle.commands import main
from livestyle.errors import ConfigError
from livestyle.stylizers.preset import find_preset, list_presets, user_presets


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file, in a folder of the test's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    user_presets().parent.mkdir()
    return user_presets()


def test_there_are_a_dozen_good_ones(own: Path) -> None:
    presets = list_presets()
    assert len({preset.name for preset in presets}) == len(presets) >= 12
    for preset in presets:
        assert 0.2 <= preset.strength <= 0.8
        assert len(preset.prompt.split()) >= 8 and preset.description
    assert len({preset.seed for preset in presets}) > 8


def test_a_users_own_are_added_and_win(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own.write_text(
        '[mine]\nprompt = "a cave"\nstrength = 0.7\nseed = 1\ndescription = "my cave"\n'
        '[anime]\nprompt = "x"\nstrength = 0.2\nseed = 2\ndescription = "mine"\n'
    )
    assert find_preset("mine").prompt == "a cave"
    assert find_preset("anime").strength == 0.2
    assert main(["styles"]) == 0
    said = capsys.readouterr().out
    assert "my cave" in said and str(own) in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[x\n", "cannot read the presets"),
        ('[x]\nprompt = "a"\n', "a preset has the keys description, prompt, seed, strength"),
        (
            '[x]\nprompt = "a"\nstrength = 2\nseed = 1\ndescription = "d"\n',
            "strength 2: a number",
        ),
        ("x = 1\n", "x: a preset has the keys"),
    ],
)
def test_a_bad_file_is_named(own: Path, text: str, said: str) -> None:
    own.write_text(text)
    with pytest.raises(ConfigError) as refused:
        list_presets()
    assert str(own) in str(refused.value) and said in str(refused.value)


def test_an_unknown_one_is_named(own: Path) -> None:
    with pytest.raises(ConfigError, match="unknown style 'foo' for turbo; choose from: oil_"):
        find_preset("foo")
