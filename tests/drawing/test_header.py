"""The header says what is dropped and what the network says."""

import numpy as np
from helpers.figures import words_of

from unitdrop.plan import make_plan, percent


def test_the_words_state_k_the_threshold_and_the_prediction(sweeps, picture):
    sweep = sweeps[0]
    k = sweep.flip.k
    picture.show(sweep, k)
    words = words_of(picture)
    p = percent(sweep.probabilities(k)[sweep.flip.index])
    assert f"Top {k} of {sweep.units} units dropped" in words
    assert f"prediction now ◀ {sweep.flip.label} {p}" in words
    assert f"weight at the threshold {sweep.threshold(k):.3g}".replace("-", "−") in words
    assert f"flip at k = {k}: {sweep.flip.label}" in words


def test_bottom_drops_show_the_curve_over_the_bottom_and_its_own_threshold(sweeps, picture):
    sweep = sweeps[0]
    picture.show(sweep, 0, 2)
    words = words_of(picture)
    assert f"Bottom 2 of {sweep.units} units dropped" in words
    assert f"units dropped from the bottom (k of {sweep.units})" in words
    assert f"weight at the threshold {sweep.weights_ranked[-2]:.3g}".replace("-", "−") in words
    drawn = make_plan(sweep, 0, 2)
    assert (drawn.end, drawn.fixed, drawn.window(5).ends) == ("bottom", 0, (0, 5))
    for k in (0, 3, sweep.units):
        assert np.array_equal(drawn.curve[k], sweep.probabilities(0, k))
