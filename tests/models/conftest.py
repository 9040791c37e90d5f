"""Stand-ins of the published weights, and caches of a test's own."""

import pytest
from helpers import standins
from helpers.server import serving
from PIL import Image

from unitdrop.scenes import render


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory):
    return standins.make(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Both caches in a folder of this test's; no proxy before the loopback interface."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("UNITDROP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(render("harbour", 1, 300).image[:260]).save("photo.png")
    return tmp_path


@pytest.fixture
def served(stand_ins, caches, monkeypatch):
    """Serve the stand-ins, and point this process's catalogue at them."""
    with serving(stand_ins.files) as server:
        standins.install(stand_ins.table_at(server.url("")), monkeypatch.setattr)
        yield server
