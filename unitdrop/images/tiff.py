"""TIFF: what a file says of its first picture, before it is decoded; what would come out wrong is refused.

Pillow shows some combinations of photometric, depth, sign and byte order wrong, without a word. Which ones it
shows right was found by writing every combination by hand (tests/images/test_tiff.py does so); of the others,
some are mended here from its numbers, and all else is refused by name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np

from unitdrop.errors import ImageError
from unitdrop.images.sizes import DAMAGED, check_size

_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # types of whole numbers
_MOST_TAGS, _MOST_PIECES = 4096, 2_000_000
# Noise, and then eight lines of a fax that each begin with 63 black pixels.
_LINE = "000000000001" + "00110101" + "000001100111"
_JUNK = bytes.fromhex("5a96c35a3ca569f0") + int(_LINE * 8, 2).to_bytes(len(_LINE), "big")
_FREE_TILES = 4_000_000  # pixels of tiles beyond the picture that nobody counts

_COMPRESSIONS = {
    1: "none",
    2: "CCITT",
    3: "CCITT",
    4: "CCITT",
    5: "LZW",
    7: "JPEG",
    8: "deflate",
    32773: "PackBits",
    32946: "deflate",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
}
_RAW = (
    ".cr2",
    ".nef",
    ".nrw",
    ".dng",
    ".arw",
    ".sr2",
    ".srf",
    ".pef",
    ".3fr",
    ".fff",
    ".iiq",
    ".erf",
    ".mef",
    ".mos",
)
_DNG, _KIND, _OTHERS = 50706, 254, 330  # tags: its version; 1 for a preview; where further pictures lie
_FAX = (2, 3, 4)  # compressions of which libtiff fills what is missing with white
_PHOTOMETRICS = {
    0: "white is zero",
    1: "black is zero",
    2: "RGB",
    3: "palette",
    4: "mask",
    5: "CMYK",
    6: "YCbCr",
    8: "CIELAB",
    9: "ICCLAB",
    10: "ITULAB",
    32803: "colour filter array",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear raw",
}
_FORMS = {1: "unsigned", 2: "signed", 3: "float", 4: "undefined", 5: "complex", 6: "complex"}


@dataclass(frozen=True)
class Tiff:
    """What is to be known of a TIFF beside what Pillow reads of it."""

    compressed: bool  # so that libtiff decodes it
    jpegs: tuple[bytes, ...] = ()  # the JPEG files in it, each with the tables that it shares
    padded: bytes | None = None  # the same picture with junk behind each strip, where libtiff misses no data
    grey: Callable[[np.ndarray], np.ndarray] | None = None  # Pillow's grey levels to what they mean
    white: float | None = None
    inverted: bool = False  # white is 0 in 16 bits
    layered: bool = False  # its channels lie one after the other


class _Directory:
    """The fields of a TIFF's first picture, by their tags."""

    def __init__(self, data: bytes, name: str):
        self.data, self.name = data, name
        self.order = ">" if data[:2] == b"MM" else "<"
        self.tags: dict[int, tuple[int, int, int]] = {}  # type, count, where the values are
        try:
            self._read(self._unpack("H", 2)[0] == 43)
        except struct.error:
            self.damaged("its header is cut short")

    def _unpack(self, kind: str, place: int) -> tuple:
        return struct.unpack_from(self.order + kind, self.data, place)

    def _read(self, big: bool) -> None:
        (place,) = self._unpack("Q", 8) if big else self._unpack("I", 4)
        (count,) = self._unpack("Q" if big else "H", place)
        first, entry, kind, room = (place + 8, 20, "HHQ", 8) if big else (place + 2, 12, "HHI", 4)
        outside = 0
        for at in range(first, first + entry * min(count, _MOST_TAGS), entry):
            tag, form, number = self._unpack(kind, at)
            length = _SIZES.get(form, 1) * number
            where = at + entry - room
            if length > room:
                (where,) = self._unpack("Q" if big else "I", where)
                outside += length
            self.tags.setdefault(tag, (form, number, where))
        if count > _MOST_TAGS or outside > len(self.data):
            self.damaged("its fields are more than the file holds")

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return the whole numbers of a field."""
        form, count, where = self.tags.get(tag, (0, 0, 0))
        if not count:
            return default
        if form not in _WHOLE or count > _MOST_PIECES or where + count * _SIZES[form] > len(self.data):
            self.damaged(f"its field {tag} is broken")
        return self._unpack(f"{count}{_WHOLE[form]}", where)

    def number(self, tag: int, default: int = 0) -> int:
        return self.numbers(tag, (default,))[0]

    def bytes_of(self, tag: int) -> bytes:
        """Return the bytes of a field."""
        form, count, where = self.tags.get(tag, (0, 0, 0))
        return self.data[where : where + count * _SIZES.get(form, 1)]

    def damaged(self, reason: str):
        raise ImageError(f"{self.name}: cannot be decoded ({reason}); {DAMAGED}")


@dataclass(frozen=True)
class _Layout:
    """How the samples of a picture lie in the file."""

    width: int
    height: int
    bits: int
    channels: int
    photometric: int
    form: int
    compression: int
    layered: bool
    big: bool  # big-endian

    def __str__(self) -> str:
        kind = f"{_FORMS.get(self.form, self.form)} {self.bits}-bit samples"
        order = "big-endian" if self.big else "little-endian"
        layers = ", layer by layer" if self.layered else ""
        return (
            f"{self.channels} x {kind} ({_PHOTOMETRICS.get(self.photometric, self.photometric)}, "
            f"{order}{layers}, compression {_COMPRESSIONS.get(self.compression, self.compression)})"
        )


def read_tiff(data: bytes, name: str) -> Tiff:
    """Return what is to be known of a TIFF before, and after, Pillow decodes it.

    Raises
    ------
    ImageError
        It is damaged or cut short; it is too large, or its tiles are; its decoder would be asked for too
        much; or it is of a kind that would come out wrong.
    """
    _refuse_raw(data, name)
    fields = _Directory(data, name)
    if _DNG in fields.tags or (fields.number(_KIND) & 1 and _OTHERS in fields.tags):
        _raise_raw(name)
    if data.startswith(b"MM\0+"):
        _refuse(fields, "the big-endian kind of BigTIFF")
    layout = _layout(fields)
    check_size(layout.width, layout.height, name)
    _check_kind(fields, layout)
    pieces = _pieces(fields, layout)
    jpegs = tuple(_jpegs(fields, pieces)) if layout.compression == 7 else ()
    grey, white = _meaning(layout)
    padded = _padded(fields, pieces) if layout.compression in _FAX else None
    inverted = (layout.photometric, layout.bits, layout.channels) == (0, 16, 1)
    return Tiff(layout.compression != 1, jpegs, padded, grey, white, inverted, layout.layered)


def _layout(fields: _Directory) -> _Layout:
    bits, forms = fields.numbers(258, (1,)), fields.numbers(339, (1,))
    channels = fields.number(277, len(bits))
    if len(set(bits[:channels])) != 1 or len(set(forms[:channels])) != 1:
        _refuse(fields, "samples of several depths")
    return _Layout(
        fields.number(256),
        fields.number(257),
        bits[0],
        channels,
        fields.number(262),
        forms[0],
        fields.number(259, 1),
        channels > 1 and fields.number(284, 1) == 2,
        fields.order == ">",
    )


# Kinds --------------------


def _check_kind(fields: _Directory, layout: _Layout) -> None:
    """Raise `ImageError` for a kind of picture that would come out wrong."""
    if layout.compression not in _COMPRESSIONS:
        _refuse(fields, f"compression {layout.compression}")
    if not _right(fields, layout):
        _refuse(fields, str(layout))


def _right(fields: _Directory, layout: _Layout) -> bool:
    """Return whether Pillow shows such a picture right, or in a way that `_meaning` mends."""
    if layout.photometric in (0, 1) and layout.channels == 1:
        return _right_grey(layout, fields.number(266, 1))
    if layout.form != 1:
        return False
    packed, photometric = layout.compression != 1, layout.photometric
    if layout.bits == 16:
        return photometric in (2, 5) and (packed or not layout.layered)
    if photometric == 3:
        return layout.bits in (1, 2, 4, 8) and not layout.layered
    if layout.bits != 8:
        return False
    if photometric == 6:  # Pillow heeds its subsampling only through libtiff
        return not layout.layered and packed
    return photometric in (2, 5) or (photometric in (1, 8) and not layout.layered)


def _right_grey(layout: _Layout, order: int) -> bool:
    """Return whether Pillow shows such grey levels right, or in a way that `_meaning` mends."""
    packed, bits, form = layout.compression != 1, layout.bits, layout.form
    if form == 1 and bits in (1, 2, 4, 8):
        return True
    if order != 1:
        return False
    black, swapped = layout.photometric == 1, layout.big and packed
    if form == 1:
        return (bits == 16 and (black or not layout.big)) or (bits in (12, 32) and black and not layout.big)
    if form == 2:
        return black and (bits == 8 or (bits in (16, 32) and not swapped))
    return form == 3 and black and bits == 32 and not swapped


def _meaning(layout: _Layout) -> tuple[Callable[[np.ndarray], np.ndarray] | None, float | None]:
    """Return what makes of Pillow's grey levels what they are, and their white if the file states it."""
    if layout.photometric not in (0, 1) or layout.channels != 1:
        return None, None
    match layout.form, layout.bits, layout.photometric:
        case 1, 12, _:
            return lambda grey: grey, 4095
        case 1, 16, 0:
            return lambda grey: np.uint16(65535) - grey.astype(np.uint16), None
        case 1, 32, _:
            return lambda grey: np.ascontiguousarray(grey).view(np.uint32), None
        case 2, 8, _:
            return lambda grey: np.ascontiguousarray(grey).view(np.int8), None
        case 2, 16, _:
            return lambda grey: grey.astype(np.int16), None
    return None, None


def _refuse(fields: _Directory, kind: str):
    raise ImageError(
        f"{fields.name}: is a TIFF of {kind}, which would come out wrong; "
        "save it as PNG, or read it with tifffile and pass the array"
    )


def _refuse_raw(data: bytes, name: str) -> None:
    """Raise `ImageError` for a raw photograph that is known by its first bytes or by its name."""
    if data[8:10] == b"CR" or name.lower().endswith(_RAW):
        _raise_raw(name)


def _raise_raw(name: str):
    raise ImageError(
        f"{name}: is a camera's raw photograph, of which only a small preview could be shown; develop "
        "it to JPEG, PNG or TIFF with the camera's program, or read it with rawpy and pass the array"
    )


# Pieces --------------------


def _pieces(fields: _Directory, layout: _Layout) -> list[tuple[int, int]]:
    """Return where the strips or tiles lie, (offset, length), once their decoding is bounded."""
    tiled = 324 in fields.tags
    width = fields.number(322) if tiled else layout.width
    height = fields.number(323) if tiled else min(fields.number(278, layout.height), layout.height)
    if min(width, height) < 1:
        fields.damaged("its tiles have no size")
    across, down = ceil(layout.width / width), ceil(layout.height / height)
    if tiled and across * width * down * height > 4 * layout.width * layout.height + _FREE_TILES:
        raise ImageError(
            f"{fields.name}: has tiles of {width} x {height}, much larger than itself; save it anew"
        )
    count = across * down * (layout.channels if layout.layered else 1)
    offsets = fields.numbers(324 if tiled else 273)
    lengths = fields.numbers(325 if tiled else 279)
    row = ceil(width * layout.bits * (1 if layout.layered else layout.channels) / 8)
    if layout.compression == 1:
        rows = [min(height, layout.height - y * height) if not tiled else height for y in range(down)]
        lengths = _raw_lengths(fields, layout, lengths, [row * n for n in rows for _ in range(across)])
    pieces = list(zip(offsets, lengths, strict=False))
    if len(pieces) < count:
        fields.damaged("strips or tiles are missing")
    if len(pieces) > count + 1:
        fields.damaged("it has more strips or tiles than it needs")
    if any(
        offset + length > len(fields.data) or not (offset and length) for offset, length in pieces[:count]
    ):
        fields.damaged("data are missing")
    if sum(length for _, length in pieces) > len(fields.data):
        raise ImageError(f"{fields.name}: has strips or tiles that share their bytes; save it anew")
    return pieces


def _raw_lengths(
    fields: _Directory, layout: _Layout, lengths: tuple[int, ...], needed: list[int]
) -> tuple[int, ...]:
    """Return how long uncompressed strips or tiles must be; they may say less only by not saying it."""
    needed = needed * (layout.channels if layout.layered else 1)
    if lengths and any(a < b for a, b in zip(lengths, needed, strict=False)):
        fields.damaged("data are missing")
    return tuple(needed)


def _padded(fields: _Directory, pieces: list[tuple[int, int]]) -> bytes:
    """Return the file with its strips or tiles at its end once more, used from there, junk behind each."""
    parts, place = [fields.data], len(fields.data)
    moved = []
    for offset, length in pieces:
        parts += [fields.data[offset : offset + length], _JUNK]
        moved.append((place, length + len(_JUNK)))
        place += length + len(_JUNK)
    data = bytearray(b"".join(parts))
    tiled = 324 in fields.tags
    for tag, values in zip((324, 325) if tiled else (273, 279), zip(*moved, strict=True), strict=True):
        form, count, where = fields.tags[tag]
        if count > len(values) or max(values) >= 1 << 8 * _SIZES[form]:
            fields.damaged("its strips are too long for their fields")
        struct.pack_into(f"{fields.order}{count}{_WHOLE[form]}", data, where, *values[:count])
    return bytes(data)


def _jpegs(fields: _Directory, pieces: list[tuple[int, int]]):
    """Give each JPEG in a TIFF as a file of its own, with the tables that all share."""
    tables = fields.bytes_of(347)
    head = tables[:-2] if tables[-2:] == b"\xff\xd9" else tables
    for offset, length in pieces:
        piece = fields.data[offset : offset + length]
        yield (head or b"\xff\xd8") + piece[2:]
