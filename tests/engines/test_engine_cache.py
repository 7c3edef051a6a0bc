"""The cache of engines: keys, damage, ownership, builds that die. Nothing damaged is ever used."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from livestyle.commands import main
from livestyle.engines.cache import Cache
from livestyle.engines.entry import Entry, Manifest
from livestyle.engines.spec import Spec
from livestyle.errors import EngineError
from livestyle.models.digest import digest

SPEC = Spec(
    model="a" * 64,
    autoencoder="b" * 64,
    loras=(("c" * 64, 0.7),),
    size=(512, 512),
    batch=1,
    precision="fp16",
    graph="d" * 64,
    exporter="torch 2.13.0, onnxscript 0.7.2, opset 20",
    engine="tensorrt",
    flavour="rtx",
    version="1.7.1.116",
    targets=("sm_89",),
    card="",
    platform="linux-x86_64",
)
OTHER: dict[str, Any] = {
    "model": "e" * 64,
    "autoencoder": "e" * 64,
    "loras": (("c" * 64, 0.8),),
    "size": (512, 384),
    "batch": 2,
    "precision": "fp8",
    "graph": "e" * 64,
    "exporter": "torch 2.14.0, onnxscript 0.7.2, opset 20",
    "engine": "openvino",
    "flavour": "full",
    "version": "1.7.2",
    "targets": ("sm_120",),
    "card": "NVIDIA L4",
    "platform": "win32-amd64",
}
FILES = {"unet.plan": random.Random(1).randbytes(5000), "decoder.plan": b"decoder" * 40}


def _fill(cache: Cache, spec: Spec = SPEC, files: dict[str, bytes] | None = None) -> Entry:
    with cache.building(spec) as folder:
        for name, content in (files or FILES).items():
            (folder / name).write_bytes(content)
        manifest = Manifest(spec, "a model", 1.0, {}, {"scaling": 1.0}, {"export": {"seconds": 1}})
        return cache.finish(folder, manifest)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "engines")


def test_a_key_is_another_for_everything_that_counts() -> None:
    assert set(OTHER) == {field.name for field in dataclasses.fields(Spec)}
    specs = [SPEC, *(dataclasses.replace(SPEC, **{name: OTHER[name]}) for name in OTHER)]
    specs.append(dataclasses.replace(SPEC, loras=()))
    assert len({spec.key for spec in specs}) == len(specs)
    assert dataclasses.replace(SPEC).key == SPEC.key


def test_what_is_built_is_found_and_read(cache: Cache) -> None:
    assert cache.find(SPEC) is None
    entry = _fill(cache)
    found = cache.find(SPEC)
    assert found is not None and found.folder == entry.folder
    manifest, files = found.read()
    assert {name: files[name][:] for name in files} == FILES
    assert (manifest.spec, manifest.title, manifest.facts) == (SPEC, "a model", {"scaling": 1.0})
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (cache.root, entry.folder)]
    assert modes == [0o700, 0o700]
    assert {stat.S_IMODE(file.stat().st_mode) for file in entry.folder.iterdir()} == {0o600}


def test_an_engine_for_several_targets_serves_each(cache: Cache) -> None:
    both = _fill(cache, dataclasses.replace(SPEC, targets=("sm_120", "sm_89")))
    for target, found in (("sm_89", True), ("sm_120", True), ("sm_86", False)):
        entry = cache.find(dataclasses.replace(SPEC, targets=(target,)))
        assert (entry is not None and entry.key == both.key) is found
    assert cache.find(dataclasses.replace(SPEC, precision="fp32")) is None


def test_a_newer_build_takes_the_place_of_an_older_one(cache: Cache) -> None:
    _fill(cache)
    entry = _fill(cache, files={"unet.plan": b"newer"})
    assert entry.read()[1]["unet.plan"][:] == b"newer"
    assert [path.name for path in cache.root.iterdir() if path.is_dir()] == [entry.key]


# each takes an entry's folder and a source of chance, and returns what must be in the refusal
Damage = Callable[[Path, random.Random], str]


def _any_file(folder: Path, chance: random.Random) -> Path:
    return chance.choice(sorted(folder.iterdir()))


def _truncated(folder: Path, chance: random.Random) -> str:
    file = _any_file(folder, chance)
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(len(content))])
    return ""


def _flipped(folder: Path, chance: random.Random) -> str:
    file = _any_file(folder, chance)
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)
    return ""


def _longer(folder: Path, chance: random.Random) -> str:
    with _any_file(folder, chance).open("ab") as opened:
        opened.write(chance.randbytes(chance.randint(1, 9)))
    return ""


def _swapped(folder: Path, chance: random.Random) -> str:
    one, other = chance.sample(sorted(folder.iterdir()), 2)
    one.rename(folder / "x")
    other.rename(one)
    (folder / "x").rename(other)
    return ""


def _missing(folder: Path, chance: random.Random) -> str:
    _any_file(folder, chance).unlink()
    return ""


def _extra(folder: Path, chance: random.Random) -> str:
    (folder / f"{chance.randrange(99)}.so").write_bytes(b"code")
    return "does not belong there"


def _of_another(folder: Path, chance: random.Random) -> str:
    """A sound entry under a key that is not its own."""
    spec = dataclasses.replace(SPEC, batch=chance.randint(2, 10**6))
    other = _fill(Cache(folder.parent), spec)
    shutil.rmtree(folder)
    other.folder.rename(folder)
    return "its manifest is of another engine"


def _file_link(folder: Path, chance: random.Random) -> str:
    file = _any_file(folder, chance)
    moved = file.rename(folder.parent / f"moved-{chance.randrange(10**9)}")
    file.symlink_to(moved)
    return "is a link"


def _folder_link(folder: Path, chance: random.Random) -> str:
    moved = folder.rename(folder.parent / f"moved-{chance.randrange(10**9)}")
    folder.symlink_to(moved)
    return "it is no folder"


def _open_mode(folder: Path, chance: random.Random) -> str:
    path = chance.choice([folder, _any_file(folder, chance)])
    path.chmod(path.stat().st_mode | chance.choice([0o004, 0o020, 0o002, 0o040, 0o777]))
    return "is open to other users"


def _own_by_another(folder: Path, chance: random.Random) -> str:
    os.chown(chance.choice([folder, _any_file(folder, chance)]), 65534, -1)
    return "belongs to user 65534"


def _device(folder: Path, chance: random.Random) -> str:
    file = _any_file(folder, chance)
    file.unlink()
    os.mkfifo(file, 0o600)
    return "is no file"


DAMAGES: list[Damage] = [
    _truncated,
    _flipped,
    _longer,
    _swapped,
    _missing,
    _extra,
    _of_another,
    _file_link,
    _folder_link,
    _open_mode,
    _own_by_another,
    _device,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_whatever_is_damaged_is_refused(damage: Damage, tmp_path: Path) -> None:
    if damage is _own_by_another and os.geteuid():
        pytest.skip("only root can give files away")
    chance = random.Random(damage.__name__)
    for number in range(1000 // len(DAMAGES) + 1):
        cache = Cache(tmp_path / str(number))
        entry = _fill(cache)
        reason = damage(entry.folder, chance)
        with pytest.raises(EngineError, match="is refused: ") as refused:
            entry.read()
        message = str(refused.value)
        assert reason in message
        assert "\n" not in message and "livestyle engines --prune, and build" in message
        shutil.rmtree(cache.root)


def test_a_cache_that_others_may_write_to_is_refused(cache: Cache) -> None:
    _fill(cache)
    cache.root.chmod(0o777)
    with pytest.raises(EngineError, match="it is open to other users .mode 777.*chmod 700"):
        cache.find(SPEC)


def test_a_build_that_fails_leaves_nothing(cache: Cache) -> None:
    with pytest.raises(ZeroDivisionError), cache.building(SPEC) as folder:
        (folder / "half.plan").write_bytes(b"half")
        raise ZeroDivisionError
    assert [path.name for path in cache.root.iterdir() if path.is_dir()] == []
    _fill(cache)


def test_two_builds_of_one_engine_do_not_meet(cache: Cache) -> None:
    with cache.building(SPEC) as folder:
        other = Cache(cache.root)
        with (
            pytest.raises(EngineError, match="another process is building this engine"),
            other.building(SPEC),
        ):
            pass
        assert folder.is_dir()
        with other.building(dataclasses.replace(SPEC, batch=2)):  # and cleans up beforehand
            assert folder.is_dir()


def test_what_died_is_cleaned_up(cache: Cache) -> None:
    entry = _fill(cache)
    left = cache.root / f"{'0' * 32}.building"
    left.mkdir()
    (left / "unet.onnx").write_bytes(b"x")
    gone = cache.root / f"{'1' * 32}.gone1"
    gone.mkdir()
    held = cache.root / f"{'2' * 32}.building"
    held.mkdir()
    with FileLock(cache.root / f"{'2' * 32}.lock"):
        assert sorted(cache.clean()) == sorted([left, gone])
    assert held.is_dir() and entry.folder.is_dir()


def test_nothing_else_is_ever_removed(cache: Cache) -> None:
    _fill(cache)
    names = ["photos.gone", "backup.building", "mine.running", f"{'0' * 31}.building"]
    for name in names:
        (cache.root / name).mkdir()
    assert cache.clean() == []
    cache.root.chmod(0o755)
    with pytest.raises(EngineError, match="chmod 700"):
        cache.clean()
    assert {path.name for path in cache.root.iterdir()} >= set(names)


def test_what_is_unpacked_goes_with_its_process(cache: Cache) -> None:
    mine = cache.running_folder()
    assert mine.name == f"{os.getpid()}.running"
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    dead = cache.root / f"{process.pid}.running"
    dead.mkdir()
    assert cache.clean() == [dead]
    assert mine.is_dir()


def test_removing_an_engine_leaves_its_rebuild_alone(cache: Cache) -> None:
    entry = _fill(cache)
    with cache.building(SPEC) as folder:
        cache.remove(entry)
        assert cache.clean() == []
        assert folder.is_dir()


def test_without_what_exported_it_an_engine_still_serves(cache: Cache) -> None:
    entry = _fill(cache)
    lacking = SPEC.exporter.replace("onnxscript 0.7.2", "onnxscript none")
    found = cache.find(dataclasses.replace(SPEC, exporter=lacking))
    assert found is not None and found.key == entry.key
    assert cache.find(dataclasses.replace(SPEC, exporter=lacking, batch=2)) is None


def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path) -> None:
    cache = Cache(small_disk / "engines")
    entry = _fill(cache)
    with pytest.raises(OSError, match="No space left"), cache.building(SPEC) as folder:
        (folder / "unet.plan").write_bytes(b"x" * (2 << 20))
    assert entry.read()[1]["unet.plan"][:] == FILES["unet.plan"]


def test_engines_are_listed_and_pruned(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVESTYLE_ENGINES", str(cache.root))
    assert main(["engines"]) == 0
    assert capsys.readouterr().out == ""
    old, new, broken, flipped = (
        _fill(cache, dataclasses.replace(SPEC, batch=batch)) for batch in (1, 2, 3, 4)
    )
    os.utime(old.folder / "manifest.json", (1e9, 1e9))
    (flipped.folder / "unet.plan").write_bytes(FILES["unet.plan"][::-1])
    (broken.folder / "manifest.json").write_text("{}")
    assert main(["engines"]) == 0
    listed = capsys.readouterr().out
    sound = "a model with 1 LoRA 512x512 fp16, tensorrt rtx 1.7.1.116, for sm_89"
    assert listed.count(sound) == 3  # of what is in the files, the list does not tell
    assert "2001-09-0" in listed and "its checksum is wrong" in listed
    assert main(["engines", "--prune"]) == 0
    said, listed = (capsys.readouterr().err, sorted(path.name for path in cache.root.iterdir()))
    assert f"removed {sound}: not used since 2001-09-0" in said
    assert f"removed {broken.key}: damaged" in said
    assert f"removed {flipped.key}: damaged" in said
    assert [name for name in listed if "." not in name] == [new.key]
    assert main(["engines", "--prune", "0"]) == 0
    assert [path for path in cache.root.iterdir() if path.is_dir()] == []


ODD: list[Any] = [
    None, True, -1, 0, 10**400, 1.5, float("inf"), float("-inf"), float("nan"), "", "x", "\ud800",
    "\x1b[2J", "../x", "a\0b", [], [1], [[]], ["a", float("inf")], {}, {"a": None},
]  # fmt: skip


def _places(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all that is in a JSON value."""
    inner = plain.items() if isinstance(plain, dict) else enumerate(plain)
    found = []
    for key, value in inner:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += _places(value, (*path, key))
    return found


def _mangle(plain: dict[str, Any], chance: random.Random) -> None:
    *path, last = chance.choice(_places(plain))
    inside: Any = plain
    for key in path:
        inside = inside[key]
    if chance.random() < 0.2:
        del inside[last]
    elif isinstance(inside, dict) and chance.random() < 0.1:
        inside[str(chance.random())] = inside.pop(last)
    else:
        inside[last] = chance.choice(ODD)


def _rewrite(entry: Entry, plain: dict[str, Any]) -> None:
    """A manifest whose checksum is right, under the key that it says."""
    content = json.dumps(plain)
    checksum = hashlib.sha256(content.encode()).hexdigest()
    (entry.folder / "manifest.json").write_text(f"{checksum}\n{content}\n")
    with contextlib.suppress(Exception):
        entry.folder.rename(entry.folder.parent / Spec.from_plain(plain["spec"]).key)


def _listed_and_pruned(cache: Cache, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["engines"]) == 0
    assert main(["engines", "--json"]) == 0
    listed = capsys.readouterr().out
    with contextlib.suppress(EngineError):  # it may be this one
        cache.find(SPEC)
    assert main(["engines", "--prune", "0"]) == 0
    assert [path for path in cache.root.iterdir() if path.is_dir()] == []
    assert "\x1b" not in listed + capsys.readouterr().err
    return listed


@pytest.mark.parametrize(
    ("path", "damage"),
    [
        (("spec", "size"), ([float("inf"), 512], "its width is no whole number from 1 on but inf")),
        (("spec", "size"), ([512, 0], "its height is no whole number from 1 on but 0")),
        (("spec", "batch"), (1.5, "its batch is no whole number")),
        (("spec", "engine"), (5, "its engine is no text but 5")),
        (("spec", "card"), (None, "its card is no text but None")),
        (("spec", "targets"), ([["sm_89"]], "its target is no text")),
        (("title",), ({}, "its title is {}")),
        (("facts",), (None, "its facts is None")),
        (("files",), ({"unet.plan": [float("inf"), "x"]}, "cannot convert float infinity")),
    ],
)
def test_a_manifest_of_other_kinds_of_values_is_refused_in_a_line(
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    path: tuple[str, ...],
    damage: tuple[Any, str],
) -> None:
    monkeypatch.setenv("LIVESTYLE_ENGINES", str(cache.root))
    entry = _fill(cache)
    plain = json.loads((entry.folder / "manifest.json").read_text().partition("\n")[2])
    inside = plain
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]], why = damage
    _rewrite(entry, plain)
    assert why in _listed_and_pruned(cache, capsys)


def test_no_manifest_ends_in_a_traceback(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVESTYLE_ENGINES", str(cache.root))
    chance = random.Random(20)
    for _ in range(150):
        entry = _fill(cache)
        plain = json.loads((entry.folder / "manifest.json").read_text().partition("\n")[2])
        for _ in range(chance.choice([1, 1, 1, 3])):
            _mangle(plain, chance)
        _rewrite(entry, plain)
        _listed_and_pruned(cache, capsys)


def test_a_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes(b"a")
    two.write_bytes(b"b")
    first = digest([one, two])
    assert digest([two, one]) == first
    assert digest([one, two], "settings") != first
    two.write_bytes(b"c")
    assert digest([one, two]) != first


def test_a_file_of_the_hub_is_known_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    blob = tmp_path / "blobs" / ("0" * 64)
    blob.write_bytes(b"not what the name says, so it was not read")
    link = tmp_path / "model.safetensors"
    link.symlink_to(blob)
    before = digest([link])
    blob.write_bytes(b"other")
    assert digest([link]) == before
