"""The moves: pure functions from a state to the next, on a toy network, without a widget."""

import pytest
from helpers.panels import IMAGES, UNITS, ToyModel
from hypothesis import given, settings
from hypothesis import strategies as st

from unitdrop.panel.moves import MOVES, moved
from unitdrop.panel.numbers import Numbers
from unitdrop.panel.sources import gather
from unitdrop.panel.state import State


@pytest.fixture(scope="module")
def numbers():
    return Numbers({"toy": ToyModel()}, gather(IMAGES).__getitem__)


@pytest.fixture(scope="module")
def start(numbers):
    return State(0, numbers.predicted("toy", 0), model="toy")


def test_another_image_brings_its_prediction_and_the_same_one_nothing(numbers, start):
    assert moved(start, "image", 1, numbers).target == numbers.predicted("toy", 1)
    assert moved(start.changed(target=2), "image", 0, numbers).target == 2


def test_steps_stop_at_the_ends(numbers, start):
    assert moved(start, "step", -1, numbers).k == 0
    assert moved(start.changed(k=UNITS - 1, held=1), "step", +1, numbers).k == UNITS - 1


def test_kept_ranks_are_the_window_at_either_end(numbers, start):
    for end in ("top", "bottom"):
        assert moved(start.changed(end=end), "kept", (2, 5), numbers).window.ends == (2, UNITS - 5)
    with pytest.raises(ValueError, match="drop fewer units"):
        moved(start, "kept", (5, 2), numbers)


def test_weights_drop_what_is_beyond_them(numbers, start):
    ranked = numbers.sweep(start).weights_ranked
    assert moved(start, "heaviest", float(ranked[1]), numbers).window.ends == (1, 0)
    assert moved(start, "lightest", float(ranked[-2]), numbers).window.ends == (0, 1)


def test_the_flip_is_where_the_sweep_says_or_there_is_none(numbers, start):
    flip, smallest = numbers.sweep(start).flip, numbers.sweep(start).smallest_flip
    for name, there in (("to_flip", flip), ("to_smallest", smallest)):
        if there is None:
            with pytest.raises(ValueError, match="no flip"):
                moved(start, name, None, numbers)
    if flip is not None:
        assert moved(start, "to_flip", None, numbers).k == flip.k
    if smallest is not None:
        at = moved(start, "to_smallest", None, numbers)
        assert (at.k, at.rank, at.view.end, at.held) == (smallest.count, "margin", "top", 0)
    assert flip is not None or smallest is not None, "the toy shows neither"


def test_units_are_looked_at_in_the_order_of_the_ranking(numbers, start):
    ranking = numbers.sweep(start).ranking
    row = start.changed(units_row=True, k=2)
    at = moved(row, "look", +1, numbers)
    assert at.view.unit == ranking[2] and moved(at, "look", +1, numbers).view.unit == ranking[3]
    assert moved(at, "unit", None, numbers).first is None
    tile = moved(row, "tile", 0, numbers)
    assert tile.view.unit == ranking[tile.first] and moved(tile, "tile", 0, numbers).view.unit is None


def test_reset_and_a_state_from_elsewhere_keep_the_room_there_is(numbers, start):
    narrow = start.changed(narrow=True, k=4)
    assert moved(narrow, "reset", start, numbers) == start.changed(narrow=True)
    assert moved(narrow, "state", start.changed(k=1), numbers) == start.changed(narrow=True, k=1)
    with pytest.raises(ValueError, match="this network has 6"):
        moved(start, "state", start.changed(units_row=True, unit=99), numbers)


ASKS = st.one_of(
    st.tuples(st.just("k"), st.integers(0, UNITS)),
    st.tuples(st.just("step"), st.sampled_from([-1, 1])),
    st.tuples(st.just("image"), st.integers(0, 2)),
    st.tuples(st.just("target"), st.integers(0, 3)),
    st.tuples(st.just("end"), st.sampled_from(["top", "bottom"])),
    st.tuples(st.just("rank"), st.sampled_from(["weight", "random", "margin"])),
    st.tuples(st.just("kept"), st.tuples(st.integers(0, 3), st.integers(3, UNITS))),
    st.tuples(st.just("units_row"), st.booleans()),
    st.tuples(st.just("look"), st.sampled_from([-1, 1])),
    st.tuples(st.just("narrow"), st.booleans()),
    st.tuples(st.just("stay"), st.none()),
)


@settings(max_examples=100, deadline=None)
@given(asks=st.lists(ASKS, max_size=12))
def test_after_any_moves_the_window_fits_and_the_unit_looked_at_is_in_the_row(numbers, start, asks):
    state = start
    for name, value in asks:
        state = moved(state, name, value, numbers)
        assert state.k >= 0 and state.held >= 0 and state.k + state.held <= UNITS
        if state.view.unit is None:
            assert state.first is None
        else:
            row = numbers.sweep(state).ranking[state.first : state.first + state.tiles]
            assert state.units_row and state.view.unit in row


def test_every_move_has_a_sentence_that_says_what_it_returns():
    assert all(move.__doc__.startswith("Return ") for move in MOVES.values())
