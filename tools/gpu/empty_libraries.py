"""Put empty libraries where PyTorch's build for CUDA looks for NVIDIA's: it can be imported then.

    ENV/bin/python tools/gpu/empty_libraries.py

For environments without these libraries, which take gigabytes; needs gcc and binutils. Whatever is
called in them says that there is no device.
"""

from __future__ import annotations

import re
import subprocess
import sysconfig
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

_NEEDED = re.compile(r"NEEDED.*\[(lib(?:cu|nv|nccl).*)\]")
_UNVERSIONED = re.compile(r"(cu|nccl)[A-Za-z]+")  # names of functions
_HOLDER = "libnccl.so.2"  # has those of all libraries without versions: any that is loaded will do
_NVSHMEM = {"NVSHMEM": "libnvshmem_host.so.3"}  # else a version is named as its library
_NO_DEVICE = 100  # cudaErrorNoDevice


def main() -> None:
    """Make them."""
    packages = Path(sysconfig.get_paths()["purelib"])
    libraries = sorted((packages / "torch" / "lib").glob("*.so*"))
    needed = {name for library in libraries for name in _NEEDED.findall(_dynamic(library))}
    needed -= {library.name for library in libraries}
    functions = _missing(libraries, needed)
    folder = packages / "nvidia" / "cu13" / "lib"  # where libtorch looks before the system
    folder.mkdir(parents=True)
    versions = {_NVSHMEM.get(version, version): version for version in functions if version}
    for name in sorted(needed):
        version = versions.get(name, "")
        _make(folder / name, version, functions[version] if version or name == _HOLDER else ())
    print(f"{len(needed)} libraries in {folder}")


def _missing(libraries: Iterable[Path], needed: set[str]) -> dict[str, set[str]]:
    """Functions that none of PyTorch's own libraries has, by the version that they are bound to."""
    here = {symbol.partition("@")[0] for symbol in _symbols(libraries, "--defined-only")}
    functions: dict[str, set[str]] = defaultdict(set)
    for symbol in _symbols(libraries, "--undefined-only"):
        name, _, version = symbol.partition("@")
        if version in needed or version in _NVSHMEM:
            functions[version].add(name)
        elif not version and _UNVERSIONED.match(name) and name not in here:
            functions[""].add(name)
    return functions


def _make(library: Path, version: str, functions: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, script = Path(folder) / "source.c", Path(folder) / "versions"
        body = f"(void) {{ return {_NO_DEVICE}; }}\n"
        source.write_text("".join(f"int {name}{body}" for name in sorted(functions)))
        script.write_text(f"{version} {{ global: *; }};\n".lstrip())
        linking = f"-Wl,-soname,{library.name},--version-script,{script}"
        _told("gcc", "-w", "-shared", "-fPIC", "-nostdlib", linking, "-o", library, source)


def _symbols(libraries: Iterable[Path], which: str) -> set[str]:
    lines = _told("nm", "--dynamic", which, *libraries).splitlines()
    return {line.split()[-1] for line in lines if line and not line.endswith(":")}


def _dynamic(library: Path) -> str:
    return _told("readelf", "--dynamic", library)


def _told(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
