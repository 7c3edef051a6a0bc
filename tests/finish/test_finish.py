"""Finish: detail, hold, colour, mix and kept rectangles, on planes and on pictures."""

import cv2
import numpy as np
import pytest

from livestyle.bench.picture.words import write_words
from livestyle.between.look import Finishing
from livestyle.canvas import Canvas, to_i420
from livestyle.finish.detail import Detail
from livestyle.finish.finish import Finish
from livestyle.finish.fused import Fused, blended
from livestyle.finish.hold import Watch
from livestyle.finish.live import LiveFinish
from livestyle.finish.picture import PictureFinish
from livestyle.finish.planes import ONE, Planes
from livestyle.sources.testcard import draw

SIZE = (640, 360)
ALL = Finishing(0.8, 0.5, 0.3, 0.2, ((11, 7, 101, 55, 0), (300, 100, 80, 60, 9)))


def _i420(bgra: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(bgra, cv2.COLOR_BGRA2YUV_I420)


def _styled(bgra: np.ndarray) -> np.ndarray:
    """A stand-in for a network: everything depends a little on everything, and nothing is sharp."""
    soft = cv2.GaussianBlur(bgra[..., 2::-1], (0, 0), 3)
    return np.clip(soft.astype(int) * 0.8 + bgra.mean() % 23, 0, 255).astype(np.uint8)


class _Live:
    """A LiveFinish with its stand-in of a stylizer, frame after frame."""

    def __init__(self, finishing: Finishing, size: tuple[int, int] = SIZE) -> None:
        self.finish = LiveFinish(Canvas(size, "fit"), finishing)
        self.styled = 0

    def __call__(self, bgra: np.ndarray) -> np.ndarray:
        if self.finish.look_at(bgra):
            self.styled += 1
            self.finish.style(_styled(bgra))
        shown = np.zeros((bgra.shape[0] * 3 // 2, bgra.shape[1]), np.uint8)
        self.finish.write(shown.data.cast("B"))
        return shown


def _plain(bgra: np.ndarray) -> np.ndarray:
    """The stylizer's picture alone."""
    shown = np.zeros((bgra.shape[0] * 3 // 2, bgra.shape[1]), np.uint8)
    to_i420(_styled(bgra), shown.data.cast("B"))
    return shown


# nothing


def test_all_off_is_the_stylizer_s_picture_to_the_bit() -> None:
    live = _Live(Finishing())
    assert not live.finish.is_on
    for seq in (3, 4, 90):
        bgra = draw(seq, SIZE)
        assert (live(bgra) == _plain(bgra)).all()
    rgb = np.ascontiguousarray(draw(3, SIZE)[..., 2::-1])
    styled = _styled(draw(3, SIZE))
    assert (PictureFinish(rgb, Finishing())(rgb, lambda: styled) == styled).all()


# detail


def _grey(plane: np.ndarray) -> Planes:
    """A picture of that brightness, with other colours in every quarter."""
    colours = np.full((plane.shape[0] // 2, plane.shape[1] // 2), 90, np.uint8)
    colours[:, : plane.shape[1] // 4] = 160
    return Planes(plane, colours, colours[::-1].copy())


def _detail_in_floats(source: np.ndarray, styled: np.ndarray, amount: float) -> np.ndarray:
    """The formula of livestyle.finish.detail, without fixed point and bytes between."""

    def small(plane: np.ndarray, by: int, sigma: float) -> np.ndarray:
        size = plane.shape[1] // by, plane.shape[0] // by
        shrunk = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(shrunk, (5, 5), sigma)

    def grown(plane: np.ndarray) -> np.ndarray:
        return cv2.resize(plane, source.shape[::-1], interpolation=cv2.INTER_LINEAR)

    source, styled = source.astype(np.float32), styled.astype(np.float32)
    fine = source - grown(small(source, 2, 1.2))
    level, most = small(np.abs(fine), 4, 1.0), min(1, 1.25 * amount)
    m = grown(((level - 4) / 8).clip(0, 1)) * most
    text = ((cv2.dilate(level, np.ones((5, 5))) - 12) / 12).clip(0, 1) * most
    ground = cv2.resize(
        small(source, 2, 1.2), (source.shape[1] // 4, source.shape[0] // 4),
        interpolation=cv2.INTER_AREA,
    )  # fmt: skip
    soft = grown((1 - text) / 2 * small(styled, 4, 1.2) + (1 + text) / 2 * ground)
    return styled + m * (soft - styled) + amount * (0.625 + m) * fine


def _detailed(source: np.ndarray, styled: np.ndarray, amount: float) -> np.ndarray:
    result = _grey(styled.copy())
    Detail(source.shape[::-1]).add(_grey(source), result, amount)
    return result.y


@pytest.mark.parametrize("amount", [0.3, 0.8, 1.0])
def test_detail_is_what_its_formula_says(amount: float) -> None:
    source = cv2.cvtColor(draw(7, SIZE), cv2.COLOR_BGRA2GRAY)
    styled = cv2.cvtColor(_styled(draw(7, SIZE)), cv2.COLOR_RGB2GRAY)
    result = _detailed(source, styled, amount)
    away = np.abs(result - _detail_in_floats(source, styled, amount).clip(0, 255))
    assert away.mean() < 1 and np.percentile(away, 99) < 3
    assert np.abs(result.astype(int) - styled).mean() > 1  # there was something to add


@pytest.mark.parametrize("amount", [0.3, 0.8, 1.0])
def test_detail_in_pytorch_is_that_of_opencv(amount: float) -> None:
    torch = pytest.importorskip("torch")
    from livestyle.finish.tensors import add_detail

    picture = write_words(draw(40, (1280, 720))[:, :, 2::-1].copy())[0]
    source = np.ascontiguousarray(picture[:, :, 1])
    styled = cv2.GaussianBlur(source, (0, 0), 3) // 2 + 60
    wanted = _detailed(source, styled, amount)
    planes = (torch.from_numpy(plane)[None, None].float() for plane in (source, styled))
    away = np.abs(add_detail(*planes, amount)[0, 0].numpy() - wanted)
    assert (away <= 2).mean() > 0.999 and away.max() <= 5
    assert np.abs(wanted - styled.astype(float)).mean() > 0.3  # there was something to do


def test_text_has_more_of_the_sources_colour_than_of_the_styles() -> None:
    picture = write_words(np.full((720, 1280, 3), 90, np.uint8))[0]
    source = Planes.of_i420(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420))
    styled = Planes(source.y.copy(), np.full_like(source.u, 240), np.full_like(source.v, 16))
    Detail((1280, 720)).add(source, styled, 0.8)
    lines = np.s_[22:32, 20:170]  # of the first panel's words
    for colour, theirs, was in zip(styled[1:], source[1:], (240, 16), strict=True):
        between = 0.6 * theirs[lines] + 0.4 * was
        assert (abs(colour[lines] - between) <= 1).mean() > 0.8
    assert (styled.u[130:220] == 240).all() and (styled.v[130:220] == 16).all()


@pytest.mark.parametrize("rows", [720, 541, 540, 539, 360, 180, 1])
def test_a_formula_of_a_part_is_that_of_all(rows: int) -> None:
    """Whichever of the compiled shapes it takes."""
    fused = Fused(blended, 3, 0, (720, 1280))
    was, now, share, made = fused.planes((rows, 1280))
    random = np.random.default_rng(rows)
    for plane, top in ((was, 256), (now, 256), (share, ONE + 1)):
        plane[:] = random.integers(0, top, plane.shape)
    fused()
    parts = share.astype(np.float32) / ONE
    assert np.abs(made - (was + parts * (now.astype(np.float32) - was))).max() <= 0.51


def test_text_in_a_style_without_colours_has_none() -> None:
    picture = write_words(np.full((720, 1280, 3), (200, 60, 40), np.uint8))[0]
    source = Planes.of_i420(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420))
    styled = Planes(source.y.copy(), np.full_like(source.u, 128), np.full_like(source.v, 125))
    Detail((1280, 720)).add(source, styled, 0.8)
    assert (styled.u == 128).all()
    assert styled.v.min() == 125 and styled.v.max() <= 131


def test_detail_of_a_part_is_that_part_of_it() -> None:
    """Away from its edges, and where it begins and ends at multiples of eight."""
    source = cv2.cvtColor(draw(7, SIZE), cv2.COLOR_BGRA2GRAY)
    styled = cv2.cvtColor(_styled(draw(7, SIZE)), cv2.COLOR_RGB2GRAY)
    detail = Detail(SIZE)
    whole, part = _grey(styled.copy()), _grey(styled.copy())
    detail.add(_grey(source), whole, 0.8)
    here = np.s_[88:304, 64:552]
    detail.add(_grey(source).cut(here), part.cut(here), 0.8)
    inside = np.s_[136:256, 112:504]
    assert (part.y[inside] == whole.y[inside]).all()
    assert (part.y[:88] == styled[:88]).all()


def test_what_is_new_is_finished_as_if_all_were() -> None:
    """Only the part around it is computed."""
    part, whole = _Live(Finishing(0.8, 0.5)), _Live(Finishing(0.8))
    for seq in range(0, 24, 3):
        bgra = draw(3, SIZE)
        bgra[100:180, 300 + 4 * seq : 400 + 4 * seq] = draw(90 + seq, SIZE)[100:180, 300:400]
        shown, wanted = _brightness(part(bgra)), _brightness(whole(bgra))
        moving = np.s_[110:170, 310 + 4 * seq : 390 + 4 * seq]
        assert np.abs(shown - wanted)[moving].mean() < 1
    assert part.styled == whole.styled == 8


def test_detail_does_not_wrap_around() -> None:
    source = np.zeros(SIZE[::-1], np.uint8)
    source[:, ::2] = 255
    for level in (0, 255):
        result = _detailed(source, np.full_like(source, level), 1.0)
        bright, dark = result[:, ::2].astype(int), result[:, 1::2].astype(int)
        assert (bright >= dark).all()


def test_detail_leaves_what_is_plain() -> None:
    plain = np.full(SIZE[::-1], 130, np.uint8)
    styled = cv2.cvtColor(_styled(draw(7, SIZE)), cv2.COLOR_RGB2GRAY)
    assert (_detailed(plain, styled, 1.0) == styled).all()


def test_a_mix_with_detail_is_a_share_of_the_source() -> None:
    source = cv2.cvtColor(draw(7, SIZE), cv2.COLOR_BGRA2GRAY)
    styled = cv2.cvtColor(_styled(draw(7, SIZE)), cv2.COLOR_RGB2GRAY)
    mixed = _grey(styled.copy())
    Detail(SIZE).add(_grey(source), mixed, 0.8, 0.25)
    wanted = 0.75 * _detailed(source, styled, 0.8) + 0.25 * source
    seen = (wanted > 10) & (wanted < 200)  # where nothing was cut off; each is rounded once
    assert seen.mean() > 0.5 and np.abs(mixed.y - wanted)[seen].max() < 1


def test_a_mix_stands_still_too() -> None:
    live = _Live(Finishing(detail=0.8, hold=0.5, mix=0.4, colour=0.3))
    first = live(draw(3, SIZE))
    noise = np.random.default_rng(2).normal(0, 2, (*SIZE[::-1], 4))
    noisy = np.clip(draw(3, SIZE).astype(int) + noise, 0, 255).astype(np.uint8)
    assert (live(noisy) == first).all()


@pytest.mark.parametrize("size", [(2, 2), (4, 6), (66, 64), (130, 98)])
def test_any_even_size(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    live = _Live(ALL, size)
    for _ in range(3):
        bgra = rng.integers(0, 256, (*size[::-1], 4), np.uint8)
        assert live(bgra).shape == (size[1] * 3 // 2, size[0])


# hold


def _half_moving(seq: int) -> np.ndarray:
    """The left half stands still."""
    still, moving = draw(3, SIZE), draw(3 + 4 * seq, SIZE)
    still[:, SIZE[0] // 2 :] = moving[:, SIZE[0] // 2 :]
    return still


def _brightness(i420: np.ndarray) -> np.ndarray:
    return i420[: SIZE[1]].astype(int)


def test_what_stands_still_stands_still_while_the_rest_moves() -> None:
    plain = [_plain(_half_moving(seq)) for seq in range(12)]
    away = SIZE[0] // 2 - 24  # what moves reaches a little beyond its edge
    moved = [
        np.abs(_brightness(a) - _brightness(b))[:, :away].max()
        for a, b in zip(plain, plain[1:], strict=False)
    ]
    assert max(moved) >= 1  # without hold it does not
    live = _Live(Finishing(detail=0.8, hold=0.5))
    shown = [live(_half_moving(seq)) for seq in range(12)]
    for planes in [Planes.of_i420(picture) for picture in shown[1:]]:
        for plane, first in zip(planes, Planes.of_i420(shown[0]), strict=True):
            part = plane.shape[1] * away // SIZE[0]
            assert (plane[:, :part] == first[:, :part]).all()
    right = [
        np.abs(_brightness(a) - _brightness(b))[:, SIZE[0] // 2 :].mean()
        for a, b in zip(shown, shown[1:], strict=False)
    ]
    assert min(right) > 0.5  # and the other half moves


def test_what_does_not_change_is_not_styled_again() -> None:
    live = _Live(Finishing(hold=0.5))
    first = live(draw(3, SIZE))
    noise = np.random.default_rng(2)
    for _ in range(5):
        noisy = np.clip(draw(3, SIZE).astype(int) + noise.normal(0, 2, (*SIZE[::-1], 4)), 0, 255)
        assert (live(noisy.astype(np.uint8)) == first).all()
    assert live.styled == 1
    live.finish.forget()
    live(draw(3, SIZE))
    live.finish.change(Finishing(hold=0.5, detail=0.2))
    live(draw(3, SIZE))
    assert live.styled == 3


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (2560, 1440), (3840, 2160)])
def test_cells_are_means(size: tuple[int, int]) -> None:
    source = Planes.of_i420(_i420(draw(7, size)))
    watch = Watch(source)
    for _ in range(3):
        watch.look_at(source, 0.5)
        across = size[0] // watch.new.shape[1]
        means = source.y.reshape(-1, across, watch.new.shape[1], across).mean((1, 3))
        assert np.abs(watch._now[0] - means).max() <= 2  # each halving rounds


def test_a_moving_scene_leaves_no_ghost() -> None:
    held, free = _Live(Finishing(hold=0.5)), _Live(Finishing())
    away = []
    for seq in range(0, 120, 2):
        bgra = draw(seq, SIZE)
        moving = cv2.absdiff(bgra, draw(max(0, seq - 2), SIZE)).max(axis=2) > 12
        difference = np.abs(_brightness(held(bgra)) - _brightness(free(bgra)))
        away.append(difference[moving].mean() if moving.any() else 0)
    assert np.mean(away) < 1.5


def test_a_cut_shows_the_new_scene_whole() -> None:
    live = _Live(Finishing(hold=0.5))
    live(draw(3, SIZE))
    other = 255 - draw(40, SIZE)
    assert (live(other) == _plain(other)).all()


def test_what_changes_slowly_comes_through() -> None:
    live = _Live(Finishing(hold=0.5))
    grey = np.full((*SIZE[::-1], 4), 100, np.uint8)
    for level in range(100, 160):
        shown = live(np.full_like(grey, level))
    behind = np.abs(_brightness(shown) - _brightness(_plain(np.full_like(grey, 159))))
    assert behind.mean() <= 14


def test_a_small_thing_is_seen() -> None:
    """A digit of a counter."""
    live = _Live(Finishing(hold=0.5, detail=0.8))
    before = draw(3, SIZE)
    live(before)
    after = before.copy()
    cv2.putText(after, "8", (300, 180), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255, 255), 1)
    fresh = _Live(Finishing(detail=0.8))
    wanted, shown = fresh(after), live(after)
    away = np.abs(_brightness(shown) - _brightness(wanted))[165:182, 298:312]
    assert away.mean() < 2 and away.max() <= 12  # as far as a cell may be from what was seen


# colour, mix, keep


def test_colour_and_mix_are_shares_of_the_source() -> None:
    bgra = draw(7, SIZE)
    source, plain = Planes.of_i420(_i420(bgra)), Planes.of_i420(_plain(bgra))
    for finishing, bright, coloured in (
        (Finishing(colour=0.5), 0.0, 0.5),
        (Finishing(mix=0.25), 0.25, 0.25),
        (Finishing(mix=0.5, colour=0.5), 0.5, 0.75),
        (Finishing(mix=1.0), 1.0, 1.0),
    ):
        shown = Planes.of_i420(_Live(finishing)(bgra))
        for plane, styled, native, share in zip(
            shown, plain, source, (bright, coloured, coloured), strict=True
        ):
            wanted = (1 - share) * styled.astype(float) + share * native
            assert np.abs(plane - wanted).max() <= 0.51


@pytest.mark.parametrize("rectangle", [(0, 0, 640, 360), (11, 7, 101, 55), (630, 351, 64, 64)])
def test_a_kept_rectangle_is_the_source_to_the_byte(rectangle: tuple[int, ...]) -> None:
    bgra = draw(9, SIZE)
    live = _Live(Finishing(0.8, 0.5, 0.1, 0.1, ((*rectangle, 0),)))  # type: ignore[arg-type]
    shown, source = Planes.of_i420(live(bgra)), Planes.of_i420(_i420(bgra))
    left, top, width, height = rectangle
    inside = slice(top, top + height), slice(left, left + width)
    assert (shown.y[inside] == source.y[inside]).all()
    inside = slice(top // 2, (top + height + 1) // 2), slice(left // 2, (left + width + 1) // 2)
    for mine, theirs in zip(shown[1:], source[1:], strict=True):
        assert (mine[inside] == theirs[inside]).all()
    outside = np.ones(SIZE[::-1], bool)
    outside[top : top + height, left : left + width] = False
    if outside.any():
        assert (shown.y != source.y)[outside].mean() > 0.3


def test_a_feather_ends_where_it_says_and_is_soft() -> None:
    bgra = draw(9, SIZE)
    plain = _Live(Finishing(detail=0.5))(bgra)
    live = _Live(Finishing(detail=0.5, keep=((200, 100, 100, 80, 12),)))
    shown, source = _brightness(live(bgra)), _brightness(_i420(bgra))
    assert (shown[100:180, 200:300] == source[100:180, 200:300]).all()
    far = np.ones(SIZE[::-1], bool)
    far[88:192, 188:312] = False
    assert (shown == _brightness(plain))[far].all()
    ring = slice(100, 180), slice(190, 200)
    low = np.minimum(source, _brightness(plain))[ring] - 1
    high = np.maximum(source, _brightness(plain))[ring] + 1
    assert ((shown[ring] >= low) & (shown[ring] <= high)).all()


def test_a_picture_keeps_rgb_bytes() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (91, 143, 3), np.uint8)
    finish = PictureFinish(rgb, Finishing(detail=0.8, keep=((10, 11, 50, 33, 0),)))
    styled = cv2.GaussianBlur(rgb, (0, 0), 3)
    shown = finish(rgb, lambda: styled)
    assert (shown[11:44, 10:60] == rgb[11:44, 10:60]).all()
    assert (shown != rgb).any()


def test_bars_stay_black() -> None:
    """A source of another shape than the output."""
    finish = LiveFinish(Canvas(SIZE, "fit"), Finishing(detail=1.0, hold=0.5, mix=0.5))
    source = draw(5, (200, 360))
    assert finish.look_at(source)
    canvas = Canvas(SIZE, "fit")
    canvas.paint(source)
    finish.style(canvas.pixels)
    shown = np.zeros((SIZE[1] * 3 // 2, SIZE[0]), np.uint8)
    finish.write(shown.data.cast("B"))
    assert (_brightness(shown)[:, :200] == 16).all()
    assert _brightness(shown)[:, 250:390].std() > 10


def test_the_same_arithmetic_for_both_kinds_of_planes() -> None:
    bgra = draw(5, SIZE)
    rgb = np.ascontiguousarray(bgra[..., 2::-1])
    finishing = Finishing(detail=0.8)
    by_picture = PictureFinish(rgb, finishing)(rgb, lambda: _styled(bgra))
    by_live = cv2.cvtColor(_Live(finishing)(bgra), cv2.COLOR_YUV2RGB_I420)
    away = np.abs(
        cv2.cvtColor(by_picture, cv2.COLOR_RGB2GRAY).astype(int)
        - cv2.cvtColor(by_live, cv2.COLOR_RGB2GRAY)
    )
    assert away.mean() < 2


def test_another_resolution_is_another_scene() -> None:
    finish = LiveFinish(Canvas(SIZE, "stretch"), Finishing(hold=1.0))
    for size in (SIZE, SIZE, (320, 180)):
        new = finish.look_at(cv2.resize(np.full((*SIZE[::-1], 4), 90, np.uint8), size))
        finish.style(np.zeros((*SIZE[::-1], 3), np.uint8))
        shown = np.zeros(SIZE[0] * SIZE[1] * 3 // 2, np.uint8)
        finish.write(shown.data)
    assert new


def test_settings_reach_the_next_frame_whole() -> None:
    live = _Live(Finishing())
    planes = Planes.of_i420(_i420(draw(1, SIZE)))
    finish = Finish(planes, Finishing())
    finish.change(ALL)
    assert finish.look_at(planes) and finish.finishing == ALL
    finish.apply(Planes.of_i420(_plain(draw(1, SIZE))), planes.empty())
    assert not finish.look_at(planes)
    finish.change(Finishing(hold=0.5))
    assert finish.look_at(planes) and finish.finishing == Finishing(hold=0.5)
    live.finish.change(ALL)
    assert live.finish.is_on
