"""The livestyle command; the only place that prints."""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from livestyle import __version__
from livestyle.aside import leave
from livestyle.config import STYLIZER, Config, add_flags, load_config, to_toml
from livestyle.errors import ConfigError, LivestyleError, reason
from livestyle.streams import outlast_readers, write_or_drop

INTERRUPTED = 130
_EVERY = 5.0  # s


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit code: 0, 1 problem, 2 usage, 130 interrupted."""
    outlast_readers()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may know fewer letters than we write
            stream.reconfigure(errors="replace")
    try:
        arguments = _parser().parse_args(argv)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return int(arguments.command(arguments))
    except LivestyleError as error:
        say(f"livestyle: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        leave(INTERRUPTED)
        return INTERRUPTED
    finally:
        write_or_drop()


def say(text: str) -> None:
    """A line for the user: on stderr, because stdout may carry pictures or JSON."""
    print(text, file=sys.stderr, flush=True)


class _NowAndThen:
    """Says what goes on, such as a download, every few seconds; short work goes unmentioned."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _EVERY

    def __call__(self, text: str) -> None:
        if time.monotonic() >= self._next:
            say(text)
            self._next = time.monotonic() + _EVERY


def tell(text: str) -> None:
    """What was asked for, on stdout. Raises LivestyleError where it can't be written."""
    _check_stdout()
    try:
        print(text, flush=True)
    except OSError as error:
        raise LivestyleError(f"cannot write to stdout: {reason(error)}") from error


def _check_stdout() -> None:
    if sys.stdout is None:
        raise LivestyleError("cannot write to stdout: it is closed; give it a file or a pipe")


class _Parser(argparse.ArgumentParser):
    """Help is what was asked for, too."""

    def print_help(self, file: object = None) -> None:
        tell(self.format_help().rstrip())


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        tell(f"livestyle {__version__}")
        parser.exit()


_Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"


def _parser() -> _Parser:
    parser = _Parser(
        prog="livestyle",
        description="Restyle a running game, or anything on a screen, live, as a webcam.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="restyle a source live, into a camera or a page")
    add_flags(run)
    run.add_argument(
        "--config", metavar="FILE", help="read settings from this TOML file; flags win"
    )
    run.add_argument("--json", action="store_true", help="print the report on stdout at the end")
    run.add_argument("--print-config", action="store_true", help="print the settings and end")
    run.set_defaults(command=_run)

    stylize = commands.add_parser("stylize", help="restyle a picture or a video file")
    stylize.add_argument("input", metavar="IN", help="a picture or a video file")
    stylize.add_argument("output", metavar="OUT", help=".png, .jpg, .mp4 or .mkv (lossless)")
    add_flags(stylize, (*STYLIZER, "size"))
    stylize.add_argument("--json", action="store_true", help="print the figures on stdout")
    stylize.set_defaults(command=_stylize)

    _add_bench(commands)
    _add_build(commands)
    _add_engines(commands)
    for name, command, help_text in (
        ("doctor", _doctor, "what works on this machine, and how to get the rest"),
        ("devices", _devices, "screens and cameras"),
        ("styles", _styles, "the styles there are"),
    ):
        lister = commands.add_parser(name, help=help_text)
        lister.add_argument("--json", action="store_true", help="as JSON, on stdout")
        lister.set_defaults(command=command)
    return parser


def _add_bench(commands: _Commands) -> None:
    bench = commands.add_parser("bench", help="measure this machine")
    bench.add_argument(
        "what",
        choices=("lite", "turbo", "floor"),
        help="lite: the stylize stage beside the bare network; turbo: a frame and its stages; "
        "floor: the least time that a frame of turbo can take on this machine",
    )
    bench.add_argument("--json", metavar="FILE", help="write the figures there")
    bench.add_argument("--plot", metavar="FILE.png", help="turbo: draw frames and stages there")
    bench.add_argument(
        "--random-weights",
        action="store_true",
        help="turbo: the recipe's exact architecture without its weights, for speed alone",
    )
    bench.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME",
        help="turbo: timed after it: torch (livestyle without an engine) or torch-compiled, with "
        "+fp8 and levers as in torch-compiled+fp8+tune-gemm; diffusers, diffusers-compile, "
        "streamdiffusion",
    )
    bench.add_argument(
        "--frames", type=int, metavar="N", help="turbo: to time (default: 600 on a GPU, else 20)"
    )
    bench.add_argument(
        "--in-flight",
        type=int,
        default=1,
        metavar="N",
        help="turbo: time so many frames at once, too (default: 1, not)",
    )
    bench.add_argument(
        "--limit", type=int, metavar="SECONDS", help="turbo: end a contestant after so long"
    )
    bench.add_argument(
        "--pictures", metavar="FILE.png", help="turbo: what each made of one frame, side by side"
    )
    add_flags(bench, (*STYLIZER, "size", "output_size", "fps"))
    bench.set_defaults(command=_bench)


def _add_build(commands: _Commands) -> None:
    build = commands.add_parser("build", help="compile an engine, for this machine or another GPU")
    build.add_argument("recipe", metavar="RECIPE", help="one of engines/, such as sdxl-turbo")
    build.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="SM",
        help="tensorrt: of another GPU, as sm_89; several with commas (this machine's)",
    )
    build.add_argument(
        "--flavour",
        choices=("rtx", "full"),
        help="tensorrt: TensorRT-RTX, for GeForce and RTX cards, or TensorRT (what is installed)",
    )
    build.add_argument(
        "--lever",
        action="append",
        default=[],
        metavar="NAME",
        help="torch-compiled: tune-gemm (minutes), whole-transformers, no-fast-accumulation",
    )
    build.add_argument(
        "--random-weights",
        action="store_true",
        help="the recipe's exact architecture without its weights, for speed alone",
    )
    flags = ("engine", "model", "autoencoder", "lora", "precision", "size", "output_size")
    add_flags(build, flags)
    build.set_defaults(command=_build)


def _add_engines(commands: _Commands) -> None:
    engines = commands.add_parser("engines", help="the engines that are built, or remove some")
    engines.add_argument(
        "--prune",
        nargs="?",
        const=30,
        type=int,
        metavar="DAYS",
        help="remove what was not used for so many days (30), what is damaged or left over; 0: all",
    )
    engines.add_argument("--json", action="store_true", help="as JSON, on stdout")
    engines.set_defaults(command=_engines)


def _config(arguments: argparse.Namespace) -> Config:
    names = Config.__dataclass_fields__
    flags = {name: value for name, value in vars(arguments).items() if name in names}
    return load_config(flags, getattr(arguments, "config", None))


def _run(arguments: argparse.Namespace) -> int:
    config = _config(arguments)
    if arguments.print_config:
        tell(to_toml(config).rstrip())
        return 0
    _check_targets(config, to_stdout=arguments.json)
    from livestyle.commands.status import StatusLine, summary
    from livestyle.front.front import Front

    _end_in_order()
    code = 0
    with Front(config, say) as front:
        for sink in front.sinks:
            say(f"output: {sink.name}")
        with StatusLine() as line:
            try:
                front.run(line.show)
            except KeyboardInterrupt:
                code = INTERRUPTED
            for ending in _ENDINGS:  # the rest takes seconds at most
                signal.signal(ending, signal.SIG_IGN)
            report = front.finish()
    say(summary(report))
    if config.report is not None:
        _write_json(config.report, report)
    if arguments.json:
        tell(json.dumps(report, indent=2))
    return code or int(bool(report["ended"]))


_ENDINGS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def _end_in_order() -> None:
    """Make every polite way of ending a Ctrl-C, also where a shell has it ignored."""
    for ending in _ENDINGS:
        signal.signal(ending, signal.default_int_handler)


def _check_targets(config: Config, *, to_stdout: bool) -> None:
    """What is written at the end only: better refused before the run than after it."""
    if to_stdout:
        _check_stdout()
    if to_stdout and "raw:-" in config.sink:
        raise ConfigError("--json and --sink raw:- both want stdout; write one of them to a file")
    _check_target("--report", config.report)


def _check_target(flag: str, file: str | None) -> None:
    if file is None:
        return
    target = Path(file).absolute()
    if not target.parent.is_dir():
        raise ConfigError(f"{flag} {file!r}: its folder does not exist; make it first")
    if target.is_dir():
        raise ConfigError(f"{flag} {file!r}: that is a folder; name a file")


def _stylize(arguments: argparse.Namespace) -> int:
    from livestyle.commands.offline import stylize_file
    from livestyle.commands.status import progress_bar
    from livestyle.stylizers import settle_stylizer

    _end_in_order()
    config = settle_stylizer(_config(arguments), say)
    with progress_bar() as advance:
        figures = stylize_file(arguments.input, arguments.output, config, advance, _NowAndThen())
    if arguments.json:
        tell(json.dumps(figures, indent=2))
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    for flag in ("json", "plot", "pictures"):
        _check_target(f"--{flag}", getattr(arguments, flag))
    benches = {"lite": _bench_lite, "turbo": _bench_turbo, "floor": _bench_floor}
    figures = benches[arguments.what](arguments)
    if arguments.json is not None:
        _write_json(arguments.json, figures)
    tell(json.dumps(figures))
    failed = [found for found in figures.get("contestants", {}).values() if "error" in found]
    for found in failed:
        say(f"livestyle: {found['error']}")
    return int(bool(failed))


def _bench_lite(arguments: argparse.Namespace) -> dict[str, Any]:
    from livestyle.bench.lite import bench_lite

    if arguments.plot is not None:
        raise ConfigError(f"--plot {arguments.plot!r}: that is for bench turbo")
    return bench_lite(_config(arguments))


def _bench_floor(arguments: argparse.Namespace) -> dict[str, Any]:
    from livestyle.stylizers.settle import settle_turbo

    config = settle_turbo(_config(arguments), say, with_model=not arguments.random_weights)
    from livestyle.bench.floor import bench_floor

    return bench_floor(config, random_weights=arguments.random_weights, say=_NowAndThen())


def _bench_turbo(arguments: argparse.Namespace) -> dict[str, Any]:
    from livestyle.stylizers.settle import settle_turbo

    numbers = {name: getattr(arguments, name) for name in ("frames", "in_flight", "limit")}
    for name, number in numbers.items():
        if number is not None and number < 1:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} {number}: a number from 1 on is expected")
    random = arguments.random_weights
    config = settle_turbo(_config(arguments), say, with_model=not random)
    if arguments.plot or arguments.pictures:
        from livestyle.bench import plot
    from livestyle.bench.turbo import Options, bench_turbo

    def keep(figures: dict[str, Any], pictures: dict[str, Any]) -> None:
        """What was measured stays, whatever comes after it."""
        if arguments.json is not None:
            _write_json(arguments.json, figures)
        if arguments.plot is not None:
            _write(arguments.plot, plot.plot_turbo(figures))
        if arguments.pictures is not None:
            _write(arguments.pictures, plot.sheet(pictures))

    options = Options(random, arguments.peer, **numbers)
    return bench_turbo(config, options, _NowAndThen(), keep)


def _build(arguments: argparse.Namespace) -> int:
    from livestyle.stylizers.settle import settle_turbo

    _end_in_order()
    random = arguments.random_weights
    config = settle_turbo(_config(arguments), say, with_model=not random)
    from livestyle.commands.status import build_bars
    from livestyle.engines.build import build_engine, check_room
    from livestyle.engines.cache import user_cache
    from livestyle.engines.plan import plan_build, with_levers

    targets = [name.strip() for names in arguments.target for name in names.split(",")]
    build = plan_build(
        config,
        targets=tuple(targets),
        flavour=arguments.flavour,
        random_weights=random,
        say=say,
    )
    build = with_levers(build, arguments.lever)
    cache = user_cache()
    say(check_room(build, cache))
    with build_bars() as report:
        entry = build_engine(build, cache, report)
    tell(json.dumps({"engine": str(entry.folder), **entry.manifest().report}))
    return 0


def _engines(arguments: argparse.Namespace) -> int:
    from livestyle.engines.cache import user_cache
    from livestyle.engines.listing import list_engines, prune

    cache = user_cache()
    if arguments.prune is not None:
        for line in prune(cache, arguments.prune):
            say(line)
    listed = list_engines(cache)
    if arguments.json:
        tell(json.dumps(listed, indent=2))
        return 0
    say(f"{len(listed)} in {cache.root}")
    for engine in listed:
        tell(f"{engine['key'][:8]}  {engine['gib']:6.2f} GiB  {engine['used']}  {engine['words']}")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from livestyle.commands.doctor import examine

    checks = examine()
    if arguments.json:
        tell(json.dumps([check.plain() for check in checks], indent=2))
    else:
        for check in checks:
            tell(f"{check.verdict:8} {check.subject}: {check.found}")
            if check.fix:
                tell(f"         → {check.fix}")
    return 1 if any(check.verdict == "broken" for check in checks) else 0


def _devices(arguments: argparse.Namespace) -> int:
    from livestyle.commands.devices import list_devices

    devices = list_devices()
    if arguments.json:
        tell(json.dumps([device.plain() for device in devices], indent=2))
    for device in [] if arguments.json else devices:
        tell(f"{device.flag:26} {device.description}")
    return 0


def _styles(arguments: argparse.Namespace) -> int:
    from livestyle.stylizers.preset import list_presets, user_file
    from livestyle.stylizers.style import list_styles

    styles, presets = list_styles(), list_presets()
    if arguments.json:
        plain = [style.plain() for style in styles], [preset.plain() for preset in presets]
        tell(json.dumps([*plain[0], *plain[1]], indent=2))
        return 0
    tell("--stylizer lite")
    for style in styles:
        tell(f"  {style.name:16} {style.title}, {style.artist}: {style.description}")
    tell(f"--stylizer turbo (your own: {user_file()})")
    for preset in presets:
        tell(f"  {preset.name:16} {preset.description}")
    return 0


def _write_json(file: str, figures: dict[str, Any]) -> None:
    _write(file, (json.dumps(figures, indent=2) + "\n").encode())


def _write(file: str, content: bytes) -> None:
    from livestyle.machine import write_atomically

    try:
        write_atomically(file, content)
    except OSError as error:
        raise LivestyleError(f"cannot write {file!r}: {reason(error)}") from error
