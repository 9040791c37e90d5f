"""A panel in a real browser while its network is fetched: bar, Cancel, and a notebook that stays free."""

import re

import nbformat
import pytest
from helpers import browser, standins
from helpers.server import serving, slow
from PIL import Image

from unitdrop.scenes import render

reason = browser.missing()
pytestmark = pytest.mark.skipif(bool(reason), reason=f"no browser test: {reason}")

FETCHING = """\
import os, sys
os.environ.update({environment})
sys.path.insert(0, {tests!r})
from helpers import standins
standins.install({table!r})
import unitdrop
panel = unitdrop.Panel("resnet50", "photo.png")
panel
"""


@pytest.fixture
def fetching(tmp_path, monkeypatch):
    """A page on which a panel waits for a ResNet-50 from a slow server; and that server."""
    stand_ins = standins.make(tmp_path, ("resnet50",))
    folder = tmp_path / "notebooks"
    folder.mkdir()
    Image.fromarray(render("harbour", 1, 320).image).save(folder / "photo.png")
    with serving(stand_ins.files, slow(4e6)) as server:
        environment = {"TORCH_HOME": str(tmp_path / "torch"), "NO_PROXY": "127.0.0.1"}
        tests, table = str(browser.REPO / "tests"), stand_ins.table_at(server.url(""))
        code = FETCHING.format(environment=environment, tests=tests, table=table)
        cells = [nbformat.v4.new_code_cell(source) for source in (code, "6 * 7")]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "fetch.ipynb")
        with browser.jupyterlab(folder) as address, browser.page() as page:
            browser.open_and_run(page, address.format("fetch.ipynb"))
            yield page, server, tmp_path / "torch"


@pytest.mark.slow
def test_a_network_is_fetched_under_a_bar_beside_other_cells_and_can_be_cancelled(fetching):
    page, server, kept = fetching
    bar, line, button = (page.locator(f".ud-{name}").first for name in ("bar", "line", "cancel"))
    width = ".ud-bar .progress-bar"
    page.wait_for_function(f"parseFloat(document.querySelector('{width}').style.width) > 2")
    assert page.locator(".jp-OutputArea-output", has_text="42").count() == 1  # the cell below has run
    before, text = bar.locator(".progress-bar").evaluate("e => e.offsetWidth"), line.inner_text()
    wider = f"before => document.querySelector('{width}').offsetWidth > before"
    page.wait_for_function(wider, arg=before)
    assert re.search(r"resnet50: [\d.]+ of [\d.]+ MB", text) and line.inner_text() != text
    button.click()
    page.wait_for_function("document.querySelector('.ud-cancel').textContent.includes('Try again')")
    assert "cancelled" in line.inner_text() and not list(kept.rglob("*.pth"))
    server.fault = None
    button.click()
    page.wait_for_selector(".ud-frame")
    assert page.locator(".ud-bar").count() == 0 and browser.errors(page) == []
    before = browser.frame_source(page)
    page.locator(".ud-k .noUi-handle").first.press("ArrowRight")
    browser.await_new_frame(page, before)
