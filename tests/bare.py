"""livestyle as a tree that is not installed, for a Python that has the libraries alone."""

from __future__ import annotations

import os
import shutil
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_NOT = shutil.ignore_patterns("__pycache__", "*.egg-info")


@dataclass(frozen=True)
class Bare:
    """python: its interpreter. tree: a copy of what is developed here."""

    python: Path
    tree: Path

    @property
    def environment(self) -> dict[str, str]:
        """That of a user with no settings at all."""
        home = self.tree.parent / "home"
        home.mkdir(exist_ok=True)
        return {"PATH": os.environ["PATH"], "HOME": str(home)}


def make_bare(folder: Path) -> Bare:
    """In a folder that is there."""
    tree = folder / "tree"
    for name in ("livestyle", "engines", "tools", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=_NOT)
    for name in ("setup.cfg", "README.md"):
        shutil.copy(ROOT / name, tree / name)
    venv.create(folder / "venv", symlinks=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    # the folder alone: what is written there for installed trees, livestyle's too, is not read
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Bare(folder / "venv" / "bin" / "python", tree)
