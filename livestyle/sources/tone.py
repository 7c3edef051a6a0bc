"""High dynamic range (PQ, HLG) and wide colour (BT.2020) made what an ordinary screen shows.

In a table of colours, made once and applied by FFmpeg:

1. light in cd/m² by SMPTE ST 2084 (PQ), or by ITU-R BT.2100 (HLG) on a screen of 1000 cd/m²;
   of SDR in BT.2020, by ITU-R BT.1886;
2. BT.2020's primaries become BT.709's by the matrix of ITU-R BT.2087; what lies outside is cut;
3. 203 cd/m², where ITU-R BT.2408 has the white of ordinary pictures, is 1. The brightest of red,
   green and blue stays as it is up to 0.8; from there 1000 cd/m² are brought down to 1 by the
   curve of Reinhard et al., "Photographic Tone Reproduction for Digital Images" (2002), formula 4.
   The other two follow, which keeps the hue;
4. the signal of that light, by BT.1886.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from av.filter import Graph
from av.video.reformatter import VideoReformatter

from livestyle.sources.chain import chain

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    Colours = NDArray[np.float64]

# as ITU-T H.273 numbers them
_PQ, _HLG, _BT2020 = 16, 18, 9
_WHITE, _PEAK = 203.0, 1000.0  # cd/m²
_KNEE = 0.8
_GAMMA = 2.4
_STEPS = 33  # of the table, in each colour
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020's primaries


def range_of(picture: VideoFrame) -> str:
    """ "PQ", "HLG", "BT.2020" (in SDR), or "" where a frame is shown as it is."""
    transfer = picture.color_trc
    if transfer == _PQ:
        return "PQ"
    if transfer == _HLG:
        return "HLG"
    return "BT.2020" if picture.color_primaries == _BT2020 else ""


class ToneMap:
    """Makes SDR in BT.709 of frames of one range, see `range_of`."""

    def __init__(self, range: str) -> None:
        self.range = range
        self._reformatter = VideoReformatter()
        self._size = (0, 0)
        self._graph = Graph()

    def __call__(self, picture: VideoFrame) -> VideoFrame:
        """RGB in 16 bits (gbrp16le), of the same size."""
        # of the formats that the filter takes, the one in which it is fastest
        rgb = self._reformatter.reformat(picture, format="gbrp16le")
        if self._size != (rgb.width, rgb.height):
            self._size = rgb.width, rgb.height
            self._graph = _graph(rgb, self.range)
        self._graph.push(rgb)
        return self._graph.vpull()


def _graph(picture: VideoFrame, range: str) -> Graph:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "table.cube")
        file.write_text(_cube(range), encoding="ascii")
        return chain(picture, ("lut3d", {"file": str(file)}))


@functools.cache
def _cube(range: str) -> str:
    """The table, as Adobe's Cube LUT Specification 1.0 has it: red changes fastest."""
    axis = np.linspace(0, 1, _STEPS)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    table = shown(np.stack([red, green, blue], axis=-1).reshape(-1, 3), range)
    rows = "\n".join("{:.6f} {:.6f} {:.6f}".format(*row) for row in table.tolist())
    return f"LUT_3D_SIZE {_STEPS}\n{rows}\n"


def shown(signal: Colours, range: str) -> Colours:
    """SDR in BT.709 of colours (N, 3) in BT.2020; signals from 0 to 1. See the module's text."""
    light = {"PQ": _pq, "HLG": _hlg, "BT.2020": _sdr}[range](signal) / _WHITE
    light = np.maximum(light @ _TO_BT709.T, 0)
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-9)
    if range == "BT.2020":
        return _signal(light)
    return _signal(light * (_rolled_off(brightest) / brightest))


def _signal(light: Colours) -> Colours:
    coded: Colours = np.minimum(light, 1) ** (1 / _GAMMA)
    return coded


def _pq(signal: Colours) -> Colours:
    """cd/m², SMPTE ST 2084."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = signal ** (1 / m2)
    light: Colours = 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    return light


def _hlg(signal: Colours) -> Colours:
    """cd/m², ITU-R BT.2100, table 5, with its gamma for 1000 cd/m²."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = (scene @ _LUMINANCE)[:, None]
    light: Colours = _PEAK * luminance**0.2 * scene
    return light


def _sdr(signal: Colours) -> Colours:
    light: Colours = _WHITE * signal**_GAMMA
    return light


def _rolled_off(light: Colours) -> Colours:
    over, most = (np.maximum(each - _KNEE, 0) / (1 - _KNEE) for each in (light, _PEAK / _WHITE))
    curve: Colours = over * (1 + over / most**2) / (1 + over)
    return np.minimum(np.minimum(light, _KNEE) + (1 - _KNEE) * curve, 1)
