"""A photo to sweep, on the toy network."""

import sys

import numpy as np
import pytest
from helpers.commandline import toy
from PIL import Image


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A photo in the current folder, and the toy as the network."""
    monkeypatch.setitem(sys.modules, "unitdrop.models", toy())
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)).save("photo.png")
    return "photo.png"
