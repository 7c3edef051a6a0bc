"""What may load what: start-up stays quick, the camera's process free of GPU libraries, and the
rooms of the tree in their order.
"""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
        "import livestyle",
        "import livestyle.commands",
        "import livestyle.client",
        "main(['ctl', 'off'])",
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
        "    assert main('run --source testcard --sink null --seconds 6'.split()) == 0\n"
    )
    assert "livestyle.front.front" in loaded and "numpy" in loaded
    assert loaded & {"torch", "openvino", "tensorrt", "diffusers"} == set()


def test_turbo_is_settled_without_torch() -> None:
    loaded = _loaded(
        "from livestyle.config import Config\n"
        "from livestyle.errors import LivestyleError\n"
        "from livestyle.stylizers.settle import settle_stylizer\n"
        "try: settle_stylizer(Config(stylizer='turbo', model='no/such'), print)\n"
        "except LivestyleError: pass\n"
        "settle_stylizer(Config(), print)\n"
    )
    assert "livestyle.stylizers.settle" in loaded
    assert loaded & {"torch", "transformers", "diffusers"} == set()


def test_the_package_alone_is_nearly_nothing() -> None:
    assert {name for name in _loaded("import livestyle") if name.startswith("livestyle")} == {
        "livestyle",
        "livestyle.version",
    }


# The rooms, and into which others the modules of each may reach, also from inside a function. Those
# beside the rooms are what all use; they reach nowhere.
ROOMS: dict[str, set[str]] = {
    "between": set(),
    "chaos": set(),
    "sources": {"between"},
    "control": {"between"},
    "sinks": {"between", "control"},
    "finish": {"between"},
    "models": set(),
    "diffusion": {"between", "models", "finish"},
    "engines": {"models", "diffusion", "sources"},  # the testcard is what an engine is tried on
    "stylizers": {"between", "finish", "models", "diffusion", "engines"},
    "worker": {"between", "chaos", "sources", "finish", "engines", "stylizers"},
    "front": {"between", "chaos", "sources", "sinks", "control", "engines", "stylizers", "worker"},
    "bench": {
        "between", "sources", "sinks", "finish", "models", "diffusion", "engines", "stylizers",
        "worker", "front", "training",
    },
    "training": {"finish", "sources", "stylizers"},  # what is trained is a stylizer's
    "api": {"between", "finish", "stylizers", "front"},
    "commands": {
        "between", "chaos", "sources", "sinks", "finish", "stylizers", "engines", "front", "bench",
        "training",
    },
}  # fmt: skip
PACKAGE = Path(__file__).parents[1] / "livestyle"


@functools.cache
def _modules() -> dict[str, Path]:
    """All of livestyle but the package itself, which hands out what is asked for."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        name = ".".join(("livestyle", *file.relative_to(PACKAGE).with_suffix("").parts))
        found[name.removesuffix(".__init__")] = file
    del found["livestyle"]
    return found


def _imported(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in _modules() else node.module


@functools.cache
def _reached(module: str) -> frozenset[str]:
    """What a module imports, at any time."""
    tree = ast.parse(_modules()[module].read_text(encoding="utf-8"))
    return frozenset(_imported(list(ast.walk(tree)))) - {module}


def _room(module: str) -> str:
    """ "" for what all use."""
    first = module.split(".")[1]
    return first if first in ROOMS else ""


def _reach(modules: set[str], but: tuple[str, ...] = ()) -> set[str]:
    """All that is imported by these and by what they import, but for some rooms."""
    seen, todo = set(modules), list(modules)
    while todo:
        module = todo.pop()
        if module in _modules() and _room(module) not in but:
            new = _reached(module) - seen
            seen |= new
            todo += new
    return seen


def _of(room: str) -> set[str]:
    return {module for module in _modules() if _room(module) == room}


def test_every_folder_is_a_room() -> None:
    folders = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert folders | {"api"} == set(ROOMS)


@pytest.mark.parametrize("module", sorted(_modules()))
def test_imports_point_one_way(module: str) -> None:
    if module == "livestyle.__main__":
        return
    mine = _room(module)
    tree = ast.parse(_modules()[module].read_text(encoding="utf-8"))
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [node.lineno for node in froms if node.level], "name the module in full"
    through = {
        f"livestyle.{name.name}"
        for node in froms
        if node.module == "livestyle"
        for name in node.names
    }
    assert through <= set(_modules()), "what the package hands out is for users"
    reached = {_room(name) for name in _reached(module) if name in _modules()}
    assert reached - {"", mine} <= ROOMS.get(mine, set())


def test_no_circle() -> None:
    finished: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> None:
        assert module not in path, [*path[path.index(module) :], module]
        if module in finished:
            return
        path.append(module)
        for name in sorted(_reached(module) & set(_modules())):
            visit(name)
        finished.add(path.pop())

    for module in _modules():
        visit(module)


def test_the_front_reaches_no_network() -> None:
    """But through the worker, which it starts."""
    reached = _reach(_of("front"), but=("worker",))
    heavy = {name.split(".")[0] for name in reached} & {
        "torch", "diffusers", "transformers", "openvino", "tensorrt", "tensorrt_rtx", "onnx",
        "onnxruntime",
    }  # fmt: skip
    assert heavy == set()
    assert not {name for name in reached if _room_of(name) == "diffusion"}
    assert {name for name in reached if _room_of(name) == "engines"} == {
        "livestyle.engines.cache", "livestyle.engines.entry", "livestyle.engines.spec",
    }  # fmt: skip


def test_the_worker_reaches_no_sink_and_no_page() -> None:
    reached = _reach(_of("worker"))
    assert "livestyle.stylizers.turbo" in reached
    assert not {name for name in reached if _room_of(name) in ("sinks", "control", "front")}


def _room_of(name: str) -> str:
    return _room(name) if name in _modules() else ""
