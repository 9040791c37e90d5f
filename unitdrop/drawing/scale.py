"""The scale of probabilities that bars and curves have in common."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from unitdrop.drawing.sheet import Sheet
from unitdrop.drawing.style import FAINT, GREY, line

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


class ProbabilityScale:
    """Grid lines over axes at the quarters of their upper limit, and the percentages that stand there.

    Parameters
    ----------
    sheet : Sheet
    axes : Axes
    places : sequence of tuple (x, y, ha)
        Where the percentage of each of the `QUARTERS` stands, in design pixels.
    """

    def __init__(self, sheet: Sheet, axes: Axes, places: Sequence[tuple[float, float, str]]) -> None:
        self._axes = axes
        self._grid = [
            sheet.add(axes, line(GREY if f == 0 else FAINT, 0.9, zorder=0.5, clip=False)) for f in QUARTERS
        ]
        self._ticks = [sheet.text(x, y, 8.5, color=GREY, ha=ha) for x, y, ha in places]

    def lay_across(self, ceiling: float) -> None:
        """Put level grid lines where the probabilities up to ``ceiling`` are on a vertical axis."""
        for f, grid, tick in zip(QUARTERS, self._grid, self._ticks, strict=True):
            grid.set_transform(self._axes.get_yaxis_transform())
            grid.set_data((0, 1), [f * ceiling] * 2)
            tick.set_text(_percentage(f * ceiling))

    def lay_upright(self, ceiling: float, heights: Sequence[float]) -> None:
        """Put upright grid lines where they are on a horizontal axis, along these parts of its height."""
        for f, grid, tick in zip(QUARTERS, self._grid, self._ticks, strict=True):
            grid.set_transform(self._axes.get_xaxis_transform())
            grid.set_data([f * ceiling] * len(heights), heights)
            tick.set_text(_percentage(f * ceiling))


def _percentage(p: float) -> str:
    return f"{100 * p:g} %"
