"""A sweep is exact: against sums by hand, brute force, and a real network with a hook."""

import copy
import dataclasses
import gc
import itertools
import weakref
from fractions import Fraction

import numpy as np
import pytest
from helpers.toys import (
    LABELS,
    hand_readout,
    has_hooks,
    hooked_probabilities,
    image,
    random_readout,
    read,
    readouts,
    small_resnet,
    softmax,
    sweeps,
    windows,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from unitdrop import sweep as sweep_module
from unitdrop.readout import Readout, TargetError
from unitdrop.sweep import RANKINGS, SCOPES, Flip, SmallestFlip, Sweep, rank_units

# By hand ----------------------------------------------------------------------------------


def test_the_hand_worked_head_gives_the_hand_worked_numbers():
    sweep = Sweep(hand_readout())
    assert (sweep.target, sweep.label, sweep.rank, sweep.scope, sweep.units) == (
        0,
        "harbour",
        "weight",
        "unit",
        4,
    )
    assert sweep.ranking.tolist() == [0, 1, 2, 3]
    assert sweep.logits().tolist() == [5.5, 5, 2.25]
    assert sweep.logits(top=1).tolist() == [1.5, 5, 2.25]
    assert sweep.logits(top=1, bottom=2).tolist() == [2.5, 1, 0.25]
    assert sweep.logits(bottom=4).tolist() == [0.5, 0, 0.25]
    assert [sweep.prediction(top=k) for k in range(5)] == [0, 1, 1, 2, 0]
    assert sweep.flip == Flip(1, 1, "lake", pytest.approx(softmax([1.5, 5, 2.25])[1]))
    assert sweep.smallest_flip == SmallestFlip(1, (0,), 1, "lake")
    assert sweep.cam().tolist() == [[6, 4]]
    assert sweep.cam("lake", top=1, bottom=1).tolist() == [[5, 3]]


def test_in_scope_class_only_the_target_loses():
    sweep = Sweep(hand_readout(), scope="class")
    assert sweep.logits(top=1).tolist() == [1.5, 5, 2.25]
    assert sweep.logits(top=4).tolist() == [0.5, 5, 2.25]
    assert sweep.cam("lake", top=4).tolist() == sweep.cam("lake").tolist()
    assert sweep.cam(top=4).tolist() == [[0, 0]]


def test_rankings_put_the_most_important_first_and_the_lower_index_first_among_equals():
    readout = hand_readout()
    assert rank_units(readout, 1, "weight").tolist() == [1, 2, 3, 0]
    assert rank_units(readout, 1, "contribution").tolist() == [2, 1, 3, 0]
    assert rank_units(readout, 2).tolist() == [3, 0, 1, 2]
    assert all(rank_units(readout, 0, by).dtype == np.int64 for by in RANKINGS)


@pytest.mark.parametrize(
    ("target", "scope", "order"),
    [
        (0, "unit", [0, 1, 3, 2]),  # harbour - lake: 4 1 -3 -2
        (1, "unit", [0, 1, 3, 2]),
        (2, "unit", [0, 1, 3, 2]),
        (0, "class", [0, 1, 2, 3]),  # harbour alone loses: 4 2 0 -1
        (1, "class", [0, 1, 3, 2]),  # lake alone loses, and harbour's lead grows: 0 -1 -3 -1
        (2, "class", [0, 1, 2, 3]),  # river: 0 0 0 -2
    ],
)
def test_the_ranking_margin_is_the_hand_worked_one_in_either_scope(target, scope, order):
    assert rank_units(hand_readout(), target, "margin", scope=scope).tolist() == order
    assert Sweep(hand_readout(), target, "margin", scope).ranking.tolist() == order


def test_hundreds_of_equal_units_keep_their_order():
    readout = Readout(np.ones((500, 1, 1)), np.tile([1, 0, 1, 0, 0], (2, 100)), [0, 0], ("a", "b"), image())
    expected = [*np.flatnonzero(readout.weight[0]), *np.flatnonzero(readout.weight[0] == 0)]
    for by in ("weight", "contribution"):
        assert rank_units(readout, 0, by).tolist() == expected
    assert rank_units(readout, 0, "margin", scope="class").tolist() == expected
    assert rank_units(readout, 0, "margin").tolist() == list(range(500))  # both classes lose the same


def test_the_random_ranking_is_a_permutation_settled_by_its_seed():
    readout = random_readout(units=50)
    first, again, other = (rank_units(readout, 0, "random", seed) for seed in (1, 1, 2))
    assert sorted(first) == list(range(50))
    assert (first == again).all() and (first != other).any()


def test_thresholds_and_dropped_units_follow_the_ranking():
    sweep = Sweep(hand_readout(), "lake", rank="contribution")
    assert sweep.weights_ranked.tolist() == [1, 1, 1, 0]
    assert [sweep.threshold(k) for k in range(5)] == [None, 1, 1, 1, 0]
    assert sweep.dropped().tolist() == []
    assert sweep.dropped(1, 2).tolist() == [2, 3, 0] and sweep.dropped(1, 2).dtype == np.int64


def test_a_target_that_is_not_the_prediction_has_lost_before_anything_is_dropped():
    assert Sweep(hand_readout(), "lake").flip == Flip(
        0, 0, "harbour", pytest.approx(softmax([5.5, 5, 2.25])[0])
    )


def test_a_head_that_never_flips_says_so():
    readout = Readout([[[1.0]]], [[1], [0]], [1, 0], ("a", "b"), image())
    sweep = Sweep(readout)
    assert sweep.flip is None and sweep.smallest_flip is None
    assert sweep.heirs() == (1,)


def test_among_equal_logits_the_lower_index_wins_everywhere():
    weight = np.random.default_rng(0).normal(0, 1, 40)
    order = np.random.default_rng(1).permutation(40)
    # The same 40 products, summed in three orders: rounding must not choose between the classes.
    maps = np.ones((40, 1, 1))
    readout = Readout(maps, [weight, weight[order], weight[::-1]], [0.1, 0.1, 0.1], LABELS[:3], image())
    for rank, scope in itertools.product(RANKINGS, SCOPES):
        sweep = Sweep(readout, rank=rank, scope=scope)
        assert len(set(sweep.logits().tolist())) == 1
        assert sweep.target == sweep.prediction() == 0
        assert sweep.prediction(top=40) == (0 if scope == "unit" or weight.sum() < 0 else 1)


# Identities that hold for every head, target, ranking, scope and window -----------------------


@given(st.data())
def test_dropping_nothing_leaves_the_untouched_head(data):
    sweep = data.draw(sweeps())
    readout = sweep.readout
    plain = readout.bias + readout.weight.astype(np.float64) @ readout.pooled64
    np.testing.assert_allclose(sweep.logits(), plain, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(sweep.probabilities(), softmax(plain), atol=1e-6)


@given(sweeps(scopes=("unit",)))
def test_dropping_every_unit_leaves_softmax_of_the_bias(sweep):
    for top in {0, 1, sweep.units}:
        left = sweep.probabilities(top, sweep.units - top)
        np.testing.assert_allclose(left, softmax(sweep.readout.bias), atol=1e-7)
        assert not sweep.cam(0, top, sweep.units - top).any()


@given(st.data())
def test_every_window_equals_a_head_whose_dropped_units_are_silent(data):
    sweep = data.draw(sweeps())
    top, bottom = data.draw(windows(sweep))
    weight = sweep.readout.weight.astype(np.float64)
    rows = slice(None) if sweep.scope == "unit" else sweep.target
    weight[rows, sweep.dropped(top, bottom)] = 0
    plain = sweep.readout.bias + weight @ sweep.readout.pooled64
    np.testing.assert_allclose(sweep.logits(top, bottom), plain, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(sweep.probabilities(top, bottom), softmax(plain), atol=1e-6)
    for index in range(sweep.readout.classes):
        cam = np.tensordot(weight[index], sweep.readout.maps.astype(np.float64), 1)
        np.testing.assert_allclose(sweep.cam(index, top, bottom), cam, atol=1e-5)


@given(st.data())
def test_the_mean_of_the_cam_plus_the_bias_is_the_logit_at_every_window(data):
    sweep = data.draw(sweeps())
    top, bottom = data.draw(windows(sweep))
    mean = [sweep.cam(index, top, bottom).mean(dtype=np.float64) for index in range(sweep.readout.classes)]
    np.testing.assert_allclose(mean + sweep.readout.bias, sweep.logits(top, bottom), atol=1e-5)
    np.testing.assert_array_equal(sweep.cam(None, top, bottom), sweep.cam(sweep.target, top, bottom))


@given(st.data())
def test_scope_class_leaves_the_odds_between_any_two_other_classes_unchanged(data):
    sweep = data.draw(sweeps(scopes=("class",)))
    top, bottom = data.draw(windows(sweep))
    others = np.delete(np.arange(sweep.readout.classes), sweep.target)
    before, after = (
        np.log(p[others].astype(np.float64)) for p in (sweep.curve[0], sweep.probabilities(top, bottom))
    )
    np.testing.assert_allclose(np.subtract.outer(after, after), np.subtract.outer(before, before), atol=1e-5)


@given(sweeps())
def test_the_curve_and_the_flip_are_what_the_windows_say_one_by_one(sweep):
    steps = range(sweep.units + 1)
    np.testing.assert_array_equal(sweep.curve, [sweep.probabilities(top=k) for k in steps])
    assert sweep.curve.dtype == np.float32
    np.testing.assert_allclose(sweep.curve.sum(axis=1), 1, atol=1e-5)
    lost = [k for k in steps if sweep.prediction(top=k) != sweep.target]
    assert (sweep.flip.k if sweep.flip else None) == (lost[0] if lost else None)
    if lost:
        assert sweep.flip.index == sweep.prediction(top=lost[0])
        assert sweep.flip.label == sweep.readout.labels[sweep.flip.index]
        assert sweep.flip.probability == sweep.curve[lost[0], sweep.flip.index]


@given(st.data())
def test_top_and_bottom_meet_at_the_same_numbers(data):
    """Dropping the top k and the bottom U - k by turns adds up to the intact logits exactly."""
    sweep = data.draw(sweeps(scopes=("unit",)))
    k = data.draw(st.integers(0, sweep.units))
    parts = sweep.exact_logits(k) + sweep.exact_logits(0, sweep.units - k) - sweep.exact_logits(sweep.units)
    np.testing.assert_array_equal(parts, sweep.exact_logits())


def exact_effects(sweep):
    """What each logit loses with each unit, from windows that differ by that unit: (C, U) float64."""
    steps = [sweep.exact_logits(k) - sweep.exact_logits(k + 1) for k in range(sweep.units)]
    effects = np.empty((sweep.readout.classes, sweep.units))
    effects[:, sweep.ranking] = np.transpose(steps)
    return effects


@given(st.data())
def test_sums_are_the_same_to_the_last_bit_in_whatever_order_they_are_made(data):
    sweep = data.draw(sweeps())
    order = np.array(data.draw(st.permutations(range(sweep.units))))
    total, effects = sweep.exact_logits(sweep.units), exact_effects(sweep)
    for unit in order:
        total += effects[:, unit]
    np.testing.assert_array_equal(total, sweep.exact_logits())


@given(readouts(), st.integers(0, 4))
def test_intact_numbers_do_not_depend_on_ranking_scope_or_seed(readout, seed):
    intact = [Sweep(readout, None, rank, scope, seed) for rank, scope in itertools.product(RANKINGS, SCOPES)]
    assert len({sweep.target for sweep in intact}) == 1
    assert len({sweep.exact_logits().tobytes() for sweep in intact}) == 1


# The smallest flip ---------------------------------------------------------------------------


def brute_force(readout, scope, target):
    """The size of the smallest set of units that changes the prediction, by trying all in exact fractions."""
    effects = [
        [Fraction(float(w)) * Fraction(float(f)) for w, f in zip(row, readout.pooled64, strict=True)]
        for row in readout.weight
    ]
    bias = [Fraction(float(b)) for b in readout.bias]

    def prediction(silent):
        logits = []
        for index, row in enumerate(effects):
            touched = scope == "unit" or index == target
            logits.append(bias[index] + sum(e for u, e in enumerate(row) if not (touched and u in silent)))
        return logits.index(max(logits))

    intact = prediction(())
    for count in range(1, readout.units + 1):
        if any(
            prediction(silent) != intact for silent in itertools.combinations(range(readout.units), count)
        ):
            return count, prediction
    return None, prediction


@settings(max_examples=60)
@given(st.data())
def test_the_smallest_flip_is_the_smallest_by_brute_force_over_all_subsets(data):
    readout = data.draw(readouts(units=6, classes=4))
    target = data.draw(st.none() | st.integers(0, readout.classes - 1))
    for scope in SCOPES:
        sweep = Sweep(readout, target, scope=scope)
        count, prediction = brute_force(readout, scope, sweep.target)
        found = sweep.smallest_flip
        assert (found.count if found else None) == count
        if found:
            assert len(set(found.units)) == found.count
            assert prediction(found.units) == found.index != sweep.prediction()
            assert found.label == readout.labels[found.index]


@given(st.data())
def test_the_smallest_flip_really_flips_near_ties(data):
    """Rows that are shuffles of each other, give or take one float32 step: margins of nearly nothing."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    units, scope = data.draw(st.integers(2, 12)), data.draw(st.sampled_from(SCOPES))
    row = rng.normal(0, 1, units).astype(np.float32)
    rows = np.stack([rng.permutation(row) for _ in range(3)])
    rows[rng.integers(3), rng.integers(units)] *= np.float32(1 + 2**-23)
    sweep = Sweep(Readout(np.ones((units, 1, 1)), rows, np.zeros(3), LABELS[:3], image()), scope=scope)
    found = sweep.smallest_flip
    if found is None:
        return
    silent = list(found.units)
    touched = np.array([scope == "unit" or index == sweep.target for index in range(3)])[:, None]
    effects = np.where(touched & np.isin(np.arange(units), silent), 0, exact_effects(sweep))
    shuffled = sweep.exact_logits(units) + effects[:, rng.permutation(units)].sum(axis=1)
    assert int(shuffled.argmax()) == found.index != sweep.prediction()


@given(sweeps())
def test_no_ranking_flips_the_prediction_with_fewer_units_than_the_smallest_flip(sweep):
    if sweep.flip and sweep.flip.k:
        assert sweep.smallest_flip.count <= sweep.flip.k


def test_in_scope_class_the_smallest_flip_can_enthrone_the_target():
    # b is held down by one unit; silencing it for b alone lets b win.
    readout = Readout(np.ones((2, 1, 1)), [[2, 0], [3, -2]], [0, 0], ("a", "b"), image())
    assert Sweep(readout, "b", scope="class").smallest_flip == SmallestFlip(1, (1,), 1, "b")
    assert Sweep(readout, "a", scope="class").smallest_flip == SmallestFlip(1, (0,), 1, "b")


def test_in_scope_unit_the_smallest_flip_does_not_depend_on_the_target():
    readout = random_readout(seed=3, units=30, classes=6)
    found = {Sweep(readout, target).smallest_flip for target in (None, *range(6))}
    assert len(found) == 1 and found.pop().count >= 1


# The ranking by margin -----------------------------------------------------------------------


@settings(max_examples=60)
@given(st.data())
def test_the_first_units_of_the_ranking_margin_are_the_smallest_set_by_brute_force(data):
    readout = data.draw(readouts(units=8, classes=4))
    target = data.draw(st.none() | st.integers(0, readout.classes - 1))
    for scope in SCOPES:
        sweep = Sweep(readout, target, "margin", scope)
        count, prediction = brute_force(readout, scope, sweep.target)
        steps = [prediction(set(sweep.ranking[:k].tolist())) for k in range(sweep.units + 1)]
        changed = [k for k, winner in enumerate(steps) if winner != steps[0]]
        assert (changed[0] if changed else None) == count


@given(sweeps(), st.none() | st.integers(0, 4))
def test_the_ranking_margin_starts_with_the_smallest_flip_and_flips_with_it(sweep, target):
    target = None if target is None else min(target, sweep.readout.classes - 1)
    sweep = Sweep(sweep.readout, target, "margin", sweep.scope)
    found, old = sweep.smallest_flip, sweep.prediction()
    assert sorted(sweep.ranking) == list(range(sweep.units))
    if found:
        assert tuple(sweep.ranking[: found.count]) == found.units
        assert [sweep.prediction(top=k) == old for k in range(found.count)] == [True] * found.count
        assert sweep.prediction(top=found.count) == found.index != old
    if sweep.target == old:
        assert (sweep.flip and (sweep.flip.k, sweep.flip.index)) == (found and (found.count, found.index))


@given(sweeps(), st.data())
def test_no_ranking_flips_a_target_on_top_before_the_ranking_margin_does(sweep, data):
    order = np.array(data.draw(st.permutations(range(sweep.units))))
    best = Sweep(sweep.readout, None, "margin", sweep.scope)
    any_order = Sweep(sweep.readout, None, "weight", sweep.scope)
    object.__setattr__(any_order, "ranking", order)
    for other in (Sweep(sweep.readout, None, sweep.rank, sweep.scope, sweep.seed), any_order):
        assert not other.flip or best.flip.k <= other.flip.k


@settings(max_examples=60)
@given(st.data())
def test_where_nothing_flips_the_ranking_margin_is_that_of_the_class_that_comes_closest(data):
    readout = data.draw(readouts(units=6, classes=4))
    old = data.draw(st.integers(0, readout.classes - 1))
    bias = readout.bias + np.where(np.arange(readout.classes) == old, 1024, 0)
    sweep = Sweep(dataclasses.replace(readout, bias=bias), None, "margin")
    assert sweep.smallest_flip is None and sweep.target == old
    # On the sweep's own grid, on which floats are exact.
    effects = exact_effects(sweep)
    gaps = effects[old] - effects
    subsets = list(itertools.product((False, True), repeat=sweep.units))
    leads = [max(gap[list(s)].sum() for s in subsets) for gap in gaps] + sweep.exact_logits()
    leads[old] = -np.inf
    gap = gaps[leads.argmax()]
    assert sweep.ranking.tolist() == sorted(range(sweep.units), key=lambda unit: (-gap[unit], unit))


def test_in_scope_class_the_ranking_margin_enthrones_a_target_that_is_not_the_prediction():
    weight = [[3, 0, 0, 0], [4, -1, 0, -4], [1, 1, 1, -4]]  # a 3, b -1, c -1
    readout = Readout(np.ones((4, 1, 1)), weight, [0, 0, 0], ("a", "b", "c"), image())
    # Without its unit 3, either draws level with a, which wins the tie; unit 1 takes b past it.
    for target, order, winners in (("b", [3, 1, 2, 0], [0, 0, 1]), ("c", [3, 0, 1, 2], [0, 0, 0])):
        sweep = Sweep(readout, target, "margin", "class")
        assert sweep.ranking.tolist() == order
        assert [sweep.prediction(top=k) for k in range(3)] == winners
    assert Sweep(readout, "b", "margin", "class").smallest_flip == SmallestFlip(2, (3, 1), 1, "b")
    assert Sweep(readout, "c", "margin", "class").smallest_flip is None


def test_in_scope_class_the_target_is_the_rival_even_where_an_untouched_class_is_nearer():
    # Only c can be touched: at best it reaches -2, while b stands at 2 for good.
    weight = [[3, 0, 0], [2, 0, 0], [0, -1, -2]]
    readout = Readout(np.ones((3, 1, 1)), weight, [0, 0, -2], ("a", "b", "c"), image())
    sweep = Sweep(readout, 2, "margin", "class")
    assert sweep.ranking.tolist() == [2, 1, 0] and sweep.smallest_flip is None


def test_a_rival_that_can_do_no_better_than_draw_level_passes_only_with_the_lower_index():
    for rows, count in (([[0, 0], [1, 0]], 1), ([[1, 0], [0, 0]], None)):
        sweep = Sweep(Readout(np.ones((2, 1, 1)), rows, [0, 0], ("a", "b"), image()), rank="margin")
        assert (sweep.smallest_flip and sweep.smallest_flip.count) == count
        assert (sweep.flip and sweep.flip.k) == count and sweep.ranking.tolist() == [0, 1]


def test_with_a_single_class_the_ranking_margin_has_no_rival_and_keeps_the_order_of_the_units():
    for scope in SCOPES:
        sweep = Sweep(random_readout(units=5, classes=1), rank="margin", scope=scope)
        assert sweep.ranking.tolist() == [0, 1, 2, 3, 4]
        assert sweep.flip is None and sweep.smallest_flip is None


def test_the_smallest_flip_of_the_ranking_margin_is_not_worked_out_twice(monkeypatch):
    asked, first_past = [], sweep_module._first_past
    monkeypatch.setattr(sweep_module, "_first_past", lambda *of: asked.append(of) or first_past(*of))
    for scope in SCOPES:
        sweep = Sweep(random_readout(seed=8), rank="margin", scope=scope)
        sweep.smallest_flip, sweep.flip, rank_units(sweep.readout, sweep.target, "margin", scope=scope)
    assert len(asked) == 2


def test_a_ranking_handed_out_is_the_callers_own():
    readout = random_readout()
    for by in RANKINGS:
        before = rank_units(readout, 0, by)
        rank_units(readout, 0, by)[:] = 0
        assert (rank_units(readout, 0, by) == before).all()


# Bands and heirs ----------------------------------------------------------------------------


@given(sweeps())
def test_the_random_band_holds_its_orders_and_closes_at_both_ends(sweep):
    band = sweep.random_band(orders=7, low=10, high=90)
    assert band.shape == (2, sweep.units + 1) and band.dtype == np.float32
    assert (band[0] <= band[1]).all() and band.min() >= 0 and band.max() <= 1
    np.testing.assert_allclose(
        band[:, [0, -1]], sweep.curve[[0, -1], sweep.target][None].repeat(2, 0), atol=1e-5
    )
    np.testing.assert_array_equal(band, dataclasses.replace(sweep).random_band(7, 10, 90))


def test_the_random_band_is_the_percentiles_of_random_sweeps():
    sweep = Sweep(random_readout(seed=5, units=12), seed=4)
    rng = np.random.default_rng([4, 1])
    weight, f = sweep.readout.weight.astype(np.float64), sweep.readout.pooled64
    curves = []
    for _ in range(20):
        order = rng.permutation(12)
        kept = [np.isin(np.arange(12), order[k:]) for k in range(13)]
        curves.append([softmax(sweep.readout.bias + weight @ (f * mask))[sweep.target] for mask in kept])
    np.testing.assert_allclose(sweep.random_band(), np.percentile(curves, [5, 95], axis=0), atol=1e-6)


@pytest.mark.parametrize("scope", SCOPES)
def test_the_random_band_is_that_of_sweeps_in_the_same_orders_to_the_last_bits(scope):
    sweep = Sweep(random_readout(seed=6, units=40, classes=5), 2, scope=scope, seed=7)
    rng = np.random.default_rng([7, 1])
    curves = []
    for _ in range(9):
        other = Sweep(sweep.readout, 2, scope=scope)
        object.__setattr__(other, "ranking", rng.permutation(40))
        curves.append(other.curve[:, 2].astype(np.float64))
    band = sweep.random_band(9, 0, 100)
    np.testing.assert_allclose(band, [np.min(curves, axis=0), np.max(curves, axis=0)], rtol=1e-6, atol=0)


def test_a_probability_below_float32_is_zero_in_the_band_without_a_warning():
    readout = Readout(np.ones((2, 1, 1)), [[0, 0], [500, 500]], [0, 0], ("a", "b"), image())
    with np.errstate(all="raise", under="ignore"):
        assert Sweep(readout, "a").random_band(3)[:, 0].tolist() == [0, 0]


@given(sweeps())
def test_heirs_are_other_classes_that_rise_with_the_usurper_first(sweep):
    heirs = sweep.heirs(3)
    assert len(heirs) <= 3 and len(set(heirs)) == len(heirs) and sweep.target not in heirs
    if sweep.flip:
        assert heirs[0] == sweep.flip.index
    for heir in heirs[1:] if sweep.flip else heirs:
        assert sweep.curve[:, heir].max() > sweep.curve[0, heir]


def test_heirs_are_those_near_the_flip_not_those_of_an_empty_head():
    # d has nothing but its bias, so it wins once all is gone; b takes over at the flip.
    weight = np.zeros((4, 40))
    weight[0, :4], weight[1, 4:] = 3, 0.25
    readout = Readout(np.ones((40, 1, 1)), weight, [0, 0, 0, 1], tuple("abcd"), image())
    sweep = Sweep(readout)
    assert sweep.flip.k == 2 and sweep.flip.label == "b" and sweep.prediction(top=40) == 3
    assert sweep.heirs(1) == (1,)


# Edges --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("top", "bottom"), [(-1, 0), (0, -1), (5, 0), (0, 5), (3, 2), (1.0, 0), ("1", 0)])
def test_a_window_out_of_range_is_refused_with_both_ends_and_the_remedy(top, bottom):
    sweep = Sweep(hand_readout())
    for ask in (sweep.logits, sweep.probabilities, sweep.prediction, sweep.dropped):
        with pytest.raises(ValueError, match=r"U = 4; drop fewer|expected integers"):
            ask(top, bottom)
    with pytest.raises(ValueError, match="top"):
        sweep.cam(None, top, bottom)


def test_choices_that_do_not_exist_are_refused_with_those_that_do():
    readout = hand_readout()
    with pytest.raises(ValueError, match="weight, contribution, margin, random"):
        Sweep(readout, rank="height")
    with pytest.raises(ValueError, match="unit, class"):
        Sweep(readout, scope="world")
    with pytest.raises(TargetError, match="did you mean 'harbour'"):
        Sweep(readout, "harbor")
    for seed in (-1, 1.5, None):
        with pytest.raises(ValueError, match="seed: expected an integer"):
            Sweep(readout, seed=seed)
    with pytest.raises(ValueError, match="orders: expected at least 1"):
        Sweep(readout).random_band(0)
    with pytest.raises(TargetError):
        Sweep(readout).cam(7)


def test_a_sweep_cannot_be_changed_by_what_it_hands_out():
    sweep = Sweep(random_readout())
    with pytest.raises(dataclasses.FrozenInstanceError):
        sweep.target = 1
    for shared in (sweep.curve, sweep.ranking, sweep.weights_ranked, sweep.random_band()):
        with pytest.raises(ValueError, match="read-only"):
            shared[...] = 0
    for fresh in (sweep.logits(), sweep.probabilities(), sweep.cam(), sweep.dropped(1)):
        fresh[...] = 7
    again = Sweep(random_readout())
    np.testing.assert_array_equal(sweep.cam(), again.cam())
    np.testing.assert_array_equal(sweep.logits(), again.logits())


def test_a_sweep_is_released_without_waiting_for_the_garbage_collector():
    sweep = Sweep(random_readout())
    sweep.cam(), sweep.curve, sweep.flip, sweep.smallest_flip, sweep.random_band()
    gone = weakref.ref(sweep)
    gc.disable()
    try:
        del sweep
        assert gone() is None
    finally:
        gc.enable()


def test_huge_and_tiny_logits_stay_finite():
    for scale in (1e-30, 1e30):
        readout = Readout(np.full((3, 1, 1), scale), [[1, 2, 3], [3, 2, 1]], [0, 0], ("a", "b"), image())
        with np.errstate(all="raise", under="ignore"):
            assert np.isfinite(Sweep(readout).curve).all()


# Against a real network -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def resnet():
    """A network, its input, its readout."""
    pytest.importorskip("torchvision")
    network, batch = small_resnet()
    return network, batch, read(network, batch)


@settings(max_examples=15)
@given(data=st.data())
def test_any_window_in_scope_unit_is_a_forward_pass_with_hooked_channels(resnet, data):
    network, batch, readout = resnet
    sweep = data.draw(sweeps(readout, scopes=("unit",)))
    top, bottom = data.draw(windows(sweep))
    hooked = hooked_probabilities(network, batch, sweep.dropped(top, bottom))
    np.testing.assert_allclose(sweep.probabilities(top, bottom), hooked, atol=1e-5)


@settings(max_examples=10)
@given(data=st.data())
def test_any_window_in_scope_class_is_a_forward_pass_with_weights_zeroed_in_one_row(resnet, data):
    import torch

    network, batch, readout = resnet
    sweep = data.draw(sweeps(readout, scopes=("class",)))
    top, bottom = data.draw(windows(sweep))
    surgery = copy.deepcopy(network)
    with torch.no_grad():
        surgery.fc.weight[sweep.target, torch.as_tensor(sweep.dropped(top, bottom))] = 0
        operated = surgery(batch)[0].softmax(0).numpy()
    np.testing.assert_allclose(sweep.probabilities(top, bottom), operated, atol=1e-5)


def test_the_ends_of_the_sweep_are_the_untouched_network_and_softmax_of_the_bias(resnet):
    import torch

    network, batch, readout = resnet
    sweep = Sweep(readout)
    with torch.no_grad():
        untouched = network(batch)[0].softmax(0).numpy()
    np.testing.assert_allclose(sweep.curve[0], untouched, atol=1e-5)
    np.testing.assert_allclose(sweep.curve[-1], softmax(readout.bias), atol=1e-6)


def test_the_flips_of_a_real_network_are_flips_of_its_hooked_forward_pass(resnet):
    network, batch, readout = resnet
    sweep = Sweep(readout, rank="contribution")
    winner = hooked_probabilities(network, batch, sweep.dropped(sweep.flip.k)).argmax()
    assert winner == sweep.flip.index != sweep.target
    found = sweep.smallest_flip
    assert hooked_probabilities(network, batch, list(found.units)).argmax() == found.index != sweep.target
    assert found.count <= sweep.flip.k


def test_the_network_keeps_the_same_bytes_whatever_is_swept(resnet):
    network, batch, _ = resnet
    before = {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}
    readout = read(network, batch)
    for rank, scope in itertools.product(RANKINGS, SCOPES):
        sweep = Sweep(readout, 1, rank, scope)
        sweep.curve, sweep.flip, sweep.smallest_flip, sweep.random_band(2), sweep.cam(0, 3, 4), sweep.heirs()
    after = {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}
    assert before == after
    assert not has_hooks(network)


def test_a_second_opinion_on_single_units_captums_feature_ablation_agrees(resnet):
    attr = pytest.importorskip("captum.attr")
    import torch

    network, _, readout = resnet
    sweep = Sweep(readout, rank="contribution")
    maps = torch.from_numpy(readout.maps.copy())[None]
    channels = torch.arange(readout.units).reshape(1, -1, 1, 1).expand_as(maps)

    def head(batch):
        return network.fc(network.avgpool(batch).flatten(1))

    with torch.no_grad():
        ablated = attr.FeatureAblation(head).attribute(
            maps, target=sweep.target, feature_mask=channels, perturbations_per_eval=256
        )
    lost_by_each = ablated[0, :, 0, 0].numpy()[sweep.ranking]
    steps = [
        sweep.logits(top=k)[sweep.target] - sweep.logits(top=k + 1)[sweep.target] for k in range(sweep.units)
    ]
    np.testing.assert_allclose(steps, lost_by_each, atol=1e-4)


def test_a_second_opinion_on_the_map_torchcams_cam_agrees(resnet):
    methods = pytest.importorskip("torchcam.methods")
    import torch

    network, batch, readout = resnet
    with methods.CAM(network, "layer4", "fc", input_shape=batch.shape[1:]) as extractor, torch.no_grad():
        network(batch)
        for index in range(readout.classes):
            theirs = extractor(class_idx=index, normalized=False)[0][0].numpy()
            ours = Sweep(readout, index).cam()
            np.testing.assert_allclose(np.maximum(ours, 0) if theirs.min() >= 0 else ours, theirs, atol=1e-4)


# ------------------------------------------------------------------------------------------ weights


@given(sweep=sweeps(), ends=st.tuples(st.floats(-3, 3), st.floats(-3, 3)).map(sorted))
def test_the_window_of_two_weights_keeps_just_the_units_between_them(sweep, ends):
    by_weight = Sweep(sweep.readout, sweep.target)
    top, bottom = by_weight.window(*ends)
    ranked = by_weight.weights_ranked.astype(np.float64)
    kept = ranked[top : by_weight.units - bottom]
    assert ((kept >= ends[0]) & (kept <= ends[1])).all()
    assert len(kept) == ((ranked >= ends[0]) & (ranked <= ends[1])).sum()


def test_weights_make_no_window_of_another_ranking_or_the_wrong_way_round():
    with pytest.raises(ValueError, match="choose the ranking 'weight'"):
        Sweep(hand_readout(), rank="random").window(0, 1)
    with pytest.raises(ValueError, match="swap them"):
        Sweep(hand_readout()).window(1, 0)
