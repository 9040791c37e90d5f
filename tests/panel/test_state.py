"""The state of a panel, and its settings string: a format that people keep."""

import json

import pytest
from helpers.hand import agree, as_it_was, no_thread, told
from helpers.panels import IMAGES, SIZE, SMALL, OtherModel, Page, ToyModel, picture, seen
from ipywidgets.widgets.widget import _instances
from PIL import Image

from unitdrop.panel import Panel, State
from unitdrop.panel.state import restored, settings_of
from unitdrop.plan import View

# As version 0.1.0 wrote it.
WRITTEN = (
    '{"image": "sea.png", "target": 3, "k": 20, "end": "bottom", "rank": "random", "scope": "class", '
    '"seed": 7, "cam": "difference", "scale": "frame", "cmap": "viridis", "opacity": 0.4, '
    '"curves": "shares", "held": 5, "units": true, "first": 12, "unit": 9, '
    '"beside": ["image", "sand.png"], "narrow": true, "model": "scenes"}'
)


def test_what_an_older_version_wrote_is_read_and_written_back_byte_for_byte():
    names = ["sand.png", "sea.png"]
    state = restored(WRITTEN, names)
    view = View("difference", "viridis", 0.4, end="bottom", scale="frame", curves="shares", unit=9)
    assert state == State(1, 3, 20, 5, "random", "class", 7, view, True, 12, ("image", 0), True, "scenes")
    assert settings_of(state, names) == WRITTEN


def test_a_state_goes_through_its_string_and_back():
    state = State(0, 3, 20).changed(cam="prediction", held=2, units_row=True, unit=4, first=1)
    assert restored(settings_of(state, ["sea.png"]), ["sea.png"]) == state
    assert restored('{"image": "sea.png", "target": 3}', ["sea.png"]) == State(0, 3)


@pytest.mark.parametrize("more", [{"top_classes": 4}, {"view": {}}, {"units_row": True}])
def test_a_field_that_no_control_shows_is_that_of_another_version(more):
    with pytest.raises(ValueError, match=r"unknown .*; these are the settings of another version"):
        restored(json.dumps({"image": "sea.png", "target": 3, **more}), ["sea.png"])


def test_a_change_reaches_the_state_and_its_view_and_leaves_the_old_one_alone():
    state = State(0, 3)
    assert state.changed(k=2, end="bottom").window.ends == (0, 2)
    assert state.changed(k=2).view is state.view and state.k == 0


# -- settings that are given to a panel or pasted into it


def test_settings_that_are_pasted_bring_back_their_picture(made):
    a_panel = made(top=2)
    settings, before = a_panel.settings, a_panel.state
    controls = a_panel.controls
    controls.image.value, controls.k.value, controls.cam.value = 1, 5, "difference"
    controls.settings.value = settings
    assert a_panel.state == before and controls.error.value == ""
    controls.settings.value = settings.replace('"toy"', '"resnet18"')
    assert "&#x27;resnet18&#x27;; choose that first" in controls.error.value and a_panel.state == before


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("", "copy them whole"),
        ("{", "copy them whole"),
        ("[1]", "copy them whole"),
        ("{}", "copy them whole"),
        ("[" * 100_000, "copy them whole"),
        ('{"image": ' * 50_000, "copy them whole"),
        ('{"image": "image 1", "target": 0, "beside": ' + "[" * 90_000, "copy them whole"),
        ('{"image": "image 1", "target": ' + "9" * 5000 + "}", "copy them whole"),
        ('{"image": "image 1", "target": 0, "k": ' + "9" * 4000 + "}", "k 9+; expected a whole number"),
        ('{"image": "image 1", "target": 0, "k": 1e999}', "k inf; expected a whole number"),
        ('{"image": "image 1", "target": 0, "opacity": NaN}', "opacity nan; expected a number"),
        ('{"image": "image 1", "target": 0, "target": 1}', "copy them whole"),
        ('{"image": "image 1", "target": 0}' + " " * 10_000_000, "copy them whole"),
        ('{"image": "' + "x" * 90_000 + '", "target": 0}', "no image 'x+"),
        ('{"image": "\\ud800", "target": 0}', "no image"),
        ("\ufeff{}", "copy them whole"),
        (b'{"image": "image 1", "target": 0}', "copy them whole"),
        (3, "copy them whole"),
        ({"image": "image 1", "target": 0}, "copy them whole"),
        ('{"image": "image 1", "target": 0, "speed": 3}', "unknown speed; these are the settings of another"),
        ('{"image": "image 1", "target": 0, "units": "yes"}', "units 'yes'; choose one of False, True"),
        ('{"image": "image 1", "target": 0, "end": "auto"}', "end 'auto'; choose one of top, bottom"),
        ('{"image": "image 1", "target": 0, "seed": 1099511627776}', "seed 1099511627776; expected a whole"),
        ('{"image": "image 1", "target": 0, "k": true}', "k True; expected a whole number"),
        ('{"image": "image 1", "target": 0, "unit": 99, "units": true}', "unit 99; this network has 6"),
        ('{"image": "image 1", "target": 0, "opacity": "x"}', "opacity 'x'; expected a number"),
        ('{"image": "image 1", "target": 0, "rank": ["weight"]}', "rank .'weight'.; choose one of weight"),
        ('{"image": "image 1", "target": 0, "beside": ["cam", "target"]}', "beside 'target'"),
        ('{"image": "image 1", "target": 0, "beside": ["image", "gone"]}', "no image 'gone'"),
        ('{"image": "image 1", "target": 0, "model": "other"}', "the network 'other'; give that as model"),
        ('{"image": "gone.png", "target": 0}', "no image 'gone.png'"),
        ('{"image": "image 1", "target": 0, "cmap": "jet"}', "choose one of inferno"),
        ('{"image": "image 1", "target": 0, "cam": "all"}', "cam"),
        ('{"image": "image 1", "target": 0, "k": 3, "held": 999}', "U = "),
        ('{"image": "image 1", "target": 99}', "target"),
    ],
)
def test_settings_that_cannot_be_taken_over_are_refused(state, words):
    before = set(_instances)
    with pytest.raises(ValueError, match=words):
        Panel(ToyModel(), IMAGES, size=SIZE, state=state)
    assert set(_instances) == before


WRONG = [
    {"end": "auto"},
    {"end": 1},
    {"target": "sea"},
    {"target": True},
    {"target": None},
    {"target": -1},
    {"target": 99},
    {"units": 1},
    {"units": "yes"},
    {"units": None},
    {"k": 2.0},
    {"k": "2"},
    {"k": True},
    {"k": -1},
    {"k": 7},
    {"held": 2.5},
    {"held": -1},
    {"held": 9},
    {"seed": -1},
    {"seed": 2**31},
    {"seed": 1.5},
    {"seed": True},
    {"units": True, "unit": 99},
    {"units": True, "unit": "1"},
    {"units": True, "unit": True},
    {"units": True, "unit": 1, "first": -3},
    {"units": True, "unit": 1, "first": "x"},
    {"opacity": True},
    {"opacity": 5},
    {"opacity": "x"},
    {"opacity": float("nan")},
    {"rank": ["weight"]},
    {"rank": 3},
    {"scope": None},
    {"cam": "all"},
    {"scale": "x"},
    {"curves": 1},
    {"cmap": "jet"},
    {"cmap": ["inferno"]},
    {"beside": ["scope", "moon"]},
    {"beside": ["scope", ["class"]]},
    {"beside": ["rank", 3]},
    {"beside": ["image"]},
    {"beside": ["image", "gone"]},
    {"beside": ["k", 3]},
    {"beside": "ab"},
    {"beside": {"scope": "class"}},
    {"beside": None},
    {"image": 0},
    {"image": None},
    {"model": ["toy"]},
    {"model": "gone"},
    {"model": None},
    {"pace": 3},
]


def test_settings_that_no_control_can_show_are_refused_and_leave_all_as_it_was(
    made_small, quiet, monkeypatch
):
    used = made_small(top=1)
    page = Page(used, monkeypatch)
    good, before = json.loads(used.settings), as_it_was(used)
    for wrong in WRONG:
        page.move(used.controls.settings, value=json.dumps(good | wrong))
        assert used.controls.error.value != "", wrong
        assert as_it_was(used) == before, wrong
        agree(used, page)
        page.move(used.controls.settings, value=used.settings)
        assert used.controls.error.value == "", wrong


@pytest.mark.parametrize("wrong", WRONG, ids=json.dumps)
def test_a_panel_of_settings_that_no_control_can_show_is_refused_and_leaves_no_widget(made_small, wrong):
    good = json.loads(made_small(top=1).settings)
    before = set(_instances)
    with pytest.raises(ValueError):
        Panel([ToyModel(), OtherModel()], IMAGES, size=SMALL, state=json.dumps(good | wrong))
    assert set(_instances) == before


def test_settings_find_their_image_among_others_of_the_same_name(made_small, tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        Image.fromarray(picture(number)).save(tmp_path / str(number) / "same.png")
    paths = [tmp_path / "1" / "same.png", tmp_path / "2" / "same.png"]
    used = made_small(images=paths)
    used.controls.image.value = 1
    assert told(made_small(images=paths, state=used.settings)) == told(used)
    folders = made_small(images=tmp_path / "1")
    folders.controls.folder.value = str(tmp_path / "2")
    settings, before = folders.settings, told(folders)
    folders.controls.k.value = 1
    folders.controls.settings.value = settings
    assert told(folders) == before
    assert told(made_small(images=tmp_path / "2", state=settings))[:2] == before[:2]


def test_the_room_there_is_is_known_to_a_panel_with_settings_and_after_a_failure(made_small, monkeypatch):
    used = made_small()
    used.controls.events.narrow = True
    fresh = made_small(state=used.settings)
    assert seen(fresh) == seen(used)
    assert fresh.controls.events.narrow  # else a wide page would not say that it is
    with monkeypatch.context() as patch:
        patch.setattr(used.controller.renderer, "draw", no_thread)
        used.controls.events.narrow = False
    assert used.controls.events.narrow and used.state.narrow
