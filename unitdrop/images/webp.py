"""WebP: its size, read from the first bytes; one over 40 megapixels with fewer copies than Pillow makes."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from unitdrop.errors import ImageError
from unitdrop.images.pixels import flat_band, stacked, upright
from unitdrop.images.sizes import DAMAGED, MAX_PIXELS, check_size
from unitdrop.notices import say

_ANIMATED = 2  # a bit in the header
_BAND = 2_000_000  # pixels that are converted at a time
_MOST_FILE = "OPENCV_IMGCODECS_WEBP_MAX_FILE_SIZE"


def is_large(data: bytes, name: str) -> bool:
    """Return whether a WebP is over 40 megapixels.

    Raises
    ------
    ImageError
        It is over 100 megapixels, too long, or an animation of over 40.
    """
    kind, head = data[12:16], data[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (4, 7))
    elif kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    moving = kind == b"VP8X" and bool(head[0] & _ANIMATED)
    check_size(width, height, name, *[MAX_PIXELS] * moving)
    return width * height > MAX_PIXELS


def large_to_rgb(data: bytes, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return a WebP of one frame as RGB (H, W, 3) uint8, reduced to at most 40 megapixels.

    Pillow would keep four copies of it, 1.6 GB at 100 megapixels; OpenCV, by the same library, keeps two.
    """
    os.environ.setdefault(_MOST_FILE, str(2**30))  # it is read when cv2 is loaded; 64 MB without
    import cv2

    if value_range is not None:
        say(f"{name}: has 8 bits a channel, whose black and white are 0 and 255; value_range is left out")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ImageError(f"{name}: cannot be decoded (data are missing); {DAMAGED}")
    height, width = pixels.shape[:2]
    check_size(width, height, name)
    mode = "RGB" if pixels.shape[2] == 3 else "RGBA"
    order = [2, 1, 0, 3][: pixels.shape[2]]
    rows = max(8, _BAND // width // 8 * 8)
    parts = ((y, Image.fromarray(pixels[y : y + rows][..., order], mode)) for y in range(0, height, rows))
    rgb = stacked((width, height), ((y, flat_band(part)) for y, part in parts))
    return upright(rgb, _described(data))


def _described(data: bytes) -> Image.Image:
    """Return a picture with what a WebP says of how to turn it."""
    image, place = Image.new("RGB", (1, 1)), 12
    while place + 8 <= len(data):
        kind, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if kind in (b"EXIF", b"XMP ") and length < 2**20:
            image.info["exif" if kind == b"EXIF" else "xmp"] = data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2
    return image
