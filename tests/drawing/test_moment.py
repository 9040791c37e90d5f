"""The numbers of one window are the sweep's own."""

import numpy as np
from helpers.figures import WINDOWS

from unitdrop.drawing.moment import Moment
from unitdrop.plan import View, make_plan
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep


def test_a_map_of_nothing_has_limits_and_a_picture(picture):
    dead = Readout(np.zeros((4, 2, 2)), np.ones((2, 4)), [1, 0], ("a", "b"), np.zeros((2, 2, 3), np.uint8))
    assert make_plan(Sweep(dead)).limits == (0.0, 1.0)
    picture.show(Sweep(dead), 4)


def test_the_difference_is_the_targets_map_now_minus_the_intact_one(sweeps):
    for sweep in sweeps:
        for window in WINDOWS:
            shown = Moment(make_plan(sweep, *window), *window, View(cam="difference"))
            assert np.array_equal(shown.map, sweep.cam(None, *window) - sweep.cam())
            assert shown.shown == sweep.target
            peak = make_plan(sweep).limits[1]
            assert shown.limits == (-peak, peak)
