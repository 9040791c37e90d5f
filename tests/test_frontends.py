"""The panel where it is not in JupyterLab: Notebook 7, and the app without code that Voilà serves."""

import shutil

import browser
import pytest

reason = browser.missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(reason), reason=f"no browser test: {reason}"),
]
PANEL = "img.ud-frame"
# What is no fault of the panel: the front ends complain of it whatever the notebook holds.
HARMLESS = (
    "404 (Not Found)",
    "net::ERR_",  # Voilà fetches the font of its icons from the internet
    "reading 'schema'",  # Notebook 7, while it reads its settings
    "@jupyter-notebook/lab-extension",  # Voilà, which loads what Notebook 7 has installed for JupyterLab
)


def watched(page):
    """What the browser will complain about, from now on."""
    complaints = []
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    return complaints


def run_in_notebook7(page, address):
    """Open the notebook of the app and run its cell."""
    page.goto(address.format("app.ipynb"))
    page.wait_for_selector(browser.CODE_CELL)
    page.wait_for_function(browser.CONNECTED)
    for _ in range(20):  # what is asked before the kernel is wired up is dropped
        page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells').catch(() => 0)")
        try:
            page.wait_for_selector(PANEL, timeout=20_000)
            return
        except Exception:
            continue
    raise AssertionError("the cell did not run")


@pytest.fixture(scope="module", params=["notebook7", "voila"])
def front_end(request, tmp_path_factory):
    """The name of a front end, a page on which it shows the panel, complaints, a folder for pictures."""
    folder = tmp_path_factory.mktemp(request.param)
    with browser.page() as page:
        complaints = watched(page)
        if request.param == "voila":
            with browser.voila(folder) as address:
                page.goto(address)
                page.wait_for_selector(PANEL)
                yield request.param, page, complaints, folder
        else:
            served = folder / "notebooks"
            ignored = shutil.ignore_patterns("*.gif", ".*")
            shutil.copytree(browser.REPO / "notebooks", served, ignore=ignored)
            with browser.notebook7(served) as address:
                run_in_notebook7(page, address)
                yield request.param, page, complaints, folder


@pytest.fixture
def page(front_end, request):
    """The page, which must be without errors after each test; a screenshot of it then is kept."""
    name, page, complaints, folder = front_end
    page.set_default_timeout(30_000)
    page.wait_for_function(f"(e => e && e.complete && e.naturalWidth > 0)(document.querySelector('{PANEL}'))")
    yield page
    path = folder / f"{name}-{request.node.originalname}.png"
    page.screenshot(path=path)
    print(f"\nscreenshot: {path}")
    faults = [words for words in complaints if not any(known in words for known in HARMLESS)]
    assert browser.errors(page) == [] and faults == []


def readout(page, control):
    return page.locator(f".ud-{control} .widget-readout").first.inner_text()


def reads(page, control, expected):
    """Wait for what stands beside a slider, which changes in a message of its own."""
    page.wait_for_function(
        "([name, text]) => document.querySelector(`.ud-${name} .widget-readout`).textContent.trim() === text",
        arg=[control, expected],
    )


def test_the_first_picture_is_shown_whole(page):
    size = page.locator(PANEL).first.evaluate("e => [e.naturalWidth, e.naturalHeight]")
    assert size == [960, 540]


def test_the_keyboard_moves_the_slider_and_the_picture_follows(page):
    before, k = browser.frame_source(page), int(readout(page, "k"))
    page.locator(".ud-k .noUi-handle").first.press("PageUp")  # Notebook 7 keeps the arrows for its cells
    browser.await_new_frame(page, before)
    page.wait_for_function("k => +document.querySelector('.ud-k .widget-readout').textContent > k", arg=k)


def test_the_buttons_step(page):
    before, k = browser.frame_source(page), int(readout(page, "k"))
    page.get_by_role("button", name="▶").first.click()
    before = browser.await_new_frame(page, before)
    reads(page, "k", str(k + 1))
    page.get_by_role("button", name="◀").first.click()
    browser.await_new_frame(page, before)
    reads(page, "k", str(k))


def test_play_runs_the_slider_and_the_picture_follows(page):
    before, k = browser.frame_source(page), int(readout(page, "k"))
    button = page.locator(".ud-play button").first
    button.click()
    for _ in range(3):
        before = browser.await_new_frame(page, before)
    button.click()
    assert int(readout(page, "k")) >= k + 3


def test_another_image_brings_its_own_picture_and_class(page):
    page.wait_for_timeout(1000)  # what play had still to say
    before, image = browser.frame_source(page), readout(page, "image")
    page.locator(".ud-image .noUi-handle").first.press("PageUp")
    browser.await_new_frame(page, before)
    assert readout(page, "image") != image
    page.wait_for_function("document.querySelector('.ud-classes select').selectedIndex === 0")


def test_nothing_of_the_panel_is_cut_off(page):
    cut = page.locator(".ud-panel").first.evaluate(
        "panel => { const edge = Math.min(panel.getBoundingClientRect().right, innerWidth) + 1;"
        " return [...panel.querySelectorAll('button, select, img, .widget-readout, .noUi-base')]"
        " .filter(e => e.offsetParent && e.getBoundingClientRect().right > edge).map(e => e.outerHTML) }"
    )
    assert cut == []


def test_voila_shows_the_panel_and_no_code(front_end, page):
    if front_end[0] != "voila":
        pytest.skip("Notebook 7 shows the code, as it should")
    assert page.locator(".jp-InputArea, .cm-editor, .jp-CodeMirrorEditor").count() == 0
    assert "import unitdrop" not in page.locator("body").inner_text()
