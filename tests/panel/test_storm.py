"""After thousands of random events a panel shows what a fresh one shows, and holds no more."""

import ctypes
import gc
import os
import threading
from pathlib import Path

import pytest
from helpers.hand import Hand, files, storm, told
from helpers.panels import SMALL, seen
from ipywidgets.widgets.widget import _instances

from unitdrop.drawing import SweepFigure, UnitsFigure
from unitdrop.panel import Panel, controller


def parameters(network):
    return {name: value.numpy().tobytes() for name, value in network.module.state_dict().items()}


def again(used, folder):
    """Files for all the images that a panel has come to know, so that a fresh one may be given them."""
    found = {}
    for source in used.controller.gallery.sources:
        path = Path(source.path or folder / "copies" / source.name)
        if not path.exists():
            path.write_bytes(source.get())
        found.setdefault(source.name, path)
    return list(found.values())


def census():
    """Widgets, figures and threads that there are."""
    gc.collect()
    figures = sum(type(each) in (SweepFigure, UnitsFigure) for each in gc.get_objects())
    return {"widgets": len(_instances), "figures": figures, "threads": threading.active_count()}


def resident():
    """Bytes of memory that this process holds now; 0 where the system does not tell."""
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)(0)  # what is free is not held
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


@pytest.mark.slow
def test_after_each_of_five_storms_a_panel_shows_what_a_fresh_one_shows_and_holds_no_more(
    stormy, network, offered
):
    (used, page), intact, ends = stormy, parameters(network), []
    storm(used, page, 100, 1_000, offered)
    counted, held = census(), resident()
    for seed in range(5):
        ends.append(storm(used, page, seed, 2_000, offered))
        assert census() == counted, seed
    assert resident() - held < 5e6
    assert parameters(network) == intact
    shows_as_fresh(used, ends, offered)


@pytest.mark.slow
def test_what_is_drawn_ahead_in_a_storm_changes_nothing(stormy, made_small, offered, monkeypatch):
    monkeypatch.setattr(controller, "IDLE", 0.001)
    used, page = stormy
    oracle = made_small([*used.controller.networks.at_hand.values()], files(offered))
    oracle.controller.gallery.sources = used.controller.gallery.sources
    for seed in range(7, 10):
        ends = [storm(used, page, seed, 300, offered)]
        hand = Hand(used, page, seed, offered)
        for _ in range(30):
            hand.move_any()
            used.controller.idle.join(30)  # both neighbours are there by now
            hand.move(hand.rng.choice(("back", "forth")))
            assert seen(used) == oracle.controller.renderer.render(used.state)
        shows_as_fresh(used, ends, offered)


def shows_as_fresh(used, ends, folder):
    """A fresh panel with the settings that each storm left shows what was shown then."""
    for end in ends:
        fresh = Panel(
            [*used.controller.networks.at_hand.values()], again(used, folder), size=SMALL, state=end[0]
        )
        assert told(fresh) == end
        fresh.close()
