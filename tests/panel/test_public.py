"""A panel that others use: what it shows, gives, takes and tells."""

import json

import pytest
from helpers.panels import IMAGES, SIZE, ToyModel, by_class, png, sent, wait_until
from ipywidgets.widgets.widget import _instances

from unitdrop.panel import Panel, gallery, networks
from unitdrop.panel.browser import BrowserEvents
from unitdrop.panel.effects import EFFECTS


@pytest.fixture
def public(made, tmp_path, monkeypatch):
    """A public panel, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return made(public=True)


@pytest.fixture
def messages(monkeypatch):
    """What panels that are made from now on send to the page: contents and buffers."""
    found, send = [], BrowserEvents.send

    def heard(widget, content, buffers=None):
        found.append((content, buffers))
        return send(widget, content, buffers)

    monkeypatch.setattr(BrowserEvents, "send", heard)
    return found


def test_there_is_no_box_for_a_folder_and_opening_one_is_refused_all_the_same(public, tmp_path):
    assert by_class(public, "folder") is None and public.controls.folder is None
    assert all(control.asks != "folder" for control in public.controls.table)
    controller, before = public.controller, public.state
    controller.attempt(lambda: EFFECTS["folder"](controller, str(tmp_path)))
    assert "no folder can be opened here" in public.controls.error.value and public.state == before


def test_pictures_are_given_to_the_browser_and_none_is_written(messages, public, tmp_path):
    public.controls.save_png.click()
    (told, (content,)) = messages.pop()
    assert told["kind"] == "download" and told["name"].endswith("_top0_bottom0.png")
    assert content.startswith(b"\x89PNG") and told["name"] in public.controls.status.value
    public.controls.save.click()
    wait_until(lambda: not public.controls.save.disabled)
    (told, (content,)) = messages.pop()
    assert told["name"].endswith(".gif") and content.startswith(b"GIF89a")
    assert list(tmp_path.iterdir()) == [] and str(tmp_path) not in public.controls.status.value


def test_no_path_is_told(made, tmp_path):
    (tmp_path / "sea.png").write_bytes(png(IMAGES[0]))
    (tmp_path / "secret.txt").write_text("which nobody need know of")
    a_panel = made(images=tmp_path, public=True)
    assert "secret" not in a_panel.controls.notes.value
    a_panel.controls.drawers.selected_index = 1
    assert "'sea.png'" in a_panel.controls.code.value and str(tmp_path) not in a_panel.controls.code.value
    a_panel = made(images=tmp_path)
    a_panel.controls.drawers.selected_index = 1
    assert str(tmp_path) in a_panel.controls.code.value


def upload(a_panel, name, content):
    sent(a_panel.controls.events, {"kind": "file", "name": name}, content)
    return a_panel.controls.error.value


def test_uploads_are_bounded_in_sum_good_or_bad(public, made, monkeypatch):
    monkeypatch.setattr(gallery, "UPLOADED", 10_000)
    a_panel = made(public=True)
    assert upload(a_panel, "bad.png", bytes(6000)) == ""
    assert upload(a_panel, "good.png", png(IMAGES[1])) == "" and "good.png" in str(
        a_panel.controls.images.options
    )
    assert "there is no room left" in upload(a_panel, "worse.png", bytes(6000))
    sources = len(a_panel.controller.gallery.sources)
    for _ in range(200):
        upload(a_panel, "small.png", b"x")
    assert len(a_panel.controller.gallery.sources) <= sources + 100
    assert "there is no room left" in a_panel.controls.error.value
    a_panel.controls.k.value = 2
    assert a_panel.state.k == 2 and a_panel.controls.error.value == ""


def test_one_s_own_panel_takes_any_number(made, monkeypatch):
    monkeypatch.setattr(gallery, "UPLOADED", 10_000)
    a_panel = made()
    for _ in range(3):
        assert upload(a_panel, "bad.png", bytes(6000)) == ""


class Kept:
    """A network of the catalogue, on this machine or not."""

    def __init__(self, name, cached):
        self.name, self.cached, self.size, self.units, self.classes = name, cached, 5e6, 6, 4
        self.remote, self.loads = type("Remote", (), {"url": "somewhere", "path": "here"})(), []

    def settings(self):
        return {"labels": ToyModel.labels}

    def load(self, **given):
        self.loads.append(given)
        model = ToyModel()
        model.name = self.name
        return model


@pytest.fixture
def told():
    """Make panels that are given no network; they are closed again."""
    panels = []

    def make(settings):
        panels.append(Panel(None, IMAGES, size=SIZE, state=settings))
        return panels[-1]

    yield make
    for each in panels:
        each.close()


@pytest.fixture
def catalogue(monkeypatch):
    known = {"here": Kept("here", True), "away": Kept("away", False)}
    monkeypatch.setattr(networks, "catalogue_entries", lambda: known)
    return known


def test_the_menu_has_what_is_on_this_machine_and_nothing_is_downloaded(catalogue, made):
    a_panel = made(public=True)
    assert [name for _, name in a_panel.controls.model.options] == ["toy", "here"]
    a_panel.controller.ask("model", "away")
    assert "is not on this machine" in a_panel.controls.error.value and catalogue["away"].loads == []
    a_panel.controls.model.value = "here"
    wait_until(lambda: a_panel.state.model == "here")
    assert catalogue["here"].loads[0]["checkpoint"] == "here"  # read as it is: not fetched again if damaged


def test_a_public_panel_of_a_network_that_is_not_here_is_refused(catalogue):
    before = set(_instances)
    with pytest.raises(ValueError, match="'away' is not on this machine"):
        Panel("away", IMAGES, size=SIZE, public=True)
    assert set(_instances) == before


# -- settings that name a network


SETTINGS = json.dumps({"image": "image 1", "target": 0, "model": "away"})


def test_settings_start_no_download_before_somebody_asks_for_it(catalogue, told):
    a_panel = told(SETTINGS)
    line, button = by_class(a_panel, "line"), by_class(a_panel, "cancel")
    assert "is not on this machine (about 5 MB from somewhere)" in line.value
    assert button.description == "Download" and catalogue["away"].loads == []
    button.click()
    wait_until(lambda: a_panel.state is not None)
    assert a_panel.state.model == "away" and "checkpoint" not in catalogue["away"].loads[0]


def test_settings_of_a_network_that_is_here_or_given_are_taken_over_at_once(catalogue, told, made):
    a_panel = told(SETTINGS.replace("away", "here"))
    wait_until(lambda: a_panel.state is not None)
    assert catalogue["here"].loads[0]["checkpoint"] == "here"
    a_panel = made("away", state=SETTINGS)
    wait_until(lambda: a_panel.state is not None)
    assert "checkpoint" not in catalogue["away"].loads[0]


@pytest.mark.parametrize(
    "name",
    [
        "{0}:f",
        "{0}",
        "{0}:f.py:f",
        "~/evil.py:f",
        "evil.PY:f",
        "file://{0}:f",
        "https://evil.org/e.py:f",
        "./e.py:",
    ],
)
def test_settings_run_no_file_however_they_name_it(tmp_path, monkeypatch, name):
    evil = tmp_path / "evil.py"
    evil.write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'was here')!r}).touch()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for model in (None, ToyModel()):
        settings = json.dumps({"image": "image 1", "target": 0, "model": name.format(evil)})
        with pytest.raises(ValueError, match="give that as model"):
            Panel(model, IMAGES, size=SIZE, state=settings)
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize("path", ["/srv/nets/net.pth", "~/my nets/net.pth", ".../of/a/cache/net.pth"])
def test_what_goes_wrong_is_told_without_a_path_of_this_machine(public, path):
    def fail():
        raise ValueError(f"checkpoint {path!r}: its entry 'data/3' is damaged (see https://example.org/x/y)")

    public.controller.attempt(fail)
    told = public.controls.error.value
    assert "net.pth" in told and "https://example.org/x/y" in told
    assert "/srv" not in told and "my nets" not in told and "cache" not in told
