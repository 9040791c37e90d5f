"""What controls and the page ask for: clicks on the curve and on units, the values of black and white."""

import numpy as np
import pytest
from helpers.panels import UNITS, ToyModel, picture, seen, sent, settle
from PIL import Image

from unitdrop.errors import ImageError
from unitdrop.images import load_image
from unitdrop.panel.effects import hear
from unitdrop.panel.state import range_typed
from unitdrop.sweep import Sweep


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


# the values that are black and white


@pytest.fixture
def deep(tmp_path):
    """A picture of 12 bits in a file of 16, one of 8 bits, and their folder."""
    levels = np.random.default_rng(3).integers(0, 4096, (8, 12), dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    Image.fromarray(picture(1)).save(tmp_path / "plain.png")
    return tmp_path


def test_the_values_of_black_and_white_are_those_of_the_picture(made, deep):
    a_panel = made(images=deep, top=2)
    controls, dark = a_panel.controls, seen(a_panel)
    controls.value_range.value = "0 4095"
    assert controls.error.value == "" and a_panel.state.value_range == (0.0, 4095.0)
    pixels = load_image(deep / "deep.png", value_range=(0, 4095))
    shown_now = a_panel.controller.numbers.sweep(a_panel.state)
    assert shown_now.target == Sweep(ToyModel()(pixels)).target and a_panel.state.k == 2
    np.testing.assert_array_equal(shown_now.readout.image, pixels)
    assert seen(a_panel) != dark
    fresh = made(images=deep, state=a_panel.settings)
    assert seen(fresh) == seen(a_panel) and fresh.controls.value_range.value == "0 4095"
    assert seen(made(images=deep, top=2, value_range=(0, 4095))) == seen(a_panel)
    controls.value_range.value = " "
    assert seen(a_panel) == dark and "value_range" not in a_panel.settings


def test_the_values_leave_pictures_of_8_bits_alone(made, deep):
    a_panel = made(images=deep)
    a_panel.controls.image.value = 1
    before = seen(a_panel)
    a_panel.controls.value_range.value = "10 20"
    assert seen(a_panel) == before and a_panel.controls.error.value == ""


@pytest.mark.parametrize("text", ["(0, 4095)", "[0;4095]", "value_range=(0, 4095)", "--value-range 0 4095"])
def test_the_range_can_be_typed_as_the_notice_says_it(text):
    assert range_typed(text) == (0.0, 4095.0)


@pytest.mark.parametrize(
    "text", ["4095 0", "5 5", "5", "1 2 3", "black white", "nan 4", "0 inf", "-", "<b>", "1e999 2", "0x10 20"]
)
def test_values_that_are_none_leave_the_picture_and_say_why(made, deep, text):
    a_panel = made(images=deep)
    a_panel.controls.value_range.value = "0, 4095"
    before, listing = (a_panel.state, seen(a_panel)), a_panel.controller.gallery.listing
    a_panel.controls.value_range.value = text
    assert "two numbers" in a_panel.controls.error.value and "<b>" not in a_panel.controls.error.value
    assert (a_panel.state, seen(a_panel)) == before and a_panel.controller.gallery.listing == listing
    assert a_panel.controls.value_range.value == "0 4095"


def test_what_could_not_be_read_without_values_is_offered_with_them(made):
    levels = np.random.default_rng(3).normal(0, 1, (8, 12))  # negative numbers ask for them
    a_panel = made(images=[picture(1), levels])
    assert len(settle(a_panel).images.options) == 1 and "value_range" in a_panel.left_out[0].why
    a_panel.controls.value_range.value = "-3 3"
    assert len(settle(a_panel).images.options) == 2 and a_panel.left_out == ()
    with pytest.raises(ImageError, match="value_range"):
        made(images=[levels])
    assert made(images=[levels], value_range=(-3, 3)).state.value_range == (-3.0, 3.0)


@pytest.mark.parametrize(
    "wrong", [(3, 1), (1, 1), (0, float("nan")), "ab", 5, (1,), ("0", "9"), {}, (True, 2)]
)
def test_a_panel_of_values_that_are_none_is_refused(made, wrong):
    with pytest.raises(ValueError, match="value_range"):
        made(value_range=wrong)


def test_the_python_of_a_picture_tells_its_values(made, deep, monkeypatch):
    monkeypatch.chdir(deep)
    a_panel = made(images="deep.png", value_range=(0, 4095))
    a_panel.controls.drawers.selected_index = 1
    assert "model(unitdrop.load_image('deep.png', value_range=(0.0, 4095.0)))" in a_panel.controls.code.value
