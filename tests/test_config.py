"""Settings from flags and TOML: one definition, limits, round trip."""

import argparse
import dataclasses
from pathlib import Path

import pytest

from livestyle.config import Config, add_flags, load_config, to_toml
from livestyle.errors import ConfigError


def _flags(*argv: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return vars(parser.parse_args(argv))


def test_nothing_given_is_all_defaults() -> None:
    assert load_config(_flags()) == Config()


def test_every_setting_has_a_flag_and_help() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    help_text = parser.format_help()
    for field in dataclasses.fields(Config):
        assert "--" + field.name.replace("_", "-") in help_text


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'fps = 60\nsink = ["null", "web"]\nstyle = "udnie"\nsize = "320x184"\nhud = true\n'
    )
    config = load_config(_flags("--fps", "24", "--no-hud"), str(file))
    assert config.fps == 24
    assert config.sink == ("null", "web")
    assert (config.style, config.size, config.hud) == ("udnie", (320, 184), False)


def test_print_config_reads_back(tmp_path: Path) -> None:
    config = Config(
        source='file:a "b".mp4',
        size=(640, 360),
        sink=("v4l2", "record:ä🎮.mp4"),
        seconds=1.5,
        hud=True,
    )
    file = tmp_path / "c.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert load_config({}, str(file)) == config


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--fps", "0"], "--fps '0': a number from 1 to 240"),
        (["--fps", "nan"], "--fps 'nan'"),
        (["--fps", "fast"], "--fps 'fast'"),
        (["--size", "641x360"], "--size '641x360': WIDTHxHEIGHT"),
        (["--size", "640"], "--size '640'"),
        (["--output-size", "99999x2"], "--output-size"),
        (
            ["--stylizer", "magic"],
            "'magic': choose from: auto, lite, turbo, passthrough",
        ),
        (["--port", "1.5"], "--port '1.5'"),
        (["--seconds", "-3"], "--seconds '-3'"),
        (["--source", ""], "--source ''"),
    ],
)
def test_bad_flag_is_named_with_its_value(argv: list[str], said: str) -> None:
    flags = _flags(*[f"{argv[0]}={argv[1]}"])
    with pytest.raises(ConfigError) as caught:
        load_config(flags)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fsp = 30", "unknown key 'fsp'; known are: source"),
        ("fps = '", "cannot read config"),
        ('fps = "quick"', "fps 'quick'"),
        ("fps = true", "fps True"),
        ('sink = "web"', "sink 'web': a list"),
        ("hud = 1", "hud 1: true or false"),
        ("port = inf", "port inf: a number"),
        ("source = 3", "source 3: text"),
    ],
)
def test_bad_file_is_named_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config({}, str(file))
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"cannot read config 'no\.toml'"):
        load_config({}, "no.toml")
