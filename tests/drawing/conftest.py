"""A few sweeps, and a figure to show them on."""

import pytest
from helpers.figures import SIZE, some_sweeps

from unitdrop.drawing import SweepFigure


@pytest.fixture(scope="session")
def sweeps():
    return some_sweeps()


@pytest.fixture
def picture():
    figure = SweepFigure(*SIZE)
    yield figure
    figure.close()
