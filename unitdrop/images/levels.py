"""Values of any dtype to grey levels 0..255: which value is black, which is white, and when to ask."""

from __future__ import annotations

from typing import Any

import numpy as np

from unitdrop.checks import finite_number
from unitdrop.errors import ImageError
from unitdrop.notices import say

_ROUNDING = 1e-3  # so much may a float be below black, and by this share above white
_DEPTHS = (8, 10, 12, 14)  # of cameras and scanners whose pictures are kept in files of 16 bits
_SIGNED_DEPTHS = (7, 10, 12, 14, 15)  # of values that might be negative but are not
_DARK = 1 / 16  # of the range: nothing above it, and the picture is nearly black


def checked_range(value_range: Any) -> tuple[float, float] | None:
    """Return `value_range` as two floats; None as it is.

    Raises
    ------
    ImageError
        It is anything but two finite numbers, rising.
    """
    if value_range is None:
        return None
    try:
        black, white = map(finite_number, value_range)
    except (TypeError, ValueError):
        black = white = None
    if black is None or white is None or black >= white:
        raise ImageError(f"value_range: expected (black, white), finite and rising, got {value_range!r}")
    return black, white


def to_levels(
    values: np.ndarray,
    name: str,
    value_range: tuple[float, float] | None,
    white: float | None = None,
    tell: bool = True,
) -> np.ndarray:
    """Return real values of any dtype as grey levels: a new uint8 array of that shape.

    Parameters
    ----------
    values
        bool, integers or floats, of any shape with at least one axis and one value.
    value_range
        (black, white), those outside being clipped; None: by the table in `load_image`.
    white
        The white of unsigned values whose file states it, such as 4095 of 12 bits.
    tell
        Whether to say so where what comes out is nearly black, or of one level under the range given.

    Raises
    ------
    ImageError
        NaN or infinity; or no range was given, and the values do not tell theirs.
    """
    natural = _natural_range(values, name, white, value_range)  # also when given: it refuses NaN
    low, high = value_range or natural
    if tell and value_range is None and white is None:
        tell_if_dark(values, high, name)
    levels = _between(values, low, high)
    if tell and value_range is not None and levels.min() == levels.max():
        _tell_if_outside(values, low, high, name)
    return levels


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return values spread from low..high to 0..255; those of 16 bits by a table."""
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return np.array(values, order="C")
    if values.dtype.kind in "iu" and values.dtype.itemsize == 2 and values.size > 65536:
        native = values.dtype.newbyteorder("=")
        table = _rescaled(np.arange(65536, dtype=np.uint16).view(native)[None], low, high)[0]
        return table[np.ascontiguousarray(values, native).view(np.uint16)]
    return _rescaled(values, low, high)


def _tell_if_outside(values: np.ndarray, low: float, high: float, name: str) -> None:
    """Say so if values that differ all lie outside the range that was given."""
    least, most = float(values.min()), float(values.max())
    if least < most and (most <= low or least >= high):
        colour = "black" if most <= low else "white"
        say(
            f"{name}: came out all {colour}, as its values lie from {least:.6g} to {most:.6g}, outside "
            f"value_range=({low:.6g}, {high:.6g}); give a range that they lie in"
        )


def tell_if_dark(values: np.ndarray, white: float, name: str) -> None:
    """Say so if no value comes anywhere near white, as where 12 bits are kept in a file of 16.

    Nothing is said of values of 8 bits, nor of those that were spread from 8 bits: a night is dark.
    """
    if values.dtype == np.uint8 or values.dtype == bool:
        return
    most = float(values.max())
    if white != 65535:
        likely = 1 if 1 < most <= 2 else most
        dark = 0 < most <= _DARK * white
    else:
        likely = next((2**depth - 1 for depth in _DEPTHS if most < 2**depth), white)
        dark = most > 0 and likely < white and bool((values % 257).any())
    if dark:
        say(
            f"{name}: came out nearly black, its largest value being {most:.6g} where white is {white:g}; "
            f"if its white is {likely:.6g}, give value_range=(0, {likely:.6g}), "
            f"on the command line --value-range 0 {likely:.6g}"
        )


def tell_if_pale(values: np.ndarray, name: str) -> None:
    """Say so if no value of 16 bits comes near black, where white is 0 in the file, and 65535 here."""
    most = int(65535 - values.min())
    likely = next((2**depth - 1 for depth in _DEPTHS if most < 2**depth), 65535)
    if most > 0 and likely < 65535 and (values % 257).any():
        black = 65535 - likely
        say(
            f"{name}: came out nearly white, as white is 0 in it and its largest value {most} where black is "
            f"65535; if its black is {likely}, give value_range=({black}, 65535), on the command line "
            f"--value-range {black} 65535"
        )


def _natural_range(
    values: np.ndarray, name: str, white: float | None, given: tuple[float, float] | None
) -> tuple[float, float]:
    """Return the values that stand for black and white, by the table in `load_image`."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return 0, 1
    if kind == "u" and size <= 2:
        return 0, white or 256**size - 1
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(f"{name}: holds NaN or infinity; clean it first, for example with numpy.nan_to_num")
    slack = 0.0 if kind in "iu" else _ROUNDING
    most = np.iinfo(values.dtype).max if kind in "iu" else np.inf  # a white that the type cannot hold is none
    for top in (255, 65535) if kind in "iu" else (1, 255):
        if top <= most and low >= -slack and high <= (1 + slack) * top:
            return 0, top
    if given is None:
        depth = (2**bits - 1 for bits in _SIGNED_DEPTHS if high < 2**bits <= most + 1 and low >= 0)
        _ask(name, low, next(depth, high) if kind == "i" else high, high)
    return low, high


def _ask(name: str, low: float, likely: float, high: float) -> None:
    """Raise `ImageError` that asks for a `value_range`."""
    before = "for normalised input, pass the picture as it was before Normalize; else " if low < 0 else ""
    black, white = (-1, 1) if -1 <= low < 0 and high <= 1 else (min(low, 0), max(likely, 1))
    raise ImageError(
        f"{name}: holds values from {low:.6g} to {high:.6g}, which do not say what is black and white; "
        f"{before}give value_range=(black, white), such as ({black:.6g}, {white:.6g}), "
        "on the command line --value-range LO HI"
    )


def _rescaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return values spread from low..high to 0..255, clipped and rounded."""
    low, high = float(low), float(high)
    # high - low may overflow, so all is first divided by a power of two, which rounds nothing.
    unit = np.ldexp(1.0, int(np.frexp(max(-low, high))[1]) - 1)
    low, high = low / unit, high / unit
    levels = np.empty(values.shape, dtype=np.uint8)
    for row, level in zip(values, levels, strict=True):  # by rows, so that the float64 copy stays small
        share = (row.astype(np.float64) / unit - low) / (high - low)
        level[...] = np.rint(np.clip(share, 0, 1) * 255)
    return levels
