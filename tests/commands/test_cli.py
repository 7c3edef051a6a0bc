"""The small commands, and what usage errors look like."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import unicodedata
from pathlib import Path

import pytest

from livestyle import __version__
from livestyle.commands import main
from livestyle.config import Config
from livestyle.recipe import user_recipes
from livestyle.settings import load_config
from livestyle.stylizers.preset import user_presets


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"livestyle {__version__}\n"


@pytest.mark.parametrize("argv", [[], ["fly"], ["run", "--nope"], ["stylize", "in.png"]])
def test_usage_error_is_two(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage: livestyle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["stylize", "--", "in.png", "--"], "'--' is given twice; a file of that name is written"),
        (["stylize", "in.png", "--", "out.png", "--"], "'--' is given twice; a file of that"),
        (["bench", "--", "lite", "--"], "'--' is given twice; a file of that name is written"),
        (["stylize", "in.png", ""], "OUT: '': a file's name is expected"),
        (["stylize", "", "out.png"], "IN: '': a file's name is expected"),
        (["train", "a\0.png", "--on", "x"], "PICTURE: 'a\\x00.png': no file's name has a"),
    ],
)
def test_a_value_that_can_t_be_is_told_in_a_line(
    argv: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"livestyle: {line}") and told.count("\n") == 1


HOSTILE = [
    "\x1b[2J\x1b]0;all is well\x07a.png",
    "b\rlivestyle: all is well.png",
    "c\nlivestyle: all is well.png",
    "d\x9b31m.png",
    "e\u202egnp.png",
    "f\u2028livestyle: all is well.png",
]


def _is_harmless(said: str) -> bool:
    controls = [c for c in said if unicodedata.category(c) in ("Cc", "Cf", "Zl") and c != "\n"]
    return not controls and "\nlivestyle: all is well" not in said


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "argv", [["stylize", "NAME", "out.png"], ["fly", "NAME"], ["run", "--seconds", "NAME"]]
)
def test_no_name_commands_the_terminal(
    name: str, argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    file.write_bytes(b"no picture")
    argv = [str(file) if word == "NAME" else word for word in argv]
    try:
        assert main(argv) in (1, 2)
    except SystemExit as ended:
        assert ended.code == 2
    said = capsys.readouterr().err
    assert _is_harmless(said) and said.endswith("\n")


def test_no_preset_commands_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    presets = user_presets()
    presets.parent.mkdir(parents=True)
    told = json.dumps("fine" + HOSTILE[0] + HOSTILE[1])
    values = f'prompt = "a cat"\nstrength = 0.4\nseed = 1\ndescription = {told}\n'
    presets.write_text("[mine]\n" + values)
    assert main(["styles"]) == 0
    said = capsys.readouterr().out
    assert "  mine " in said and r"fine\x1b[2J" in said and _is_harmless(said)


def test_print_config_is_the_effective_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--fps", "24", "--sink", "null", "--print-config"]) == 0
    printed = tomllib.loads(capsys.readouterr().out)
    assert printed["fps"] == 24
    assert printed["sink"] == ["null"]
    assert main(["run", "--fps", "24", "--sink", "null", "--print-config", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["seconds"] is None
    assert {name: value for name, value in plain.items() if value is not None} == printed
    assert load_config({"fps": "24", "sink": ["null"]}) == Config(fps=24, sink=("null",))


def test_styles_as_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styles"]) == 0
    text = capsys.readouterr().out
    assert main(["styles", "--json"]) == 0
    styles = json.loads(capsys.readouterr().out)
    assert len(styles) >= 3
    for style in styles:
        assert style["name"] in text and style["description"] in text
        assert style.get("title", "") in text


def test_doctor_says_what_was_found_and_the_fix(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert main(["doctor", "--json"]) == 0
    checks = {check["subject"]: check for check in json.loads(capsys.readouterr().out)}
    assert checks["Python"]["verdict"] == checks["engine"]["verdict"] == "ok"
    assert "OpenVINO" in checks["engine"]["found"]
    assert checks["screen capture"]["verdict"] == "limited"
    assert "DISPLAY is not set" in checks["screen capture"]["found"]
    assert all(check["fix"] for check in checks.values() if check["verdict"] != "ok")
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert all(check["found"] in text for check in checks.values())


def test_doctor_finds_what_is_wrong_in_the_user_s_own_files(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def own_files() -> dict[str, str]:
        main(["doctor", "--json"])
        checks: list[dict[str, str]] = json.loads(capsys.readouterr().out)
        return next(check for check in checks if check["subject"] == "your own files")

    assert own_files()["found"] == f"none in {tmp_path / 'livestyle'}"
    user_recipes().mkdir(parents=True)
    (user_recipes() / "mine.toml").write_text("steps = 1")
    assert own_files()["verdict"] == "broken" and "mine.toml" in own_files()["found"]
    (user_recipes() / "mine.toml").unlink()
    user_recipes().rmdir()
    user_recipes().write_text("no folder")
    assert own_files()["verdict"] == "broken" and "recipes" in own_files()["found"]
    user_recipes().unlink()
    (tmp_path / "livestyle" / "settings.toml").write_text("fps = 24")
    assert own_files()["found"] == str(tmp_path / "livestyle" / "settings.toml")


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="root and setpriv are needed"
)
@pytest.mark.parametrize("home", ["closed", "none"])
def test_a_home_that_is_closed_or_missing_is_no_trouble(home: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    os.chown(closed, 12345, 12345)
    environment = {"PATH": os.environ["PATH"], "HOME": str(closed)}
    if home == "none":
        del environment["HOME"]
    powers = "-dac_override,-dac_read_search"  # without which root may look into its own alone
    turbo = ["--stylizer", "turbo"]
    bare = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}", sys.executable]
    for command, code in (("styles", 0), ("run --print-config", 0), ("run --recipe no", 2)):
        done = subprocess.run(
            [*bare, "-m", "livestyle", *command.split(), *turbo[: 2 * bool(code)]],
            env=environment, cwd="/", capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, done.stderr


def test_devices_are_flags_to_copy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json"]) == 0
    devices = json.loads(capsys.readouterr().out)
    assert "--source testcard" in [device["flag"] for device in devices]
    assert main(["devices"]) == 0
    assert all(device["description"] in capsys.readouterr().out for device in devices[-1:])


def test_bench_is_read_by_people_unless_json_is_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    flags = ["--size", "160x96", "--output-size", "320x180", "--report", str(file)]
    assert main(["bench", "lite", *flags]) == 0
    text, figures = capsys.readouterr().out, json.loads(file.read_text())
    assert figures["machine"]["cpu"] in text
    assert "lite wave, 160x96 inside, 320x180 out, 100 pairs" in text
    assert f"  ratio    {figures['ratio']:g}" in text
    assert f"p50 {figures['stage_ms']['p50']:g}" in text


def test_bench_prints_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "lite", "--size", "160x96", "--output-size", "320x180", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["pairs"] == 100
    assert figures["stage_ms"]["p50"] > 0 and figures["network_ms"]["p50"] > 0
    assert figures["ratio"] == pytest.approx(
        figures["stage_ms"]["p50"] / figures["network_ms"]["p50"], abs=0.01
    )
    assert figures["network_size"] == [160, 96]
    floor, percent = figures["floor"], figures["percent_of_floor"]
    assert floor["gmac"] == pytest.approx(0.213, abs=0.002)  # its border of 8 px included
    reached = 100 * floor["floor_ms"] / figures["network_ms"]["p50"]
    assert percent["network"] == pytest.approx(reached, abs=1)
