"""The first run on a GPU machine, rehearsed on the CPU: from the tree alone, at nano size."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from bare_machine import BareMachine
from random_pipelines import save_pipeline
from steps import unpack

ENTRY = "tools/gpu/first_run.py"
LEVERS = "torch-compiled+tune-gemm+whole-transformers+no-split-reductions"
FP8 = "torch-compiled+fp8+whole-transformers+no-fast-accumulation"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> BareMachine:
    return BareMachine(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"), "sdxl", "pico")


def _unpacked(archive: Path, folder: Path) -> dict[str, Any]:
    """Its JSON files, each as what it holds; the archive must be whole."""
    unpack(archive, folder)
    return {file.stem: json.loads(file.read_text()) for file in folder.rglob("*.json")}


@pytest.mark.timeout(1800)
@pytest.mark.slow
def test_all_of_it(machine: BareMachine, model: Path, tmp_path: Path) -> None:
    command = ["python", ENTRY, str(tmp_path), "1700", "--model", str(model)]
    command += ["--peer", LEVERS, "--peer", FP8]
    done = machine.run(command, 1750)
    assert done.returncode == 0, done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.tgz"]
    found = _unpacked(tmp_path / "results.tgz", tmp_path / "unpacked")
    names = ["machine", "frames", "micro"]
    assert [step["name"] for step in found["steps"]] == names
    assert {step["ended"] for step in found["steps"]} == {"done"}
    contestants = found["frames"]["contestants"]
    assert list(contestants) == ["livestyle", LEVERS, FP8]
    exact, fp8 = contestants[LEVERS], contestants[FP8]
    assert exact["agreement"]["error"] < 2e-3  # of PyTorch in float32, with all levers at once
    assert (exact["precision"], fp8["precision"]) == ("fp32", "fp8")
    assert 1e-3 < fp8["agreement"]["error"] < 0.5 and fp8["agreement"]["cosine"] > 0.98
    for compiled in (exact, fp8):
        assert compiled["still_is_still"] is True
        assert compiled["engine"].startswith("torch-compiled")
    assert set(found["micro"]) > {"ceilings", "products", "convolutions", "attention", "host"}
    assert not [group for group in found["micro"].values() if "error" in group]
    files = {path.name for path in (tmp_path / "unpacked").rglob("*")}
    assert {"frames.png", "frames.plot.png", "machine.txt"} <= files


@pytest.mark.timeout(400)
def test_a_step_that_is_killed_costs_that_step_alone(
    machine: BareMachine, model: Path, tmp_path: Path
) -> None:
    killed = []
    with subprocess.Popen(
        [machine.python, ENTRY, str(tmp_path), "300", "--model", str(model)],
        cwd=machine.tree, env=machine.environment, stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while process.poll() is None:
            for child in psutil.Process(process.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if "bench" in child.cmdline() and child.pid not in killed:
                        child.kill()
                        killed.append(child.pid)
            time.sleep(0.02)
    assert process.returncode == 1
    steps = _unpacked(tmp_path / "results.tgz", tmp_path / "unpacked")["steps"]
    ended = {step["name"]: (step["ended"], step["code"]) for step in steps}
    assert ended == {
        "machine": ("done", 0),
        "frames": ("failed", -9),
        "micro": ("done", 0),
    }
