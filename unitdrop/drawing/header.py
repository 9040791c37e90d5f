"""The header: how much is dropped, how it is ranked, and what the network says now."""

from __future__ import annotations

from unitdrop.drawing.layout import Layout, Spot
from unitdrop.drawing.moment import Moment
from unitdrop.drawing.sheet import Sheet
from unitdrop.drawing.style import ARROW, DIAMOND, GREY
from unitdrop.drawing.words import in_lines, number, ranked_by
from unitdrop.plan import Plan, View, percent


class Header:
    """The lines over the picture; each fact has its place, so that none jumps."""

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        self._sheet, self._layout = sheet, layout
        self._count = sheet.text(*layout.count[:2], 15, bold=True, moving=True)
        self._how = [sheet.text(s.x, s.y, 9.5, color=GREY, ha=s.ha) for s in layout.how]
        self._facts = [sheet.text(*spot[:2], 10.5, moving=True) for spot in layout.facts]

    def lay_out(self, plan: Plan, view: View) -> None:
        """Write the network, the ranking and the scope."""
        sweep = plan.sweep
        reach = "silent for every class" if sweep.scope == "unit" else "silent for the target only"
        network = f"network {sweep.readout.model}" if sweep.readout.model else ""
        lines = in_lines((network, f"{ranked_by(sweep)} · scope {sweep.scope}: {reach}"), len(self._how))
        for text, spot, words in zip(self._how, self._layout.how, lines, strict=True):
            text.set_text(self._sheet.fit(words, self._room(spot, plan), 9.5))

    def _room(self, spot: Spot, plan: Plan) -> float:
        """Return what is left for a line, which may be little beside a long count."""
        count = self._layout.count
        if spot.y != count.y:
            return spot.room
        longest = _count(*plan.window(plan.sweep.units - plan.fixed).ends, plan.sweep.units)
        left = spot.x - count.x - self._sheet.measure(longest, 15, bold=True) - 16
        return min(left, 400 if plan.fixed else spot.room)

    def update(self, moment: Moment) -> None:
        """Write how many units are dropped, the prediction, the target, and the weight at the threshold."""
        sweep, now = moment.plan.sweep, moment.now
        self._count.set_text(_count(moment.top, moment.bottom, sweep.units))
        told = ((f"prediction now {ARROW} ", moment.prediction), (f"target {DIAMOND} ", sweep.target))
        for text, spot, (what, c) in zip(self._facts, self._layout.facts, told, strict=False):
            name = self._sheet.fit(moment.label(c), spot.room, 10.5, before=what)
            text.set_text(f"{name} {percent(now[c])}")
        self._facts[-1].set_text(_edge(moment))


def _count(top: int, bottom: int, units: int) -> str:
    """Return how many units are dropped, and from where.

    >>> _count(3, 0, 256), _count(0, 0, 256)
    ('Top 3 of 256 units dropped', '0 of 256 units dropped')
    """
    ends = [f"{name} {n}" for n, name in ((top, "top"), (bottom, "bottom")) if n] or ["0"]
    return f"{' and '.join(ends)} of {units} units dropped".capitalize()


def _edge(moment: Moment) -> str:
    """Return the target's weight on the unit that was dropped last, at the end that moves, in words."""
    sweep = moment.plan.sweep
    what = "weight at the threshold" if sweep.rank == "weight" else "weight of the last unit"
    if not moment.k:
        return f"{what} –"
    weight = sweep.weights_ranked[moment.k - 1 if moment.plan.end == "top" else sweep.units - moment.k]
    return f"{what} {number(float(weight))}"
