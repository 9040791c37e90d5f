"""TIFF files written by hand, field by field, so that what they mean is known without a decoder."""

import struct
import zlib

import numpy as np

SHORT, LONG = 3, 4
FORMATS = {1: "u", 2: "i", 3: "f"}


def packed(samples, bits, big=False):
    """Rows of samples as a TIFF stores them: the first sample in the highest bits, each row whole bytes."""
    rows = samples.reshape(samples.shape[0], -1)
    if bits in (8, 16, 32, 64):
        return rows.astype(rows.dtype.newbyteorder(">" if big else "<")).tobytes()
    places = (rows[..., None].astype(np.int64) >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.astype(np.uint8).reshape(len(rows), -1), axis=1).tobytes()


def differences(samples):
    """Samples as the horizontal predictor stores them: each less its left neighbour."""
    out = samples.copy()
    out[:, 1:] -= samples[:, :-1]
    return out


def written(fields, pieces, big=False, bigtiff=False, pad=b""):
    """A TIFF of one directory: fields are tag: (type, values); the pieces lie behind it, one after the other.

    Offsets (tag 273 or 324) and lengths (279 or 325) are filled in where they are given as None.
    """
    order, kinds = ">" if big else "<", {SHORT: "H", LONG: "I"}
    word, entry, size = ("Q", "HHQ", 8) if bigtiff else ("I", "HHI", 4)
    head = (b"MM" if big else b"II") + (
        struct.pack(order + "HHHQ", 43, 8, 0, 16) if bigtiff else struct.pack(order + "HI", 42, 8)
    )
    fields = dict(fields)
    for tag, values in ((279, list(map(len, pieces))), (325, list(map(len, pieces)))):
        if tag in fields and fields[tag] is None:
            fields[tag] = (LONG, values)
    tags = sorted(fields)
    for tag in (273, 324):
        if tag in fields and fields[tag] is None:
            fields[tag] = (LONG, [0] * len(pieces))
    start = len(head) + (8 if bigtiff else 2) + (20 if bigtiff else 12) * len(tags) + size
    outside = sum(_outside(*fields[tag], kinds, size) for tag in tags)
    at = start + outside
    for tag in (273, 324):
        if tag in fields and set(fields[tag][1]) == {0}:
            places = np.cumsum([at, *map(len, pieces[:-1])]).tolist()
            fields[tag] = (LONG, places)
    table, beyond, where = b"", b"", start
    for tag in tags:
        kind, values = fields[tag]
        data = struct.pack(f"{order}{len(values)}{kinds[kind]}", *values)
        table += struct.pack(order + entry, tag, kind, len(values))
        if len(data) <= size:
            table += data.ljust(size, b"\0")
        else:
            table += struct.pack(order + word, where)
            beyond, where = beyond + data, where + len(data)
    count = struct.pack(order + ("Q" if bigtiff else "H"), len(tags))
    return head + count + table + bytes(size) + beyond + b"".join(pieces) + pad


def _outside(kind, values, kinds, size):
    length = struct.calcsize("<" + kinds[kind]) * len(values)
    return length if length > size else 0


def tiff(
    samples,
    bits,
    photometric,
    form=1,
    *,
    big=False,
    planar=1,
    deflate=False,
    predictor=1,
    rows=None,
    more=None,
):
    """A TIFF of samples (H, W, S), in strips of some rows; `more` are further fields."""
    height, width, count = samples.shape
    rows = rows or height
    stored = differences(samples) if predictor == 2 else samples
    layers = [stored] if planar == 1 else [stored[..., [c]] for c in range(count)]
    pieces = [packed(layer[y : y + rows], bits, big) for layer in layers for y in range(0, height, rows)]
    if deflate:
        pieces = [zlib.compress(piece) for piece in pieces]
    fields = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [bits] * count),
        259: (SHORT, [8 if deflate else 1]),
        262: (SHORT, [photometric]),
        273: None,
        277: (SHORT, [count]),
        278: (LONG, [rows]),
        279: None,
        284: (SHORT, [planar]),
        317: (SHORT, [predictor]),
        339: (SHORT, [form] * count),
    }
    if predictor == 1:
        del fields[317]
    return written(fields | (more or {}), pieces, big)
