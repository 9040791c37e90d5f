"""What the page tells of: clicks on the curve and on units, and what it refuses."""

from helpers.panels import UNITS, picture, sent

from unitdrop.panel.effects import hear


def test_a_click_on_a_tile_shows_that_unit_and_a_second_one_the_cam_again(made):
    a_panel = made("scenes", images=[picture(1)], size=(960, 540), top=100)
    a_panel.controls.units_row.value = True
    ranking = a_panel.controller.numbers.sweep(a_panel.state).ranking
    left = (134 + 100.25 * 5 + 40) / 960  # the sixth of eight tiles
    click = {"kind": "tile", "x": left, "y": 0.4}
    hear(a_panel.controller, click, [])
    assert a_panel.state.view.unit == ranking[102] and a_panel.state.first == 97
    a_panel.controls.k.value = 104
    assert a_panel.state.first == 97
    hear(a_panel.controller, click, [])
    assert a_panel.state.view.unit is None and a_panel.state.first is None


def test_a_click_on_a_tile_without_a_unit_and_a_message_of_no_kind_leave_all_as_it_is(made):
    a_panel = made(size=(960, 540))
    a_panel.controls.units_row.value = True
    before, offered = a_panel.state, a_panel.controller.offer
    hear(a_panel.controller, {"kind": "tile", "x": 0.95, "y": 0.4}, [])  # of 6 units in 8 places
    hear(a_panel.controller, {"kind": ["tile"]}, [])
    assert a_panel.state is before and a_panel.controller.offer is offered


def test_a_click_on_the_curve_sets_k(made):
    a_panel = made(size=(960, 540))
    hear(a_panel.controller, {"kind": "curve", "x": (500 + 160) / 960, "y": 400 / 540}, [])
    assert a_panel.state.k == UNITS // 2
    hear(a_panel.controller, {"kind": "curve", "x": 0.1, "y": 0.4}, [])  # on the image
    assert a_panel.state.k == UNITS // 2


def test_what_the_page_refuses_is_said_where_it_can_be_seen(made):
    a_panel = made()
    sent(a_panel.controls.events, {"kind": "refused", "words": "<b>.png: 9.0 MB"})
    assert "&lt;b&gt;.png: 9.0 MB" in a_panel.controls.error.value
