"""The API's description, as OpenAPI 3.1: made from the operations that are served."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from livestyle.control.api.operation import Answer, Operation, Socket, error
from livestyle.version import __version__

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "one line: what, and what to do"}},
    "additionalProperties": False,
}
_OF_ALL = {
    400: error("what came is malformed, or asks for what can't be"),
    403: error("another page asks: a write or a WebSocket needs the page's Origin or the token"),
    405: error("another method is asked for than the path has"),
    421: error("the Host is none of this machine's own names; says which address to use"),
}
_OF_SECRETS = {401: error("no token: send Authorization: Bearer, or the cookie of a session")}
_OF_WRITES = {
    411: error("the body comes in chunks: send a Content-Length"),
    413: error("the body is too large"),
    415: error("the body is no application/json"),
}
_UPGRADED = {
    101: Answer("the WebSocket is open"),
    426: error("it is no WebSocket that asks"),
}


def describe(operations: Iterable[Operation], sockets: Iterable[Socket]) -> dict[str, Any]:
    """The whole document, as JSON can hold it."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for each in operations:
        paths[each.path][each.method.lower()] = _operation(each)
    for socket in sockets:
        paths[socket.path]["get"] = _socket(socket)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "livestyle",
            "version": __version__,
            "description": "The run that goes on: what it does, what of it may change, and its "
            "pictures. It is served to whoever has the token, on this machine alone unless "
            "--listen says otherwise.",
        },
        "servers": [{"url": "/"}],
        "paths": dict(paths),
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "livestyle_PORT",
                    "description": "what POST /api/v1/session sets; the name has the page's port",
                },
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    secrets = {} if operation.public else _OF_SECRETS
    writes = {} if operation.method == "GET" else _OF_WRITES
    told: dict[str, Any] = {
        "summary": operation.summary,
        "responses": _responses({**_OF_ALL, **secrets, **writes, **operation.answers}),
    }
    if operation.parameters:
        told["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": says,
                "schema": {"type": "string", "minLength": 1},
            }
            for name, says in operation.parameters.items()
        ]
    if operation.body is not None:
        content = {"application/json": {"schema": operation.body}}
        told["requestBody"] = {"required": True, "content": content}
    return told | ({"security": []} if operation.public else {})


def _socket(socket: Socket) -> dict[str, Any]:
    answers = {**_OF_ALL, **_OF_SECRETS, **_UPGRADED, **socket.answers}
    return {
        "summary": socket.summary,
        "description": socket.says,
        "responses": _responses(answers),
    }


def _responses(answers: Mapping[int, Answer]) -> dict[str, Any]:
    return {
        str(status): {"description": answer.says} | _content(answer)
        for status, answer in sorted(answers.items())
    }


def _content(answer: Answer) -> dict[str, Any]:
    if not answer.kind:
        return {}
    binary = {"type": "string", "contentMediaType": answer.kind}
    return {"content": {answer.kind: {"schema": answer.schema or binary}}}
