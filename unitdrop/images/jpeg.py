"""JPEG: what its decoder will be asked to do, bounded before it is asked, and whether all data are there.

libjpeg fills what is missing with grey and tells nobody. But it reads what stands where data are missing:
so each stretch of data is followed by some bytes of junk, and a picture that looks different with them has
been cut. One that is whole ends before them, and its decoder skips them.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from itertools import pairwise

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from unitdrop.errors import ImageError
from unitdrop.images.pixels import same_pixels, without_warnings
from unitdrop.images.sizes import DAMAGED, MAX_DECODED, check_size, reduction

MAX_PIXELS = 220_000_000  # of a sequential picture, which is decoded row by row at a reduced size
_MAX_BLOCKS = MAX_DECODED // 64 * 2  # of one whose coefficients are all kept: 128 bytes each
_PASSES = 16  # how often a coefficient may be visited; encoders need 3 to 10 scans of parts of them
_FREE = 1_000_000  # visits of blocks that nobody counts
_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
_END = b"\xff\xd9"
# It starts with ones, as missing bits are read as zeros; there is no mark in it.
_JUNK = b"\xfe" * 60


@dataclass
class _Frame:
    """What the header says of the picture, and what has come so far of each component's coefficients."""

    width: int
    height: int
    kind: int
    shape: dict[int, tuple[int, int]]  # component: its samples across and down in a unit
    missing: dict[int, list[int]] = field(default_factory=dict)  # component: bits to come, of 64 coefficients

    @property
    def progressive(self) -> bool:
        """Whether its coefficients come bit by bit, in several scans."""
        return self.kind == 0xC2

    def units(self, parts: list[int]) -> tuple[int, int]:
        """Return how many units, and how many blocks, a scan of some components has."""
        side = 1 if self.kind == 0xC3 else 8
        across, down = (max(s[axis] for s in self.shape.values()) for axis in (0, 1))
        if len(parts) > 1:
            units = -(-self.width // (side * across)) * -(-self.height // (side * down))
            return units, units * sum(self.shape[c][0] * self.shape[c][1] for c in parts)
        h, v = self.shape[parts[0]]
        columns, rows = -(-self.width * h // across), -(-self.height * v // down)
        units = -(-columns // side) * -(-rows // side)
        return units, units


class _Walk:
    """Every marker of a JPEG file, up to the end of its first picture."""

    def __init__(self, data: bytes, name: str):
        self.data, self.name = data, name
        self.frame: _Frame | None = None
        self.interval = self.visits = self.scans = 0
        self.ends: list[int] = []  # where each stretch of data ends
        self.end, self.closed = self._walk()

    def _walk(self) -> tuple[int, bool]:
        """Return where the picture ends, and whether its end mark stands there."""
        place = 2
        while (found := _MARKER.search(self.data, place)) is not None:
            code, place = found[1][0], found.end()
            if code == 0xD9:
                return place, True
            if code in (0x01, *range(0xD0, 0xD9)):
                continue
            length = int.from_bytes(self.data[place : place + 2], "big")
            if length < 2 or place + length > len(self.data):
                break
            body, place = self.data[place + 2 : place + length], place + length
            if code == 0xDA:
                place = self._scan(body, place)
            elif code == 0xDD and len(body) >= 2:
                self.interval = int.from_bytes(body[:2], "big")
            elif 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
                self._start(code, body)
        return len(self.data), False

    def _start(self, code: int, body: bytes) -> None:
        """Take note of a frame's header."""
        if self.frame is not None or len(body) < 6 or len(body) < 6 + 3 * body[5]:
            self.damaged("its header is broken")
        if code > 0xC3 or body[0] != 8:
            depth = f"of {body[0]} bits a channel" if code <= 0xC3 else "arithmetically coded or hierarchical"
            raise ImageError(f"{self.name}: is a JPEG {depth}, which is not read; save it as PNG")
        parts = [body[6 + 3 * i : 9 + 3 * i] for i in range(body[5])]
        shape = {part[0]: (part[1] >> 4, part[1] & 15) for part in parts}
        height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        check_size(width, height, self.name, MAX_PIXELS)
        if len(shape) not in (1, 3, 4):
            raise ImageError(f"{self.name}: is a JPEG of {len(shape)} channels; save it as PNG")
        if not all(1 <= n <= 4 for pair in shape.values() for n in pair):
            self.damaged("its header is broken")
        self.frame = _Frame(width, height, code, shape, {c: [-1] * 64 for c in shape})

    def _scan(self, body: bytes, place: int) -> int:
        """Take note of a scan, whose data start at a place; return where they end."""
        starts, numbers, end = [place], [], len(self.data)
        for found in _MARKER.finditer(self.data, place):
            if not 0xD0 <= found[1][0] <= 0xD7:
                end = found.start()
                break
            self.ends.append(found.start())
            numbers.append(found[1][0] & 7)
            starts.append(found.end())
        while end == len(self.data) and end > place and self.data[end - 1] == 0xFF:  # the half of a mark
            self.data = self.data[:-1]
            end -= 1
        self.ends.append(end)
        self._check_scan(body, numbers, end - place)
        return end

    def _check_scan(self, body: bytes, numbers: list[int], size: int) -> None:
        """Raise `ImageError` for a scan of which a stretch is missing, or of endless ones."""
        frame, count = self.frame, body[0] if body else 0
        if frame is None or len(body) < 4 + 2 * count or not 1 <= count <= 4:
            return self.damaged("its header is broken")
        parts = list(body[1 : 1 + 2 * count : 2])
        if not set(parts) <= set(frame.shape) or len(set(parts)) < count:
            return self.damaged("its header is broken")
        units, blocks = frame.units(parts)
        self.scans, self.visits = self.scans + 1, self.visits + blocks
        stretches = -(-units // self.interval) if self.interval else 1
        follows = all((b - a) % 8 == 1 for a, b in pairwise([7, *numbers]))
        # A block of a sequential scan has two codes at least, of one bit each; a lossless sample has one.
        least = 0 if frame.progressive else blocks * (1 if frame.kind == 0xC3 else 2) // 8
        if len(numbers) + 1 < stretches or (self.interval and not follows) or size < least:
            return self.damaged("data are missing")
        return self._note_coefficients(parts, *body[1 + 2 * count : 4 + 2 * count])

    def _note_coefficients(self, parts: list[int], first: int, last: int, bits: int) -> None:
        frame = self.frame
        assert frame is not None
        if not frame.progressive:
            first, last, bits = 0, 63, 0
        for part in parts:
            for k in range(first, min(last, 63) + 1):
                frame.missing[part][k] = bits & 15

    def check(self) -> _Frame:
        """Return the frame of a file that can be decoded in bounded time, and lacks no scan."""
        frame = self.frame
        if frame is None or not self.scans or any(any(bits) for bits in frame.missing.values()):
            return self.damaged("data are missing")
        whole = sum(frame.units([part])[1] for part in frame.shape)
        if self.visits > max(_PASSES * whole, _FREE):
            raise ImageError(f"{self.name}: is in {self.scans} scans, too many; save it anew")
        if (frame.progressive or self.scans > 1) and whole > _MAX_BLOCKS:
            raise ImageError(
                f"{self.name}: {frame.width} x {frame.height} in several scans needs too much memory; "
                "save it as a baseline JPEG, or shrink it first"
            )
        return frame

    def damaged(self, reason: str):
        raise ImageError(f"{self.name}: cannot be decoded ({reason}); {DAMAGED}")


def decoded_jpeg(data: bytes, name: str) -> Image.Image:
    """Return the picture in a JPEG file, decoded; over 40 megapixels, at a half, a quarter or an eighth.

    Raises
    ------
    ImageError
        Data are missing, or the decoder would be asked for too much.
    """
    walk = _Walk(data, name)
    frame = walk.check()
    data = walk.data
    picture = data[: walk.end] + (b"" if walk.closed else _END)
    image = _decoded(picture, frame)
    starts = [0, *walk.ends]
    parts = [part for pair in pairwise(starts) for part in (data[slice(*pair)], _JUNK)]
    if not same_pixels(image, _decoded(b"".join([*parts, picture[walk.ends[-1] :]]), frame)):
        walk.damaged("data are missing")
    return image


def _decoded(data: bytes, frame: _Frame) -> Image.Image:
    factor = reduction(frame.width, frame.height)
    with without_warnings():
        image = JpegImageFile(io.BytesIO(data))
    if factor > 1:
        image.draft(None, (frame.width // factor, frame.height // factor))
    image.load()
    return image
