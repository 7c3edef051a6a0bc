"""Words: how a live setting's value is spelled where there is no JSON, as on a command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_SWITCHES = {"true": True, "on": True, "false": False, "off": False}


def value_of(schema: Mapping[str, Any], words: Sequence[str]) -> Any:
    """What the words are, by the JSON schema of a setting's value. A list takes any number of them,
    and none for "". One that doesn't fit stays a word: whoever takes it says what does.

    Raises ValueError where one is expected and there are others.
    """
    if schema.get("type") == "array":
        return [value_of(schema["items"], [word]) for word in words if word]
    if len(words) != 1:
        raise ValueError("one value is expected; put one with spaces in it into quotes")
    (word,) = words
    for kind in [schema, *schema.get("anyOf", ())]:
        if kind.get("type") == "boolean":
            return _SWITCHES.get(word, word)
        if kind.get("type") in ("integer", "number"):
            return _number(word)
    return word


def _number(word: str) -> int | float | str:
    for kind in (int, float):
        try:
            number = kind(word)
        except ValueError:
            continue
        return number if math.isfinite(number) else word
    return word
