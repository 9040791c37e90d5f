"""PNG: what makes its pixels is handed to the decoder; texts, profiles and what else lies in it are not."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from unitdrop.errors import ImageError
from unitdrop.images.sizes import DAMAGED, check_size

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_ORIENTATION = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # which may say how to turn the picture
_ORIENTED = re.compile(rb"(XML:com\.adobe\.xmp|Raw profile type exif)\0")
_MOST_TEXT = 2**20  # bytes of one of these; they are of a few hundred
_MOST_CHUNKS = 100_000
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the kind of colour
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_STEP = 2**20  # bytes that are inflated at a time


@dataclass(frozen=True)
class Png:
    """A PNG file without what its pixels do not need."""

    data: bytes
    pixels: tuple[memoryview, ...]  # compressed
    width: int
    height: int
    bits: int  # a pixel
    interlaced: bool

    def is_whole(self) -> bool:
        """Return whether as many bytes come out of its compressed pixels as it has."""
        needed = sum(
            rows * (1 + (columns * self.bits + 7) // 8)
            for columns, rows in self._passes()
            if rows and columns
        )
        inflater = zlib.decompressobj()
        for part in self.pixels:
            for at in range(0, len(part), _STEP):  # what is left over is copied each time: little by little
                rest: memoryview | bytes = part[at : at + _STEP]
                while rest and needed > 0 and not inflater.eof:
                    needed -= len(inflater.decompress(rest, _STEP))
                    rest = inflater.unconsumed_tail
        return needed <= 0

    def _passes(self) -> list[tuple[int, int]]:
        """Return the columns and rows of each pass."""
        if not self.interlaced:
            return [(self.width, self.height)]
        return [
            (len(range(x, self.width, right)), len(range(y, self.height, down)))
            for x, y, right, down in _ADAM7
        ]


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
    width, height, depth, colour = struct.unpack_from(">IIBB", header, 8)
    check_size(width, height, name)
    parts, pixels, place, chunks = [_SIGNATURE], [], 8, 0
    while place + 8 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        end = place + 12 + length
        if kind in _PIXELS or (kind in _ORIENTATION and _turns(data, kind, place + 8, length)):
            parts.append(data[place:end])
        if kind == b"IDAT":
            pixels.append(memoryview(data)[place + 8 : end - 4])
        if kind == b"IEND":
            break
        place, chunks = end, chunks + 1
        if chunks > _MOST_CHUNKS:
            raise ImageError(f"{name}: is in more than {_MOST_CHUNKS:,} pieces; save it anew")
    bits = depth * _CHANNELS.get(colour, 1)
    return Png(b"".join(parts), tuple(pixels), width, height, bits, header[20] != 0)


def _turns(data: bytes, kind: bytes, start: int, length: int) -> bool:
    """Return whether a chunk may say how to turn the picture."""
    if length > _MOST_TEXT:
        return False
    return kind == b"eXIf" or _ORIENTED.match(data, start) is not None
