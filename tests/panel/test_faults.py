"""Whatever breaks below a callback is told, and leaves all as it was."""

import threading

import ipywidgets as widgets
import numpy as np
import pytest
from helpers.hand import Hand, agree, as_it_was, calm, files, free, movable, no_thread
from helpers.panels import OtherModel, Page, ToyModel, picture, png, sent

from unitdrop import export
from unitdrop.drawing import SweepFigure, UnitsFigure
from unitdrop.images import load_image
from unitdrop.panel import controller, effects, gallery, moves, numbers, renderer


class Fault(Exception):
    """What nobody has thought of."""


def callbacks(a_panel):
    """Every callback of the panel on a widget: (name of the widget, what it waits for); found, not listed."""
    for name, widget in vars(a_panel.controls).items():
        if isinstance(widget, widgets.Widget):
            for trait, kinds in widget._trait_notifiers.items():
                if any(map(_ours, (call for calls in kinds.values() for call in calls))):
                    yield name, trait
            clicks = getattr(widget, "_click_handlers", None)
            for kind, dispatcher in (("click", clicks), ("message", widget._msg_callbacks)):
                if dispatcher is not None and any(map(_ours, dispatcher.callbacks)):
                    yield name, kind


def _ours(callback):
    return str(getattr(callback, "__module__", "")).startswith("unitdrop.")


MESSAGES = {
    "curve": {"x": 0.6, "y": 0.75},
    "tile": {"x": 0.5, "y": 0.4},
    "copied": {"what": "Python"},
    "file": {"name": "own.png"},
}


def triggers(used, hand):
    """What sets off each callback, by its name; what a widget is moved to is another value than it has."""
    found = {}
    for name, kind in callbacks(used):
        widget = getattr(used.controls, name)
        if kind == "message":
            for each, more in MESSAGES.items():
                content = [{"kind": each, **more}, *([png(picture(12))] if each == "file" else [])]
                found[name, each] = lambda w=widget, c=content: sent(w, *c)
        elif kind == "click":
            found[name, kind] = widget.click
        else:
            found[name, kind] = lambda n=name, w=widget: hand.page.move(w, **elsewhere(hand, n, w))
    return found


def elsewhere(hand, name, widget):
    """A state for a widget that is not the one it is in."""
    while True:
        state = hand.state(name, widget)
        if any(np.any(getattr(widget, trait) != value) for trait, value in state.items()):
            return state


SHALLOW = {  # what is broken, and whose it is
    "moved": lambda used: controller,
    "make_offer": lambda used: controller,
    "hear": lambda used: controller,
    "export_settings": lambda used: effects,
    "draw": lambda used: used.controller.renderer,
    "open_folder": lambda used: used.controller.gallery,
}


DEEP = [
    (SweepFigure, "show"),
    (UnitsFigure, "show"),
    (renderer, "jpeg"),
    (numbers, "Sweep"),
    (gallery, "load_image"),
    (gallery, "gather"),
    (gallery, "uploaded"),
    (controller, "settings_of"),
    (moves, "make_plan"),
    (export, "save_png"),
    (export, "safe_name"),
]


@pytest.fixture
def faulty(made_small, offered, quiet, monkeypatch):
    """A panel, units and texts in sight; a function that fires all callbacks while something is broken."""
    monkeypatch.setattr(export, "save_gif", lambda path, *_, **__: path.write_bytes(b"") or path)
    used = made_small([ToyModel(), OtherModel()], files(offered), top=1)
    page = Page(used, monkeypatch)
    hand = Hand(used, page, 3, offered)
    hand.texts = {
        "search": ["sea", "palm", "cat", "dog"],
        "folder": [str(offered / "more"), ""],
        "value_range": ["0 255", ""],
        "settings": [used.settings, used.settings.replace('"k": 1', '"k": 3')] * 3,
    }
    page.move(used.controls.units_row, value=True)
    page.move(used.controls.drawers, selected_index=1)  # so that Python and settings are written, too

    def fire(owner, name):
        found = triggers(used, hand).items()
        return {place for place, trigger in found if hit(used, page, trigger, owner, name)}

    return used, fire


def hit(used, page, trigger, owner, name):
    """Whether what is broken was come across; if so, everything is checked."""
    hits = []

    def broken(*given, **named):
        if name == "load_image" and threading.current_thread() is not threading.main_thread():
            return load_image(*given, **named)  # what is read ahead is told of in the list of images
        hits.append(name)
        raise Fault("<b>broken</b>")

    used.controller.renderer.forget()  # nothing is remembered that would have to be made there
    used.controller.numbers.clear()
    before = as_it_was(used)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, broken, raising=False)
        trigger()
    if hits:
        assert "Fault: &lt;b&gt;broken&lt;/b&gt;" in used.controls.error.value, name
        assert as_it_was(used) == before, name
        agree(used, page)
        assert not used.controller.setting and free(used.controller.lock)
    trigger()
    calm(used)
    if used.controls.error.value:  # by now it is of no use: the next move takes it away
        used.controls.reset.click()
    assert used.controls.error.value == "" and "broken" not in used.controls.status.value
    agree(used, page)
    return bool(hits)


def test_every_callback_that_fails_says_so_and_leaves_all_as_it_was(faulty):
    used, fire = faulty
    reached = set().union(*(fire(owner(used), name) for name, owner in SHALLOW.items()))
    assert reached == {*triggers(used, None)}
    silent = {n for n, w in movable(used.controls).items() if n not in {name for name, _ in reached}}
    assert silent == {"pace", "code", "copy_code", "copy_settings"}  # they work in the browser alone


@pytest.mark.slow
@pytest.mark.parametrize(("owner", "name"), DEEP, ids=[name for _, name in DEEP])
def test_whatever_breaks_below_a_callback_is_told_and_leaves_all_as_it_was(faulty, owner, name):
    _, fire = faulty
    assert fire(owner, name)


def test_what_breaks_while_images_are_read_ahead_is_told_in_the_list_of_images(
    made_small, offered, monkeypatch
):
    used = made_small(images=files(offered))
    calm(used)

    def broken(*_, **__):
        raise Fault("<b>broken</b>")

    monkeypatch.setattr(gallery, "load_image", broken)
    told = {}
    used.controller.gallery.check_ahead(range(2), None, lambda: False, told.update)
    assert told == {0: "Fault: <b>broken</b>", 1: "Fault: <b>broken</b>"}
    assert used.controls.error.value == ""


def test_where_no_thread_can_be_had_a_gif_is_refused_and_can_be_tried_again(made_small, offered, monkeypatch):
    used = made_small(images=files(offered))
    calm(used)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        used.controls.save.click()
    assert "start new thread" in used.controls.error.value and "Saving" not in used.controls.status.value
    assert not used.controls.save.disabled
    used.controls.save.click()
    calm(used)
    assert "Saved" in used.controls.status.value and used.controls.error.value == ""


def test_where_no_thread_can_be_had_every_control_works_all_the_same(made_small, monkeypatch):
    used = made_small()
    calm(used)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    used.controls.k.value = 3
    assert used.state.k == 3 and used.controls.error.value == ""
    agree(used)
