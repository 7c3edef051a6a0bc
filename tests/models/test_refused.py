"""What the system or the way to the hub refuses is told for what it is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from random_pipelines import save_pipeline

from livestyle.commands import main
from livestyle.errors import ModelError
from livestyle.models.fetch import reported
from livestyle.models.folder import ModelFolder, check_weights, weight_files
from livestyle.models.lora import check_lora
from livestyle.models.plan import parse_lora
from livestyle.sources.testcard import draw

SECRET = "user:s3cret@"
NOBODY = 65534
VARIABLES = [f"{name}_proxy" for name in ("http", "https", "all", "no")]


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has these alone in the environment; there is no socksio."""
    monkeypatch.setitem(sys.modules, "socksio", None)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def use(**given: str) -> None:
        for name, value in given.items():
            monkeypatch.setenv(name, value)

    return use


@pytest.mark.parametrize(
    "case",
    [
        ("ALL_PROXY", f"socks5://{SECRET}127.0.0.1:9", "pip install socksio"),
        ("HTTPS_PROXY", "socks5h://127.0.0.1:9", "HTTPS_PROXY names a SOCKS proxy"),
        ("http_proxy", "socks5://127.0.0.1", "HTTP_PROXY names a SOCKS proxy"),
        ("HTTPS_PROXY", "foo://127.0.0.1:9", "HTTPS_PROXY names no proxy that can be used"),
        ("ALL_PROXY", "socks4://127.0.0.1:9", "ALL_PROXY names no proxy that can be used"),
        ("HTTPS_PROXY", f"http://{SECRET}127.0.0.1:x", "HTTPS_PROXY names no proxy"),
        ("HTTPS_PROXY", "http://127.0.0.1:99999", "HTTPS_PROXY names no proxy"),
        ("HTTPS_PROXY", "http://[::1", "HTTPS_PROXY names no proxy"),
        ("all_proxy", "http://", "ALL_PROXY names no proxy"),
        ("HTTPS_PROXY", f"http://{SECRET}127.0.0.1:9", "the proxy 127.0.0.1 of HTTPS_PROXY does"),
        ("ALL_PROXY", "127.0.0.1:9", "of ALL_PROXY does not answer (Connection refused)"),
    ],
)
def test_a_proxy_that_can_t_be_used_is_named(
    proxies: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    case: tuple[str, str, str],
) -> None:
    name, value, why = case
    proxies(XDG_CACHE_HOME=str(tmp_path), **{name: value})
    cv2.imwrite(str(tmp_path / "in.png"), draw(1, (64, 64))[:, :, :3])
    command = ["stylize", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--stylizer"]
    assert main([*command, "turbo", "--model", "someone/some-model"]) == 1
    told = capsys.readouterr().err
    (line,) = told.splitlines()
    assert line.startswith("livestyle: someone/some-model is not on this disk") and why in line
    assert "s3cret" not in told


def test_nothing_is_asked_where_the_hub_s_client_is_to_stay_offline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hub:
        endpoint = f"http://127.0.0.1:{hub.getsockname()[1]}"
        monkeypatch.setattr("livestyle.models.fetch.constants.ENDPOINT", endpoint)
        monkeypatch.setattr("livestyle.models.fetch.constants.HF_HUB_OFFLINE", True)
        hub.settimeout(0.2)
        with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"), reported("a/b"):
            pass
        with pytest.raises(TimeoutError):
            hub.accept()


@pytest.mark.parametrize(
    "told",
    [
        [],
        {"x": {"dtype": "F32", "shape": [2, None], "data_offsets": [0, 8]}},
        {"x": {"dtype": "F32", "shape": [2, 1000.0], "data_offsets": [0, 8]}},
        {"x": {"dtype": "F32", "shape": [{}, 2], "data_offsets": [0, 8]}},
        {"x": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}},
        {"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"x": {"dtype": 7, "shape": [1], "data_offsets": [0, 4]}},
        {"x": {"dtype": "F32", "shape": [1], "data_offsets": "zz"}},
        {"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}},
        {"x": {"dtype": "F32", "shape": [1]}},
        {"x": 3},
    ],
    ids=str,
)
def test_a_header_that_tells_of_no_tensors_is_named(told: object, tmp_path: Path) -> None:
    header = json.dumps(told).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(ModelError, match="is damaged .its header is no table of tensors"):
        check_lora(tmp_path / "x.safetensors")


def test_a_proxy_that_is_not_for_the_hub_is_not_asked(
    proxies: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hub:
        endpoint = f"http://127.0.0.1:{hub.getsockname()[1]}"
        monkeypatch.setattr("livestyle.models.fetch.constants.ENDPOINT", endpoint)
        proxies(HTTPS_PROXY="http://127.0.0.1:9")
        with reported("someone/some-model"):
            pass
        proxies(ALL_PROXY="http://127.0.0.1:9")
        with pytest.raises(ModelError, match="of ALL_PROXY"), reported("someone/some-model"):
            pass
        proxies(NO_PROXY="127.0.0.1")
        with reported("someone/some-model"):
            pass
        proxies(ALL_PROXY=endpoint, NO_PROXY="")
        with reported("someone/some-model"):
            pass


@pytest.fixture(scope="module")
def model() -> Iterator[Path]:
    """Where others may look, too."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield save_pipeline(Path(folder) / "m", shape="pico")


@contextlib.contextmanager
def _as_nobody() -> Iterator[None]:
    """Root reads everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no users as Unix has")
@pytest.mark.parametrize(
    "closed",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "unet/config.json",
        "model_index.json",
        "unet",
        ".",
    ],
)
def test_what_may_not_be_read_is_not_called_damaged(model: Path, closed: str) -> None:
    folder = shutil.copytree(model, model.parent / "closed")
    try:
        (folder / closed).chmod(0)
        with _as_nobody(), pytest.raises(ModelError, match="^cannot read .*Permission denied") as e:
            ModelFolder(folder)
        assert "damaged" not in str(e.value) and "\n" not in str(e.value)
    finally:
        for path in (folder, folder / "unet"):
            path.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no users as Unix has")
@pytest.mark.parametrize("check", [check_weights, check_lora, lambda file: parse_lora(str(file))])
def test_a_file_in_a_closed_folder_is_not_called_missing(
    model: Path, check: Callable[[Path], object]
) -> None:
    folder = model.parent / "shut"
    folder.mkdir()
    (folder / "x.safetensors").write_bytes(b"x")
    folder.chmod(0)
    try:
        with _as_nobody(), pytest.raises(ModelError, match="Permission denied"):
            check(folder / "x.safetensors")
        with _as_nobody(), pytest.raises(ModelError, match="Permission denied"):
            weight_files(folder)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
