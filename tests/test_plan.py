"""The numbers of a picture: what stays put while k moves, and what a view may be."""

import numpy as np
import pytest
from helpers.figures import VIEWS, a_readout, one_class, some_sweeps

from unitdrop import plan
from unitdrop.plan import View, make_plan, percent
from unitdrop.sweep import Sweep


@pytest.fixture(scope="module")
def sweeps():
    return some_sweeps()


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


@pytest.mark.parametrize(
    "wrong",
    [
        {"cam": "both"},
        {"cmap": "no such map"},
        {"cmap": 3},
        {"opacity": 1.5},
        {"opacity": float("nan")},
        {"top_classes": 1},
        {"top_classes": 13},
        {"top_classes": 2.5},
        {"end": "left"},
        {"scale": "own"},
        {"curves": "areas"},
        {"unit": -1},
        {"unit": 1.5},
        {"unit": "3"},
        {"unit": True},
    ],
)
def test_a_bad_view_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        View(**wrong)


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


@pytest.mark.parametrize("window", [(0, 0), (0, 4), (3, 4)])
def test_shares_add_up_to_one_at_every_k(sweeps, window):
    for sweep in (*sweeps, Sweep(a_readout(64, 300)), Sweep(one_class(8, (9, 9)))):
        for end in ("top", "bottom"):
            drawn = make_plan(sweep, *window, View(end=end))
            assert drawn.shares.shape == (len(drawn.lines) + 1, len(drawn.curve))
            assert np.all(drawn.shares >= 0)
            assert np.abs(drawn.shares.sum(axis=0) - 1).max() < 1e-6
            assert np.allclose(drawn.shares[0], drawn.curve[:, sweep.target])
