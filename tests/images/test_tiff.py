"""TIFF: every photometric, depth, sign, order and layout comes out right, or is refused by name."""

import itertools

import cv2
import numpy as np
import pytest
from helpers.tiffs import FORMATS, SHORT, tiff
from PIL import Image

from unitdrop.images import ImageError
from unitdrop.images.decoding import decoded

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
