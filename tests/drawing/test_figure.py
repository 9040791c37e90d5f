"""The picture of a sweep: pure, honest, robust, and never in pyplot's books."""

import subprocess
import sys
from functools import partial

import matplotlib.style
import numpy as np
import pytest
from helpers.toys import hand_readout
from hypothesis import given, settings
from hypothesis import strategies as st

from unitdrop import heatmap, plan
from unitdrop.drawing import SweepFigure
from unitdrop.drawing import sweep_figure as drawing
from unitdrop.plan import View, make_plan, percent
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

SIZE, GREEN = (480, 270), "#009e73"
LABELS = ("harbour", "lake", "river", "island", "beach", "mountain", "forest", "meadow", "farm")


def a_readout(units=12, classes=5, grid=(3, 4), image=(24, 32), seed=0, labels=None, scale=1.0):
    """A head in which class 0 leads and shares most of its units with class 1."""
    rng = np.random.default_rng(seed)
    maps = rng.exponential(1.0, (units, *grid))
    weight = rng.normal(0, 0.3, (classes, units))
    weight[0, : max(1, units // 3)] += 12 / units
    weight[1, : max(1, units // 3)] += 6 / units
    names = labels or tuple(LABELS[i % len(LABELS)] + f" {i}" * (i >= len(LABELS)) for i in range(classes))
    picture = rng.integers(0, 256, (*image, 3), dtype=np.uint8)
    return Readout(maps, weight * scale, np.zeros(classes), names, picture, "toy")


@pytest.fixture(scope="module")
def sweeps():
    readout, other = a_readout(), a_readout(units=7, classes=3, image=(40, 10), seed=1)
    return (
        Sweep(readout),
        Sweep(readout, target=2, rank="contribution", scope="class"),
        Sweep(readout, rank="random", seed=3),
        Sweep(other),
    )


@pytest.fixture
def picture():
    figure = SweepFigure(*SIZE)
    yield figure
    figure.close()


def texts(figure):
    """All visible words of a figure that has just been shown."""
    return [t.get_text() for t in figure._sheet.figure.texts if t.get_visible() and t.get_text()]


VIEWS = (
    View(),
    View(cam="prediction", opacity=0.3),
    View(cmap="viridis", top_classes=2),
    View(end="bottom"),
    View(cam="difference"),
    View(cam="difference", scale="frame", cmap="gray"),
    View(scale="frame"),
    View(curves="shares", cam="prediction"),
    View(curves="shares", end="bottom"),
    View(unit=4),
    View(unit=0, cam="difference", scale="frame", cmap="gray"),
)
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
    picture._sheet.moving[0].set_color("red")
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
    draw = picture._sheet.canvas.draw
    monkeypatch.setattr(picture._sheet.canvas, "draw", lambda: (drawn.append(1), draw()))
    for k in range(5):
        picture.show(sweeps[0], k, 0)
        picture.show(sweeps[0], k, 0, View(cam="prediction", opacity=0.1))
    assert len(drawn) == 1
    picture.show(sweeps[1])
    picture.show(sweeps[1], 0, 2)
    assert len(drawn) == 3


def test_every_artist_is_made_once(sweeps, picture):
    picture.show(sweeps[0])
    before = [id(a) for a in picture._sheet.figure.findobj()]
    for sweep in sweeps:
        picture.show(sweep, 2, 1, View(top_classes=3))
    assert [id(a) for a in picture._sheet.figure.findobj()] == before


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


def one_class(units, image):
    pixels = np.zeros((*image, 3), np.uint8)
    return Readout(np.ones((units, 2, 2)), np.ones((1, units)), [0], ("all",), pixels)


def test_a_map_of_nothing_has_limits_and_a_picture(picture):
    dead = Readout(np.zeros((4, 2, 2)), np.ones((2, 4)), [1, 0], ("a", "b"), np.zeros((2, 2, 3), np.uint8))
    assert make_plan(Sweep(dead)).limits == (0.0, 1.0)
    picture.show(Sweep(dead), 4)


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
        assert any("…" in t for t in texts(picture))
        renderer = picture._sheet.canvas.get_renderer()
        for text in picture._sheet.figure.texts:
            if text.get_visible() and text.get_text():
                box = text.get_window_extent(renderer)
                assert min(box.x0, box.y0) >= 0 and box.x1 <= SIZE[0] and box.y1 <= SIZE[1], text


def nasty_sweeps():
    """Long names, alike and wide, many classes and units, a long network's name, weights of many digits."""
    alike = tuple(f"archaeological excavation site beside the wide old river, plot {i}" for i in range(365))
    wide = tuple(f"{letter * 3} scene with a name of many words" for letter in "WMABC")
    return (
        Sweep(a_readout(units=2000, labels=wide), rank="random", scope="class", seed=2**40),
        Sweep(a_readout(2048, 365, labels=alike, image=(60, 9)), rank="contribution"),
        Sweep(a_readout(40, 1000, labels=tuple(f"{i} " + "W" * 60 for i in range(1000)), scale=1e-6)),
    )


def visible_boxes(figure):
    """What is written on a figure that has just been shown, and where: a list of (words, box)."""
    renderer = figure._sheet.canvas.get_renderer()
    shown = [t for t in figure._sheet.figure.texts if t.get_visible() and t.get_text()]
    return [(t.get_text(), t.get_window_extent(renderer)) for t in shown]


def assert_legible(figure):
    """No text leaves the figure or overlaps another."""
    boxes = visible_boxes(figure)
    for i, (words, a) in enumerate(boxes):
        assert min(a.x0, a.y0) >= 0 and a.x1 <= figure.size[0] and a.y1 <= figure.size[1], words
        for other, b in boxes[:i]:
            apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
            assert apart, (words, other)


LAYOUTS = [(960, 540), (700, 394), drawing.NARROW, (480, 450)]


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


@pytest.mark.parametrize(
    ("size", "design"),
    [
        ((960, 540), (960, 540)),
        ((700, 500), (960, 540)),
        ((1000, 300), (960, 540)),
        ((699, 500), drawing.NARROW),
        ((640, 600), drawing.NARROW),
        ((300, 1000), drawing.NARROW),
    ],
)
def test_the_layout_follows_the_shape(size, design):
    figure = SweepFigure(*size)
    assert figure._sheet.design == design
    figure.close()


@pytest.mark.parametrize("size", LAYOUTS)
def test_a_point_on_the_curve_stands_for_the_k_that_is_drawn_there(size):
    figure, sweep = SweepFigure(*size), Sweep(a_readout(units=40))
    for k in (0, 1, 17, 40):
        figure.show(sweep, k)
        dot = figure._parts[3]._dot
        x, y = dot.axes.transData.transform((dot.get_xdata()[0], dot.get_ydata()[0]))
        assert figure.k_at(x / size[0], 1 - y / size[1], 40) == k
    assert figure.k_at(0.5, 0.02, 40) is None
    figure.close()


def told(figure):
    """All visible words, as one set of what is said between dots."""
    return {part for words in texts(figure) for part in words.split(" · ")}


def test_the_narrow_layout_says_all_that_the_wide_one_says(sweeps):
    wide, narrow = SweepFigure(960, 540), SweepFigure(*drawing.NARROW)
    for sweep in sweeps:
        for window, view in zip(((0, 0), (2, 0), (0, 2)) * 4, VIEWS, strict=False):
            for figure in (wide, narrow):
                figure.show(sweep, *window, view)
            key = {"◆ target   ◀ prediction now"}, {"◆ target  ◀ predicted"}
            assert told(wide) - key[0] == told(narrow) - key[1]
    wide.close()
    narrow.close()


def test_in_the_narrow_layout_no_letter_is_small_and_names_stand_over_their_bars():
    figure = SweepFigure(*drawing.NARROW)
    sweep = Sweep(a_readout(classes=20))
    for count in (2, 6, 12):
        figure.show(sweep, 3, 0, View(top_classes=count))
        assert min(t.get_fontsize() for t in figure._sheet.figure.texts if t.get_visible()) >= 8.5
        bars, renderer = figure._parts[2], figure._sheet.canvas.get_renderer()
        rows = bars._rows[: count + 1]
        names = [row.name.get_window_extent(renderer) for row in rows]
        outlines = [row.outline.get_window_extent(renderer) for row in rows]
        for name, outline, below in zip(names, outlines, [*names[1:], None], strict=True):
            assert (name.y0 + name.y1) / 2 > outline.y1, "the letters stand over the bar"
            assert below is None or outline.y0 > (below.y0 + below.y1) / 2
    figure.close()


def test_the_title_says_whose_cam_it_is(sweeps, picture):
    sweep = sweeps[0]
    k = sweep.flip.k
    picture.show(sweep, k)
    assert f"CAM of target: {sweep.label}" in texts(picture)
    picture.show(sweep, k, 0, View(cam="prediction"))
    assert f"CAM of prediction: {sweep.flip.label}" in texts(picture)


def test_the_words_state_k_the_threshold_and_the_prediction(sweeps, picture):
    sweep = sweeps[0]
    k = sweep.flip.k
    picture.show(sweep, k)
    words = texts(picture)
    p = percent(sweep.probabilities(k)[sweep.flip.index])
    assert f"Top {k} of {sweep.units} units dropped" in words
    assert f"prediction now ◀ {sweep.flip.label} {p}" in words
    assert f"weight at the threshold {sweep.threshold(k):.3g}".replace("-", "−") in words
    assert f"flip at k = {k}: {sweep.flip.label}" in words


def test_bottom_drops_show_the_curve_over_the_bottom_and_its_own_threshold(sweeps, picture):
    sweep = sweeps[0]
    picture.show(sweep, 0, 2)
    words = texts(picture)
    assert f"Bottom 2 of {sweep.units} units dropped" in words
    assert f"units dropped from the bottom (k of {sweep.units})" in words
    assert f"weight at the threshold {sweep.weights_ranked[-2]:.3g}".replace("-", "−") in words
    drawn = make_plan(sweep, 0, 2)
    assert (drawn.end, drawn.fixed, drawn.window(5).ends) == ("bottom", 0, (0, 5))
    for k in (0, 3, sweep.units):
        assert np.array_equal(drawn.curve[k], sweep.probabilities(0, k))


def test_with_the_other_end_held_down_the_random_band_is_no_control_and_is_left_out(sweeps, picture):
    held = make_plan(sweeps[0], 1, 3)
    assert held.band is None and held.fixed == 3 and len(held.curve) == sweeps[0].units - 3 + 1
    picture.show(sweeps[0], 1, 3)
    assert "random orders" not in texts(picture)


@pytest.mark.parametrize("window", [(0, 0), (0, 4), (3, 4)])
def test_the_marked_flip_is_the_first_window_whose_prediction_is_not_the_target(sweeps, window):
    for sweep in sweeps:
        for view in (View(end="top"), View(end="bottom")):
            drawn = make_plan(sweep, *window, view)
            predicted = [sweep.prediction(*drawn.window(k).ends) for k in range(len(drawn.curve))]
            first = next(((k, c) for k, c in enumerate(predicted) if c != sweep.target), None)
            assert drawn.flip == first


def test_limits_are_those_of_the_intact_target_whatever_is_shown(sweeps):
    for sweep in sweeps:
        peak = float(sweep.cam().max())
        for window in ((0, 0), (3, 0), (0, 3)):
            for view in VIEWS:
                assert make_plan(sweep, *window, view).limits == (0.0, peak if peak > 0 else 1.0)


def test_bars_hold_target_usurper_and_leader_in_intact_order(sweeps):
    for sweep in sweeps:
        for count in (2, 3, 6, 12):
            drawn = make_plan(sweep, view=View(top_classes=count))
            intact = sweep.probabilities()
            assert len(drawn.rows) == min(count, sweep.readout.classes)
            assert sweep.target in drawn.rows
            assert list(drawn.rows) == sorted(drawn.rows, key=lambda c: (-intact[c], c))
            if count >= 3:
                assert sweep.prediction() in drawn.rows
                assert sweep.flip is None or sweep.flip.index in drawn.rows


def test_bars_show_the_exact_probabilities_and_sum_to_one(picture):
    sweep = Sweep(a_readout(classes=9))
    picture.show(sweep, 4, 0, View(top_classes=4))
    bars = picture._parts[2]
    widths = [row.fill.get_width() for row in bars._rows[:5]]
    outlines = [row.outline.get_width() for row in bars._rows[:5]]
    rows = list(make_plan(sweep, view=View(top_classes=4)).rows)
    assert widths[:4] == pytest.approx(sweep.probabilities(4)[rows])
    assert sum(widths) == pytest.approx(1, abs=1e-6)
    assert outlines[:4] == pytest.approx(sweep.probabilities()[rows])
    assert "5 other classes" in texts(picture)


def test_the_arrow_stands_in_the_row_of_the_prediction_even_among_the_others(picture):
    weight = np.zeros((5, 4))
    weight[0], weight[1] = 4, 3
    bias = [0, 0, 0, 0, 0.5]  # class 4 has little chance at first, and wins when all units are dropped
    sweep = Sweep(Readout(np.ones((4, 1, 1)), weight, bias, tuple("abcde"), np.zeros((2, 2, 3), np.uint8)))
    view = View(top_classes=2)
    for k in (0, 4):
        picture.show(sweep, k, 0, view)
        rows = make_plan(sweep, view=view).rows
        now = sweep.prediction(k)
        at = rows.index(now) if now in rows else len(rows)
        bars = picture._parts[2]
        assert bars._arrow.get_position()[1] == bars._rows[at].now.get_position()[1]


def test_the_image_is_pasted_with_the_cam_over_it_and_follows_the_opacity(sweeps, picture):
    bare = picture.show(sweeps[0], 0, 0, View(opacity=0))
    assert np.array_equal(bare[picture_box(picture)], picture._picture._base)
    full = picture.show(sweeps[0], 0, 0, View(opacity=1, cmap="gray"))[picture_box(picture)]
    assert np.abs(full.astype(int) - bare[picture_box(picture)]).max() > 100


def test_the_image_shows_through_where_there_is_no_evidence_and_not_where_there_is_most(picture):
    maps = np.zeros((2, 1, 8))
    maps[0, 0, 6:] = 1  # all evidence is at the right
    image = np.full((90, 90, 3), 255, np.uint8)
    sweep = Sweep(Readout(maps, [[1, 0], [0, 1]], [0, 0], ("a", "b"), image))
    box = picture.show(sweep, 0, 0, View(opacity=1, cmap="gray"))[picture_box(picture)]
    assert np.all(box[:, :10] == round(255 * 0.85)) and np.all(box[:, -5:] == 255)
    assert np.all(picture.show(sweep, 1, 0, View(opacity=1, cmap="gray"))[picture_box(picture)] == 217)


def picture_box(figure):
    (y, x), (h, w) = figure._picture._corner, figure._picture._base.shape[:2]
    return slice(y, y + h), slice(x, x + w)


def test_a_wide_and_a_tall_image_keep_their_shape():
    for shape in ((10, 200), (200, 10), (37, 51)):
        figure = SweepFigure(960, 540)
        figure.show(Sweep(a_readout(image=shape)))
        height, width = figure._picture._base.shape[:2]
        assert width / height == pytest.approx(shape[1] / shape[0], rel=0.06)
        figure.close()


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
        patch.setattr(picture._sheet.canvas, "draw", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            picture.show(sweeps[3], 2)
    with pytest.raises(ValueError, match="top=99"):
        picture.show(sweeps[3], 99)
    assert np.array_equal(picture.show(sweeps[0], 2), expected)


@pytest.mark.parametrize(
    "wrong",
    [
        dict(cam="both"),
        dict(cmap="no such map"),
        dict(cmap=3),
        dict(opacity=1.5),
        dict(opacity=float("nan")),
        dict(top_classes=1),
        dict(top_classes=13),
        dict(top_classes=2.5),
        dict(end="left"),
        dict(scale="own"),
        dict(curves="areas"),
        dict(unit=-1),
        dict(unit=1.5),
        dict(unit="3"),
        dict(unit=True),
    ],
)
def test_a_bad_view_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        View(**wrong)


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


def test_drawing_needs_no_pyplot_and_no_torch():
    unwanted = "{'matplotlib.pyplot', 'torch'} & set(sys.modules)"
    code = f"import sys, unitdrop.drawing as f; f.SweepFigure(); print({unwanted})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_percentages_are_never_rounded_to_a_certainty():
    assert [percent(p) for p in (0, 1e-9, 0.0005, 0.5, 0.99949, 0.9996, 1)] == [
        "0 %",
        "<0.1 %",
        "0.1 %",
        "50.0 %",
        "99.9 %",
        ">99.9 %",
        "100 %",
    ]


def test_probability_axes_widen_in_steps_to_hold_every_curve(sweeps):
    for sweep in sweeps:
        drawn = make_plan(sweep)
        assert drawn.ceiling in plan.CEILINGS
        assert drawn.curve[:, list(drawn.lines)].max() <= drawn.ceiling


# Letters ----------------------------------------------------------------------------------------


def drawn_by_matplotlib(self, text, renderer, gc):
    """What `_Letters.draw` stands for."""
    text.draw(renderer)


@pytest.mark.parametrize("size", LAYOUTS)
def test_texts_are_drawn_as_matplotlib_draws_them(sweeps, size, monkeypatch):
    quick, plain = SweepFigure(*size), SweepFigure(*size)
    for sweep, view in zip((*sweeps, *nasty_sweeps()), VIEWS, strict=False):
        pixels = quick.show(sweep, 5, 1, view).astype(int)
        with monkeypatch.context() as patch:
            patch.setattr(drawing._Letters, "draw", drawn_by_matplotlib)
            expected = plain.show(sweep, 5, 1, view)
        difference = np.abs(pixels - expected).max(axis=2)
        # Where letters touch, their edges are laid over each other in another order.
        assert difference.max() <= 2 and (difference > 0).mean() < 1e-3
    quick.close()
    plain.close()


@pytest.mark.parametrize("ha", ["left", "center", "right"])
@pytest.mark.parametrize("size", [8.5, 10, 15])
def test_letters_begin_between_pixels_where_matplotlibs_do(picture, ha, size):
    sheet, letters = picture._sheet, picture._sheet._letters
    renderer = sheet.canvas.get_renderer()
    sheet.canvas.draw()
    for i in range(40):
        text = sheet.text(300 + 3.37 * i, 90 + 5.73 * i, size, ha=ha, bold=i % 2, color=("red", GREEN)[i % 2])
        text.set_text(f"{i * 37} of 1{i}7.5 % … AWAVTo")
        drawn = []
        for draw in (letters.draw, partial(drawn_by_matplotlib, letters)):
            pixels = sheet._pixels()
            pixels[:] = 255
            draw(text, renderer, renderer.new_gc())
            drawn.append(pixels.astype(int))
        assert np.abs(drawn[0] - drawn[1]).max() <= 2 and drawn[0].min() < 200


@pytest.mark.skipif(matplotlib.__version_info__ < (3, 11), reason="there, a text begins at a whole pixel")
def test_new_numbers_are_made_of_old_digits(picture):
    sweep = Sweep(a_readout(units=100))
    for k in range(100):
        picture.show(sweep, k)
    letters = picture._sheet._letters
    made = set(letters._patches)
    for k in range(100, -1, -1):
        picture.show(sweep, k)
    assert set(letters._patches) == made
    assert len(made) < 400 and letters._bytes < letters.KEPT / 20


def test_the_letters_kept_are_bounded_and_forgetting_them_changes_nothing(sweeps, picture, monkeypatch):
    expected = [picture.show(sweeps[0], k, 0, VIEWS[k]) for k in range(8)]
    monkeypatch.setattr(drawing._Letters, "KEPT", 20_000)
    small = SweepFigure(*SIZE)
    for k in range(8):
        assert np.array_equal(small.show(sweeps[0], k, 0, VIEWS[k]), expected[k])
        letters = small._sheet._letters
        kept = sum(patch.nbytes for patch, _, _ in letters._patches.values())
        assert 0 < kept == letters._bytes <= 20_000
    small.close()
    assert picture._sheet._letters._bytes > 20_000, "the bound was met"


def test_an_interrupt_anywhere_in_a_letter_leaves_none_wrong(sweeps, monkeypatch):
    fresh = SweepFigure(*SIZE)
    expected = fresh.show(sweeps[0], 3)
    fresh.close()
    figure = SweepFigure(*SIZE)
    renders = drawing.RendererAgg.draw_text
    for stop in range(0, 60, 3):
        calls = iter(range(10_000))

        def interrupted(self, *args, calls=calls, stop=stop, **choices):
            renders(self, *args, **choices)
            if next(calls) == stop:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(drawing.RendererAgg, "draw_text", interrupted)
            try:
                figure.show(sweeps[0], 3)
            except KeyboardInterrupt:
                continue
        break
    assert stop > 9, "some were interrupted"
    assert np.array_equal(figure.show(sweeps[0], 3), expected)
    figure.close()


# Change, scale and shares -----------------------------------------------------------------------


WINDOWS = ((0, 0), (1, 0), (3, 2), (0, 7), (7, 0))


def test_the_difference_is_the_targets_map_now_minus_the_intact_one(sweeps, picture):
    for sweep in sweeps:
        for window in WINDOWS:
            shown = picture._moment(sweep, *window, View(cam="difference"))
            assert np.array_equal(shown.map, sweep.cam(None, *window) - sweep.cam())
            assert shown.shown == sweep.target
            peak = make_plan(sweep).limits[1]
            assert shown.limits == (-peak, peak)


def test_where_nothing_changed_the_difference_leaves_the_image_as_it_is(sweeps, picture):
    drawn = picture.show(sweeps[0], 0, 0, View(cam="difference", opacity=1))
    assert np.array_equal(drawn[picture_box(picture)], picture._picture._base)


def test_lost_and_gained_evidence_have_colours_of_their_own(picture):
    maps = np.zeros((2, 1, 8))
    maps[0, 0, 6:], maps[1, 0, :2] = 1, 1  # the first unit speaks for the class, the second against it
    image = np.full((90, 90, 3), 128, np.uint8)
    sweep = Sweep(Readout(maps, [[1, -1], [0, 0]], [0, 0], ("a", "b"), image), target=0)
    box = picture.show(sweep, 2, 0, View(cam="difference", opacity=1))[picture_box(picture)].astype(int)
    gained, lost, middle = box[5, 3], box[5, -3], box[5, box.shape[1] // 2]
    assert gained[0] > gained[2] + 40, "orange"
    assert lost[2] > lost[1] + 40, "purple"
    assert np.all(middle == 128)


def test_a_change_is_said_to_be_one_in_title_ticks_and_caption(sweeps, picture):
    sweep = sweeps[0]
    picture.show(sweep, 3, 0, View(cam="difference"))
    words, peak = texts(picture), f"{make_plan(sweep).limits[1]:.3g}"
    assert f"CAM of target, change from intact: {sweep.label}" in words
    assert {f"lost ≤ −{peak}", f"gained ≥ {peak}"} <= set(words)
    assert "change (now − intact); scale: the target's intact CAM" in words


def test_the_difference_takes_no_colour_map_but_its_own(sweeps, picture):
    one, other = (picture.show(sweeps[0], 3, 0, View(cam="difference", cmap=c)) for c in ("gray", "viridis"))
    assert np.array_equal(one, other)


def test_the_colour_bar_follows_the_view_between_moves_of_the_same_sweep(sweeps, picture):
    before = picture.show(sweeps[0], 3)
    changed = picture.show(sweeps[0], 3, 0, View(cam="difference"))
    bar = slice(236, 242), slice(12, 200)  # 480 x 270: half of the layout's pixels
    assert not np.array_equal(before[bar], changed[bar])
    assert np.array_equal(picture.show(sweeps[0], 3), before)


def test_a_frames_own_scale_ends_at_its_maximum_and_the_caption_says_so(sweeps, picture):
    sweep = sweeps[0]
    for cam, map in (("target", sweep.cam(None, 3)), ("difference", sweep.cam(None, 3) - sweep.cam())):
        view = View(cam=cam, scale="frame")
        peak = float(np.abs(map).max() if cam == "difference" else map.max())
        assert picture._moment(sweep, 3, 0, view).limits == (-peak if cam == "difference" else 0, peak)
        picture.show(sweep, 3, 0, view)
        words = texts(picture)
        assert any(t.endswith(f"{peak:.3g}") for t in words)
        assert any(t.endswith("scale: this frame's own") for t in words)
        assert not any(t.endswith("the target's intact CAM") for t in words)


def test_a_frame_with_nothing_on_it_makes_no_scale_up(sweeps, picture):
    picture.show(sweeps[0], sweeps[0].units, 0, View(scale="frame"))
    assert "nothing above 0" in texts(picture)
    picture.show(sweeps[0], 0, 0, View(scale="frame", cam="difference"))
    assert "no change" in texts(picture)


@pytest.mark.parametrize("window", [(0, 0), (0, 4), (3, 4)])
def test_shares_add_up_to_one_at_every_k(sweeps, window):
    for sweep in (*sweeps, Sweep(a_readout(64, 300)), Sweep(one_class(8, (9, 9)))):
        for end in ("top", "bottom"):
            drawn = make_plan(sweep, *window, View(end=end))
            assert drawn.shares.shape == (len(drawn.lines) + 1, len(drawn.curve))
            assert np.all(drawn.shares >= 0)
            assert np.abs(drawn.shares.sum(axis=0) - 1).max() < 1e-6
            assert np.allclose(drawn.shares[0], drawn.curve[:, sweep.target])


def test_the_areas_drawn_fill_the_axes_without_gap_or_overlap(sweeps, picture):
    for sweep in sweeps:
        drawn = make_plan(sweep)
        picture.show(sweep, 2, 0, View(curves="shares"))
        areas = [a.get_xy() for a in picture._parts[3]._areas if a.get_visible()]
        steps = len(drawn.curve)
        assert len(areas) == len(drawn.lines) + 1
        assert np.all(areas[0][:steps, 1] == 0)
        assert np.allclose(areas[-1][steps : 2 * steps, 1], 1, atol=1e-6)
        for below, above in zip(areas, areas[1:], strict=False):
            assert np.array_equal(below[steps : 2 * steps][::-1], above[:steps])
        assert picture._parts[3]._axes.get_ylim() == (0, 1)


def test_shares_say_where_it_went_name_the_heirs_and_leave_the_random_band_out(sweeps, picture):
    sweep = Sweep(a_readout(classes=9))
    picture.show(sweep, 2, 0, View(curves="shares"))
    words = texts(picture)
    lines = make_plan(sweep).lines
    assert "Where it went" in words and "100 %" in words and "random orders" not in words
    assert f"{9 - len(lines)} others" in words
    legend = picture._parts[3]._legend
    heights = [name.get_position()[1] for name in legend._names[: len(lines)]]
    assert heights == sorted(heights), "the target at the bottom, as in the areas"
    assert [t.get_visible() for t in legend._tints] == [i < len(lines) for i in range(len(legend._tints))]
    picture.show(sweep, 2)
    assert not any(t.get_visible() for t in legend._tints)
    assert "Where it went" not in texts(picture) and "random orders" in texts(picture)


# A unit's own map -------------------------------------------------------------------------------


def test_a_units_own_map_lies_over_the_image_on_its_own_scale_whatever_is_dropped(sweeps, picture):
    sweep = sweeps[0]
    for window in ((0, 0), (5, 2), (sweep.units, 0)):
        drawn = picture.show(sweep, *window, View(unit=7, cmap="viridis", opacity=0.8))
        map = sweep.readout.maps[7]
        expected = heatmap.overlay(picture._picture._base, map, (0, map.max()), "viridis", 0.8)
        assert np.array_equal(drawn[picture_box(picture)], expected)


@pytest.mark.parametrize("size", [(960, 540), drawing.NARROW])
def test_the_words_of_a_unit_are_those_worked_out_by_hand(size):
    # harbour weighs units 0..3 by 2 2 0 -1, and they are pooled to 2 1 3 1: unit 1 is [[2, 0]], rank 1
    figure, sweep = SweepFigure(*size), Sweep(hand_readout())
    sums = {1: "weight 2 × mean 1 = contribution 2", 3: "weight −1 × mean 1 = contribution −1"}
    for unit, window, title in (
        (1, (1, 0), "Unit 1, rank 1: its activation"),
        (1, (2, 0), "Unit 1, rank 1: its activation (dropped)"),
        (3, (0, 0), "Unit 3, rank 3: its activation"),
        (3, (0, 1), "Unit 3, rank 3: its activation (dropped)"),
    ):
        figure.show(sweep, *window, View(unit=unit, cam="prediction"))
        assert {title, "activation; scale: this unit's own", sums[unit]} <= told(figure)
        assert [t.get_text() for t in figure._picture._notes[:3]] == ["0", "1", "2"]
    figure.close()


def test_the_rank_of_a_unit_is_its_place_in_the_sweeps_ranking(sweeps, picture):
    for sweep in sweeps:
        for rank, unit in enumerate(sweep.ranking.tolist()):
            picture.show(sweep, 2, 1, View(unit=unit))
            lost = " (dropped)" if rank < 2 or rank == sweep.units - 1 else ""
            assert f"Unit {unit}, rank {rank}: its activation{lost}" in texts(picture)


def test_cam_and_scale_have_no_effect_on_a_units_map(sweeps, picture):
    plain = picture.show(sweeps[0], 2, 0, View(unit=3))
    for view in (View(unit=3, cam="difference"), View(unit=3, cam="prediction", scale="frame")):
        assert np.array_equal(picture.show(sweeps[0], 2, 0, view), plain)


def test_beside_the_image_nothing_changes_for_a_units_map(sweeps):
    for size in ((960, 540), drawing.NARROW):
        figure = SweepFigure(*size)
        changed = figure.show(sweeps[0], 2) != figure.show(sweeps[0], 2, 0, View(unit=3))
        y, x = np.nonzero(changed.any(axis=2))
        layout = drawing._layout(*size)
        assert y.min() >= layout.title.y - 15 and y.max() <= layout.caption[-1].y + 4
        header, rest = y < layout.image[1] - 1, x > layout.image[0] + layout.image[2]
        beside = rest & ~header & (y < layout.caption[0].y - 12)
        assert not beside.any()
        figure.close()


def test_a_unit_that_is_silent_everywhere_is_drawn_as_the_lowest_colour(picture):
    image = np.full((9, 9, 3), 200, np.uint8)
    dead = Readout(np.zeros((4, 2, 2)), np.ones((2, 4)), [1, 0], ("a", "b"), image)
    box = picture.show(Sweep(dead), 1, 0, View(unit=2, cmap="gray", opacity=1))[picture_box(picture)]
    assert np.all(box == round(200 * 0.85)) and "nothing above 0" in texts(picture)


def test_choosing_a_unit_draws_no_background_anew(sweeps, picture, monkeypatch):
    picture.show(sweeps[0])
    monkeypatch.setattr(picture._sheet.canvas, "draw", lambda: 1 / 0)
    for unit in (None, 0, 5):
        picture.show(sweeps[0], 2, 0, View(unit=unit))


def test_a_unit_that_the_network_lacks_is_refused_by_name(sweeps, picture):
    expected = picture.show(sweeps[0], 1, 0, View(unit=11))
    with pytest.raises(ValueError, match=r"View\(unit=\.\.\.\): .* 0 to 11, got 12"):
        picture.show(sweeps[0], 1, 0, View(unit=12))
    assert np.array_equal(picture.show(sweeps[0], 1, 0, View(unit=np.int64(11))), expected)


def test_every_colour_map_that_is_offered_can_be_drawn(sweeps, picture):
    drawn = {picture.show(sweeps[0], 1, 0, View(cmap=name)).tobytes() for name in plan.CMAPS}
    assert len(drawn) == len(plan.CMAPS)


def test_the_bar_of_all_others_stays_inside_its_axes(picture):
    sweep = Sweep(a_readout(64, 300))
    picture.show(sweep, 64, 0, View(top_classes=2))
    bars = picture._parts[2]
    assert bars._rows[2].fill.get_width() <= bars._axes.get_xlim()[1]


def test_labels_that_differ_at_their_end_are_cut_in_the_middle_and_others_at_the_end(picture):
    sheet = picture._sheet
    alike = ("long tailed bird of the river 1", "long tailed bird of the river 2", "wide bird of the old sea")
    sheet.tell_apart(alike)
    one, two, other = (sheet.fit(label, 110, 10) for label in alike)
    assert one != two and one.endswith("1") and two.endswith("2") and "…" in one
    assert other.endswith("…") and alike[2].startswith(other[:-1])
    assert max(sheet.measure(t, 10) for t in (one, two, other)) <= 110
    sheet.tell_apart(alike[1:])  # no other one begins like it now
    assert sheet.fit(alike[1], 110, 10)[-1] == "…"
