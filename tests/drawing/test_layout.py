"""The two layouts, and which of them is taken."""

import pytest

from unitdrop.drawing import NARROW, SweepFigure
from unitdrop.drawing.layout import layout_for


@pytest.mark.parametrize(
    ("size", "design"),
    [
        ((960, 540), (960, 540)),
        ((700, 500), (960, 540)),
        ((1000, 300), (960, 540)),
        ((699, 500), NARROW),
        ((640, 600), NARROW),
        ((300, 1000), NARROW),
    ],
)
def test_the_layout_follows_the_shape(size, design):
    figure = SweepFigure(*size)
    assert figure.sheet.design == layout_for(*size).size == design
    figure.close()
