"""Training a style: what it learns from, what it learns, and what becomes of the network."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
import torch
import torch.nn.functional as F

from livestyle.canvas import Canvas
from livestyle.commands import main
from livestyle.errors import (
    ConfigError,
    LivestyleError,
    ModelError,
    PictureError,
    TrainingError,
)
from livestyle.sources.testcard import draw
from livestyle.stylizers.head import Head
from livestyle.stylizers.style import find_style, user_styles
from livestyle.training import losses
from livestyle.training.card import write_card
from livestyle.training.checkpoint import START, load_checkpoint, save_checkpoint
from livestyle.training.features import Features
from livestyle.training.graph import ranges_of, to_graph
from livestyle.training.material import read_material
from livestyle.training.network import HALF, ConvNorm, LiteNetwork
from livestyle.training.panels import draw_panel
from livestyle.training.pictures import Crops, read_painting, to_tensor
from livestyle.training.trainer import DETAIL, Course, Reached, finished
from livestyle.training.training import Subject, Training

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other are slow on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [draw(seq, (640, 360))[:, :, 2::-1].copy() for seq in (0, 60, 120)]


@pytest.fixture(scope="module")
def small(pictures: list[np.ndarray]) -> torch.Tensor:
    """[2, 3, 176, 320]."""
    batch = torch.cat([to_tensor(picture[:352]) for picture in pictures[:2]])
    return F.interpolate(batch, (176, 320), mode="area")


def _subject(pictures: list[np.ndarray], painting: Path) -> Subject:
    return Subject("x", painting, 160, [pictures])


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    """Red and yellow stripes, which no testcard has."""
    stripes = np.zeros((120, 160, 3), np.uint8)
    stripes[:, :, 2] = 220
    stripes[:, ::8, 1] = stripes[:, 1::8, 1] = 200
    path = tmp_path / "painting.png"
    cv2.imwrite(str(path), stripes)
    return path


def test_crops_have_the_size_and_the_text_that_was_drawn(pictures: list[np.ndarray]) -> None:
    batch = Crops([pictures], 96, 5, CPU).batch(24)
    assert batch.pictures.shape == (24, 3, 96, 96) and batch.text.shape == (24, 1, 96, 96)
    assert batch.pictures.min() >= 0 and batch.pictures.max() <= 1
    shares = batch.text.mean((1, 2, 3))
    assert set(batch.text.unique().tolist()) == {0.0, 1.0}
    assert (shares == 0).sum() >= 8 and (shares > 0).sum() >= 4
    again = Crops([pictures], 96, 5, CPU).batch(24)
    assert torch.equal(batch.pictures, again.pictures)


def test_a_panel_that_is_whole_covers_the_crop() -> None:
    _, opaque, text = draw_panel(64, np.random.default_rng(1), whole=True)
    assert opaque.min() == 1 and text.min() == 1
    _, opaque, text = draw_panel(64, np.random.default_rng(1), whole=False)
    assert 0 < text.mean() < 0.6 and not opaque[text == 0].any()


def test_losses_are_least_where_they_should_be(small: torch.Tensor) -> None:
    random = torch.Generator().manual_seed(1)
    features = Features(CPU)
    cloud = losses.clouds(features(small), random)
    other = losses.clouds(features(small.flip(1) * 0.5), random)
    same = losses.style(cloud, losses.clouds(features(small), random), random)
    assert same < 0.1 * losses.style(cloud, other, random)
    assert losses.tone(small, small * 0.5 + 0.2) < 1e-3
    assert losses.tone(small, small.flip(3)) > 0.1
    assert losses.tone(small, 1 - small) > 1.9
    text = torch.ones_like(small[:, :1])
    assert losses.legibility(small, small, text) == 0
    blurred = F.avg_pool2d(small, 5, 1, 2)
    assert losses.legibility(small, blurred, text) > 0.3
    assert losses.legibility(small, blurred, 0 * text) == 0


def test_frozen_a_network_sees_each_place_for_itself(small: torch.Tensor) -> None:
    torch.manual_seed(2)
    network = LiteNetwork().eval()
    changed = small.clone()
    changed[:, :, :, 280:] = 1 - changed[:, :, :, 280:]
    with torch.no_grad():
        apart = (network(small) - network(changed))[..., :60].abs().max()
        network.freeze(small)
        frozen = (network(small) - network(changed))[..., :60].abs().max()
    assert apart > 1e-4 and frozen == 0


def test_the_graph_computes_what_the_network_does(small: torch.Tensor) -> None:
    network = load_checkpoint(START).network().eval()
    with torch.no_grad():
        wanted = network(small).permute(0, 2, 3, 1).numpy()
    core = ov.Core()
    pictures = (small.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    size = small.shape[3], small.shape[2]
    for i420, limits in ((False, (3e-3, 0.02)), (True, (8e-3, 0.02))):
        canvas = Canvas(size, "stretch", i420=i420)
        head = Head((size[0] // 2, size[1] // 2), canvas)
        for ranges, limit in zip((None, ranges_of(network, small)), limits, strict=True):
            options = {"INFERENCE_PRECISION_HINT": ov.Type.f32}
            compiled = core.compile_model(to_graph(network, ranges), "CPU", options)
            for picture, there in zip(pictures, wanted, strict=True):
                bgrx = cv2.cvtColor(picture, cv2.COLOR_RGB2BGRA)
                canvas.place(bgrx)
                made = head(compiled(bgrx[None])[0][0], bgrx, bgrx)
                rgb = cv2.cvtColor(made, cv2.COLOR_YUV2RGB_I420) if i420 else made
                assert np.sqrt(((rgb / 255 - there) ** 2).mean()) < limit


def test_eight_bits_are_computed_in_eight_bits(small: torch.Tensor) -> None:
    network = load_checkpoint(START).network().eval()
    model = to_graph(network, ranges_of(network, small))
    model.reshape([1, 64, 96, 4])
    compiled = ov.Core().compile_model(model, "CPU")
    kinds = [
        op.get_rt_info()["primitiveType"].value
        for op in compiled.get_runtime_model().get_ops()
        if op.get_rt_info()["layerType"].value == "Convolution"
    ]
    assert len(kinds) == 18 and all(kind.lower().endswith("i8") for kind in kinds)


def test_a_network_that_is_not_frozen_becomes_no_style() -> None:
    with pytest.raises(TrainingError, match="not frozen"):
        to_graph(LiteNetwork(), None)


@pytest.mark.slow
def test_a_training_learns_and_goes_on_where_it_was(
    pictures: list[np.ndarray], painting: Path, tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    course = Course(iterations=12, side=64, batch=2, freeze_at=0.5, learning_rate=3e-3)
    subject = _subject(pictures, painting)
    training = Training(subject, course, path, START, CPU)
    reached = list(training.run())
    first = training.record.losses
    assert reached[-1].iteration == 12
    training.record.save()
    longer = Course(iterations=30, side=64, batch=2, freeze_at=0.5, learning_rate=3e-3)
    again = Training(subject, longer, path, START, CPU)
    assert again.trainer.reached.iteration == 12
    assert len(again.trainer.adam.state_dict()["state"]) > 10
    assert [at.iteration for at in again.run()] == list(range(13, 31))
    assert again.record.losses["palette"] < 0.97 * first["palette"]
    again.record.save()
    checkpoint = load_checkpoint(path)
    assert checkpoint.stages[-1]["iterations"] == 30 and checkpoint.frozen
    assert len(checkpoint.stages) == len(load_checkpoint(START).stages) + 1
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), pictures[0])
    with pytest.raises(ConfigError, match="the training of another picture"):
        Training(_subject(pictures, other), longer, path, START, CPU)


def test_the_finish_brings_detail_back(pictures: list[np.ndarray]) -> None:
    source = to_tensor(pictures[0])
    plain = torch.full_like(source, 0.5)
    shown = finished(source, plain, 0.8)
    assert shown.shape == source.shape
    assert (finished(source, plain, 0.0) - 0.5).abs().max() < 0.51 / 255  # rounded
    edges = shown.mean(1).diff(dim=2).abs().mean() / source.mean(1).diff(dim=2).abs().mean()
    assert 0.4 < edges < 1.6


def test_a_painting_is_a_picture_of_some_height(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    cv2.imwrite(str(path), draw(3, (40, 24))[:, :, :3])
    assert read_painting(path, 160).shape[3] == 160
    cv2.imwrite(str(path), draw(3, (400, 20))[:, :, :3])
    with pytest.raises(PictureError, match="400x20 pixels, which is too flat"):
        read_painting(path, 640)
    path.write_bytes(b"no picture")
    with pytest.raises(PictureError, match="cannot read the picture"):
        read_painting(path, 640)


def test_a_card_keeps_what_people_wrote_and_gets_what_it_lacks(tmp_path: Path) -> None:
    card = tmp_path / "x.toml"
    card.write_text('name = "x"\ntitle = "Mine"\n\n[network]\nparameters = 1\n')
    for _ in range(2):
        write_card(card, {"title": "X", "detail": 0.4}, LiteNetwork(), [{"style": "x"}])
        told = tomllib.loads(card.read_text())
        assert (told["name"], told["title"], told["detail"]) == ("x", "Mine", 0.4)
        assert told["network"]["parameters"] > 100_000 and told["training"] == [{"style": "x"}]
    card.write_text("name = ")
    with pytest.raises(LivestyleError, match="cannot read the card"):
        write_card(card, {}, LiteNetwork(), [])


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_what_is_no_checkpoint_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot read the checkpoint"):
        load_checkpoint(path)
    network = LiteNetwork()
    save_checkpoint(path, network, [], Reached(3, 1.5))
    loaded = load_checkpoint(path)
    assert loaded.reached == (3, 1.5) and not loaded.frozen
    assert torch.equal(loaded.network().to_half[0].weight, network.to_half[0].weight)
    network.to_half = ConvNorm(3, HALF, stride=2)
    save_checkpoint(path, network, [])
    with pytest.raises(ModelError, match=f"{path}' is of a network of another version"):
        load_checkpoint(path)


def test_material_is_a_folder_or_a_recording(tmp_path: Path, recording: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert len(read_material(recording)) == 3
    with pytest.raises(PictureError, match="no pictures in"):
        read_material(empty)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Five seconds of the testcard."""
    path = tmp_path / "game.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (320, 180))  # type: ignore[attr-defined]
    for seq in range(50):
        writer.write(np.ascontiguousarray(draw(seq, (320, 180))[:, :, :3]))
    writer.release()
    return path


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_style_of_ones_own_from_the_command_line(
    painting: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(painting), "--on", str(recording), "--device", "cpu"]
    assert main([*words, "--name", "wave"]) == 2
    assert "there is a bundled style 'wave'" in capsys.readouterr().err
    assert main([*words, "--name", "a/b"]) == 2
    assert "can't be called 'a/b'" in capsys.readouterr().err
    for file in ("drawn.toml", "mine.xml"):  # of another's, or written by hand
        (there := user_styles() / file).parent.mkdir(parents=True, exist_ok=True)
        there.write_text("")
        assert main([*words, "--name", there.stem, "--iterations", "6"]) == 2
        said = capsys.readouterr().err
        assert f"{file}' is there already" in said and "--overwrite" in said
        assert there.read_text() == ""
    (user_styles() / "drawn.toml").unlink()
    assert main([*words, "--name", "mine", "--iterations", "6", "--json", "--overwrite"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["style"] == "mine" and told["iterations"] == 6
    assert Path(told["sheet"]).stat().st_size > 10_000
    assert main([*words, "--name", "mine", "--iterations", "6"]) == 2
    assert "has had its 6 iterations" in capsys.readouterr().err
    assert main(["styles"]) == 0
    assert "  mine" in capsys.readouterr().out
    assert find_style("mine").detail == DETAIL
    out = tmp_path / "styled.png"
    assert main(["stylize", str(painting), str(out), "--style", "mine"]) == 0
    assert cv2.imread(str(out)).shape == (120, 160, 3)
