"""OSC in, by real datagrams that python-osc makes."""

from __future__ import annotations

import functools
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import waiting
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from web_client import figures, ignore

from livestyle.control.osc import Osc
from livestyle.errors import ConfigError, LivestyleError, MissingPackage
from livestyle.values import endpoint
from tests.controls import FakeRun

until = functools.partial(waiting.until, limit=10)

SECRET = "a prompt that is nobody's business"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def datagram(address: str, *values: Any) -> bytes:
    message = OscMessageBuilder(address)
    for value in values:
        message.add_arg(value)
    return bytes(message.build().dgram)


class Heard:
    """A run that notes what it is asked, and refuses what a test says; the OSC that asks it."""

    def __init__(self, sender: socket.socket) -> None:
        self.changes: list[dict[str, Any]] = []
        self.refuses: str = ""
        self.run = FakeRun(figures, self._take)
        self.osc = Osc(endpoint(free_port()), self.run)
        self.sender = sender
        sender.connect(("127.0.0.1", int(self.osc.endpoint.rpartition(":")[2])))

    def send(self, address: str, *values: Any) -> None:
        self.sender.send(datagram(address, *values))

    def _take(self, values: dict[str, Any]) -> None:
        if self.refuses in values:
            raise ConfigError(f"{self.refuses} is refused")
        self.changes.append(values)


@pytest.fixture
def heard() -> Iterator[Heard]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        opened = Heard(sender)
        with opened.osc:
            yield opened


@pytest.mark.parametrize(
    ("key", "sent", "taken"),
    [
        ("style", ["mosaic"], "mosaic"),
        ("mix", [0.25], 0.25),
        ("mix", [1], 1),
        ("detail", ["0.5"], "0.5"),
        ("steps", [2.0], 2.0),
        ("seed", ["random"], "random"),
        ("off", [True], True),
        ("off", [1], True),
        ("off", [0.0], False),
        ("off", [], True),
        ("keep", ["0,0,64,64", "64,0,64,64"], ["0,0,64,64", "64,0,64,64"]),
        ("keep", [""], []),
        ("keep", [], []),
        ("prompt-fade", [2], 2),
        ("prompt", ["Großstadt 🌃"], "Großstadt 🌃"),
    ],
)
def test_messages_change_settings(heard: Heard, key: str, sent: list[Any], taken: Any) -> None:
    heard.send(f"/livestyle/{key}", *sent)
    until(lambda: heard.changes)
    assert heard.changes == [{key: taken}]
    assert type(heard.changes[0][key]) is type(taken)
    assert (heard.osc.messages, heard.osc.refused, heard.osc.notes) == (1, 0, [])


@pytest.mark.parametrize(
    ("address", "sent", "said"),
    [
        ("/livestyle/mix", [7], "osc /livestyle/mix: a number from 0 to 1 is expected"),
        ("/livestyle/mix", [float("nan")], "osc /livestyle/mix: a number from 0 to 1 is expected"),
        ("/livestyle/mix", [0.1, 0.2], "osc /livestyle/mix: one value is expected, not 2"),
        ("/livestyle/mix", [], "osc /livestyle/mix: one value is expected, not 0"),
        ("/livestyle/off", ["no"], "osc /livestyle/off: true or false is expected"),
        ("/livestyle/aspect", [b"fit"], "osc /livestyle/aspect: choose from: fit, fill, stretch"),
        ("/livestyle/prompt", [SECRET * 40], "osc /livestyle/prompt: text of at most 1000"),
        ("/livestyle/record", [7], "osc /livestyle/record: true or false is expected"),
        ("/livestyle/port", [1], "osc: '/livestyle/port' is none of /livestyle/KEY; keys are: "),
        ("/livestyle", [1], "osc: '/livestyle' is none of /livestyle/KEY; keys are: "),
        ("/elsewhere/mix", [1], "osc: '/elsewhere/mix' is none of /livestyle/KEY; keys are: "),
    ],
)
def test_what_is_wrong_is_counted_and_told_once(
    heard: Heard, address: str, sent: list[Any], said: str
) -> None:
    for _ in range(3):
        heard.send(address, *sent)
    until(lambda: heard.osc.messages == 3)
    assert heard.osc.refused == 3 and len(heard.osc.notes) == 1
    assert (
        heard.osc.notes[0].startswith(said)
        and "\n" not in heard.osc.notes[0]
        and SECRET not in heard.osc.notes[0]
    )
    heard.send("/livestyle/mix", 0.5)
    until(lambda: heard.changes)
    assert heard.changes == [{"mix": 0.5}]


def element(content: bytes, size: int | None = None) -> bytes:
    return struct.pack(">i", len(content) if size is None else size) + content


BUNDLE = b"#bundle\0" + bytes(7) + b"\1"


@pytest.mark.parametrize(
    "packet",
    [
        BUNDLE + element(b"", -4),  # leads back to itself
        BUNDLE + element(b"/a\0\0", -8),
        BUNDLE + element(b"", 0),
        BUNDLE + element(b"/a\0\0", 400),
        BUNDLE + element(b"none"),
        BUNDLE + b"\0\0",
        functools.reduce(lambda inner, _: BUNDLE + element(inner), range(500), BUNDLE),
        b"/livestyle/mix\0\0," + b"?\x1b" * 500 + bytes(4),
        b"no message",
        b"/",
    ],
    ids=lambda packet: repr(packet[:40]),
)
def test_what_is_none_of_osc_is_told_once_and_nothing_else(
    heard: Heard, packet: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        heard.sender.send(packet)
    until(lambda: heard.osc.messages == 3)
    assert heard.osc.notes == ["osc: a message is none of OSC"]
    heard.sender.send(BUNDLE + element(BUNDLE + element(datagram("/livestyle/mix", 0.5))))
    until(lambda: heard.changes)
    assert heard.changes == [{"mix": 0.5}]
    assert not caplog.records


def test_the_newest_of_each_key_wins_while_a_change_is_being_taken(heard: Heard) -> None:
    answered = threading.Event()
    heard.run.answer = lambda: "" if answered.is_set() else None
    heard.send("/livestyle/mix", 0.0)
    until(lambda: heard.changes)
    for step in range(1, 201):
        heard.send("/livestyle/mix", step / 200)
        heard.send("/livestyle/detail", step / 400)
        if step % 20 == 0:  # a socket's buffer holds so many
            until(lambda step=step: heard.osc.messages == 1 + 2 * step)
    assert len(heard.changes) == 1
    answered.set()
    until(lambda: len(heard.changes) == 2)
    assert heard.changes[1] == {"mix": 1.0, "detail": 0.5}


def test_one_that_is_refused_keeps_no_other_from_being_taken(heard: Heard) -> None:
    answered = threading.Event()
    heard.run.answer = lambda: "" if answered.is_set() else None
    heard.refuses = "style"
    heard.send("/livestyle/hold", 1)
    until(lambda: heard.changes)
    for key, value in (("mix", 1), ("style", "mosaic"), ("detail", 0)):
        heard.send(f"/livestyle/{key}", value)
    until(lambda: heard.osc.messages == 4)
    answered.set()
    until(lambda: len(heard.changes) == 3)
    assert heard.changes[1:] == [{"mix": 1}, {"detail": 0}]
    assert heard.osc.refused == 1 and heard.osc.notes == ["osc /livestyle/style: style is refused"]


def test_a_refusal_that_comes_later_is_counted(heard: Heard) -> None:
    heard.run.answer = lambda: "the prompt can't be encoded"
    heard.send("/livestyle/prompt", SECRET)
    until(lambda: heard.osc.refused)
    assert heard.osc.notes == []  # the run tells it


def test_a_recording_is_started_and_stopped_and_a_button_may_say_it_again(heard: Heard) -> None:
    heard.send("/livestyle/record", 1)
    until(lambda: heard.run.recording())
    heard.send("/livestyle/record", 1)
    heard.send("/livestyle/record", 0)
    until(lambda: heard.osc.messages == 3 and heard.run.recording() is None)
    assert heard.osc.refused == 0 and not heard.changes


def test_a_bundle_is_taken_as_its_messages(heard: Heard) -> None:
    bundle = OscBundleBuilder(IMMEDIATELY)
    for key, value in (("mix", 0.5), ("style", "mosaic")):
        message = OscMessageBuilder(f"/livestyle/{key}")
        message.add_arg(value)
        bundle.add_content(message.build())
    heard.sender.send(bundle.build().dgram)
    until(lambda: heard.osc.messages == 2)
    until(lambda: {key for change in heard.changes for key in change} == {"mix", "style"})


def test_no_datagram_ends_it(heard: Heard) -> None:
    drawn = random.Random(20261127)
    good = datagram("/livestyle/keep", "0,0,9,9", 0.5, True, b"blob")
    nested = b"#bundle\0" + bytes(7) + b"\1"
    for count in range(3000):
        spoilt = bytearray(good)
        for _ in range(drawn.randrange(1, 6)):
            spoilt[drawn.randrange(len(spoilt))] = drawn.randrange(256)
        kinds = [
            bytes(spoilt),
            good[: drawn.randrange(len(good))],
            drawn.randbytes(drawn.randrange(64)),
            nested + drawn.randbytes(drawn.randrange(64)),
            b"#bundle\0" + bytes(spoilt),
        ]
        heard.sender.send(drawn.choice(kinds))
        if count % 50 == 0:
            time.sleep(0.01)
    deep = b""
    for _ in range(1500):
        deep = nested + len(deep).to_bytes(4, "big") + deep
    heard.sender.send(deep)
    until(lambda: heard.send("/livestyle/mix", 0.5) or any("mix" in one for one in heard.changes))
    assert all(thread.is_alive() for thread in heard.osc._threads)
    assert 0 < heard.osc.refused <= heard.osc.messages and len(heard.osc.notes) < 30
    assert all(len(note) < 1000 for note in heard.osc.notes)


def test_a_port_that_is_taken_is_one_line(heard: Heard) -> None:
    with pytest.raises(LivestyleError, match=r"can't be used \(Address already in use\); choose"):
        Osc(heard.osc.endpoint, heard.run)


def test_without_the_package_the_extra_is_named(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pythonosc.osc_packet", None)
    with pytest.raises(MissingPackage, match=r"python-osc is not installed; run: .*\[osc\]"):
        Osc("127.0.0.1:9000", FakeRun(figures, ignore))


@pytest.mark.parametrize(
    ("given", "is_", "family"),
    [
        (9000, "127.0.0.1:9000", socket.AF_INET),
        ("9000", "127.0.0.1:9000", socket.AF_INET),
        ("0.0.0.0:9000", "0.0.0.0:9000", socket.AF_INET),
        ("[::1]:9000", "[::1]:9000", socket.AF_INET6),
    ],
)
def test_an_endpoint_is_of_this_machine_unless_an_address_is_named(
    heard: Heard, given: Any, is_: str, family: int
) -> None:
    assert endpoint(given) == endpoint(endpoint(given)) == is_
    port = free_port()
    with Osc(is_.replace("9000", str(port)), heard.run) as opened:
        assert opened._socket.family == family
        assert opened._socket.getsockname()[1] == port


@pytest.mark.parametrize(
    "given", ["", "x", "0", "70000", "9e3", "host:9000", "1.2.3:9000", True, 9000.5, ":9000", "::1"]
)
def test_what_is_no_endpoint(given: Any) -> None:
    with pytest.raises(ValueError, match="PORT or ADDRESS:PORT is expected"):
        endpoint(given)
