"""How large a picture may be, and by how much one over that is reduced."""

from __future__ import annotations

from unitdrop.errors import ImageError

DAMAGED = "it is damaged or cut short: fetch it again, or save it anew"  # the remedy for that
MAX_BYTES = 512 * 2**20
MAX_PIXELS = 40_000_000  # of what comes out
MAX_DECODED = 100_000_000  # of what a decoder makes, before it is reduced
MAX_ASPECT = 20


def check_size(width: int, height: int, name: str, most: int = MAX_DECODED) -> None:
    """Raise `ImageError` for a picture too large, too long or without pixels."""
    short, long = sorted((width, height))
    if short < 1:
        raise ImageError(f"{name}: {width} x {height} is without pixels; pass at least 1 x 1")
    if width * height > most:
        raise ImageError(f"{name}: {width} x {height} is over {most // 10**6} megapixels; shrink it first")
    if long > MAX_ASPECT * short:
        raise ImageError(f"{name}: {width} x {height} is longer than {MAX_ASPECT}:1; crop it first")


def reduction(width: int, height: int) -> int:
    """Return the power of two by which a picture is divided so that at most 40 megapixels come out.

    Examples
    --------
    >>> reduction(8000, 5000), reduction(8064, 6048), reduction(16320, 12240)
    (1, 2, 4)
    """
    factor = 1
    while -(-width // factor) * -(-height // factor) > MAX_PIXELS:
        factor *= 2
    return factor
