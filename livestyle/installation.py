"""How livestyle came to be here, and so the commands that do here what they say as they are pasted.

A checkout, a virtual environment of pip's or uv's, pipx and `uv tool` each take another.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

NAME = "livestyle"
# Measured for PyTorch 2.13 without CUDA on Linux; what comes with CUDA could not be installed.
_WITH_TORCH = ("turbo", "train", "build")
_SIZE = (
    " (about 1 GB on the disk, and several more with PyTorch's CUDA build, which Linux gets unless "
    "its CPU build is there: install that before where there is no NVIDIA GPU, as pytorch.org says)"
)


def adding(extra: str) -> str:
    """The command that adds an extra to this installation; and where it is large, how large."""
    return f"run: {_install(_requirement(extra))}{_SIZE * (extra in _WITH_TORCH)}"


def adding_package(*words: str) -> str:
    """The command that installs packages beside livestyle. words: as pip takes them."""
    if _is_pipx():
        return _shell(["pipx", "runpip", NAME, "install", *words])
    return _shell([*_installing(), *words])


def command(words: str) -> str:
    """This installation's command. words: what follows `livestyle`, as in a shell."""
    script = _script()
    found = shutil.which(NAME)
    if found is not None and Path(found).resolve() == script.resolve():
        return f"{NAME} {words}"
    called = [_shown(script)] if script.is_file() else [_shown(Path(sys.executable)), "-m", NAME]
    return f"{_shell(called)} {words}"


def words_of_command(*words: str) -> list[str]:
    """The same with absolute paths, for what starts programs without a shell."""
    script = _script()
    called = [str(script)] if script.is_file() else [sys.executable, "-m", NAME]
    return [*called, *words]


def _script() -> Path:
    scripts, ending = ("Scripts", ".exe") if sys.platform == "win32" else ("bin", "")
    return Path(sys.prefix, scripts, NAME + ending)


def _install(requirement: list[str]) -> str:
    if _is_pipx():
        return _shell(["pipx", "install", "--force", *requirement])
    if Path(sys.prefix, "uv-receipt.toml").is_file():
        return _shell(["uv", "tool", "install", "--force", *requirement])
    return _shell([*_installing(), *requirement])


def _requirement(extra: str) -> list[str]:
    """Where this livestyle came from, with an extra."""
    root = Path(__file__).resolve().parents[1]
    if (root / "setup.cfg").is_file() and (root / NAME / "__init__.py").is_file():
        return ["--editable" if _is_tool() else "-e", f"{_shown(root)}[{extra}]"]
    url, is_folder = _origin()
    if is_folder:
        return [f"{_shown(Path(url))}[{extra}]"]
    return [f"{NAME}[{extra}] @ {url}" if url else f"{NAME}[{extra}]"]


def _origin() -> tuple[str, bool]:
    """What was installed, by direct_url.json (PEP 610): a URL, or the path of a folder; "" where it
    came from an index.
    """
    import importlib.metadata  # it takes as long to load as all else that a command begins with
    import json

    try:
        told = importlib.metadata.distribution(NAME).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        told = None
    if told is None:
        return "", False
    origin = json.loads(told)
    url = str(origin["url"])
    if "dir_info" in origin:
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        return url2pathname(urlsplit(url).path), True
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"{vcs['vcs']}+{url}@{vcs['commit_id']}", False
    return url, False


def _is_pipx() -> bool:
    return Path(sys.prefix, "pipx_metadata.json").is_file()


def _is_tool() -> bool:
    return _is_pipx() or Path(sys.prefix, "uv-receipt.toml").is_file()


def _installing() -> list[str]:
    """What installs packages for this Python: pip, or uv where an environment has none."""
    import importlib.metadata

    python = Path(sys.executable)
    if not any(importlib.metadata.distributions(name="pip")):
        return ["uv", "pip", "install", "--python", _shown(python)]
    pip = python.with_name("pip.exe" if sys.platform == "win32" else "pip")
    return [*([_shown(pip)] if pip.is_file() else [_shown(python), "-m", "pip"]), "install"]


def _shown(path: Path) -> str:
    """As short as it can be pasted here: below the current folder without that."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was removed
        return str(path)
    if path == here:
        return "."
    inside = path.is_relative_to(here) and here != Path(here.anchor)
    return os.path.relpath(path, here) if inside else str(path)


def _shell(words: list[str]) -> str:
    if sys.platform == "win32":
        import subprocess

        return subprocess.list2cmdline(words)
    return shlex.join(words)
