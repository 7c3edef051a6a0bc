"""Every setting, once: group, default, help, limits. Flags and TOML keys are made from these."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from livestyle import values
from livestyle.errors import ConfigError
from livestyle.frame import Size

GROUPS = ("source", "look", "turbo", "output", "run")
TURBO, STYLED, ALL = ("turbo",), ("lite", "turbo"), ("lite", "turbo", "passthrough")
IN_FILES = "sets"  # no flag, but a table of a settings file


@dataclass(frozen=True)
class Setting:
    """What one field of Config is, beside its default. group: one of GROUPS, or IN_FILES. live:
    the stylizers for which it may change while a run goes on.
    """

    group: str
    help: str
    parse: values.Parse
    metavar: str | None = None
    live: tuple[str, ...] = ()


def _setting(
    group: str,
    default: Any,
    help: str,
    parse: values.Parse,
    **more: Any,
) -> Any:
    metadata = {"": Setting(group, help, parse, **more)}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of a run, checked. None means: decided at the start, see the help."""

    # of each group what is wanted most comes first, as the help shows it
    source: str = _setting(
        "source",
        "auto",
        "where pictures come from: auto, screen, screen:N, screen:N,X,Y,W,H, window:TITLE, "
        "testcard, file:PATH, camera:N, canvas (drawn on the page), blank (turbo makes pictures "
        "from the prompt alone)",
        values.spec,
        metavar="S",
        live=ALL,
    )
    cursor: bool = _setting(
        "source",
        True,
        "show a screen's pointer, as a screen share does (X11 alone)",
        values.switch,
        live=ALL,
    )
    aspect: str = _setting(
        "source",
        "fit",
        "where the source has another shape than the output: fit (bars), fill (crop), stretch",
        values.choice("fit", "fill", "stretch"),
        metavar="HOW",
        live=ALL,
    )
    stylizer: str = _setting(
        "look",
        "auto",
        "what restyles them: lite, turbo (SDXL-Turbo and its kind), passthrough (the source as it "
        "is), or auto, which picks one and says why",
        values.choice("auto", "lite", "turbo", "passthrough"),
        metavar="NAME",
    )
    style: str | None = _setting(
        "look",
        None,
        "which style; `livestyle styles` lists them (lite: comic; turbo: none). Of lite also a "
        "picture, FILE.jpg, or several, FILE:SHARE,FILE:SHARE",
        values.text,
        metavar="NAME",
        live=STYLED,
    )
    off: bool = _setting(
        "look",
        False,
        "show the source as it is, and style nothing, until it is switched on again",
        values.switch,
        live=ALL,
    )
    prompt: str | None = _setting(
        "look", None, "turbo: what to see (the style's)", values.prompt, metavar="TEXT", live=TURBO
    )
    strength: float | None = _setting(
        "look",
        None,
        "turbo: how far to leave the picture, from 0.001 to 1 (the style's, or 0.5)",
        values.number(0.001, 1),
        metavar="X",
        live=TURBO,
    )
    seed: int | None = _setting(
        "look",
        None,
        "turbo: of the noise, the same for every frame; random picks one (0)",
        values.seed,
        metavar="N",
        live=TURBO,
    )
    detail: float | None = _setting(
        "look",
        None,
        "how much of the source's fine detail comes back, 0 to 1: text, outlines (the style's)",
        values.number(0, 1),
        metavar="X",
        live=STYLED,
    )
    hold: float = _setting(
        "look",
        0.5,
        "how firmly what stands still in the source stands still in the result, 0 (off) to 1",
        values.number(0, 1),
        metavar="X",
        live=STYLED,
    )
    colour: float = _setting(
        "look",
        0.0,
        "how much of the source's colour stays, 0 to 1",
        values.number(0, 1),
        metavar="X",
        live=STYLED,
    )
    mix: float = _setting(
        "look",
        0.0,
        "how much of the source stays altogether, 0 to 1",
        values.number(0, 1),
        metavar="X",
        live=STYLED,
    )
    keep: tuple[values.Rectangle | str, ...] = _setting(
        "look",
        (),
        "a rectangle of the output that shows the source, X,Y,W,H[,FEATHER] in pixels, or a set of "
        "them, by its name in your settings file; repeatable",
        values.each(values.rectangle_or_set),
        metavar="X,Y,W,H",
        live=STYLED,
    )
    prompt_fade: float = _setting(
        "look",
        0.0,
        "turbo: seconds from one prompt to the next",
        values.number(0, 60),
        metavar="N",
        live=TURBO,
    )
    size: Size | None = _setting(
        "look",
        None,
        "size of the picture inside the stylizer; smaller is faster (about 640x360)",
        values.size,
        metavar="WxH",
    )
    model: str | None = _setting(
        "turbo",
        None,
        "a model of your own in place of the recipe's: a folder in diffusers' layout, a "
        ".safetensors checkpoint, or OWNER/NAME[@REVISION] on the hub",
        values.path,
        metavar="MODEL",
    )
    recipe: str = _setting(
        "turbo",
        "sdxl-turbo",
        "which model: a recipe of engines/, one of yours (`livestyle styles` says where), or a "
        "FILE.toml",
        values.path,
        metavar="NAME",
    )
    lora: tuple[str, ...] = _setting(
        "turbo",
        (),
        "a LoRA to fold in, FILE.safetensors[:SCALE], repeatable",
        values.each(values.path),
        metavar="FILE",
    )
    steps: int | None = _setting(
        "turbo",
        None,
        "steps for a frame (the recipe's)",
        values.number(1, 8, int),
        metavar="N",
        live=TURBO,
    )
    engine: str = _setting(
        "turbo",
        "auto",
        "what runs the networks: torch, or what `livestyle build` made: torch-compiled, tensorrt, "
        "openvino; auto: what is built for this machine, else torch",
        values.choice("auto", "torch", "torch-compiled", "tensorrt", "openvino"),
        metavar="NAME",
    )
    build: str = _setting(
        "turbo",
        "no",
        "background: where no engine is built, build one beside the run, at low priority, and go "
        "on with it",
        values.choice("no", "background"),
        metavar="HOW",
    )
    until_ready: str = _setting(
        "turbo",
        "card",
        "what to show while it loads: card, lite, or passthrough (the source as it is)",
        values.choice("card", "lite", "passthrough"),
        metavar="WHAT",
    )
    autoencoder: str = _setting(
        "turbo",
        "auto",
        "tiny, full, a folder of its own, or auto: the recipe's, or that of your --model",
        values.path,
        metavar="WHICH",
    )
    precision: str = _setting(
        "turbo",
        "auto",
        "what to compute in, fp32, bf16, fp16 or auto: fp16 on a GPU, on a CPU bf16 where it is "
        "fast and the weights are stored in half precision, else fp32; engines have fp8 too",
        values.choice("auto", "fp32", "bf16", "fp16", "fp8"),
        metavar="WHICH",
    )
    unet: str = _setting(
        "turbo",
        "own",
        "livestyle's own UNet, or that of diffusers, slower, as the reference",
        values.choice("own", "diffusers"),
        metavar="WHOSE",
    )
    sink: tuple[str, ...] = _setting(
        "output",
        ("auto",),
        "where the result goes, repeatable: auto (a camera, if any, and the page), v4l2[:DEVICE], "
        "virtualcam, web, record:FILE.mp4, raw:FILE_OR_-, null",
        values.each(values.spec),
        metavar="K",
        live=ALL,
    )
    output_size: Size | None = _setting(
        "output",
        None,
        "size of the picture that the sinks get (the source's, 3840x2160 at most)",
        values.size,
        metavar="WxH",
    )
    fps: float = _setting(
        "output",
        30.0,
        "output frames per second, and captures at most",
        values.number(1, 240),
        metavar="N",
        live=ALL,
    )
    hold_fps: float | None = _setting(
        "output",
        None,
        "keep so many styled frames per second, --fps at most, by a smaller picture inside the "
        "stylizer while the machine has no time for more; lite, and turbo without an engine (off)",
        values.number(1, 240),
        metavar="N",
    )
    hud: bool = _setting(
        "output",
        False,
        "draw fps and latency into a corner of the output, where others see them",
        values.switch,
    )
    port: int | None = _setting(
        "output",
        None,
        "TCP port of the page on this machine; 0: any free one (7878, or the next that is free)",
        values.number(0, 65535, int),
        metavar="N",
    )
    listen: str = _setting(
        "output",
        "127.0.0.1",
        "address of this machine that the page is served on; any but 127.0.0.1 shows it, and your "
        "pictures, unencrypted to that network",
        values.address,
        metavar="ADDRESS",
    )
    page_host: tuple[str, ...] = _setting(
        "output",
        (),
        "a name that the page answers to beside its address, as browsers call it, repeatable; with "
        "NAME:PORT at another port, as behind a tunnel",
        values.each(values.host),
        metavar="NAME",
    )
    osc: str | None = _setting(
        "output",
        None,
        "UDP port at which OSC changes settings, /livestyle/KEY VALUE, for programs of this "
        "machine; with an ADDRESS of it, for whoever reaches that: there is no password (off)",
        values.endpoint,
        metavar="[ADDRESS:]PORT",
    )
    recordings: str | None = _setting(
        "output",
        None,
        "folder of the recordings that are started on the page (livestyle, among your videos)",
        values.path,
        metavar="FOLDER",
    )
    seconds: float | None = _setting(
        "run",
        None,
        "stop after so many seconds (when interrupted)",
        values.number(0.1, 10_000_000),
        metavar="N",
    )
    report: str | None = _setting(
        "run", None, "write the run's figures there at the end", values.path, metavar="FILE"
    )
    frame_log: str | None = _setting(
        "run", None, "write a CSV line per output frame there", values.path, metavar="FILE"
    )
    overwrite: bool = _setting(
        "run",
        False,
        "replace files that are there: recordings, reports, what else is written by name",
        values.switch,
    )
    idle: str = _setting(
        "run",
        "auto",
        "auto: while nobody reads the camera or has the page open, and nothing is recorded, "
        "capturing and styling rest; off: they go on",
        values.choice("auto", "off"),
        metavar="WHEN",
        live=ALL,
    )
    on_failure: str = _setting(
        "run",
        "card",
        "what the output shows while the worker or the source is away: card, freeze (the last "
        "picture), black, or passthrough (between tries the source as it is; else the card)",
        values.choice("card", "freeze", "black", "passthrough"),
        metavar="WHAT",
    )
    supervise: bool = _setting(
        "run",
        True,
        "restart a failed worker; without, all runs in one process and ends with it",
        values.switch,
    )
    keep_sets: Mapping[str, tuple[values.Rectangle, ...]] = _setting(
        IN_FILES,
        {},
        "rectangles by the name that keep calls them, one set for each game, as in "
        'supertux = ["0,640,320,80", "900,0,380,60,8"]',
        values.rectangle_sets,
    )
    hotkeys: Mapping[str, str] = _setting(
        IN_FILES,
        {},
        "keys that act whatever window has the keyboard, by what they do: off, snapshot, record, "
        'style-next, style-previous, or KEY=VALUE, as in off = "<ctrl>+<alt>+o" and '
        '"style=ink" = "<f9>"',
        values.texts_by_name,
    )

    def __post_init__(self) -> None:
        """Raises ConfigError for a set of rectangles that is none."""
        for kept in self.keep:
            if isinstance(kept, str) and kept not in self.keep_sets:
                known = ", ".join(self.keep_sets) or "none yet"
                raise ConfigError(
                    f"keep {kept!r} is neither X,Y,W,H nor one of your keep-sets ({known}); the "
                    "settings file names them under [keep-sets]"
                )

    @property
    def kept(self) -> tuple[values.Rectangle, ...]:
        """The rectangles of `keep`, those of its sets among them."""
        return tuple(
            rectangle
            for kept in self.keep
            for rectangle in (self.keep_sets[kept] if isinstance(kept, str) else (kept,))
        )


# What concerns the stylizer alone, offline as well as live.
STYLIZER = (
    "stylizer",
    "style",
    "prompt",
    "strength",
    "seed",
    "steps",
    "size",
    "recipe",
    "model",
    "autoencoder",
    "lora",
    "precision",
    "unet",
    "engine",
)


# What is done to its pictures.
FINISH = ("detail", "hold", "colour", "mix", "keep")


def settings() -> dict[str, tuple[dataclasses.Field[Any], Setting]]:
    """All of them by their field's name."""
    return {field.name: (field, field.metadata[""]) for field in dataclasses.fields(Config)}


def live_settings() -> dict[str, tuple[str, Setting]]:
    """Those that may change while a run goes on: their field's name and what they are, by key."""
    return {key(name): (name, setting) for name, (_, setting) in settings().items() if setting.live}


def live_values(given: Mapping[str, Any], names: Container[str] | None = None) -> dict[str, Any]:
    """Values of live settings by their keys, parsed, by their fields' names.

    names: the fields that may change; None: all that are live.

    Raises ConfigError for a key that is none of them, or a value out of its limits.
    """
    live = {
        key: name for key, (name, _) in live_settings().items() if names is None or name in names
    }
    if unknown := sorted(set(given) - set(live)):
        raise ConfigError(
            f"{', '.join(map(values.shown, unknown))} can't change while running; "
            f"what can: {', '.join(live)}"
        )
    return {live[key]: check(live[key], value, key) for key, value in given.items()}


def key(name: str) -> str:
    """A field's name as flags and TOML spell it."""
    return name.replace("_", "-")


def check(name: str, value: Any, where: str) -> Any:
    """A value for the setting of that name, parsed. Raises ConfigError, beginning with `where`."""
    try:
        return settings()[name][1].parse(value)
    except ValueError as error:
        raise ConfigError(f"{where} {values.shown(value)}: {error}") from None


def plain(config: Config) -> dict[str, Any]:
    """The settings as TOML and JSON can hold them, by key; what is None is left out."""
    values = {key(name): value for name, value in dataclasses.asdict(config).items()}
    for name in ("size", "output-size"):
        if values[name] is not None:
            values[name] = "{}x{}".format(*values[name])
    for name in ("sink", "lora", "page-host"):
        values[name] = list(values[name])
    values["keep"] = [_spelled(kept) for kept in config.keep]
    values["keep-sets"] = {
        name: [_spelled(rectangle) for rectangle in rectangles]
        for name, rectangles in config.keep_sets.items()
    }
    return {name: value for name, value in values.items() if value is not None}


def _spelled(kept: values.Rectangle | str) -> str:
    return kept if isinstance(kept, str) else ",".join(map(str, kept))
