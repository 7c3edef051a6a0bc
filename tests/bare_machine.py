"""A machine where livestyle is not installed: for what is to run from the tree alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LACKING = ("av", "mss", "openvino", "starlette", "uvicorn", "websockets")


class BareMachine:
    """A copy of the tree and a Python that finds torch and its like, but no livestyle, in `folder`.

    The tests' packages are on its path by a .pth file: their own .pth files, by which livestyle is
    installed for development, are not looked at there.
    """

    def __init__(self, folder: Path, lacking: Sequence[str] = LACKING) -> None:
        """lacking: packages that can't be imported there."""
        self.tree = folder / "tree"
        kept_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "tests", "docs")
        shutil.copytree(ROOT, self.tree, ignore=kept_out)
        venv = folder / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        self.python = venv / "bin" / "python"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        site = venv / "lib" / version / "site-packages"
        (site / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
        for package in lacking:
            (site / f"{package}.py").write_text(f"raise ImportError('{package} is not here')\n")
        self.environment = {
            "PATH": f"{self.python.parent}:{os.defpath}",
            "HOME": str(folder),
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",  # threads that wait for each other are slow on a busy machine
        }
        found = self.run(["python", "-c", "import livestyle"], 60, cwd=folder)
        assert "No module named 'livestyle'" in found.stdout, found.stdout

    def run(
        self, command: list[str], seconds: float, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run in the tree's root; its stdout and stderr are in `stdout`."""
        return subprocess.run(
            [str(self.python) if command[0] == "python" else command[0], *command[1:]],
            cwd=cwd or self.tree,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
