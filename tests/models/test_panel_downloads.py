"""The panel while a network of the catalogue is on its way: from the first bytes to the first picture."""

import threading
import time
from pathlib import Path

import pytest
import torch
from helpers import standins
from helpers.networks import entry
from helpers.server import flipped_bit, once, serving, slow, truncated
from ipywidgets.widgets.widget import _instances

import unitdrop
from unitdrop.panel import Panel


@pytest.fixture
def panels():
    made = []
    yield made
    for panel in made:
        panel.close()


def wait(until, seconds=60):
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def shown(panel, name):
    """The one widget of the panel with a class."""
    waiting = [panel.widget]
    while waiting:
        widget = waiting.pop()
        if f"ud-{name}" in getattr(widget, "_dom_classes", ()):
            return widget
        waiting += getattr(widget, "children", ())
    return None


def threads():
    return [thread.name for thread in threading.enumerate()]


# ------------------------------------------------------------------------------------------- a download


@pytest.mark.slow
def test_the_panel_stands_there_at_once_with_a_bar_and_then_shows_the_network(served, panels):
    served.fault = slow(100e6)
    start = time.monotonic()
    panel = Panel("resnet50", "photo.png")
    panels.append(panel)
    assert panel.state is None and shown(panel, "bar") is not None and shown(panel, "frame") is None
    before = time.monotonic() - start
    wait(lambda: 0 < shown(panel, "bar").value < 1 or panel.state)
    wait(lambda: shown(panel, "frame") is not None)
    assert before < time.monotonic() - start  # it was there before the network was
    assert shown(panel, "bar") is None and panel.state.k == 0
    assert len(panel.widget.children) == 1 and bytes(shown(panel, "frame").value)[:2] == b"\xff\xd8"
    before = shown(panel, "frame").value
    shown(panel, "k").value = 900
    assert panel.state.k == 900 and shown(panel, "frame").value != before


def test_cancel_stops_the_download_keeps_nothing_and_can_be_taken_back(served, panels, caches):
    served.fault = slow(2e6)
    panel = Panel("resnet50", "photo.png")
    panels.append(panel)
    wait(lambda: "MB" in shown(panel, "line").value and shown(panel, "bar").value > 0)
    button = shown(panel, "cancel")
    assert button.description == "Cancel"
    button.click()
    assert "cancelled" in shown(panel, "line").value
    wait(lambda: button.description == "Try again" and not button.disabled)
    wait(lambda: not [t for t in threads() if t.startswith("unitdrop-fetch")])
    assert not [path for path in (caches / "torch").rglob("*") if path.is_file() and path.stat().st_size]
    assert panel.state is None
    served.fault = None
    button.click()
    wait(lambda: shown(panel, "frame") is not None)
    assert panel.state is not None


def test_a_download_that_fails_is_told_in_the_panel_and_can_be_tried_again(
    stand_ins, caches, panels, monkeypatch
):
    monkeypatch.setattr("unitdrop.download.tries.PAUSE", 0.01)
    with serving(stand_ins.files, fault=once(truncated(1000), 3)) as server:
        standins.install(stand_ins.table_at(server.url("")), monkeypatch.setattr)
        panel = Panel("resnet50-places365", "photo.png")
        panels.append(panel)
        wait(lambda: shown(panel, "cancel").description == "Try again")
        assert "resnet50_places365.pth.tar" in shown(panel, "line").value
        shown(panel, "cancel").click()
        wait(lambda: shown(panel, "frame") is not None)
    assert sum(server.hits.values()) == 4


def test_an_altered_file_never_reaches_the_panel(stand_ins, caches, panels, monkeypatch):
    monkeypatch.setattr("unitdrop.download.tries.PAUSE", 0.01)
    with serving(stand_ins.files, fault=flipped_bit(50_000_000)) as server:
        standins.install(stand_ins.table_at(server.url("")), monkeypatch.setattr)
        panel = Panel("resnet50", "photo.png")
        panels.append(panel)
        wait(lambda: shown(panel, "cancel").description == "Try again")
        assert "sha256" in shown(panel, "line").value and panel.state is None
        assert not list(caches.rglob("*.pth"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": "best"},
        {"scope": "all"},
        {"cam": "both"},
        {"seed": -4},
        {"top": -1},
        {"top": 600},
        {"top": "3"},
        {"size": (1, 1)},
        {"target": "no such class"},
    ],
    ids=str,
)
def test_what_cannot_be_shown_is_refused_before_anything_is_fetched(served, wrong):
    with pytest.raises(ValueError, match="|".join(wrong).replace("size", "whole number from 160")):
        Panel("resnet18", "photo.png", **wrong)
    assert not served.hits and not [t for t in threads() if t.startswith("unitdrop-fetch")]


def test_the_panel_takes_what_has_to_be_trusted(served, panels):
    panel = Panel("resnet18-places365", "photo.png", trust_unpinned=True)
    panels.append(panel)
    wait(lambda: shown(panel, "frame") is not None)


def test_closing_a_panel_that_waits_stops_the_download(served, panels):
    served.fault = slow(1e6)
    before = set(_instances)
    panel = Panel("resnet50", "photo.png")
    wait(lambda: shown(panel, "bar").value > 0)
    panel.close()
    wait(lambda: not [t for t in threads() if t.startswith("unitdrop-fetch")])
    assert set(_instances) == before


# ------------------------------------------------------------------------------- the first forward pass


class Mean(torch.nn.Module):
    def forward(self, x):
        return x.relu().mean((2, 3))


class Held(unitdrop.Model):
    """A network whose first forward pass waits for a sign."""

    def __call__(self, image):
        self.begun.set()
        assert self.go_on.wait(60)
        return super().__call__(image)


@pytest.fixture
def held(caches, monkeypatch):
    """An entry of the catalogue whose network is here at once, and whose first forward pass is held."""
    small = torch.nn.Sequential(torch.nn.Conv2d(3, 512, 9, stride=9), Mean(), torch.nn.Linear(512, 1000))
    model = Held(small, name="held", **entry("resnet18").settings())
    model.begun, model.go_on = threading.Event(), threading.Event()
    monkeypatch.setattr("unitdrop.models.entry.Entry.load", lambda *_, **__: model)
    yield model
    model.go_on.set()


def test_cancel_during_the_first_forward_pass_is_obeyed_and_leaves_nothing(held, panels):
    before = set(_instances)
    panel = Panel("resnet18", "photo.png")
    panels.append(panel)
    assert held.begun.wait(30)
    shown(panel, "cancel").click()
    assert shown(panel, "cancel").disabled  # one thread at a time
    held.go_on.set()
    wait(lambda: not shown(panel, "cancel").disabled)
    assert panel.state is None and shown(panel, "frame") is None and "cancelled" in shown(panel, "line").value
    shown(panel, "cancel").click()
    wait(lambda: shown(panel, "frame") is not None)
    panel.close()
    assert set(_instances) == before


def test_a_picture_that_was_mended_is_read_when_it_is_tried_again(held, panels):
    held.go_on.set()
    good = Path("photo.png").read_bytes()
    Path("photo.png").write_bytes(b"no picture")
    panel = Panel("resnet18", "photo.png")
    panels.append(panel)
    wait(lambda: shown(panel, "cancel").description == "Try again")
    assert "photo.png" in shown(panel, "line").value
    Path("photo.png").write_bytes(good)
    shown(panel, "cancel").click()
    wait(lambda: shown(panel, "frame") is not None)


def test_an_error_while_the_controls_are_made_is_told_and_leaves_nothing(held, panels, monkeypatch):
    held.go_on.set()
    before = set(_instances)
    monkeypatch.setattr("unitdrop.panel.controls.Controls.answer_beside_cells", lambda self: 1 / 0)
    panel = Panel("resnet18", "photo.png")
    wait(lambda: shown(panel, "cancel").description == "Try again")
    assert "ZeroDivisionError" in shown(panel, "line").value and panel.state is None
    panel.close()
    assert set(_instances) == before
