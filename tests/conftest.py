"""One thread, no deadlines, a switch for the long tests, and a server of stand-ins for published weights."""

import os
import signal

# Before torch, OpenCV or a BLAS is imported; a test that needs none of them does not pay for their import.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

# A run in the background may ignore Ctrl-C, and so would every process that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from hypothesis import settings

# On a busy machine a deadline tells of the machine, not of the code.
settings.register_profile("local", deadline=None, max_examples=100)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory):
    """Stand-ins of the published weights."""
    from helpers import standins

    return standins.make(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Both caches in a folder of this test's; no proxy before the loopback interface."""
    from PIL import Image

    from unitdrop.scenes import render

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("UNITDROP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(render("harbour", 1, 300).image[:260]).save("photo.png")
    return tmp_path


@pytest.fixture
def served(stand_ins, caches, monkeypatch):
    """Serve the stand-ins, and point this process's catalogue at them."""
    from helpers import standins
    from helpers.server import serving

    with serving(stand_ins.files) as server:
        standins.install(stand_ins.table_at(server.url("")), monkeypatch.setattr)
        yield server


def pytest_addoption(parser):
    """Add the switch for the long tests."""
    parser.addoption(
        "--slow", action="store_true", help="run the tests marked slow too (so does UNITDROP_SLOW=1)"
    )


def pytest_collection_modifyitems(config, items):
    """Skip the long tests, saying so, unless they are asked for."""
    if config.getoption("--slow") or os.environ.get("UNITDROP_SLOW") == "1":
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="takes long: pass --slow or set UNITDROP_SLOW=1"))
