"""The curves, the areas that add up, and the control beside them."""

from itertools import pairwise

import numpy as np
from helpers.figures import a_readout, words_of

from unitdrop.plan import View, make_plan
from unitdrop.sweep import Sweep


def test_with_the_other_end_held_down_the_random_band_is_no_control_and_is_left_out(sweeps, picture):
    held = make_plan(sweeps[0], 1, 3)
    assert held.band is None and held.fixed == 3 and len(held.curve) == sweeps[0].units - 3 + 1
    picture.show(sweeps[0], 1, 3)
    assert "random orders" not in words_of(picture)


def test_the_areas_drawn_fill_the_axes_without_gap_or_overlap(sweeps, picture):
    for sweep in sweeps:
        drawn = make_plan(sweep)
        picture.show(sweep, 2, 0, View(curves="shares"))
        areas = [a.get_xy() for a in picture.drawing.curves.areas if a.get_visible()]
        steps = len(drawn.curve)
        assert len(areas) == len(drawn.lines) + 1
        assert np.all(areas[0][:steps, 1] == 0)
        assert np.allclose(areas[-1][steps : 2 * steps, 1], 1, atol=1e-6)
        for below, above in pairwise(areas):
            assert np.array_equal(below[steps : 2 * steps][::-1], above[:steps])
        assert picture.drawing.curves.axes.get_ylim() == (0, 1)


def test_shares_say_where_it_went_name_the_heirs_and_leave_the_random_band_out(sweeps, picture):
    sweep = Sweep(a_readout(classes=9))
    picture.show(sweep, 2, 0, View(curves="shares"))
    words = words_of(picture)
    lines = make_plan(sweep).lines
    assert "Where it went" in words and "100 %" in words and "random orders" not in words
    assert f"{9 - len(lines)} others" in words
    legend = picture.drawing.curves.legend
    heights = [name.get_position()[1] for name in legend.names[: len(lines)]]
    assert heights == sorted(heights), "the target at the bottom, as in the areas"
    assert [t.get_visible() for t in legend.tints] == [i < len(lines) for i in range(len(legend.tints))]
    picture.show(sweep, 2)
    assert not any(t.get_visible() for t in legend.tints)
    assert "Where it went" not in words_of(picture) and "random orders" in words_of(picture)
