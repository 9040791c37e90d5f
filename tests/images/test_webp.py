"""A large WebP, which another decoder reads, comes out as a small one: turned, over white, or refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from unitdrop.images import ImageError, load_image
from unitdrop.images.webp import is_large, large_to_rgb
from unitdrop.notices import listening

RNG = np.random.default_rng(0)
PICTURE = Image.fromarray(RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1))


def encoded(image=PICTURE, **options):
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **options)
    return buffer.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


CLEAR = PICTURE.copy()
CLEAR.putalpha(Image.linear_gradient("L").resize(PICTURE.size))


@pytest.mark.parametrize("image", [PICTURE, CLEAR, PICTURE.convert("L")])
@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"quality": 5, "exif": turned(6)}])
def test_both_decoders_show_the_same(image, options):
    data = encoded(image, **options)
    np.testing.assert_array_equal(large_to_rgb(data, "a", None), load_image(data))


def canvas(data, width, height):
    """A WebP that says it is of another size in its first header."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return data[:24] + size + data[30:]


def test_a_large_one_is_known_by_its_header():
    extended = encoded(CLEAR)
    assert not is_large(extended, "a") and is_large(canvas(extended, 8000, 5001), "a")
    assert not is_large(canvas(extended, 8000, 5000), "a")
    with pytest.raises(ImageError, match="10001 x 10000 is over 100 megapixels"):
        is_large(canvas(extended, 10001, 10000), "a")
    moving = encoded(save_all=True, append_images=[PICTURE.rotate(180)], duration=9)
    with pytest.raises(ImageError, match="over 40 megapixels"):
        load_image(canvas(moving, 8000, 5001))
    with pytest.raises(ImageError, match=r"damaged|cannot be decoded"):
        load_image(canvas(extended, 8000, 5001))


def test_one_that_is_cut_short_is_refused():
    for data in (encoded(), encoded(lossless=True), encoded(CLEAR)):
        for keep in (0.3, 0.6, 0.9, 0.99):
            cut = data[: int(len(data) * keep)]
            whole = cut[:4] + struct.pack("<I", len(cut) - 8) + cut[8:]
            for damaged in (cut, whole):
                with pytest.raises(ImageError, match="data are missing"):
                    large_to_rgb(damaged, "a", None)


def test_a_range_is_left_out_and_told():
    with listening((heard := []).append):
        large_to_rgb(encoded(), "a", (-5, 10))
    assert heard == ["a: has 8 bits a channel, whose black and white are 0 and 255; value_range is left out"]
