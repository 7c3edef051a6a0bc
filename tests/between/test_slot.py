"""The slot between two processes: no torn frame, newest wins, survives a killed writer."""

import multiprocessing
import os
import resource
import signal
import sys
import time
import zlib

import pytest

from livestyle.between.slot import Slot
from livestyle.errors import LivestyleError

FRAME_BYTES = 640 * 360 * 3 // 2


def _put(slot: Slot, seq: int) -> None:
    """A frame whose last four bytes are the checksum of the others."""
    payload = seq.to_bytes(8, "little") * (FRAME_BYTES // 8 - 1)

    def fill(buffer: memoryview) -> None:
        buffer[: len(payload)] = payload
        buffer[-4:] = zlib.crc32(payload).to_bytes(4, "little")

    slot.put(seq, captured_at=seq * 10, fill=fill)


def _write(slot: Slot, count: int) -> None:
    for seq in range(count):
        _put(slot, seq)
    slot.close()


def _check(frame: bytearray, seq: int) -> None:
    payload = bytes(frame[: (FRAME_BYTES // 8 - 1) * 8])
    assert payload[:8] == payload[-8:] == seq.to_bytes(8, "little")
    assert zlib.crc32(payload).to_bytes(4, "little") == frame[-4:]


def test_no_torn_frame_with_writer_and_reader_at_full_speed() -> None:
    count = 20_000
    frame = bytearray(FRAME_BYTES)
    with Slot(FRAME_BYTES) as slot:
        writer = multiprocessing.get_context("spawn").Process(target=_write, args=(slot, count))
        writer.start()
        seen = superseded = 0
        last = -1
        deadline = time.monotonic() + 60
        while last < count - 1 and time.monotonic() < deadline:
            if taken := slot.take(memoryview(frame)):
                _check(frame, taken.seq)
                assert taken.captured_at == taken.seq * 10
                assert taken.seq > last
                last = taken.seq
                seen += 1
                superseded += taken.superseded
        writer.join(10)
    assert last == count - 1
    assert seen + superseded == count
    assert seen > 100


def _die_in_fill(slot: Slot) -> None:
    _put(slot, 1)

    def fill(buffer: memoryview) -> None:
        buffer[:1000] = b"x" * 1000
        signal.raise_signal(signal.SIGKILL)

    slot.put(2, 0, fill)


def test_writer_killed_while_writing_leaves_the_last_frame() -> None:
    frame = bytearray(FRAME_BYTES)
    with Slot(FRAME_BYTES) as slot:
        writer = multiprocessing.get_context("spawn").Process(target=_die_in_fill, args=(slot,))
        writer.start()
        writer.join(30)
        assert writer.exitcode == -signal.SIGKILL
        taken = slot.take(memoryview(frame))
        assert taken and taken.seq == 1
        _check(frame, 1)
        assert slot.take(memoryview(frame)) is None
        _put(slot, 3)  # the next writer goes on
        taken = slot.take(memoryview(frame))
        assert taken and taken.seq == 3 and taken.superseded == 0


def test_frame_of_another_size_is_refused() -> None:
    with Slot(FRAME_BYTES) as slot:
        _put(slot, 0)
        with pytest.raises(ValueError):
            slot.take(memoryview(bytearray(FRAME_BYTES - 2)))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is reserved as it is written")
@pytest.mark.parametrize("limit", [0, 4096, FRAME_BYTES])
def test_memory_that_cannot_be_had_is_refused_at_once(limit: int) -> None:
    opened = len(os.listdir("/proc/self/fd"))
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, usual[1]))
    try:
        with pytest.raises(LivestyleError) as refused:
            Slot(FRAME_BYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert str(refused.value) == (
        "the pictures between the two processes need 1.0 MB of shared memory: File too large; "
        "raise the limit on the size of files (ulimit -f, the file system's own), or choose a "
        "smaller --output-size"
    )
    assert len(os.listdir("/proc/self/fd")) == opened


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is reserved as it is written")
def test_all_of_the_memory_is_there_from_the_start() -> None:
    with Slot(FRAME_BYTES) as slot:
        status = os.fstat(slot._memory._descriptor)
        assert status.st_blocks * 512 >= status.st_size >= 3 * FRAME_BYTES


def test_a_look_takes_nothing() -> None:
    picture, beside = bytearray(4), bytearray(4)
    with Slot(4) as slot:
        assert slot.look(memoryview(beside)) is None
        slot.put(7, 1, lambda into: into.__setitem__(slice(None), b"abcd"))
        for _ in range(2):
            seen = slot.look(memoryview(beside))
            assert seen is not None and seen.seq == 7 and beside == b"abcd"
        taken = slot.take(memoryview(picture))
        assert taken is not None and taken.superseded == 0
        assert slot.take(memoryview(picture)) is None
        assert slot.look(memoryview(beside)) is not None
