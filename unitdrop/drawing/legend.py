"""The legend of the curves: line samples with names, in a column beside them."""

from __future__ import annotations

from unitdrop.drawing.layout import Spot
from unitdrop.drawing.sheet import Sheet
from unitdrop.drawing.style import BAND, GREY, REST, STROKES, line, patch, tint
from unitdrop.plan import Plan

STEP, SAMPLE, NAME_LEFT = 21, 20, 26  # from row to row, width of a sample, from its left end to its name


class Legend:
    """Names of the classes with a curve, and of the random band or of all other classes' share.

    Attributes
    ----------
    names : list of Text
        In the order of the plan's lines.
    tints : list of Rectangle
        The colour of each one's area; hidden but in shares.
    """

    def __init__(self, sheet: Sheet, spot: Spot) -> None:
        left, top, _, self._room = spot
        self._sheet, self._top = sheet, top
        axes = sheet.axes(left, top - 12, SAMPLE, STEP * 7)
        axes.set(xlim=(0, SAMPLE), ylim=(STEP * 7, 0))
        self._samples = [sheet.add(axes, line(s.colour, s.width, s.dashes)) for s in STROKES]
        x = left + NAME_LEFT
        self.names = [sheet.text(x, top, 9, bold=i == 0) for i in range(len(STROKES))]
        self.tints = [sheet.add(axes, patch(tint(s.colour))) for s in STROKES]
        self._patch = sheet.add(axes, patch(BAND))
        self._words = [sheet.text(x, 0, 8.5, color=GREY) for _ in range(2)]

    def lay_out(self, plan: Plan, shares: bool) -> None:
        """Write the names; in shares, the other way up, as the areas lie."""
        count, others = len(plan.lines), plan.sweep.readout.classes - len(plan.lines)
        rest = shares and others > 0  # stands on top, where its area is; the names below it likewise
        for i in range(len(self.names)):
            self._lay_name(i, count - 1 - i + rest if shares else i, plan, shares)
        words = ("random orders", "(20; 5–95 %)") if plan.band is not None else None
        if shares:
            words = (f"{others} other{'s' * (others > 1)}", "") if rest else None
        self._lay_words(0 if shares else count, words, REST if shares else BAND)

    def _lay_name(self, i: int, row: int, plan: Plan, shares: bool) -> None:
        there = i < len(plan.lines)
        sample, name, share = self._samples[i], self.names[i], self.tints[i]
        sample.set_visible(there)
        share.set_visible(there and shares)
        name.set_text(self._name(plan, i) if there else "")
        if there:
            sample.set_data([0, SAMPLE], [(2 if shares else 8) + STEP * row] * 2)
            share.set_bounds(0, STEP * row + 2, SAMPLE, 12)
            name.set_y(self._sheet.y(self._top + STEP * row))

    def _lay_words(self, row: int, words: tuple[str, str] | None, colour: str) -> None:
        y = STEP * row
        self._patch.set(visible=words is not None, facecolor=colour)
        self._patch.set_bounds(0, y + 3, SAMPLE, 13)
        for i, text in enumerate(self._words):
            text.set(text=words[i] if words else "", y=self._sheet.y(self._top + y + 1 + 14 * i))

    def _name(self, plan: Plan, i: int) -> str:
        return self._sheet.fit(plan.sweep.readout.labels[plan.lines[i]], self._room, 9, bold=i == 0)
