"""A run that goes on in another process: ask how it is, and change what may change.

    import livestyle.client

    run = livestyle.client.connect()
    run.set(style="ink", detail=0.6)
    run.set("prompt-fade", 2)
    run.snapshot("now.png")

It speaks to the page's server, so a run without a page (`--sink web`) can't be asked. Each call is
a request of its own, and may be made on any thread. Of what can go wrong all is a LivestyleError:
ConfigError for what the run refuses, NotRunning where there is none, RunError for the rest.
Only the standard library is used, but for where the folder of the runs is.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

from livestyle.config import key as key_of
from livestyle.errors import ConfigError, NotRunning, RunError, reason
from livestyle.files import Target
from livestyle.installation import command
from livestyle.runs import Run, list_runs

_SECONDS = 20.0  # a change is waited for up to 10
_LARGEST = 2**28  # bytes; a PNG of 3840x2160 is 25 MB at most


def connect(port: int | None = None) -> Client:
    """The run of this user that goes on, or that on `port` (TCP, of its page).

    Raises NotRunning where there is none, RunError where there are several and no port is given.
    """
    runs = list_runs()
    if port is not None:
        for run in runs:
            if run.port == port:
                return Client(run)
        others = f"; there is one on {_ports(runs)}" if runs else f"; {_start()}"
        raise NotRunning(f"no livestyle runs here on port {port}{others}")
    if not runs:
        raise NotRunning(f"no livestyle with a page runs here; {_start()}")
    if len(runs) > 1:
        raise RunError(f"several livestyles run here, on {_ports(runs)}; name one by its port")
    return Client(runs[0])


class Client:
    """One run, see `connect`. port: TCP, of its page. address: of its page, http://HOST:PORT/."""

    def __init__(self, run: Run) -> None:
        self.port = run.port
        self.address = run.address
        self._run = run

    def status(self) -> dict[str, Any]:
        """The live run report, see the API's description: the state, rates in frames a second,
        times in ms.

        Raises RunError.
        """
        return self._object("GET", "status")

    def settings(self) -> dict[str, dict[str, Any]]:
        """What may change while it runs, by key: "value", "default", "schema" (JSON Schema of the
        value), "help", "group", "stylizers" (for which it may), "applies" (whether it may now).

        Raises RunError.
        """
        settings: dict[str, dict[str, Any]] = self._object("GET", "settings")["settings"]
        return settings

    def set(self, key: str | None = None, value: Any = None, /, **values: Any) -> dict[str, Any]:
        """Change settings, all or none, by key and value, or by name: prompt_fade=2 is
        ("prompt-fade", 2). It waits up to 10 s until the change is taken.

        Returns "change" (its number), "pending" (whether it's still being taken, as an encoder
        loads) and "settings" (what they are now, by key).

        Raises ConfigError where the run refuses one, RunError.
        """
        changes = {key_of(name): value for name, value in values.items()}
        if key is not None:
            changes[key] = value
        return self._object("PATCH", "settings", changes)

    def on(self) -> None:
        """Style the source. Raises RunError."""
        self.set(off=False)

    def off(self) -> None:
        """Show the source as it is, until `on`. Raises RunError."""
        self.set(off=True)

    def snapshot(self, file: str, *, overwrite: bool = False) -> None:
        """Write the next picture as a PNG, whole, with its settings in it. overwrite: replace a
        file that is there.

        Raises ConfigError where the file is there or can't be written, RunError.
        """
        target = Target("snapshot", file, overwrite)
        target.write(self._ask("GET", "snapshot.png"))

    def start_recording(self) -> dict[str, Any]:
        """Record into a new file of the user's folder: its name is "file". Returns "file",
        "seconds", "bytes" so far.

        Raises ConfigError where one goes on, RunError.
        """
        return self._object("POST", "recording")

    def stop_recording(self) -> dict[str, Any]:
        """End the recording. Returns "file", "seconds", "bytes" of what it became.

        Raises ConfigError where none goes on, RunError.
        """
        return self._object("DELETE", "recording")

    def styles(self) -> list[dict[str, Any]]:
        """Those of the run's stylizer: "name", "stylizer", "description", "picture" (its path on
        the page's server, or None), "chosen".

        Raises RunError.
        """
        styles: list[dict[str, Any]] = self._object("GET", "styles")["styles"]
        return styles

    def _object(
        self, method: str, name: str, values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask, and read the JSON object that comes back."""
        answer = _json(self._ask(method, name, values))
        if not isinstance(answer, dict):
            raise RunError(f"what answers at {self.address} is no livestyle of this version")
        return answer

    def _ask(self, method: str, name: str, values: Mapping[str, Any] | None = None) -> bytes:
        """Ask, and return what comes back, where that is no error."""
        body = None if method in ("GET", "DELETE") else _body({} if values is None else values)
        headers = {"Authorization": f"Bearer {self._run.token}"}
        if body is not None:
            headers |= {"Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self._run.host, self.port, timeout=_SECONDS)
        try:
            connection.request(method, f"/api/v1/{name}", body, headers)
            response = connection.getresponse()
            content = response.read(_LARGEST)
        except ConnectionRefusedError as error:
            raise NotRunning(f"the livestyle on port {self.port} has ended; {_start()}") from error
        except TimeoutError as error:
            raise RunError(f"{self.address} did not answer within {_SECONDS:g} s") from error
        except ConnectionError as error:  # RemoteDisconnected among them
            raise RunError(f"{self.address} broke the connection off: it may be ending") from error
        except OSError as error:
            raise RunError(f"{self.address} can't be asked: {reason(error)}") from error
        except http.client.HTTPException as error:
            raise RunError(f"what answers at {self.address} is no livestyle") from error
        finally:
            connection.close()
        if response.status < 300:
            return content
        told = _json(content)
        why = told.get("error") if isinstance(told, dict) else None
        line = " ".join(str(why or f"{method} {name} was answered by {response.status}").split())
        raise ConfigError(line) if response.status == 400 else RunError(line)


def _body(values: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(values, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"a value is none that JSON has: {error}") from error


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _ports(runs: list[Run]) -> str:
    numbers = ", ".join(str(run.port) for run in runs)
    return f"port {numbers}" if len(runs) == 1 else f"ports {numbers}"


def _start() -> str:
    return f"start one: {command('run')}"
