"""README's moving picture: its clips cover each other in turn, and it comes out as a file."""

import io
from pathlib import Path

import av
import moving_picture
import numpy as np
from moving_picture import ALONE, FPS, SIZE, SWEEP, encoded, labelled, swept
from PIL import Image

WIDTH, HEIGHT = SIZE
TURN = round(ALONE * FPS) + round(SWEEP * FPS)


def _plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def test_each_clip_is_covered_by_the_next_and_the_last_by_the_first() -> None:
    red, blue = _plain((200, 0, 0)), _plain((0, 0, 200))
    frames = list(swept([[red] * 2 * TURN, [blue] * 2 * TURN]))
    assert len(frames) == 2 * TURN
    assert (frames[0] == red).all() and (frames[TURN] == blue).all()
    for at, left, right in ((TURN - 5, blue, red), (2 * TURN - 5, red, blue)):
        edges = (frames[at] == 255).all(axis=(0, 2)).nonzero()[0]
        assert len(edges) == moving_picture.EDGE
        assert (frames[at][:, : edges[0]] == left[:, : edges[0]]).all()
        assert (frames[at][:, edges[-1] + 1 :] == right[:, edges[-1] + 1 :]).all()


def test_what_a_recording_left_out_is_the_frame_before(tmp_path: Path) -> None:
    file = tmp_path / "game.mkv"
    begin = round((moving_picture.TITLE + moving_picture.RUN_UP) * FPS)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("ffv1", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for number, grey in ((begin - 1, 250), (begin, 40), (begin + 3, 120)):
            picture = np.full((36, 64, 3), grey, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    frames = labelled(file, "text")
    corners = [int(frame[0, 0, 0]) for frame in frames]
    assert np.allclose(corners, [40, 40, 40, 120], atol=3)
    assert frames[0].shape == (HEIGHT, WIDTH, 3) and frames[0][-40:, :200].max() > 200


def test_it_is_an_animation_without_end() -> None:
    picture, quality = encoded([_plain((k * 40, 90, 30)) for k in range(4)])
    assert quality == max(moving_picture.QUALITIES)
    with Image.open(io.BytesIO(picture)) as opened:
        assert opened.n_frames == 4 and opened.size == SIZE and opened.info["loop"] == 0
