"""Panels that are closed again, and what they are given to show."""

import logging
from itertools import product

import pytest
from helpers.hand import files
from helpers.panels import IMAGES, NASTY, SIZE, SMALL, OtherModel, Page, ToyModel, picture
from PIL import Image

import unitdrop
from unitdrop import export
from unitdrop.panel import Panel, controller


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
def made_small(made):
    """Make small panels of two networks, for tests with very many pictures."""

    def make(models=None, images=IMAGES, **choices):
        return made(models or [ToyModel(), OtherModel()], images, **{"size": SMALL} | choices)

    return make


@pytest.fixture
def quiet(monkeypatch):
    """Nothing is logged: pytest would keep it, with the frames that it came from."""
    monkeypatch.setattr(logging.getLogger("unitdrop.panel.controller"), "disabled", True)


@pytest.fixture(scope="module")
def network():
    """A real network with other units and classes than the toys have, and its parameters as they were."""
    from torch import nn, random

    with random.fork_rng():
        random.manual_seed(0)
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        module = nn.Sequential(nn.Conv2d(3, 9, 3), nn.ReLU(), pool, nn.Linear(9, 5))
    return unitdrop.wrap(module, labels=("ant", "bee", "cow", "sea", NASTY), size=32, name="torch")


@pytest.fixture
def folder(tmp_path):
    """Two pictures, a broken one, and what is none."""
    for name in ("a.png", "c.PNG"):
        Image.fromarray(picture(len(name))).save(tmp_path / name)
    (tmp_path / "b.jpg").write_bytes(b"not a picture")
    (tmp_path / "notes.txt").write_text("not meant as a picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    return tmp_path


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """Three files to begin with, a folder with one more and a broken one; what is saved lands beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    (tmp_path / "copies").mkdir()
    for number, pixels in enumerate(IMAGES, 1):
        Image.fromarray(pixels).save(tmp_path / f"image {number}.png")
    Image.fromarray(picture(7)).save(tmp_path / "more" / "seven.png")
    (tmp_path / "more" / "broken.png").write_bytes(b"no picture")
    return tmp_path


@pytest.fixture
def stormy(made_small, network, offered, quiet, monkeypatch):
    """A panel of three networks after its first events: every figure is made, every cache full."""
    for name in ("save_gif", "save_png"):  # half a storm's time would go into them
        monkeypatch.setattr(export, name, lambda path, *_, **__: path.write_bytes(b"") or path)
    used = made_small([ToyModel(), OtherModel(), network], files(offered))
    page = Page(used, monkeypatch)
    make_every_figure(used, page)
    return used, page


def make_every_figure(used, page):
    controls = used.controls
    for narrow, beside in product((False, True), (0, 2)):
        page.move(controls.events, narrow=narrow)
        page.move(controls.units_row, value=True)
        page.move(controls.beside, index=beside)
