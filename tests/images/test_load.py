"""Any picture becomes the RGB a person would see, or is refused with a reason; never a surprise."""

import gc
import io
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFile, ImageOps

from unitdrop.images import FORMATS, ImageError, load_image
from unitdrop.notices import Notice

WHITE = (255, 255, 255)


def blocks(height=24, width=32, channels=3):
    """Random blocks of 4 by 4 pixels: structure enough for a codec, and no symmetry."""
    coarse = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, channels), dtype=np.uint8)
    return coarse.repeat(4, axis=0).repeat(4, axis=1)


def encoded(image, codec, **options):
    """The bytes of a picture in a format."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, codec, **options)
    return buffer.getvalue()


def png(width, height, depth, colour, rows, **chunks):
    """Write a PNG by hand, where Pillow cannot: `rows` are its raw bytes, `chunks` go before them."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    extra = b"".join(chunk(name.encode(), data) for name, data in chunks.items())
    data = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + extra + data + chunk(b"IEND", b"")


def pixel(source):
    """The first pixel of what a picture becomes."""
    return tuple(load_image(source)[0, 0].tolist())


def near(colour, tolerance=3):
    """A colour up to what a lossy codec or a colour space costs."""
    return pytest.approx(colour, abs=tolerance)


# Sources and formats --------------------------------------------------------------------------


@pytest.mark.parametrize("codec", FORMATS)
def test_every_format_is_read_from_every_kind_of_source(codec, tmp_path):
    lossless = {"lossless": True} if codec == "WEBP" else {}
    data = encoded(blocks(), codec, **lossless)
    path = tmp_path / "picture"
    path.write_bytes(data)
    with path.open("rb") as file, Image.open(path) as image:
        sources = [str(path), path, data, bytearray(data), memoryview(data), io.BytesIO(data), file, image]
        results = [load_image(source) for source in sources]
        assert not file.closed
    for result in results:
        assert result.shape == (24, 32, 3) and result.dtype == np.uint8
        assert result.flags.c_contiguous and result.flags.writeable
        np.testing.assert_array_equal(result, results[0])
    if codec not in ("JPEG", "GIF", "AVIF"):
        np.testing.assert_array_equal(results[0], blocks())


def test_a_file_object_is_read_from_where_it_stands():
    file = io.BytesIO(b"preface" + encoded(blocks(), "PNG"))
    file.seek(7)
    np.testing.assert_array_equal(load_image(file), blocks())
    with pytest.raises(ImageError, match=r"is empty.*seek\(0\)"):
        load_image(file)


def test_formats_beyond_the_list_are_refused_by_name_though_pillow_reads_them():
    for codec, thing in (
        ("PPM", "a PPM, PGM or PBM picture"),
        ("ICO", "an icon"),
        ("EPS", "a PostScript file"),
        ("PCX", "a PCX picture"),
        ("TGA", "a TGA picture"),
        ("JPEG2000", "a JPEG 2000 picture"),
    ):
        with pytest.raises(ImageError, match=f"is {thing}.*, which is not read; save it as PNG or JPEG"):
            load_image(encoded(blocks(), codec))
    with pytest.raises(
        ImageError, match="no readable picture; pass a JPEG, PNG, GIF, WEBP, AVIF, BMP, TIFF file"
    ):
        load_image(b"my notes on pictures")


@pytest.mark.parametrize("codec", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(codec):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    data = encoded(frames[0], codec, save_all=True, append_images=frames[1:])
    assert pixel(data) == near((255, 0, 0))


def test_a_photo_of_two_pictures_gives_the_first():
    photo = Image.fromarray(blocks())
    data = encoded(photo, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 24))])
    np.testing.assert_array_equal(load_image(data), load_image(encoded(photo, "JPEG")))


# Orientation ----------------------------------------------------------------------------------


def as_pillow_turns(pixels, orientation):
    """A second opinion: the pixels upright, as Pillow turns them."""
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("codec", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_exif_orientation_is_applied_once(codec, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif, **({"lossless": True} if codec == "WEBP" else {})}
    data = encoded(blocks(), codec, **options)
    stored = blocks() if codec != "JPEG" else load_image(encoded(blocks(), "JPEG"))
    expected = as_pillow_turns(stored, orientation)
    np.testing.assert_array_equal(load_image(data), expected)


def test_orientation_turns_deep_and_transparent_pictures_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = blocks(channels=1)[..., 0].astype(np.uint16) * 257
    turned = load_image(encoded(deep, "PNG", exif=exif))
    np.testing.assert_array_equal(turned[..., 0], as_pillow_turns(blocks(channels=1)[..., 0], 6))
    clear = np.dstack([blocks(), np.zeros((24, 32), np.uint8)])
    assert load_image(encoded(clear, "PNG", exif=exif)).shape == (32, 24, 3)


def test_unreadable_exif_counts_as_none():
    data = encoded(blocks(), "PNG", exif=b"Exif\0\0" + b"nonsense" * 4)
    np.testing.assert_array_equal(load_image(data), blocks())


# Transparency ---------------------------------------------------------------------------------


def test_transparency_is_laid_over_white():
    rgba = Image.new("RGBA", (4, 4), (200, 0, 0, 128))
    half = near((227, 127, 127), 1)
    assert pixel(rgba) == pixel(encoded(rgba, "PNG")) == pixel(np.array(rgba)) == half
    assert pixel(rgba.convert("RGBa")) == half
    assert pixel(encoded(rgba, "TIFF")) == half
    assert pixel(encoded(rgba, "WEBP", lossless=True)) == half
    assert pixel(Image.new("LA", (4, 4), (0, 0))) == WHITE
    assert pixel(Image.new("LA", (4, 4), (10, 255))) == (10, 10, 10)
    assert pixel(Image.new("LA", (4, 4), (0, 128)).convert("La")) == near((127, 127, 127), 1)
    assert pixel(Image.new("RGBA", (4, 4), (9, 8, 7, 0)).convert("PA")) == WHITE


def test_the_transparent_colour_of_a_palette_is_white():
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 0, 0, 250])
    assert pixel(encoded(palette, "PNG")) == (0, 0, 250)
    for codec in ("PNG", "GIF"):
        assert pixel(encoded(palette, codec, transparency=1)) == WHITE
        assert pixel(encoded(palette, codec, transparency=0)) == (0, 0, 250)
    assert pixel(encoded(palette, "PNG", transparency=bytes([255, 0]))) == WHITE
    assert pixel(encoded(palette, "PNG", transparency=bytes([255, 128]))) == near((127, 127, 252), 1)


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key", "other"),
    [
        (1, 0, b"\x00", b"\x00\x00", b"\x00\x01"),
        (2, 0, b"\x55", b"\x00\x01", b"\x00\x02"),
        (4, 0, b"\x33", b"\x00\x03", b"\x00\x04"),
        (8, 0, b"\x33\x33", b"\x00\x33", b"\x00\x34"),
        (16, 0, b"\x33\x44\x33\x44", b"\x33\x44", b"\x33\x45"),
        (8, 2, b"\x11\x22\x33" * 2, b"\0\x11\0\x22\0\x33", b"\0\x11\0\x22\0\x34"),
        (16, 2, b"\x11\x11\x22\x22\x33\x33" * 2, b"\x11\x11\x22\x22\x33\x33", b"\x11\x11\x22\x22\x34\x33"),
    ],
)
def test_the_transparent_colour_of_a_png_of_any_depth_is_white(depth, colour, row, key, other):
    assert pixel(png(2, 1, depth, colour, [row], tRNS=key)) == WHITE
    assert pixel(png(2, 1, depth, colour, [row], tRNS=other)) != WHITE
    assert pixel(png(2, 1, depth, colour, [row], tRNS=other)) == pixel(png(2, 1, depth, colour, [row]))


# Modes and depths -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"])
def test_every_mode_shows_its_colours(mode):
    colour = Image.new("RGB", (4, 4), (255, 255, 255) if mode == "1" else (200, 90, 40))
    expected = {"1": WHITE, "L": (117, 117, 117)}.get(mode, (200, 90, 40))
    tolerance = 30 if mode == "P" else 3  # the web palette is coarse
    assert pixel(colour.convert(mode)) == near(expected, tolerance)


def test_cmyk_photos_are_not_negatives():
    ink = Image.new("RGB", (8, 8), (200, 90, 40)).convert("CMYK")
    for codec in ("JPEG", "TIFF"):
        assert pixel(encoded(ink, codec)) == near((200, 90, 40), 4)
    # Adobe writes its inks upside down and says so in a marker; Pillow writes this marker and turns them.
    assert b"Adobe" in encoded(ink, "JPEG")


def test_16_bits_are_divided_by_257():
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.rint(ramp / 257).astype(np.uint8)
    sources = {
        "array": ramp,
        "big-endian array": ramp.astype(">u2"),
        "I;16": Image.fromarray(ramp),
        "I;16B": Image.frombytes("I;16B", (256, 256), ramp.astype(">u2").tobytes()),
        "PNG": encoded(ramp, "PNG"),
        "TIFF": encoded(ramp, "TIFF"),
        "big-endian TIFF": encoded(
            Image.frombytes("I;16B", (256, 256), ramp.astype(">u2").tobytes()), "TIFF"
        ),
        "I": Image.fromarray(ramp.astype(np.int32)),
        "int64 array": ramp.astype(np.int64),
        "I TIFF": encoded(Image.fromarray(ramp.astype(np.int32)), "TIFF"),
    }
    for name, source in sources.items():
        result = load_image(source)
        np.testing.assert_array_equal(result, expected[..., None].repeat(3, 2), err_msg=name)


def test_colour_pngs_of_16_bits_are_brought_to_8():
    assert pixel(png(2, 1, 16, 2, [b"\xff\xff\x80\x80\x00\x00" * 2])) == near((255, 128, 0), 1)
    assert pixel(png(2, 1, 16, 6, [b"\xff\xff\x80\x80\x00\x00\x00\x00" * 2])) == WHITE
    assert pixel(png(2, 1, 16, 4, [b"\x40\x40\xff\xff" * 2])) == near((64, 64, 64), 1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[False, True]]), [0, 255]),
        (np.array([[0, 255]], np.uint8), [0, 255]),
        (np.array([[0, 1]], np.uint8), [0, 1]),
        (np.array([[0, 200]], np.int64), [0, 200]),
        (np.array([[0, 65535]], np.int32), [0, 255]),
        (np.array([[0.0, 0.2, 1.0]]), [0, 51, 255]),
        (np.array([[0.2, 0.4]], np.float16), [51, 102]),
        (np.array([[0.0, 51.0, 255.0]]), [0, 51, 255]),
        (np.array([[0.0, 100.0]], np.float32), [0, 100]),
        (np.array([[-1e-4, 0.5, 1.0005]], np.float32), [0, 128, 255]),
    ],
)
def test_values_tell_their_range(values, expected):
    assert load_image(values)[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    "values",
    [
        np.array([[-128, 127]], np.int8),
        np.array([[0, 100_000, 200_000]], np.uint32),
        np.array([[-1.0, 0.0, 1.0]]),
        np.array([[0.0, 500.0, 1000.0]], np.float32),
        np.array([[-1.7e308, 1.7e308]]),
    ],
)
def test_values_that_do_not_tell_their_range_are_refused_until_it_is_given(values):
    low, high = float(values.min()), float(values.max())
    with pytest.raises(ImageError, match=r"do not say what is black and white; .*give value_range=\(black"):
        load_image(values)
    levels = load_image(values, value_range=(low, high))[0, :, 0].tolist()
    assert levels == [0, 255] if len(levels) == 2 else [0, 128, 255]


@pytest.mark.filterwarnings("ignore::unitdrop.notices.Notice")
@given(hnp.arrays(st.sampled_from([np.float32, np.float64, np.int32, np.uint16]), (2, 3), fill=st.nothing()))
def test_the_order_of_the_grey_levels_is_kept(values):
    if not np.isfinite(values).all():
        with pytest.raises(ImageError, match="NaN or infinity"):
            load_image(values)
        return
    order = np.argsort(values, axis=None)
    try:
        levels = load_image(values)[..., 0].ravel()[order].astype(int)
    except ImageError as error:
        assert "give value_range=" in str(error)
        given = (min(float(values.min()), 0), max(float(values.max()), 1))
        levels = load_image(values, value_range=given)[..., 0].ravel()[order].astype(int)
    assert (np.diff(levels) >= 0).all()


def test_float_and_32_bit_pictures_ask_for_their_range():
    values = np.array([[0.0, 500.0, 1000.0]], np.float32)
    for source in (Image.fromarray(values), encoded(Image.fromarray(values), "TIFF")):
        with pytest.raises(ImageError, match="holds values from 0 to 1000"):
            load_image(source)
        assert load_image(source, value_range=(0, 1000))[0, :, 0].tolist() == [0, 128, 255]
    nan = Image.fromarray(np.full((2, 2), np.nan, np.float32))
    with pytest.raises(ImageError, match="NaN"):
        load_image(nan)


def test_a_named_value_range_is_obeyed_and_clips():
    assert load_image(np.array([[-3.0, 10.0, 20.0, 99.0]]), value_range=(0, 20))[0, :, 0].tolist() == [
        0,
        128,
        255,
        255,
    ]
    assert load_image(np.array([[0, 1]], np.uint8), value_range=(0, 1))[0, :, 0].tolist() == [0, 255]
    deep = encoded(np.array([[0, 4095]], np.uint16), "PNG")
    assert load_image(deep, value_range=(0, 4095))[0, :, 0].tolist() == [0, 255]
    with pytest.warns(Notice, match="8 bits a channel.*value_range is left out"):
        np.testing.assert_array_equal(load_image(encoded(blocks(), "PNG"), value_range=(0, 1)), blocks())
    for bad in ((1, 1), (2, 1), (0, np.inf), (0,), "ab", 3):
        with pytest.raises(ImageError, match="value_range: expected"):
            load_image(np.zeros((2, 2)), value_range=bad)


# Arrays ---------------------------------------------------------------------------------------


def test_arrays_of_every_good_shape_are_taken_and_copied():
    grey = blocks(channels=1)
    for array in (
        grey,
        grey[..., 0],
        grey.repeat(3, 2),
        np.dstack([grey.repeat(3, 2), np.full((24, 32), 255, np.uint8)]),
    ):
        result = load_image(array)
        np.testing.assert_array_equal(result, grey.repeat(3, 2))
        result[:] = 0
        assert array.max() > 0
    flipped = load_image(blocks()[::-1, ::-1])
    assert flipped.flags.c_contiguous
    np.testing.assert_array_equal(flipped, blocks()[::-1, ::-1])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 8, 9)), r"shape \(3, 8, 9\): channels first; pass array.transpose\(1, 2, 0\)"),
        (np.zeros((1, 8, 9)), "channels first"),
        (np.zeros((4, 8, 9)), "channels first"),
        (np.zeros((1, 3, 8, 9)), r"batch; pass one picture, such as array\[0\]"),
        (np.zeros((8, 9, 2)), "no picture"),
        (np.zeros(8), "no picture"),
        (np.float64(3), "no picture"),
        (np.zeros((0, 8)), "without pixels"),
        (np.zeros((8, 0, 3)), "without pixels"),
        (np.zeros((8, 8), complex), "dtype complex128"),
        (np.full((8, 8), "a"), "dtype <U1"),
        (np.full((8, 8), None), "dtype object"),
        (np.full((8, 8), np.nan), "NaN or infinity"),
        (np.full((8, 8), np.inf), "NaN or infinity"),
        (np.zeros((8, 200)), "200 x 8 is longer than 20:1"),
        (np.broadcast_to(np.uint8(0), (7000, 6000)), "over 40 megapixels"),
    ],
)
def test_arrays_that_are_no_picture_are_refused_with_the_remedy(array, message):
    with pytest.raises(ImageError, match=message):
        load_image(array)


@pytest.mark.parametrize("source", [None, 3, [[1, 2], [3, 4]], {}, object()])
def test_other_things_are_refused_by_type(source):
    with pytest.raises(ImageError, match=f"no picture in a {type(source).__name__}; pass a path"):
        load_image(source)


# Refusals -------------------------------------------------------------------------------------

ENCODINGS = {
    "jpeg": encoded(blocks(), "JPEG"),
    "progressive": encoded(blocks(), "JPEG", progressive=True),
    "png": encoded(blocks(), "PNG"),
    "png16": encoded(blocks()[..., 0].astype(np.uint16) * 257, "PNG"),
    "palette": encoded(Image.fromarray(blocks()).quantize(16), "PNG", transparency=3),
    "gif": encoded(blocks(), "GIF"),
    "webp": encoded(blocks(), "WEBP"),
    "lossless": encoded(np.dstack([blocks(), blocks(channels=1)]), "WEBP", lossless=True),
    "bmp": encoded(blocks(), "BMP"),
    "tiff": encoded(blocks(), "TIFF"),
    "lzw": encoded(blocks(), "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_truncated_file_is_refused_unless_every_pixel_is_there(name, capfd):
    data, whole = ENCODINGS[name], load_image(ENCODINGS[name])
    refused = 0
    for cut in range(0, len(data), 1 + len(data) // 150):
        try:
            np.testing.assert_array_equal(load_image(data[:cut]), whole)
        except ImageError as error:
            assert str(error).startswith("bytes: ") and "; " in str(error)
            refused += 1
    assert refused > 100


def test_a_truncated_file_is_refused_though_another_library_told_pillow_to_pad_it(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for name in ("jpeg", "png", "tiff"):
        with pytest.raises(ImageError, match=r"damaged or cut short|no readable picture"):
            load_image(ENCODINGS[name][: len(ENCODINGS[name]) // 2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_file_gives_a_sound_array_or_an_image_error(data):
    name = data.draw(st.sampled_from(sorted(ENCODINGS)))
    mutant = bytearray(ENCODINGS[name])
    places = st.integers(0, len(mutant) - 1) | st.integers(0, 63)  # the headers more often than not
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        mutant[place] = data.draw(st.integers(0, 255) | st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            result = load_image(bytes(mutant))
        except ImageError:
            return
    assert (
        result.dtype == np.uint8 and result.ndim == 3 and result.shape[2] == 3 and result.flags.c_contiguous
    )
    assert min(result.shape[:2]) > 0 and max(result.shape[:2]) <= 20 * min(result.shape[:2])


@given(st.binary(max_size=200), st.sampled_from([b"", *(data[:20] for data in ENCODINGS.values())]))
def test_noise_behind_a_good_beginning_is_refused(noise, beginning):
    with pytest.raises(ImageError):
        load_image(beginning + noise)


def test_a_picture_over_100_megapixels_is_refused_before_it_is_decoded(monkeypatch):
    bomb = png(10_000, 10_001, 8, 2, [b"no pixels at all"])
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="10000 x 10001 is over 100 megapixels; shrink"):
        load_image(bomb)
    with warnings.catch_warnings(), pytest.raises(ImageError, match="12000 x 12000 is over 100 megapixels"):
        warnings.simplefilter("error")  # here Pillow warns of a bomb, there it gives up by itself
        load_image(png(12_000, 12_000, 8, 2, [b""]))
    with pytest.raises(ImageError, match="over 100 megapixels"):
        load_image(png(60_000, 60_000, 8, 2, [b""]))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ImageError, match="over 100 megapixels"):
        load_image(png(60_000, 60_000, 8, 2, [b""]))


def test_a_picture_of_just_under_40_megapixels_is_read():
    assert load_image(encoded(Image.new("1", (8000, 5000)), "PNG")).shape == (5000, 8000, 3)


def test_a_sliver_is_refused_and_its_neighbour_is_not():
    with pytest.raises(ImageError, match="1 x 30000 is longer than 20:1; crop"):
        load_image(encoded(Image.new("1", (1, 30000)), "PNG"))
    with pytest.raises(ImageError, match="longer than 20:1"):
        load_image(Image.new("L", (21, 1)))
    assert load_image(Image.new("L", (20, 1))).shape == (1, 20, 3)
    assert load_image(Image.new("L", (1, 20))).shape == (20, 1, 3)


def test_files_that_cannot_be_opened_are_refused_by_name(tmp_path):
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.touch()
    text.write_text("This is no picture.")
    for source, message in (
        (tmp_path / "missing.png", "missing.png: no such file; check the spelling"),
        (str(tmp_path / "no" / "folder.png"), "folder.png: no such file"),
        ("https://example.org/cat.jpg", "cat.jpg: no such file; download it first"),
        (tmp_path, "is a folder"),
        ("", "is a folder|no such file"),
        (text / "below.png", "cannot be opened"),
        ("nul\0byte.png", "cannot be opened"),
        ("long" * 5000, "cannot be opened"),
        (empty, "empty.png: is empty"),
        (text, "text.png: is no readable picture"),
        (b"", "bytes: is empty"),
    ):
        with pytest.raises(ImageError, match=message):
            load_image(source)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_device_is_refused_at_once(tmp_path):
    pipe, link = tmp_path / "pipe.png", tmp_path / "link.png"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for source in (pipe, link, Path("/dev/null")):
        outcome = []

        def attempt(source=source, outcome=outcome):
            try:
                load_image(source)
            except ImageError as error:
                outcome.append(str(error))

        thread = threading.Thread(target=attempt, daemon=True)  # were it to hang, the test would not
        thread.start()
        thread.join(60)
        assert outcome and "device, pipe or socket; pass" in outcome[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(ENCODINGS["png"])
    path.chmod(0)
    with pytest.raises(ImageError, match="you may not read it; change its permissions"):
        load_image(path)


def test_a_permission_error_becomes_an_image_error(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(ImageError, match="you may not read it"):
        load_image("picture.png")


def test_file_objects_that_misbehave_are_refused(tmp_path):
    class Broken:
        name = "broken.png"

        def read(self, size):
            raise OSError("cable pulled")

    with pytest.raises(ImageError, match=r"broken.png: cannot be read .cable pulled."):
        load_image(Broken())
    with pytest.raises(ImageError, match="gives str, not bytes; open it with mode 'rb'"):
        load_image(io.StringIO("text"))


def test_a_closed_pil_image_is_refused(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(ENCODINGS["png"])
    image = Image.open(path)
    image.close()
    with pytest.raises(ImageError, match=r"picture.png"):
        load_image(image)


def test_whatever_a_decoder_raises_becomes_an_image_error(monkeypatch):
    for error in (
        SyntaxError("bad"),
        struct.error("short"),
        IndexError(),
        MemoryError(),
        zlib.error("x"),
        KeyError(1),
    ):

        def fail(self, error=error):
            raise error

        monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
        with pytest.raises(ImageError, match="damaged or cut short"):
            load_image(ENCODINGS["png"])


def test_no_file_stays_open_whatever_becomes_of_it(tmp_path):
    good, cut, text = tmp_path / "good.tif", tmp_path / "cut.jpg", tmp_path / "text.png"
    good.write_bytes(ENCODINGS["lzw"])
    cut.write_bytes(ENCODINGS["jpeg"][:500])
    text.write_text("no picture")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_image(good)
        for path in (cut, text, tmp_path):
            with pytest.raises(ImageError):
                load_image(path)
        gc.collect()
    assert not [warning for warning in caught if issubclass(warning.category, ResourceWarning)]


def test_a_pil_image_is_left_as_it_was():
    image = Image.new("LA", (4, 6), (7, 100))
    image.getexif()[0x0112] = 6
    before = (image.mode, image.size, image.tobytes(), dict(image.getexif()))
    assert load_image(image).shape == (4, 6, 3)
    assert (image.mode, image.size, image.tobytes(), dict(image.getexif())) == before


def test_several_threads_may_read_at_once():
    results = []
    threads = [
        threading.Thread(target=lambda data=data: results.append(load_image(data).shape))
        for data in list(ENCODINGS.values()) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(24, 32, 3)] * len(threads)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
