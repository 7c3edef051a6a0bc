"""The API: every operation that there is, and what it may answer."""

from __future__ import annotations

from livestyle.control.api.changes import Changes
from livestyle.control.api.operation import JPEG, PNG, Answer, Operation, Socket, error, given
from livestyle.control.api.pictures import Pictures
from livestyle.control.api.run import Run
from livestyle.control.api.schemas import (
    ADDRESSES,
    CHANGED,
    RECORDING,
    SETTINGS,
    SINKS,
    SOURCES,
    STATUS,
    STYLES,
    TEXT,
    or_null,
    record,
    settings_schema,
)
from livestyle.control.drawing import Drawing
from livestyle.control.feeds.live import Live
from livestyle.control.feeds.viewing import Viewing

SESSION = "/api/v1/session"
_NONE = {"type": "object", "additionalProperties": False}
_SLOW = {503: error("no answer in time, or it can't be done now; says why")}
_ABSENT = {503: error("there is no picture, or too many watch")}


def operations(run: Run, changes: Changes, pictures: Pictures, viewing: Viewing) -> list[Operation]:
    """All that is no WebSocket."""
    return [
        Operation(
            "POST",
            SESSION,
            "Change the token for a cookie, as the page does",
            run.session,
            {
                204: Answer("the cookie is set"),
                401: error("that is not the token of this run"),
            },
            body=record(token=TEXT),
            public=True,
        ),
        Operation(
            "GET",
            "/api/v1/status",
            "How the run stands: the live run report",
            run.status,
            {200: given("the report", STATUS)},
        ),
        Operation(
            "GET",
            "/api/v1/settings",
            "What may change while it runs",
            changes.show,
            {200: given("each setting: what it is, what it may be", SETTINGS)},
        ),
        Operation(
            "PATCH",
            "/api/v1/settings",
            "Change settings, all of them or none; waits up to 10 s until they are taken",
            changes.change,
            {
                200: given(
                    "the change's number, whether it is still pending (or a newer one came), and "
                    "what the settings are now",
                    CHANGED,
                ),
                400: error("they can't be so; nothing has changed"),
                **_SLOW,
            },
            body=settings_schema(),
        ),
        *_lists(run, pictures),
        *_pictures(pictures),
        *_recording(run),
        *_view(viewing),
    ]


def _lists(run: Run, pictures: Pictures) -> list[Operation]:
    return [
        Operation(
            "GET",
            "/api/v1/styles",
            "The styles of the run's stylizer",
            run.styles,
            {200: given("by name", STYLES), **_SLOW},
        ),
        Operation(
            "GET",
            "/api/v1/styles/{name}.jpg",
            "The source as it is now in that style, small",
            pictures.style,
            {200: Answer("a picture", JPEG), 404: error("there is no such style"), **_SLOW},
            parameters={"name": "of a style"},
        ),
        Operation(
            "GET",
            "/api/v1/sources",
            "What may be the source",
            run.sources,
            {200: given("each by its spec, as --source takes it", SOURCES), **_SLOW},
        ),
        Operation(
            "GET",
            "/api/v1/sinks",
            "Where the result may go",
            run.sinks,
            {200: given("each by its spec, as --sink takes it", SINKS), **_SLOW},
        ),
    ]


def _pictures(pictures: Pictures) -> list[Operation]:
    return [
        Operation(
            "GET",
            "/api/v1/frame.jpg",
            "The next picture of the output, 960 pixels wide at most",
            pictures.frame,
            {200: Answer("a picture", JPEG), **_ABSENT},
        ),
        Operation(
            "GET",
            "/api/v1/source.jpg",
            "The next picture of the source, on the same canvas",
            pictures.source,
            {200: Answer("a picture", JPEG), **_ABSENT},
        ),
        Operation(
            "GET",
            "/api/v1/snapshot.png",
            "The next picture of the output, whole; the settings of its look are in it as JSON, in "
            "an iTXt chunk of the keyword livestyle",
            pictures.snapshot,
            {200: Answer("a picture", PNG), **_ABSENT},
        ),
    ]


def _recording(run: Run) -> list[Operation]:
    path = "/api/v1/recording"
    return [
        Operation(
            "GET",
            path,
            "The recording that goes on",
            run.recording,
            {200: given("where it is, and how long; null where there is none", or_null(RECORDING))},
        ),
        Operation(
            "POST",
            path,
            "Record into a new file of the user's folder, under a name that is made for it",
            run.start_recording,
            {200: given("it goes on", RECORDING), 409: error("one goes on already"), **_SLOW},
            body=_NONE,
        ),
        Operation(
            "DELETE",
            path,
            "End the recording",
            run.stop_recording,
            {200: given("what it became", RECORDING), 409: error("none goes on"), **_SLOW},
        ),
    ]


def _view(viewing: Viewing) -> list[Operation]:
    path = "/api/v1/view"
    return [
        Operation(
            "GET",
            path,
            "The address that shows the picture alone, and opens nothing else",
            viewing.show,
            {200: given("of a page and of a stream; nulls where there is none", ADDRESSES)},
        ),
        Operation(
            "POST",
            path,
            "Make one, in place of the one before; it stays through restarts",
            viewing.renew,
            {200: given("of a page and of a stream", ADDRESSES), **_SLOW},
            body=_NONE,
        ),
        Operation(
            "DELETE",
            path,
            "Take it back: whoever has it open sees nothing more",
            viewing.revoke,
            {200: given("nulls", ADDRESSES), **_SLOW},
        ),
    ]


def sockets(live: Live, drawing: Drawing | None) -> list[Socket]:
    """All WebSockets. drawing: None where nothing can be drawn."""
    full = {503: error("as many are open as may be")}
    found = [
        Socket(
            "/api/v1/live",
            "Figures and pictures as they come",
            "From here: text, the status as JSON, 4 times a second; binary, a picture: kind u8 "
            "(0 output, 1 source), 3 bytes, change u32 (number of the newest change that shows), "
            "seq u64 (of the source's frame), little endian, then JPEG. To here: text, "
            '{"wipe": true} or {"wipe": false}: pictures of the source come while it is true.',
            live.serve,
            full,
        )
    ]
    if drawing is not None:
        found.append(
            Socket(
                "/api/v1/canvas",
                "Draw what the source canvas shows",
                'From here: text, {"size": [width, height]}, then binary, a PNG of what is drawn. '
                "To here: binary, a rectangle: mark u32, x, y, width, height u16, little endian, "
                "then its pixels, RGBA; alpha means nothing. Pictures styled from it have the mark "
                "as their seq.",
                drawing.serve,
                full,
            )
        )
    return found
