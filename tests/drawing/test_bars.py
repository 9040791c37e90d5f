"""The bars are the probabilities, intact and now."""

import numpy as np
import pytest
from helpers.figures import a_readout, box_of, shown_texts, words_of

from unitdrop.drawing import NARROW, SweepFigure
from unitdrop.plan import View, make_plan
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep


def test_in_the_narrow_layout_no_letter_is_small_and_names_stand_over_their_bars():
    figure = SweepFigure(*NARROW)
    sweep = Sweep(a_readout(classes=20))
    for count in (2, 6, 12):
        figure.show(sweep, 3, 0, View(top_classes=count))
        assert min(t.get_fontsize() for t in shown_texts(figure)) >= 8.5
        rows = figure.drawing.bars.rows[: count + 1]
        names = [box_of(row.name, figure) for row in rows]
        outlines = [box_of(row.outline, figure) for row in rows]
        for name, outline, below in zip(names, outlines, [*names[1:], None], strict=True):
            assert (name.y0 + name.y1) / 2 > outline.y1, "the letters stand over the bar"
            assert below is None or outline.y0 > (below.y0 + below.y1) / 2
    figure.close()


def test_bars_show_the_exact_probabilities_and_sum_to_one(picture):
    sweep = Sweep(a_readout(classes=9))
    picture.show(sweep, 4, 0, View(top_classes=4))
    bars = picture.drawing.bars
    widths = [row.fill.get_width() for row in bars.rows[:5]]
    outlines = [row.outline.get_width() for row in bars.rows[:5]]
    rows = list(make_plan(sweep, view=View(top_classes=4)).rows)
    assert widths[:4] == pytest.approx(sweep.probabilities(4)[rows])
    assert sum(widths) == pytest.approx(1, abs=1e-6)
    assert outlines[:4] == pytest.approx(sweep.probabilities()[rows])
    assert "5 other classes" in words_of(picture)


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
        bars = picture.drawing.bars
        assert bars.arrow.get_position()[1] == bars.rows[at].now.get_position()[1]


def test_the_bar_of_all_others_stays_inside_its_axes(picture):
    sweep = Sweep(a_readout(64, 300))
    picture.show(sweep, 64, 0, View(top_classes=2))
    bars = picture.drawing.bars
    assert bars.rows[2].fill.get_width() <= bars.axes.get_xlim()[1]
