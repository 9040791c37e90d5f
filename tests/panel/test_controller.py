"""What controls ask for, the picture follows; a failure leaves all as it was."""

import threading

import numpy as np
import pytest
from helpers.panels import IMAGES, LABELS, SIZE, UNITS, ToyModel, said, seen, shown
from hypothesis import given, settings
from hypothesis import strategies as st

from unitdrop.panel import Panel
from unitdrop.plan import CMAPS, VIEW_CHOICES
from unitdrop.sweep import RANKINGS

HANDLED = st.one_of(
    st.tuples(st.just("k"), st.integers(0, UNITS)),
    st.tuples(st.sampled_from(("image", "images")), st.integers(0, len(IMAGES) - 1)),
    st.tuples(st.sampled_from(("target", "targets")), st.integers(0, len(LABELS) - 1)),
    st.tuples(st.just("end"), st.sampled_from(("top", "bottom"))),
    st.tuples(st.just("rank"), st.sampled_from(RANKINGS)),
    st.tuples(st.just("scope"), st.sampled_from(("unit", "class"))),
    st.tuples(st.just("seed"), st.integers(0, 3)),
    st.tuples(st.just("cam"), st.sampled_from(VIEW_CHOICES["cam"])),
    st.tuples(st.just("scale"), st.sampled_from(VIEW_CHOICES["scale"])),
    st.tuples(st.just("curves"), st.sampled_from(VIEW_CHOICES["curves"])),
    st.tuples(st.just("cmap"), st.sampled_from(CMAPS)),
    st.tuples(st.just("opacity"), st.sampled_from((0.0, 0.3, 1.0))),
    st.tuples(st.just("units_row"), st.booleans()),
    st.tuples(
        st.just("kept"), st.tuples(st.integers(0, UNITS), st.integers(0, UNITS)).map(sorted).map(tuple)
    ),
    st.tuples(st.sampled_from(("back", "forth", "to_flip", "reset")), st.none()),
)


@settings(max_examples=15, deadline=None)
@given(moves=st.lists(HANDLED, max_size=6))
def test_after_any_moves_the_panel_shows_what_a_fresh_one_with_the_same_settings_shows(moves):
    used = Panel(ToyModel(), IMAGES, size=SIZE)
    for name, value in moves:
        control = getattr(used.controls, name)
        if value is None:
            control.click()
        else:
            control.value = value
    at = used.state
    fresh = Panel(ToyModel(), IMAGES, size=SIZE, state=used.settings)
    error = used.controls.error.value
    same = seen(used) == seen(fresh)
    values = shown(used)
    both = [(p.state, p.settings, p.controls.kept.value) for p in (used, fresh)]
    used.close()
    fresh.close()
    assert same and both[0] == both[1]
    assert error == "" or "no flip" in error
    assert values == {name: at.flat[name] for name in values}


class FragileModel(ToyModel):
    """Refuses the second image."""

    error = RuntimeError("<script>alert(1)</script> the network broke")

    def __call__(self, image):
        if np.array_equal(image, IMAGES[1]):
            raise self.error
        return super().__call__(image)


def test_a_failure_is_shown_and_leaves_picture_state_and_controls_as_they_were(made):
    a_panel = made(FragileModel(), top=2)
    controls, before, frame = a_panel.controls, a_panel.state, a_panel.controls.frame.value
    controls.images.value = 1
    assert "the network broke" in controls.error.value and "<script>" not in controls.error.value
    assert a_panel.state == before and controls.frame.value == frame
    assert controls.image.value == controls.images.value == 0
    controls.k.value = 3
    assert controls.error.value == "" and a_panel.state.k == 3


def test_an_interrupt_passes_on_but_leaves_picture_and_controls_in_step(made):
    model = FragileModel()
    model.error = KeyboardInterrupt()
    a_panel = made(model)
    before = a_panel.state
    with pytest.raises(KeyboardInterrupt):
        a_panel.controls.image.value = 1
    assert a_panel.state == before and a_panel.controls.image.value == 0


def test_a_fault_while_a_picture_is_committed_is_shown_and_taken_back(made, monkeypatch):
    a_panel = made()
    controls, before, frames = a_panel.controls, a_panel.state, seen(a_panel)
    show, faults = controls.show, iter([True])
    monkeypatch.setattr(controls, "show", lambda *told: 1 / 0 if next(faults, False) else show(*told))
    controls.k.value = 3
    assert "ZeroDivisionError" in controls.error.value
    assert a_panel.state == before and seen(a_panel) == frames and controls.k.value == 0
    controls.k.value = 3
    assert a_panel.state.k == 3 and controls.error.value == ""


def test_callbacks_from_several_threads_end_in_a_picture_of_the_state(made):
    a_panel = made()
    controls = a_panel.controls

    def hammer(name, values):
        for value in values:
            getattr(controls, name).value = value

    jobs = [("k", [1, 4, 2, 5] * 3), ("targets", [0, 1, 2, 3] * 3), ("images", [1, 2, 0] * 3)]
    threads = [threading.Thread(target=hammer, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert controls.error.value == ""
    assert controls.frame.value == a_panel.controller.renderer.draw(a_panel.state).picture
    assert shown(a_panel) == said(a_panel)
