"""A network on its way to a panel: from the first bytes to the first picture."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers import standins
from helpers.networks import entry
from helpers.panels import IMAGES, SIZE, OtherModel, SimpleCall, ToyModel, by_class, wait_until
from helpers.server import flipped_bit, once, serving, slow, truncated
from ipywidgets.widgets.widget import _instances

import unitdrop
from unitdrop.panel import Panel, networks


def fetching():
    """The threads that fetch a network."""
    return [thread for thread in threading.enumerate() if thread.name == "unitdrop-fetch"]


class SlowEntry:
    """A network of the catalogue that comes when it is told to."""

    name, size, cached, remote = "other", 5_000_000, False, SimpleNamespace(url="somewhere")

    def __init__(self):
        self.go, self.fault = threading.Event(), None

    def load(self, trust_unpinned, progress):
        while not self.go.wait(0.01):
            progress(1, 5)
        if self.fault:
            raise self.fault
        return OtherModel()


@pytest.fixture
def slow_entry(monkeypatch):
    entry = SlowEntry()
    monkeypatch.setattr(networks, "catalogue_entries", lambda: {"other": entry})
    yield entry
    entry.go.set()


def test_while_a_network_is_fetched_the_present_one_goes_on_and_then_gives_way(made, slow_entry):
    a_panel = made()
    controls = a_panel.controls
    assert ("other   (5 MB)", "other") in controls.model.options
    controls.model.value = "other"
    assert controls.model.value == a_panel.state.model == "toy" and len(a_panel.widget.children) == 2
    controls.k.value = 3
    assert a_panel.state.k == 3
    slow_entry.go.set()
    wait_until(lambda: len(a_panel.widget.children) == 1)
    assert a_panel.state.model == controls.model.value == "other" and a_panel.state.k == 3


def test_a_network_that_is_cancelled_or_fails_leaves_the_present_one(made, slow_entry):
    a_panel = made()
    controls = a_panel.controls
    controls.model.value = "other"
    by_class(a_panel, "cancel").click()
    assert a_panel.widget.children == (controls.box,) and "cancelled" in controls.status.value
    slow_entry.fault = ValueError("<no network>")
    slow_entry.go.set()
    controls.model.value = "other"
    wait_until(lambda: a_panel.widget.children == (controls.box,))
    assert "&lt;no network&gt;" in controls.error.value and a_panel.state.model == "toy"


def test_closing_while_a_network_is_fetched_leaves_nothing(slow_entry):
    before = set(_instances)
    a_panel = Panel(ToyModel(), IMAGES, size=SIZE)
    a_panel.controls.model.value = "other"
    a_panel.close()
    wait_until(lambda: not fetching())
    assert set(_instances) == before


def test_while_the_first_forward_pass_runs_the_panel_can_be_used_and_it_can_be_cancelled(made, slow_entry):
    a_panel, go = made(), threading.Event()
    other = OtherModel()
    slow_entry.load = lambda **_: SimpleCall(lambda image: go.wait(30) and other(image), other)
    controls = a_panel.controls
    controls.model.value = "other"
    wait_until(lambda: "first forward" in by_class(a_panel, "line").value)
    controls.k.value = 3
    assert a_panel.state.k == 3
    by_class(a_panel, "cancel").click()
    assert "cancelled" in controls.status.value
    go.set()
    wait_until(lambda: not fetching())
    assert a_panel.state.model == "toy" and a_panel.widget.children == (controls.box,)


def test_a_network_that_is_on_its_way_is_not_sent_for_twice(made, slow_entry):
    controls = made().controls
    controls.model.value = "other"
    before = fetching()
    controls.model.value = "other"
    assert fetching() == before != []


# -- from the server of a catalogue to the first picture


@pytest.mark.slow
def test_the_panel_stands_there_at_once_with_a_bar_and_then_shows_the_network(served, made):
    served.fault = slow(100e6)
    start = time.monotonic()
    panel = made("resnet50", "photo.png")
    assert panel.state is None and by_class(panel, "bar") is not None and by_class(panel, "frame") is None
    before = time.monotonic() - start
    wait_until(lambda: panel.state or 0 < by_class(panel, "bar").value < 1)
    wait_until(lambda: by_class(panel, "frame") is not None)
    assert before < time.monotonic() - start  # it was there before the network was
    assert by_class(panel, "bar") is None and panel.state.k == 0
    assert len(panel.widget.children) == 1 and bytes(by_class(panel, "frame").value)[:2] == b"\xff\xd8"
    before = by_class(panel, "frame").value
    by_class(panel, "k").value = 900
    assert panel.state.k == 900 and by_class(panel, "frame").value != before


def test_cancel_stops_the_download_keeps_nothing_and_can_be_taken_back(served, made, caches):
    served.fault = slow(2e6)
    panel = made("resnet50", "photo.png")
    wait_until(lambda: "MB" in by_class(panel, "line").value and by_class(panel, "bar").value > 0)
    button = by_class(panel, "cancel")
    assert button.description == "Cancel"
    button.click()
    assert "cancelled" in by_class(panel, "line").value
    wait_until(lambda: button.description == "Try again" and not button.disabled)
    wait_until(lambda: not fetching())
    assert not [path for path in (caches / "torch").rglob("*") if path.is_file() and path.stat().st_size]
    assert panel.state is None
    served.fault = None
    button.click()
    wait_until(lambda: by_class(panel, "frame") is not None)
    assert panel.state is not None


def test_a_download_that_fails_is_told_in_the_panel_and_can_be_tried_again(
    stand_ins, caches, made, monkeypatch
):
    monkeypatch.setattr("unitdrop.download.tries.PAUSE", 0.01)
    with serving(stand_ins.files, fault=once(truncated(1000), 3)) as server:
        standins.install(stand_ins.table_at(server.url("")), monkeypatch.setattr)
        panel = made("resnet50-places365", "photo.png")
        wait_until(lambda: by_class(panel, "cancel").description == "Try again")
        assert "resnet50_places365.pth.tar" in by_class(panel, "line").value
        by_class(panel, "cancel").click()
        wait_until(lambda: by_class(panel, "frame") is not None)
    assert sum(server.hits.values()) == 4


def test_an_altered_file_never_reaches_the_panel(stand_ins, caches, made, monkeypatch):
    monkeypatch.setattr("unitdrop.download.tries.PAUSE", 0.01)
    with serving(stand_ins.files, fault=flipped_bit(50_000_000)) as server:
        standins.install(stand_ins.table_at(server.url("")), monkeypatch.setattr)
        panel = made("resnet50", "photo.png")
        wait_until(lambda: by_class(panel, "cancel").description == "Try again")
        assert "sha256" in by_class(panel, "line").value and panel.state is None
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
    assert not served.hits and not fetching()


def test_the_panel_takes_what_has_to_be_trusted(served, made):
    panel = made("resnet18-places365", "photo.png", trust_unpinned=True)
    wait_until(lambda: by_class(panel, "frame") is not None)


def test_closing_a_panel_that_waits_stops_the_download(served, made):
    served.fault = slow(1e6)
    before = set(_instances)
    panel = made("resnet50", "photo.png")
    wait_until(lambda: by_class(panel, "bar").value > 0)
    panel.close()
    wait_until(lambda: not fetching())
    assert set(_instances) == before


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


def test_cancel_during_the_first_forward_pass_is_obeyed_and_leaves_nothing(held, made):
    before = set(_instances)
    panel = made("resnet18", "photo.png")
    assert held.begun.wait(30)
    by_class(panel, "cancel").click()
    assert by_class(panel, "cancel").disabled  # one thread at a time
    held.go_on.set()
    wait_until(lambda: not by_class(panel, "cancel").disabled)
    assert panel.state is None and by_class(panel, "frame") is None
    assert "cancelled" in by_class(panel, "line").value
    by_class(panel, "cancel").click()
    wait_until(lambda: by_class(panel, "frame") is not None)
    panel.close()
    assert set(_instances) == before


def test_a_picture_that_was_mended_is_read_when_it_is_tried_again(held, made):
    held.go_on.set()
    good = Path("photo.png").read_bytes()
    Path("photo.png").write_bytes(b"no picture")
    panel = made("resnet18", "photo.png")
    wait_until(lambda: by_class(panel, "cancel").description == "Try again")
    assert "photo.png" in by_class(panel, "line").value
    Path("photo.png").write_bytes(good)
    by_class(panel, "cancel").click()
    wait_until(lambda: by_class(panel, "frame") is not None)


def test_an_error_while_the_controls_are_made_is_told_and_leaves_nothing(held, made, monkeypatch):
    held.go_on.set()
    before = set(_instances)
    monkeypatch.setattr("unitdrop.panel.controls.Controls.answer_beside_cells", lambda self: 1 / 0)
    panel = made("resnet18", "photo.png")
    wait_until(lambda: by_class(panel, "cancel").description == "Try again")
    assert "ZeroDivisionError" in by_class(panel, "line").value and panel.state is None
    panel.close()
    assert set(_instances) == before
