"""The picture of the units: a pure function of what is shown."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
from helpers.figures import assert_legible, words_of
from helpers.toys import hand_readout, random_readout
from hypothesis import given, settings
from hypothesis import strategies as st

from unitdrop import heatmap
from unitdrop.drawing import UnitsFigure
from unitdrop.drawing.units_figure import OPACITY
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep
from unitdrop.units import describe_units

SIZE = (480, 165)


@pytest.fixture
def picture():
    figure = UnitsFigure(*SIZE)
    yield figure
    figure.close()


def image_in(figure, sweep, i):
    """The image of a sweep in a tile of a figure that has just been shown, and where it is."""
    return figure.sheet.place(sweep.readout.image, figure.drawing.row.tiles[i].box)


# Picture ----------------------------------------------------------------------------------------


SUBJECTS = (
    Sweep(hand_readout()),
    Sweep(hand_readout(), "lake", "contribution", "class"),
    Sweep(random_readout(1, units=30, classes=7, grid=(5, 3)), rank="random", seed=4),
    Sweep(random_readout(2, units=9, style="sparse")),
)
shows = st.tuples(
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 3),
    st.integers(1, 10),
    st.sampled_from(("top", "bottom")),
    st.sampled_from(("inferno", "gray")),
)


@settings(max_examples=20, deadline=None)
@given(moves=st.lists(shows, min_size=1, max_size=5))
def test_after_any_moves_the_bytes_are_those_of_a_fresh_figure(moves):
    used, fresh = UnitsFigure(*SIZE), UnitsFigure(*SIZE)
    for which, top, bottom, *rest in moves:
        window = (top, min(bottom, SUBJECTS[which].units - top))
        last = used.show(SUBJECTS[which], *window, *rest)
    assert np.array_equal(last, fresh.show(SUBJECTS[which], *window, *rest))
    used.close()
    fresh.close()


def test_the_purity_test_can_fail(picture):
    before = picture.show(SUBJECTS[0], 2)
    picture.drawing.row.tiles[0].cross[0].set_linewidth(5)
    assert not np.array_equal(before, picture.show(SUBJECTS[0], 2))


def test_the_picture_is_rgb_of_the_asked_size_and_the_callers_own():
    for size in ((960, 330), (701, 241), (160, 160), (300, 1000)):
        figure = UnitsFigure(*size)
        pixels = figure.show(SUBJECTS[0], 1)
        assert pixels.shape == (size[1], size[0], 3) and pixels.dtype == np.uint8
        pixels[:] = 0
        assert figure.show(SUBJECTS[0], 1).any()
        figure.close()


def test_each_units_map_lies_over_the_image_on_its_own_scale(picture):
    sweep = SUBJECTS[0]
    drawn = picture.show(sweep, cmap="viridis")
    for i, unit in enumerate(describe_units(sweep)):
        placed, activation = image_in(picture, sweep, i), sweep.readout.maps[unit.unit]
        expected = heatmap.overlay(placed.pixels, activation, (0, activation.max()), "viridis", OPACITY)
        inner = slice(2, -2)  # beside the frame of the next one
        assert np.array_equal(drawn[placed.region][inner, inner], expected[inner, inner])
    assert any("that unit's own maximum" in words for words in words_of(picture))


def test_the_words_are_the_numbers_and_the_marks_those_of_the_window(picture):
    picture.show(SUBJECTS[0], 1, 1)
    words = words_of(picture)
    assert {"rank 1", "unit 1", "2", "1", "◆ harbour", "lake", "river", "next"} <= set(words)
    assert words.count("dropped") == 2 and words.count("next") == 1 and words.count("−1") == 2
    picture.show(SUBJECTS[0], 4)
    assert words_of(picture).count("dropped") == 4 and "next" not in words_of(picture)


def test_a_class_that_only_shares_the_targets_name_is_not_marked_as_the_target(picture):
    image = np.zeros((4, 4, 3), np.uint8)
    twins = Readout(np.ones((1, 1, 1)), [[1], [2], [0]], [0, 0, 0], ("a", "a", "b"), image)
    picture.show(Sweep(twins, target=0))
    assert [t for t in words_of(picture) if t in ("a (1)", "◆ a (0)", "a", "◆ a")] == ["a (1)", "◆ a (0)"]


def test_a_dropped_unit_is_dimmed(picture):
    kept, gone = (picture.show(SUBJECTS[2], k).astype(float) for k in (0, 1))
    box = image_in(picture, SUBJECTS[2], 0).region
    assert gone[box].mean() > kept[box].mean() + 50


def test_a_move_of_k_draws_no_background_anew(picture, monkeypatch):
    drawn = []
    draw = picture.sheet.canvas.draw
    monkeypatch.setattr(picture.sheet.canvas, "draw", lambda: (drawn.append(1), draw()))
    for k in range(4):
        picture.show(SUBJECTS[2], k, cmap=("gray", "inferno")[k % 2])
    assert len(drawn) == 1
    picture.show(SUBJECTS[2], first=8)
    picture.show(SUBJECTS[3], first=8)
    assert len(drawn) == 3


def test_every_artist_is_made_once(picture):
    picture.show(SUBJECTS[0])
    before = [id(a) for a in picture.sheet.figure.findobj()]
    for sweep in SUBJECTS:
        picture.show(sweep, 2, 1, 1, 3)
    assert [id(a) for a in picture.sheet.figure.findobj()] == before


@pytest.mark.parametrize("size", [(960, 330), (700, 241)])
@pytest.mark.parametrize("count", [1, 8, 10])
def test_words_neither_leave_the_sheet_nor_overlap_however_long_the_labels(size, count):
    labels = tuple(f"{letter * 3} scene with a name of many words {letter}" for letter in "WMABC")
    rng = np.random.default_rng(0)
    weight, image = -rng.exponential(1e-4, (5, 2048)), np.zeros((30, 50, 3), np.uint8)
    readout = Readout(rng.exponential(1, (2048, 2, 2)), weight, np.zeros(5), labels, image, "long")
    figure = UnitsFigure(*size)
    figure.show(Sweep(readout, rank="random", seed=2**40), 2042, 0, 2040, count)
    assert_legible(figure)
    assert any("…" in words for words in words_of(figure))
    figure.close()


def test_dead_units_and_narrow_images_have_a_picture(picture):
    dead = Readout(np.zeros((3, 2, 2)), np.ones((2, 3)), [1, 0], ("a", "b"), np.zeros((60, 2, 3), np.uint8))
    assert picture.show(Sweep(dead), 3).std() > 1


def test_a_failed_picture_leaves_the_figure_fit_for_the_next(picture, monkeypatch):
    expected = picture.show(SUBJECTS[0], 2)
    with monkeypatch.context() as patch:
        patch.setattr(picture.sheet.canvas, "draw", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            picture.show(SUBJECTS[2], 2)
    with pytest.raises(ValueError, match="no such"):
        picture.show(SUBJECTS[3], cmap="no such")
    assert np.array_equal(picture.show(SUBJECTS[0], 2), expected)


def test_a_row_holds_ten_tiles_at_most(picture):
    with pytest.raises(ValueError, match=r"count: .* from 1 to 10"):
        picture.show(SUBJECTS[2], count=11)


@pytest.mark.parametrize("size", [(100, 330), (960, 5000), (960.5, 330)])
def test_a_bad_size_is_refused_by_name(size):
    with pytest.raises(ValueError, match="UnitsFigure"):
        UnitsFigure(*size)


def test_a_closed_figure_says_so_and_closes_twice():
    figure = UnitsFigure(*SIZE)
    figure.close()
    figure.close()
    with pytest.raises(RuntimeError, match="closed"):
        figure.show(SUBJECTS[0])


def test_a_closed_figure_holds_on_to_nothing():
    figure, sweep = UnitsFigure(*SIZE), Sweep(random_readout())
    figure.show(sweep, 2)
    held = [weakref.ref(each) for each in (sweep, figure.drawing, figure.sheet, figure.sheet.figure)]
    figure.close()
    del sweep
    gc.collect()
    assert [each() for each in held] == [None] * 4 and figure.size == SIZE


def test_drawing_needs_no_pyplot_and_no_torch():
    unwanted = "{'matplotlib.pyplot', 'torch'} & set(sys.modules)"
    code = f"import sys, unitdrop.drawing as u; u.UnitsFigure(); print({unwanted})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Clicks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "count"), [(960, 1), (960, 3), (960, 8), (960, 10), (640, 5)])
def test_a_point_on_a_tile_is_told_from_one_beside_it(width, count):
    figure = UnitsFigure(width, 330)
    sweep = Sweep(random_readout(units=10))
    figure.show(sweep, count=count)
    boxes = [tile.box for tile in figure.drawing.row.tiles[:count]]
    for i, (left, top, side, height) in enumerate(boxes):
        middle = (left + side / 2) / width, (top + height / 2) / 330
        assert figure.tile_at(*middle, count) == i
        assert figure.tile_at((left + 1) / width, middle[1], count) == i
        assert figure.tile_at((left + side - 1) / width, middle[1], count) == i
    outside = [(0.1, 0.5), (0.99, 0.5), (0.5, 0.05), (0.5, 0.95)]
    assert [figure.tile_at(x, y, count) for x, y in outside] == [None] * 4
    figure.close()


def test_the_unit_that_is_looked_at_is_framed_where_it_is_in_the_row():
    figure = UnitsFigure()
    sweep = Sweep(random_readout(units=10))
    plain, away = (figure.show(sweep, looked=looked) for looked in (None, int(sweep.ranking[9])))
    framed = figure.show(sweep, looked=int(sweep.ranking[2]))
    left, top, width, height = (round(side) for side in figure.drawing.row.tiles[2].box)
    figure.close()
    np.testing.assert_array_equal(plain, away)
    where = np.argwhere((plain != framed).any(axis=2))
    assert len(where) and (where.min(axis=0) >= (top - 4, left - 4)).all()
    assert (where.max(axis=0) <= (top + height + 4, left + width + 4)).all()
