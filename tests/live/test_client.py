"""The client, `livestyle ctl` and OSC, against runs as users start them."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
import waiting
from display import Display
from pythonosc.osc_message_builder import OscMessageBuilder
from steered import RUN, Steered, connected

from livestyle.client import Client, connect
from livestyle.config import live_settings
from livestyle.errors import ConfigError, LivestyleError, NotRunning, RunError
from livestyle.runs import list_runs

until = functools.partial(waiting.until, limit=30)


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steered]:
    made = Steered(tmp_path_factory.mktemp("steered"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", made.environment["XDG_RUNTIME_DIR"])
        yield made


@pytest.fixture(scope="module")
def one(steered: Steered) -> Iterator[Client]:
    """The only run."""
    with steered.running():
        yield connected()


@pytest.fixture
def client(one: Client) -> Iterator[Client]:
    """The same, as it was."""
    yield one
    one.set(style="comic", off=False, keep=[], mix=0, hold=0.5, colour=0, aspect="fit")


def text_in(png: bytes) -> dict[str, Any]:
    """The settings in a snapshot."""
    at = png.index(b"iTXtlivestyle\0")
    (length,) = struct.unpack(">I", png[at - 4 : at])
    found: dict[str, Any] = json.loads(png[at + 4 : at + 4 + length].split(b"\0", 5)[5])
    return found


def test_the_status_and_the_settings_are_those_of_the_run(client: Client) -> None:
    status = client.status()
    assert status["state"] == "running" and status["source"]["name"] == "testcard"
    assert client.address == f"http://127.0.0.1:{client.port}/"
    settings = client.settings()
    assert list(settings) == list(live_settings())
    assert settings["style"]["value"] == "comic" and settings["style"]["applies"]
    assert not settings["prompt"]["applies"]
    (chosen,) = (style for style in client.styles() if style["chosen"])
    assert chosen["name"] == "comic" and chosen["stylizer"] == "lite"


def test_settings_are_changed_by_name_and_by_key(client: Client) -> None:
    answer = client.set(style="ink", mix=0.25)
    assert answer["settings"]["style"] == "ink" and answer["settings"]["mix"] == 0.25
    assert answer["change"] == client.status()["change"]
    client.set("keep", ["0,0,64,64", "64,0,32,32,4"])
    assert client.settings()["keep"]["value"] == ["0,0,64,64,0", "64,0,32,32,4"]
    assert client.set("mix", 1, hold=0)["settings"]["hold"] == 0
    assert (client.status()["stylizer"]["style"], client.settings()["mix"]["value"]) == ("ink", 1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"style": "no such"}, "style 'no such' is none of /api/v1/styles"),
        ({"style": "ink", "mix": 7}, "mix 7: a number from 0 to 1 is expected"),
        ({"prompt": "a cat"}, "stylizer 'lite' has no prompt; use --stylizer turbo"),
        ({"port": 1}, "'port' can't change while running; what can: source, "),
        ({"mix": float("nan")}, "a value is none that JSON has: "),
        ({"mix": object()}, "a value is none that JSON has: "),
        ({"source": "file:/etc/passwd"}, "source 'file:/etc/passwd' is none of /api/v1/sources"),
        ({}, "name a setting to change: "),
    ],
)
def test_what_is_refused_changes_nothing(client: Client, values: dict[str, Any], said: str) -> None:
    before = client.settings()
    with pytest.raises(ConfigError) as refused:
        client.set(**values)
    assert str(refused.value).startswith(said) and "\n" not in str(refused.value)
    assert client.settings() == before


def test_off_shows_the_source_and_on_styles_it(client: Client) -> None:
    client.off()
    plain = until(lambda: client.status()["stylizer"]["plain"])
    assert client.settings()["off"]["value"] is True
    client.on()
    assert client.settings()["off"]["value"] is False
    frames = client.status()["stylizer"]["frames"]
    until(lambda: client.status()["stylizer"]["frames"] > frames + 5)
    assert client.status()["stylizer"]["plain"] >= plain


def test_a_snapshot_is_the_picture_with_its_settings(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "now.png"
    client.set(style="ink", mix=0.25)
    client.snapshot(str(file))
    picture = cv2.imread(str(file))
    assert picture is not None and picture.shape == (180, 320, 3) and picture.std() > 10
    look = text_in(file.read_bytes())
    assert (look["style"], look["mix"], look["aspect"]) == ("ink", 0.25, "fit")
    with pytest.raises(ConfigError, match="that is there already; name another, or replace it by"):
        client.snapshot(str(file))
    file.write_bytes(b"another")
    client.snapshot(str(file), overwrite=True)
    assert cv2.imread(str(file)) is not None


def test_a_recording_is_a_film_in_the_user_s_folder(client: Client, steered: Steered) -> None:
    begun = client.start_recording()
    assert Path(begun["file"]).parent == steered.videos
    with pytest.raises(LivestyleError, match="record"):
        client.start_recording()
    until(lambda: (client.status()["recording"] or {}).get("seconds", 0) > 2)
    ended = client.stop_recording()
    assert ended["file"] == begun["file"] and ended["seconds"] > 1
    assert Path(ended["file"]).stat().st_size == ended["bytes"]
    with av.open(ended["file"]) as film:
        assert sum(1 for _ in film.decode(video=0)) > 10
    with pytest.raises(LivestyleError, match="record"):
        client.stop_recording()


def test_it_may_be_asked_on_any_thread(client: Client) -> None:
    failed: list[BaseException] = []

    def ask(mix: float) -> None:
        try:
            for _ in range(5):
                client.set(mix=mix)
                client.status()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=ask, args=(share / 4,)) for share in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed and client.settings()["mix"]["value"] in (0, 0.25, 0.5, 0.75)


# --- ctl


def test_ctl_status_is_the_run_s_own_line_and_json(client: Client, steered: Steered) -> None:
    done = steered.ctl("status")
    assert done.returncode == 0 and not done.stderr and done.stdout.count("\n") == 1
    assert "unique fps" in done.stdout and "lite comic on" in done.stdout
    done = steered.ctl("status", "--json", "--port", str(client.port))
    assert json.loads(done.stdout)["state"] == "running" and not done.stderr


@pytest.mark.parametrize(
    ("words", "told", "is_"),
    [
        (("style", "ink"), "style: ink", "ink"),
        (("mix", "0.5"), "mix: 0.5", 0.5),
        (("off", "on"), "off: on", True),
        (("keep", "0,0,9,9", "9,9,9,9,2"), "keep: 0,0,9,9,0 9,9,9,9,2", ["0,0,9,9,0", "9,9,9,9,2"]),
        (("keep", ""), "keep: none", []),
        (("aspect", "fill"), "aspect: fill", "fill"),
    ],
)
def test_ctl_set(
    client: Client, steered: Steered, words: tuple[str, ...], told: str, is_: Any
) -> None:
    done = steered.ctl("set", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{told}\n", "")
    assert client.settings()[words[0]]["value"] == is_


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("set", "mix", "7"), 2, "livestyle: mix 7: a number from 0 to 1 is expected"),
        (("set", "mix", "much"), 2, "livestyle: mix 'much': a number from 0 to 1 is expected"),
        (("set", "off", "maybe"), 2, "livestyle: off 'maybe': true or false is expected"),
        (("set", "style", "a", "b"), 2, "livestyle: style: one value is expected; put one with"),
        (("set", "style", "no-such"), 2, "livestyle: style 'no-such' is none of /api/v1/styles"),
        (("set", "port", "1"), 2, "livestyle: 'port' can't change while running; what can: sour"),
        (("snapshot", "no/such.png"), 2, "livestyle: snapshot 'no/such.png': its folder does not"),
        (("status", "--port", "1"), 1, "livestyle: no livestyle runs here on port 1; there is one"),
        (("status", "--port", "x"), 2, "livestyle: --port: 'x': a number from 1 to 65535"),
        (("record", "stop"), 1, "livestyle: nothing is being recorded; start a recording first"),
        (("record", "pause"), 2, "livestyle: how: invalid choice: 'pause'"),
    ],
)
def test_ctl_says_what_is_wrong_in_a_line(
    client: Client, steered: Steered, words: tuple[str, ...], code: int, said: str
) -> None:
    done = steered.ctl(*words)
    assert done.returncode == code
    last = done.stderr.splitlines()[-1]
    assert last.startswith(said) or said.removeprefix("livestyle: how: ") in last
    assert not done.stdout and "Traceback" not in done.stderr


def test_ctl_takes_snapshots_records_and_switches(client: Client, steered: Steered) -> None:
    assert steered.ctl("snapshot", "here.png").returncode == 0
    assert cv2.imread(str(steered.folder / "here.png")) is not None
    refused = steered.ctl("snapshot", "here.png")
    assert refused.returncode == 2 and "--overwrite" in refused.stderr
    assert steered.ctl("snapshot", "here.png", "--overwrite").returncode == 0
    assert steered.ctl("off").returncode == 0 and client.settings()["off"]["value"]
    assert steered.ctl("on").returncode == 0 and not client.settings()["off"]["value"]
    begun = steered.ctl("record", "start")
    assert begun.stdout.startswith(f"records into {steered.videos}")
    until(lambda: (client.status()["recording"] or {}).get("seconds", 0) > 2)
    ended = steered.ctl("record", "stop")
    file, _, told = ended.stdout.partition(": ")
    assert Path(file).is_file() and " s, " in told and told.endswith(" MB\n")


# --- none, several, and those that end


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steered:
    """Where nothing runs yet."""
    made = Steered(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", made.environment["XDG_RUNTIME_DIR"])
    return made


def test_where_none_runs_the_command_that_starts_one_is_told(alone: Steered) -> None:
    with pytest.raises(NotRunning, match=r"no livestyle with a page runs here; start one: \S+"):
        connect()
    done = alone.ctl("set", "style", "ink")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("livestyle: no livestyle with a page runs here; start one: ")
    assert done.stderr.endswith("run\n")


def test_several_are_told_apart_by_their_ports(alone: Steered) -> None:
    with alone.running(), alone.running():
        until(lambda: len(list_runs()) == 2, limit=60)
        ports = [run.port for run in list_runs()]
        with pytest.raises(RunError, match=f"on ports {ports[0]}, {ports[1]}; name one by its"):
            connect()
        assert alone.ctl("status").returncode == 1
        clients = [connected(port) for port in ports]
        assert alone.ctl("set", "style", "ink", "--port", str(ports[1])).returncode == 0
        assert [one.settings()["style"]["value"] for one in clients] == ["comic", "ink"]
    assert list_runs() == [] and not list(alone.folder.glob("runtime/livestyle/*"))


def test_one_that_was_killed_is_no_run_and_one_that_ended_says_so(alone: Steered) -> None:
    with alone.running() as process:
        client = connected()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        with pytest.raises(NotRunning, match=f"the livestyle on port {client.port} has ended"):
            until(client.status)
        with pytest.raises(NotRunning, match="no livestyle with a page runs here"):
            connect()
    left = list(alone.folder.glob("runtime/livestyle/*.json"))
    assert [file.name for file in left] == [f"{client.port}.json"]
    with alone.running():
        assert connected().port
        assert len(list(alone.folder.glob("runtime/livestyle/*.json"))) == 1


def test_one_whose_token_is_another_s_is_refused(one: Client) -> None:
    stranger = Client(dataclasses.replace(one._run, token="x" * 43))
    with pytest.raises(RunError, match="open the address that livestyle printed"):
        stranger.status()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "broke the connection off"),
        (b"SSH-2.0-OpenSSH\r\n", "is no livestyle"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "is no livestyle of this version"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "is no livestyle"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n", "was answered by 302"),
        (b'HTTP/1.1 400 No\r\nContent-Length: 17\r\n\r\n{"error": "a\\nb"}', "a b"),
    ],
)
def test_what_is_no_livestyle_is_told_in_a_line(one: Client, answer: bytes, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def serve() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"http://127.0.0.1:{other.getsockname()[1]}/"
        with pytest.raises(LivestyleError) as refused:
            Client(dataclasses.replace(one._run, address=address)).status()
        thread.join(10)
    assert said in str(refused.value) and "\n" not in str(refused.value)


# --- OSC and hotkeys, into a run


def osc(port: int, address: str, *values: Any) -> None:
    message = OscMessageBuilder(address)
    for value in values:
        message.add_arg(value)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(message.build().dgram, ("127.0.0.1", port))


def test_osc_steers_a_run_and_names_no_file(alone: Steered) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    with alone.running(f"{RUN} --osc {port}") as process:
        client = connected()
        osc(port, "/livestyle/style", "ink")
        until(lambda: client.settings()["style"]["value"] == "ink")
        for step in range(100):
            osc(port, "/livestyle/mix", step / 99)
        until(lambda: client.settings()["mix"]["value"] == 1)
        osc(port, "/livestyle/source", "file:/etc/passwd")
        osc(port, "/livestyle/sink", "web", f"record:{alone.folder}/x.mp4")
        osc(port, "/livestyle/style", "/etc/passwd")
        osc(port, "/livestyle/prompt", "a secret")
        until(lambda: client.status()["osc"]["refused"] == 4)
        status = client.status()
        assert status["osc"]["endpoint"] == f"127.0.0.1:{port}"
        assert status["osc"]["messages"] == 105 and len(status["notes"]) == 4
        assert status["source"]["name"] == "testcard" and not (alone.folder / "x.mp4").exists()
        osc(port, "/livestyle/record", 1)
        until(lambda: (client.status()["recording"] or {}).get("seconds", 0) > 2)
        osc(port, "/livestyle/record", 0)
        until(lambda: client.status()["recording"] is None)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"osc 127.0.0.1:{port}: programs of this machine can change settings" in said
    assert said.count("osc /livestyle/style: style '/etc/passwd' is none of") == 1
    assert "a secret" not in said and "Traceback" not in said
    assert len(list(alone.videos.iterdir())) == 1


def test_hotkeys_steer_a_run(alone: Steered, display: Display) -> None:
    config = alone.folder / "config" / "livestyle"
    config.mkdir(parents=True)
    keys = '[hotkeys]\nsnapshot = "<f8>"\nstyle-next = "<f9>"\n"mix=0.5" = "<ctrl>+<alt>+m"\n'
    (config / "settings.toml").write_text(keys)
    environment = {"XDG_CONFIG_HOME": str(config.parent), "DISPLAY": display.name}
    environment |= {"WAYLAND_DISPLAY": "", "XDG_SESSION_TYPE": "x11"}
    with alone.running(**environment) as process:
        client = connected()
        display.run("xdotool", "key", "--delay", "40", "F9", "ctrl+alt+m")
        until(lambda: client.settings()["mix"]["value"] == 0.5)
        assert client.settings()["style"]["value"] != "comic"
        display.run("xdotool", "key", "F8")
        (picture,) = until(lambda: list(alone.videos.glob("livestyle-*.png")))
        assert text_in(picture.read_bytes())["mix"] == 0.5
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert time.monotonic() - began < 15
    assert process.returncode == 130 and "Traceback" not in said
