"""The Python of a picture: it makes that picture, and no name can leave its place in it."""

import ast
from dataclasses import replace

import numpy as np
from helpers.panels import SIZE, NastyModel, SimpleCall, ToyModel, picture
from PIL import Image

from unitdrop.drawing import SweepFigure


def test_the_python_that_is_shown_makes_the_same_picture(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.kron(picture(5), np.ones((9, 9, 1), np.uint8))).save("five.png")
    a_panel = made("scenes", "five.png")
    controls = a_panel.controls
    controls.drawers.selected_index = 1
    controls.kept.value, controls.cam.value, controls.curves.value = (9, 250), "difference", "shares"
    exec(controls.code.value, {})
    drawn = SweepFigure(*SIZE)
    state, sweep = a_panel.state, a_panel.controller.numbers.sweep(a_panel.state)
    pixels = drawn.show(sweep, *state.window.ends, state.view)
    drawn.close()
    np.testing.assert_array_equal(np.asarray(Image.open("picture.png")), pixels)
    settings = {}
    exec(controls.code.value.partition("# in a panel")[2].partition("\n")[2], settings)
    assert settings["settings"] == a_panel.settings


def test_a_label_cannot_add_a_line_to_the_python(made):
    model = ToyModel()
    model.labels = ("a\nimport os", "b", "c", "d")
    make = model.__call__
    a_panel = made(SimpleCall(lambda image: replace(make(image), labels=model.labels), model), target=0)
    a_panel.controls.drawers.selected_index = 1
    code = a_panel.controls.code.value
    assert "a import os" in code and "\nimport os" not in code


def test_no_name_can_leave_its_place_in_the_python_of_a_picture(made_small, tmp_path):
    path = tmp_path / "a\n'''+1#.png"
    Image.fromarray(picture(5)).save(path)
    network = NastyModel()
    network.name = "toy\rimport antigravity\nimport this"
    used = made_small(network, path, target=1)
    used.controls.drawers.selected_index = 1
    used.controls.beside.value = ("scope", "class")
    kinds = [type(node).__name__ for node in ast.parse(used.controls.code.value).body]
    assert kinds == ["Import", "Assign", "Assign", "Assign", "Expr", "Assign"]
