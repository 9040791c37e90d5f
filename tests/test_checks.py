"""Whole numbers, finite numbers and choices are judged in one place, and what passes is Python's own."""

import numpy as np
import pytest

from unitdrop.checks import check_whole_number, finite_number, is_one_of, whole_number


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)], ids=repr)
def test_a_whole_number_of_any_kind_becomes_an_int(value):
    assert whole_number(value) == 3 and type(whole_number(value)) is int


@pytest.mark.parametrize(
    "value", [3.0, "3", None, True, False, [3], np.float64(3), np.array([3, 3])], ids=repr
)
def test_what_is_no_whole_number_is_none(value):
    assert whole_number(value) is None


def test_a_whole_number_is_in_range_at_both_ends_and_not_beyond():
    assert [whole_number(value, 1, 3) for value in range(5)] == [None, 1, 2, 3, None]
    assert whole_number(-(10**30)) == -(10**30)


@pytest.mark.parametrize(
    ("value", "span", "message"),
    [
        (0, (1, None), "count: expected a whole number of at least 1, got 0; pass one in that range"),
        (9, (1, 5), "count: expected a whole number from 1 to 5, got 9; pass one in that range"),
        ("3", (1, 5), "count: expected a whole number from 1 to 5, got '3'; pass one in that range"),
    ],
)
def test_the_refusal_of_a_whole_number_names_the_argument_the_range_and_what_came(value, span, message):
    with pytest.raises(ValueError) as caught:
        check_whole_number("count", value, *span)
    assert str(caught.value) == message
    assert check_whole_number("count", np.int64(4), 1, 5) == 4


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2), np.array(2.0)], ids=repr)
def test_a_finite_number_of_any_kind_becomes_a_float(value):
    assert finite_number(value) == 2.0 and type(finite_number(value)) is float


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, "2", b"2", None, True, 10**400, [1.0], 1j], ids=lambda v: str(v)[:9]
)
def test_what_is_no_finite_number_is_none(value):
    assert finite_number(value) is None


def test_a_finite_number_is_in_range_at_both_ends_and_not_beyond():
    assert [finite_number(value, 0, 1) for value in (-0.1, 0, 1, 1.1)] == [None, 0.0, 1.0, None]


@pytest.mark.parametrize(
    ("value", "choices", "expected"),
    [
        ("top", ("top", "bottom"), True),
        ("to", ("top", "bottom"), False),
        (np.str_("top"), ("top", "bottom"), True),
        (None, (None, "top"), True),
        (1, (False, True), False),
        (True, (0, 1), True),
        ([], ("top",), False),
        (np.array(["top"]), ("top", "bottom"), False),
    ],
    ids=repr,
)
def test_a_choice_is_one_of_the_choices_and_of_its_type(value, choices, expected):
    assert is_one_of(value, choices) is expected
