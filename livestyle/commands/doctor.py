"""Each thing that a run needs: what was found, whether it is enough, and the fix."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from livestyle.commands.terminal import add_json, tell, tell_json
from livestyle.engines.spec import NONE, version_of
from livestyle.errors import LivestyleError, SinkError, SourceError
from livestyle.installation import adding, adding_package, command
from livestyle.machine import check_memory, describe_machine

HELP = "what works on this machine, and how to get the rest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """As text or as JSON."""
    add_json(parser)


def call(arguments: argparse.Namespace) -> int:
    """Look, and say; 1 where something is broken."""
    check_memory()
    checks = examine()
    if arguments.json:
        tell_json([check.plain() for check in checks])
    else:
        for check in checks:
            tell("\n".join(check.lines()))
    return 1 if any(check.verdict == "broken" for check in checks) else 0


@dataclass(frozen=True)
class Check:
    """One finding. `verdict`: ok, limited (a run works without it) or broken (it does not)."""

    subject: str
    verdict: str
    found: str
    fix: str = ""

    def plain(self) -> dict[str, str]:
        """As JSON can hold it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """As text."""
        found = f"{self.verdict:8} {self.subject}: {self.found}"
        return [found, f"         → {self.fix}"] if self.fix else [found]


def examine() -> list[Check]:
    """Look at everything; nothing is changed and no camera is opened for writing."""
    examinations: tuple[Callable[[], Check], ...] = (
        _python,
        _machine,
        _screen,
        _camera,
        _styles,
        _engine,
        _engines_of_turbo,
        _own_files,
        _libraries,
    )
    return [examination() for examination in examinations]


def _python() -> Check:
    return Check("Python", "ok", f"{platform.python_version()} in {sys.prefix}")


def _machine() -> Check:
    machine = describe_machine()
    features = ", ".join(machine["cpu_features"]) or "no AVX2"
    there, cores, quota = machine["cores_there"], machine["cores"], machine["cpu_quota"]
    usable = min(cores, quota or cores)
    counted = f"{usable:g} of {there} cores" if usable < there else f"{cores} cores"
    why = "by a quota" if usable < cores else "by affinity" if cores < there else ""
    found = f"{machine['cpu']}, {' '.join(filter(None, (counted, why)))} ({features})"
    if usable < 2:
        return Check("processor", "limited", found, "expect dropped frames on less than two cores")
    return Check("processor", "ok", found)


def _screen() -> Check:
    from livestyle.sources import answered

    try:
        from livestyle.sources.screen import capture_notes, list_monitors

        monitors = answered(list_monitors, "the display")
    except SourceError as error:
        return Check("screen capture", "limited", str(error), "--source testcard and file: work")
    sizes = ", ".join(f"{monitor.width}x{monitor.height}" for monitor in monitors)
    if slow := "; ".join(capture_notes()):
        return Check("screen capture", "limited", f"{sizes}, slowly: {slow}")
    return Check("screen capture", "ok", sizes)


def _camera() -> Check:
    if not sys.platform.startswith("linux"):
        return _virtualcam()
    from livestyle.sinks.v4l2 import find_camera

    try:
        return Check("virtual camera", "ok", find_camera())
    except SinkError as error:
        found, _, fix = str(error).partition("; ")
        return Check("virtual camera", "limited", found, fix or "--sink web works without")


def _virtualcam() -> Check:
    try:
        version = importlib.metadata.version("pyvirtualcam")
    except importlib.metadata.PackageNotFoundError:
        fix = f"install OBS and open it once, and {adding('virtualcam')}"
        return Check("virtual camera", "limited", "pyvirtualcam is not installed", fix)
    return Check("virtual camera", "ok", f"pyvirtualcam {version}; OBS must be installed")


def _styles() -> Check:
    from livestyle.stylizers.style import list_styles

    try:
        return Check("styles", "ok", ", ".join(style.name for style in list_styles()))
    except LivestyleError as error:
        return Check("styles", "broken", str(error), "install livestyle again")


def _engine() -> Check:
    try:
        import openvino
    except ImportError as error:
        return Check("engine", "broken", f"openvino: {error}", adding_package("openvino"))
    core = openvino.Core()
    precision = core.get_property("CPU", "INFERENCE_PRECISION_HINT").to_string()
    names = ", ".join(
        core.get_property(name, "FULL_DEVICE_NAME") for name in core.available_devices
    )
    return Check("engine", "ok", f"OpenVINO {openvino.__version__} in {precision} on {names}")


def _engines_of_turbo() -> Check:
    from livestyle.engines.cache import user_cache
    from livestyle.engines.listing import list_engines

    cache, subject = user_cache(), "engines of turbo"
    compilers = ("torch", "tensorrt-rtx", "tensorrt", "onnxscript")
    there = ", ".join(f"{name} {version_of(name)}" for name in compilers)
    try:
        listed = list_engines(cache)
    except LivestyleError as error:
        return Check(subject, "limited", str(error), "run on PyTorch: --engine torch")
    found = f"{len(listed)} built in {cache.root}; {there}"
    if damaged := [engine for engine in listed if "engine" not in engine]:
        found = f"{len(damaged)} of {found}"
        return Check(subject, "limited", f"damaged: {found}", command("engines --prune"))
    return Check(subject, "ok", found)


def _own_files() -> Check:
    """Settings, presets and recipes of the user's own: one that is wrong ends every run."""
    from livestyle.places import is_there
    from livestyle.recipe import DiffusionRecipe, Recipe, load_recipe, own_recipes
    from livestyle.settings import load_config, user_file
    from livestyle.stylizers.preset import list_presets, user_presets

    subject = "your own files"
    try:
        load_config({})
        list_presets()
        recipes = own_recipes()
        for recipe in recipes:  # there is one for lite
            load_recipe(recipe.stem, Recipe if recipe.stem == "lite" else DiffusionRecipe)
    except LivestyleError as error:
        return Check(subject, "broken", str(error), "mend or remove that file")
    there = [str(file) for file in (user_file(), user_presets(), *recipes) if is_there(file)]
    found = ", ".join(there) or f"none in {user_file().parent}"
    return Check(subject, "ok", found)


def _libraries() -> Check:
    names = ("numpy", "opencv-python-headless", "mss", "av", "starlette", "uvicorn")
    versions = {name: version_of(name) for name in names}
    display = os.environ.get("XDG_SESSION_TYPE", "")
    found = ", ".join(f"{name} {version}" for name, version in versions.items())
    found += f"; session {display}" if display else ""
    if missing := [name for name, version in versions.items() if version == NONE]:
        return Check("libraries", "limited", found, adding_package(*missing))
    return Check("libraries", "ok", found)
