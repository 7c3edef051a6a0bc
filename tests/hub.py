"""A local endpoint that speaks the hub's protocol, as far as fetching a model goes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


class Hub:
    """Serves folders as repositories, each at one commit.

    The last commit of each is also its branch main.

    `cut`: bytes after which every connection breaks off; `spoilt`: names whose bytes come wrong.
    `asked` is every request line so far.
    """

    def __init__(self, folders: dict[str, tuple[str, Path]]) -> None:
        self.folders = folders
        self.cut: int | None = None
        self.spoilt: set[str] = set()
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.address = ""

    def tree(self, repo: str) -> list[dict[str, Any]]:
        _, folder = self.folders[repo]
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        return [self._entry(file, folder) for file in files]

    def info(self, repo: str) -> dict[str, Any]:
        siblings = [{"rfilename": entry["path"]} for entry in self.tree(repo)]
        card = {"license": "openrail++"}
        return {"id": repo, "sha": self.folders[repo][0], "siblings": siblings, "cardData": card}

    def _entry(self, file: Path, folder: Path) -> dict[str, Any]:
        content = file.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry: dict[str, Any] = {
            "type": "file",
            "path": str(file.relative_to(folder)),
            "oid": git,
            "size": len(content),
        }
        if file.suffix == ".safetensors":
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
        return entry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.server.hub
        path = unquote(urlsplit(self.path).path)
        hub.asked.append(f"{self.command} {path}")
        for repo, (commit, folder) in hub.folders.items():
            if path.startswith(f"/api/models/{repo}/tree/{commit}"):
                return self._json(hub.tree(repo))
            if path in (f"/api/models/{repo}", f"/api/models/{repo}/revision/{commit}"):
                return self._json(hub.info(repo))
            prefix = f"/{repo}/resolve/{commit}/"
            if path.startswith(prefix) and (folder / path.removeprefix(prefix)).is_file():
                return self._file(repo, commit, path.removeprefix(prefix))
        return self._answer(404, {"X-Error-Code": "RepoNotFound", "Content-Length": "0"})

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _json(self, content: Any) -> None:
        body = json.dumps(content).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._answer(200, headers)
        self.wfile.write(body)

    def _file(self, repo: str, commit: str, name: str) -> None:
        hub = self.server.hub
        content = (hub.folders[repo][1] / name).read_bytes()
        (entry,) = (entry for entry in hub.tree(repo) if entry["path"] == name)
        etag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
        headers = {"Accept-Ranges": "bytes", "X-Repo-Commit": commit, "ETag": f'"{etag}"'}
        start = 0
        if wanted := self.headers.get("Range"):
            hub.ranges.append(f"{name} {wanted}")
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            end, size = len(content) - 1, len(content)
            headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        if name in hub.spoilt:
            content = bytes(len(content))
        self._answer(
            206 if wanted else 200, headers | {"Content-Length": str(len(content) - start)}
        )
        if self.command == "GET":
            self._send(content[start:])

    def _send(self, content: bytes) -> None:
        cut = self.server.hub.cut
        if cut is not None and len(content) > cut:
            self.wfile.write(content[:cut])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
        else:
            self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    hub: Hub

    def handle_error(self, *_: Any) -> None:
        """Clients may leave."""


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """The hub, answering on a port of this machine."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hub = hub
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
