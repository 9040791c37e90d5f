"""From a map to colours: upsample, colour between fixed limits, blend over the image."""

from __future__ import annotations

import operator
from functools import lru_cache

import cv2
import numpy as np
from matplotlib import colormaps


def upsample(
    map: np.ndarray,  # noqa: A002 - the field's word, and the one that errors name
    size: tuple[int, int],
) -> np.ndarray:
    """Stretch a map (h, w) over `size` = (H, W) pixels, edge on edge: (H, W) float32.

    Bilinear between cell centres (half-pixel aligned); beyond the outermost centres the edge value holds.

    Raises
    ------
    ValueError
        The map is not two-dimensional, or the size is not two integers of at least 1.

    Examples
    --------
    >>> upsample(np.array([[0.0, 4.0]]), (1, 4)).tolist()
    [[0.0, 1.0, 3.0, 4.0]]
    """
    cells = np.ascontiguousarray(map, dtype=np.float32)
    if cells.ndim != 2 or 0 in cells.shape:
        raise ValueError(f"map: expected shape (h, w), none of them 0, got {cells.shape}; pass one map")
    height, width = (operator.index(side) for side in size)
    if min(height, width) < 1:
        raise ValueError(f"size: expected (H, W) of at least 1 pixel each, got {size}")
    return cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)


CHANGE = "change"
"""The colour map of changes, for limits (-peak, peak): purple is lost, orange gained; by opacity how much."""


def is_cmap(name: object) -> bool:
    """Return whether matplotlib knows a colour map of this name.

    >>> is_cmap("inferno"), is_cmap("rainbows"), is_cmap(3)
    (True, False, False)
    """
    return isinstance(name, str) and name in colormaps


@lru_cache(maxsize=16)
def _table(cmap: str) -> np.ndarray:
    """Return the 256 colours of a matplotlib colour map: (256, 3) uint8, read-only."""
    if cmap == CHANGE:  # ColorBrewer's ends, safe for the colour-blind; its pale middle would veil the image
        return _read_only(colormaps["PuOr_r"](np.r_[0.04:0.2:128j, 0.8:0.96:128j], bytes=True)[:, :3])
    if not is_cmap(cmap):
        raise ValueError(f"cmap: matplotlib knows no colour map {cmap!r}; try inferno, viridis or turbo")
    return _read_only(colormaps[cmap](np.linspace(0, 1, 256), bytes=True)[:, :3])


def _read_only(table: np.ndarray) -> np.ndarray:
    """Return colours that no caller can change: they are handed out from a cache."""
    table = np.ascontiguousarray(table)
    table.flags.writeable = False
    return table


def ramp(cmap: str) -> np.ndarray:
    """Return the 256 colours of a colour bar: (256, 3) uint8.

    Those of `CHANGE` thin out to white at the middle, as they do to the image where nothing changed.

    Raises
    ------
    ValueError
        Unknown colour map.

    Examples
    --------
    >>> ramp("gray")[[0, 255]].tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    if cmap != CHANGE:
        return _table(cmap)
    weight = np.sqrt(np.abs(np.linspace(-1, 1, 256)))[:, None]
    return np.rint(255 - weight * (255.0 - _table(cmap))).astype(np.uint8)


def colourise(
    map: np.ndarray,  # noqa: A002 - see upsample
    limits: tuple[float, float],
    cmap: str = "inferno",
) -> np.ndarray:
    """Colour a map (H, W) between fixed limits: (H, W, 3) uint8.

    `limits` = (lo, hi) take the first and the last colour of `cmap` (any name matplotlib knows); values
    outside are clipped to them. With lo = hi, values up to lo take the first colour and the rest the last.

    Raises
    ------
    ValueError
        Limits not finite or lo > hi, NaN in the map, unknown colour map.

    Examples
    --------
    >>> colourise(np.array([[-5.0, 0.0, 0.5, 1.0, 9.0]]), (0, 1), "gray")[0, :, 0].tolist()
    [0, 0, 128, 255, 255]
    """
    lo, hi = (np.float32(limit) for limit in limits)
    if not (np.isfinite(lo) and np.isfinite(hi) and lo <= hi):
        raise ValueError(f"limits: expected finite lo <= hi, got {limits}; pass the intact map's range")
    values = np.asarray(map, dtype=np.float32)
    if np.isnan(values).any():
        raise ValueError("map: holds NaN; pass finite values")
    share = values > lo if lo == hi else (np.clip(values, lo, hi) - lo) / (hi - lo)
    indices = np.rint(share * np.float32(255)).astype(np.uint8)
    return cv2.applyColorMap(indices, _table(cmap)[:, None])  # as table[indices], and many times faster


SHINE = np.float32(0.15)
"""The part of the opacity that is left where there is no evidence."""


def overlay(
    image: np.ndarray,
    map: np.ndarray,  # noqa: A002 - see upsample
    limits: tuple[float, float],
    cmap: str = "inferno",
    opacity: float = 0.65,
) -> np.ndarray:
    """Lay a map (h, w), stretched and coloured, over an image (H, W, 3) uint8: (H, W, 3) uint8.

    Where the map reaches the upper limit the colours cover the image by `opacity`; they thin out with the
    square root of the evidence, to 15 % of it at the lower limit, so that the image comes back as evidence
    drains. Opacity 0 is the image.

    With the colours `CHANGE` the map is one of changes, and the limits are (-peak, peak): the colours cover
    the image most at either limit, and where nothing changed the image is left as it is.

    Raises
    ------
    ValueError
        The image is not (H, W, 3) uint8, opacity lies outside 0..1, or as from `upsample` and `colourise`.

    Examples
    --------
    >>> black = np.zeros((1, 2, 3), np.uint8)
    >>> overlay(black, np.array([[0.25, 1.0]]), (0, 1), "gray", 1.0)[0, :, 0].tolist()
    [37, 255]
    >>> overlay(black, np.array([[0.0, 1.0]]), (-1, 1), CHANGE, 1.0)[0, :, 0].tolist()
    [0, 147]
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity: expected 0 to 1, got {opacity}")
    below = np.ascontiguousarray(image)
    if below.ndim != 3 or below.shape[2] != 3 or below.dtype != np.uint8:
        raise ValueError(f"image: expected (H, W, 3) uint8, got {below.shape} {below.dtype}; see load_image")
    stretched = upsample(map, below.shape[:2])
    colours = colourise(stretched, limits, cmap)
    evidence, lowest, shine = (np.abs(stretched), 0, 0) if cmap == CHANGE else (stretched, limits[0], SHINE)
    share = np.clip((evidence - lowest) / max(limits[1] - lowest, np.finfo(np.float32).tiny), 0, 1)
    weight = np.float32(opacity) * (shine + (1 - shine) * np.sqrt(share, dtype=np.float32))
    return cv2.blendLinear(below, colours, 1 - weight, weight)
