"""The wheel: complete, and working in an environment of its own outside the checkout."""

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from setuptools.config.setupcfg import read_configuration

ROOT = Path(__file__).parent.parent


def _call(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_package_is_listed() -> None:
    listed = set(read_configuration(ROOT / "setup.cfg")["options"]["packages"])
    found = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for file in (ROOT / "livestyle").rglob("__init__.py")
    }
    assert listed == found | {"livestyle.recipes"}


@pytest.mark.timeout(600)
def test_a_checkout_is_found_from_the_folder_that_it_lies_in(tmp_path: Path) -> None:
    """Where it is named as the package is, Python could take the folder for the package."""
    packaged = ["livestyle", "engines", "*.toml", "setup.cfg", "README.md", "LICENSE"]
    tracked = _call("git", "ls-files", *packaged, cwd=ROOT)
    for name in tracked.splitlines():
        copy = tmp_path / "livestyle" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
    venv.create(tmp_path / "venv", with_pip=True)
    pip = [tmp_path / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    _call(*pip, "--no-deps", "-e", "livestyle", cwd=tmp_path)
    code = "import livestyle.recipe; print(livestyle.__file__, livestyle.recipe._bundled())"
    found = _call(tmp_path / "venv/bin/python", "-c", code, cwd=tmp_path).split()
    checkout = tmp_path / "livestyle"
    assert list(map(Path, found)) == [checkout / "livestyle" / "__init__.py", checkout / "engines"]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a virtual environment into which only the wheel was installed."""
    folder = tmp_path_factory.mktemp("clean")
    _call(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", ROOT, cwd=folder)
    (wheel,) = (folder / "dist").iterdir()
    venv.create(folder / "venv", with_pip=True)
    pip = [folder / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    _call(*pip, wheel, "-c", ROOT / "tests/constraints.txt", cwd=folder)
    return folder


@pytest.mark.timeout(900)
def test_installed_wheel_runs(clean: Path) -> None:
    livestyle = clean / "venv/bin/livestyle"
    styles = json.loads(_call(livestyle, "styles", "--json", cwd=clean))
    assert {"wave", "starry_night", "udnie"} <= {style["name"] for style in styles}
    networks = [Path(style["network"]) for style in styles if style.get("network")]
    assert networks and all(network.is_relative_to(clean) for network in networks)
    assert {"oil_painting", "anime"} <= {style["name"] for style in styles}
    turbo = [livestyle, "run", "--stylizer", "turbo", "--sink", "null"]
    refused = subprocess.run(turbo, cwd=clean, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    _, _, hint = refused.stderr.partition("torch is not installed; run: ")
    pasted = hint.partition(" (about ")[0]
    assert pasted.startswith("venv/bin/pip install 'livestyle[turbo] @ file:///")
    _call("sh", "-c", f"{pasted} --dry-run --no-deps", cwd=clean)
    assert {"comic", "ink"} <= {style["name"] for style in styles}
    arguments = "run --source testcard --sink null --sink web --port 0 --seconds 10 --report r.json"
    _call(livestyle, *arguments.split(), "--style", "wave", cwd=clean)
    report = json.loads((clean / "r.json").read_text())
    assert report["stylizer"]["engine"] == "openvino"
    assert report["output"]["unique"] > 0
    assert report["output"]["frames"] == 300
    assert (next((clean / "venv").rglob("site-packages/livestyle")) / "py.typed").exists()
    code = "import livestyle, numpy; s = livestyle.open_stylizer('lite'); s.__enter__(); "
    code += "print(s(numpy.zeros((90, 160, 3), numpy.uint8)).shape)"
    assert _call(clean / "venv/bin/python", "-c", code, cwd=clean).strip() == "(90, 160, 3)"
    recipe = "from livestyle.recipe import *; print(load_recipe('lite', Recipe).size)"
    assert _call(clean / "venv/bin/python", "-c", recipe, cwd=clean).strip() == "(640, 360)"
