"""Recipes: the bundled ones, a user's own by name and by path, and what is refused."""

import re
from pathlib import Path

import pytest

from livestyle.errors import ConfigError
from livestyle.recipe import DiffusionRecipe, Recipe, list_recipes, load_recipe, user_recipes

BUNDLED = Path(__file__).parents[1] / "engines"
TURBO = (BUNDLED / "sdxl-turbo.toml").read_text()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user's own recipes."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    user_recipes().mkdir(parents=True)
    return user_recipes()


def test_all_that_are_bundled_load() -> None:
    assert list_recipes(DiffusionRecipe) == ["lcm-sdxl", "sd-turbo", "sdxl-turbo"]
    assert list_recipes(Recipe) == ["lite"]
    families = {
        name: load_recipe(name, DiffusionRecipe).family for name in ("sd-turbo", "lcm-sdxl")
    }
    assert families == {"sd-turbo": "sd", "lcm-sdxl": "sdxl"}
    assert load_recipe("lite", Recipe).size == (640, 360)


def test_one_of_the_user_s_own_by_name_and_by_path(own: Path, tmp_path: Path) -> None:
    (own / "mine.toml").write_text(TURBO.replace("steps = 1", "steps = 2"))
    (tmp_path / "elsewhere.toml").write_text((own / "mine.toml").read_text() + "# a comment")
    by_name = load_recipe("mine", DiffusionRecipe)
    assert by_name.steps == 2
    assert load_recipe(str(tmp_path / "elsewhere.toml"), DiffusionRecipe) == by_name
    assert "mine" in list_recipes(DiffusionRecipe) and "mine" not in list_recipes(Recipe)


def test_of_two_with_one_name_the_user_s_is_taken(own: Path) -> None:
    (own / "sdxl-turbo.toml").write_text(TURBO.replace("steps = 1", "steps = 3"))
    assert load_recipe("sdxl-turbo", DiffusionRecipe).steps == 3


@pytest.mark.parametrize("name", ["none", "", "../sdxl-turbo", "mine", "lite/../sdxl-turbo"])
def test_an_unknown_one_names_those_there_are(name: str, own: Path) -> None:
    known = "choose from: lcm-sdxl, sd-turbo, sdxl-turbo, or name a FILE.toml"
    with pytest.raises(ConfigError, match=re.escape(f"unknown recipe {name!r}; {known}")):
        load_recipe(name, DiffusionRecipe)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is for stylizer None, not 'turbo'"),
        ("steps =", "cannot read recipe"),
        (b"\xff\xfe", "cannot read recipe"),
        (TURBO.replace('"turbo"', '"lite"', 1), "is for stylizer 'lite', not 'turbo'"),
        (TURBO.replace("steps = 1", ""), "missing or unknown key 'steps'"),
        (TURBO + "colour = 1", "missing or unknown key 'colour'"),
        (TURBO.replace("steps = 1", "steps = 0"), "steps 0: a number from 1 to 8"),
        (TURBO.replace("steps = 1", 'steps = "two"'), "steps 'two': a number from 1 to 8"),
        (TURBO.replace("steps = 1", "steps = true"), "steps True: a number from 1 to 8"),
        (TURBO.replace('"512x512"', "512"), "size 512: WIDTHxHEIGHT is expected"),
        (TURBO.replace('"512x512"', '"9x9"'), "size '9x9': WIDTHxHEIGHT is expected"),
        (re.sub('revision = ".*"', 'revision = "main"', TURBO, count=1),
         "revision 'main': the 40 hexadecimal digits of a commit are expected"),
        (re.sub('autoencoder = ".*"', "autoencoder = 3", TURBO), "autoencoder 3: text is expected"),
        (TURBO.replace('precision = "auto"', "precision = []"), "precision []: choose from: auto"),
        (TURBO.replace('"auto"', '"CPU"', 1), "device 'CPU': choose from: auto, GPU"),
        (TURBO.replace('"torch"', '"magic"'), "engine 'magic': choose from: torch"),
        (TURBO.replace("steps = 1", "steps = 1.9"), "steps 1.9: a number from 1 to 8"),
        (TURBO.replace('"512x512"', '"64x64"'), "size '64x64': its sides are from 256 to 1024"),
        (TURBO.replace("autoencoder-revision", "autoencoder_revision"), "'autoencoder_revision'"),
        (TURBO + 'lora = "a/b"', "missing or unknown key 'lora-revision'"),
        (re.sub('revision = ".*"', 'revision = ""', TURBO, count=1), "revision '': the 40 hex"),
        (TURBO.replace('family = "sdxl"', 'family = "flux"'), "family 'flux': choose from: sdxl"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str | bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_recipe(str(file), DiffusionRecipe)
    assert said in str(caught.value) and str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_of_lite_has_what_lite_can_do(own: Path) -> None:
    lite = (BUNDLED / "lite.toml").read_text()
    for wrong in ('precision = "fp16"', 'device = "auto"', 'engine = "torch"'):
        key = wrong.split()[0]
        (own / "lite.toml").write_text(re.sub(f"^{key} = .*$", wrong, lite, flags=re.MULTILINE))
        with pytest.raises(ConfigError, match=f"{key} '.*': choose from: "):
            load_recipe("lite", Recipe)


def test_one_that_is_broken_hides_no_other(own: Path) -> None:
    (own / "broken.toml").write_text("steps =")
    assert list_recipes(DiffusionRecipe) == ["lcm-sdxl", "sd-turbo", "sdxl-turbo"]
    with pytest.raises(ConfigError, match="unknown recipe 'nope'; choose from: lcm"):
        load_recipe("nope", DiffusionRecipe)
    with pytest.raises(ConfigError, match=re.escape(str(own / "broken.toml"))):
        load_recipe("broken", DiffusionRecipe)


def test_a_path_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read recipe .*: No such file"):
        load_recipe(str(tmp_path / "no.toml"), DiffusionRecipe)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot read recipe .*: Is a dir.*; that is a folder"):
        load_recipe(str(tmp_path / "folder.toml"), DiffusionRecipe)
