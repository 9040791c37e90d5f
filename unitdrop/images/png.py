"""PNG: what makes its pixels is handed to the decoder; texts, profiles and what else lies in it are not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from unitdrop.errors import ImageError
from unitdrop.images.sizes import DAMAGED, check_size

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_ORIENTATION = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # which may say how to turn the picture
_ORIENTED = re.compile(rb"(XML:com\.adobe\.xmp|Raw profile type exif)\0")
_MOST_TEXT = 2**20  # bytes of one of these; they are of a few hundred
_MOST_CHUNKS = 100_000


@dataclass(frozen=True)
class Png:
    """A PNG file without what its pixels do not need."""

    data: bytes
    depth: int  # bits a channel
    interlaced: bool


def plain_png(data: bytes, name: str) -> Png:
    """Return a PNG file as one that holds its pixels and its orientation only.

    Raises
    ------
    ImageError
        It has no header, is too large, or is in too many pieces.
    """
    header = data[8:33]
    if len(header) < 25 or header[:8] != b"\0\0\0\rIHDR":
        raise ImageError(f"{name}: cannot be decoded (its header is broken); {DAMAGED}")
    check_size(int.from_bytes(header[8:12], "big"), int.from_bytes(header[12:16], "big"), name)
    parts, place, chunks = [_SIGNATURE], 8, 0
    while place + 8 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        end = place + 12 + length
        if kind in _PIXELS or (kind in _ORIENTATION and _turns(data, kind, place + 8, length)):
            parts.append(data[place:end])
        if kind == b"IEND":
            break
        place, chunks = end, chunks + 1
        if chunks > _MOST_CHUNKS:
            raise ImageError(f"{name}: is in more than {_MOST_CHUNKS:,} pieces; save it anew")
    return Png(b"".join(parts), header[16], header[20] != 0)


def _turns(data: bytes, kind: bytes, start: int, length: int) -> bool:
    """Return whether a chunk may say how to turn the picture."""
    if length > _MOST_TEXT:
        return False
    return kind == b"eXIf" or _ORIENTED.match(data, start) is not None
