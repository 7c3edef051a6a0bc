"""The bundled networks through OpenVINO: every style, any size, the same every time."""

from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest

from livestyle.canvas import Canvas, to_i420
from livestyle.errors import StylizerError
from livestyle.frame import Frame
from livestyle.placement import network_size
from livestyle.recipe import Recipe, load_recipe
from livestyle.sources.testcard import draw
from livestyle.stylizers.lite import Lite, read_network
from livestyle.stylizers.style import Style, list_styles

STYLES = [style for style in list_styles() if style.network]


def test_the_three_styles_are_there_and_small() -> None:
    assert {"wave", "starry_night", "udnie"} <= {style.name for style in STYLES}
    for style in STYLES:
        weights = style.network.with_suffix(".bin")
        assert style.network.stat().st_size + weights.stat().st_size <= 1_000_000


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_stage_is_the_bare_network_and_its_head(style: Style) -> None:
    """Against the network and its head by hand in float32, so a swapped channel or a wrong range
    shows.
    """
    frame = Frame(draw(100, (1280, 720)), 100, 0)
    with Lite(style, Canvas((1280, 720), "fit"), None) as lite:
        styled = lite.stylize(frame)
    assert (styled.seq, styled.captured_at) == (100, 0)
    model = read_network(style, (640, 360))
    options = {"INFERENCE_PRECISION_HINT": ov.Type.f32}
    painted = ov.Core().compile_model(model, "CPU", options)(frame.pixels[None])[0][0]
    pixels = painted.reshape(180, 320, 2, 2, 4).transpose(0, 2, 1, 3, 4).reshape(360, 640, 4)
    large = cv2.resize(pixels, (1280, 720)).astype(np.float32)
    own = frame.pixels[:, :, :3].astype(np.float32) @ np.array([0.114, 0.587, 0.299], np.float32)
    coarse = cv2.resize(cv2.resize(own, (80, 45), interpolation=cv2.INTER_AREA), (1280, 720))
    expected = large[:, :, :3] + large[:, :, 3:] / 170 * (own - coarse)[..., None]
    error = np.abs(styled.pixels - expected.clip(0, 255))
    assert error.mean() < 0.9
    assert np.percentile(error, 99) < 6


@pytest.mark.parametrize("style", STYLES[:2], ids=lambda style: style.name)
@pytest.mark.parametrize("shape", [(720, 1280), (480, 640), (1080, 1440)])
def test_what_is_made_as_i420_is_what_is_made_as_rgb(style: Style, shape: tuple[int, int]) -> None:
    """As it is seen, for I420 can hold more than RGB shows; a neighbour's colour more or less, for
    I420 has the colours of the small picture.
    """
    frame = Frame(cv2.resize(draw(40, (1280, 720)), shape[::-1]), 0, 0)
    made = []
    for i420 in (False, True):
        with Lite(style, Canvas((1280, 720), "fit", i420=i420), None) as lite:
            pixels = lite.stylize(frame).pixels.copy()
            made.append(cv2.cvtColor(pixels, cv2.COLOR_YUV2RGB_I420) if i420 else pixels)
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(int) for picture in made]
    apart = np.abs(gray[0] - gray[1])
    assert apart.mean() < 0.8 and (np.percentile(apart, (99, 99.9)) <= (3, 8)).all()
    assert cv2.absdiff(*made).mean() < 2
    bars = Canvas((1280, 720), "fit")
    bars.place(frame.pixels)
    if (edge := (1280 - bars.room.shape[1]) // 2) > 0:
        for picture in made:
            assert picture[:, : edge - 2].max() == 0


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_styled_is_neither_the_input_nor_flat(style: Style) -> None:
    frame = Frame(draw(7, (640, 360)), 7, 0)
    with Lite(style, Canvas((640, 360), "fit"), None) as lite:
        styled = lite.stylize(frame).pixels.astype(int)
    assert np.abs(styled - frame.pixels[:, :, 2::-1].astype(int)).mean() > 15
    assert styled.std() > 20


def test_a_frame_gives_the_same_pixels_whatever_came_before() -> None:
    frames = [Frame(draw(seq, (640, 360)), seq, 0) for seq in (0, 50, 90)]
    with Lite(STYLES[0], Canvas((640, 360), "fit"), None) as lite:
        first = lite.stylize(frames[0]).pixels.copy()
        for frame in frames[1:]:
            lite.stylize(frame)
        again = lite.stylize(frames[0]).pixels
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("output", "wanted", "size"),
    [
        ((1280, 720), None, (640, 360)),
        ((1920, 1080), None, (640, 360)),
        ((320, 180), None, (320, 184)),
        ((800, 800), None, (480, 480)),
        ((64, 4320), None, (56, 3944)),
        ((1280, 720), (320, 180), (320, 184)),
        ((640, 360), (1280, 720), (1280, 720)),
    ],
)
def test_network_size(
    output: tuple[int, int], wanted: tuple[int, int] | None, size: tuple[int, int]
) -> None:
    usual = load_recipe("lite", Recipe).size
    assert network_size(output, wanted, usual, Recipe.GRID) == size


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_another_size_is_as_if_it_had_been_opened_so(style: Style) -> None:
    shown, frame = (640, 360), Frame(draw(7, (640, 360)), 7, 0)
    with Lite(style, Canvas(shown, "fit"), None) as lite:
        there, back = lite.prepare((408, 232)), lite.prepare(lite.size)
        for take, size in ((there, (408, 232)), (back, shown), (there, (408, 232))):
            assert take() and lite.size == size
            styled = lite.stylize(frame).pixels
            with Lite(style, Canvas(shown, "fit"), size) as other:
                assert (styled == other.stylize(frame).pixels).all()


@pytest.mark.parametrize("shape", [(480, 640), (1080, 1920), (361, 641), (90, 400)])
def test_source_of_another_shape_is_placed_with_bars(shape: tuple[int, int]) -> None:
    pixels = np.full((*shape, 4), 200, np.uint8)
    canvas = Canvas((640, 360), "fit")
    with Lite(STYLES[0], canvas, (320, 184)) as lite:
        styled = lite.stylize(Frame(pixels, 0, 0)).pixels
    assert styled.shape == (360, 640, 3)
    room = canvas.room
    assert room.shape[0] == 360 or room.shape[1] == 640
    bars = styled.astype(int).sum() - room.astype(int).sum()
    assert bars == 0
    assert abs(room.shape[1] / room.shape[0] - shape[1] / shape[0]) < 0.05 * shape[1] / shape[0]


def test_broken_network_is_one_line(tmp_path: object) -> None:
    broken = Style("x", "", "", "", network=STYLES[0].network.with_suffix(".toml"))
    with pytest.raises(StylizerError, match=r"style 'x': cannot use .*\.toml") as caught:
        Lite(broken, Canvas((640, 360), "fit"), None)
    assert "\n" not in str(caught.value)


def test_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    given = ov.opset13.parameter([1, 3, -1, -1], np.float32)
    other = tmp_path / "other.xml"
    ov.save_model(ov.Model([ov.opset13.relu(given)], [given], "other"), other)
    with pytest.raises(StylizerError, match=r"style 'x': .*other\.xml is no network of this vers"):
        Lite(Style("x", "", "", "", network=other), Canvas((640, 360), "fit"), None)


def test_i420_is_bt601_limited_range() -> None:
    """Colours by ITU-R BT.601: Y = 16 + 65.481 R + 128.553 G + 24.966 B, for RGB in 0..1."""
    colours = {
        (255, 255, 255): 235,
        (0, 0, 0): 16,
        (255, 0, 0): 81,
        (0, 255, 0): 145,
        (0, 0, 255): 41,
    }
    for rgb, luma in colours.items():
        planes = bytearray(4 * 4 * 3 // 2)
        to_i420(np.full((4, 4, 3), rgb, np.uint8), memoryview(planes))
        assert abs(planes[0] - luma) <= 1


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
@pytest.mark.parametrize("brightness", [40, 80, 110, 140, 180, 220])
def test_plain_areas_stay_plain(style: Style, brightness: int) -> None:
    """No checkerboard and no weave: what a network repeats in a sky that has nothing in it."""
    picture = draw(40, (640, 360))
    bluish = np.array([brightness + 15, brightness, brightness - 15, 0])
    picture[:180] = np.linspace(bluish, bluish + 20, 180)[:, None]
    with Lite(style, Canvas((640, 360), "fit"), None) as lite:
        styled = lite.stylize(Frame(picture, 0, 0)).pixels[24:140, 24:-24].astype(np.float32)
    detail = styled - cv2.blur(styled, (9, 9))
    assert detail.std() < 3  # grey levels; a weave that one sees has 5 to 8
