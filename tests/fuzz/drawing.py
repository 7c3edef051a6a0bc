"""What hypothesis draws for these tests: few examples in the usual suite, many in the slow one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

FEW, MANY = 60, 1000
counts = pytest.mark.parametrize(
    "count", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)

# half characters, what ends lines elsewhere, what terminals obey, long ones
texts = st.one_of(
    st.text(st.characters(), max_size=30),
    st.sampled_from(["", "\ud800", "\x1b[2J", "\x00", "a" * 5000, "\u2028", "NaN", "-1", "1e999"]),
    st.from_regex(r"[a-z]{1,8}(:[0-9,x.-]{0,12})?", fullmatch=True),
)
numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-2, 3),
    st.floats(),
    st.sampled_from([0.5, 1e308, float("nan"), float("inf"), 10**400]),
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(texts, inside, max_size=3),
    max_leaves=8,
)


_WORDS = ("comic", "testcard", "640x360", "a.safetensors", "0,0,9,9", "null", "127.0.0.1", "9000")


def fitting(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """What a setting's JSON schema lets it be, or nearly."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return fitting(schema["anyOf"][0])
    kind = schema.get("type")
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if kind == "number":
        return st.floats(schema["minimum"], schema["maximum"])
    if kind == "array":
        return st.lists(fitting(schema["items"]), max_size=3)
    if kind == "object":
        return st.dictionaries(st.sampled_from(["a", "off", "mine"]), texts, max_size=2)
    return st.sampled_from(_WORDS) | st.text(max_size=30)


def examples(count: int) -> Callable[[Any], Any]:
    """So many examples, the same every time; none is kept."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def toml(value: Any) -> str:
    """As TOML, as far as it can be written so; else what is none."""
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(name)} = {toml(of)}" for name, of in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def damaged_text(text: str, how: Any) -> bytes:
    """A text with a few of its bytes replaced or left out. how: hypothesis' data."""
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(how.draw(st.integers(0, 3))):
        if content:
            start = how.draw(st.integers(0, len(content) - 1))
            length = how.draw(st.integers(0, 4))
            content[start : start + length] = how.draw(st.binary(max_size=4))
    return bytes(content)
