"""A sweep to write, and a count of the figures that are made and closed."""

import pytest
from helpers.exports import a_sweep

from unitdrop.drawing import SweepFigure


@pytest.fixture(scope="module")
def sweep():
    return a_sweep()


@pytest.fixture
def closed(monkeypatch):
    """The figures that have been made, and those that have been closed."""
    made, gone, start, close = [], [], SweepFigure.__init__, SweepFigure.close
    monkeypatch.setattr(SweepFigure, "__init__", lambda self, *a: (start(self, *a), made.append(self))[0])
    monkeypatch.setattr(SweepFigure, "close", lambda self: (gone.append(self), close(self))[1])
    return made, gone
