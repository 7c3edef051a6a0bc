"""What users and other programs write, drawn by hypothesis: it is read, or refused in a line."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest
from drawing import counts, damaged_text, examples, fitting, numbers, texts, toml, values
from hypothesis import given
from hypothesis import strategies as st

from livestyle import chaos
from livestyle.between.messages import Change, Refused
from livestyle.config import Config, key, live_values, plain, settings
from livestyle.engines.entry import MANIFEST, Entry, Manifest
from livestyle.engines.spec import Spec
from livestyle.errors import ConfigError, EngineError, LivestyleError
from livestyle.models.digest import canonical
from livestyle.places import user_folder
from livestyle.recipe import DiffusionRecipe, Recipe, list_recipes, load_recipe, user_recipes
from livestyle.runs import Run, list_runs
from livestyle.settings import checked, load_config, to_toml
from livestyle.stylizers.preset import list_presets, user_presets
from livestyle.stylizers.style import list_styles, user_styles


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's folders are the test's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    for folder in (user_folder(), user_recipes(), user_styles(), user_presets().parent):
        folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _in_a_line(*kinds: type[LivestyleError]) -> Any:
    """It ends well, or in one of these errors, whose message is a line."""
    try:
        yield
    except kinds as error:
        told = str(error)
        assert told and "\n" not in told, told  # what prints it spells what terminals obey


names = st.sampled_from([key(name) for name in settings()])
# a few settings, most of them such as they may be
several = st.one_of(
    st.fixed_dictionaries(
        {}, optional={key(name): fitting(of.parse.schema) for name, (_, of) in settings().items()}
    ),
    st.dictionaries(names | texts, values, max_size=2),
    st.lists(names, max_size=2, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries(
            {name: fitting(settings()[name.replace("-", "_")][1].parse.schema) for name in chosen}
        )
    ),
)


@counts
def test_settings_are_a_config_or_refused(count: int) -> None:
    accepted = []

    @examples(count)
    @given(several)
    def holds(given: dict[str, Any]) -> None:
        with _in_a_line(ConfigError):
            config = Config(**checked(given, ""))
            accepted.append(config)
            text = to_toml(config)
            again = Config(**checked(tomllib.loads(text), ""))
            assert plain(again) == plain(config) and to_toml(again) == text
            assert pickle.loads(pickle.dumps(Change(1, config))) == Change(1, config)
            assert pickle.loads(pickle.dumps(Refused(config, "x"))) == Refused(config, "x")

    holds()
    assert len(accepted) > count // 20


@counts
def test_each_setting_takes_any_value_or_refuses_it(count: int) -> None:
    @examples(count)
    @given(names, values)
    def holds(name: str, value: Any) -> None:
        with _in_a_line(ConfigError):
            Config(**checked({name: value}, ""))
        with _in_a_line(ConfigError):
            live_values({name: value})

    holds()


@counts
def test_settings_files_are_read_or_refused(count: int, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"

    @examples(count)
    @given(st.data())
    def holds(how: Any) -> None:
        given = how.draw(several)
        text = "".join(f"{toml(name)} = {toml(value)}\n" for name, value in given.items())
        file.write_bytes(damaged_text(text, how))
        with _in_a_line(ConfigError):
            load_config({}, str(file))

    holds()


PRESET = {"prompt": "a cave", "strength": 0.5, "seed": 1, "description": "mine"}
RECIPE = {
    "stylizer": "turbo", "engine": "torch", "device": "auto", "size": "512x512",
    "precision": "auto", "model": "a/b", "revision": "0" * 40, "autoencoder": "a/c",
    "autoencoder-revision": "1" * 40, "steps": 1, "timesteps": "turbo", "family": "sdxl",
    "licence": "MIT",
}  # fmt: skip
CARD = {"title": "A", "artist": "B", "description": "C", "filter": "noir", "detail": 0.5}


def _varied(usual: dict[str, Any], how: Any) -> dict[str, Any]:
    """With some of its values others, some gone, some new."""
    other = how.draw(st.dictionaries(st.sampled_from(list(usual)) | texts, values, max_size=2))
    gone = how.draw(st.sets(st.sampled_from(list(usual)), max_size=1))
    return {name: value for name, value in (usual | other).items() if name not in gone}


def _table(usual: dict[str, Any], how: Any) -> bytes:
    lines = (f"{json.dumps(name)} = {toml(value)}\n" for name, value in _varied(usual, how).items())
    return damaged_text("".join(lines), how)


@counts
def test_presets_recipes_and_cards_are_read_or_refused(count: int) -> None:
    @examples(count)
    @given(st.data())
    def holds(how: Any) -> None:
        user_presets().write_bytes(b"[mine]\n" + _table(PRESET, how))
        (user_recipes() / "mine.toml").write_bytes(_table(RECIPE, how))
        (user_styles() / "mine.toml").write_bytes(_table(CARD, how))
        with _in_a_line(ConfigError):
            assert all(isinstance(preset.seed, int) for preset in list_presets())
        with _in_a_line(ConfigError):
            loaded = load_recipe("mine", DiffusionRecipe)
            assert loaded.size_inside((1280, 720), None)
        with _in_a_line(ConfigError):
            load_recipe("mine", Recipe)
        assert list_recipes(DiffusionRecipe)
        with _in_a_line(ConfigError):
            assert all(json.dumps(style.plain()) for style in list_styles())

    holds()


SPEC = Spec(
    model="m", autoencoder="a", loras=(("l", 1.0),), size=(512, 512), batch=1, precision="fp16",
    graph="g", exporter="e", engine="tensorrt", flavour="rtx", version="1", targets=("sm_89",),
    card="", platform="linux-x86_64",
)  # fmt: skip


@counts
def test_manifests_are_read_or_refused(count: int, tmp_path: Path) -> None:
    usual = {
        "schema": 1, "spec": dataclasses.asdict(SPEC), "title": "a model", "built_at": 1.0,
        "files": {"x.plan": (3, hashlib.sha256(b"abc").hexdigest())}, "facts": {}, "report": {},
    }  # fmt: skip
    read = []

    @examples(count)
    @given(st.data())
    def holds(how: Any) -> None:
        given = _varied(usual, how)
        spec = given.get("spec")
        if how.draw(st.booleans()) and spec and isinstance(spec, dict):
            given["spec"] = _varied(spec, how)
        try:
            content = canonical(given)
        except (ValueError, TypeError):  # what JSON can't hold nobody writes so
            content = json.dumps(given)
        content = damaged_text(content, how).decode("utf-8", "replace")
        folder = tmp_path / SPEC.key
        folder.mkdir(mode=0o700, exist_ok=True)
        text = f"{hashlib.sha256(content.encode()).hexdigest()}\n{content}\n"
        for name, held in ((MANIFEST, text), ("x.plan", "abc")):
            (folder / name).write_text(held)
            (folder / name).chmod(0o600)
        with _in_a_line(EngineError):
            manifest, _ = Entry(folder).read()
            read.append(manifest)
            assert Manifest.parse(manifest.text()).spec == manifest.spec

    holds()
    assert read and len(read) < count


@counts
def test_files_of_runs_are_read_or_left(count: int, tmp_path: Path) -> None:
    folder = tmp_path / "runtime" / "livestyle"
    folder.mkdir(parents=True, mode=0o700)
    usual = {"address": "http://127.0.0.1:9/", "token": "t", "pid": 1, "version": "1"}

    @examples(count)
    @given(st.data())
    def holds(how: Any) -> None:
        file = folder / "9.json"
        file.write_bytes(damaged_text(json.dumps(_varied(usual, how)), how))
        file.chmod(0o600)
        assert all(isinstance(run, Run) for run in list_runs())

    holds()


@counts
def test_faults_are_read_or_refused(count: int) -> None:
    words = st.lists(
        st.one_of(
            texts,
            st.builds(
                "{}:{}{}@{}{}/{}{}".format,
                *(st.sampled_from(list(chaos.POINTS)), numbers, st.sampled_from(["s", "ms", "m"])),
                *(numbers, st.sampled_from(["s", "h", ""]), numbers, st.sampled_from(["m", "s"])),
            ),
            st.from_regex(r"[a-z]+\.[a-z]+(:[0-9]+s)?(@[0-9]{1,400}m)?", fullmatch=True),
            st.builds("{}:{}s@{}s/{}s".format, st.sampled_from(list(chaos.POINTS)), *[
                st.integers(0, 10**18)] * 3),
        ),
        max_size=3,
    )  # fmt: skip

    @examples(count)
    @given(words, st.floats(0, 1e9))
    def holds(faults: list[str], now: float) -> None:
        with _in_a_line(ConfigError):
            for fault in chaos.parse(",".join(faults)):
                fault.begin(now)
                assert str(fault) and fault.left(now) >= 0
                fault.is_on(now), fault.comes(now + 1)

    holds()
