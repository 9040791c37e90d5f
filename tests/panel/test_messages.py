"""Names of files, classes and networks are text wherever they are shown."""

import threading

import ipywidgets as widgets
from helpers.hand import files, no_thread, storm
from helpers.panels import NASTY, NastyModel, OtherModel, Page, picture, settle, wait_until
from PIL import Image

from unitdrop import export
from unitdrop.panel.fetching import FetchingBar
from unitdrop.panel.toolkit import family


def test_names_are_shown_as_text_never_as_html(made, folder):
    (folder / "<img src=x onerror=alert(1)>.png").write_bytes(b"bad")
    controls = settle(made(images=folder))
    assert not any(getattr(each.widget, "description_allow_html", False) for each in controls.table)
    assert "<img" not in controls.notes.value and "&lt;img src=x" in controls.notes.value


def test_names_of_files_classes_and_networks_are_text_wherever_they_are_shown(
    made_small, offered, quiet, monkeypatch
):
    monkeypatch.setattr(export, "save_gif", lambda path, *_, **__: path.write_bytes(b"") or path)
    for name in (f"image {NASTY}.png", f"more/{NASTY}.png"):
        Image.fromarray(picture(5)).save(offered / name)
    (offered / f"image {NASTY} broken.png").write_bytes(b"no picture")
    used = made_small([NastyModel(), OtherModel()], files(offered))
    settle(used)
    lines = {w: [w.value] for w in family([used.widget]) if isinstance(w, (widgets.HTML, widgets.HTMLMath))}
    for widget, values in lines.items():
        widget.observe(lambda change, values=values: values.append(change["new"]), "value")
    page = Page(used, monkeypatch)
    storm(used, page, 21, 400, offered)
    assert not any(getattr(w, "description_allow_html", False) for w in page.states)
    assert not any("<img" in value for values in lines.values() for value in values)
    controls = used.controls
    for shown_in in ([controls.error], [controls.status], [controls.notes], controls.captions):
        assert any("&lt;img" in value for widget in shown_in for value in lines[widget])


def test_a_network_that_is_fetched_or_fails_is_named_as_text(made_small):
    entry = type("Entry", (), {"name": NASTY, "cached": True, "load": lambda self, **_: no_thread(NASTY)})()
    waiting = FetchingBar(entry, None, False)
    values = []
    waiting.line.observe(lambda change: values.append(change["new"]), "value")
    waiting.begin()
    wait_until(lambda: not any(t.name == "unitdrop-fetch" for t in threading.enumerate()))
    waiting.close()
    assert any("&lt;img" in value for value in values) and not any("<img" in value for value in values)
