"""The units: numbers that can be checked by hand."""

import pytest
from helpers.toys import hand_readout, random_readout
from helpers.toys import sweeps as any_sweep
from hypothesis import given
from hypothesis import strategies as st

from unitdrop.sweep import Sweep
from unitdrop.units import Unit, describe_units


def test_the_numbers_are_those_done_by_hand():
    # harbour weighs units 0..3 by 2 2 0 -1, and they are pooled to 2 1 3 1; equal weights keep their order
    serves = (
        (("harbour", 2.0), ("lake", 0.0), ("river", 0.0)),
        (("harbour", 2.0), ("lake", 1.0), ("river", 0.0)),
        (("lake", 1.0), ("harbour", 0.0), ("river", 0.0)),
        (("river", 2.0), ("lake", 1.0), ("harbour", -1.0)),
    )
    assert describe_units(Sweep(hand_readout()), top=1) == (
        Unit(0, 0, 2.0, 2.0, 4.0, serves[0], True, False),
        Unit(1, 1, 2.0, 1.0, 2.0, serves[1], False, True),
        Unit(2, 2, 0.0, 3.0, 0.0, serves[2], False, False),
        Unit(3, 3, -1.0, 1.0, -1.0, serves[3], False, False),
    )


def test_another_target_ranks_and_weighs_the_units_anew():
    found = describe_units(Sweep(hand_readout(), "lake", "contribution"))
    assert [(u.unit, u.weight, u.contribution) for u in found] == [(2, 1, 3), (1, 1, 1), (3, 1, 1), (0, 0, 0)]


@pytest.mark.parametrize(
    ("window", "end", "dropped", "following"),
    [
        ((0, 0), "top", [], 0),
        ((0, 0), "bottom", [], 3),
        ((1, 1), "top", [0, 3], 1),
        ((1, 1), "bottom", [0, 3], 2),
        ((3, 0), "top", [0, 1, 2], 3),
        ((4, 0), "top", [0, 1, 2, 3], None),
        ((0, 4), "bottom", [0, 1, 2, 3], None),
        ((1, 3), "bottom", [0, 1, 2, 3], None),
    ],
)
def test_what_is_dropped_and_what_is_next_follow_the_window_and_the_end(window, end, dropped, following):
    found = describe_units(Sweep(hand_readout()), *window, end=end)
    assert [u.rank for u in found if u.dropped] == dropped
    assert [u.rank for u in found if u.next] == ([] if following is None else [following])


@given(data=st.data())
def test_contributions_of_all_units_add_up_to_the_logit_and_the_dropped_are_the_sweeps(data):
    sweep = data.draw(any_sweep())
    top = data.draw(st.integers(0, sweep.units))
    found = describe_units(sweep, top, 0, 0, sweep.units)
    total = sum(u.contribution for u in found) + sweep.readout.bias[sweep.target]
    assert total == pytest.approx(sweep.logits()[sweep.target], abs=1e-4)
    assert [u.unit for u in found if u.dropped] == sweep.dropped(top).tolist()
    assert [u.unit for u in found] == sweep.ranking.tolist()
    for u in found:
        assert u.serves[0][1] == sweep.readout.weight[:, u.unit].max()


def test_ranks_end_where_the_ranking_does_and_classes_where_they_do():
    sweep = Sweep(random_readout(units=6, classes=2))
    assert [u.rank for u in describe_units(sweep, first=4)] == [4, 5]
    assert [u.rank for u in describe_units(sweep, first=1, count=2)] == [1, 2]
    assert all(len(u.serves) == 2 for u in describe_units(sweep))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"first": -1}, "first: expected"),
        ({"first": 4}, r"first: .* from 0 to 3"),
        ({"first": 0.5}, "first: expected"),
        ({"count": 0}, "count: expected"),
        ({"count": "8"}, "count: expected"),
        ({"top": 5}, "top=5"),
        ({"top": 1.5}, "top and bottom"),
        ({"end": "auto"}, "end: expected 'top' or 'bottom'"),
    ],
)
def test_a_bad_argument_is_refused_by_name(wrong, words):
    with pytest.raises(ValueError, match=words):
        describe_units(Sweep(hand_readout()), **wrong)
