"""What is offered and shown beside a state: what was noticed belongs to the network and the images shown."""

import threading
import warnings

import numpy as np
import pytest
from helpers.panels import IMAGES, NASTY, ToyModel, picture, png, settle, wait_until

from unitdrop import models, notices
from unitdrop.panel import gallery, messages, networks


class Noticing(ToyModel):
    """A network that notices something about some images."""

    def __init__(self, about, name="toy"):
        super().__init__()
        self.about, self.name = about, name

    def __call__(self, image):
        readout = super().__call__(image)
        for pixels, text in self.about:
            if np.array_equal(readout.image, pixels):
                notices.say(text)
        return readout


@pytest.fixture(autouse=True)
def no_warning():
    """What is noticed is shown in the panel, and nowhere else."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def noticed(a_panel):
    """What the panel says was noticed, as text."""
    line = a_panel.controls.notices
    assert (line.layout.display is None) == bool(line.value)
    return [each for each in line.value.replace("</span>", "").partition(">")[2].split("<br>") if each]


def test_what_was_noticed_stands_with_the_picture_it_is_about_and_with_no_other(made):
    a_panel = made(Noticing([(IMAGES[1], "nearly black"), (IMAGES[2], "cut"), (IMAGES[2], "cast")]))
    controls, model = a_panel.controls, a_panel.controller.networks.at_hand["toy"]
    for image, lines in ((0, []), (1, ["Note: nearly black"]), (2, ["Note: cut", "Note: cast"])) * 2:
        controls.image.value = image
        controls.k.value = image
        assert noticed(a_panel) == lines and controls.error.value == ""
    assert model.calls == len(IMAGES), "nothing is computed for it"
    controls.image.value = 1
    controls.beside.value = ("image", 2)
    assert noticed(a_panel) == ["Note: nearly black", "Note: cut", "Note: cast"]
    fresh = made(Noticing(model.about), state=a_panel.settings)
    assert noticed(fresh) == noticed(a_panel)
    controls.beside.value = ()
    controls.images.value = 0
    assert noticed(a_panel) == []


def test_a_move_that_fails_leaves_what_was_noticed(made, monkeypatch):
    a_panel = made(Noticing([(IMAGES[0], "nearly black")]))
    monkeypatch.setattr(a_panel.controller.renderer, "draw", lambda state: 1 / 0)
    a_panel.controls.image.value = 1
    assert noticed(a_panel) == ["Note: nearly black"] and "ZeroDivision" in a_panel.controls.error.value


def test_what_is_noticed_is_text_and_not_much_of_it(made):
    about = [(IMAGES[0], f"{NASTY}\nof {n}" + "x" * 10_000) for n in range(100)]
    a_panel = made(Noticing(about))
    lines = noticed(a_panel)
    assert len(lines) == messages.MOST_NOTICES + 1 and lines[-1] == "and 92 more"
    assert "<img" not in a_panel.controls.notices.value and "&lt;img" in lines[0]
    assert len(a_panel.controls.notices.value) < 10_000


def test_what_is_noticed_while_a_network_is_loaded_is_shown_with_that_network(made, monkeypatch):
    def load_model(name):
        notices.say(f"{name}: the prefix 'net.' was taken off")
        return Noticing([], name)

    monkeypatch.setattr(models, "load_model", load_model)
    a_panel = made(["one.py:net", Noticing([], "two")])
    assert noticed(a_panel) == ["Note: one.py:net: the prefix &#x27;net.&#x27; was taken off"]
    a_panel.controls.model.value = "two"
    assert noticed(a_panel) == []
    a_panel.controls.model.value = "one.py:net"
    assert len(noticed(a_panel)) == 1


def test_what_is_noticed_on_a_loading_thread_is_shown_too(made, monkeypatch):
    class Entry:
        name, size, cached, remote = "other", 5_000_000, True, None

        def load(self, trust_unpinned, progress):
            progress(1, 5)
            notices.say("cast to float32")
            return Noticing([(IMAGES[1], "nearly black")], "other")

    monkeypatch.setattr(networks, "catalogue_entries", lambda: {"other": Entry()})
    a_panel = made(Noticing([]))
    a_panel.controls.image.value = 1
    a_panel.controls.model.value = "other"
    wait_until(lambda: a_panel.state.model == "other" and len(a_panel.widget.children) == 1)
    assert noticed(a_panel) == ["Note: cast to float32", "Note: nearly black"]
    a_panel.controls.image.value = 0
    assert noticed(a_panel) == ["Note: cast to float32"]
    a_panel.controls.model.value = "toy"
    assert noticed(a_panel) == []


def test_images_that_are_read_in_advance_or_dropped_are_noticed_when_they_are_shown(made, monkeypatch):
    real = gallery.load_image

    def load_image(source, **choices):
        notices.say(f"read on {threading.current_thread().name}")
        return real(source, **choices)

    monkeypatch.setattr(gallery, "load_image", load_image)
    a_panel = made(Noticing([(picture(9), "nearly black")]))
    settle(a_panel)
    assert noticed(a_panel) == []
    listing, image = a_panel.controller.gallery.upload("mine.png", png(picture(9)), None)
    a_panel.controller.offer_images(listing, "image", image)
    assert noticed(a_panel) == ["Note: nearly black"]
