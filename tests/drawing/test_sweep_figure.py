"""The picture of a sweep: pure, honest, robust, and never in pyplot's books."""

import gc
import subprocess
import sys
import weakref
from dataclasses import fields

import matplotlib.style
import numpy as np
import pytest
from helpers.figures import (
    LAYOUTS,
    SIZE,
    VIEWS,
    a_readout,
    assert_inside,
    assert_legible,
    nasty_sweeps,
    one_class,
    told,
    words_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from unitdrop.drawing import NARROW, SweepFigure
from unitdrop.drawing.layout import layout_for
from unitdrop.drawing.sweep_figure import MOVING
from unitdrop.plan import View
from unitdrop.sweep import Sweep

moves = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 7), st.integers(0, 7), st.sampled_from(VIEWS)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25, deadline=None)
@given(moves=moves, size=st.sampled_from([SIZE, (320, 300)]))
def test_after_any_moves_the_bytes_are_those_of_a_fresh_figure(sweeps, moves, size):
    used = SweepFigure(*size)
    for which, top, bottom, view in moves:
        window = (top, min(bottom, sweeps[which].units - top))
        last = used.show(sweeps[which], *window, view)
    fresh = SweepFigure(*size)
    assert np.array_equal(last, fresh.show(sweeps[which], *window, view))
    used.close()
    fresh.close()


def test_no_view_leaves_a_trace_in_another(sweeps, picture):
    expected = []
    for view in VIEWS:
        fresh = SweepFigure(*SIZE)
        expected.append(fresh.show(sweeps[0], 3, 0, view))
        fresh.close()
    for before in VIEWS:
        for view, pixels in zip(VIEWS, expected, strict=True):
            picture.show(sweeps[0], 2, 0, before)
            assert np.array_equal(picture.show(sweeps[0], 3, 0, view), pixels), (before, view)


def test_the_purity_test_can_fail(sweeps, picture):
    before = picture.show(sweeps[0], 2)
    picture.sheet.moving[0].set_color("red")
    assert not np.array_equal(before, picture.show(sweeps[0], 2))


def test_the_picture_is_rgb_of_the_asked_size_and_the_callers_own(sweeps):
    for size in ((960, 540), (900, 500), (161, 333), (1921, 1079)):
        figure = SweepFigure(*size)
        pixels = figure.show(sweeps[0], 1)
        assert pixels.shape == (size[1], size[0], 3) and pixels.dtype == np.uint8
        pixels[:] = 0
        assert figure.show(sweeps[0], 1).any()
        figure.close()


def test_only_a_new_sweep_or_another_end_is_laid_out_again(sweeps, picture, monkeypatch):
    drawn = []
    draw = picture.sheet.canvas.draw
    monkeypatch.setattr(picture.sheet.canvas, "draw", lambda: (drawn.append(1), draw()))
    for k in range(5):
        picture.show(sweeps[0], k, 0)
        picture.show(sweeps[0], k, 0, View(cam="prediction", opacity=0.1))
    assert len(drawn) == 1
    picture.show(sweeps[1])
    picture.show(sweeps[1], 0, 2)
    assert len(drawn) == 3


def test_what_leaves_the_background_as_it_is_are_options_of_a_view():
    assert {field.name for field in fields(View)} >= MOVING


def test_every_artist_is_made_once(sweeps, picture):
    picture.show(sweeps[0])
    before = [id(a) for a in picture.sheet.figure.findobj()]
    for sweep in sweeps:
        picture.show(sweep, 2, 1, View(top_classes=3))
    assert [id(a) for a in picture.sheet.figure.findobj()] == before


HEADS = [(4, 2), (4, 1), (1, 2), (64, 13)]
SHAPES = [(1, 1), (3, 60), (60, 3)]


@pytest.mark.parametrize(
    "units, classes, image", [(2048, 1000, (9, 9)), *((*head, shape) for head in HEADS for shape in SHAPES)]
)
def test_any_head_and_any_image_can_be_shown_at_every_kind_of_window(units, classes, image, picture):
    sweep = Sweep(a_readout(units, classes, (2, 2), image) if classes > 1 else one_class(units, image))
    for window in ((0, 0), (1, 0), (units, 0), (0, units), (units // 2, units - units // 2)):
        pixels = picture.show(sweep, *window, View(top_classes=12))
        assert pixels.std() > 1


@pytest.mark.parametrize(
    "label",
    ["diner $x_1$ $", "two\nlines\tand", "<b>bold</b> & co", "日本 \U0001f600", "W" * 300, "", "\\alpha"],
)
def test_no_class_name_breaks_the_picture_or_prints_a_warning(label, picture, recwarn):
    sweep = Sweep(a_readout(labels=(label, "b", label + "c", "d", "e")))
    assert picture.show(sweep, 3).shape == (270, 480, 3)
    assert not [w for w in recwarn if "Glyph" in str(w.message)]


def test_long_names_are_cut_at_an_ellipsis_and_nothing_leaves_the_sheet(picture):
    long = "archaeological excavation site beside the river"
    sweep = Sweep(a_readout(labels=tuple(f"{long} {i}" for i in range(5))))
    for window in ((0, 0), (4, 0), (2, 3)):
        picture.show(sweep, *window)
        assert any("…" in t for t in words_of(picture))
        assert_inside(picture)


@pytest.mark.parametrize("size", LAYOUTS)
def test_texts_neither_overlap_nor_leave_the_figure(sweeps, size):
    figure = SweepFigure(*size)
    for sweep in (*sweeps, *nasty_sweeps()):
        half, rest = sweep.units // 2, sweep.units - sweep.units // 2
        windows = ((0, 0), (3, 0), (2, 3), (half, rest), (0, half)) * 3
        for window, view in zip(windows, (*VIEWS, View(top_classes=12), View(top_classes=9)), strict=False):
            figure.show(sweep, *window, view)
            assert_legible(figure)
    figure.close()


@pytest.mark.parametrize("size", LAYOUTS)
def test_a_point_on_the_curve_stands_for_the_k_that_is_drawn_there(size):
    figure, sweep = SweepFigure(*size), Sweep(a_readout(units=40))
    for k in (0, 1, 17, 40):
        figure.show(sweep, k)
        dot = figure.drawing.curves.dot
        x, y = dot.axes.transData.transform((dot.get_xdata()[0], dot.get_ydata()[0]))
        assert figure.k_at(x / size[0], 1 - y / size[1], 40) == k
    assert figure.k_at(0.5, 0.02, 40) is None
    figure.close()


def test_the_narrow_layout_says_all_that_the_wide_one_says(sweeps):
    wide, narrow = SweepFigure(960, 540), SweepFigure(*NARROW)
    for sweep in sweeps:
        for window, view in zip(((0, 0), (2, 0), (0, 2)) * 4, VIEWS, strict=False):
            for figure in (wide, narrow):
                figure.show(sweep, *window, view)
            key = {"◆ target   ◀ prediction now"}, {"◆ target  ◀ predicted"}
            assert told(wide) - key[0] == told(narrow) - key[1]
    wide.close()
    narrow.close()


@pytest.mark.parametrize("style", ["dark_background", "ggplot", "bmh", "fivethirtyeight"])
def test_the_sessions_style_has_no_say(sweeps, style):
    plain, styled = SweepFigure(*SIZE), None
    expected = plain.show(sweeps[0], 3)
    own = {"font.size": 25, "font.family": "serif", "axes.grid": True, "lines.linewidth": 9, "figure.dpi": 30}
    with matplotlib.style.context(style), matplotlib.rc_context(own):
        styled = SweepFigure(*SIZE)
        assert np.array_equal(styled.show(sweeps[0], 3), expected)
    plain.close()
    styled.close()


def test_a_failed_picture_leaves_the_figure_fit_for_the_next(sweeps, picture, monkeypatch):
    expected = picture.show(sweeps[0], 2)
    with monkeypatch.context() as patch:
        patch.setattr(picture.sheet.canvas, "draw", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            picture.show(sweeps[3], 2)
    with pytest.raises(ValueError, match="top=99"):
        picture.show(sweeps[3], 99)
    assert np.array_equal(picture.show(sweeps[0], 2), expected)


@pytest.mark.parametrize("size", [(100, 540), (960, 5000), (960.5, 540)])
def test_a_bad_size_is_refused_by_name(size):
    with pytest.raises(ValueError, match="SweepFigure"):
        SweepFigure(*size)


def test_a_closed_figure_says_so_and_closes_twice(sweeps):
    figure = SweepFigure(*SIZE)
    figure.close()
    figure.close()
    with pytest.raises(RuntimeError, match="closed"):
        figure.show(sweeps[0])


def test_a_closed_figure_holds_on_to_nothing():
    figure, sweep = SweepFigure(*SIZE), Sweep(a_readout())
    figure.show(sweep, 2)
    held = [weakref.ref(each) for each in (sweep, figure.drawing, figure.sheet, figure.sheet.figure)]
    figure.close()
    del sweep
    gc.collect()
    assert [each() for each in held] == [None] * 4 and figure.size == SIZE


def test_drawing_needs_no_pyplot_and_no_torch():
    unwanted = "{'matplotlib.pyplot', 'torch'} & set(sys.modules)"
    code = f"import sys, unitdrop.drawing as f; f.SweepFigure(); print({unwanted})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_beside_the_image_nothing_changes_for_a_units_map(sweeps):
    for size in ((960, 540), NARROW):
        figure = SweepFigure(*size)
        changed = figure.show(sweeps[0], 2) != figure.show(sweeps[0], 2, 0, View(unit=3))
        y, x = np.nonzero(changed.any(axis=2))
        layout = layout_for(*size)
        assert y.min() >= layout.title.y - 15 and y.max() <= layout.caption[-1].y + 4
        header, rest = y < layout.image[1] - 1, x > layout.image[0] + layout.image[2]
        beside = rest & ~header & (y < layout.caption[0].y - 12)
        assert not beside.any()
        figure.close()


def test_choosing_a_unit_draws_no_background_anew(sweeps, picture, monkeypatch):
    picture.show(sweeps[0])
    monkeypatch.setattr(picture.sheet.canvas, "draw", lambda: 1 / 0)
    for unit in (None, 0, 5):
        picture.show(sweeps[0], 2, 0, View(unit=unit))


def test_a_unit_that_the_network_lacks_is_refused_by_name(sweeps, picture):
    expected = picture.show(sweeps[0], 1, 0, View(unit=11))
    with pytest.raises(ValueError, match=r"View\(unit=\.\.\.\): .* 0 to 11, got 12"):
        picture.show(sweeps[0], 1, 0, View(unit=12))
    assert np.array_equal(picture.show(sweeps[0], 1, 0, View(unit=np.int64(11))), expected)
