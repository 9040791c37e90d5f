"""TIFF: every photometric, depth, sign, order and layout comes out right, or is refused by name."""

import io
import itertools
import struct
import zlib

import cv2
import numpy as np
import pytest
from helpers.tiffs import FORMATS, LONG, SHORT, tiff, written
from PIL import Image

from unitdrop.images import ImageError, load_image
from unitdrop.images.decoding import decoded
from unitdrop.notices import listening

SHAPES = ((0, 1), (1, 1), (1, 2), (2, 3), (2, 4), (3, 1), (5, 4), (6, 3), (8, 3))  # photometric, channels
DEPTHS = {1: (1, 2, 4, 6, 8, 10, 12, 14, 16, 32, 64), 2: (8, 16, 32), 3: (16, 32, 64)}
PACKINGS = ((False, 1), (True, 1), (True, 2))  # deflate, predictor


def kinds():
    """Every combination that can be written, as the names below say."""
    for (photometric, channels), form in itertools.product(SHAPES, FORMATS):
        for bits, big, planar, (deflate, predictor) in itertools.product(
            DEPTHS[form], (False, True), (1, 2), PACKINGS
        ):
            if (planar == 2 and channels == 1) or (photometric == 3 and (bits > 8 or form > 1)):
                continue
            if predictor == 2 and (form == 3 or bits % 8):
                continue
            yield photometric, channels, form, bits, big, planar, deflate, predictor


def some_samples(rng, channels, form, bits):
    """Samples of a kind, over its whole range; floats from 0 to 1."""
    size = 8 if bits <= 8 else max(16, bits)
    kind = np.dtype(f"{FORMATS[form]}{size // 8}")
    if form == 3:
        return rng.random((6, 10, channels)).astype(kind)
    low, high = (0, 2**bits - 1) if form == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    samples = rng.integers(low, high, (6, 10, channels), dtype=kind, endpoint=True)
    samples[0, 0], samples[0, 1] = low, high
    return samples


def meant(samples, photometric, form, bits, palette):
    """What a person would see, (6, 10, 3) uint8, by the definition of the format."""
    values = samples.astype(np.float64)
    if photometric == 3:
        return (palette[:, samples[..., 0]] >> 8).transpose(1, 2, 0).astype(np.uint8)
    if photometric in (6, 8):
        mode = "YCbCr" if photometric == 6 else "LAB"
        return np.asarray(Image.frombytes(mode, (10, 6), samples.tobytes()).convert("RGB"))
    if form == 1 and samples.shape[2] >= 3 and bits == 16:
        levels = samples >> 8  # colours of 16 bits are cut to 8
    else:
        low, high = (0, 2**bits - 1) if form == 1 else (0, 1) if form == 3 else (values.min(), values.max())
        levels = np.rint((values - low) / (high - low) * 255)
    if photometric == 0:
        levels = 255 - levels
    levels = levels.astype(np.uint8)
    if photometric == 5:
        return np.asarray(Image.frombytes("CMYK", (10, 6), levels.tobytes()).convert("RGB"))
    if levels.shape[2] in (2, 4):
        image = Image.frombytes({2: "LA", 4: "RGBA"}[levels.shape[2]], (10, 6), levels.tobytes()).convert(
            "RGBA"
        )
        return np.asarray(Image.alpha_composite(Image.new("RGBA", (10, 6), "white"), image).convert("RGB"))
    return levels if levels.shape[2] == 3 else levels.repeat(3, 2)


@pytest.mark.filterwarnings("ignore::unitdrop.notices.Notice")
def test_every_kind_of_tiff_is_shown_right_or_refused_by_name():
    rng, right, refused = np.random.default_rng(0), 0, set()
    for photometric, channels, form, bits, big, planar, deflate, predictor in kinds():
        samples = some_samples(rng, channels, form, bits)
        palette = rng.integers(0, 256, (3, 2 ** min(bits, 8))) * 257
        more = {338: (SHORT, [2])} if (photometric, channels) in ((1, 2), (2, 4)) else {}
        more |= {320: (SHORT, palette.ravel().tolist())} if photometric == 3 else {}
        more |= {530: (SHORT, [1, 1])} if photometric == 6 else {}
        options = {"big": big, "planar": planar, "deflate": deflate, "predictor": predictor, "more": more}
        data = tiff(samples, bits, photometric, form, rows=3, **options)
        asked = form == 2 or bits == 32
        given = (float(samples.min()), float(samples.max())) if asked and form < 3 else None
        try:
            shown = decoded(data, "TIFF", "t.tif", given)
        except ImageError as error:
            assert "is a TIFF of" in str(error) and "would come out wrong" in str(error), (error, options)
            refused.add((photometric, channels, form, bits))
            continue
        expected = meant(samples, photometric, form, bits, palette)
        if asked and form == 1:
            share = (samples - given[0]) / (given[1] - given[0])
            expected = np.rint(share * 255).astype(np.uint8).repeat(3, 2)
        worst = np.abs(shown.astype(int) - expected).max()
        assert worst <= (2 if photometric in (6, 8) else 0), (
            photometric,
            channels,
            form,
            bits,
            options,
            worst,
        )
        right += 1
    print(
        f"\n{right} kinds right, {len(refused)} of photometric, channels, form, depth refused in some layout"
    )
    assert right >= 150
    assert not refused & {(0, 1, 1, b) for b in (1, 2, 4, 8)} | {(1, 1, 1, b) for b in (1, 2, 4, 8)} & refused
    assert not refused & {(2, 3, 1, 8), (2, 4, 1, 8), (3, 1, 1, 8), (5, 4, 1, 8), (1, 1, 1, 16)}


def test_a_second_decoder_agrees_with_the_files_that_are_written_by_hand():
    rng, agreed = np.random.default_rng(1), 0
    for form, bits, big, (deflate, predictor) in itertools.product(
        FORMATS, (8, 16, 32), (False, True), PACKINGS
    ):
        for channels, photometric in ((1, 1), (3, 2)):
            if form == 3 and (bits < 32 or predictor == 2):
                continue
            samples = some_samples(rng, channels, form, bits)
            options = {"big": big, "deflate": deflate, "predictor": predictor}
            data = tiff(samples, bits, photometric, form, **options)
            second = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            if second is None or second.dtype != samples.dtype:
                continue
            second = second.reshape(6, 10, -1)[..., ::-1]
            np.testing.assert_array_equal(second, samples)
            agreed += 1
    assert agreed >= 30


# What its decoder is asked for ----------------------------------------------------------------


def grey(width, height, pieces, compression=8, **more):
    """A TIFF of 8-bit grey levels in one strip or more, with other fields."""
    fields = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [8]),
        259: (SHORT, [compression]),
        262: (SHORT, [1]),
        277: (SHORT, [1]),
    }
    fields |= {int(tag[1:]): value for tag, value in more.items()}
    return written(fields, pieces)


def tiles(width, height, pieces, **more):
    """A TIFF of 100 x 100 grey levels in tiles."""
    own = {"t322": (LONG, [width]), "t323": (LONG, [height]), "t324": None, "t325": None}
    return grey(100, 100, pieces, **(own | more))


def deflated(count):
    """So many zeros, packed."""
    packer = zlib.compressobj(9)
    whole, rest = divmod(count, 2**20)
    parts = [packer.compress(bytes(size)) for size in (*[2**20] * whole, rest)]
    return b"".join([*parts, packer.flush()])


def test_a_tile_much_larger_than_the_picture_is_refused_before_it_is_decoded():
    for width, height in ((46_000, 46_000), (2**31, 16), (16, 2**31)):
        with pytest.raises(ImageError, match=f"has tiles of {width} x {height}, much larger than itself"):
            load_image(tiles(width, height, [deflated(10_000)] * 7))
    assert load_image(tiles(512, 512, [deflated(512 * 512)])).shape == (100, 100, 3)


def test_tiles_that_share_their_bytes_are_refused():
    piece = deflated(256) + bytes(2**20)
    at = 1000
    shared = tiles(16, 16, [bytes(1000) + piece], t324=(LONG, [at] * 49), t325=(LONG, [len(piece)] * 49))
    with pytest.raises(ImageError, match="share their bytes"):
        load_image(shared + piece * 2)
    with pytest.raises(ImageError, match="more strips or tiles than it needs"):
        load_image(tiles(100, 100, [deflated(10_000)] * 500))


@pytest.mark.parametrize("compression", [1, 8])
def test_a_tiff_that_lacks_pixels_is_refused(compression):
    pack = deflated if compression == 8 else bytes
    strips = {"t273": None, "t279": None, "t278": (LONG, [10])}
    good = grey(100, 100, [pack(1000)] * 10, compression, **strips)
    assert load_image(good).shape == (100, 100, 3)
    for broken in (
        good[:-1],
        grey(100, 110, [pack(1000)] * 10, compression, **strips),
        grey(100, 100, [pack(1000)] * 9 + [pack(900)], compression, **strips),
        grey(200, 100, [pack(1000)] * 10, compression, **strips),
        grey(100, 100, [pack(1000)] * 9, compression, **strips),
    ):
        with pytest.raises(ImageError, match="damaged or cut short"):
            load_image(broken)


def shortened(data, by):
    """A TIFF of one strip that says of it that it is shorter."""
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    out = bytearray(data)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, number, value = struct.unpack_from("<HHII", data, entry)
        if tag == 279:
            assert number == 1
            struct.pack_into("<I" if kind == LONG else "<H", out, entry + 8, value - by)
            return bytes(out), value
    raise AssertionError("no strip")


CODECS = ("group3", "group4", "tiff_lzw", "packbits", "tiff_adobe_deflate", "lzma", "zstd", "jpeg")


@pytest.mark.parametrize("codec", CODECS)
def test_a_strip_that_was_cut_is_refused_whatever_its_codec(codec):
    blocks = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    image = Image.fromarray(blocks)
    buffer = io.BytesIO()
    (image.convert("1") if codec.startswith("group") else image).save(buffer, "TIFF", compression=codec)
    data = buffer.getvalue()
    whole = decoded(data, "TIFF", "a", None)
    assert codec.startswith("group") or np.abs(whole[..., 0].astype(int) - blocks).mean() < 9
    length = shortened(data, 0)[1]
    for by in {*range(1, 10), *range(1, length - 1, 1 + length // 30)}:
        try:
            shown = decoded(shortened(data, by)[0], "TIFF", "a", None)
            # What ends a strip may be missing, its pixels not; of a fax, the end of its last row.
            wrong = (shown != whole).any(axis=2)
            assert by < 10 and not wrong[:-1].any(), by
            assert wrong.sum() <= (32 if codec.startswith("group") else 0), by
        except ImageError as error:
            assert "cannot be decoded" in str(error)


def test_what_libtiff_writes_of_its_own_is_kept_out(capfd):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(buffer, "TIFF", compression="tiff_lzw")
    data = bytearray(buffer.getvalue())
    capfd.readouterr()
    data[8 + 2 : 8 + 40] = b"\xff" * 38
    with pytest.raises(ImageError):
        load_image(bytes(data))
    assert capfd.readouterr() == ("", "")


def test_fields_that_are_more_than_the_file_are_refused():
    good = grey(10, 10, [bytes(100)], 1, t273=None, t279=None)
    count = struct.unpack_from("<H", good, 8)[0]
    for place, value in (
        (8, struct.pack("<H", 65535)),
        (10 + 12 * (count - 1) + 4, struct.pack("<I", 2**31)),
    ):
        with pytest.raises(ImageError, match="damaged or cut short"):
            load_image(good[:place] + value + good[place + len(value) :])
    for length in range(9):
        with pytest.raises(ImageError):
            load_image(good[:length])


def test_a_bigtiff_is_read():
    fields = {256: (LONG, [9]), 257: (LONG, [7]), 258: (SHORT, [8]), 259: (SHORT, [1]), 262: (SHORT, [1])}
    samples = np.random.default_rng(0).integers(0, 256, (7, 9), dtype=np.uint8)
    fields |= {273: None, 277: (SHORT, [1]), 279: None}
    data = written(fields, [samples.tobytes()], bigtiff=True)
    np.testing.assert_array_equal(load_image(data)[..., 0], samples)
    with pytest.raises(ImageError, match="the big-endian kind of BigTIFF"):
        load_image(written(fields, [samples.tobytes()], big=True, bigtiff=True))


def test_signed_samples_without_negative_ones_ask_what_is_white():
    for bits, white in ((8, 127), (16, 32767)):
        samples = np.linspace(0, white, 60).astype(f"i{bits // 8}").reshape(6, 10, 1)
        data = tiff(samples, bits, 1, 2)
        with pytest.raises(ImageError, match=rf"such as \(0, {white}\), on the command line --value-range"):
            load_image(data)
        expected = np.rint(samples[..., 0] / white * 255)
        np.testing.assert_array_equal(load_image(data, value_range=(0, white))[..., 0], expected)


@pytest.mark.parametrize("deflate", [False, True])
def test_twelve_bits_of_sixteen_whose_white_is_zero_are_told(deflate):
    samples = np.linspace(0, 4095, 60).astype(np.uint16).reshape(6, 10, 1)
    data = tiff(samples, 16, 0, 1, deflate=deflate)
    with listening((heard := []).append):
        assert load_image(data).min() >= 239
        shown = load_image(data, value_range=(61440, 65535))[..., 0]
        load_image(tiff(samples << 4, 16, 0, 1, deflate=deflate))
        load_image(tiff((samples >> 4) * 257, 16, 0, 1, deflate=deflate))
    np.testing.assert_array_equal(shown, np.rint((4095 - samples[..., 0]) / 4095 * 255))
    assert len(heard) == 1 and "came out nearly white" in heard[0]
    assert "--value-range 61440 65535" in heard[0]


def test_a_raw_photograph_is_named_and_its_preview_not_shown(tmp_path):
    preview = [bytes(100)]
    for data in (
        b"II*\0\x10\0\0\0CR\x02\0" + bytes(50),
        grey(10, 10, preview, 1, t50706=(LONG, [0x0401]), t273=None, t279=None),
        grey(10, 10, preview, 1, t254=(LONG, [1]), t330=(LONG, [8]), t273=None, t279=None),
    ):
        with pytest.raises(ImageError, match=r"is a camera's raw photograph, .* read it with rawpy"):
            load_image(data)
    plain = grey(10, 10, preview, 1, t254=(LONG, [0]), t330=(LONG, [8]), t273=None, t279=None)
    assert load_image(plain).shape == (10, 10, 3)  # a microscope's pyramid
    for name in ("a.NEF", "a.arw"):
        (tmp_path / name).write_bytes(plain)
        with pytest.raises(ImageError, match="raw photograph"):
            load_image(tmp_path / name)
