"""The panel as people make it: its arguments, how it shows itself, its end."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from helpers.panels import IMAGES, SIZE, UNITS, OtherModel, ToyModel, wait_until
from ipywidgets.widgets.widget import _instances

from unitdrop.panel import Panel, State
from unitdrop.plan import View
from unitdrop.readout import TargetError


def test_the_start_can_be_chosen(made):
    chosen = {
        "target": "palm & co",
        "rank": "random",
        "seed": 7,
        "scope": "class",
        "bottom": 2,
        "cam": "prediction",
    }
    a_panel = made(**chosen)
    view = View(cam="prediction", end="bottom")
    assert a_panel.state == State(0, 3, 2, 0, "random", "class", 7, view, model="toy")
    assert [a_panel.controls.k.value, a_panel.controls.end.value] == [2, "bottom"]


def test_numbers_of_numpy_do_as_well(made):
    a_panel = made(top=np.int64(2), seed=np.int64(3))
    assert a_panel.state == made(state=a_panel.settings).state and a_panel.state.k == 2


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"target": "moon"}, TargetError),
        ({"rank": "size"}, ValueError),
        ({"scope": "all"}, ValueError),
        ({"top": UNITS + 1}, ValueError),
        ({"top": 1, "bottom": 1}, ValueError),
        ({"cam": "both"}, ValueError),
        ({"size": (10, 10)}, ValueError),
        ({"model": 3}, ValueError),
        ({"model": "unknown"}, ValueError),
    ],
)
def test_a_bad_argument_is_refused_and_leaves_no_widget(wrong, error):
    before = set(_instances)
    with pytest.raises(error):
        Panel(**{"model": ToyModel(), "images": IMAGES, "size": SIZE} | wrong)
    assert set(_instances) == before


def test_a_panel_shows_itself_as_one_widget(made):
    bundle = made()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_closing_leaves_no_widget_and_no_thread_and_may_be_done_twice(folder):
    before = set(_instances)
    a_panel = Panel(ToyModel(), folder, size=SIZE)
    controls = a_panel.controls
    controls.k.value = 3
    assert len(_instances) > len(before)
    a_panel.close()
    a_panel.close()
    assert set(_instances) == before
    wait_until(lambda: not any(t.name.startswith("unitdrop") for t in threading.enumerate()))
    controls.k.value = 4
    assert a_panel.state.k == 3
    assert a_panel._repr_mimebundle_() == {"text/plain": "Panel (closed)"}


def test_closed_panels_hold_no_network(made):
    model = ToyModel()
    there = weakref.ref(model)
    a_panel = made([model, OtherModel()])
    settings = a_panel.settings
    a_panel.close()
    del model
    gc.collect()
    assert there() is None and a_panel.settings == settings


REPO = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_python_ends_cleanly_while_a_panel_reads_ahead_or_writes_a_gif(tmp_path):
    code = "import unitdrop; p = unitdrop.Panel(); p.controls.save.click()"
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPO)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
