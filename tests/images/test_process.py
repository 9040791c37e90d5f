"""What is decoded apart comes out as it would here, says what it would, and takes nothing with it."""

import io
import threading

import numpy as np
import pytest
from PIL import Image, features
from PIL.PngImagePlugin import PngImageFile

from unitdrop.images import ImageError, load_image, process
from unitdrop.images.decoding import decoded
from unitdrop.images.process import decoded_apart
from unitdrop.notices import listening

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def encoded(codec, image=PICTURE, **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, codec, **options)
    return buffer.getvalue()


def test_a_picture_decoded_apart_is_the_same_and_is_ones_own():
    data = encoded("TIFF", compression="tiff_lzw")
    here, apart = decoded(data, "TIFF", "a", None), decoded_apart(data, "TIFF", "a", None)
    np.testing.assert_array_equal(apart, here)
    np.testing.assert_array_equal(here, PICTURE)
    assert apart.flags.writeable and apart.flags.c_contiguous and apart.dtype == np.uint8


def test_what_is_said_and_refused_apart_is_said_and_refused_here():
    dim = encoded("TIFF", np.full((8, 8), 4000, np.uint16), compression="tiff_lzw")
    heard = []
    with listening(heard.append):
        load_image(dim)
    assert len(heard) == 1 and "value_range=(0, 4095)" in heard[0]
    assert load_image(dim, value_range=(0, 4095)).max() == 249
    with pytest.raises(ImageError, match=r"^bytes: cannot be decoded .*damaged or cut short"):
        decoded_apart(dim[:100], "TIFF", "bytes", None)


def test_a_child_that_cannot_start_or_dies_is_an_image_error(monkeypatch):
    data = encoded("TIFF", compression="tiff_lzw")
    monkeypatch.setattr("unitdrop.images.process.sys.executable", "/no/such/python")
    with pytest.raises(ImageError, match=r"bytes: cannot be decoded .*; save it as PNG or JPEG"):
        load_image(data)
    monkeypatch.undo()
    monkeypatch.setattr("unitdrop.images.process._START", "import os; os.abort()")
    with pytest.raises(ImageError, match="too much memory or time, or failed"):
        load_image(data)


@pytest.mark.skipif(not features.check("avif"), reason="this build of Pillow has no AVIF")
def test_avif_is_read_turned_and_laid_over_white():
    flat = np.full((32, 48, 3), (200, 90, 40), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = load_image(encoded("AVIF", flat, exif=exif))
    assert shown.shape == (48, 32, 3) and np.abs(shown - np.array([200, 90, 40])).max() <= 4
    clear = np.dstack([flat, np.zeros((32, 48), np.uint8)])
    assert load_image(encoded("AVIF", clear)).min() >= 253
    data = encoded("AVIF")
    with pytest.raises(ImageError, match="cannot be decoded"):
        load_image(data[: len(data) // 2])


def test_no_picture_waits_for_another(monkeypatch):
    go, reached, real = threading.Event(), threading.Event(), PngImageFile.load

    def waiting(self):
        if threading.current_thread().name == "slow":
            reached.set()
            assert go.wait(60)
        return real(self)

    monkeypatch.setattr(PngImageFile, "load", waiting, raising=False)
    slow = threading.Thread(target=load_image, args=(encoded("PNG"),), name="slow")
    slow.start()
    try:
        assert reached.wait(60)
        for codec in ("PNG", "JPEG", "GIF", "TIFF"):
            assert load_image(encoded(codec)).shape == PICTURE.shape
        assert slow.is_alive()
    finally:
        go.set()
        slow.join()


@pytest.mark.parametrize("name", [None, ""])
def test_inside_a_program_that_is_no_python_a_picture_is_refused_with_the_remedy(monkeypatch, name):
    monkeypatch.setattr(process.sys, "executable", name)
    with pytest.raises(ImageError, match="no Python to start; save it as PNG"):
        process.decoded_apart(b"II*\0", "TIFF", "a.tif", None)
