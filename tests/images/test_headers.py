"""GIF, BMP and WebP: what they ask of their decoders is bounded, and what lacks pixels is refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from unitdrop.images import ImageError, load_image

RNG = np.random.default_rng(0)
PICTURE = Image.fromarray(RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1))


def encoded(codec, image=PICTURE, **options):
    buffer = io.BytesIO()
    image.save(buffer, codec, **options)
    return buffer.getvalue()


def put(data, place, form, *values):
    """The bytes with others at a place."""
    new = struct.pack(form, *values)
    return data[:place] + new + data[place + len(new) :]


GIF = encoded("GIF", PICTURE.quantize(64))
FRAME = GIF.index(b",", 13 + 3 * 64)


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_gif_that_lacks_pixels_is_refused(interlace):
    data = encoded("GIF", PICTURE.quantize(64), interlace=interlace)
    frame = data.index(b",", 13 + 3 * 64)
    first = frame + 11
    lengths = []  # of its blocks
    while data[first + sum(lengths) + len(lengths)]:
        lengths.append(data[first + sum(lengths) + len(lengths)])
    for keep in range(len(lengths)):
        cut = first + sum(lengths[:keep]) + keep
        with pytest.raises(ImageError, match="damaged or cut short"):
            load_image(data[:cut] + b"\0;")
    taller = put(put(data, 8, "<H", 192), frame + 7, "<H", 192)
    with pytest.raises(ImageError, match="damaged or cut short"):
        load_image(taller)


def test_a_gif_whose_frame_is_smaller_than_it_is_read():
    small = put(GIF, 6, "<HH", 200, 150)
    shown = load_image(small)
    assert shown.shape == (150, 200, 3)
    np.testing.assert_array_equal(shown[:96, :128], load_image(GIF))


def test_a_gif_whose_frame_is_larger_than_allowed_is_refused():
    with pytest.raises(ImageError, match="65535 x 65535 is over 100 megapixels"):
        load_image(put(GIF, FRAME + 5, "<HH", 65535, 65535))


def test_a_gif_full_of_comments_is_refused():
    with pytest.raises(ImageError, match="more than 100,000 comments"):
        load_image(GIF[: 13 + 3 * 64] + b"!\xfe\1a\0" * 200_000 + GIF[13 + 3 * 64 :])


@pytest.mark.parametrize("lossless", [False, True])
def test_a_webp_that_lacks_pixels_is_refused(lossless):
    data = encoded("WEBP", lossless=lossless)
    whole = load_image(data)
    for cut in range(40, len(data) - 1, 1 + len(data) // 60):
        short = data[: cut - cut % 2]
        short = put(put(short, 4, "<I", len(short) - 8), 16, "<I", len(short) - 20)
        try:
            np.testing.assert_array_equal(load_image(short), whole)
        except ImageError:
            continue
        raise AssertionError(cut)


def test_the_canvas_of_a_webp_is_bounded_before_it_is_made():
    data = encoded("WEBP", save_all=True, append_images=[PICTURE.rotate(90)])
    with pytest.raises(ImageError, match="16384 x 16384 is over 40 megapixels"):
        load_image(put(data, 24, "<3s3s", b"\xff\x3f\0", b"\xff\x3f\0"))


BMP = encoded("BMP")


def test_a_bmp_that_lacks_pixels_is_refused_either_way_up():
    for broken in (BMP[:-200], put(BMP, 22, "<i", 192), put(BMP[:-200], 22, "<i", -96)):
        with pytest.raises(ImageError, match="damaged or cut short"):
            load_image(broken)
    np.testing.assert_array_equal(load_image(put(BMP, 22, "<i", -96)), load_image(BMP)[::-1])


def run_lengths(width, height, data):
    """A BMP of 8 bits in run lengths."""
    start = 54 + 1024
    head = b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start)
    head += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0)
    return head + bytes(range(256)) * 4 + data


def test_run_lengths_are_read_where_they_are_quick():
    levels = load_image(run_lengths(100, 50, (b"\x64\5" + b"\0\0") * 50 + b"\0\1"))
    assert levels.shape == (50, 100, 3) and len(np.unique(levels.reshape(-1, 3), axis=0)) == 1
    with pytest.raises(ImageError, match="damaged or cut short"):
        load_image(run_lengths(100, 50, (b"\x64\5" + b"\0\0") * 30 + b"\0\1"))
    with pytest.raises(ImageError, match="run-length BMP of over 4 megapixels"):
        load_image(run_lengths(5000, 5000, b"\0\0"))
    with pytest.raises(ImageError, match="over 100 megapixels"):
        load_image(put(BMP, 18, "<ii", 60_000, -60_000))
