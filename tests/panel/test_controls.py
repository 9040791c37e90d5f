"""The widgets: their options, what they show of a state, and that they explain themselves."""

from helpers.panels import IMAGES, LABELS, UNITS, ToyModel

from unitdrop.sweep import Sweep


def test_classes_are_listed_by_intact_probability_with_the_prediction_first(made):
    controls = made().controls
    for image in range(3):
        controls.image.value = image
        intact = Sweep(ToyModel()(IMAGES[image])).probabilities()
        for widget in (controls.target, controls.targets):
            order = [index for _, index in widget.options]
            assert order == sorted(range(len(LABELS)), key=lambda c: -intact[c])
            assert all(text.startswith(LABELS[c]) and text.endswith("%") for text, c in widget.options)
        assert controls.target.value == controls.target.options[0][1]


def test_slider_and_list_of_images_and_classes_follow_each_other(made):
    controls = made().controls
    controls.image.value = 1
    assert controls.images.value == 1
    controls.images.value = 2
    assert controls.image.value == 2
    controls.targets.value = 3
    assert controls.target.value == 3
    controls.target.value = 1
    assert controls.targets.value == 1


def test_play_moves_k_and_goes_on_from_a_k_that_was_chosen(made):
    a_panel = made()
    controls = a_panel.controls
    assert (controls.play.min, controls.play.max, controls.play.step) == (0, UNITS, 1)
    controls.play.value = 3
    assert a_panel.state.k == controls.k.value == 3
    controls.k.value = 5
    assert controls.play.value == 5


def test_play_bounces_there_and_back_again(made):
    a_panel = made(top=UNITS - 1)
    controls = a_panel.controls
    controls.bounce.value = True
    seen_k = []
    for value in range(UNITS - 1, controls.play.max + 1):
        controls.play.value = value
        seen_k.append(a_panel.state.k)
        assert controls.play.value == value  # nobody interferes with it on its way back
    assert seen_k == [UNITS - 1, *range(UNITS, -1, -1)]
    controls.bounce.value = False
    assert controls.play.max == UNITS and controls.play.value == a_panel.state.k == 0


def test_the_pace_of_play_is_linked_in_the_browser(made):
    controls = made().controls
    (link,) = controls.links
    assert (link.source, link.target) == ((controls.pace, "value"), (controls.play, "interval"))


def test_the_seed_is_shown_only_where_chance_ranks(made):
    controls = made().controls
    assert controls.seed.layout.display == "none"
    controls.rank.value = "random"
    assert controls.seed.layout.display is None


def test_slider_and_picture_have_the_classes_that_tools_look_for(made):
    controls = made().controls
    assert "ud-k" in controls.k._dom_classes and "ud-frame" in controls.frame._dom_classes


def test_every_control_explains_itself(made):
    controls = made().controls
    others = (controls.play, controls.back, controls.forth, controls.save)
    for widget in (*(each.widget for each in controls.of_fields), *others):
        assert widget.tooltip, widget
