"""Damages to files, each by a random generator of its own: file number K is always the same."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

SEED = 20261128
Spans = list[tuple[int, int]]  # where the parts of a file begin and end
_PNG = b"\x89PNG\r\n\x1a\n"
_HUGE = (
    (16000, 16000), (65535, 65535), (16383, 16383), (30000, 8000), (2**20, 200), (2**31 - 1, 1),
    (8192, 4096), (8192, 8192), (12000, 9000), (65500, 4000),
)  # fmt: skip
_EXTREMES = (
    0,
    1,
    255,
    0x7FFF,
    0x8000,
    16383,
    16384,
    65535,
    2**24,
    2**28,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
_BOXES_OF_BOXES = (
    b"moov",
    b"trak",
    b"mdia",
    b"minf",
    b"stbl",
    b"moof",
    b"traf",
    b"edts",
    b"iprp",
    b"ipco",
)


class Damaged(NamedTuple):
    """A file as it is to be tried: its name, which says what was done to it, and its content."""

    name: str
    content: bytes


def damaged(whole: dict[str, bytes], count: int) -> Iterator[Damaged]:
    """So many, of each file and each damage in turn. whole: by name."""
    names = list(whole)
    for number in range(count):
        dice = random.Random(SEED + number)
        name = names[number % len(names)]
        # the damages go round at another pace than the files do
        how, damage = list(DAMAGES.items())[(number + number // len(names)) % len(DAMAGES)]
        content = damage(bytearray(whole[name]), dice)
        stem, _, ending = name.rpartition(".")
        if how == "renamed":
            ending = dice.choice([other.rpartition(".")[2] for other in names])
        if how == "joined":
            content = whole[name][: dice.randrange(len(content))] + whole[dice.choice(names)]
        yield Damaged(f"{number:03}-{stem}-{how}.{ending}", bytes(content))


def _cut(file: bytearray, dice: random.Random) -> bytes:
    """Anywhere, within its first bytes, in its last ones, or where a part ends."""
    places = [dice.randrange(len(file)), dice.randrange(64), len(file) - dice.randrange(1, 40)]
    places += [end for _, end in _parts(file)][:-1]
    return file[: dice.choice(places)]


def _flipped(file: bytearray, dice: random.Random) -> bytes:
    for _ in range(dice.choice([1, 4, 30, 300])):
        file[dice.randrange(len(file))] ^= 1 << dice.randrange(8)
    return file


def _flipped_head(file: bytearray, dice: random.Random) -> bytes:
    for _ in range(dice.choice([1, 2, 5, 20])):
        file[dice.randrange(min(len(file), 700))] ^= 1 << dice.randrange(8)
    return _checked(file)


def _overwritten(file: bytearray, dice: random.Random) -> bytes:
    """A run of zeros, of ones, or of noise."""
    start, length = dice.randrange(len(file)), dice.choice([1, 16, 300, 4000])
    length = min(length, len(file) - start)
    run = dice.choice([bytes(length), b"\xff" * length, dice.randbytes(length)])
    file[start : start + length] = run
    return file


def _lacking(file: bytearray, dice: random.Random) -> bytes:
    start, end = dice.choice(_parts(file))
    return file[:start] + file[end:]


def _twice(file: bytearray, dice: random.Random) -> bytes:
    start, end = dice.choice(_parts(file))
    return file[:end] + file[start:end] * dice.choice([1, 3, 40]) + file[end:]


def _swapped(file: bytearray, dice: random.Random) -> bytes:
    parts = _parts(file)
    if len(parts) < 2:
        return file[::-1]
    (a, b), (c, d) = sorted(dice.sample(parts, 2))
    if c < b:  # the one lies in the other
        return file[:a] + file[c:d] + file[b:]
    return file[:a] + file[c:d] + file[b:c] + file[a:b] + file[d:]


def _blown_up(file: bytearray, dice: random.Random) -> bytes:
    """A number of the header, or the length of a part, says something extreme."""
    starts = [start for start, _ in _parts(file)] + [start + 4 for start, _ in _parts(file)]
    for _ in range(dice.choice([1, 1, 2, 5])):
        at = dice.choice([dice.randrange(min(len(file), 600)), dice.choice(starts)])
        form, most = dice.choice([(">I", 2**32), ("<I", 2**32), (">H", 2**16), ("<H", 2**16)])
        if at + struct.calcsize(form) <= len(file):
            struct.pack_into(form, file, at, dice.choice(_EXTREMES) % most)
    return _checked(file)


def _bomb(file: bytearray, dice: random.Random) -> bytes:
    """It says of itself that it is huge, wherever it says how large it is."""
    sides = dice.choice(_HUGE)
    for form in (">I", "<I", ">H", "<H"):
        most = 2 ** (8 * struct.calcsize(form)) - 1
        for said, huge in zip((160, 120), sides, strict=True):
            packed = struct.pack(form, said)
            at = file.find(packed, 0, 1500)
            if at >= 0:
                file[at : at + len(packed)] = struct.pack(form, min(huge, most))
    return _checked(file)


def _nothing(file: bytearray, dice: random.Random) -> bytes:
    """A run of one byte, under the file's name, after its first few bytes."""
    length = dice.choice([1, 100, 100_000])
    return file[: dice.choice([0, 4, 12, 64])] + dice.choice([b"\0", b"\xff", b"A"]) * length


def _same(file: bytearray, _: random.Random) -> bytes:
    return file


DAMAGES: dict[str, Callable[[bytearray, random.Random], bytes]] = {
    "cut": _cut,
    "flipped": _flipped,
    "bomb": _bomb,
    "flipped-head": _flipped_head,
    "overwritten": _overwritten,
    "lacking": _lacking,
    "blown-up": _blown_up,
    "twice": _twice,
    "swapped": _swapped,
    "renamed": _same,
    "joined": _same,
    "nothing": _nothing,
}


def _parts(file: bytes | bytearray) -> Spans:
    """The chunks, segments or boxes of a file; of others slices of some length."""
    if file.startswith(_PNG):
        found = list(_chunks(file, 8, ">I4x", 12))
    elif file.startswith(b"RIFF"):
        found = list(_chunks(file, 12, "<4xI", 8))
    elif file.startswith(b"\xff\xd8"):
        found = list(_segments(file))
    elif file[4:8] == b"ftyp":
        found = list(_boxes(file, 0, len(file)))
    else:
        step = max(1, len(file) // 12)
        found = [(at, min(at + step, len(file))) for at in range(0, len(file), step)]
    return found or [(0, len(file))]


def _chunks(file: bytes | bytearray, at: int, form: str, more: int) -> Iterator[tuple[int, int]]:
    while at + 8 <= len(file):
        (length,) = struct.unpack_from(form, file, at)
        end = min(len(file), at + length + more + (length % 2 if more == 8 else 0))
        yield at, end
        at = end


def _segments(file: bytes | bytearray) -> Iterator[tuple[int, int]]:
    at = 2
    while at + 4 <= len(file) and file[at] == 0xFF:
        (length,) = struct.unpack_from(">H", file, at + 2)
        yield at, min(len(file), at + 2 + length)
        at += 2 + length


def _boxes(file: bytes | bytearray, at: int, end: int) -> Iterator[tuple[int, int]]:
    while at + 8 <= end:
        length, name = struct.unpack_from(">I4s", file, at)
        stop = min(end, at + max(length, 8))
        yield at, stop
        if name in _BOXES_OF_BOXES:
            yield from _boxes(file, at + 8, stop)
        at = stop


def _checked(file: bytearray) -> bytearray:
    """With the checksums of a PNG's chunks right again: what they say is believed then."""
    if file.startswith(_PNG):
        for start, end in _chunks(file, 8, ">I4x", 12):
            if end - start >= 12:
                struct.pack_into(">I", file, end - 4, zlib.crc32(file[start + 4 : end - 4]))
    return file
