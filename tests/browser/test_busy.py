"""A panel in a real browser while another cell is running: its controls work meanwhile."""

import json
import time

import nbformat
import pytest
from helpers import browser
from PIL import Image

from unitdrop.scenes import render

reason = browser.missing()
pytestmark = pytest.mark.skipif(bool(reason), reason=f"no browser test: {reason}")

BUSY = "import time; time.sleep(%d); print('slept')"
TELL = "import json; print('state', json.dumps([panel.state.k, panel.controls.k.value]))"


@pytest.fixture
def busy(tmp_path):
    """A page with a panel, a cell below it that sleeps for a while, and one that tells the panel's state."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    Image.fromarray(render("harbour", 1, 320).image).save(folder / "photo.png")
    sources = {
        "panel": "import unitdrop\npanel = unitdrop.Panel(images='photo.png')\npanel",
        "busy": BUSY % 0,
        "tell": TELL,
    }
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in sources.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "busy.ipynb")
    with browser.jupyterlab(folder) as address, browser.page() as page:
        browser.open_and_run(page, address.format("busy.ipynb"))
        page.wait_for_selector(".ud-frame")
        yield page


def run(page, name, source=None):
    """Run a cell, with another source if one is given."""
    page.evaluate(
        "([name, source]) => { const notebook = jupyterapp.shell.currentWidget.content;"
        " notebook.activeCellIndex = notebook.widgets.findIndex(cell => cell.model.id === name);"
        " if (source) notebook.activeCell.model.sharedModel.setSource(source);"
        " void jupyterapp.commands.execute('notebook:run-cell') }",
        [name, source],
    )


def runs(page, name):
    """Whether a cell is running, which its prompt says with a star."""
    return page.evaluate(
        "name => jupyterapp.shell.currentWidget.content.widgets.find(cell => cell.model.id === name)"
        ".promptNode.textContent.includes('*')",
        name,
    )


@pytest.mark.slow
def test_the_picture_follows_the_slider_while_another_cell_is_running(busy):
    page = busy
    run(page, "busy", BUSY % 8)
    deadline = time.monotonic() + 5
    while not runs(page, "busy"):
        assert time.monotonic() < deadline, "the cell did not start"
    page.wait_for_timeout(500)
    handle, before = page.locator(".ud-k .noUi-handle").first, browser.frame_source(page)
    for _ in range(5):
        handle.press("ArrowRight")
    browser.await_new_frame(page, before)
    assert runs(page, "busy") and not page.get_by_text("slept").nth(1).is_visible()
    page.wait_for_function("document.querySelector('.ud-k .widget-readout').textContent === '5'")
    page.wait_for_timeout(1000)
    assert runs(page, "busy")
    run(page, "tell")
    told = page.locator(".jp-OutputArea-output", has_text="state [5, 5]")
    told.wait_for()
    assert json.loads(told.inner_text().removeprefix("state")) == [5, 5]
    assert not runs(page, "busy") and browser.errors(page) == []
