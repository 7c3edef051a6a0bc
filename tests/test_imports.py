"""What may load what: start-up stays quick, and the camera's process free of GPU libraries."""

import subprocess
import sys

import pytest

HEAVY = {"numpy", "cv2", "mss", "torch", "openvino", "av", "rich", "starlette", "pyvirtualcam"}


def _loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.splitlines()[-1].split())  # the program speaks before that


@pytest.mark.parametrize(
    "code",
    [
        "import livestyle.commands",
        "try: main(['--help'])\nexcept SystemExit: pass",
        "try: main(['run', '--help'])\nexcept SystemExit: pass",
        "main(['run', '--print-config'])",
        "main(['styles'])",
    ],
)
def test_light_commands_load_nothing_heavy(code: str) -> None:
    assert _loaded(f"from livestyle.commands import main\n{code}") & HEAVY == set()


def test_front_loads_neither_torch_nor_openvino() -> None:
    loaded = _loaded(
        "from livestyle.commands import main\n"
        "if __name__ == '__main__':\n"
        "    assert main('run --source testcard --sink null --seconds 2'.split()) == 0\n"
    )
    assert "livestyle.front.front" in loaded and "numpy" in loaded
    assert loaded & {"torch", "openvino", "tensorrt", "diffusers"} == set()


def test_turbo_is_settled_without_torch() -> None:
    loaded = _loaded(
        "from livestyle.config import Config\n"
        "from livestyle.errors import LivestyleError\n"
        "from livestyle.stylizers import settle_stylizer\n"
        "try: settle_stylizer(Config(stylizer='turbo', model='no/such'), print)\n"
        "except LivestyleError: pass\n"
        "settle_stylizer(Config(), print)\n"
    )
    assert "livestyle.stylizers.settle" in loaded
    assert loaded & {"torch", "transformers", "diffusers"} == set()
