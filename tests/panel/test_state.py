"""The state of a panel, and its settings string: a format that people keep."""

import json

import pytest

from unitdrop.panel.state import State, restored, settings_of
from unitdrop.plan import View

# As version 0.1.0 wrote it.
WRITTEN = (
    '{"image": "sea.png", "target": 3, "k": 20, "end": "bottom", "rank": "random", "scope": "class", '
    '"seed": 7, "cam": "difference", "scale": "frame", "cmap": "viridis", "opacity": 0.4, '
    '"curves": "shares", "held": 5, "units": true, "first": 12, "unit": 9, '
    '"beside": ["image", "sand.png"], "narrow": true, "model": "scenes"}'
)


def test_what_an_older_version_wrote_is_read_and_written_back_byte_for_byte():
    names = ["sand.png", "sea.png"]
    state = restored(WRITTEN, names)
    view = View("difference", "viridis", 0.4, end="bottom", scale="frame", curves="shares", unit=9)
    assert state == State(1, 3, 20, 5, "random", "class", 7, view, True, 12, ("image", 0), True, "scenes")
    assert settings_of(state, names) == WRITTEN


def test_a_state_goes_through_its_string_and_back():
    state = State(0, 3, 20).changed(cam="prediction", held=2, units_row=True, unit=4, first=1)
    assert restored(settings_of(state, ["sea.png"]), ["sea.png"]) == state
    assert restored('{"image": "sea.png", "target": 3}', ["sea.png"]) == State(0, 3)


@pytest.mark.parametrize("more", [{"top_classes": 4}, {"view": {}}, {"units_row": True}])
def test_a_field_that_no_control_shows_is_that_of_another_version(more):
    with pytest.raises(ValueError, match=r"unknown .*; these are the settings of another version"):
        restored(json.dumps({"image": "sea.png", "target": 3, **more}), ["sea.png"])


def test_a_change_reaches_the_state_and_its_view_and_leaves_the_old_one_alone():
    state = State(0, 3)
    assert state.changed(k=2, end="bottom").window.ends == (0, 2)
    assert state.changed(k=2).view is state.view and state.k == 0
