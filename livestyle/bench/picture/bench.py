"""`livestyle bench picture`: styles, and a peer's beside them, judged on the same scenes.

One contestant after the other, each in a process of its own.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from livestyle.apart import Work, run_apart
from livestyle.bench.picture.contestant import Figures, Task
from livestyle.bench.picture.own import Own
from livestyle.bench.picture.peer import Peer, parse_peer
from livestyle.bench.picture.scene import Scene, load_scenes
from livestyle.bench.picture.sheet import draw_sheet, tile
from livestyle.bench.picture.style_distance import Painting
from livestyle.bench.picture.words import can_read, read_words, write_words
from livestyle.config import Config
from livestyle.errors import ConfigError, LivestyleError
from livestyle.machine import describe_machine
from livestyle.stylizers.settle import settle_stylizer, settle_turbo
from livestyle.stylizers.style import find_style, list_styles

_Entry = tuple[str, Own | Peer]  # a contestant by its name
_SIZE = (1280, 720)


@dataclass(frozen=True)
class Options:
    """What is judged.

    styles: of the stylizer; none: every bundled one, of turbo none. peers: see `parse_peer`.
    random_weights: of the recipe's exact architecture, in place of a model. clips: files, beside
    the testcard. paintings: files, by the style that is to look like it. limit: s after which a
    contestant is ended. sheet: the ending of a contact sheet's file, "" where none is wanted.
    """

    styles: Sequence[str] = ()
    peers: Sequence[str] = ()
    random_weights: bool = False
    clips: Sequence[str] = ()
    paintings: Mapping[str, str] = field(default_factory=dict)
    limit: float | None = None
    sheet: str = ""


@dataclass(frozen=True)
class Listener:
    """Whoever waits for it. say: told a line for the user. keep: given what there is so far, again
    after each contestant, and the contact sheet of it, b"" where none is wanted. advance: told how
    many scenes are done, and of how many.
    """

    say: Callable[[str], None]
    keep: Callable[[Figures, bytes], None]
    advance: Callable[[int, int], None]


def bench_picture(config: Config, options: Options, listener: Listener) -> Figures:
    """Judge them.

    config: with the stylizer, lite or turbo, and all that holds for every style.

    Returns for each contestant its figures, see livestyle.bench.picture.contestant, or the error
    that ended it. Raises ConfigError for a setting that makes no sense, MissingPackage, ModelError,
    SourceError, and LivestyleError where tesseract fails.
    """
    entries = [*_own_entries(config, options, listener.say), *_peer_entries(options.peers)]
    size = config.output_size or _SIZE
    scenes = load_scenes(options.clips, size)
    readable = _readable(scenes, listener.say)
    task = Task(tuple(options.clips), size, readable, bool(options.sheet))
    run = _Run(_begun(config, scenes, task), scenes, options.sheet, listener.keep)
    done, total = 0, len(entries) * len(scenes)
    listener.advance(done, total)

    def advance(_: None) -> None:
        nonlocal done
        done += 1
        listener.advance(done, total)

    for number, entry in enumerate(dict(entries).items(), 1):
        run.add(entry[0], _judged(task, entry, options.limit, advance))
        done = number * len(scenes)  # whatever it failed at
    return run.figures


def _own_entries(config: Config, options: Options, say: Callable[[str], None]) -> list[_Entry]:
    """livestyle's, settled. say: told what was chosen or corrected."""
    _check_paintings(config, options)
    if config.stylizer == "lite":
        if options.random_weights:
            raise ConfigError("--random-weights: that is for --stylizer turbo")
        names = options.styles or [style.name for style in list_styles()]
        settled = [settle_stylizer(dataclasses.replace(config, style=name), say) for name in names]
    elif config.stylizer == "turbo":
        settled = _settled_turbo(config, options, say)
    else:
        raise ConfigError(f"stylizer {config.stylizer!r} has no style to judge; use lite or turbo")
    return [
        (each.style or each.stylizer, Own(each, options.random_weights, _painting(each, options)))
        for each in settled
    ]


def _settled_turbo(config: Config, options: Options, say: Callable[[str], None]) -> list[Config]:
    """One for each preset, or one without; their model, if there is any, is on this disk then."""
    first, *others = options.styles or (None,)
    stored = not options.random_weights
    settled = [settle_turbo(dataclasses.replace(config, style=first), say, with_model=stored)]
    if stored:
        from livestyle.models.loadable import stored_model

        stored_model(settled[0], say)
    return settled + [
        settle_turbo(dataclasses.replace(config, style=name), lambda _: None, with_model=stored)
        for name in others
    ]


def _check_paintings(config: Config, options: Options) -> None:
    """Raise ConfigError for paintings that would not be compared with anything."""
    for name in options.paintings:
        if config.stylizer != "lite" or not find_style(name).artist:
            raise ConfigError(f"--painting {name}=…: that style is of no painting")
        if options.styles and name not in options.styles:
            raise ConfigError(f"--painting {name}=…: --style {name} is not judged; add it")


def _painting(config: Config, options: Options) -> Painting | None:
    file = options.paintings.get(config.style or "")
    return Painting(file) if file else None


def _peer_entries(texts: Sequence[str]) -> list[_Entry]:
    return [(peer.name, peer) for text in texts for peer in parse_peer(text)]


def _readable(scenes: Sequence[Scene], say: Callable[[str], None]) -> dict[str, Counter[str]]:
    """The words that are read of each scene itself, by its name."""
    if not can_read():
        say("tesseract is not installed, legibility is left out; on Debian: tesseract-ocr")
        return {}
    return {scene.name: read_words(*write_words(scene.picture)) for scene in scenes}


def _begun(config: Config, scenes: Sequence[Scene], task: Task) -> Figures:
    """What is known before anything is judged."""
    return {
        "bench": "picture",
        "machine": describe_machine(),
        "stylizer": config.stylizer,
        "finish": {name: getattr(config, name) for name in ("detail", "hold", "colour", "mix")},
        "output_size": list(task.size),
        "scenes": {
            scene.name: {
                "frames": len(scene.frames),
                "words": task.readable[scene.name].total() if task.readable else None,
            }
            for scene in scenes
        },
        "contestants": {},
    }


def _judged(
    task: Task, entry: _Entry, limit: float | None, advance: Callable[[None], None]
) -> Figures:
    name, contestant = entry
    function = "own:judge_own" if isinstance(contestant, Own) else "peer:judge_peer"
    arguments = task, contestant
    work = Work(f"livestyle.bench.picture.{function}", arguments, name, seconds=limit)
    try:
        figures, peak = run_apart(work, advance)
    except LivestyleError as error:
        return {"error": f"bench of {name}: {error}"}
    return {**figures, "memory_gib": peak}


class _Run:
    """What was judged so far."""

    def __init__(
        self,
        figures: Figures,
        scenes: Sequence[Scene],
        ending: str,
        keep: Callable[[Figures, bytes], None],
    ) -> None:
        self.figures = figures
        self._columns = [scene.name for scene in scenes]
        self._rows = {"source": [tile(scene.picture) for scene in scenes]}
        self._ending = ending
        self._keep = keep

    def add(self, name: str, found: Figures) -> None:
        """What a contestant came to."""
        if pictures := found.pop("pictures", None):
            self._rows[name] = [tile(picture) for picture in pictures]
        self.figures["contestants"][name] = found
        sheet = draw_sheet(self._rows, self._columns, self._ending) if self._ending else b""
        self._keep(self.figures, sheet)
