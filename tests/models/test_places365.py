"""The networks of Places365, and their class names."""

from pathlib import Path

import pytest

from unitdrop.models import places365
from unitdrop.models.labels import read_labels

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "places"


def test_the_365_places_are_in_the_files_order():
    names = places365.NAMES
    assert len(set(names)) == 365 and sum("/" in name for name in names) == 75
    assert (names[0], names[8], names[-1]) == ("airfield", "apartment_building/outdoor", "zen_garden")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the Places365 data beside the project: {DATA}")
def test_the_365_places_are_those_of_the_published_list():
    assert read_labels(DATA / "categories_places365.txt") == places365.NAMES
