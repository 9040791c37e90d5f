"""From a panel to files: GIFs on a thread of their own, pictures at once, nothing overwritten."""

import threading

from helpers.panels import IMAGES, SIZE, ToyModel, wait_until
from PIL import Image

from unitdrop import export
from unitdrop.panel import Panel, effects


def test_save_gif_writes_the_present_sweep_under_a_safe_name_and_says_where(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    controls = made(target="sand/dune", bottom=1).controls
    controls.save.click()
    wait_until(lambda: not controls.save.disabled)
    (path,) = tmp_path.iterdir()
    assert controls.error.value == "" and str(path) in controls.status.value
    assert "/" not in path.name and "sand-dune" in path.name
    with Image.open(path) as gif:
        assert gif.format == "GIF" and gif.n_frames > 1


def test_a_gif_that_cannot_even_be_named_is_an_error_and_the_button_stays_alive(made, monkeypatch):
    a_panel = made()
    with monkeypatch.context() as patch:
        patch.setattr(effects, "export_name", lambda *_: 1 / 0)
        a_panel.controls.save.click()
    assert "ZeroDivisionError" in a_panel.controls.error.value
    assert not a_panel.controls.save.disabled and not a_panel.controller.gif.writing


def test_while_a_gif_is_written_the_sliders_live_and_a_second_click_does_nothing(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    go, started = threading.Event(), []

    def slow(path, sweep, *, view, held, beside, progress, fresh):
        started.append(path)
        progress(1, 2)
        assert go.wait(30)
        path.write_bytes(b"GIF")
        return path

    monkeypatch.setattr(export, "save_gif", slow)
    a_panel = made()
    a_panel.controls.save.click()
    wait_until(lambda: "frame 1 of 2" in a_panel.controls.status.value)
    a_panel.controls.save.click()
    a_panel.controls.k.value = 4
    assert a_panel.state.k == 4 and len(started) == 1
    go.set()
    wait_until(lambda: "Saved" in a_panel.controls.status.value)


def test_a_failed_gif_is_reported_in_the_panel(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def broken(*_, **__):
        raise export.ExportError("no room left")

    monkeypatch.setattr(export, "save_gif", broken)
    controls = made().controls
    controls.save.click()
    wait_until(lambda: not controls.save.disabled)
    assert "no room left" in controls.error.value and "Saved" not in controls.status.value


def test_closing_the_panel_stops_the_gif(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a_panel = Panel(ToyModel(), IMAGES, size=SIZE)
    a_panel.controls.save.click()
    a_panel.close()
    wait_until(lambda: not any(t.name == "unitdrop-gif" for t in threading.enumerate()))
    assert list(tmp_path.iterdir()) == []


def test_a_png_is_saved_and_its_place_told(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a_panel = made(top=2)
    a_panel.controls.save_png.click()
    (path,) = tmp_path.glob("*.png")
    assert "top2_bottom0" in path.name and path.name in a_panel.controls.status.value
    assert Image.open(path).size == SIZE


def test_what_was_saved_before_is_not_overwritten(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    controls = made(top=2).controls
    for curves in ("classes", "shares"):
        controls.curves.value = curves
        controls.save_png.click()
    assert len(list(tmp_path.glob("*.png"))) == 2


def test_two_panels_that_save_at_once_get_a_file_each(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    both, real, rendered = [made(), made()], export.save_gif, threading.Barrier(2)

    def together(*given, **choices):
        rendered.wait(30)  # both have chosen their name
        return real(*given, **choices)

    monkeypatch.setattr(export, "save_gif", together)
    for each in both:
        each.controls.save.click()
    wait_until(lambda: not any(each.controls.save.disabled for each in both))
    said = {each.controls.status.value.partition("Saved ")[2].partition(" (")[0] for each in both}
    assert said == {str(path) for path in tmp_path.iterdir()} and len(said) == 2
    for path in tmp_path.iterdir():
        assert Image.open(path).n_frames > 1
