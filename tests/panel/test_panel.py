"""The panel: controls to state to picture; nothing redundant, nothing left over, nothing swallowed."""

import gc
import io
import os
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.panels import (
    IMAGES,
    LABELS,
    SIZE,
    UNITS,
    OtherModel,
    ToyModel,
    by_class,
    is_closed,
    picture,
    png,
    said,
    seen,
    settle,
    shown,
    wait_until,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from ipywidgets.widgets.widget import _instances
from PIL import Image

from unitdrop import export
from unitdrop.drawing import SweepFigure
from unitdrop.images import ImageError, load_image
from unitdrop.panel import (
    Panel,
    State,
    cells,
    controller,
    effects,
    gallery,
    gather,
    jpeg,
    networks,
    numbers,
    sources,
)
from unitdrop.panel.browser import LIMIT
from unitdrop.panel.effects import hear
from unitdrop.panel.renderer import narrow_size
from unitdrop.plan import CMAPS, VIEW_CHOICES, View
from unitdrop.readout import TargetError
from unitdrop.sweep import RANKINGS, Sweep

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def made(monkeypatch):
    """Make panels that are closed again; what they draw when nobody waits is drawn too late to matter."""
    monkeypatch.setattr(controller, "IDLE", 600)
    panels = []

    def make(model=None, images=IMAGES, **choices):
        panels.append(Panel(model or ToyModel(), images, **{"size": SIZE} | choices))
        return panels[-1]

    yield make
    for each in panels:
        each.close()


@pytest.fixture
def draws(monkeypatch):
    """Every picture drawn, as (top, bottom)."""
    seen = []
    show = SweepFigure.show

    def counted(self, sweep, top=0, bottom=0, view=None):
        seen.append((top, bottom))
        return show(self, sweep, top, bottom, view)

    monkeypatch.setattr(SweepFigure, "show", counted)
    return seen


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "c.PNG"):
        Image.fromarray(picture(len(name))).save(tmp_path / name)
    (tmp_path / "b.jpg").write_bytes(b"not a picture")
    (tmp_path / "notes.txt").write_text("not meant as a picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    return tmp_path


# ---------------------------------------------------------------------------------------------- picture


def test_the_first_picture_is_there_at_once_and_is_a_crisp_jpeg(made):
    shown = Image.open(io.BytesIO(made().controls.frame.value))
    assert shown.format == "JPEG" and shown.size == SIZE
    assert all(factors[1:3] == (1, 1) for factors in shown.layer), "colour is subsampled"


MOVES = st.one_of(
    st.tuples(st.just("k"), st.integers(0, UNITS)),
    st.tuples(st.sampled_from(("image", "images")), st.integers(0, len(IMAGES) - 1)),
    st.tuples(st.sampled_from(("target", "targets")), st.integers(0, len(LABELS) - 1)),
    st.tuples(st.just("end"), st.sampled_from(("top", "bottom"))),
    st.tuples(st.just("rank"), st.sampled_from(RANKINGS)),
    st.tuples(st.just("scope"), st.sampled_from(("unit", "class"))),
    st.tuples(st.just("seed"), st.integers(0, 3)),
    st.tuples(st.just("cam"), st.sampled_from(VIEW_CHOICES["cam"])),
    st.tuples(st.just("scale"), st.sampled_from(VIEW_CHOICES["scale"])),
    st.tuples(st.just("curves"), st.sampled_from(VIEW_CHOICES["curves"])),
    st.tuples(st.just("cmap"), st.sampled_from(CMAPS)),
    st.tuples(st.just("opacity"), st.sampled_from((0.0, 0.3, 1.0))),
    st.tuples(st.just("units_row"), st.booleans()),
    st.tuples(
        st.just("kept"), st.tuples(st.integers(0, UNITS), st.integers(0, UNITS)).map(sorted).map(tuple)
    ),
    st.tuples(st.sampled_from(("back", "forth", "to_flip", "reset")), st.none()),
)


@settings(max_examples=15, deadline=None)
@given(moves=st.lists(MOVES, max_size=6))
def test_after_any_moves_the_panel_shows_what_a_fresh_one_with_the_same_settings_shows(moves):
    used = Panel(ToyModel(), IMAGES, size=SIZE)
    for name, value in moves:
        control = getattr(used.controls, name)
        if value is None:
            control.click()
        else:
            control.value = value
    at = used.state
    fresh = Panel(ToyModel(), IMAGES, size=SIZE, state=used.settings)
    error = used.controls.error.value
    same = seen(used) == seen(fresh)
    values = shown(used)
    both = [(p.state, p.settings, p.controls.kept.value) for p in (used, fresh)]
    used.close()
    fresh.close()
    assert same and both[0] == both[1]
    assert error == "" or "no flip" in error
    assert values == {name: at.flat[name] for name in values}


def test_each_move_draws_once_and_a_move_to_the_same_place_not_at_all(made, draws):
    controls = made().controls
    draws.clear()
    moves = {
        "k": 2,
        "image": 1,
        "images": 2,
        "targets": 3,
        "target": 0,
        "rank": "random",
        "seed": 5,
        "scope": "class",
        "end": "bottom",
        "cam": "prediction",
    }
    for name, value in moves.items():
        if getattr(controls, name).value == value:
            continue
        draws.clear()
        getattr(controls, name).value = value
        assert len(draws) == 1, name
        getattr(controls, name).value = value
        assert len(draws) == 1, name


def test_the_network_runs_once_for_each_image(made):
    model = ToyModel()
    controls = made(model).controls
    for k in range(UNITS):
        controls.k.value = k
    controls.rank.value, controls.target.value = "random", 2
    assert model.calls == 1
    controls.image.value = 1
    controls.image.value = 0
    assert model.calls == 2


# ---------------------------------------------------------------------------------------------- controls


def test_another_image_brings_its_own_prediction_and_keeps_k_and_the_rest(made):
    a_panel = made(target="sea", top=3, rank="contribution", scope="class")
    a_panel.controls.image.value = 2
    prediction = Sweep(ToyModel()(IMAGES[2])).target
    expected = State(image=2, target=prediction, k=3, rank="contribution", scope="class", model="toy")
    assert a_panel.state == expected


def test_classes_are_listed_by_intact_probability_with_the_prediction_first(made):
    controls = made().controls
    for image in range(3):
        controls.image.value = image
        intact = Sweep(ToyModel()(IMAGES[image])).probabilities()
        for widget in (controls.target, controls.targets):
            order = [index for _, index in widget.options]
            assert order == sorted(range(len(LABELS)), key=lambda c: -intact[c])
            assert all(text.startswith(LABELS[c]) and text.endswith("%") for text, c in widget.options)
        assert controls.target.value == controls.target.options[0][1]


def test_slider_and_list_of_images_and_classes_follow_each_other(made):
    controls = made().controls
    controls.image.value = 1
    assert controls.images.value == 1
    controls.images.value = 2
    assert controls.image.value == 2
    controls.targets.value = 3
    assert controls.target.value == 3
    controls.target.value = 1
    assert controls.targets.value == 1


def test_the_buttons_step_by_one_unit_and_stop_at_the_ends(made):
    a_panel = made()
    controls = a_panel.controls
    controls.back.click()
    assert a_panel.state.k == controls.k.value == 0
    controls.forth.click()
    assert a_panel.state.k == controls.k.value == 1
    controls.k.value = UNITS
    controls.forth.click()
    assert a_panel.state.k == UNITS


def test_play_moves_k_and_goes_on_from_a_k_that_was_chosen(made):
    a_panel = made()
    controls = a_panel.controls
    assert (controls.play.min, controls.play.max, controls.play.step) == (0, UNITS, 1)
    controls.play.value = 3
    assert a_panel.state.k == controls.k.value == 3
    controls.k.value = 5
    assert controls.play.value == 5


def test_play_bounces_there_and_back_again(made):
    a_panel = made(top=UNITS - 1)
    controls = a_panel.controls
    controls.bounce.value = True
    seen_k = []
    for value in range(UNITS - 1, controls.play.max + 1):
        controls.play.value = value
        seen_k.append(a_panel.state.k)
        assert controls.play.value == value  # nobody interferes with it on its way back
    assert seen_k == [UNITS - 1, *range(UNITS, -1, -1)]
    controls.bounce.value = False
    assert controls.play.max == UNITS and controls.play.value == a_panel.state.k == 0


def test_the_pace_of_play_is_linked_in_the_browser(made):
    controls = made().controls
    (link,) = controls.links
    assert (link.source, link.target) == ((controls.pace, "value"), (controls.play, "interval"))


def test_the_seed_is_shown_only_where_chance_ranks(made):
    controls = made().controls
    assert controls.seed.layout.display == "none"
    controls.rank.value = "random"
    assert controls.seed.layout.display is None


def test_slider_and_picture_have_the_classes_that_tools_look_for(made):
    controls = made().controls
    assert "ud-k" in controls.k._dom_classes and "ud-frame" in controls.frame._dom_classes


def test_every_control_explains_itself(made):
    controls = made().controls
    others = (controls.play, controls.back, controls.forth, controls.save)
    for widget in (*(each.widget for each in controls.of_fields), *others):
        assert widget.tooltip, widget


def test_names_are_shown_as_text_never_as_html(made, folder):
    (folder / "<img src=x onerror=alert(1)>.png").write_bytes(b"bad")
    controls = settle(made(images=folder))
    assert not any(getattr(each.widget, "description_allow_html", False) for each in controls.table)
    assert "<img" not in controls.notes.value and "&lt;img src=x" in controls.notes.value


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


# ---------------------------------------------------------------------------------------------- images


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


@pytest.mark.parametrize("images", [[], "no/such/folder", ["no-such-file.png"]])
def test_images_that_are_not_there_are_refused(images):
    with pytest.raises(ImageError, match="images: "):
        Panel(ToyModel(), images)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ImageError, match="nothing to show"):
        gather(tmp_path)


def test_without_samples_scenes_are_rendered(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "SAMPLES", tmp_path / "gone")
    found = gather()
    assert len(found) >= 16 and load_image(found[0].get()).shape == (448, 448, 3)


# ---------------------------------------------------------------------------------------------- failures


class FragileModel(ToyModel):
    """Refuses the second image."""

    error = RuntimeError("<script>alert(1)</script> the network broke")

    def __call__(self, image):
        if np.array_equal(image, IMAGES[1]):
            raise self.error
        return super().__call__(image)


def test_a_failure_is_shown_and_leaves_picture_state_and_controls_as_they_were(made):
    a_panel = made(FragileModel(), top=2)
    controls, before, frame = a_panel.controls, a_panel.state, a_panel.controls.frame.value
    controls.images.value = 1
    assert "the network broke" in controls.error.value and "<script>" not in controls.error.value
    assert a_panel.state == before and controls.frame.value == frame
    assert controls.image.value == controls.images.value == 0
    controls.k.value = 3
    assert controls.error.value == "" and a_panel.state.k == 3


def test_an_interrupt_passes_on_but_leaves_picture_and_controls_in_step(made):
    model = FragileModel()
    model.error = KeyboardInterrupt()
    a_panel = made(model)
    before = a_panel.state
    with pytest.raises(KeyboardInterrupt):
        a_panel.controls.image.value = 1
    assert a_panel.state == before and a_panel.controls.image.value == 0


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


# ---------------------------------------------------------------------------------------------- closing


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


def test_a_panel_shows_itself_as_one_widget(made):
    bundle = made()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_cell_that_runs_again_closes_what_it_made_before_and_only_that(monkeypatch, made):
    monkeypatch.setattr(cells, "_shown", {})
    run = {"cell": "one", "run": "1"}
    monkeypatch.setattr(cells, "running_cell", lambda: (run["cell"], run["run"]))
    first, beside = made(), made()
    run.update(cell="two", run="2")
    elsewhere = made()
    run.update(cell="one", run="3")
    again = made()
    closed = [is_closed(each) for each in (first, beside, elsewhere, again)]
    assert closed == [True, True, False, False]


def test_outside_a_notebook_panels_leave_each_other_alone(made):
    first, second = made(), made()
    assert not is_closed(first) and not is_closed(second)


# ---------------------------------------------------------------------------------------------- GIF


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
        patch.setattr(effects, "free_path", lambda *_: 1 / 0)
        a_panel.controls.save.click()
    assert "ZeroDivisionError" in a_panel.controls.error.value
    assert not a_panel.controls.save.disabled and not a_panel.controller.gif.writing


def test_while_a_gif_is_written_the_sliders_live_and_a_second_click_does_nothing(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    go, started = threading.Event(), []

    def slow(path, sweep, *, view, held, beside, progress):
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


# ---------------------------------------------------------------------------------------------- threads


def test_callbacks_from_several_threads_end_in_a_picture_of_the_state(made):
    a_panel = made()
    controls = a_panel.controls

    def hammer(name, values):
        for value in values:
            getattr(controls, name).value = value

    jobs = [("k", [1, 4, 2, 5] * 3), ("targets", [0, 1, 2, 3] * 3), ("images", [1, 2, 0] * 3)]
    threads = [threading.Thread(target=hammer, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert controls.error.value == ""
    assert controls.frame.value == a_panel.controller.renderer.draw(a_panel.state).picture
    assert shown(a_panel) == said(a_panel)


# ---------------------------------------------------------------------------------------------- the window


def test_the_kept_ranks_and_k_are_one_window(made):
    a_panel = made()
    controls = a_panel.controls
    controls.kept.value = (2, UNITS - 1)
    assert a_panel.state.window.ends == (2, 1) and controls.k.value == 2
    controls.k.value = 3
    assert controls.kept.value == (3, UNITS - 1)
    controls.k.value = UNITS  # goes as far as leaves the one that is held
    assert a_panel.state.window.ends == (UNITS - 1, 1) and controls.kept.value == (UNITS - 1, UNITS - 1)
    controls.k.value = 1
    controls.end.value = "bottom"
    assert a_panel.state.window.ends == (1, 1) and controls.kept.value == (1, UNITS - 1)


def test_the_weights_of_the_kept_ranks_are_shown_and_can_be_set(made):
    a_panel = made()
    controls = a_panel.controls
    ranked = a_panel.controller.numbers.sweep(a_panel.state).weights_ranked
    controls.kept.value = (1, UNITS - 2)
    assert (controls.lightest.value, controls.heaviest.value) == pytest.approx(
        (ranked[-3], ranked[1]), rel=1e-3
    )
    controls.heaviest.value = float(ranked[2] + ranked[3]) / 2
    assert a_panel.state.window.ends == (3, 2)
    controls.lightest.value = float(ranked[4] + ranked[5]) / 2
    assert a_panel.state.window.ends == (3, 1)
    controls.lightest.value = float(ranked[0]) + 1  # heavier than all: with those dropped above, too many
    assert "drop fewer" in controls.error.value and a_panel.state.window.ends == (3, 1)
    controls.rank.value = "contribution"
    assert controls.lightest.layout.display == "none"


def test_to_the_flip_goes_where_the_prediction_changes_and_reset_back_to_the_start(made):
    a_panel = made(top=2, cam="prediction")
    controls, start = a_panel.controls, a_panel.state
    flip = a_panel.controller.numbers.sweep(start).flip
    controls.to_flip.click()
    if flip is None:
        assert "no flip" in controls.error.value
    else:
        assert a_panel.state.k == flip.k
    controls.kept.value, controls.rank.value, controls.opacity.value = (1, 3), "random", 0.2
    controls.reset.click()
    assert a_panel.state == start


def test_the_units_around_the_next_one_are_shown_while_they_are_wanted(made):
    a_panel = made(top=1)
    tiles, button = a_panel.controls.tiles, a_panel.controls.units_row
    assert tiles.layout.display == "none"
    button.value = True
    before = bytes(tiles.value)
    assert tiles.layout.display is None and before[:2] == b"\xff\xd8"
    a_panel.controls.k.value = 3
    assert bytes(tiles.value) != before
    button.value = False
    assert tiles.layout.display == "none" and not a_panel.state.units_row


# ---------------------------------------------------------------------------------------------- settings


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


def test_a_label_cannot_add_a_line_to_the_python(made):
    model = ToyModel()
    model.labels = ("a\nimport os", "b", "c", "d")
    make = model.__call__
    a_panel = made(SimpleCall(lambda image: replace(make(image), labels=model.labels), model), target=0)
    a_panel.controls.drawers.selected_index = 1
    code = a_panel.controls.code.value
    assert "a import os" in code and "\nimport os" not in code


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("", "copy them whole"),
        ("{", "copy them whole"),
        ("[1]", "copy them whole"),
        ("{}", "copy them whole"),
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


# ---------------------------------------------------------------------------------------------- networks


def test_another_network_of_the_menu_keeps_image_and_k_and_brings_its_own_prediction(made):
    first, second = ToyModel(), OtherModel()
    a_panel = made([first, second], top=UNITS)
    controls = a_panel.controls
    controls.image.value, controls.rank.value = 2, "random"
    assert [name for _, name in controls.model.options[:2]] == ["toy", "other"]
    controls.model.value = "other"
    expected = State(2, Sweep(second(IMAGES[2])).target, k=4, rank="random", model="other")
    assert a_panel.state == expected and (controls.k.max, controls.kept.max, controls.play.max) == (4, 4, 4)
    assert set(controls.search.options) == {"cat", "dog", "sea cow"}
    fresh = made([ToyModel(), OtherModel()], state=a_panel.settings)
    assert fresh.state == a_panel.state and seen(fresh) == seen(a_panel)
    calls = first.calls, second.calls
    controls.model.value = "toy"
    controls.model.value = "other"
    assert (first.calls, second.calls) == calls and a_panel.state.k == 4


def test_networks_of_the_same_name_are_told_apart(made):
    options = made([ToyModel(), ToyModel()]).controls.model.options
    assert [name for _, name in options[:2]] == ["toy", "toy (2)"]


def test_a_state_of_a_network_that_is_not_there_says_which_it_was(made):
    settings = made().settings
    with pytest.raises(ValueError, match="the network 'toy'; give that as model"):
        Panel(images=IMAGES, state=settings)


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
    wait_until(lambda: not any(t.name == "unitdrop-fetch" for t in threading.enumerate()))
    assert set(_instances) == before


def test_closed_panels_hold_no_network(made):
    model = ToyModel()
    there = weakref.ref(model)
    a_panel = made([model, OtherModel()])
    settings = a_panel.settings
    a_panel.close()
    del model
    gc.collect()
    assert there() is None and a_panel.settings == settings


def test_images_that_were_seen_do_not_run_the_network_again(made):
    model = ToyModel()
    controls = made(model, [picture(seed) for seed in range(30)]).controls
    for _ in range(2):
        for image in range(30):
            controls.image.value = image
    assert model.calls == 30


def test_of_many_large_readouts_the_latest_are_kept(made, monkeypatch):
    monkeypatch.setattr(numbers, "KEPT", 3 * numbers.bytes_of(ToyModel()(IMAGES[0])))
    model = ToyModel()
    controls = made(model, [picture(seed) for seed in range(5)]).controls
    for image in (1, 2, 3, 4, 3, 2, 0):
        controls.image.value = image
    assert model.calls == 6 and len(controls.images.options) == 5


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
    wait_until(lambda: not any(t.name == "unitdrop-fetch" for t in threading.enumerate()))
    assert a_panel.state.model == "toy" and a_panel.widget.children == (controls.box,)


def test_a_network_that_is_on_its_way_is_not_sent_for_twice(made, slow_entry):
    controls = made().controls
    controls.model.value = "other"
    before = [t for t in threading.enumerate() if t.name == "unitdrop-fetch"]
    controls.model.value = "other"
    assert [t for t in threading.enumerate() if t.name == "unitdrop-fetch"] == before != []


def test_a_fault_while_a_picture_is_committed_is_shown_and_taken_back(made, monkeypatch):
    a_panel = made()
    controls, before, frames = a_panel.controls, a_panel.state, seen(a_panel)
    show, faults = controls.show, iter([True])
    monkeypatch.setattr(controls, "show", lambda *told: 1 / 0 if next(faults, False) else show(*told))
    controls.k.value = 3
    assert "ZeroDivisionError" in controls.error.value
    assert a_panel.state == before and seen(a_panel) == frames and controls.k.value == 0
    controls.k.value = 3
    assert a_panel.state.k == 3 and controls.error.value == ""


def test_numbers_of_numpy_do_as_well(made):
    a_panel = made(top=np.int64(2), seed=np.int64(3))
    assert a_panel.state == made(state=a_panel.settings).state and a_panel.state.k == 2


# ---------------------------------------------------------------------------------------------- search


@pytest.mark.parametrize(
    ("text", "target"), [("sand/dune", 1), ("SEA", 0), ("rock", 2), (" palm ", 3), ("&", 3), ("", None)]
)
def test_a_class_is_found_by_its_name_or_a_part_that_only_it_has(made, text, target):
    a_panel = made(target="sand/dune" if target != 1 else "sea")
    before = a_panel.state.target
    a_panel.controls.search.value = text
    assert a_panel.state.target == (before if target is None else target)
    assert a_panel.controls.search.value == ""


@pytest.mark.parametrize(
    ("text", "words"), [("a", "sea, sand/dune, palm &amp; co"), ("<i>", "&lt;i&gt;&#x27;: no class")]
)
def test_a_name_that_fits_no_class_or_several_is_refused_and_stays_to_be_mended(made, text, words):
    a_panel = made()
    before = a_panel.state
    a_panel.controls.search.value = text
    assert words in a_panel.controls.error.value and a_panel.state == before
    assert a_panel.controls.search.value == text


def test_classes_of_the_same_name_can_both_be_found(made):
    model = ToyModel()
    model.labels = ("crane", "crane", "rock", "palm")
    make = model.__call__
    a_panel = made(SimpleCall(lambda image: replace(make(image), labels=model.labels), model))
    assert list(a_panel.controls.search.options) == ["crane (0)", "crane (1)", "rock", "palm"]
    a_panel.controls.search.value = "crane (1)"
    assert a_panel.state.target == 1


class SimpleCall:
    """A model that does something else when it is called."""

    def __init__(self, call, model):
        self._call, self.name, self.units, self.labels = call, model.name, model.units, model.labels

    def __call__(self, image):
        return self._call(image)


# ---------------------------------------------------------------------------------------------- flips


def test_the_smallest_flip_set_is_dropped(made):
    for seed in range(20):
        a_panel = made(images=[picture(seed)])
        smallest = a_panel.controller.numbers.sweep(a_panel.state).smallest_flip
        a_panel.controls.smallest.click()
        if smallest is None:
            assert "no flip" in a_panel.controls.error.value and a_panel.state.k == 0
            continue
        sweep, at = a_panel.controller.numbers.sweep(a_panel.state), a_panel.state
        assert at.window.ends == (smallest.count, 0) and at.rank == "margin"
        assert set(sweep.dropped(*at.window.ends).tolist()) == set(smallest.units)
        assert sweep.prediction(*at.window.ends) == smallest.index != sweep.prediction()


# ---------------------------------------------------------------------------------------------- two pictures


@pytest.mark.parametrize("beside", [("scope", "class"), ("rank", "random"), ("image", 2)])
def test_a_second_setting_stands_beside_the_first_on_the_same_k(made, beside):
    a_panel = made(target="<b>rock</b>")
    controls = a_panel.controls
    assert controls.beside_frame.layout.display == "none"
    controls.beside.value = beside
    controls.k.value = 3
    field, value = beside
    expected = replace(a_panel.state, beside=(), **{field: value})
    drawn = SweepFigure(*narrow_size(SIZE))
    pixels = drawn.show(a_panel.controller.numbers.sweep(expected), 3, 0, expected.view)
    drawn.close()
    assert controls.beside_frame.layout.display is None
    assert bytes(controls.beside_frame.value) == jpeg(pixels)
    assert expected.target == a_panel.state.target == 2 and expected.k == 3
    named = {
        "scope": ["scope unit", "scope class"],
        "rank": ["ranking weight", "ranking random"],
        "image": ["image 1", "image 3"],
    }
    assert [caption.value for caption in controls.captions] == named[field]
    controls.beside.value = ()
    assert controls.beside_frame.layout.display == "none" and bytes(controls.beside_frame.value) == b""


def test_where_there_is_little_room_the_picture_is_narrow(made):
    a_panel = made()
    sizes = []
    for narrow in (True, False):
        a_panel.controls.events.narrow = narrow
        sizes.append(Image.open(io.BytesIO(a_panel.controls.frame.value)).size)
    assert sizes == [narrow_size(SIZE), SIZE]


def test_reset_does_not_change_the_room_there_is(made):
    a_panel = made()
    a_panel.controls.events.narrow = True
    a_panel.controls.k.value = 2
    a_panel.controls.reset.click()
    assert a_panel.state.narrow and a_panel.state.k == 0


# ---------------------------------------------------------------------------------------------- own images


def drop(a_panel, name, content):
    """What the page sends for a file."""
    answers = []
    a_panel.controls.events.send = lambda content: answers.append(content)
    a_panel.controls.events._handle_custom_msg({"kind": "file", "name": name}, [memoryview(content)])
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


def test_what_the_page_refuses_is_said_where_it_can_be_seen(made):
    a_panel = made()
    a_panel.controls.events._handle_custom_msg({"kind": "refused", "words": "<b>.png: 9.0 MB"}, [])
    assert "&lt;b&gt;.png: 9.0 MB" in a_panel.controls.error.value


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


def test_files_of_the_same_name_are_told_apart(made, tmp_path):
    for seed, name in enumerate(("x", "y")):
        (tmp_path / name).mkdir()
        Image.fromarray(picture(seed)).save(tmp_path / name / "a.png")
    images = [tmp_path / "x" / "a.png", tmp_path / "y" / "a.png"]
    a_panel = made(images=images)
    a_panel.controls.image.value = 1
    assert [name for name, _ in a_panel.controls.images.options] == ["x/a.png", "y/a.png"]
    assert made(images=images, state=a_panel.settings).state == a_panel.state
    other = made(images=tmp_path / "x")
    other.controls.folder.value = str(tmp_path / "y")
    at, settings = other.state, other.settings
    other.controls.k.value = 3
    other.controls.settings.value = settings
    assert other.state == at


def test_names_are_sorted_as_people_count(tmp_path):
    for number in (1, 2, 10):
        (tmp_path / f"image{number}.png").touch()
    assert [source.name for source in gather(tmp_path)] == ["image1.png", "image2.png", "image10.png"]


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


# ---------------------------------------------------------------------------------------------- one unit


def test_a_unit_is_looked_at_by_a_click_or_a_step_and_the_row_stands_still(made):
    a_panel = made(top=1)
    controls = a_panel.controls
    controls.units_row.value = True
    ranking = a_panel.controller.numbers.sweep(a_panel.state).ranking
    controls.following.click()
    assert a_panel.state.view.unit == ranking[1]  # the next one to go
    controls.following.click()
    assert a_panel.state.view.unit == ranking[2]
    controls.previous.click()
    controls.previous.click()
    controls.previous.click()
    assert a_panel.state.view.unit == ranking[0]
    before = bytes(controls.frame.value)
    controls.whole.click()
    assert a_panel.state.view.unit is None and bytes(controls.frame.value) != before


def test_a_click_on_a_tile_shows_that_unit_and_a_second_one_the_cam_again(made):
    a_panel = made("scenes", images=[picture(1)], size=(960, 540), top=100)
    a_panel.controls.units_row.value = True
    ranking = a_panel.controller.numbers.sweep(a_panel.state).ranking
    left = (134 + 100.25 * 5 + 40) / 960  # the sixth of eight tiles
    click = {"kind": "tile", "x": left, "y": 0.4}
    hear(a_panel.controller, click, [])
    assert a_panel.state.view.unit == ranking[102] and a_panel.state.first == 97
    a_panel.controls.k.value = 104
    assert a_panel.state.first == 97
    hear(a_panel.controller, click, [])
    assert a_panel.state.view.unit is None and a_panel.state.first is None


def test_a_click_on_a_tile_without_a_unit_and_a_message_of_no_kind_leave_all_as_it_is(made):
    a_panel = made(size=(960, 540))
    a_panel.controls.units_row.value = True
    before, offered = a_panel.state, a_panel.controller.offer
    hear(a_panel.controller, {"kind": "tile", "x": 0.95, "y": 0.4}, [])  # of 6 units in 8 places
    hear(a_panel.controller, {"kind": ["tile"]}, [])
    assert a_panel.state is before and a_panel.controller.offer is offered


def test_a_click_on_the_curve_sets_k(made):
    a_panel = made(size=(960, 540))
    hear(a_panel.controller, {"kind": "curve", "x": (500 + 160) / 960, "y": 400 / 540}, [])
    assert a_panel.state.k == UNITS // 2
    hear(a_panel.controller, {"kind": "curve", "x": 0.1, "y": 0.4}, [])  # on the image
    assert a_panel.state.k == UNITS // 2


def test_without_the_row_of_units_no_unit_is_looked_at(made):
    a_panel = made()
    a_panel.controls.units_row.value = True
    a_panel.controls.following.click()
    a_panel.controls.units_row.value = False
    assert a_panel.state.view.unit is None and a_panel.state.first is None


# ---------------------------------------------------------------------------------------------- drawn ahead


def test_the_neighbours_of_k_are_drawn_when_nobody_waits(made, draws, monkeypatch):
    monkeypatch.setattr(controller, "IDLE", 0.01)
    a_panel = made()
    a_panel.controls.k.value = 3
    wait_until(lambda: (4, 0) in draws and (2, 0) in draws)
    draws.clear()
    with a_panel.controller.lock:  # so that nothing more is drawn ahead meanwhile
        a_panel.controls.k.value = 4
        assert draws == [] and a_panel.state.k == 4


def test_a_picture_that_was_seen_comes_back_without_being_drawn(made, draws):
    controls = made().controls
    controls.image.value = 1
    draws.clear()
    controls.image.value = 0
    assert draws == []


# ---------------------------------------------------------------------------------------------- settings


def test_settings_that_are_pasted_bring_back_their_picture(made):
    a_panel = made(top=2)
    settings, before = a_panel.settings, a_panel.state
    controls = a_panel.controls
    controls.image.value, controls.k.value, controls.cam.value = 1, 5, "difference"
    controls.settings.value = settings
    assert a_panel.state == before and controls.error.value == ""
    controls.settings.value = settings.replace('"toy"', '"resnet18"')
    assert "&#x27;resnet18&#x27;; choose that first" in controls.error.value and a_panel.state == before
