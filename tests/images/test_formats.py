"""A file is what its first bytes say; what is not read is named, with what to do."""

import pytest

from unitdrop.images import ImageError, load_image
from unitdrop.images.formats import recognised


def box(*brands):
    """The beginning of a file of boxes."""
    return (
        (16 + 4 * (len(brands) - 1)).to_bytes(4, "big")
        + b"ftyp"
        + brands[0]
        + b"\0\0\0\0"
        + b"".join(brands[1:])
    )


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (box(b"heic", b"mif1", b"heic"), "is a HEIC picture, which is not read; save it as PNG or JPEG"),
        (box(b"mif1", b"heix"), "is a HEI[CF] picture"),
        (box(b"isom", b"mp42"), "is a film; save one frame"),
        (box(b"crx "), "is a camera's raw file"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000 picture"),
        (b"\xff\x4f\xff\x51", "is a JPEG 2000 picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL picture"),
        (b"\xff\x0a\0\0", "is a JPEG XL picture"),
        (b"P6\n3 4\n255\n", "is a PPM, PGM or PBM picture"),
        (b"\0\0\x0a\0\0\0\0\0", "is a TGA picture"),
        (b"8BPS\0\1", "is a Photoshop document"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\x76\x2f\x31\x01", "is an OpenEXR picture"),
        (bytes(128) + b"DICM", "is a DICOM file"),
        (b"<?xml version='1.0'?>\n<svg>", "is an SVG drawing"),
        (b"\xef\xbb\xbf <!DOCTYPE html>", "is a web page, not a picture; download the picture itself"),
        (b"PK\x03\x04", "is a zip archive; unpack it"),
        (b"\x93NUMPY\1\0", r"is a NumPy array; pass numpy.load\(...\)"),
        (b"version https://git-lfs.github.com/spec/v1", "is a pointer of Git LFS"),
        (b"RIFF\0\0\0\0AVI ", "is a film"),
        (b"RIFF\0\0\0\0WAVE", "is no readable picture; pass a JPEG, PNG, GIF, WEBP, AVIF, BMP, TIFF file"),
        (b"hello", "is no readable picture"),
    ],
)
def test_what_is_not_read_is_named(head, message):
    with pytest.raises(ImageError, match=f"^a: {message}"):
        recognised(head, "a")
    with pytest.raises(ImageError, match=f"^bytes: {message}"):
        load_image(head)


def test_what_is_read_is_told_by_its_bytes_not_its_name():
    assert recognised(box(b"avif", b"mif1"), "a.heic") == "AVIF"
    assert recognised(box(b"mif1", b"avif"), "a") == "AVIF"
    assert recognised(b"\x89PNG\r\n\x1a\n", "a.jpg") == "PNG"
    assert recognised(b"II+\0", "a.png") == "TIFF"


def test_any_beginning_of_any_length_is_judged():
    for head in (box(b"avif"), b"\xff\xd8\xff", b"\0" * 200, b"\xff" * 200):
        for length in range(len(head)):
            try:
                recognised(head[:length], "a")
            except ImageError as error:
                assert "; " in str(error)
