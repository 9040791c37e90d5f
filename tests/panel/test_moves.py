"""The moves: pure functions from a state to the next, done by hand, at random, and by the controls."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from helpers.panels import IMAGES, UNITS, OtherModel, SimpleCall, ToyModel, picture
from helpers.toys import hand_readout
from hypothesis import given, settings
from hypothesis import strategies as st

from unitdrop.panel import State, gather
from unitdrop.panel.moves import MOVES, moved, row_begins
from unitdrop.panel.numbers import Numbers
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep


@pytest.fixture(scope="module")
def numbers():
    return Numbers({"toy": ToyModel(), "other": OtherModel()}, gather(IMAGES).sources.__getitem__)


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
    st.tuples(st.sampled_from(["step", "look"]), st.sampled_from([-1, 1])),
    st.tuples(st.just("image"), st.integers(0, 2)),
    st.tuples(st.just("model"), st.sampled_from(["toy", "other"])),
    st.tuples(st.just("target"), st.integers(0, 3)),
    st.tuples(st.just("search"), st.sampled_from(["sea", "dog", "a", ""])),
    st.tuples(st.just("end"), st.sampled_from(["top", "bottom"])),
    st.tuples(st.just("rank"), st.sampled_from(["weight", "random", "margin"])),
    st.tuples(st.just("kept"), st.tuples(st.integers(0, UNITS), st.integers(0, UNITS))),
    st.tuples(st.sampled_from(["lightest", "heaviest"]), st.sampled_from([-1.0, -0.1, 0.2, 1.0])),
    st.tuples(st.sampled_from(["units_row", "narrow"]), st.booleans()),
    st.tuples(st.just("tile"), st.integers(0, UNITS)),
    st.tuples(st.sampled_from(["to_flip", "to_smallest", "stay"]), st.none()),
    st.tuples(
        st.sampled_from(["reset", "state"]),
        st.builds(
            State,
            st.just(0),
            st.integers(0, 2),
            st.integers(0, 4),
            st.integers(0, 2),
            model=st.sampled_from(["toy", "other"]),
        ),
    ),
)


def as_controls_offer(name, value, state, numbers):
    """The value itself, or one that the controls have where the network is smaller than the toy."""
    units = numbers.units(state.model)
    match name:
        case "k":
            return min(value, units)
        case "kept":
            return tuple(min(rank, units) for rank in value)
        case "target":
            return value % len(numbers.labels(state.model))
        case "tile":
            return min(value, units - 1 - row_begins(state, units))
    return value


@settings(max_examples=100, deadline=None)
@given(asks=st.lists(ASKS, max_size=12))
def test_after_any_moves_the_window_fits_and_the_unit_looked_at_is_in_the_row(numbers, start, asks):
    state = start
    for name, value in asks:
        with contextlib.suppress(ValueError):  # nothing to move to: the state stays
            state = moved(state, name, as_controls_offer(name, value, state, numbers), numbers)
        assert state.k >= 0 and state.held >= 0 and state.k + state.held <= numbers.units(state.model)
        if state.view.unit is None:
            assert state.first is None
        else:
            row = numbers.sweep(state).ranking[state.first : state.first + state.tiles]
            assert state.units_row and state.view.unit in row


def test_every_move_has_a_sentence_that_says_what_it_returns():
    assert all(move.__doc__.startswith("Return ") for move in MOVES.values())


# -- each move on a head that can be done by hand


class HandModel:
    """Weights of harbour, lake and river: 2 2 0 -1, 0 1 1 1, 0 0 0 2; harbour leads lake by 0.5."""

    name, units, labels = "hand", 4, hand_readout().labels

    def __call__(self, image):
        return hand_readout()


class SmallModel:
    """Two units; sea is predicted."""

    name, units, labels = "small", 2, ("sea", "sand")

    def __call__(self, image):
        maps, weight = [[[4.0, 0.0]], [[0.0, 2.0]]], [[1, 0], [0.5, 1]]
        return Readout(maps, weight, [0.5, 0], self.labels, np.zeros((1, 2, 3), np.uint8))


@pytest.fixture(scope="module")
def by_hand():
    return Numbers({"hand": HandModel(), "small": SmallModel()}, gather(IMAGES).sources.__getitem__)


HAND = State(0, 0, model="hand")
ROW = {"units_row": True, "first": 0}
#: (what is asked for, how the state differs from HAND before, the value, how it differs afterwards)
DONE_BY_HAND = [
    ("stay", {"k": 2, "held": 1}, None, {"k": 2, "held": 1}),
    ("image", {"target": 2, "k": 3}, 1, {"image": 1, "k": 3}),
    ("image", {"target": 2}, 0, {"target": 2}),
    ("value_range", {"target": 2, "k": 3}, (0.0, 9.0), {"value_range": (0.0, 9.0), "k": 3}),
    (
        "value_range",
        {"target": 2, "value_range": (0.0, 9.0)},
        (0.0, 9.0),
        {"target": 2, "value_range": (0.0, 9.0)},
    ),
    (
        "model",
        {"target": 1, "k": 4, **ROW, "unit": 3},
        "small",
        {"model": "small", "k": 2, "units_row": True},
    ),
    ("model", {"target": 1, "k": 4}, "hand", {"target": 1, "k": 4}),
    ("search", {"k": 1}, "riv", {"target": 2, "k": 1}),
    ("search", {"target": 2}, " LAKE ", {"target": 1}),
    ("search", {"target": 2}, " ", {"target": 2}),
    ("step", {"k": 1}, 1, {"k": 2}),
    ("step", {}, -1, {}),
    ("step", {"k": 3, "held": 1}, 1, {"k": 3, "held": 1}),
    ("to_flip", {"k": 4}, None, {"k": 1}),
    ("to_flip", {"target": 1, "k": 3}, None, {"target": 1, "k": 0}),
    ("to_smallest", {"rank": "random", "end": "bottom", "k": 2, "held": 2}, None, {"rank": "margin", "k": 1}),
    ("kept", {}, (1, 2), {"k": 1, "held": 2}),
    ("kept", {"end": "bottom"}, (1, 2), {"end": "bottom", "k": 2, "held": 1}),
    ("lightest", {}, 1.0, {"held": 2}),
    ("lightest", {"k": 1, "held": 3}, -1.0, {"k": 1}),
    ("heaviest", {"held": 1}, 1.0, {"k": 2, "held": 1}),
    ("heaviest", {"k": 1}, 2.0, {}),
    ("look", {"units_row": True, "k": 1}, 1, {**ROW, "k": 1, "unit": 1}),
    ("look", {**ROW, "unit": 1}, 1, {**ROW, "unit": 2}),
    ("look", {**ROW, "unit": 0}, -1, {**ROW, "unit": 0}),
    ("look", {**ROW, "unit": 3}, 1, {**ROW, "unit": 3}),
    ("look", {"units_row": True, "end": "bottom", "k": 1}, 1, {**ROW, "end": "bottom", "k": 1, "unit": 2}),
    ("tile", {"units_row": True}, 2, {**ROW, "unit": 2}),
    ("tile", {**ROW, "unit": 2}, 2, {"units_row": True}),
    (
        "state",
        {"narrow": True, "k": 2},
        HAND.changed(image=1, target=2, k=4),
        {"narrow": True, "image": 1, "target": 2, "k": 4},
    ),
    ("reset", {"narrow": True, "k": 2, "rank": "random"}, HAND.changed(k=1), {"narrow": True, "k": 1}),
    ("k", {"held": 2}, 3, {"k": 3, "held": 1}),
    ("opacity", {"k": 1}, 0.2, {"k": 1, "opacity": 0.2}),
    ("unit", {**ROW, "unit": 2}, None, {"units_row": True}),
    ("units_row", {**ROW, "unit": 2}, False, {}),
]


@pytest.mark.parametrize(("name", "before", "value", "after"), DONE_BY_HAND)
def test_a_move_is_as_it_is_done_by_hand(by_hand, name, before, value, after):
    assert moved(HAND.changed(**before), name, value, by_hand) == HAND.changed(**after)


def test_every_move_is_done_by_hand_somewhere():
    assert {name for name, *_ in DONE_BY_HAND} >= {*MOVES}


@pytest.mark.parametrize(
    ("name", "before", "value", "words"),
    [
        ("search", {}, "a", r"2 classes have it in their names \(harbour, lake\)"),
        ("search", {}, "moon", "no class is called so"),
        ("to_flip", {"end": "bottom"}, None, "no flip: harbour stays predicted"),
        ("kept", {}, (3, 1), "drop fewer"),
        ("lightest", {"k": 1}, 3.0, "drop fewer"),
        ("heaviest", {"held": 1}, -2.0, "drop fewer"),
        ("state", {}, HAND.changed(target=3), "target"),
        ("state", {}, HAND.changed(k=3, held=2), "drop fewer"),
        ("state", {}, HAND.changed(**ROW, unit=4), "this network has 4"),
    ],
)
def test_a_move_that_leads_nowhere_says_why(by_hand, name, before, value, words):
    with pytest.raises(ValueError, match=words):
        moved(HAND.changed(**before), name, value, by_hand)


# -- the moves that controls ask for


def test_another_image_brings_its_own_prediction_and_keeps_k_and_the_rest(made):
    a_panel = made(target="sea", top=3, rank="contribution", scope="class")
    a_panel.controls.image.value = 2
    prediction = Sweep(ToyModel()(IMAGES[2])).target
    expected = State(image=2, target=prediction, k=3, rank="contribution", scope="class", model="toy")
    assert a_panel.state == expected


def test_the_buttons_step_by_one_unit_and_stop_at_the_ends(made):
    a_panel = made()
    controls = a_panel.controls
    controls.back.click()
    assert a_panel.state.k == controls.k.value == 0
    controls.forth.click()
    assert a_panel.state.k == controls.k.value == 1
    controls.k.value = UNITS
    controls.forth.click()
    assert a_panel.state.k == UNITS


def test_the_kept_ranks_and_k_are_one_window(made):
    a_panel = made()
    controls = a_panel.controls
    controls.kept.value = (2, UNITS - 1)
    assert a_panel.state.window.ends == (2, 1) and controls.k.value == 2
    controls.k.value = 3
    assert controls.kept.value == (3, UNITS - 1)
    controls.k.value = UNITS  # goes as far as leaves the one that is held
    assert a_panel.state.window.ends == (UNITS - 1, 1) and controls.kept.value == (UNITS - 1, UNITS - 1)
    controls.k.value = 1
    controls.end.value = "bottom"
    assert a_panel.state.window.ends == (1, 1) and controls.kept.value == (1, UNITS - 1)


def test_the_weights_of_the_kept_ranks_are_shown_and_can_be_set(made):
    a_panel = made()
    controls = a_panel.controls
    ranked = a_panel.controller.numbers.sweep(a_panel.state).weights_ranked
    controls.kept.value = (1, UNITS - 2)
    assert (controls.lightest.value, controls.heaviest.value) == pytest.approx(
        (ranked[-3], ranked[1]), rel=1e-3
    )
    controls.heaviest.value = float(ranked[2] + ranked[3]) / 2
    assert a_panel.state.window.ends == (3, 2)
    controls.lightest.value = float(ranked[4] + ranked[5]) / 2
    assert a_panel.state.window.ends == (3, 1)
    controls.lightest.value = float(ranked[0]) + 1  # heavier than all: with those dropped above, too many
    assert "drop fewer" in controls.error.value and a_panel.state.window.ends == (3, 1)
    controls.rank.value = "contribution"
    assert controls.lightest.layout.display == "none"


def test_to_the_flip_goes_where_the_prediction_changes_and_reset_back_to_the_start(made):
    a_panel = made(top=2, cam="prediction")
    controls, start = a_panel.controls, a_panel.state
    flip = a_panel.controller.numbers.sweep(start).flip
    controls.to_flip.click()
    if flip is None:
        assert "no flip" in controls.error.value
    else:
        assert a_panel.state.k == flip.k
    controls.kept.value, controls.rank.value, controls.opacity.value = (1, 3), "random", 0.2
    controls.reset.click()
    assert a_panel.state == start


def test_reset_does_not_change_the_room_there_is(made):
    a_panel = made()
    a_panel.controls.events.narrow = True
    a_panel.controls.k.value = 2
    a_panel.controls.reset.click()
    assert a_panel.state.narrow and a_panel.state.k == 0


def test_the_smallest_flip_set_is_dropped(made):
    for seed in range(20):
        a_panel = made(images=[picture(seed)])
        smallest = a_panel.controller.numbers.sweep(a_panel.state).smallest_flip
        a_panel.controls.smallest.click()
        if smallest is None:
            assert "no flip" in a_panel.controls.error.value and a_panel.state.k == 0
            continue
        sweep, at = a_panel.controller.numbers.sweep(a_panel.state), a_panel.state
        assert at.window.ends == (smallest.count, 0) and at.rank == "margin"
        assert set(sweep.dropped(*at.window.ends).tolist()) == set(smallest.units)
        assert sweep.prediction(*at.window.ends) == smallest.index != sweep.prediction()


@pytest.mark.parametrize(
    ("text", "target"), [("sand/dune", 1), ("SEA", 0), ("rock", 2), (" palm ", 3), ("&", 3), ("", None)]
)
def test_a_class_is_found_by_its_name_or_a_part_that_only_it_has(made, text, target):
    a_panel = made(target="sand/dune" if target != 1 else "sea")
    before = a_panel.state.target
    a_panel.controls.search.value = text
    assert a_panel.state.target == (before if target is None else target)
    assert a_panel.controls.search.value == ""


@pytest.mark.parametrize(
    ("text", "words"), [("a", "sea, sand/dune, palm &amp; co"), ("<i>", "&lt;i&gt;&#x27;: no class")]
)
def test_a_name_that_fits_no_class_or_several_is_refused_and_stays_to_be_mended(made, text, words):
    a_panel = made()
    before = a_panel.state
    a_panel.controls.search.value = text
    assert words in a_panel.controls.error.value and a_panel.state == before
    assert a_panel.controls.search.value == text


def test_classes_of_the_same_name_can_both_be_found(made):
    model = ToyModel()
    model.labels = ("crane", "crane", "rock", "palm")
    make = model.__call__
    a_panel = made(SimpleCall(lambda image: replace(make(image), labels=model.labels), model))
    assert list(a_panel.controls.search.options) == ["crane (0)", "crane (1)", "rock", "palm"]
    a_panel.controls.search.value = "crane (1)"
    assert a_panel.state.target == 1


def test_a_unit_is_looked_at_by_a_click_or_a_step_and_the_row_stands_still(made):
    a_panel = made(top=1)
    controls = a_panel.controls
    controls.units_row.value = True
    ranking = a_panel.controller.numbers.sweep(a_panel.state).ranking
    controls.following.click()
    assert a_panel.state.view.unit == ranking[1]  # the next one to go
    controls.following.click()
    assert a_panel.state.view.unit == ranking[2]
    controls.previous.click()
    controls.previous.click()
    controls.previous.click()
    assert a_panel.state.view.unit == ranking[0]
    before = bytes(controls.frame.value)
    controls.whole.click()
    assert a_panel.state.view.unit is None and bytes(controls.frame.value) != before


def test_without_the_row_of_units_no_unit_is_looked_at(made):
    a_panel = made()
    a_panel.controls.units_row.value = True
    a_panel.controls.following.click()
    a_panel.controls.units_row.value = False
    assert a_panel.state.view.unit is None and a_panel.state.first is None
