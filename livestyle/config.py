"""Every setting, once: default, help, limits. Flags and TOML keys are made from these."""

from __future__ import annotations

import argparse
import dataclasses
import json
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livestyle.errors import ConfigError
from livestyle.frame import Size

Parse = Callable[
    [Any], Any
]  # from a flag's text or a TOML value; raises ValueError saying what fits


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("text is expected")
    return value


def _prompt(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise ValueError("text of at most 1000 characters is expected")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError('a list of texts is expected, as in ["v4l2", "web"]')
    return tuple(_text(item) for item in value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def _choice(*choices: str) -> Parse:
    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"choose from: {', '.join(choices)}")
        return str(value)

    return parse


def _number(low: float, high: float, kind: type[int] | type[float] = float) -> Parse:
    def parse(value: Any) -> float:
        expected = f"a number from {low:g} to {high:g} is expected"
        try:
            number = kind(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(expected) from None
        if isinstance(value, bool) or not low <= number <= high:
            raise ValueError(expected)
        return number

    return parse


def parse_size(value: Any) -> Size:
    """(width, height) from "1280x720". Raises ValueError saying what fits."""
    width, _, height = str(value).lower().partition("x")
    expected = "WIDTHxHEIGHT is expected, even, from 64x64 to 7680x4320, as in 1280x720"
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(expected)
    size = int(width), int(height)
    if not (64 <= size[0] <= 7680 and 64 <= size[1] <= 4320) or size[0] % 2 or size[1] % 2:
        raise ValueError(expected)
    return size


@dataclass(frozen=True)
class Setting:
    """What one field of Config is, beside its default."""

    help: str
    parse: Parse
    metavar: str | None = None


def _setting(default: Any, help: str, parse: Parse, metavar: str | None = None) -> Any:
    return dataclasses.field(default=default, metadata={"": Setting(help, parse, metavar)})


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of a run, checked. None means: decided at the start, see the help."""

    source: str = _setting(
        "auto",
        "where pictures come from: auto, screen, screen:N, screen:N,X,Y,W,H, testcard, file:PATH, "
        "camera:N, blank (turbo makes pictures from the prompt alone)",
        _text,
        "S",
    )
    stylizer: str = _setting(
        "auto",
        "what restyles them: lite, turbo (SDXL-Turbo and its kind), passthrough (the source as it "
        "is), or auto, which picks one and says why",
        _choice("auto", "lite", "turbo", "passthrough"),
        "NAME",
    )
    style: str | None = _setting(
        None,
        "which style; `livestyle styles` lists them (lite: wave; turbo: none)",
        _text,
        "NAME",
    )
    prompt: str | None = _setting(None, "turbo: what to see (the style's)", _prompt, "TEXT")
    prompt_fade: float = _setting(
        0.0, "turbo: seconds from one prompt to the next", _number(0, 60), "N"
    )
    strength: float | None = _setting(
        None,
        "turbo: how far to leave the picture, from 0.001 to 1 (the style's, or 0.5)",
        _number(0.001, 1),
        "X",
    )
    seed: int | None = _setting(
        None, "turbo: of the noise, the same for every frame (0)", _number(0, 2**32 - 1, int), "N"
    )
    steps: int | None = _setting(
        None, "turbo: steps for a frame (the recipe's)", _number(1, 8, int), "N"
    )
    recipe: str = _setting("sdxl-turbo", "turbo: which of the models in engines/", _text, "NAME")
    model: str | None = _setting(
        None,
        "turbo: a model of your own in place of the recipe's: a folder in diffusers' layout, a "
        ".safetensors checkpoint, or OWNER/NAME[@REVISION] on the hub",
        _text,
        "MODEL",
    )
    autoencoder: str = _setting(
        "auto",
        "turbo: tiny, full, a folder of its own, or auto: the recipe's, or that of your --model",
        _text,
        "WHICH",
    )
    lora: tuple[str, ...] = _setting(
        (), "turbo: a LoRA to fold in, FILE.safetensors[:SCALE], repeatable", _texts, "FILE"
    )
    unet: str = _setting(
        "own",
        "turbo: livestyle's own UNet, or that of diffusers, slower, as the reference",
        _choice("own", "diffusers"),
    )
    engine: str = _setting(
        "auto",
        "turbo: what runs the networks: torch, or what `livestyle build` made: torch-compiled, "
        "tensorrt, openvino; auto: what is built for this machine, else torch",
        _choice("auto", "torch", "torch-compiled", "tensorrt", "openvino"),
        "NAME",
    )
    build: str = _setting(
        "no",
        "turbo: background: where no engine is built, build one beside the run, at low priority, "
        "and go on with it",
        _choice("no", "background"),
        "HOW",
    )
    until_ready: str = _setting(
        "card",
        "what to show while turbo loads: card, lite, or passthrough (the source as it is)",
        _choice("card", "lite", "passthrough"),
        "WHAT",
    )
    precision: str = _setting(
        "auto",
        "turbo: what to compute in, fp32, bf16, fp16 or auto: fp16 on a GPU, on a CPU bf16 where "
        "it is fast and the weights are stored in half precision, else fp32; engines have fp8 too",
        _choice("auto", "fp32", "bf16", "fp16", "fp8"),
        "WHICH",
    )
    size: Size | None = _setting(
        None,
        "size of the picture inside the stylizer; smaller is faster (about 640x360)",
        parse_size,
        "WxH",
    )
    output_size: Size | None = _setting(
        None, "size of the picture that the sinks get (the source's)", parse_size, "WxH"
    )
    aspect: str = _setting(
        "fit",
        "where the source has another shape than the output: fit (bars), fill (crop), stretch",
        _choice("fit", "fill", "stretch"),
        "HOW",
    )
    fps: float = _setting(
        30.0, "output frames per second, and captures at most", _number(1, 240), "N"
    )
    sink: tuple[str, ...] = _setting(
        ("auto",),
        "where the result goes, repeatable: auto, v4l2[:DEVICE], virtualcam, web, "
        "record:FILE.mp4, raw:FILE_OR_-, null",
        _texts,
        "K",
    )
    port: int = _setting(
        7878, "TCP port of the page on this machine; 0: any free one", _number(0, 65535, int), "N"
    )
    seconds: float | None = _setting(
        None, "stop after so many seconds (when interrupted)", _number(0.1, 10_000_000), "N"
    )
    report: str | None = _setting(None, "write the run's figures there at the end", _text, "FILE")
    frame_log: str | None = _setting(None, "write a CSV line per output frame there", _text, "FILE")
    hud: bool = _setting(
        False, "draw fps and latency into a corner of the output, where others see them", _switch
    )
    supervise: bool = _setting(
        True, "restart a failed worker; without, all runs in one process and ends with it", _switch
    )


# What concerns the stylizer alone, offline as well as live.
STYLIZER = (
    "stylizer",
    "style",
    "prompt",
    "strength",
    "seed",
    "steps",
    "recipe",
    "model",
    "autoencoder",
    "lora",
    "precision",
    "unet",
    "engine",
)


def _settings() -> Iterable[tuple[dataclasses.Field[Any], Setting]]:
    for field in dataclasses.fields(Config):
        yield field, field.metadata[""]


def key(name: str) -> str:
    """A field's name as flags and TOML spell it."""
    return name.replace("_", "-")


def add_flags(parser: argparse.ArgumentParser, names: Iterable[str] | None = None) -> None:
    """Add a flag for each setting (or those named) to the parser; an absent one leaves no value."""
    for field, setting in _settings():
        if names is not None and field.name not in names:
            continue
        options: dict[str, Any] = {"help": setting.help, "default": argparse.SUPPRESS}
        if isinstance(field.default, bool):
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["metavar"] = setting.metavar
            if isinstance(field.default, tuple):
                options["action"] = "append"
            elif field.default is not None:
                options["help"] += f" (default: {field.default})"
        parser.add_argument("--" + key(field.name), **options)


def load_config(flags: dict[str, Any], file: str | None = None) -> Config:
    """The settings from the TOML file, with those given as flags on top.

    Raises ConfigError for an unknown key, a value out of its limits or an unreadable file.
    """
    values = {} if file is None else _read_toml(file)
    for name, value in flags.items():
        values[name] = check(name, value, "--" + key(name))
    return Config(**values)


def _read_toml(file: str) -> dict[str, Any]:
    try:
        with Path(file).open("rb") as opened:
            table = tomllib.load(opened)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read config {file!r}: {error}") from error
    names = {key(field.name): field.name for field, _ in _settings()}
    if unknown := sorted(set(table) - set(names)):
        raise ConfigError(
            f"config {file!r}: unknown key {', '.join(map(repr, unknown))}; "
            f"known are: {', '.join(names)}"
        )
    return {
        names[name]: check(names[name], value, f"config {file!r}: {name}")
        for name, value in table.items()
    }


def check(name: str, value: Any, where: str) -> Any:
    """A value for the setting of that name, parsed. Raises ConfigError, beginning with `where`."""
    settings = {field.name: setting for field, setting in _settings()}
    try:
        return settings[name].parse(value)
    except ValueError as error:
        raise ConfigError(f"{where} {value!r}: {error}") from None


def plain(config: Config) -> dict[str, Any]:
    """The settings as TOML and JSON can hold them, by key; what is None is left out."""
    values = {key(name): value for name, value in dataclasses.asdict(config).items()}
    for name in ("size", "output-size"):
        if values[name] is not None:
            values[name] = "{}x{}".format(*values[name])
    values["sink"], values["lora"] = list(config.sink), list(config.lora)
    return {name: value for name, value in values.items() if value is not None}


def to_toml(config: Config) -> str:
    """The settings as a TOML file that `load_config` reads back to the same."""
    # a JSON string, number, boolean or list of strings is also a TOML one
    return "".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in plain(config).items()
    )
