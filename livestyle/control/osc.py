"""OSC in: what mixers, tablets and sequencers send over UDP, as changes of this run.

/livestyle/KEY VALUE… changes a live setting, /livestyle/record 1 or 0 starts or stops a recording.
UDP has no token: whoever reaches the port may send. What it may set is what the page may, so that
it names no file; and nobody is answered.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from livestyle import values
from livestyle.config import live_settings
from livestyle.control import Controls
from livestyle.control.policy import Policy
from livestyle.errors import LivestyleError, MissingPackage, reason

PREFIX = "/livestyle/"
_RECORD = "record"
_BUNDLE = b"#bundle\0"
_TAGS = frozenset(b"ihfdsbrmtTFN[]")  # types of parameters that python-osc knows
_NESTED = 8  # bundles in each other
_LARGEST = 65536  # bytes of a datagram
_LOOK_SECONDS = 0.25  # between two looks at whether it is over
_ANSWER_SECONDS = 10.0  # the longest wait for what becomes of a change
_POLL_SECONDS = 0.02
_STOP_SECONDS = 2.0


class Osc:
    """Takes messages from `with` to its end, on threads of its own. Of what comes faster than it
    can be taken the newest of each key wins. What is malformed or refused is counted, and `notes`
    tells of each kind once.
    """

    def __init__(self, endpoint: str, controls: Controls) -> None:
        """endpoint: ADDRESS:PORT, see `values.endpoint`.

        Raises MissingPackage, and LivestyleError when the port can't be had.
        """
        try:
            from pythonosc.osc_packet import OscPacket, ParseError
        except ModuleNotFoundError as error:
            raise MissingPackage("python-osc", "osc") from error
        self._parse, self._malformed = OscPacket, ParseError
        self.endpoint = endpoint
        self.messages = 0
        self.refused = 0
        self._told: dict[str, str] = {}  # by key
        self._controls = controls
        self._policy = Policy(controls)
        self._settings = live_settings()
        self._socket = _bound(endpoint)
        self._wanted: dict[str, Any] = {}
        self._changed = threading.Condition()  # protects what is wanted, and that it is over
        self._is_over = False
        self._threads = [
            threading.Thread(target=target, name=f"osc {name}", daemon=True)
            for name, target in (("in", self._receive), ("changes", self._take))
        ]

    @property
    def notes(self) -> list[str]:
        """What went wrong, a line for each kind."""
        return list(self._told.values())

    def __enter__(self) -> Osc:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
        self._socket.close()

    def _receive(self) -> None:
        self._socket.settimeout(_LOOK_SECONDS)
        while not self._is_over:
            try:
                datagram = self._socket.recv(_LARGEST)
            except TimeoutError:
                continue
            except OSError as error:
                self._told["socket"] = f"osc {self.endpoint} has ended: {reason(error)}"
                return
            for address, parameters in self._messages(datagram):
                self.messages += 1
                self._hear(address, parameters)

    def _messages(self, datagram: bytes) -> Iterator[tuple[str, list[Any]]]:
        """Those of a packet; the times that a bundle may name are not waited for."""
        try:
            _check_packet(datagram)
            packet = self._parse(datagram)
        except (self._malformed, ValueError, IndexError):
            self.messages += 1
            self._refuse("", "a message is none of OSC")
            return
        for timed in packet.messages:
            yield str(timed.message.address), list(timed.message.params)

    def _hear(self, address: str, parameters: list[Any]) -> None:
        key = address.removeprefix(PREFIX)
        if key == address or (key != _RECORD and key not in self._settings):
            known = ", ".join((*self._settings, _RECORD))
            shown = values.shown(address)
            self._refuse("", f"{shown} is none of {PREFIX}KEY; keys are: {known}")
            return
        try:
            if key == _RECORD:
                value: Any = values.switch(_value_of(values.switch.schema, parameters))
            else:
                setting = self._settings[key][1]
                value = _value_of(setting.parse.schema, parameters)
                setting.parse(value)
        except ValueError as error:  # which doesn't repeat the value: a prompt is nobody's business
            self._refuse(key, str(error))
            return
        with self._changed:
            self._wanted[key] = value
            self._changed.notify_all()

    def _take(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._is_over)
                if self._is_over:
                    return
                wanted, self._wanted = self._wanted, {}
            record = wanted.pop(_RECORD, None)
            self._change(wanted)
            if record is not None:
                self._record(record)

    def _change(self, wanted: dict[str, Any]) -> None:
        """All at once; where that is refused, each by itself."""
        if not wanted:
            return
        try:
            self._policy.check(wanted)
            self._controls.change(wanted)
        except LivestyleError as error:
            for key, value in wanted.items():
                if len(wanted) == 1:
                    self._refuse(key, str(error))
                else:
                    self._change({key: value})
            return
        self._wait()

    def _wait(self) -> None:
        """Until the change is taken or refused, a while at most; the run tells of a refusal."""
        ends = time.monotonic() + _ANSWER_SECONDS
        while not self._is_over and time.monotonic() < ends:
            answer = self._controls.answer()
            if answer is not None:
                self.refused += bool(answer)
                return
            time.sleep(_POLL_SECONDS)

    def _record(self, is_on: bool) -> None:
        goes_on = self._controls.recording() is not None
        if is_on == goes_on:  # a button may say it again
            return
        try:
            if is_on:
                self._controls.start_recording()
            else:
                self._controls.stop_recording()
        except LivestyleError as error:
            self._refuse(_RECORD, str(error))

    def _refuse(self, key: str, why: str) -> None:
        self.refused += 1
        self._told.setdefault(key, f"osc {PREFIX}{key}: {why}" if key else f"osc: {why}")


def _check_packet(packet: bytes, nested: int = 0) -> None:
    """Raise ValueError for what python-osc never comes to the end of, an element of a bundle whose
    size leads back, and for what it would log, once for each part: types that it doesn't know.
    """
    if packet.startswith(_BUNDLE) and nested < _NESTED:
        at = len(_BUNDLE) + 8  # the time
        while at < len(packet):
            size, at = int.from_bytes(packet[at : at + 4]), at + 4
            if not 0 < size <= len(packet) - at:
                raise ValueError("size of an element")
            _check_packet(packet[at : at + size], nested + 1)
            at += size
    elif packet.startswith(b"/") and b"\0" in packet:
        tags = packet[4 * (packet.index(b"\0") // 4 + 1) :].partition(b"\0")[0]
        if not set(tags[1:]) <= _TAGS:
            raise ValueError("type of a parameter")
    else:
        raise ValueError("neither a message nor a bundle")


def _value_of(schema: Mapping[str, Any], parameters: Sequence[Any]) -> Any:
    """What the parameters of a message are, by the JSON schema of a setting's value. Many senders
    know no booleans, and a button may send nothing.
    """
    kind = schema.get("type")
    if kind == "array":
        return [parameter for parameter in parameters if parameter != ""]
    if kind == "boolean" and not parameters:
        return True
    if len(parameters) != 1:
        raise ValueError(f"one value is expected, not {len(parameters)}")
    (value,) = parameters
    if kind == "boolean" and not isinstance(value, str) and value in (0, 1):
        return bool(value)
    return value


def _bound(endpoint: str) -> socket.socket:
    address, _, port = endpoint.rpartition(":")
    address = address.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.bind((address, int(port)))
    except OSError as error:
        opened.close()
        raise LivestyleError(
            f"osc {endpoint} can't be used ({error.strerror}); choose another by "
            "--osc [ADDRESS:]PORT"
        ) from error
    return opened
