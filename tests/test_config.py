"""Settings from flags and TOML: one definition, limits, round trip."""

import argparse
import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from livestyle.config import GROUPS, Config, check, key
from livestyle.errors import ConfigError
from livestyle.settings import add_flags, load_config, to_toml, user_file
from livestyle.stylizers.preset import list_presets, user_presets


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
    for name in {field.name for field in dataclasses.fields(Config)} - {"keep_sets", "hotkeys"}:
        assert "--" + name.replace("_", "-") in help_text


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'fps = 60\nsink = ["null", "web"]\nstyle = "udnie"\nsize = "320x184"\nhud = true\n'
    )
    config = load_config(_flags("--fps", "24", "--no-hud"), str(file))
    assert config.fps == 24
    assert config.sink == ("null", "web")
    assert (config.style, config.size, config.hud) == ("udnie", (320, 184), False)


def _own(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> Path:
    """The user's own settings file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    file = user_file()
    assert file.is_relative_to(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_three_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _own(monkeypatch, tmp_path, 'fps = 50\nstyle = "udnie"\nhud = true\nport = 1234\n')
    file = tmp_path / "c.toml"
    file.write_text('fps = 60\nstyle = "wave"\n')
    assert load_config({}) == Config(fps=50, style="udnie", hud=True, port=1234)
    assert load_config({}, str(file)) == Config(fps=60, style="wave", hud=True, port=1234)
    config = load_config({"fps": "24", "hud": False}, str(file))
    assert config == Config(fps=24, style="wave", hud=False, port=1234)


def test_what_is_named_is_meant_without_what_another_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'stylizer = "turbo"\nstyle = "anime"\nprompt = "a"\nmodel = "m"\nrecipe = "sd-turbo"\n'
    _own(monkeypatch, tmp_path, text)
    own = Config(stylizer="turbo", style="anime", prompt="a", model="m", recipe="sd-turbo")
    assert load_config({}) == load_config({"stylizer": "turbo", "recipe": "sd-turbo"}) == own
    lite = load_config({"stylizer": "lite"})
    assert (lite.style, lite.prompt, lite.model) == (None, None, "m")
    assert load_config({"stylizer": "lite", "style": "wave"}).style == "wave"
    other = load_config({"recipe": "lcm-sdxl"})
    assert (other.model, other.style) == (None, "anime")
    assert load_config({"model": "", "style": ""}).model is None
    assert load_config({"prompt": ""}).prompt == ""
    with pytest.raises(ConfigError, match="--recipe ''"):
        load_config({"recipe": ""})


def test_a_command_takes_what_concerns_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _own(monkeypatch, tmp_path, 'source = "blank"\nstyle = "udnie"\n')
    assert load_config({"fps": "24"}, names=("style", "seed")) == Config(style="udnie", fps=24)


def test_what_is_wrong_in_the_user_s_own_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = _own(monkeypatch, tmp_path, "fps = 0")
    with pytest.raises(ConfigError, match="fps 0: a number from 1 to 240") as caught:
        load_config({"fps": "30"})
    assert str(own) in str(caught.value)


def test_print_config_is_a_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _own(monkeypatch, tmp_path, 'size = "320x184"\n')
    config = load_config({"strength": "0.4"})
    text = to_toml(config)
    for name in (field.name.replace("_", "-") for field in dataclasses.fields(Config)):
        assert re.search(rf"^((# )?{name} = |\[{name}\]$)", text, re.MULTILINE), name
    file = tmp_path / "c.toml"
    file.write_text(text)
    assert load_config({}, str(file)) == config
    bare = re.sub(r"^# ([a-z-]+ = .*)$", r"\1", text, flags=re.MULTILINE)  # all uncommented
    bare = re.sub(r" = [NX]$", " = 1", bare, flags=re.MULTILINE).replace("WxH", "96x64")
    file.write_text(bare.replace("[ADDRESS:]PORT", "9000"))
    filled = load_config({}, str(file))
    assert None not in dataclasses.asdict(filled).values()


def test_hotkeys_are_a_table_of_a_settings_file(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(
        '[hotkeys]\noff = "<f9>"\n"style=ink" = "<ctrl>+i"\n"prompt=a \\"cat\\"" = "k"\n'
    )
    config = load_config({}, str(path))
    assert config.hotkeys == {"off": "<f9>", "style=ink": "<ctrl>+i", 'prompt=a "cat"': "k"}
    (tmp_path / "again.toml").write_text(to_toml(config))
    assert load_config({}, str(tmp_path / "again.toml")) == config
    for wrong in (
        "hotkeys = 7",
        "[hotkeys]\noff = 7",
        '[hotkeys]\noff = ""',
        '[hotkeys]\n"" = "a"',
    ):
        path.write_text(wrong)
        with pytest.raises(ConfigError, match=r"hotkeys .*is expected|hotkeys .*are expected"):
            load_config({}, str(path))


def test_rectangles_have_names_in_a_settings_file(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(
        'keep = ["tux", "1,2,3,4"]\n[keep-sets]\ntux = ["0,0,40,6", "9,0,38,6,8"]\ndoom = []\n'
    )
    config = load_config({}, str(path))
    assert config.kept == ((0, 0, 40, 6, 0), (9, 0, 38, 6, 8), (1, 2, 3, 4, 0))
    (tmp_path / "again.toml").write_text(to_toml(config))
    assert load_config({}, str(tmp_path / "again.toml")) == config
    assert load_config({"keep": ["doom"]}, str(path)).kept == ()
    with pytest.raises(ConfigError, match="'quake' is neither .* keep-sets \\(tux, doom\\)"):
        load_config({"keep": ["quake"]}, str(path))
    path.write_text('[keep-sets]\n"a b" = []\n')
    with pytest.raises(ConfigError, match="keep-sets .*names of letters"):
        load_config({}, str(path))


@pytest.mark.parametrize(
    ("given", "loaded"),
    [
        ({"model": "~/m"}, {"model": "HOME/m"}),
        ({"autoencoder": "~/a"}, {"autoencoder": "HOME/a"}),
        ({"recipe": "~/r.toml"}, {"recipe": "HOME/r.toml"}),
        ({"lora": ["~/l.safetensors:0.5"]}, {"lora": ("HOME/l.safetensors:0.5",)}),
        ({"source": "file:~/c.mp4"}, {"source": "file:HOME/c.mp4"}),
        ({"sink": ["record:~/o.mp4", "raw:~/r", "null"]},
         {"sink": ("record:HOME/o.mp4", "raw:HOME/r", "null")}),
        ({"report": "~/r.json", "frame_log": "~/l.csv"},
         {"report": "HOME/r.json", "frame_log": "HOME/l.csv"}),
        ({"model": "an/na~me", "prompt": "~ sea"}, {"model": "an/na~me", "prompt": "~ sea"}),
    ],
)  # fmt: skip
def test_a_tilde_is_the_home_in_flags_and_files(
    given: dict[str, object],
    loaded: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "HOME")
    file = tmp_path / "c.toml"
    lines = [f"{name.replace('_', '-')} = {json.dumps(value)}" for name, value in given.items()]
    file.write_text("\n".join(lines))
    assert load_config(given) == load_config({}, str(file)) == Config(**loaded)  # type: ignore[arg-type]


def test_the_help_is_in_groups_with_the_source_first() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    text = parser.format_help()
    places = [text.index(f"\n{title}:\n") for title in (*GROUPS[:-1], "the run itself")]
    assert places == sorted(places)
    assert text.index("  --stylizer") < text.index("  --style ") < text.index("  --prompt-fade")
    assert places[1] < text.index("  --style ") < places[2] < text.index("  --lora ") < places[3]


def test_print_config_reads_back(tmp_path: Path) -> None:
    config = Config(
        source='file:a "b".mp4',
        size=(640, 360),
        sink=("v4l2", "record:ä🎮.mp4"),
        seconds=1.5,
        hud=True,
        prompt='"\\n\t\n\\x7f é',
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
        (["--steps", "1.5"], "--steps '1.5': a number from 1 to 8"),
        (
            ["--prompt", "a cat \ud83d"],
            r"'a cat \ud83d': character 7 is '\ud83d', which is no text",
        ),
        (["--prompt", "\udc80a"], r"character 1 is '\udc80', which is no text"),
        (["--prompt", "caf\udce9"], r"character 4 is '\udce9', which is no text"),
        (["--prompt", "a\x1b[2Jcat"], r"character 2 is '\x1b', which is no text"),
        (["--prompt", "a\0"], r"character 2 is '\x00', which is no text"),
        (["--style", "wave\x9b"], r"character 5 is '\x9b', which is no text"),
        (["--source", "file:a\ud800.mp4"], r"character 7 is '\ud800', which is no text"),
        (["--report", "a\0b"], r"no file's name has a character '\x00'"),
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
        ("steps = 1.9", "steps 1.9: a number from 1 to 8 is expected, a whole one"),
        ("size = [640, 360]", "size [640, 360]: WIDTHxHEIGHT"),
        ("source = 3", "source 3: text"),
        ("keep = [[inf, 0, 10, 10]]", "keep [[inf, 0, 10, 10]]: X,Y,W,H or"),
        ("keep = [[0, 0, 1e400, 10, -inf]]", "keep [[0, 0, inf, 10, -inf]]: X,Y,W,H or"),
        ("keep = [[0, 0, 10, nan]]", "keep [[0, 0, 10, nan]]: X,Y,W,H or"),
        ("keep = [[0.9, 0, 10.7, 10]]", "keep [[0.9, 0, 10.7, 10]]: X,Y,W,H or"),
        ("keep = [[true, false, 1, 1]]", "keep [[True, False, 1, 1]]: X,Y,W,H or"),
        ("keep-sets.hud = [[0, 0, inf, 1]]", "keep-sets {'hud': [[0, 0, inf, 1]]}: X,Y,W,H or"),
        ("keep = ['0,0,1e3,10']", "keep ['0,0,1e3,10']: X,Y,W,H or"),
    ],
)
def test_bad_file_is_named_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config({}, str(file))
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", ['source = "testcard"\n', "# ü\nfps = 25\n"])
def test_a_mark_of_utf_8_is_no_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "plain.toml").write_text(text, encoding="utf-8")
    (tmp_path / "marked.toml").write_text(text, encoding="utf-8-sig")
    marked, plain = (load_config({}, str(tmp_path / f"{x}.toml")) for x in ("marked", "plain"))
    assert marked == plain != Config()


@pytest.mark.parametrize("prompt", ["a cat\n in the rain\t\r\n", "猫 🎉🐈", "été", ""])
def test_what_people_write_is_text(prompt: str) -> None:
    assert load_config(_flags("--prompt", prompt)).prompt == prompt


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"port = " + b"9" * 5000, "Exceeds the limit"),
        (b"keep = " + b"[" * 2000 + b"]" * 2000, ""),
        (b'source = "caf\xe9"', "'utf-8' codec can't decode"),
        (b"# " + b"a" * 2**20, "it is larger than 1048576 bytes"),
        (b"seed = 1\nseed = 2", "Cannot overwrite a value"),
        (b"\0", ""),
    ],
    ids=["digits", "nested", "latin", "large", "twice", "nul"],
)
def test_whatever_a_settings_file_holds_is_one_line(
    content: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config, presets = tmp_path / "c.toml", user_presets()
    presets.parent.mkdir()
    for file, read in ((config, lambda: load_config({}, str(config))), (presets, list_presets)):
        file.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            read()
        told = str(caught.value)
        assert "\n" not in told and str(file) in told and said in told


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_what_is_no_regular_file_is_not_read(kind: str, tmp_path: Path) -> None:
    file = Path("/dev/zero") if kind == "device" else tmp_path / "pipe"
    if kind == "pipe":
        os.mkfifo(file)
    with pytest.raises(ConfigError, match=f"cannot read config '{file}': it is no regular file"):
        load_config({}, str(file))


def test_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"cannot read config 'no\.toml'"):
        load_config({}, "no.toml")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("seed", "x", "--seed 'x': a number from 0 to 4294967295 is expected"),
        ("detail", float("nan"), "--detail nan: a number from 0 to 1 is expected"),
        ("fps", "nan", "--fps 'nan': a number from"),
        ("seconds", "99999999999", "a number from 0.1 to 10000000 is expected"),
        ("port", "9" * 5000, "a number from 0 to 65535 is expected"),
        ("output_size", "9" * 5000 + "x64", "WIDTHxHEIGHT is expected"),
        ("size", "64x" + "9" * 5000, "WIDTHxHEIGHT is expected"),
    ],
)
def test_numbers_are_written_as_people_write_them(name: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check(name, value, f"--{key(name)}")
    assert said in str(refused.value) and len(str(refused.value)) < 400
    assert "whole" not in str(refused.value)
    assert ("… (" in str(refused.value)) == (len(str(value)) > 200)
