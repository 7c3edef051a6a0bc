"""The Python API: pictures in and out, what is refused, and the lines of docs as they stand."""

import ast
import inspect
import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from random_pipelines import save_pipeline

import livestyle
from livestyle import errors
from livestyle.sources.testcard import draw

ROOT = Path(__file__).parents[1]
SIZE = (256, 256)


def _picture(width: int, height: int) -> np.ndarray:
    return np.ascontiguousarray(draw(7, (width, height))[..., 2::-1])


def test_what_docs_show_runs(tmp_path: Path) -> None:
    (code,) = re.findall("```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.DOTALL)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "shown.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "shown.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.removesuffix(" unique fps\n")) > 0
    assert "output: null" in done.stderr
    before, styled = (
        cv2.imread(str(tmp_path / name)) for name in ("docs/before-after.jpg", "styled.png")
    )
    assert before is not None and styled is not None and styled.shape == before.shape
    assert 10 < np.abs(styled.astype(int) - before).mean() < 120


@pytest.mark.parametrize("size", [(1280, 720), (301, 299), (1, 1), (16, 900), (7, 5)])
def test_any_size_and_memory_of_its_own(size: tuple[int, int]) -> None:
    picture = _picture(*size) if min(size) >= 64 else np.full((size[1], size[0], 3), 90, np.uint8)
    kept = picture.copy()
    with livestyle.open_stylizer("lite", style="udnie", size=(160, 96)) as stylize:
        first = stylize(picture)
        second = stylize(255 - picture)
        again = stylize(picture)
    assert first.shape == picture.shape and first.dtype == np.uint8
    assert not np.shares_memory(first, second)
    assert (first == again).all() and (picture == kept).all()


def test_a_view_in_any_order_is_a_picture() -> None:
    picture = _picture(320, 180)
    with livestyle.open_stylizer("passthrough") as stylize:
        assert (stylize(picture) == picture).all()
        assert (stylize(picture[::-1, ::-1]) == picture[::-1, ::-1]).all()
        assert (stylize(np.asfortranarray(picture)) == picture).all()
        small = stylize(picture[10:51, 20:91])
    assert (small == picture[10:51, 20:91]).all()


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((9, 9, 4), np.uint8), r"shape (9, 9, 4); RGB, (H, W, 3), is expected"),
        (np.zeros((9, 9), np.uint8), "shape (9, 9)"),
        (np.zeros((0, 9, 3), np.uint8), "shape (0, 9, 3)"),
        (np.zeros((9, 9, 3)), "a picture of float64; RGB as a numpy array of uint8"),
        ([[1, 2, 3]], "a picture of list"),
        (None, "a picture of NoneType"),
    ],
)
def test_what_is_no_picture_is_refused(picture: object, said: str) -> None:
    with livestyle.open_stylizer("passthrough") as stylize:
        with pytest.raises(livestyle.PictureError, match=re.escape(said)) as refused:
            stylize(picture)  # type: ignore[arg-type]
        assert isinstance(refused.value, ValueError | livestyle.LivestyleError)
        assert stylize(np.zeros((9, 9, 3), np.uint8)).shape == (9, 9, 3)


def test_what_can_not_be_is_refused() -> None:
    with pytest.raises(livestyle.ConfigError, match="unknown style 'no'; choose from: "):
        livestyle.open_stylizer("lite", style="no")
    with pytest.raises(livestyle.ConfigError, match="unknown key 'styl'; known are: source"):
        livestyle.open_stylizer("lite", styl="wave")
    with pytest.raises(livestyle.ConfigError, match="'magic': choose from: auto, lite, turbo"):
        livestyle.open_stylizer("magic")
    with pytest.raises(livestyle.ConfigError, match="fps 0: a number from 1 to 240"):
        livestyle.run(fps=0)
    with pytest.raises(livestyle.ConfigError, match="sink 'null': a list of texts is expected"):
        livestyle.run(sink="null")
    closed = livestyle.open_stylizer("passthrough")
    with pytest.raises(livestyle.StylizerError, match="not open; use it inside its `with`"):
        closed(np.zeros((9, 9, 3), np.uint8))
    with (
        livestyle.open_stylizer("passthrough") as stylize,
        pytest.raises(livestyle.ConfigError, match="'passthrough' shows the source as it is"),
    ):
        stylize.change(prompt="a cat")


def test_turbo_by_its_settings_and_changed(tmp_path: Path) -> None:
    folder = str(save_pipeline(tmp_path, "sdxl", "pico"))
    picture = _picture(320, 200)

    def styled(**look: object) -> np.ndarray:
        with livestyle.open_stylizer("turbo", model=folder, size=SIZE, **look) as stylize:
            return stylize(picture)

    wanted = styled(prompt="a dog", strength=0.4, seed=9)
    before = styled(prompt="a cat", strength=0.8, seed=2)
    assert (wanted != before).any()
    with livestyle.open_stylizer(
        "turbo", model=folder, prompt="a cat", strength=0.8, seed=2, size="256x256", engine="torch"
    ) as stylize:
        assert (stylize(picture) == before).all()
        stylize.change(prompt="a dog", strength=0.4, seed=9)
        assert (stylize(picture) == wanted).all()
        with pytest.raises(livestyle.ConfigError, match="strength 2: a number from 0.001 to 1"):
            stylize.change(strength=2)
        with pytest.raises(livestyle.ConfigError, match="'model' can't change while running"):
            stylize.change(model="x")
        assert (stylize(picture) == wanted).all()
        assert stylize(picture[:131, :77]).shape == (131, 77, 3)


def test_turbo_takes_the_shape_of_the_picture(tmp_path: Path) -> None:
    folder = str(save_pipeline(tmp_path, "sdxl", "pico"))
    with livestyle.open_stylizer("turbo", model=folder) as stylize:
        inside = []
        for width, height in ((512, 512), (320, 640)):
            stylize(_picture(width, height))
            opened = stylize._stylizer
            assert opened is not None
            inside.append(opened.size)
    assert inside == [(512, 512), (320, 640)]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, livestyle.StylizerError])
def test_a_change_of_size_that_fails_leaves_what_was(
    failure: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    from livestyle.stylizers import lite

    picture, other = _picture(320, 180), _picture(200, 400)
    with livestyle.open_stylizer("lite", style="wave") as stylize:
        before = stylize(picture)

        def fail(*_: object) -> None:
            raise failure

        with monkeypatch.context() as patched:
            patched.setattr(lite, "compile_network", fail)
            with pytest.raises(failure):
                stylize(other)
        assert (stylize(picture) == before).all()
        assert stylize(other).shape == other.shape


def test_turbo_that_lacks_memory_for_a_size_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from livestyle.stylizers import turbo

    folder = str(save_pipeline(tmp_path, "sdxl", "pico"))
    picture = _picture(256, 256)
    with livestyle.open_stylizer("turbo", model=folder, output_size=SIZE) as stylize:
        before = stylize(picture)

        def fail(*_: object) -> None:
            raise torch.OutOfMemoryError

        with monkeypatch.context() as patched:
            patched.setattr(turbo, "Program", fail)
            with pytest.raises(livestyle.StylizerError, match="memory does not hold .* at 512x256"):
                stylize(_picture(512, 256))
        assert (stylize(picture) == before).all()


def test_opened_once_closed_once_and_on_one_thread() -> None:
    opened = livestyle.open_stylizer("passthrough")
    with opened as stylize:
        with pytest.raises(livestyle.StylizerError, match="open already"):
            opened.__enter__()
        failures: list[BaseException] = []

        def elsewhere() -> None:
            try:
                stylize(_picture(64, 64))
            except livestyle.StylizerError as error:
                failures.append(error)

        thread = threading.Thread(target=elsewhere, daemon=True)
        thread.start()
        thread.join(20)
        assert "on the thread that opened it" in str(failures[0])
        stylize(_picture(64, 64))
    with pytest.raises(KeyError), opened:  # again, and the body's own error comes out
        opened.__exit__()
        raise KeyError
    with opened as stylize:
        stylize(_picture(64, 64))
    again = livestyle.open_stylizer("lite", style="noir")
    for size in ((64, 64), (1280, 720)):  # as many as are expected, after others
        with again as stylize:
            assert stylize(_picture(*size)).shape == (size[1], size[0], 3)


def test_an_engine_is_used_where_the_size_is_known(tmp_path: Path) -> None:
    folder = str(save_pipeline(tmp_path, "sdxl", "pico"))
    with pytest.raises(livestyle.ConfigError, match="'openvino' is made for one size; give size"):
        livestyle.open_stylizer("turbo", model=folder, engine="openvino")
    with (
        pytest.raises(livestyle.MissingEngine),
        livestyle.open_stylizer("turbo", model=Path(folder), engine="openvino", size=SIZE),
    ):
        pass


def test_what_does_not_concern_a_stylizer_is_refused() -> None:
    with pytest.raises(livestyle.ConfigError, match="'fps', 'sink' does not concern a stylizer"):
        livestyle.open_stylizer("lite", sink=["web"], fps=5)
    with livestyle.open_stylizer("passthrough", style=None, size=None):
        pass


GUARDED = """
import livestyle
if __name__ == "__main__":
    print(livestyle.run(source="testcard", stylizer="passthrough", sink=["null"], {}))
"""


def _script(folder: Path, text: str, **options: Any) -> "subprocess.Popen[str]":
    (folder / "script.py").write_text(text)
    return subprocess.Popen(
        [sys.executable, "script.py"], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


STATE = """
import gc, sys
state = lambda: (gc.get_freeze_count(), sys.getswitchinterval())
"""


def test_a_run_writes_its_report_and_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    text = STATE + GUARDED.format("seconds=1, report='r.json'")
    process = _script(tmp_path, text + "    print(state())\n")
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert json.loads((tmp_path / "r.json").read_text())["output"]["frames"] == 30
    assert out.splitlines()[-1] == "(0, 0.005)"
    with pytest.raises(livestyle.ConfigError, match="its folder does not exist"):
        livestyle.run(report=str(tmp_path / "no" / "r.json"), sink=["null"])


def test_ctrl_c_ends_a_run_with_its_report(tmp_path: Path) -> None:
    process = _script(tmp_path, GUARDED.format(""))
    assert process.stderr is not None
    assert any("output: null" in line for line in process.stderr)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert ast.literal_eval(out)["output"]["frames"] > 0


def test_a_script_without_its_guard_is_told(tmp_path: Path) -> None:
    text = GUARDED.replace('if __name__ == "__main__":\n    ', "").format("")
    process = _script(tmp_path, text)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'does so under if __name__ == "__main__":' in said.splitlines()[-1]


def test_the_names_are_all_there_and_typed() -> None:
    assert set(livestyle.__all__) <= set(dir(livestyle))
    for name in livestyle.__all__:
        assert getattr(livestyle, name) is not None
    kinds = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, livestyle.LivestyleError)
    }
    assert len(kinds) > 9 and kinds <= set(livestyle.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = livestyle.nothing  # type: ignore[attr-defined]
    assert (ROOT / "livestyle" / "py.typed").exists()


def test_a_user_s_own_settings_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "livestyle").mkdir()
    (tmp_path / "livestyle" / "settings.toml").write_text("no such thing")
    with livestyle.open_stylizer("passthrough") as stylize:
        stylize(_picture(64, 64))
