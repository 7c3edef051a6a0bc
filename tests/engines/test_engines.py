"""Engines built from a real pipeline's networks: exported, checked, compiled, loaded and run."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import onnx
import onnxruntime
import openvino as ov
import psutil
import pytest
import safetensors.torch
import torch
from random_pipelines import random_diffusers_unet, save_pipeline
from torch import nn

from livestyle.aside import run_aside
from livestyle.between.look import Look, with_look
from livestyle.between.messages import Change
from livestyle.between.slot import Slot, Slots
from livestyle.canvas import Canvas
from livestyle.commands import main
from livestyle.config import Config
from livestyle.diffusion.denoiser import Embedding, OwnUNet
from livestyle.engines import tensorrt
from livestyle.engines.build import PHASES, check_room
from livestyle.engines.cache import Cache
from livestyle.engines.choice import Device, Wanted, device_for, this_device
from livestyle.engines.entry import Entry
from livestyle.engines.export import INPUTS, write_onnx
from livestyle.engines.gate import check_export
from livestyle.engines.loading import open_engine
from livestyle.engines.plan import plan_build
from livestyle.engines.tensorrt import RTX_TARGETS
from livestyle.errors import ConfigError, EngineError
from livestyle.frame import Frame
from livestyle.models.loadable import RandomModel, stored_model
from livestyle.recipe import DiffusionRecipe, load_recipe, user_recipes
from livestyle.sources.testcard import draw
from livestyle.stylizers.settle import settle_turbo
from livestyle.stylizers.turbo import Turbo, open_turbo
from livestyle.worker.studio import running_studio

SIZE = (256, 256)
LOOK = Look("a cat", 0.5, 1, 3, fade=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"), "sdxl", "pico")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command keeps engines in this test."""
    monkeypatch.setenv("LIVESTYLE_ENGINES", str(tmp_path / "engines"))
    return tmp_path / "engines"


def _built(
    root: Path, folder: Path, *flags: str, timeout: float = 120
) -> tuple[Entry, dict[str, Any]]:
    """By the command in a process of its own, as a user builds."""
    command = [sys.executable, "-m", "livestyle", "build", "sdxl-turbo", "--model", str(folder)]
    done = subprocess.run(
        [*command, "--size", "256x256", "--json", *flags],
        env={
            **os.environ,
            "LIVESTYLE_ENGINES": str(root),
            "XDG_CACHE_HOME": str(root.parent / "no-cache"),  # Inductor's, of other tests
        },
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return Entry(Path(report.pop("engine"))), report


@pytest.fixture(scope="module")
def openvino_build(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A cache with an engine of OpenVINO in float32, and how long its build took, s."""
    root = tmp_path_factory.mktemp("cache") / "engines"
    started = time.monotonic()
    _, report = _built(root, folder, "--engine", "openvino", "--precision", "fp32")
    assert sorted(report) == sorted(PHASES["openvino"])
    assert report["try_out"]["psnr_db"] > 60
    return root, time.monotonic() - started


@pytest.fixture(scope="module")
def openvino(openvino_build: tuple[Path, float]) -> Path:
    return openvino_build[0]


@pytest.fixture
def copied(openvino: Path, root: Path) -> Entry:
    """That engine in the cache of this test."""
    shutil.copytree(openvino, root)
    root.chmod(0o700)
    (entry,) = Cache(root).entries()
    return entry


def _config(folder: Path, **options: Any) -> Config:
    options = {"model": str(folder), "size": SIZE, "prompt": "a cat", **options}
    return settle_turbo(Config(stylizer="turbo", strength=0.5, seed=3, **options), print)


def _silent(_: str) -> None:
    pass


def _opened(folder: Path, **options: Any) -> Turbo:
    return open_turbo(_config(folder, **options), Canvas(SIZE, "fit"), _silent)


def _pictures(turbo: Turbo) -> list[np.ndarray]:
    with turbo:
        frames = [Frame(draw(seq, SIZE), seq, 0) for seq in (3, 50)]
        return [turbo.stylize(frame).pixels.copy() for frame in frames]


def _psnr(ours: np.ndarray, theirs: np.ndarray) -> float:
    error = float(((ours.astype(float) - theirs.astype(float)) ** 2).mean())
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))


# what is exported


@pytest.mark.parametrize("family", ["sdxl", pytest.param("sd", marks=pytest.mark.slow)])
def test_both_exporters_give_what_pytorch_gives(family: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    diffusers_unet: Any = random_diffusers_unet("nano", family == "sdxl").eval()
    own = OwnUNet.of(diffusers_unet)
    assert isinstance(own.run, nn.Module)
    context = torch.randn(1, 77, diffusers_unet.config.cross_attention_dim)
    pooled = torch.randn(1, 48) if family == "sdxl" else None
    ids = torch.tensor([[256.0, 256, 0, 0, 256, 256]])
    conditions = own.conditions(Embedding(context, pooled), torch.tensor([499]), ids)
    inputs = [torch.randn(1, 4, 32, 32), *conditions]
    with torch.no_grad():
        wanted = own.run(*inputs)
    write_onnx(own.run, inputs, "unet", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            own.run, tuple(inputs), tmp_path / "traced.onnx", dynamo=False, opset_version=17,
            input_names=INPUTS["unet"], output_names=["result"],
        )  # fmt: skip
    nodes = {}
    for name in ("unet", "traced"):
        session = onnxruntime.InferenceSession(tmp_path / f"{name}.onnx")
        given = {key: tensor.numpy() for key, tensor in zip(INPUTS["unet"], inputs, strict=True)}
        (result,) = session.run(None, given)
        assert np.abs(result - wanted.numpy()).max() < 1e-4 * float(wanted.abs().max())
        nodes[name] = len(onnx.load(tmp_path / f"{name}.onnx").graph.node)
    assert nodes["unet"] < 0.7 * nodes["traced"]
    assert {file.name for file in tmp_path.iterdir()} >= {"unet.onnx", "unet.onnx.data"}


def test_the_gate_refuses_an_export_that_is_wrong(folder: Path, tmp_path: Path) -> None:
    from livestyle.engines import phases

    build = plan_build(
        _config(folder, engine="openvino"),
        targets=(), flavour=None, random_weights=False, say=_silent,
    )  # fmt: skip
    facts = phases.export(build, tmp_path, {}, lambda _: None)["facts"]
    scaling = facts["traits"]["scaling"]
    check_export(tmp_path, scaling).require("fp32", "what was exported")
    data = tmp_path / "unet.onnx.data"
    weights = np.fromfile(data, np.float32)
    weights[len(weights) // 2 :] *= 1.5
    weights.tofile(data)
    with pytest.raises(EngineError, match="what was exported does not agree with PyTorch: cosine"):
        phases.compare(build, tmp_path, facts, lambda _: None)


# what is compiled


@pytest.mark.slow
def test_tensorrt_rtx_builds_for_every_target_without_a_gpu(folder: Path, root: Path) -> None:
    entry, report = _built(root, folder, "--target", ",".join(RTX_TARGETS))
    assert list(report) == ["compare", "compile", "export"]
    assert report["compare"]["cosine"] > 0.999 and report["compare"]["psnr_db"] > 40
    manifest, files = entry.read()
    assert manifest.spec.targets == tuple(sorted(RTX_TARGETS))
    assert manifest.spec.precision == "fp16"
    assert set(files) == {
        "conditioner.safetensors", "reference.safetensors",
        "encoder.plan", "unet.plan", "decoder.plan",
    }  # fmt: skip
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match=r"TensorRT can't load the encoder: .*Cuda Runtime"):
            tensorrt.load(files, "rtx")


@pytest.mark.slow
def test_fp8_builds_for_cards_that_have_it(folder: Path, root: Path) -> None:
    entry, report = _built(root, folder, "--target", "sm_89,sm_120", "--precision", "fp8")
    assert 20 < report["compare"]["psnr_db"] < 60
    assert 20 < report["compare"]["psnr_db_from_bf16"] < 60
    assert entry.manifest().spec.precision == "fp8"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--target", "sm_89,sm_86", "--precision", "fp8"], 2, "sm_86 does not compute in it"),
        (["--engine", "torch-compiled", "--precision", "fp8"], 2, "does not compute in it; use fp"),
        (["--engine", "tensorrt"], 1, "there is no GPU here to build for; name one with --target"),
        (["--target", "sm_90"], 2, "--target sm_90: TensorRT-RTX builds for sm_75, sm_80"),
        (["--target", "sm_89", "--flavour", "full"], 1, "tensorrt is not installed; run: "),
        (["--target", "sm_89", "--engine", "openvino"], 2, "--target and --flavour are for --eng"),
        (["--engine", "torch"], 2, "--engine torch: nothing is built for it"),
        (["--engine", "openvino", "--precision", "fp16"], 2, "computes in bf16 or fp32"),
        (["--target", "sm_89", "--precision", "bf16"], 2, "computes in fp16 or fp32"),
    ],
)
@pytest.mark.usefixtures("root")
def test_what_cannot_be_built_is_said(
    flags: list[str], code: int, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "sdxl-turbo", "--model", str(folder), *flags]) == code
    assert message in capsys.readouterr().err
    assert not Path(os.environ["LIVESTYLE_ENGINES"]).exists()


def test_the_key_is_of_what_the_recipe_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of where it lies, nor of a remark in it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    user_recipes().mkdir(parents=True)
    text = (Path(__file__).parents[2] / "engines" / "sdxl-turbo.toml").read_text(encoding="utf-8")

    def key(recipe: str, name: str = "") -> str:
        file = user_recipes() / f"{name}.toml" if name else tmp_path / "r.toml"
        file.write_text(recipe)
        config = Config(stylizer="turbo", engine="openvino", recipe=name or str(file))
        config = settle_turbo(config, print, with_model=False)
        options: dict[str, Any] = {"targets": (), "flavour": None, "say": _silent}
        return plan_build(config, random_weights=True, **options).spec.key

    plain = key(text)
    assert key(text, "mine") == key(text, "sdxl-turbo") == plain
    assert key(f"# another remark\n{text}\n# and one at the end\n") == plain
    assert key(text.replace('"512x512"', '"640x384"')) != plain
    fp32, bf16 = (
        text.replace('precision = "auto"', f'precision = "{p}"') for p in ("fp32", "bf16")
    )
    assert key(fp32) != key(bf16)  # which of them "auto" is depends on the machine


def test_an_intel_gpu_is_asked_for_by_the_recipe_alone() -> None:
    plain = load_recipe("sdxl-turbo", DiffusionRecipe)
    on_gpu = dataclasses.replace(plain, device="GPU")
    assert device_for("auto", plain).target.startswith(("cpu", "sm_"))
    assert device_for("torch-compiled", on_gpu).target.startswith(("cpu", "sm_"))
    if "GPU" not in ov.Core().available_devices:
        with pytest.raises(EngineError, match="OpenVINO finds no Intel GPU; have device"):
            device_for("openvino", on_gpu)
    arc = Device("cpu", "gpu Intel(R) Arc(TM) A770", "")
    wanted = Wanted(RandomModel("", "sdxl", "turbo"), SIZE, "auto")
    assert wanted.spec("openvino", arc).precision == "fp16"
    assert wanted.spec("openvino", arc).key != wanted.spec("openvino", this_device("cpu")).key
    with pytest.raises(ConfigError, match="--precision bf16: engine openvino computes in fp16 or"):
        dataclasses.replace(wanted, precision="bf16").spec("openvino", arc)


def test_too_little_room_is_said_before_anything_starts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = plan_build(
        _config(folder, engine="openvino"),
        targets=(), flavour=None, random_weights=False, say=_silent,
    )  # fmt: skip
    cache = Cache(tmp_path / "not" / "yet")
    assert "GiB of" in check_room(build, cache)
    monkeypatch.setattr("livestyle.engines.build.free_memory_gib", lambda: 0.5)
    with pytest.raises(EngineError, match=r"needs 1.\d GiB of memory, 0.5 are free; close what"):
        check_room(build, cache)
    monkeypatch.setattr("livestyle.engines.build.free_memory_gib", lambda: None)
    assert check_room(build, cache).endswith("of memory")
    # a build for the very card that is here holds the networks on that
    on_card = dataclasses.replace(build, spec=dataclasses.replace(build.spec, card="H200"))
    monkeypatch.setattr("livestyle.engines.build.free_memory_gib", lambda: 0.5)
    assert check_room(on_card, cache).endswith("; if it is killed, close what else uses memory")
    usage = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(EngineError, match=r"GiB on the disk of .*, where 0.0 are free; make room"):
        check_room(build, cache)


# what is run


def test_openvino_gives_the_picture_of_pytorch(folder: Path, copied: Entry) -> None:
    by_torch = _opened(folder, engine="torch")
    assert (by_torch.engine, by_torch.why) == ("torch cpu fp32", "it was asked for")
    by_engine = _opened(folder)
    assert by_engine.engine.startswith("openvino 20") and by_engine.engine.endswith("cpu fp32")
    assert by_engine.why == "it is built for this model, size and device"
    for ours, theirs in zip(_pictures(by_engine), _pictures(by_torch), strict=True):
        assert _psnr(ours, theirs) > 40


def test_a_prompt_and_a_strength_reach_the_engine(folder: Path, copied: Entry) -> None:
    frame = Frame(draw(7, SIZE), 0, 0)
    with _opened(folder, engine="openvino") as turbo:
        shown = [turbo.stylize(frame).pixels.copy()]
        for change in ({"prompt": "winter"}, {"strength": 0.9}, {"steps": 2}):
            turbo.change(dataclasses.replace(LOOK, **change))
            for _ in range(100):
                picture = turbo.stylize(frame).pixels.copy()
                if not np.array_equal(picture, shown[-1]):
                    break
                time.sleep(0.02)
            shown.append(picture)
    assert len({picture.tobytes() for picture in shown}) == len(shown)


def test_without_an_engine_torch_runs_and_says_how_to_build_one(folder: Path, root: Path) -> None:
    with _opened(folder) as turbo:
        assert turbo.engine == "torch cpu fp32"
        assert turbo.why.startswith(f"no other is built for {folder} at 256x256 on cpu")
        assert turbo.why.endswith(f"/livestyle build sdxl-turbo --size 256x256 --model {folder}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "openvino", "size": (320, 256)}, "--engine openvino: no engine is built for"),
        ({"engine": "openvino", "unet": "diffusers"}, "leave out --unet diffusers"),
        ({"engine": "torch-compiled"}, "build sdxl-turbo .*--engine torch-compiled"),
    ],
)
def test_an_engine_that_was_asked_for_is_not_replaced(
    options: dict[str, Any], message: str, folder: Path, copied: Entry
) -> None:
    from livestyle.errors import LivestyleError

    with pytest.raises(LivestyleError, match=message):
        _opened(folder, **options)


@pytest.mark.usefixtures("copied")
def test_an_engine_holds_no_frames_per_second(folder: Path) -> None:
    said = "--hold-fps: the engine 'openvino .*' is made for 256x256 alone; leave it out, or"
    with pytest.raises(EngineError, match=said):
        _opened(folder, hold_fps=5.0)
    with _opened(folder, hold_fps=5.0, engine="torch") as turbo:
        assert turbo.engine.startswith("torch") and turbo.grid
    with _opened(folder) as turbo:
        assert turbo.engine.startswith("openvino") and turbo.grid is None


def test_other_weights_need_another_engine(folder: Path, copied: Entry, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    with _opened(other) as turbo:  # the same content elsewhere
        assert turbo.engine.startswith("openvino")
    (weights,) = (other / "unet").glob("*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with _opened(other) as turbo:
        assert turbo.engine == "torch cpu fp32"


@pytest.mark.parametrize("engine", ["auto", "openvino"])
def test_a_damaged_engine_is_refused_and_not_loaded(
    engine: str, folder: Path, copied: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("it was deserialised")

    monkeypatch.setattr("livestyle.engines.openvino.load", load)
    file = copied.folder / "unet.bin"
    content = bytearray(file.read_bytes())
    content[1000] ^= 4
    file.write_bytes(content)
    with pytest.raises(EngineError, match="'unet.bin' is not what was built; remove it"):
        _opened(folder, engine=engine)


def test_an_engine_that_disagrees_is_refused(folder: Path, copied: Entry) -> None:
    manifest, files = copied.read()
    changed = {name: bytes(files[name][:]) for name in files}
    reference = safetensors.torch.load(changed["reference.safetensors"])
    reference["styled"] *= 0.9
    changed["reference.safetensors"] = safetensors.torch.save(reference)
    cache = Cache(copied.folder.parent)
    with cache.building(manifest.spec) as building:
        for name, content in changed.items():
            (building / name).write_bytes(content)
        entry = cache.finish(building, manifest)
    model = stored_model(_config(folder), _silent)
    with pytest.raises(EngineError, match="does not agree with PyTorch: cosine .*--engine torch"):
        open_engine(entry, model)


@pytest.mark.slow
def test_a_lora_is_in_the_engine_and_in_its_key(folder: Path, root: Path, tmp_path: Path) -> None:
    import diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    torch.manual_seed(3)
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    unet.add_adapter(LoraConfig(r=4, lora_alpha=8, target_modules=targets, init_lora_weights=False))
    layers = get_peft_model_state_dict(unet)
    diffusers.StableDiffusionXLPipeline.save_lora_weights(tmp_path / "l", unet_lora_layers=layers)
    (file,) = (tmp_path / "l").iterdir()
    lora = f"{file}:2.5"
    _built(root, folder, "--engine", "openvino", "--precision", "fp32", "--lora", lora)
    plain = _opened(folder)
    assert plain.engine.startswith("torch")
    with_lora = _opened(folder, lora=(lora,))
    assert with_lora.engine.startswith("openvino")
    by_torch = _pictures(_opened(folder, lora=(lora,), engine="torch"))
    without = _pictures(plain)
    for ours, theirs, bare in zip(_pictures(with_lora), by_torch, without, strict=True):
        assert _psnr(ours, theirs) > 40
        assert _psnr(ours, bare) < 40


@pytest.fixture(scope="module")
def inductor(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Entry, dict[str, Any]]:
    """A model, its engine of Inductor and the build's report; a C++ compiler runs for minutes."""
    folder = save_pipeline(tmp_path_factory.mktemp("model"), "sdxl", "pico")
    root = tmp_path_factory.mktemp("cache") / "engines"
    return folder, *_built(root, folder, "--engine", "torch-compiled", timeout=600)


@pytest.mark.timeout(700)
@pytest.mark.slow
def test_inductor_builds(inductor: tuple[Path, Entry, dict[str, Any]]) -> None:
    _, entry, report = inductor
    assert report["try_out"]["psnr_db"] > 60
    assert set(entry.read()[1]) == {"artifacts.bin", "reference.safetensors"}
    root = entry.folder.parent
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == [entry.key]


@pytest.mark.timeout(1300)
@pytest.mark.slow
def test_inductor_gives_the_picture_of_pytorch(
    inductor: tuple[Path, Entry, dict[str, Any]], tmp_path: Path
) -> None:
    folder, entry, _ = inductor
    # in a process of its own: nothing is compiled on loading (that is refused) nor by the frames
    code = (
        "import sys; from livestyle.commands import main\n"
        "from torch._dynamo.utils import counters\n"
        "code = main(sys.argv[1:]); graphs = counters['stats']['unique_graphs']\n"
        "print(graphs, counters['inductor']['fxgraph_cache_miss'], file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "stylize", "docs/before-after.jpg"]
    pictures, compiled = [], {}
    for engine in ("torch", "torch-compiled"):
        file = tmp_path / f"{engine}.png"
        done = subprocess.run(
            [*command, str(file), "--stylizer", "turbo", "--model", str(folder), "--json",
             "--size", "256x256", "--engine", engine],
            env={**os.environ, "LIVESTYLE_ENGINES": str(entry.folder.parent)},
            cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["stylizer"]["engine"].startswith(f"{engine} cpu")
        compiled[engine] = done.stderr.split()[-2:]
        pictures.append(cv2.imread(str(file)))
    assert _psnr(*pictures) > 40
    assert compiled["torch"] == ["0", "0"]
    graphs, missed = map(int, compiled["torch-compiled"])
    assert 4 <= graphs <= 6 and missed == 0  # of 9 parts


# what is built beside a run


@contextlib.contextmanager
def _running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """livestyle, and what it says; a test that fails leaves none behind."""
    command = [sys.executable, "-m", "livestyle", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process, process.stderr
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_engine_is_built_beside_a_run_and_takes_over(
    folder: Path, root: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    command = ["run", "--source", "testcard", "--sink", "null", "--stylizer", "turbo"]
    command += ["--model", str(folder), "--size", "256x256", "--output-size", "256x256"]
    command += ["--fps", "10", "--build", "background", "--report", str(report)]
    said = []
    with _running(*command) as (process, lines):
        for line in lines:
            said.append(line)
            if line.startswith("engine openvino"):
                process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    text = "".join(said)
    assert "engine torch cpu fp32, chosen by auto: no other is built for" in text
    assert re.search(r"· building an engine: \w+ \d+% ·", text)
    figures = json.loads(report.read_text())
    assert figures["stylizer"]["engine"].startswith("openvino")
    assert (figures["stylizer"]["building"], figures["worker_restarts"]) == ("", 0)
    assert figures["stylizer"]["frames"] > 20  # frames went on meanwhile
    (entry,) = Cache(root).entries()
    entry.read()


def test_a_build_under_way_is_cleaned_up_when_the_run_ends(
    folder: Path, root: Path, no_child_stays: None
) -> None:
    command = ["run", "--source", "testcard", "--sink", "null", "--stylizer", "turbo", "--fps", "9"]
    command += ["--model", str(folder), "--size", "256x256", "--build", "background"]
    command += ["--engine", "openvino"]  # and until then PyTorch
    with _running(*command) as (process, lines):
        while not _building(root):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said = lines.read()
        assert process.wait(60) == 130
    assert "engine torch cpu fp32: engine openvino is being built" in said
    assert _building(root) == []


def test_a_successor_has_the_look_and_the_memory_of_what_was_before(
    folder: Path, copied: Entry
) -> None:
    """By the worker's own pipeline: PyTorch first, then the engine, as after a build."""
    config = dataclasses.replace(_config(folder, engine="torch"), source="testcard", fps=10)
    changed = dataclasses.replace(LOOK, prompt="winter", strength=0.9, seed=8)
    with (
        Slot(SIZE[0] * SIZE[1] * 3 // 2) as slot,
        running_studio(Change(0, config), SIZE, Slots(slot), _silent) as studio,
    ):
        pipeline = studio._pipeline
        first = weakref.ref(pipeline._ladder.stylizer)
        network = weakref.ref(pipeline._ladder.stylizer._model.networks.denoiser.run)  # type: ignore[attr-defined]
        wanted = with_look(dataclasses.replace(config, engine="openvino"), changed)
        studio.change(Change(1, with_look(config, changed)))
        pipeline.swap(run_aside(lambda: open_turbo(wanted, Canvas(SIZE, "fit"), _silent), "load"))
        deadline = time.monotonic() + 20
        while first() or network():
            assert time.monotonic() < deadline, "what was before is still in memory"
            time.sleep(0.1)
        assert pipeline.progress().engine.startswith("openvino")
        assert pipeline._ladder.stylizer._look == changed  # type: ignore[attr-defined]
    assert pipeline.failure is None


def test_why_no_engine_is_built_is_said_and_the_run_goes_on(
    folder: Path, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVESTYLE_ENGINES", str(small_disk / "engines"))
    report = tmp_path / "report.json"
    command = ["run", "--source", "testcard", "--sink", "null", "--stylizer", "turbo", "--fps", "9"]
    command += ["--model", str(folder), "--size", "256x256", "--build", "background"]
    command += ["--report", str(report)]
    why = "no engine is built: the build needs 1.5 GiB on the disk of"
    said = []
    with _running(*command) as (process, lines):
        for line in lines:
            said.append(line)
            if sum(why in each for each in said) == 2:  # it is said again every 5 s
                process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, said
    stylizer = json.loads(report.read_text())["stylizer"]
    assert stylizer["building"].startswith(why)
    assert stylizer["frames"] > 5


def test_nothing_is_built_for_torch(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--stylizer", "turbo", "--model", str(folder), "--source", "testcard"]
    assert main([*command, "--build", "background", "--engine", "torch"]) == 2
    assert "makes no engine for --engine torch" in capsys.readouterr().err


# what dies


def _start_build(folder: Path, root: Path, *flags: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "livestyle", "build", "sdxl-turbo", "--model", str(folder)]
    return subprocess.Popen(
        [*command, "--size", "256x256", "--engine", "openvino", "--precision", "fp32", *flags],
        env={**os.environ, "LIVESTYLE_ENGINES": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def no_child_stays(root: Path) -> Iterator[None]:
    """What a build started must not outlive it by more than a moment."""
    yield
    deadline = time.monotonic() + 10
    while left := [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("LIVESTYLE_ENGINES") == str(root)
    ]:
        if time.monotonic() > deadline:
            raise AssertionError(f"left: {left}")
        time.sleep(0.1)


def _building(root: Path) -> list[Path]:
    return list(root.glob("*.building")) if root.exists() else []


def test_ctrl_c_leaves_nothing_behind(folder: Path, root: Path, no_child_stays: None) -> None:
    process = _start_build(folder, root)
    while not (folders := _building(root)) or not list(folders[0].glob("*.onnx")):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert _building(root) == [] and Cache(root).entries() == []


@pytest.mark.timeout(1800)
@pytest.mark.slow
def test_a_build_killed_at_any_moment_leaves_the_cache_right(
    folder: Path, openvino_build: tuple[Path, float], root: Path, no_child_stays: None
) -> None:
    """Once in every fifth of a build; whatever is found afterwards is whole, and the next build
    works."""
    built, whole = openvino_build
    (wanted,) = Cache(built).entries()
    chance = random.Random(8)
    for fifth in range(5):
        process = _start_build(folder, root)
        try:
            process.communicate(timeout=(fifth + chance.random()) / 5 * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        for entry in Cache(root).entries():
            assert entry.key == wanted.key
            entry.read()
    process = _start_build(folder, root)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert _building(root) == []
    (entry,) = Cache(root).entries()
    entry.read()
    with _opened(folder) as turbo:
        pass
    assert turbo.engine.startswith("openvino")
