"""PNG: what does not make its pixels does no harm, and what lacks pixels is refused."""

import struct
import zlib

import numpy as np
import pytest

from unitdrop.images import ImageError, load_image
from unitdrop.notices import listening

RNG = np.random.default_rng(0)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def rows(samples, depth):
    """Samples as the rows of a PNG, each after a filter byte of 0."""
    flat = samples.reshape(len(samples), -1)
    if depth == 16:
        lines = [line.astype(">u2").tobytes() for line in flat]
    else:
        places = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        lines = [np.packbits(line.astype(np.uint8).ravel()).tobytes() for line in places]
    return b"".join(b"\0" + line for line in lines)


def png(samples, depth, colour, interlaced=False, *, height=None, before=b"", lost=0):
    """A PNG of samples (H, W, C), whose header may claim another height, and whose pixels may be short."""
    h, w = samples.shape[:2]
    header = struct.pack(">IIBBBBB", w, height or h, depth, colour, 0, 0, interlaced)
    parts = [samples[y::down, x::right] for x, y, right, down in PASSES] if interlaced else [samples]
    data = b"".join(rows(part, depth) for part in parts if part.size)
    data = zlib.compress(data[: len(data) - lost])
    return SIGNATURE + chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def some(depth, colour):
    return RNG.integers(0, 2**depth, (13, 11, CHANNELS[colour]), dtype=np.uint16)


DEPTHS = [(d, 0) for d in (1, 2, 4, 8, 16)] + [(d, c) for d in (8, 16) for c in (2, 4, 6)]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("depth", "colour"), DEPTHS)
def test_every_depth_and_colour_is_shown_right(depth, colour, interlaced):
    samples = some(depth, colour)
    shown = load_image(png(samples, depth, colour, interlaced))
    cut = depth == 16 and colour > 0
    levels = samples >> 8 if cut else np.rint(samples * (255 / (2**depth - 1)))
    if colour in (4, 6):
        share = levels[..., -1:] / 255
        levels = levels[..., :-1] * share + 255 * (1 - share)
    assert np.abs(shown.astype(int) - np.broadcast_to(levels, shown.shape)).max() < 1.01


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("depth", "colour"), DEPTHS)
def test_a_png_that_lacks_pixels_is_refused(depth, colour, interlaced):
    for samples in (some(depth, colour), some(depth, colour) * 0):
        for broken in (
            png(samples, depth, colour, interlaced, lost=1),
            png(samples, depth, colour, interlaced, lost=20),
            png(samples, depth, colour, interlaced, height=26),
        ):
            with pytest.raises(ImageError, match="damaged or cut short"):
                load_image(broken)


def test_a_png_of_one_colour_is_read():
    for level in (0, 77, 78, 255):
        flat = np.full((9, 9, 1), level, np.uint16)
        assert (load_image(png(flat, 8, 0)) == level).all()


def test_texts_and_profiles_of_any_size_do_no_harm():
    samples = some(8, 2)
    bomb = zlib.compress(bytes(100 << 20), 9)
    for before in (
        chunk(b"tEXt", b"workflow\0" + b"x" * 3_000_000),
        chunk(b"zTXt", b"a\0\0" + bomb) * 30,
        chunk(b"iCCP", b"a\0\0" + bomb),
        chunk(b"iTXt", b"a\0\1\0\0\0" + bomb) * 5,
        chunk(b"tEXt", b"a\0b") * 50_000,
        chunk(b"gAMA", b"\0\0\0\0")[:-4] + b"bad!",
    ):
        np.testing.assert_array_equal(load_image(png(samples, 8, 2, before=before)), samples)
    with pytest.raises(ImageError, match="in more than 100,000 pieces"):
        load_image(png(samples, 8, 2, before=chunk(b"tEXt", b"a\0b") * 150_000))


@pytest.mark.parametrize("colour", [0, 2, 4, 6])
def test_12_bits_in_16_are_told_and_shown_right_with_their_range(colour):
    samples = some(12, colour)
    if colour in (4, 6):
        samples[..., -1] = 65535
    heard, data = [], png(samples, 16, colour)
    with listening(heard.append):
        load_image(data)
    assert len(heard) == 1 and "came out nearly black" in heard[0] and "value_range=(0, 4095)" in heard[0]
    shown = load_image(data, value_range=(0, 4095))
    colours = samples[..., :-1] if colour in (4, 6) else samples
    np.testing.assert_array_equal(shown, np.broadcast_to(np.rint(colours / 4095 * 255), shown.shape))


def test_the_transparent_colour_is_white_at_any_range():
    samples = some(12, 2)
    key = struct.pack(">3H", *samples[3, 4])
    shown = load_image(png(samples, 16, 2, before=chunk(b"tRNS", key)), value_range=(0, 4095))
    assert shown[3, 4].tolist() == [255] * 3
    assert shown[3, 5].tolist() == np.rint(samples[3, 5] / 4095 * 255).tolist()
