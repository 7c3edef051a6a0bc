"""`livestyle stylize`: the same pixels as the live path, for a picture and for a clip."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from livestyle.commands import main
from livestyle.frame import Size
from livestyle.sources.testcard import draw

SIZE = (640, 360)
FRAME_BYTES = SIZE[0] * SIZE[1] * 3 // 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is also the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Hold depends on the frames before, of which a live run may leave some out; and a picture's colours
# are finished at full size.
PLAIN = ["--detail", "0", "--hold", "0"]


def _live(
    folder: Path, source: str, style: str, seconds: int, flags: list[str]
) -> list[tuple[int, bytes]]:
    """Every new frame of a live run: its number at the source and its I420 bytes."""
    command = [sys.executable, "-m", "livestyle", "run", "--source", source, "--style", style]
    command += [
        *flags,
        "--sink",
        "raw:live.yuv",
        "--frame-log",
        "live.csv",
        "--seconds",
        str(seconds),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with (folder / "live.csv").open() as log:
        lines = list(csv.DictReader(log))
    raw = (folder / "live.yuv").read_bytes()
    assert len(raw) == len(lines) * FRAME_BYTES  # none was left out, so line n is picture n
    return [
        (int(line["seq"]), raw[n * FRAME_BYTES : (n + 1) * FRAME_BYTES])
        for n, line in enumerate(lines)
        if line["kind"] == "unique"
    ]


@pytest.mark.parametrize("style", ["wave", "udnie"])
def test_picture_is_what_the_live_path_shows(folder: Path, style: str) -> None:
    """As it is seen: I420 can hold more than RGB shows."""
    cv2.imwrite("in.png", draw(60, SIZE)[:, :, :3])
    assert main(["stylize", "in.png", "out.png", "--style", style, *PLAIN]) == 0
    expected = cv2.imread("out.png")
    frames = _live(folder, "file:in.png", style, 6, PLAIN)
    assert frames
    (live,) = {pixels for _, pixels in frames}
    i420 = np.frombuffer(live, np.uint8).reshape(SIZE[1] * 3 // 2, SIZE[0])
    shown = cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420)
    gray = [cv2.cvtColor(x, cv2.COLOR_BGR2GRAY).astype(int) for x in (expected, shown)]
    apart = np.abs(gray[0] - gray[1])
    assert apart.mean() < 0.8 and (np.percentile(apart, (99, 99.9)) <= (3, 8)).all()
    assert cv2.absdiff(expected, shown).mean() < 1.5  # live colours have half of the size
    assert sorted(path.name for path in folder.iterdir()) == [
        "in.png", "live.csv", "live.yuv", "out.png",
    ]  # fmt: skip


def test_a_kept_rectangle_of_a_picture_is_the_source_s_bytes(folder: Path) -> None:
    cv2.imwrite("in.png", draw(60, SIZE)[:, :, :3])
    keep = ["--keep", "33,17,101,55", "--keep", "400,200,64,64,8"]
    assert main(["stylize", "in.png", "out.png", "--style", "oil", *keep]) == 0
    source, styled = cv2.imread("in.png"), cv2.imread("out.png")
    for left, top, width, height in ((33, 17, 101, 55), (400, 200, 64, 64)):
        here = np.s_[top : top + height, left : left + width]
        assert (source[here] == styled[here]).all()
    assert (source != styled).mean() > 0.5


def test_clip_is_what_the_live_path_shows(folder: Path) -> None:
    scene = b"".join(draw(4 * seq, SIZE).tobytes() for seq in range(50))
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "bgra", "-s", "640x360", "-r", "10"]
        + ["-i", "-", "-c:v", "ffv1", "in.mkv"],
        input=scene,
        check=True,
        timeout=60,
    )
    flags = ["--hold", "0", "--keep", "8,8,64,32"]
    assert main(["stylize", "in.mkv", "out.mkv", "--style", "wave", *flags]) == 0
    with av.open("out.mkv") as container:
        assert float(container.streams.video[0].average_rate or 0) == 10
        offline = [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]
    assert len(offline) == 50
    frames = _live(folder, "file:in.mkv", "wave", 9, flags)
    assert len({seq % 50 for seq, _ in frames}) > 10
    for seq, pixels in frames:
        assert pixels == offline[seq % 50], f"frame {seq}"


def test_odd_picture_keeps_its_size(folder: Path) -> None:
    cv2.imwrite("in.png", draw(60, SIZE)[:201, :333, :3])
    assert main(["stylize", "in.png", "out.jpg", "--stylizer", "passthrough"]) == 0
    assert cv2.imread("out.jpg").shape == (201, 333, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["in.png", "out.gif"], 2, "cannot tell what 'out.gif' shall be"),
        (["no.png", "out.png"], 1, "no.png"),
        (["text.png", "out.png"], 1, "text.png"),
        (["in.png", "no/out.png"], 2, "'no/out.png': its folder does not exist"),
        (["in.png", "no/out.mp4"], 2, "'no/out.mp4': its folder does not exist"),
        (["in.png", "out.png", "--style", "foo"], 2, "unknown style 'foo'"),
        (["in.png", "out.png", "--size", "7x7"], 2, "--size '7x7'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    cv2.imwrite("in.png", draw(0, (64, 64))[:, :, :3])
    Path("text.png").write_text("no picture")
    assert main(["stylize", *arguments]) == code
    assert said in capfd.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["in.png", "text.png"]


def test_a_clip_keeps_the_times_of_its_frames(folder: Path) -> None:
    """Half at 30 a second, half at 10, as screen recordings are."""
    slow = "setpts=N/30/TB+gte(N\\,30)*(N-30)/15/TB"
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-vf", slow]
    clip = ["-frames:v", "60", "-fps_mode", "vfr", "in.mkv"]
    subprocess.run(["ffmpeg", "-v", "error", *source, *clip], check=True, timeout=60)
    assert main(["stylize", "in.mkv", "out.mp4", "--stylizer", "passthrough"]) == 0
    before, after = _times("in.mkv"), _times("out.mp4")
    assert before[-1] > 3.5
    np.testing.assert_allclose(after, before, atol=0.002)


def _times(file: str) -> list[float]:
    with av.open(file) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)]


@pytest.mark.parametrize("output", ["out.png", "out.mp4", "out.mkv"])
def test_a_full_disk_is_told_and_left_as_it_was(
    small_disk: Path, folder: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    cv2.imwrite("in.png", noise)
    (small_disk / "filler").write_bytes(bytes(1_000_000))
    assert main(["stylize", "in.png", str(small_disk / output), "--stylizer", "passthrough"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("livestyle: cannot write ") and said.count("\n") == 1
    assert "No space left on device; free some space" in said
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_its_figures_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite("in.png", draw(60, (320, 180))[:, :, :3])
    assert main(["stylize", "in.png", "out.png", "--stylizer", "passthrough", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["frames"], figures["size"]) == (1, [320, 180])
    assert figures["stylizer"]["name"] == "passthrough"


REFUSED = [
    ((17000, 100), "out.mp4", "16384"),
    ((100, 17000), "out.mp4", "16384"),
    ((1, 1), "out.mkv", "from 4"),
    ((3000, 2), "out.mkv", "from 4"),
    ((17000, 20), "out.webp", "16383"),
    ((66000, 4), "out.jpg", "65500"),
    ((64, 48), "out.gif", "256 colours"),
]


@pytest.mark.parametrize(("size", "output", "limit"), REFUSED)
def test_a_size_that_the_output_cannot_have_is_refused_first(
    folder: Path, capsys: pytest.CaptureFixture[str], size: Size, output: str, limit: str
) -> None:
    assert cv2.imwrite("in.png", np.full((size[1], size[0], 3), 90, np.uint8))
    model = ["--stylizer", "turbo", "--model", "someone/some-model"]  # which is not asked for
    assert main(["stylize", "in.png", output, *model]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and output in told and limit in told
    assert sorted(path.name for path in folder.iterdir()) == ["in.png"]


@pytest.mark.parametrize(
    ("size", "output"),
    [((16384, 20), "out.mp4"), ((2, 2), "out.mp4"), ((4, 4), "out.mkv"), ((7680, 4320), "out.mkv")],
)
def test_the_largest_and_smallest_are_written(folder: Path, size: Size, output: str) -> None:
    assert cv2.imwrite("in.png", np.full((size[1], size[0], 3), 90, np.uint8))
    assert main(["stylize", "in.png", output, "--stylizer", "passthrough"]) == 0
    with av.open(output) as made:
        (frame,) = made.decode(video=0)
    assert (frame.width, frame.height) == size


@pytest.mark.parametrize("stylizer", ["passthrough", "lite"])
@pytest.mark.parametrize("second", [(60, 120), (240, 60), (120, 240)])
def test_frames_of_another_size_have_bars(folder: Path, stylizer: str, second: Size) -> None:
    """The first one's size is the clip's; a white frame of another shape lies in its middle."""
    sizes = [(160, 120), second, (160, 120)]
    pictures = [
        cv2.imencode(".jpg", np.full((height, width, 3), 255, np.uint8))[1].tobytes()
        for width, height in sizes
    ]
    Path("changing.mjpg").write_bytes(b"".join(pictures))
    assert main(["stylize", "changing.mjpg", "out.mkv", "--stylizer", stylizer, *PLAIN]) == 0
    with av.open("out.mkv") as made:
        frames = [frame.to_ndarray(format="gray") for frame in made.decode(video=0)]
    assert [frame.shape for frame in frames] == [(120, 160)] * 3
    shrink = min(160 / second[0], 120 / second[1])
    width, height = second[0] * shrink, second[1] * shrink
    shown = frames[1] > 100
    assert abs(shown.any(0).sum() - width) <= 2 and abs(shown.any(1).sum() - height) <= 2
    assert shown[60, 80] and not shown[0, 0]
    assert (frames[0] > 100).mean() > 0.95 and (frames[2] > 100).mean() > 0.95


def test_hdr_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with av.open("hdr.mkv", "w") as made:
        stream = made.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.codec_context.color_trc = 16
        stream.codec_context.color_primaries = 9
        for _ in range(3):
            picture = av.VideoFrame(64, 48, "yuv420p10le")
            picture.color_trc, picture.color_primaries = 16, 9
            made.mux(stream.encode(picture))
        made.mux(stream.encode(None))
    assert main(["stylize", "hdr.mkv", "out.mkv", "--stylizer", "passthrough"]) == 0
    told, written = capsys.readouterr().err.splitlines()
    assert told == "hdr.mkv is PQ; its colours are brought down to SDR"
    assert re.fullmatch(r"\S+: \d+x\d+, .+ s(, \d+\.\d fps)?", written)
