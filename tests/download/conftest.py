"""What all tests of downloads start from: a file, short pauses, no proxy, and a table at the end."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.downloads import FULL_SIZE, PATH, SMALL, sha256

from unitdrop.download import Remote, connection, tries


@pytest.fixture(scope="module")
def full_size():
    """As many bytes as a ResNet-50 has, and as hard to guess."""
    return np.random.default_rng(2).bytes(FULL_SIZE)


@pytest.fixture(autouse=True)
def quick_and_direct(monkeypatch):
    """Short pauses; no proxy between us and the loopback interface.

    Limits stay long except where they are to be reached: a busy machine is no fault of the server's.
    """
    monkeypatch.setattr(connection, "CONNECT", 20.0)
    monkeypatch.setattr(connection, "READ", 20.0)
    monkeypatch.setattr(tries, "PAUSE", 0.01)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def table():
    """What each fault came to; printed at the end (to be seen with `pytest -s`)."""
    rows = [("fault", "GETs", "what happened", "installed")]
    yield rows
    widths = [max(len(str(row[column])) for row in rows) for column in range(4)]
    print()
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@pytest.fixture
def remote(tmp_path):
    """A file whose length and sha256 have been published; its server is still to be named."""
    return Remote("http://nowhere.invalid" + PATH, tmp_path / "cache", "net.pth", sha256(SMALL), len(SMALL))


@pytest.fixture
def unpinned(remote):
    """The same file, of which nobody has published anything."""
    return replace(remote, sha256=None, size=None)
