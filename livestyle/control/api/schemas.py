"""What the API's JSON looks like, as JSON Schema: its settings' from livestyle.config."""

from __future__ import annotations

from typing import Any

from livestyle.config import GROUPS, live_settings
from livestyle.control import STATES

TEXT = {"type": "string"}
YES_OR_NO = {"type": "boolean"}
COUNT = {"type": "integer", "minimum": 0}
SIZE = {"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2}


def record(**properties: Any) -> dict[str, Any]:
    """An object of just these, all of them there."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def listed(**properties: Any) -> dict[str, Any]:
    """A list of such objects."""
    return {"type": "array", "items": record(**properties)}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """That, or nothing."""
    return {"anyOf": [schema, {"type": "null"}]}


def settings_schema() -> dict[str, Any]:
    """Of what a change names: any of the live settings, one at least."""
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {
            key: {**setting.parse.schema, "description": setting.help}
            for key, (_, setting) in live_settings().items()
        },
        "additionalProperties": False,
    }


def _described() -> dict[str, Any]:
    """Of what is told of each live setting."""
    told = {
        key: record(
            value=or_null(dict(setting.parse.schema)),
            default=or_null(dict(setting.parse.schema)),
            schema={"type": "object"},
            help=TEXT,
            group={"enum": list(GROUPS)},
            stylizers={"type": "array", "items": TEXT},
            applies=YES_OR_NO,
        )
        for key, (_, setting) in live_settings().items()
    }
    return record(settings=record(**told))


def _changed() -> dict[str, Any]:
    """Of the answer to a change."""
    values = {
        key: or_null(dict(setting.parse.schema)) for key, (_, setting) in live_settings().items()
    }
    return record(change=COUNT, pending=YES_OR_NO, settings=record(**values))


ADDRESSES = record(page=or_null(TEXT), stream=or_null(TEXT))
RECORDING = record(file=TEXT, seconds={"type": "number"}, bytes=COUNT)
STATUS = {
    "type": "object",
    "required": ["schema_version", "state", "recording", "canvas"],
    "properties": {
        "schema_version": {"const": 1},
        "state": {"enum": list(STATES)},
        "message": TEXT,
        "change": {**COUNT, "description": "number of the newest change"},
        "changed": {
            "type": "object",
            "required": ["number", "pending", "refused"],
            "properties": {"number": COUNT, "pending": YES_OR_NO, "refused": TEXT},
        },
        "style_changed": YES_OR_NO,
        "recording": or_null(RECORDING),
        "canvas": or_null(record(size=SIZE)),
    },
}
SETTINGS = _described()
CHANGED = _changed()
STYLES = record(
    styles=listed(
        name=TEXT,
        stylizer=TEXT,
        description=TEXT,
        picture=or_null(TEXT),
        chosen=YES_OR_NO,
    )
)
SOURCES = record(sources=listed(spec=TEXT, label=TEXT, kind=TEXT, chosen=YES_OR_NO))
SINKS = record(
    sinks=listed(spec=TEXT, label=TEXT, state=TEXT, note=TEXT, chosen=YES_OR_NO),
)
