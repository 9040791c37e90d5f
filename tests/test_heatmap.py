"""Maps become colours by fixed limits, on the image's pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unitdrop.heatmap import CHANGE, colourise, overlay, ramp, upsample


def bilinear(cells, size):
    """Half-pixel aligned bilinear interpolation, the plain way."""
    axes = []
    for n, length in zip(cells.shape, size, strict=True):
        place = np.clip((np.arange(length) + 0.5) * n / length - 0.5, 0, n - 1)
        axes.append((place.astype(int), np.minimum(place.astype(int) + 1, n - 1), place % 1))
    (r0, r1, fr), (c0, c1, fc) = axes
    fr = fr[:, None]
    top = cells[np.ix_(r0, c0)] * (1 - fc) + cells[np.ix_(r0, c1)] * fc
    bottom = cells[np.ix_(r1, c0)] * (1 - fc) + cells[np.ix_(r1, c1)] * fc
    return top * (1 - fr) + bottom * fr


@given(
    shape=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    seed=st.integers(0, 99),
)
def test_upsampling_is_bilinear_between_cell_centres(shape, size, seed):
    cells = np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)
    stretched = upsample(cells, size)
    assert stretched.shape == size and stretched.dtype == np.float32
    np.testing.assert_allclose(stretched, bilinear(cells.astype(np.float64), size), atol=1e-5)


def test_upsampling_takes_any_layout_and_refuses_other_shapes():
    assert upsample(np.arange(12.0).reshape(3, 4).T[::-1], (8, 8)).shape == (8, 8)
    for bad in (np.zeros(3), np.zeros((2, 2, 2)), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="map: expected shape"):
            upsample(bad, (8, 8))
    with pytest.raises(ValueError, match="size: expected"):
        upsample(np.zeros((2, 2)), (0, 8))


@pytest.mark.parametrize("cmap", ["inferno", "gray", "tab10"])
def test_colours_are_those_of_the_colour_map_and_clipped_at_the_limits(cmap):
    from matplotlib import colormaps

    ramp = np.linspace(-1, 1, 256).reshape(1, -1)
    expected = colormaps[cmap](np.linspace(0, 1, 256), bytes=True)[None, :, :3]
    colours = colourise(ramp, (-1, 1), cmap)
    assert colours.shape == (1, 256, 3) and colours.dtype == np.uint8
    np.testing.assert_array_equal(colours, expected)
    outside = colourise(np.array([[-np.inf, -5, 5, np.inf]]), (-1, 1), cmap)
    np.testing.assert_array_equal(outside, expected[:, [0, 0, 255, 255]])


def test_the_same_value_has_the_same_colour_whatever_else_the_map_holds():
    full, drained = np.array([[0.2, 0.9]]), np.array([[0.2, 0.0]])
    assert (colourise(full, (0, 1))[0, 0] == colourise(drained, (0, 1))[0, 0]).all()


def test_equal_limits_colour_a_flat_map_without_a_division_by_zero():
    with np.errstate(all="raise"):
        assert colourise(np.array([[0.0, 1.0]]), (0, 0), "gray")[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("limits", [(1, 0), (0, np.nan), (-np.inf, 0)])
def test_bad_limits_are_refused(limits):
    with pytest.raises(ValueError, match="limits: expected finite lo <= hi"):
        colourise(np.zeros((2, 2)), limits)


def test_unknown_colour_maps_and_nan_are_refused():
    with pytest.raises(ValueError, match=r"'infrno'.*try inferno"):
        colourise(np.zeros((2, 2)), (0, 1), "infrno")
    with pytest.raises(ValueError, match="map: holds NaN"):
        colourise(np.full((2, 2), np.nan), (0, 1))


def test_opacity_0_is_the_image_and_full_evidence_at_opacity_1_is_the_colours():
    rng = np.random.default_rng(0)
    image, cells = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8), rng.uniform(0, 1, (3, 4))
    before = image.copy()
    np.testing.assert_array_equal(overlay(image, cells, (0, 1), opacity=0), image)
    strong = overlay(image, cells + 1, (0, 1), "magma", 1)
    np.testing.assert_array_equal(strong, colourise(upsample(cells + 1, (20, 30)), (0, 1), "magma"))
    np.testing.assert_array_equal(image, before)


def test_the_colours_thin_out_with_the_square_root_of_the_evidence():
    image, cells = np.full((1, 4, 3), 200, np.uint8), np.array([[-1.0, 0.0, 0.25, 1.0]])
    colours = colourise(cells, (0, 1)).astype(float)
    weight = 0.8 * (0.15 + 0.85 * np.array([0, 0, 0.5, 1]))[None, :, None]
    exact = image * (1 - weight) + colours * weight
    assert np.abs(overlay(image, cells, (0, 1), opacity=0.8) - exact).max() <= 0.51


def test_a_flat_map_at_equal_limits_is_laid_over_without_a_division_by_zero():
    with np.errstate(all="raise"):
        assert overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((1, 1)), (0, 0)).shape == (2, 2, 3)


@pytest.mark.parametrize("opacity", [-0.1, 1.1, np.nan])
def test_opacity_outside_0_to_1_is_refused(opacity):
    with pytest.raises(ValueError, match="opacity: expected 0 to 1"):
        overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2)), (0, 1), opacity=opacity)


@pytest.mark.parametrize(
    "image", [np.zeros((2, 2, 3)), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 4), np.uint8)]
)
def test_pictures_that_are_not_rgb_bytes_are_refused(image):
    with pytest.raises(ValueError, match="image: expected \\(H, W, 3\\) uint8"):
        overlay(image, np.zeros((2, 2)), (0, 1))


def test_a_change_covers_the_image_by_its_size_both_ways_and_not_at_all_where_there_is_none():
    image = np.full((1, 3, 3), 90, np.uint8)
    drawn = overlay(image, np.array([[-2.0, 0.0, 2.0]]), (-2, 2), CHANGE, 1.0)[0]
    ends = colourise(np.array([[-2.0, 2.0]]), (-2, 2), CHANGE)[0]
    assert np.array_equal(drawn[[0, 2]], ends) and np.all(drawn[1] == 90)
    assert ends[0][2] > ends[0][1] and ends[1][0] > ends[1][2]  # purple, orange
    half = overlay(image, np.array([[-0.5, 0.0, 0.5]]), (-2, 2), CHANGE, 1.0)[0].astype(int)
    near = colourise(np.array([[-0.5, 0.5]]), (-2, 2), CHANGE)[0]
    assert np.abs(half[[0, 2]] - (near * 0.5 + 45)).max() <= 1


def test_the_colour_bar_of_a_map_is_its_colours_and_that_of_changes_thins_out_to_white():
    assert np.array_equal(ramp("viridis"), colourise(np.arange(256)[None], (0, 255), "viridis")[0])
    bar = ramp(CHANGE)
    assert bar.shape == (256, 3) and bar.dtype == np.uint8
    assert bar[127:129].min() > 230
    assert np.array_equal(bar[[0, 255]], colourise([[-1, 1]], (-1, 1), CHANGE)[0])
    with pytest.raises(ValueError, match="no such"):
        ramp("no such")
