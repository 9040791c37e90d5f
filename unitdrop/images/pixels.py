"""A decoded picture of Pillow's to RGB: upright, opaque, 8 bits, at most 40 megapixels."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from unitdrop.images.arrays import over_white
from unitdrop.images.levels import to_levels
from unitdrop.images.sizes import check_size, reduction
from unitdrop.notices import say

_BAND = 2_000_000  # pixels that are converted at a time, so that a large picture has no second copy
_FILTERS = threading.Lock()

# How to turn what is stored upright, by its EXIF orientation.
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep Pillow's warnings to itself while it reads a header; not for decoding, as all threads wait."""
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_deep(image: Image.Image) -> bool:
    """Return whether a picture holds grey levels of more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def image_to_rgb(
    image: Image.Image,
    name: str,
    value_range: tuple[float, float] | None,
    grey: np.ndarray | None = None,
    white: float | None = None,
) -> np.ndarray:
    """Return a picture that has been decoded as RGB (H, W, 3) uint8.

    Parameters
    ----------
    grey
        What its grey levels mean, where that is not what Pillow says: (H, W) of any dtype.
    white
        The white of grey levels, where the file states it.
    """
    check_size(*image.size, name)
    if grey is not None or is_deep(image):
        rgb = _deep_to_rgb(image, np.asarray(image) if grey is None else grey, name, value_range, white)
    else:
        if value_range is not None:
            say(f"{name}: has 8 bits a channel, whose black and white are 0 and 255; value_range is left out")
        rgb = stacked(image.size, ((y, flat_band(band)) for y, band in bands(image, 8)))
    return upright(rgb, image)


def colours_to_rgb(
    image: Image.Image,
    samples: np.ndarray,
    key: tuple[int, ...] | None,
    name: str,
    value_range: tuple[float, float],
) -> np.ndarray:
    """Return colours of 16 bits, (H, W, 3) or with opacity (H, W, 4), as RGB; `image` tells how to turn.

    `key` is the colour that is transparent.
    """
    levels = to_levels(samples[..., :3], name, value_range)
    if samples.shape[2] == 4:
        clear = to_levels(samples[..., 3:], name, None, tell=False)
        levels = over_white(np.concatenate([levels, clear], axis=2))
    if isinstance(key, tuple):
        levels[(samples == np.array(key)).all(axis=2)] = 255
    return upright(_reduced(levels), image)


def upright(rgb: np.ndarray, image: Image.Image) -> np.ndarray:
    """Return pixels turned as EXIF says, C-contiguous; unreadable EXIF counts as none, as in browsers."""
    try:
        with without_warnings():
            orientation = image.getexif().get(0x0112, 1)
        turn = _TURNS.get(orientation)
    except Exception:
        turn = None
    return rgb if turn is None else np.ascontiguousarray(turn(rgb))


def bands(image: Image.Image, step: int = 2) -> Iterator[tuple[int, Image.Image]]:
    """Cut a picture into bands of whole multiples of `step` rows: (first row, band)."""
    width, height = image.size
    rows = max(step, _BAND // width // step * step)
    for y in range(0, height, rows):
        yield y, image.crop((0, y, width, min(y + rows, height)))


def same_pixels(one: Image.Image, other: Image.Image) -> bool:
    """Return whether two pictures of one size have the same pixels."""
    return all(a.tobytes() == b.tobytes() for (_, a), (_, b) in zip(bands(one), bands(other), strict=True))


def stacked(size: tuple[int, int], parts: Iterable[tuple[int, Image.Image]]) -> np.ndarray:
    """Return bands of RGB, (first row, band), as one picture, reduced where that is over 40 megapixels.

    Each band but the last has a multiple of 8 rows; there is never a second copy of the whole.
    """
    width, height = size
    factor = reduction(width, height)
    rgb = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    for y, band in parts:
        part = np.asarray(band if factor == 1 else band.reduce(factor))
        rgb[y // factor : y // factor + len(part)] = part
    return rgb


def _reduced(levels: np.ndarray) -> np.ndarray:
    """Return levels, grey or RGB, reduced where they are over 40 megapixels."""
    height, width = levels.shape[:2]
    factor = reduction(width, height)
    return levels if factor == 1 else np.array(Image.fromarray(levels).reduce(factor))


def flat_band(band: Image.Image) -> Image.Image:
    """Return pixels of 8 bits a channel laid over white, RGB."""
    if band.mode == "La":  # Pillow knows only one way from here
        band = band.convert("LA")
    if band.has_transparency_data:
        band = band.convert("RGBA")
        if band.getchannel("A").getextrema() == (255, 255):
            return band.convert("RGB")
        band = Image.alpha_composite(Image.new("RGBA", band.size, "white"), band)
    return band.convert("RGB")


def _deep_to_rgb(
    image: Image.Image,
    grey: np.ndarray,
    name: str,
    value_range: tuple[float, float] | None,
    white: float | None,
) -> np.ndarray:
    """Return grey levels of more than 8 bits as RGB; a transparent level becomes white."""
    levels = to_levels(grey, name, value_range, white)
    if "transparency" in image.info:
        levels[grey == image.info["transparency"]] = 255
    return np.repeat(_reduced(levels)[..., None], 3, axis=2)
