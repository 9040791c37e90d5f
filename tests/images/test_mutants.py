"""Thousands of damaged pictures of every format: none wrong, none slow, none large, no crash."""

import sys

import pytest
from helpers.image_process import mutants

from unitdrop.images import FORMATS

# These bits decide nothing, as the length of a run that goes beyond the picture.
IDLE = 0.01


def judged(form, first, count):
    """Read mutants of a format, print the counts and check them."""
    found = mutants(form, first, count)
    assert found["complaints"] == []
    print(
        f"\n{form}: {count} mutants, {found['refused']} refused, {found['shown']} shown, "
        f"of which a second decoder agrees with {found['agreed']}, differs in {found['differs']}, "
        f"has no say in {found['alone']}; "
        f"{found['soon']} lack idle bits; at most {found['slowest']:.2f} s and {found['mb']:.0f} MB"
    )
    assert found["differs"] == 0, found["numbers"]
    assert found["soon"] <= max(3, IDLE * found["shown"])
    assert found["slowest"] < 2 and found["mb"] < 700


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured as Linux tells it")
@pytest.mark.parametrize("form", FORMATS)
def test_some_damaged_pictures_are_shown_right_or_refused(form):
    judged(form, 0, 150)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured as Linux tells it")
@pytest.mark.parametrize("form", FORMATS)
def test_thousands_of_damaged_pictures_are_shown_right_or_refused(form):
    judged(form, 1000, 5_000)
