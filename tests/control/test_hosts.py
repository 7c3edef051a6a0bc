"""Under which names and addresses the page answers: a name that an attacker's DNS points here is
none of them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import product

import pytest
from web_client import UPGRADE, bearer, clock, cookie, figures, ignore, picture, port, send, token

from livestyle.config import Config, check
from livestyle.control.guard import Key
from livestyle.errors import ConfigError
from livestyle.sinks import exposed
from livestyle.sinks.web import WebPreview
from tests.controls import FakeRun

SIZE = (320, 240)
EVIL = "rebound.example"


@pytest.fixture(scope="module")
def web() -> Iterator[WebPreview]:
    with (
        WebPreview(SIZE, port=0, controls=FakeRun(figures, ignore)) as opened,
        clock(opened, picture(*SIZE)),
    ):
        yield opened


def raw(address: str, here: int, request: str, *headers: str) -> tuple[int, str]:
    """Send these very lines; returns the status, and all that comes."""
    with socket.create_connection((address, here), timeout=5) as client:
        lines = (f"{request} HTTP/1.1", *headers, "Connection: close", "", "")
        client.sendall("\r\n".join(lines).encode())
        came = b""
        while more := client.recv(1 << 16):
            came += more
    text = came.decode("latin-1")
    return int(text.split()[1]), text


def test_a_name_that_was_rebound_gets_nothing(web: WebPreview) -> None:
    """What a browser sends once the attacker's name leads to 127.0.0.1: all is of one origin."""
    here, view = port(web), send(web, "POST /api/v1/view", {}).json()["page"].partition("/view")[2]
    paths = ("/", "/page.js", "/api/openapi.json", "/api/v1/status", "/api/v1/frame.jpg")
    paths += ("/metrics", f"/view{view}", f"/view{view}/stream.mjpg")
    known = [f"{name}: {value}" for name, value in (*cookie(web).items(), *bearer(web).items())]
    hosts = (f"{EVIL}:{here}", EVIL, f"127.0.0.1.{EVIL}:{here}", f"localhost.{EVIL}:{here}")
    for host, path, key in product(hosts, paths, ("", *known)):
        for origin in ((), (f"Origin: http://{host}", "Sec-Fetch-Site: same-origin")):
            lines = (f"Host: {host}", *origin, *([key] if key else []))
            status, came = raw("127.0.0.1", here, f"GET {path}", *lines)
            assert status == 421, (host, path, key, origin)
            assert f"http://127.0.0.1:{here}/ alone" in came
            assert token(web) not in came and "\xff\xd8" not in came
    upgrade = [f"{name}: {value}" for name, value in UPGRADE.items()]
    for host, path in product(hosts, ("/api/v1/live", "/api/v1/canvas", f"/view{view}/live")):
        lines = (f"Host: {host}", f"Origin: http://{host}", *known[:1], *upgrade)
        assert raw("127.0.0.1", here, f"GET {path}", *lines)[0] == 421
    for method in ("POST /api/v1/session", "PATCH /api/v1/settings", "DELETE /api/v1/view"):
        lines = (f"Host: {EVIL}:{here}", f"Origin: http://{EVIL}:{here}", *known[:1])
        assert raw("127.0.0.1", here, method, *lines, "Content-Length: 0")[0] == 421


@pytest.mark.parametrize(
    "hosts",
    [
        ("127.0.0.1.:{port}",),
        ("user@127.0.0.1:{port}",),
        ("127.0.0.1:{port}@rebound.example",),
        ("127.1:{port}",),
        ("0x7f000001:{port}",),
        ("[::ffff:127.0.0.1]:{port}",),
        ("0.0.0.0:{port}",),
        ("127.0.0.1:0{port}",),
        ("127.0.0.1:{port},rebound.example",),
        ("rebound.example", "127.0.0.1:{port}"),
        ("127.0.0.1:{port}", "rebound.example"),
    ],
)
def test_spellings_that_others_let_through(web: WebPreview, hosts: tuple[str, ...]) -> None:
    here = port(web)
    headers = [f"Host: {host.format(port=here)}" for host in hosts]
    known = [f"{name}: {value}" for name, value in bearer(web).items()]
    for target in ("/api/v1/status", f"http://127.0.0.1:{here}/api/v1/status"):
        status, came = raw("127.0.0.1", here, f"GET {target}", *headers, *known)
        assert status in (400, 421), came
        assert "schema_version" not in came


@pytest.mark.parametrize(
    ("listen", "reached", "host", "status"),
    [
        ("127.0.0.2", "127.0.0.2", "127.0.0.2", 200),
        ("127.0.0.2", "127.0.0.2", "localhost", 200),
        ("127.0.0.2", "127.0.0.2", "127.0.0.3", 421),
        ("127.0.0.2", "127.0.0.2", EVIL, 421),
        ("0.0.0.0", "127.0.0.3", "127.0.0.3", 200),
        ("0.0.0.0", "127.0.0.3", "127.0.0.1", 200),
        ("0.0.0.0", "127.0.0.3", "127.0.0.4", 421),
        ("0.0.0.0", "127.0.0.3", "0.0.0.0", 421),
        ("0.0.0.0", "127.0.0.3", EVIL, 421),
        ("127.0.0.1", "127.0.0.1", "gaming-pc.lan", 200),
        ("127.0.0.1", "127.0.0.1", "gaming-pc.lan.rebound.example", 421),
        ("127.0.0.1", "127.0.0.1", "rebound.example/gaming-pc.lan", 421),
    ],
)
def test_it_answers_to_its_address_and_its_names(
    listen: str, reached: str, host: str, status: int
) -> None:
    opened = WebPreview(
        SIZE,
        port=0,
        controls=FakeRun(figures, ignore),
        listen=listen,
        names=("gaming-pc.lan", "localhost:9991"),
    )
    with opened as web:
        here = int(web.name.split("#")[0].rstrip("/").rpartition(":")[2])
        key = f"Authorization: {bearer(web)['Authorization']}"
        for origin, answer in ((f"http://{host}:{here}", status), ("http://other", 403)):
            lines = (f"Host: {host}:{here}", f"Origin: {origin}", key)
            expected = answer if status == 200 else 421
            assert raw(reached, here, "GET /api/v1/status", *lines)[0] == expected
        at_other_port = ("Host: localhost:9991", "Origin: http://localhost:9991", key)
        assert raw(reached, here, "GET /api/v1/status", *at_other_port)[0] == 200
        assert raw(reached, here, "GET /api/v1/status", "Host: localhost:9992", key)[0] == 421


def test_only_the_address_that_was_named_is_listened_on() -> None:
    opened = WebPreview(SIZE, port=0, controls=FakeRun(figures, ignore), listen="127.0.0.2")
    with opened as web:
        here = int(web.name.split("#")[0].rstrip("/").rpartition(":")[2])
        assert web.name.startswith(f"http://127.0.0.2:{here}/#token=")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", here), timeout=5)
        assert raw("127.0.0.2", here, "GET /api/v1/status", f"Host: 127.0.0.2:{here}")[0] == 401


@pytest.mark.parametrize(
    ("listen", "here", "address"),
    [
        ("127.0.0.1", 7878, "http://127.0.0.1:7878/"),
        ("192.168.1.20", 1, "http://192.168.1.20:1/"),
        ("0.0.0.0", 1, "http://127.0.0.1:1/"),
        ("::1", 1, "http://[::1]:1/"),
        ("::", 1, "http://[::1]:1/"),
        ("fd00::5", 1, "http://[fd00::5]:1/"),
    ],
)
def test_the_address_that_is_printed(listen: str, here: int, address: str) -> None:
    key = Key(here, listen)
    assert key.address == address
    assert key.answers_to(address.removeprefix("http://").rstrip("/"), listen)


def test_ports_that_browsers_leave_out() -> None:
    key = Key(80, names=("gaming-pc",))
    assert key.answers_to("gaming-pc", "127.0.0.1") and key.answers_to("127.0.0.1", "127.0.0.1")
    assert not key.answers_to("gaming-pc:81", "127.0.0.1")


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.9.9.9", "::1"])
def test_nothing_is_said_of_a_page_that_stays_here(listen: str) -> None:
    assert exposed(Config(sink=("web",), listen=listen)) == ""


@pytest.mark.parametrize("listen", ["192.168.1.20", "0.0.0.0", "::", "fd00::5"])
def test_what_travels_is_said_in_a_line(listen: str) -> None:
    said = exposed(Config(sink=("null", "web"), listen=listen, port=1234))
    assert f"--listen {listen}" in said and "unencrypted" in said and "\n" not in said
    assert "ssh -L 1234:127.0.0.1:1234" in said
    assert exposed(Config(sink=("null",), listen=listen)) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", "gaming-pc.lan"),
        ("listen", "127.0.0.1:7878"),
        ("listen", "fe80::1%eth0"),
        ("listen", ""),
        ("page_host", ["*"]),
        ("page_host", ["*.example"]),
        ("page_host", ["http://a"]),
        ("page_host", ["a/b"]),
        ("page_host", ["a:0"]),
        ("page_host", ["a:70000"]),
        ("page_host", ["a:"]),
        ("page_host", ["a b"]),
        ("page_host", [""]),
    ],
)
def test_what_is_no_address_and_no_name_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match="is expected"):
        check(name, value, name)


def test_names_are_taken_as_browsers_spell_them() -> None:
    assert check("page_host", ["Gaming-PC.lan", "A:80"], "") == ("gaming-pc.lan", "a:80")
    assert check("listen", "FD00:0::5", "") == "fd00::5"
