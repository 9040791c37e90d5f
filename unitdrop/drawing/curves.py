"""The curves: probability against units dropped, with the flip and the band of random orders."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from unitdrop.drawing.layout import Layout
from unitdrop.drawing.legend import Legend
from unitdrop.drawing.moment import Moment
from unitdrop.drawing.scale import QUARTERS, ProbabilityScale
from unitdrop.drawing.sheet import Sheet
from unitdrop.drawing.style import BAND, GREY, INK, REST, STROKES, TARGET, area, line, tint
from unitdrop.plan import Plan, View


class Curves:
    """A line a class over k or, as shares, stacked areas; and a mark at the k that is shown.

    Attributes
    ----------
    axes : Axes
    areas : list of Polygon
        One for each class with a curve, the last one for all other classes; hidden but in shares.
    dot : Line2D
        Marks the target's probability at the k that is shown.
    legend : Legend
    """

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        self._sheet, self._layout = sheet, layout
        left, top, width, height = layout.curves
        axes = self.axes = sheet.axes(*layout.curves)
        places = [(left - 7, top + height * (1 - f) + 3.5, "right") for f in QUARTERS]
        self._scale = ProbabilityScale(sheet, axes, places)
        self._xticks = [sheet.text(0, top + height + 16, 8.5, color=GREY, ha="center") for _ in range(9)]
        self._xlabel = sheet.text(left + width / 2, top + height + 34, 9, color=GREY, ha="center")
        sheet.upright(*layout.ylabel[:2], 9, color=GREY).set_text("probability")
        self._band = sheet.add(axes, area(BAND, zorder=1))
        self._lines = [
            sheet.add(axes, line(s.colour, s.width, s.dashes, zorder=4 - i / 10))
            for i, s in enumerate(STROKES)
        ]
        self.areas = [sheet.add(axes, area(c, zorder=2)) for c in (*(tint(s.colour) for s in STROKES), REST)]
        self._title = sheet.text(*layout.heading[:2], 9.5, bold=True)
        self._flip_line = sheet.add(axes, line(INK, 1.0, (0, (2, 2)), zorder=5))
        self._flip_name = sheet.text(0, top - 8, 9.5)
        self.legend = Legend(sheet, layout.legend)
        self._here = sheet.add(axes, line(INK, 1.1, zorder=5), moving=True)
        self.dot = sheet.add(axes, line(TARGET, 0, zorder=6, clip=False, marker="o"), moving=True)

    def lay_out(self, plan: Plan, view: View) -> None:
        """Draw the curves or areas, the axes, the flip, the random band and the legend."""
        shares, ceiling = view.curves == "shares", _ceiling(plan, view)
        steps = np.arange(len(plan.curve))
        self.axes.set(xlim=(0, max(len(steps) - 1, 1)), ylim=(0, ceiling))
        self._scale.lay_across(ceiling)
        self._title.set_text("Where it went" if shares else "")
        self._lay_lines(steps, plan, shares)
        self._lay_areas(steps, plan, shares)
        band = None if shares else plan.band
        self._band.set_visible(band is not None)
        if band is not None:
            self._band.set_xy(_between(steps, *band))
        self._lay_axis(plan)
        self._lay_flip(plan, ceiling)
        self.legend.lay_out(plan, shares)

    def _lay_lines(self, steps: np.ndarray, plan: Plan, shares: bool) -> None:
        """Draw a line a class: its probability or, over the areas, the upper edge of its share."""
        heights = plan.shares.cumsum(axis=0) if shares else plan.curve[:, list(plan.lines)].T
        for i, curve in enumerate(self._lines):
            curve.set_visible(i < len(plan.lines))
            if i < len(plan.lines):
                curve.set_data(steps, heights[i])

    def _lay_areas(self, steps: np.ndarray, plan: Plan, shares: bool) -> None:
        edges = np.vstack([0 * steps, plan.shares.cumsum(axis=0)])
        used = [*range(len(plan.lines)), len(self.areas) - 1]  # the last one is for all other classes
        for i, share in enumerate(self.areas):
            share.set_visible(shares and i in used)
        for i, at in enumerate(used):
            self.areas[at].set_xy(_between(steps, edges[i], edges[i + 1]))

    def _x(self, k: float, plan: Plan) -> float:
        """Return where k stands on the sheet, in design pixels."""
        left, _, width, _ = self._layout.curves
        return left + width * k / max(len(plan.curve) - 1, 1)

    def _lay_axis(self, plan: Plan) -> None:
        n, units = len(plan.curve) - 1, plan.sweep.units
        ticks = [t for t in MaxNLocator(6, integer=True).tick_values(0, max(n, 1)) if 0 <= t <= n]
        for i, text in enumerate(self._xticks):
            text.set_visible(i < len(ticks))
            if i < len(ticks):
                text.set(text=f"{ticks[i]:.0f}", x=self._sheet.x(self._x(ticks[i], plan)))
        other = {"top": "bottom", "bottom": "top"}[plan.end]
        held = f", {other} {plan.fixed} dropped too" if plan.fixed else ""
        self._xlabel.set_text(f"units dropped from the {plan.end} (k of {units}{held})")

    def _lay_flip(self, plan: Plan, ceiling: float) -> None:
        fit = self._sheet.fit
        if plan.flip is None:
            name = fit(plan.sweep.label, 150, 9.5)
            self._flip_line.set_data([], [])
            self._flip_name.set(text=f"no flip: {name} stays predicted", x=self._sheet.x(self._x(0, plan)))
            return
        k, index = plan.flip
        name = fit(plan.sweep.readout.labels[index], 180, 9.5)
        words = f"flip at k = {k}: {name}" if k else f"k = 0: {name} is predicted, not the target"
        x = min(self._x(k, plan) - 4, self._layout.flip - self._sheet.measure(words, 9.5))
        self._flip_line.set_data([k, k], [0, ceiling])
        self._flip_name.set(text=words, x=self._sheet.x(x))

    def update(self, moment: Moment) -> None:
        """Mark the k that is shown, and the target's probability there."""
        k, p = moment.k, float(moment.now[moment.plan.sweep.target])
        self._here.set_data([k, k], [0, _ceiling(moment.plan, moment.view)])
        self.dot.set_data([k], [p])


def _ceiling(plan: Plan, view: View) -> float:
    """Return the upper limit of the vertical axis."""
    return 1.0 if view.curves == "shares" else plan.ceiling


def _between(steps: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the outline of the area between two curves: (2 n, 2) for n steps."""
    return np.column_stack([[*steps, *steps[::-1]], [*low, *high[::-1]]])
