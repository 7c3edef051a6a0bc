"""Train a style of your own from a picture of one, for the lite stylizer."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from livestyle import values
from livestyle.commands.terminal import (
    add_json,
    check_stdout,
    check_written,
    say,
    tell_json,
    typed,
)
from livestyle.endings import end_in_order
from livestyle.errors import ConfigError, LivestyleError, MissingPackage, reason
from livestyle.files import Wanted
from livestyle.installation import command
from livestyle.machine import check_memory
from livestyle.places import is_there
from livestyle.stylizers.style import list_styles, user_styles

if TYPE_CHECKING:
    import torch

    from livestyle.training.training import Training

HELP = "train a style of your own from a picture of one"
_SAVE_EVERY = 60.0  # s
_LOOK = 5  # iterations, of which the last few say how long all of them take


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The picture, what to learn on, and how long."""
    parser.add_argument(
        "picture",
        metavar="PICTURE",
        type=typed(values.path),
        help="a painting or drawing, as JPEG or PNG",
    )
    parser.add_argument(
        "--on",
        action="append",
        required=True,
        type=typed(values.path),
        metavar="WHAT",
        help="what it will restyle: a recording of the game, or a folder of pictures of it; "
        "repeatable",
    )
    parser.add_argument("--name", help="what to call the style (the picture's file name)")
    parser.add_argument(
        "--iterations",
        type=typed(values.number(1, 1_000_000, int)),
        default=4000,
        metavar="N",
        help="how long: how often it is shown some of the pictures (4000)",
    )
    parser.add_argument(
        "--stroke-width",
        type=typed(values.number(160, 2560, int)),
        default=640,
        metavar="PX",
        help="how wide the painting is held beside the game's picture, in px of 640: more makes "
        "larger strokes (640)",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="what trains (a GPU where PyTorch finds one)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a style of yours that has that name and no training to go on from",
    )
    add_json(parser, "what was trained, and for how long,")


def call(arguments: argparse.Namespace) -> int:
    """Train it, or go on; Ctrl-C ends it with the style as it is by then."""
    check_memory()
    if arguments.json:
        check_stdout()
    end_in_order()
    name = _name(arguments)
    try:
        from livestyle.training.export import export_style
        from livestyle.training.material import choose_device
    except ModuleNotFoundError as missing:
        raise MissingPackage(missing.name or "torch", "train") from missing
    _check_free(name, arguments.overwrite)
    training = _begun(arguments, name, choose_device(arguments.device))
    style = user_styles() / name
    if arguments.json:
        files = [*_files(style), _checkpoint(name), training.record.sheet]
        check_written([Wanted("style", str(file)) for file in files], overwrite=True, json=True)
    _train(training)
    training.record.save()
    words = _words(name, arguments.picture) | {"detail": training.trainer.course.detail}
    export_style(*training.style(), style, words)
    say(f"livestyle: use it with: {command(f'run --style {name}')}")
    if arguments.json:
        reached = training.trainer.reached
        tell_json({
            "style": name,
            "network": f"{style}.xml",
            "sheet": str(training.record.sheet),
            "iterations": reached.iteration,
            "minutes": round(reached.seconds / 60, 1),
            "losses": training.record.losses,
            "course": dataclasses.asdict(training.trainer.course),
        })  # fmt: skip
    return 0


def _begun(arguments: argparse.Namespace, name: str, device: torch.device) -> Training:
    """The training, where it was left. Raises ConfigError where there is nothing left to do."""
    from livestyle.training.checkpoint import START, load_checkpoint
    from livestyle.training.material import read_material
    from livestyle.training.trainer import Course
    from livestyle.training.training import Subject, Training

    path = _checkpoint(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LivestyleError(
            f"cannot make the folder {str(path.parent)!r}: {reason(error)}"
        ) from error
    if is_there(path):
        load_checkpoint(path)  # it may be of another version: better said at once
    say(f"livestyle: reading {', '.join(arguments.on)}")
    material = [read_material(Path(what)) for what in arguments.on]
    shown = [some[len(some) // 2] for some in material]
    subject = Subject(name, Path(arguments.picture), arguments.stroke_width, material, shown)
    course = Course(iterations=arguments.iterations, freeze_at=0.0)
    training = Training(subject, course, path, START, device)
    had = training.trainer.reached.iteration
    if had >= course.iterations:
        raise ConfigError(
            f"style {name!r} has had its {had} iterations; give more of --iterations to go on, or "
            "another --name"
        )
    return training


def _train(training: Training) -> None:
    """To its end, or until Ctrl-C; saved every minute."""
    from livestyle.commands.bars import training_bar

    begun, record = training.trainer.reached, training.record
    iterations, saved = training.trainer.course.iterations, begun.seconds
    say(f"livestyle: {training.name}: what it makes of your pictures can be seen in {record.sheet}")
    with contextlib.suppress(KeyboardInterrupt), training_bar(training.name, iterations) as show:
        for reached in training.run():
            done = reached.iteration - begun.iteration
            if done == _LOOK:
                each = (reached.seconds - begun.seconds) / done
                left = _duration(each * (iterations - reached.iteration))
                say(f"livestyle: about {left} here; Ctrl-C ends it sooner, and the same command "
                    "goes on")  # fmt: skip
            if reached.seconds - saved >= _SAVE_EVERY or done == _LOOK:
                saved = reached.seconds
                record.save()
            show(reached.iteration, record.losses if done % 20 == 0 else {})


def _name(arguments: argparse.Namespace) -> str:
    """The style's, checked. Raises ConfigError."""
    name: str = arguments.name or Path(arguments.picture).stem
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise ConfigError(
            f"a style can't be called {name!r}; give --name with letters, digits, - and _ alone"
        )
    if name in {style.name for style in list_styles() if style.is_bundled}:
        raise ConfigError(f"there is a bundled style {name!r}; give another --name")
    return name


def _check_free(name: str, overwrite: bool) -> None:
    """Raise ConfigError for a style that is there and that no training here has made."""
    style = user_styles() / name
    if overwrite or is_there(_checkpoint(name)):
        return
    for file in _files(style):
        if os.path.lexists(file):
            raise ConfigError(
                f"style {name!r}: {str(file)!r} is there already; give another --name, or replace "
                "it by --overwrite"
            )


def _files(style: Path) -> list[Path]:
    """What a style is in."""
    return [style.with_suffix(suffix) for suffix in (".toml", ".xml", ".bin")]


def _checkpoint(name: str) -> Path:
    """What a training of that style goes on from."""
    return user_styles() / "training" / f"{name}.safetensors"


def _words(name: str, picture: str) -> dict[str, str]:
    return {
        "name": name,
        "title": name.replace("_", " ").replace("-", " ").capitalize(),
        "description": f"trained here on {Path(picture).name}",
    }


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
