"""The images of a panel: those of the start, folders, uploads, and what cannot be read."""

import io
import threading

import pytest
from helpers.panels import IMAGES, ToyModel, picture, png, sent, settle
from ipywidgets.widgets.widget import _instances
from PIL import Image

from unitdrop.images import ImageError, load_image
from unitdrop.panel import Panel, gallery
from unitdrop.panel.browser import LIMIT
from unitdrop.sweep import Sweep


def test_bad_files_are_named_with_the_reason_while_the_rest_load(made, folder):
    controls = settle(made(images=folder))
    assert [name for name, _ in controls.images.options] == ["a.png", "c.PNG"]
    assert "1 of 3 images cannot be read" in controls.notes.value and "b.jpg" in controls.notes.value
    controls.images.value = 2
    assert controls.error.value == ""


def test_bad_files_that_are_found_later_do_not_wipe_an_error_that_is_being_read(made, folder, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(gallery, "load_image", lambda source: go.wait(30) and load_image(source))
    a_panel = made(images=folder)
    monkeypatch.setattr(a_panel.controller.renderer, "draw", lambda state: 1 / 0)
    a_panel.controls.k.value = 1
    assert "ZeroDivisionError" in a_panel.controls.error.value
    go.set()
    settle(a_panel)
    assert "b.jpg" in a_panel.controls.notes.value
    assert "ZeroDivisionError" in a_panel.controls.error.value


def test_open_files_can_be_chosen_more_than_once(made):
    files = [io.BytesIO() for _ in IMAGES]
    for file, pixels in zip(files, IMAGES, strict=True):
        Image.fromarray(pixels).save(file, "PNG")
        file.seek(0)
    controls = settle(made(images=files))
    for index in (1, 2, 0, 1):
        controls.image.value = index
        assert controls.error.value == ""
    assert controls.notes.value == ""


def test_the_first_image_that_can_be_read_is_shown_first(made, folder):
    (folder / "a.png").write_bytes(b"")
    a_panel = made(images=folder)
    assert a_panel.state.image == 2 and "a.png" in a_panel.controls.notes.value


def test_where_no_image_can_be_read_the_reasons_are_given_and_no_widget_is_left(tmp_path):
    (tmp_path / "only.png").write_bytes(b"")
    before = set(_instances)
    with pytest.raises(ImageError, match=r"none of 1 can be read.*only\.png"):
        Panel(ToyModel(), tmp_path)
    assert set(_instances) == before


def drop(a_panel, name, content):
    """What the page sends for a file."""
    answers = []
    a_panel.controls.events.send = lambda content: answers.append(content)
    sent(a_panel.controls.events, {"kind": "file", "name": name}, memoryview(content))
    assert answers == [{"kind": "taken"}]


def test_a_file_that_is_dropped_is_shown_with_its_own_prediction(made):
    a_panel = made()
    drop(a_panel, "image 1", png(picture(9)))
    assert a_panel.controls.images.options[-1] == ("image 1 (2)", 3)
    assert a_panel.state.image == 3 and a_panel.state.target == Sweep(ToyModel()(picture(9))).target


def test_a_dropped_file_that_cannot_be_read_is_listed_with_the_reason(made):
    a_panel = made()
    before = a_panel.state
    drop(a_panel, "<b>.png", b"no picture")
    assert a_panel.state == before and len(a_panel.controls.images.options) == 3
    notes = a_panel.controls.notes.value
    assert "1 of 4" in notes and "&lt;b&gt;.png: is no" in notes
    drop(a_panel, "good.png", png(picture(9)))
    assert a_panel.state.image == 4 and "&lt;b&gt;.png" in a_panel.controls.notes.value


def test_a_dropped_file_that_is_too_large_is_refused(made):
    a_panel = made()
    drop(a_panel, "big.png", bytes(LIMIT + 1))
    assert "big.png: larger than 8 MB; give its folder" in a_panel.controls.error.value
    assert len(a_panel.controller.gallery.sources) == 3


def test_a_folder_replaces_the_images_and_an_empty_path_brings_them_back(made, folder):
    a_panel = made()
    controls = a_panel.controls
    controls.folder.value = f" {folder} "
    settle(a_panel)
    names = [name for name, _ in controls.images.options]
    assert (
        names == ["a.png", "c.PNG"]
        and a_panel.controller.gallery.sources[a_panel.state.image].name == "a.png"
    )
    assert "b.jpg" in controls.notes.value
    assert a_panel.state.target == a_panel.controller.numbers.predicted("toy", a_panel.state.image)
    controls.folder.value = ""
    assert [name for name, _ in controls.images.options] == ["image 1", "image 2", "image 3"]
    assert a_panel.state.image == 0 and controls.notes.value == ""


def test_uploads_stay_whatever_folder_is_chosen_and_reset_brings_the_first_images_back(made, folder):
    a_panel = made()
    controls = a_panel.controls
    drop(a_panel, "mine.png", png(picture(9)))
    controls.folder.value = str(folder)
    settle(a_panel)
    assert [name for name, _ in controls.images.options] == ["mine.png", "a.png", "c.PNG"]
    controls.folder.value = ""
    controls.folder.value = str(folder)
    assert len(a_panel.controller.gallery.sources) == 3 + 1 + 3  # no path twice
    settle(a_panel)
    controls.reset.click()
    names = [name for name, _ in controls.images.options]
    assert names == ["image 1", "image 2", "image 3", "mine.png"] and a_panel.state.image == 0


@pytest.mark.parametrize("path", ["~nobody-of-this-name", "x" * 5000, "a\0b"])
def test_a_path_that_cannot_be_is_told_in_short(made, path):
    a_panel = made()
    a_panel.controls.folder.value = path
    assert "no file or folder" in a_panel.controls.error.value and len(a_panel.controls.error.value) < 500


def test_a_folder_that_cannot_be_used_is_an_error_and_the_images_stay(made, tmp_path):
    a_panel = made()
    (tmp_path / "bad.png").write_bytes(b"bad")
    for path, words in ((tmp_path / "gone", "no file or folder"), (tmp_path, "no image in it can be read")):
        a_panel.controls.folder.value = str(path)
        assert words in a_panel.controls.error.value
        assert len(a_panel.controls.images.options) == 3 and a_panel.state.image == 0
