"""GIF and BMP: what their decoders will be asked to make, read from the first bytes."""

from __future__ import annotations

import struct

from unitdrop.errors import ImageError
from unitdrop.images.sizes import DAMAGED, check_size

_RUN_LENGTHS = (1, 2)  # compressions of BMP whose decoder is slow, so that such pictures must be small
_MOST_BLOCKS = 100_000  # of what a GIF holds beside its pixels
_MOST_RUN_PIXELS, _MOST_RUN_BYTES = 4_000_000, 4 * 2**20


def check_gif(data: bytes, name: str) -> None:
    """Raise `ImageError` for a GIF whose first frame makes the picture too large, or that is full of else."""
    # Pillow enlarges the canvas where a frame reaches beyond it; before it, extensions are skipped in blocks.
    width, height, flags = struct.unpack_from("<HHB", data.ljust(13, b"\0"), 6)
    place = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0)
    blocks = 0
    while data[place : place + 1] == b"!":
        place += 2
        while place < len(data) and data[place]:
            place += data[place] + 1
            blocks += 1
        place, blocks = place + 1, blocks + 1
        if blocks > _MOST_BLOCKS:
            raise ImageError(f"{name}: holds more than {_MOST_BLOCKS:,} comments; save it anew")
    if data[place : place + 1] == b"," and len(data) >= place + 10:
        x, y, w, h = struct.unpack_from("<4H", data, place + 1)
        width, height = max(width, x + w), max(height, y + h)
    check_size(width, height, name)


def check_bmp(data: bytes, name: str) -> None:
    """Raise `ImageError` for a BMP that is too large, or whose run lengths would take too long."""
    old = data[14:18] == b"\x0c\0\0\0"
    if len(data) < (26 if old else 34):
        raise ImageError(f"{name}: cannot be decoded (its header is cut short); {DAMAGED}")
    if old:
        return check_size(*struct.unpack_from("<HH", data, 18), name)
    width, height, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
    check_size(abs(width), abs(height), name)
    slow = abs(width * height) > _MOST_RUN_PIXELS or len(data) > _MOST_RUN_BYTES
    if compression in _RUN_LENGTHS and slow:
        raise ImageError(f"{name}: is a run-length BMP of over 4 megapixels or 4 MiB; save it as PNG")
    return None
