"""The finish on a device: the arithmetic of the one in host memory."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from livestyle.bench.picture.words import write_words  # noqa: E402
from livestyle.between.look import Finishing  # noqa: E402
from livestyle.finish.device import DeviceFinish  # noqa: E402
from livestyle.finish.finish import Finish  # noqa: E402
from livestyle.finish.planes import Planes  # noqa: E402
from livestyle.sources.testcard import draw  # noqa: E402

CPU = torch.device("cpu")
MOST_LAUNCHES = 40


def _source(seq: int, size: tuple[int, int], still: bool = False) -> np.ndarray:
    """I420 with text; still: its left half does not move."""
    picture = write_words(draw(40 + seq, (1280, 720))[:, :, 2::-1].copy())[0]
    if still:
        picture[:, :640] = write_words(draw(40, (1280, 720))[:, :, 2::-1].copy())[0][:, :640]
    picture = np.ascontiguousarray(picture[: size[1], : size[0]])
    return cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)


def _styled(source: np.ndarray, seq: int) -> np.ndarray:
    return np.clip(cv2.GaussianBlur(source, (0, 0), 3) * 0.8 + 30 + seq % 7, 0, 255).astype(
        np.uint8
    )


class _Both:
    """The same frames finished in host memory and by a device."""

    def __init__(self, size: tuple[int, int], finishing: Finishing) -> None:
        planes = Planes.of_i420(np.zeros((size[1] * 3 // 2, size[0]), np.uint8))
        self.host, self.finishing = Finish(planes, finishing), finishing
        self.beside = Finish(planes, finishing)
        self.device = DeviceFinish(size, CPU)
        self.output = torch.zeros(size[1] * 3 // 2, size[0], dtype=torch.uint8)

    def __call__(self, source: np.ndarray, styled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shown = np.empty_like(source)
        new = self.host.look_at(Planes.of_i420(source))
        self.host.apply(Planes.of_i420(styled.copy()) if new else None, Planes.of_i420(shown))
        assert self.beside.look_at(Planes.of_i420(source)) == new
        if new:
            self.device.take(source, self.beside.new, self.finishing)
            assert self.device.begin()
            self.device.compute(torch.from_numpy(styled), self.output)
        finished, other = Planes.of_i420(self.output.numpy()), np.empty_like(source)
        self.beside.show(finished, Planes.of_i420(other), is_new=new)
        return shown, other


ALL = Finishing(detail=0.8, hold=0.5, colour=0.3, mix=0.2)


# (width, height) and how many of its bytes have to agree. Where cells of a quarter of the size do
# not divide it, host memory has a little larger ones instead.
SIZES = [((1280, 720), 0.999), ((1278, 714), 0.95), ((1280, 718), 0.95)]


@pytest.mark.parametrize(("size", "least"), SIZES)
@pytest.mark.parametrize(
    "finishing",
    [ALL, Finishing(detail=0.8, hold=0.5), Finishing(detail=1.0), Finishing(colour=0.4, mix=0.3)],
)
def test_it_is_within_two_levels_of_the_one_in_host_memory(
    size: tuple[int, int], least: float, finishing: Finishing
) -> None:
    both = _Both(size, finishing)
    for seq in (0, 9, 18):
        source = _source(seq, size, still=True)
        styled = _styled(source, seq)
        host, device = both(source, styled)
        away = cv2.absdiff(host, device)
        assert (away <= 2).mean() > least and away.mean() < 0.6
        assert cv2.absdiff(host, styled).mean() > 0.3  # there was something to do


def test_what_stands_still_stands_still_to_the_bit() -> None:
    both = _Both((1280, 720), ALL)
    shown = []
    for seq in (0, 9, 18):
        source = _source(seq, (1280, 720), still=True)
        shown.append(both(source, _styled(source, seq))[1][:720])
    for before, after in zip(shown, shown[1:], strict=False):
        assert (before[:, :560] == after[:, :560]).all()
        assert (before[:, 640:] != after[:, 640:]).mean() > 0.1


def test_a_kept_rectangle_is_the_source_s_and_a_still_frame_stays() -> None:
    rectangle = (300, 200, 80, 60, 0)
    both = _Both((1280, 720), Finishing(detail=0.8, hold=0.5, keep=(rectangle,)))
    source = _source(0, (1280, 720))
    _, first = both(source, _styled(source, 0))
    assert (first[200:260, 300:380] == source[200:260, 300:380]).all()
    assert (both(source, _styled(source, 5))[1] == first).all()


def test_all_off_is_the_styled_picture_to_the_bit() -> None:
    finish = DeviceFinish((1280, 720), CPU)
    source = _source(0, (1280, 720))
    styled = np.random.default_rng(1).integers(0, 256, source.shape, np.uint8)
    whole = Finish(Planes.of_i420(source), Finishing())
    finish.take(source, whole.new, Finishing())
    finish.begin()
    output = torch.zeros(styled.shape, dtype=torch.uint8)
    finish.compute(torch.from_numpy(styled), output)
    assert (output.numpy() == styled).all()


def test_a_warm_up_changes_nothing_that_is_shown() -> None:
    both = _Both((1280, 720), ALL)
    source = _source(0, (1280, 720), still=True)
    _, first = both(source, _styled(source, 0))
    with both.device.resting():
        assert not both.device.begin()
        both.device.compute(torch.from_numpy(_styled(source, 3)), both.output)
    assert (both.output.numpy() == first).all()


class _Launches(TorchDispatchMode):
    """Counts what would be a kernel on a GPU: all but views."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if not func.is_view:
            self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def test_it_takes_few_launches() -> None:
    finish = DeviceFinish((1280, 720), CPU)
    styled, finished = torch.zeros(2, 1080, 1280, dtype=torch.uint8)
    with _Launches() as launches:
        finish.compute(styled, finished)
    assert 20 < len(launches.names) <= MOST_LAUNCHES, launches.names
