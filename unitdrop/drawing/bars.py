"""The bars: probabilities of the top classes, and of all others together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from unitdrop.drawing.layout import Box, Layout
from unitdrop.drawing.moment import Moment
from unitdrop.drawing.scale import QUARTERS, ProbabilityScale
from unitdrop.drawing.sheet import Sheet
from unitdrop.drawing.style import ARROW, DIAMOND, GREY, INK, NO_CURVE, STROKES, TARGET, font, patch
from unitdrop.plan import MAX_ROWS, Plan, View, ceiling_of, percent


@dataclass
class BarRow:
    """The artists of one bar: its name, what is drawn, and the probabilities intact and now."""

    name: Text
    fill: Rectangle
    outline: Rectangle
    intact: Text
    now: Text

    def set_visible(self, on: bool) -> None:
        """Show or hide all of them."""
        for artist in (self.name, self.fill, self.outline, self.intact, self.now):
            artist.set_visible(on)


class Bars:
    """Probabilities of the top classes: intact as an outline, now as a filled bar.

    Attributes
    ----------
    axes : Axes
    rows : list of BarRow
        One for each class of the plan's rows, one for all others, and hidden ones.
    arrow : Text
        Marks the prediction.
    """

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        self._sheet, self._layout, self._shape = sheet, layout, layout.rows
        left, top, width, height = layout.bars
        self.axes = sheet.axes(*layout.bars)
        places = [(left + width * f, top + height + 15, "center") for f in QUARTERS]
        self._scale = ProbabilityScale(sheet, self.axes, places)
        (x, y, *_), (intact, now, arrow) = layout.key, layout.columns
        sheet.text(x, y, 9, color=GREY).set_text(layout.key_words)
        for x, words in ((intact, "intact \N{WHITE RECTANGLE}"), (now, "now \N{BLACK RECTANGLE}")):
            sheet.text(x, y, 9, color=GREY, ha="right").set_text(words)
        self.rows = [self._row() for _ in range(MAX_ROWS + 1)]
        self.arrow = sheet.text(arrow, 0, 10, bold=True, moving=True)

    def _row(self) -> BarRow:
        sheet, name, (intact, now, _) = self._sheet, self._shape.name, self._layout.columns
        return BarRow(
            name=sheet.text(name.x, 0, 10, ha=name.ha),
            fill=sheet.add(self.axes, patch(GREY), moving=True),
            outline=sheet.add(self.axes, patch("none", INK, 0.9), moving=True),
            intact=sheet.text(intact, 0, 9, color=GREY, ha="right"),
            now=sheet.text(now, 0, 10, ha="right", moving=True),
        )

    def lay_out(self, plan: Plan, view: View) -> None:
        """Draw the rows with their names and intact probabilities, and the scale."""
        others = len(plan.rows) < plan.sweep.readout.classes
        count, room = len(plan.rows) + others, self._layout.bars[3]
        height = min(room / count, self._shape.tallest)
        rest = 1 - plan.curve[:, list(plan.rows)].sum(axis=1, dtype=np.float64).min()
        ceiling = max(plan.ceiling, ceiling_of(rest)) if others else plan.ceiling
        self.axes.set(xlim=(0, ceiling), ylim=(room / height - 0.5, -0.5))
        self._scale.lay_upright(ceiling, self._spans(count, height / room))
        for i, row in enumerate(self.rows):
            row.set_visible(i < count)
            if i < count:
                self._lay_row(row, i, height, plan)

    def _lay_row(self, row: BarRow, i: int, height: float, plan: Plan) -> None:
        sweep, shape = plan.sweep, self._shape
        index = plan.rows[i] if i < len(plan.rows) else None
        label = _others(plan) if index is None else sweep.readout.labels[index]
        y = self._sheet.y(self._layout.bars[1] + (i + shape.name.y) * height + shape.drop)
        for text in (row.name, row.intact, row.now):
            text.set_y(y)
        is_target, (size, small) = index == sweep.target, shape.sizes if height >= shape.least else shape.slim
        name = self._sheet.fit(label, shape.name.room - 16 * is_target, size, is_target)
        row.name.set(text=f"{DIAMOND} {name}" if is_target else name, fontproperties=font(size, is_target))
        row.intact.set_fontproperties(font(small))
        row.now.set_fontproperties(font(size))
        row.name.set_color(TARGET if is_target else GREY if index is None else INK)
        intact = _mass(sweep.probabilities(), index, plan.rows)
        row.intact.set_text(percent(intact))
        row.outline.set_bounds(*self._bar(i, intact, shape.bar[1]))
        row.fill.set_facecolor(STROKES[plan.lines.index(index)].colour if index in plan.lines else NO_CURVE)

    def _spans(self, count: int, height: float) -> Sequence[float]:
        """Return from where to where the grid is drawn, as parts of the axes, with gaps where names stand."""
        if self._shape.grid is None:
            return [0, 1]
        middle, half = self._shape.bar[0], self._shape.grid / 2
        ends = [1 - height * (i + middle + side) for i in range(count) for side in (-half, half)]
        ends[-1] = 0  # the last one leads on to the ticks
        return np.insert(ends, range(2, len(ends), 2), np.nan).tolist()

    def _bar(self, i: int, length: float, height: float) -> Box:
        """Return where a bar lies in the axes, in which row i reaches from i - 0.5 to i + 0.5."""
        return 0, i + (self._shape.bar[0] - 0.5) - height / 2, length, height

    def update(self, moment: Moment) -> None:
        """Fill the bars to the probabilities now, and move the arrow to the prediction."""
        plan = moment.plan
        classes = (*plan.rows, None)
        for i, (row, index) in enumerate(zip(self.rows, classes, strict=False)):
            now = _mass(moment.now, index, plan.rows)
            row.fill.set_bounds(*self._bar(i, now, self._shape.bar[2]))
            row.now.set_text(percent(now))
        at = plan.rows.index(moment.prediction) if moment.prediction in plan.rows else len(plan.rows)
        self.arrow.set(text=ARROW, y=self.rows[at].now.get_position()[1])


def _others(plan: Plan) -> str:
    """Return the name of the row of all classes without one of their own."""
    count = plan.sweep.readout.classes - len(plan.rows)
    return "1 other class" if count == 1 else f"{count} other classes"


def _mass(probabilities: np.ndarray, index: int | None, rows: tuple[int, ...]) -> float:
    """Return the probability of a class, or of all classes without a row of their own (index None)."""
    if index is not None:
        return float(probabilities[index])
    rest = np.delete(probabilities.astype(np.float64), list(rows)).sum()
    return float(min(max(rest, 0.0), 1.0))
