"""The floor of a frame: counted work against what is known of the models, and its arithmetic."""

from __future__ import annotations

import json

import pytest
import torch

from livestyle.bench.floor import Ceilings, count_work, floor_of, measure_ceilings
from livestyle.commands import main
from livestyle.models.loadable import RandomModel


@pytest.mark.parametrize(
    ("family", "gmac", "per_prompt", "parameters"),
    [("sdxl", 794.389, 26.266, 2_567_463_684), ("sd", 402.129, 1.996, 865_910_724)],
)
def test_the_work_is_that_of_the_real_networks(
    family: str, gmac: float, per_prompt: float, parameters: int
) -> None:
    """GMAC of one evaluation as counted by hand from the architecture; parameters are published."""
    work = count_work(RandomModel("", family, "turbo").skeleton(), (512, 512), steps=1)
    assert (work.unet_macs + work.conditions_macs) / 1e9 == pytest.approx(gmac, abs=1e-3)
    assert work.conditions_macs / 1e9 == pytest.approx(per_prompt, abs=1e-3)
    assert work.unet_parameters + work.conditions_parameters == parameters
    assert work.encoder_macs / 1e9 == pytest.approx(61.162, abs=1e-3)
    assert work.decoder_macs / 1e9 == pytest.approx(70.675, abs=1e-3)
    assert work.autoencoder_parameters == 2_445_063


def test_work_grows_with_the_picture_and_the_steps() -> None:
    model = RandomModel("", "sd", "turbo")
    one = count_work(model.skeleton(), (512, 512), steps=1)
    large = count_work(model.skeleton(), (1024, 512), steps=1)
    four = count_work(model.skeleton(), (512, 512), steps=4)
    assert four.unet_macs == 4 * one.unet_macs and four.encoder_macs == one.encoder_macs
    assert large.decoder_macs == 2 * one.decoder_macs
    assert 2 < large.unet_macs / one.unet_macs < 2.4  # attention grows with the square


def test_the_floor_is_the_slower_of_arithmetic_and_reading() -> None:
    """With figures of an H200: 790 TFLOP/s and 4.3 TB/s give 2.28 ms in bf16, as done by hand."""
    work = count_work(RandomModel("", "sdxl", "turbo").skeleton(), (512, 512), steps=1)
    floor = floor_of(work, Ceilings(790e12, 4.3e12), "bf16", steps=1)
    assert floor["floor_ms"] == pytest.approx(2.28, abs=0.005)
    assert floor["frame_tflop"] == pytest.approx(1.800, abs=0.001)
    slow = floor_of(work, Ceilings(790e12, 1e12), "bf16", steps=1)
    assert slow["floor_ms"] == pytest.approx(slow["unet_reading_ms"] + slow["autoencoder_ms"])


def test_fp8_has_its_own_arithmetic_and_its_own_bytes() -> None:
    """Six linear layers a block: 60 blocks of 1280 on 256 tokens, 10 of 640 on 1024."""
    work = count_work(RandomModel("", "sdxl", "turbo").skeleton(), (512, 512), steps=1)
    each = {width: (3 + 1 + 1 + 1 + 8 + 4) * width**2 for width in (640, 1280)}
    assert work.fp8_parameters == 60 * each[1280] + 10 * each[640]
    assert work.fp8_macs == 60 * 256 * each[1280] + 10 * 1024 * each[640]
    half = floor_of(work, Ceilings(790e12, 4.3e12), "fp16", steps=1)
    fp8 = floor_of(work, Ceilings(790e12, 4.3e12, 1580e12), "fp8", steps=1)
    saved = work.fp8_macs * 2 / 1580e12 * 1000
    assert half["unet_arithmetic_ms"] - fp8["unet_arithmetic_ms"] == pytest.approx(saved, abs=1e-3)
    saved = work.fp8_parameters / 4.3e12 * 1000
    assert half["unet_reading_ms"] - fp8["unet_reading_ms"] == pytest.approx(saved, abs=1e-3)
    assert half["autoencoder_ms"] == fp8["autoencoder_ms"]


def test_ceilings_are_measured() -> None:
    found = measure_ceilings(torch.device("cpu"), "fp32")
    assert 1e9 < found.flops < 1e14
    assert 1e8 < found.bytes < 1e13
    assert found.fp8_flops is None


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "bench",
        "floor",
        "--random-weights",
        "--precision",
        "fp32",
        "--size",
        "512x512",
        "--json",
    ]
    assert main(command) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["model"] == "stabilityai/sdxl-turbo with random weights"
    assert figures["parameters"]["unet"] + figures["parameters"]["conditions"] == 2_567_463_684
    assert figures["floor_fps"] == pytest.approx(1000 / figures["floor_ms"], abs=0.006)  # rounded
