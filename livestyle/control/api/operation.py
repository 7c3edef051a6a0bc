"""Operation: one thing that the API does, told once: its route and its description come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

Schema = Mapping[str, Any]
"""JSON Schema, 2020-12."""
JSON, JPEG, PNG = "application/json", "image/jpeg", "image/png"


@dataclass(frozen=True)
class Answer:
    """What may come back. kind: its media type, "" where nothing comes; schema: of JSON."""

    says: str
    kind: str = ""
    schema: Schema | None = None


@dataclass(frozen=True)
class Operation:
    """answers: by HTTP status, but for those that the guard gives. body: what it takes, or None.
    public: whether it needs no token.
    """

    method: str
    path: str
    summary: str
    endpoint: Callable[[Request], Awaitable[Response]]
    answers: Mapping[int, Answer]
    body: Schema | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)  # of the path: what each is
    public: bool = False


@dataclass(frozen=True)
class Socket:
    """A WebSocket. says: what goes over it, both ways. answers: where it is not opened."""

    path: str
    summary: str
    says: str
    endpoint: Callable[[WebSocket], Awaitable[None]]
    answers: Mapping[int, Answer]


def given(says: str, schema: Schema) -> Answer:
    """JSON."""
    return Answer(says, JSON, schema)


def error(says: str) -> Answer:
    """A refusal."""
    return Answer(says, JSON, {"$ref": "#/components/schemas/Error"})
