"""Nothing is sent anywhere, and nothing is left but in folders of livestyle's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
_LIVESTYLE = [sys.executable, "-m", "livestyle"]
_IN_ORT = """
import livestyle, numpy as np, onnx, onnxruntime
from onnx import helper
value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", value[:1], value[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
where = ["CPUExecutionProvider"]
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=where)
assert session.run(None, {"x": np.ones(1, np.float32)})[0] == 1
"""
_IN_OPENVINO = """
import livestyle, numpy as np, openvino as ov
from openvino import opset13 as ops
x = ops.parameter([1], ov.Type.f32)
assert ov.Core().compile_model(ov.Model([ops.relu(x)], [x]), "CPU")(np.ones(1, np.float32))[0] == 1
try:
    ov.convert_model("none.onnx")
except Exception as error:
    assert "none.onnx" in str(error)
"""


_TRACE = [
    *("strace", "-f", "-q", "-s", "256", "-o", "trace"),
    *("-e", "trace=connect,sendto,sendmsg,sendmmsg"),
]
_traced = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def _going_out(trace: Path) -> list[str]:
    """Calls that reach for another machine, or look up a name."""
    return [
        call
        for call in trace.read_text().splitlines()
        if ("AF_INET" in call and "127.0.0.1" not in call)
        or re.search(r"\\[0-7]+(com|net|org|io)\\0", call)
    ]


@_traced
@pytest.mark.parametrize("name", ["www.example.com", "metrics.of-a-rather-long-name.example.net"])
def test_a_name_that_is_looked_up_is_seen(name: str, tmp_path: Path) -> None:
    code = f"import socket; socket.getaddrinfo({name!r}, 443)"
    subprocess.run([*_TRACE, sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.DEVNULL)
    assert _going_out(tmp_path / "trace")


@_traced
@pytest.mark.parametrize(
    "command",
    [
        [*_LIVESTYLE, "stylize", "picture.png", "wave.png", "--style", "wave"],
        [*_LIVESTYLE, "run", "--source", "testcard", "--sink", "null", "--seconds", "6"],
        [*_LIVESTYLE, "doctor"],
        [*_LIVESTYLE, "styles"],
        [sys.executable, "-c", _IN_ORT],
        [sys.executable, "-c", _IN_OPENVINO],
    ],
    ids=["stylize", "run", "doctor", "styles", "onnxruntime", "openvino"],
)
def test_nothing_is_looked_up_sent_or_left(command: list[str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    cv2.imwrite(str(tmp_path / "picture.png"), np.full((72, 128, 3), 90, np.uint8))
    bare = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        _TRACE + command, cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=120
    )
    if command[-1] != "doctor":  # which says so where something lacks
        assert done.returncode == 0, done.stderr
    assert not _going_out(tmp_path / "trace")
    left = {file.relative_to(home) for file in home.rglob("*") if file.is_file()}
    assert not [file for file in left if "livestyle" not in file.parts]
