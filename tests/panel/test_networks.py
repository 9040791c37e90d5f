"""The networks of a panel: those of its menu, each by its name."""

import pytest
from helpers.panels import IMAGES, UNITS, OtherModel, ToyModel, seen

from unitdrop.panel import Panel, State
from unitdrop.sweep import Sweep


def test_another_network_of_the_menu_keeps_image_and_k_and_brings_its_own_prediction(made):
    first, second = ToyModel(), OtherModel()
    a_panel = made([first, second], top=UNITS)
    controls = a_panel.controls
    controls.image.value, controls.rank.value = 2, "random"
    assert [name for _, name in controls.model.options[:2]] == ["toy", "other"]
    controls.model.value = "other"
    expected = State(2, Sweep(second(IMAGES[2])).target, k=4, rank="random", model="other")
    assert a_panel.state == expected and (controls.k.max, controls.kept.max, controls.play.max) == (4, 4, 4)
    assert set(controls.search.options) == {"cat", "dog", "sea cow"}
    fresh = made([ToyModel(), OtherModel()], state=a_panel.settings)
    assert fresh.state == a_panel.state and seen(fresh) == seen(a_panel)
    calls = first.calls, second.calls
    controls.model.value = "toy"
    controls.model.value = "other"
    assert (first.calls, second.calls) == calls and a_panel.state.k == 4


def test_networks_of_the_same_name_are_told_apart(made):
    options = made([ToyModel(), ToyModel()]).controls.model.options
    assert [name for _, name in options[:2]] == ["toy", "toy (2)"]


def test_a_state_of_a_network_that_is_not_there_says_which_it_was(made):
    settings = made().settings
    with pytest.raises(ValueError, match="the network 'toy'; give that as model"):
        Panel(images=IMAGES, state=settings)
