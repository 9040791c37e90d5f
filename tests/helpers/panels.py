"""What tests of the panel share: toy networks, pictures, and a page that hears what a real one would."""

import io
import json
import threading
import time

import numpy as np
from ipywidgets.widgets.widget import Widget, _put_buffers
from PIL import Image

from unitdrop.images import load_image
from unitdrop.panel.toolkit import family
from unitdrop.readout import Readout

SIZE = (320, 180)
SMALL = (213, 160)
LABELS = ("sea", "sand/dune", "<b>rock</b>", "palm & co")
UNITS = 6
NASTY = "<img src=x onerror=alert(1)>"


class ToyModel:
    """A head over random maps that depend on the image; counts its calls."""

    name, units, labels = "toy", UNITS, LABELS

    def __init__(self):
        self.calls = 0

    def __call__(self, image):
        self.calls += 1
        pixels = load_image(image)
        rng = np.random.default_rng(int(pixels.sum()) + self.units - UNITS)
        maps = rng.exponential(1, (self.units, 2, 3))
        weight = rng.normal(0, 1, (len(self.labels), self.units))
        return Readout(maps, weight, np.zeros(len(self.labels)), self.labels, pixels, self.name)


class OtherModel(ToyModel):
    """Another head, with fewer units and other classes."""

    name, units, labels = "other", 4, ("cat", "dog", "sea cow")


class NastyModel(ToyModel):
    """A network that somebody else has named."""

    name, labels = NASTY, (NASTY, f"{NASTY}\nimport antigravity", "sea", "rock")


class SimpleCall:
    """A model that does something else when it is called."""

    def __init__(self, call, model):
        self._call, self.name, self.units, self.labels = call, model.name, model.units, model.labels

    def __call__(self, image):
        return self._call(image)


def picture(seed):
    """A picture of noise."""
    return np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)


IMAGES = [picture(seed) for seed in range(3)]


def png(pixels):
    """A picture as the bytes of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def seen(a_panel):
    """The bytes of what a panel shows: the picture, that beside it, the row of units."""
    controls = a_panel.controls
    return tuple(bytes(frame.value) for frame in (controls.frame, controls.beside_frame, controls.tiles))


def shown(a_panel):
    """What the controls say of the fields of the state."""
    return {control.asks: control.widget.value for control in a_panel.controls.of_fields}


def said(a_panel):
    """The fields of the state that controls stand for."""
    return {control.asks: a_panel.state.flat[control.asks] for control in a_panel.controls.of_fields}


def units_of(a_panel):
    """U of the network that is shown."""
    return a_panel.controller.numbers.units(a_panel.state.model)


def by_class(a_panel, name):
    """The widget in the first part of a panel that the page finds by "ud-" and this name; None if none."""
    parts = family(a_panel.widget.children[:1])
    found = [each for each in parts if f"ud-{name}" in getattr(each, "_dom_classes", ())]
    assert len(found) <= 1, name
    return found[0] if found else None


def sent(widget, content, *buffers):
    """The page sends a message to a widget."""
    widget._handle_custom_msg(content, list(buffers))


def is_closed(a_panel):
    """Whether a panel has been closed."""
    return a_panel.widget.comm is None


def wait_until(true, seconds=60):
    """Wait for something that another thread brings about."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


def settle(a_panel):
    """Wait until the images have been checked in advance; the panel's controls."""
    wait_until(lambda: not any(t.name == "unitdrop-images" for t in threading.enumerate()))
    return a_panel.controls


class Page:
    """A page that shows a panel: it knows of every widget what the kernel has told it, and no more."""

    def __init__(self, a_panel, monkeypatch):
        found = family([a_panel.widget, *a_panel.controls.links])
        self.states = {widget: dict(widget.get_state()) for widget in found}
        monkeypatch.setattr(Widget, "_send", self._hear(Widget._send))

    def _hear(self, send):
        def heard(widget, message, buffers=None):
            if message["method"] == "update" and widget in self.states:
                state = dict(message["state"])
                _put_buffers(state, message["buffer_paths"], buffers or [])
                self.states[widget] |= state
            return send(widget, message, buffers)

        return heard

    def move(self, widget, **state):
        """The user moves a control: the page shows it so, and says so."""
        self.states[widget] |= state
        widget.set_state(state)

    def stale(self):
        """What the page shows otherwise than the kernel has it."""
        return [
            (widget, name, told[name], value)
            for widget, told in self.states.items()
            for name, value in widget.get_state().items()
            if told[name] is not value and _plain(told[name]) != _plain(value)
        ]


def _plain(value):
    if value is None or isinstance(value, (str, int, float)):
        return value
    return bytes(value) if isinstance(value, (bytes, memoryview)) else json.loads(json.dumps(value))
