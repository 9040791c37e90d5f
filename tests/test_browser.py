"""The notebook in a real browser: JupyterLab, Chromium, a slider that moves and a picture that follows."""

import re
import shutil
import time

import browser
import pytest

NOTEBOOK = browser.REPO / "notebooks"
reason = browser.missing()
pytestmark = pytest.mark.skipif(bool(reason), reason=f"no browser test: {reason}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A page with the notebook, all cells run; and what the browser complained about."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(NOTEBOOK, folder, ignore=shutil.ignore_patterns("*.gif", ".*"))
    with browser.jupyterlab(folder) as address, browser.page() as page:
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        browser.open_and_run(page, address.format("unitdrop.ipynb"))
        yield page, complaints


@pytest.fixture
def page(lab):
    """The page, which must be without errors before and after each test."""
    page, complaints = lab
    assert browser.errors(page) == []
    yield page
    assert browser.errors(page) == [] and complaints == []


def label(page, menu):
    return page.locator(f".ud-{menu} select").first.evaluate("e => e.selectedOptions[0].textContent")


def readout(page, control):
    return page.locator(f".ud-{control} .widget-readout").first.inner_text()


def becomes(page, what, expected):
    """Wait for words on the page: the picture and its controls change in messages of their own."""
    deadline = time.monotonic() + 30
    while what() != expected:
        assert time.monotonic() < deadline, (what(), expected)
        page.wait_for_timeout(50)


def test_the_first_picture_is_shown_whole(page):
    page.wait_for_selector(".ud-frame")
    size = page.locator(".ud-frame").first.evaluate("e => [e.naturalWidth, e.naturalHeight, e.complete]")
    assert size == [960, 540, True]


def test_the_keyboard_moves_the_slider_and_the_picture_follows(page):
    before = browser.frame_source(page)
    page.locator(".ud-k .noUi-handle").first.press("ArrowRight")
    browser.await_new_frame(page, before)
    becomes(page, lambda: readout(page, "k"), "1")


def test_the_mouse_drags_the_slider_and_the_picture_follows(page):
    before = browser.frame_source(page)
    handle, track = (page.locator(f".ud-k {part}").first for part in (".noUi-handle", ".noUi-base"))
    handle.scroll_into_view_if_needed()
    start, along = handle.bounding_box(), track.bounding_box()
    y = start["y"] + start["height"] / 2
    page.mouse.move(start["x"] + start["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(along["x"] + along["width"] / 2, y, steps=8)
    page.mouse.up()
    browser.await_new_frame(page, before)
    assert int(readout(page, "k")) > 50


def test_the_buttons_step(page):
    k, before = int(readout(page, "k")), browser.frame_source(page)
    page.get_by_role("button", name="◀").first.click()
    before = browser.await_new_frame(page, before)
    becomes(page, lambda: readout(page, "k"), str(k - 1))
    page.get_by_role("button", name="▶").first.click()
    browser.await_new_frame(page, before)
    becomes(page, lambda: readout(page, "k"), str(k))


def test_play_runs_the_slider_and_the_picture_follows(page):
    start, button = int(readout(page, "k")), page.locator(".ud-play button").first
    before = browser.frame_source(page)
    button.click()
    for _ in range(3):
        before = browser.await_new_frame(page, before)
    button.click()
    assert int(readout(page, "k")) >= start + 3


def test_another_class_is_chosen_from_the_list_and_the_slider_names_it(page):
    before = browser.frame_source(page)
    page.locator(".ud-classes select").first.select_option(index=2)
    browser.await_new_frame(page, before)
    chosen = _words(label(page, "classes"))
    becomes(page, lambda: _words(readout(page, "class")), chosen)


def test_another_image_brings_its_own_prediction(page):
    before, name = browser.frame_source(page), readout(page, "image")
    page.locator(".ud-image .noUi-handle").first.press("ArrowRight")
    browser.await_new_frame(page, before)
    chosen = readout(page, "image")
    assert chosen != name
    becomes(page, lambda: label(page, "images"), chosen)
    becomes(page, lambda: page.locator(".ud-classes select").first.evaluate("e => e.selectedIndex"), 0)


@pytest.mark.parametrize("width", [1280, 700])
def test_nothing_of_the_panel_is_cut_off(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(500)
    cut = page.locator(".ud-panel").first.evaluate(
        "panel => { const edge = panel.getBoundingClientRect().right + 1;"
        " return [...panel.querySelectorAll('button, select, img, .widget-readout, .noUi-base')]"
        " .filter(e => e.offsetParent && e.getBoundingClientRect().right > edge).map(e => e.outerHTML) }"
    )
    page.set_viewport_size({"width": 1280, "height": 900})
    assert cut == []


def test_a_cell_that_runs_again_leaves_one_panel(page):
    before = browser.frame_source(page)
    page.evaluate(
        "() => { const notebook = jupyterapp.shell.currentWidget.content;"
        " notebook.activeCellIndex = notebook.widgets.findIndex(c => c.model.id === 'panel');"
        " void jupyterapp.commands.execute('notebook:run-cell') }"
    )
    browser.await_new_frame(page, before)
    page.wait_for_function("document.querySelectorAll('.ud-frame').length === 1")


def _words(text):
    return re.sub(r"\s+", " ", text).strip()
