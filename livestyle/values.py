"""Values: what a setting may be. Each takes a flag's text or a TOML value and returns it parsed.

They raise ValueError, saying what fits.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from livestyle.frame import Size


@dataclass(frozen=True)
class Parse:
    """Takes a flag's text, a TOML or a JSON value and returns it parsed. schema: what JSON may be,
    as JSON Schema (2020-12).
    """

    function: Callable[[Any], Any]
    schema: Mapping[str, Any]

    def __call__(self, value: Any) -> Any:
        """Raises ValueError, saying what fits."""
        return self.function(value)


def _of(**schema: Any) -> Callable[[Callable[[Any], Any]], Parse]:
    """What JSON may be, of a function that parses it."""
    return lambda function: Parse(function, schema)


_SHOWN = 200  # characters of a value in a message
Rectangle = tuple[int, int, int, int, int]  # left, top, width, height, feather: pixels


@_of(type="string", minLength=1)
def text(value: Any) -> str:
    """Any but none, see `written`."""
    if not isinstance(value, str) or not value:
        raise ValueError("text is expected")
    return written(value)


@_of(type="string", maxLength=1000)
def prompt(value: Any) -> str:
    """Text that may be empty, up to 1000 characters; see `written`."""
    if not isinstance(value, str) or len(value) > 1000:
        raise ValueError("text of at most 1000 characters is expected")
    return written(value)


def written(value: str) -> str:
    """Text as people write it, which every later stage can take: no half of a character (as JSON
    and bytes that are no UTF-8 can make them), and of control characters tabs and line ends alone.
    """
    for place, character in enumerate(value, 1):
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r":
            raise ValueError(f"character {place} is {character!r}, which is no text; leave it out")
    return value


@_of(type="string", minLength=1)
def path(value: Any) -> str:
    """A file, a folder, or a name in place of one; `~` is the home."""
    name = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(name, str) or not name:
        raise ValueError("a file's name is expected")
    if "\0" in name:
        raise ValueError("no file's name has a character '\\x00'; leave it out")
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        half = name[error.start]
        raise ValueError(f"no file's name has a character {half!r}; leave it out") from None
    return os.path.expanduser(name)


@_of(type="string", minLength=1)
def spec(value: Any) -> str:
    """KIND or KIND:ARGUMENT, where the argument may be a path: `~` is the home."""
    kind, colon, argument = text(value).partition(":")
    if kind == "window":  # a terminal's title often begins with one
        return f"{kind}{colon}{argument}"
    return f"{kind}{colon}{os.path.expanduser(argument)}"


def each(parse: Parse) -> Parse:
    """A list of such values; it stays in its order."""

    def parse_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError('a list of texts is expected, as in ["v4l2", "web"]')
        return tuple(parse(item) for item in value)

    return Parse(parse_all, {"type": "array", "items": parse.schema})


@_of(type="boolean")
def switch(value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def choice(*choices: str) -> Parse:
    """One of these."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"choose from: {', '.join(choices)}")
        return str(value)

    return Parse(parse, {"enum": list(choices)})


def figure(number: float) -> str:
    """A number as people write it: 4294967295, 0.05."""
    return str(int(number)) if number == int(number) else f"{number:g}"


def shown(value: Any) -> str:
    """A value as messages name it; of a long one its beginning."""
    whole = repr(value)
    if len(whole) <= _SHOWN:
        return whole
    return f"{whole[:_SHOWN]}… ({len(whole)} characters)"


def number(low: float, high: float, kind: type[int] | type[float] = float) -> Parse:
    """From low to high, both included."""

    def parse(value: Any) -> float:
        expected = f"a number from {figure(low)} to {figure(high)} is expected"
        try:
            parsed = kind(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(expected) from None
        broken = kind is int and isinstance(value, float) and parsed != value  # it was cut off
        if isinstance(value, bool) or broken or not low <= parsed <= high:
            raise ValueError(f"{expected}, a whole one" if broken else expected)
        return parsed

    name = "integer" if kind is int else "number"
    return Parse(parse, {"type": name, "minimum": low, "maximum": high})


_SEED = number(0, 2**32 - 1, int)


@_of(anyOf=[_SEED.schema, {"const": "random"}])
def seed(value: Any) -> int:
    """A whole number of 32 bits; one is picked for "random"."""
    if value == "random":
        return secrets.randbelow(2**32)
    try:
        return int(_SEED(value))
    except ValueError as error:
        raise ValueError(f"{error}, or random") from None


@_of(type="string", pattern="^[0-9]{1,5}x[0-9]{1,5}$")
def size(value: Any) -> Size:
    """(width, height) from "1280x720", or as it is."""
    if isinstance(value, tuple) and len(value) == 2:
        value = "{}x{}".format(*value)
    width, _, height = str(value).lower().partition("x")
    expected = "WIDTHxHEIGHT is expected, even, from 64x64 to 7680x4320, as in 1280x720"
    if not all(re.fullmatch(r"\d{1,5}", side, re.ASCII) for side in (width, height)):
        raise ValueError(expected)
    parsed = int(width), int(height)
    if not (64 <= parsed[0] <= 7680 and 64 <= parsed[1] <= 4320) or parsed[0] % 2 or parsed[1] % 2:
        raise ValueError(expected)
    return parsed


@_of(type="string", minLength=2)
def address(value: Any) -> str:
    """An IP address, as it is usually spelled."""
    expected = "an IP address of this machine is expected, as 192.168.1.20"
    try:
        parsed = ipaddress.ip_address(text(value))
    except ValueError:
        raise ValueError(expected) from None
    if getattr(parsed, "scope_id", None) is not None:
        raise ValueError(f"{expected}, without %SCOPE: no browser can name it")
    return str(parsed)


@_of(type="string", minLength=1)
def host(value: Any) -> str:
    """NAME or NAME:PORT, as browsers spell it."""
    name, colon, port = text(value).lower().partition(":")
    parts = name.split(".")
    if not all(re.fullmatch("[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", part) for part in parts):
        raise ValueError("a host's name is expected, as gaming-pc.lan, or NAME:PORT")
    if colon and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
        raise ValueError("after the name a port is expected, as in localhost:8080, or nothing")
    return f"{name}{colon}{port}"


_WHOLE = number(-(2**53), 2**53, int)


@_of(type="string", pattern="^[0-9]+(,[0-9]+){3,4}$")
def rectangle(value: Any) -> Rectangle:
    """(left, top, width, height, feather) from "X,Y,W,H" or "X,Y,W,H,FEATHER", or as it is."""
    parts = value if isinstance(value, tuple | list) else str(value).split(",")
    expected = "X,Y,W,H or X,Y,W,H,FEATHER is expected, in pixels, as in 0,640,320,80"
    try:
        left, top, width, height, feather = map(_WHOLE, [*parts, 0][:5])
    except ValueError:
        raise ValueError(expected) from None
    if len(parts) > 5 or min(left, top, feather) < 0 or min(width, height) < 1:
        raise ValueError(expected)
    if max(left, top, width, height, feather) > 8192:
        raise ValueError(f"{expected}, of 8192 at most")
    return left, top, width, height, feather


@_of(type="string", minLength=1)
def rectangle_or_set(value: Any) -> Rectangle | str:
    """A rectangle, or the name of a set of them."""
    if isinstance(value, str) and is_name(value):
        return value
    try:
        parsed: Rectangle = rectangle(value)
    except ValueError as error:
        raise ValueError(f"{error}; or the name of one of your keep-sets") from None
    return parsed


@_of(type="object")
def rectangle_sets(value: Any) -> dict[str, tuple[Rectangle, ...]]:
    """Rectangles by the names of their sets."""
    if not isinstance(value, dict) or not all(map(is_name, value)):
        raise ValueError("sets by name are expected, names of letters, digits, - and _")
    parse = each(rectangle)
    return {name: parse(rectangles) for name, rectangles in value.items()}


@_of(type="string")
def endpoint(value: Any) -> str:
    """ADDRESS:PORT, from "PORT" or a number, which is of this machine alone, or from
    "ADDRESS:PORT".
    """
    address, colon, port = str(value).rpartition(":")
    expected = "PORT or ADDRESS:PORT is expected, as in 9000 or 192.168.0.5:9000"
    try:
        number = _PORT(port)
        named = ipaddress.ip_address(address.strip("[]") if colon else "127.0.0.1")
    except ValueError:
        raise ValueError(expected) from None
    if isinstance(value, bool | float) or "%" in address:
        raise ValueError(expected)
    return f"[{named}]:{number}" if named.version == 6 else f"{named}:{number}"


_PORT = number(1, 65535, int)


@_of(type="object", additionalProperties={"type": "string"})
def texts_by_name(value: Any) -> dict[str, str]:
    """Texts, by names that are any."""
    if not isinstance(value, dict) or not all(map(text, (*value, *value.values()))):
        raise ValueError('texts by name are expected, as in off = "<ctrl>+<alt>+o"')
    return dict(value)


def is_name(text: str) -> bool:
    """Whether it is one: it begins with a letter; then letters, digits, - and _."""
    return re.fullmatch("[A-Za-z][A-Za-z0-9_-]*", text) is not None
