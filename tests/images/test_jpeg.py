"""JPEG: what lacks data is refused, what merely carries more is not, and large ones come out reduced."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from unitdrop.images import ImageError, load_image

RNG = np.random.default_rng(0)
BLOCKS = RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
PICTURE = Image.fromarray(np.clip(BLOCKS + RNG.normal(0, 9, BLOCKS.shape), 0, 255).astype(np.uint8))
END = b"\xff\xd9"


def encoded(image=PICTURE, codec="JPEG", **options):
    """The bytes of a picture."""
    buffer = io.BytesIO()
    image.save(buffer, codec, **options)
    return buffer.getvalue()


KINDS = {
    "baseline": encoded(),
    "fine": encoded(quality=97, subsampling=0),
    "grey": encoded(PICTURE.convert("L")),
    "inks": encoded(PICTURE.convert("CMYK")),
    "optimised": encoded(optimize=True),
    "restarts": encoded(restart_marker_blocks=5),
    "rows": encoded(restart_marker_rows=1),
    "progressive": encoded(progressive=True),
    "progressive grey": encoded(PICTURE.convert("L"), progressive=True),
    "progressive rows": encoded(progressive=True, restart_marker_rows=2),
}
WHOLE = {name: load_image(data) for name, data in KINDS.items()}


def start_of_frame(data):
    """Where the length of the header stands that has the height and the width."""
    return next(at for at in range(len(data)) if data[at : at + 2] in (b"\xff\xc0", b"\xff\xc2")) + 2


def resized(data, height, width=256):
    """The same JPEG with other numbers in its header."""
    at = start_of_frame(data) + 3
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


@pytest.mark.parametrize("name", KINDS)
def test_a_jpeg_that_was_cut_and_ended_is_refused(name):
    data, start = KINDS[name], KINDS[name].index(b"\xff\xda") + 12
    cuts = {*range(start, len(data) - 2, 1 + len(data) // 70), *range(len(data) - 30, len(data) - 2)}
    for cut in sorted(cuts):
        try:
            shown = load_image(data[:cut] + END)
        except ImageError as error:
            assert "data are missing" in str(error) or "damaged" in str(error)
        else:  # the last byte may be padding
            np.testing.assert_array_equal(shown, WHOLE[name], err_msg=str(cut))
            assert cut >= len(data) - 4


@pytest.mark.parametrize("name", KINDS)
def test_a_jpeg_whose_header_claims_more_is_refused(name):
    for height, width in ((384, 256), (208, 256), (192, 512), (192, 272)):
        with pytest.raises(ImageError, match="cannot be decoded"):
            load_image(resized(KINDS[name], height, width))


def test_a_jpeg_that_lacks_a_stretch_between_restarts_is_refused():
    data = KINDS["rows"]
    first, second = data.index(b"\xff\xd0"), data.index(b"\xff\xd1")
    for broken in (
        data[:first] + data[second:],  # a stretch less, out of order
        data[: first + 2] + data[second:],  # an empty stretch
        data[: data.index(b"\xff\xd3")] + END,  # the last ones cut off where one ends
        data[:first] + data[first + 2 :],
    ):
        with pytest.raises(ImageError, match="data are missing"):
            load_image(broken)


def test_a_progressive_jpeg_that_lacks_scans_is_refused():
    data = KINDS["progressive"]
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    for scan in scans[1:]:
        end = data.rindex(b"\xff\xc4", 0, scan)  # its tables, which come before it
        with pytest.raises(ImageError, match="data are missing"):
            load_image(data[:end] + END)


@pytest.mark.parametrize("name", KINDS)
def test_what_honest_cameras_add_does_no_harm(name):
    data = KINDS[name]
    comment = b"\xff\xfe" + struct.pack(">H", 60_002) + bytes(60_000)
    for honest in (
        data + b"\0" * 1000,
        data + encoded(PICTURE.resize((64, 48))),  # a second picture, as after an MPF header
        data + b"ftypmp42" + RNG.bytes(5000),  # a motion photo
        data[:-2] + b"\xff\xff" + END,  # fill bytes before a mark
        data[:-2] + b"\0\0\0\0" + END,  # padding before the end
        data[:-2],  # without an end mark
        data[:-1],  # with half of one
        data[:2] + comment * 5 + data[2:],
        data[:2]
        + b"\xff\xe1"
        + struct.pack(">H", len(encoded()) % 60_000 + 2)
        + encoded()[: len(encoded()) % 60_000]
        + data[2:],
    ):
        np.testing.assert_array_equal(load_image(honest), WHOLE[name])


def test_a_flat_jpeg_is_read():
    for colour in ("black", "white", "grey", (128, 128, 128), "teal"):
        for options in ({}, {"progressive": True}, {"optimize": True}, {"quality": 20}):
            image = Image.new("RGB", (100, 60), colour)
            shown = load_image(encoded(image, **options))
            np.testing.assert_allclose(shown.astype(int), np.asarray(image).astype(int), atol=8)


@pytest.mark.parametrize(("side", "factor"), [((8064, 6048), 2), ((16382, 3628), 2), ((16320, 12240), 4)])
def test_a_large_jpeg_comes_out_reduced(side, factor):
    data = encoded(Image.new("RGB", side, "teal"), quality=30)
    shown = load_image(data)
    assert shown.shape == (-(-side[1] // factor), -(-side[0] // factor), 3)
    assert np.abs(shown[::500, ::500] - np.array([0, 128, 128])).max() <= 4
    with pytest.raises(ImageError, match="data are missing"):
        load_image(data[: len(data) * 2 // 3] + END)


def test_what_a_jpeg_asks_of_its_decoder_is_bounded():
    tiny = resized(KINDS["baseline"], 14_000, 14_000)
    with pytest.raises(ImageError, match="data are missing"):
        load_image(tiny)
    with pytest.raises(ImageError, match="over 220 megapixels"):
        load_image(resized(KINDS["baseline"], 60_000, 60_000))
    large = encoded(Image.new("RGB", (4000, 3000)), progressive=True)
    scan = large.rindex(b"\xff\xda")
    with pytest.raises(ImageError, match=r"is in \d+ scans, too many"):
        load_image(large[:-2] + large[scan:-2] * 200 + END)
    with pytest.raises(ImageError, match="in several scans needs too much memory"):
        load_image(resized(KINDS["progressive"], 14_000, 14_000))


def test_other_sorts_of_jpeg_are_refused_by_name():
    data = KINDS["baseline"]
    at = start_of_frame(data)
    for other, message in (
        (data[: at - 1] + b"\xc9" + data[at:], "arithmetically coded"),
        (data[: at + 2] + b"\x0c" + data[at + 3 :], "of 12 bits a channel"),
        (data[:at] + data[at:].replace(b"\x03\x01", b"\x02\x01", 1), "broken|channels|cannot be decoded"),
    ):
        with pytest.raises(ImageError, match=message):
            load_image(other)
