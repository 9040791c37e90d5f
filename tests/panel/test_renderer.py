"""From a state to the bytes of its pictures: once each, crisp, narrow where there is little room."""

import io
from dataclasses import replace

import pytest
from helpers.panels import SIZE, wait_until
from PIL import Image

from unitdrop.drawing import SweepFigure
from unitdrop.panel import controller, jpeg
from unitdrop.panel.renderer import narrow_size


@pytest.fixture
def draws(monkeypatch):
    """Every picture drawn, as (top, bottom)."""
    seen = []
    show = SweepFigure.show

    def counted(self, sweep, top=0, bottom=0, view=None):
        seen.append((top, bottom))
        return show(self, sweep, top, bottom, view)

    monkeypatch.setattr(SweepFigure, "show", counted)
    return seen


def test_the_first_picture_is_there_at_once_and_is_a_crisp_jpeg(made):
    shown = Image.open(io.BytesIO(made().controls.frame.value))
    assert shown.format == "JPEG" and shown.size == SIZE
    assert all(factors[1:3] == (1, 1) for factors in shown.layer), "colour is subsampled"


def test_each_move_draws_once_and_a_move_to_the_same_place_not_at_all(made, draws):
    controls = made().controls
    draws.clear()
    moves = {
        "k": 2,
        "image": 1,
        "images": 2,
        "targets": 3,
        "target": 0,
        "rank": "random",
        "seed": 5,
        "scope": "class",
        "end": "bottom",
        "cam": "prediction",
    }
    for name, value in moves.items():
        if getattr(controls, name).value == value:
            continue
        draws.clear()
        getattr(controls, name).value = value
        assert len(draws) == 1, name
        getattr(controls, name).value = value
        assert len(draws) == 1, name


@pytest.mark.parametrize("beside", [("scope", "class"), ("rank", "random"), ("image", 2)])
def test_a_second_setting_stands_beside_the_first_on_the_same_k(made, beside):
    a_panel = made(target="<b>rock</b>")
    controls = a_panel.controls
    assert controls.beside_frame.layout.display == "none"
    controls.beside.value = beside
    controls.k.value = 3
    field, value = beside
    expected = replace(a_panel.state, beside=(), **{field: value})
    drawn = SweepFigure(*narrow_size(SIZE))
    pixels = drawn.show(a_panel.controller.numbers.sweep(expected), 3, 0, expected.view)
    drawn.close()
    assert controls.beside_frame.layout.display is None
    assert bytes(controls.beside_frame.value) == jpeg(pixels)
    assert expected.target == a_panel.state.target == 2 and expected.k == 3
    named = {
        "scope": ["scope unit", "scope class"],
        "rank": ["ranking weight", "ranking random"],
        "image": ["image 1", "image 3"],
    }
    assert [caption.value for caption in controls.captions] == named[field]
    controls.beside.value = ()
    assert controls.beside_frame.layout.display == "none" and bytes(controls.beside_frame.value) == b""


def test_where_there_is_little_room_the_picture_is_narrow(made):
    a_panel = made()
    sizes = []
    for narrow in (True, False):
        a_panel.controls.events.narrow = narrow
        sizes.append(Image.open(io.BytesIO(a_panel.controls.frame.value)).size)
    assert sizes == [narrow_size(SIZE), SIZE]


def test_the_units_around_the_next_one_are_shown_while_they_are_wanted(made):
    a_panel = made(top=1)
    tiles, button = a_panel.controls.tiles, a_panel.controls.units_row
    assert tiles.layout.display == "none"
    button.value = True
    before = bytes(tiles.value)
    assert tiles.layout.display is None and before[:2] == b"\xff\xd8"
    a_panel.controls.k.value = 3
    assert bytes(tiles.value) != before
    button.value = False
    assert tiles.layout.display == "none" and not a_panel.state.units_row


def test_the_neighbours_of_k_are_drawn_when_nobody_waits(made, draws, monkeypatch):
    monkeypatch.setattr(controller, "IDLE", 0.01)
    a_panel = made()
    a_panel.controls.k.value = 3
    wait_until(lambda: (4, 0) in draws and (2, 0) in draws)
    draws.clear()
    with a_panel.controller.lock:  # so that nothing more is drawn ahead meanwhile
        a_panel.controls.k.value = 4
        assert draws == [] and a_panel.state.k == 4


def test_a_picture_that_was_seen_comes_back_without_being_drawn(made, draws):
    controls = made().controls
    controls.image.value = 1
    draws.clear()
    controls.image.value = 0
    assert draws == []
