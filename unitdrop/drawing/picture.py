"""The image under the CAM or under a unit's own map, its title, and the colour bar."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import ListedColormap

from unitdrop import heatmap
from unitdrop.drawing.layout import Layout
from unitdrop.drawing.moment import Moment
from unitdrop.drawing.sheet import Placed, Sheet
from unitdrop.drawing.style import GREY, PAPER, TRAY, patch
from unitdrop.drawing.words import in_lines, number
from unitdrop.plan import Plan, View


class Picture:
    """The map over the image, pasted pixel by pixel, with what its colours mean.

    Attributes
    ----------
    placed : Placed
        The image as it is without a map; empty before the first `lay_out`.
    notes : list of Text
        Under the colour bar: its lower end, middle and upper end; then the caption.
    empty : Text
        Over the image where the map has nothing to show: that it is empty, and why.
    """

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        self._sheet, self._layout = sheet, layout
        tray = sheet.axes(*layout.image)
        tray.set(xlim=(0, 1), ylim=(0, 1))
        sheet.add(tray, patch(TRAY)).set_bounds(0, 0, 1, 1)
        self._title = sheet.text(*layout.title[:2], 11, bold=True, moving=True)
        self._ramp = sheet.axes(*layout.ramp).imshow(
            np.arange(256)[None],
            aspect="auto",
            extent=(0, 1, 0, 1),
            interpolation="nearest",
            cmap="inferno",
            vmin=0,
            vmax=255,
            origin="lower",
            resample=False,
        )
        (left, _, width, _), y = layout.ramp, layout.ticks
        places = [(left, y, "left"), (left + width / 2, y, "center"), (left + width, y, "right")]
        places += [spot[:3] for spot in layout.caption]
        self.notes = [sheet.text(x, y, 8.5, color=GREY, ha=ha, moving=True) for x, y, ha in places]
        self._plate = sheet.add(tray, patch(PAPER), moving=True)
        self._plate.set_alpha(0.85)
        left, top, width, height = layout.image
        self.empty = sheet.text(left + width / 2, top + height - 13, 9, ha="center", moving=True)
        self.placed = Placed(np.zeros((0, 0, 3), np.uint8), (0, 0))

    def lay_out(self, plan: Plan, view: View) -> None:
        """Draw the colour bar, and scale the image to its place."""
        self._ramp.set_cmap(ListedColormap(heatmap.ramp(view.colours) / 255))
        self.placed = self._sheet.place(plan.sweep.readout.image, self._layout.image)

    def update(self, moment: Moment) -> None:
        """Write the title, what stands under the colour bar, and the caption."""
        before, name = _title(moment)
        self._title.set_text(self._sheet.fit(name, self._layout.title.room, 11, bold=True, before=before))
        notes = (*_ticks(moment), *in_lines(_meaning(moment), len(self._layout.caption)))
        for text, note in zip(self.notes, notes, strict=True):
            text.set_text(note)
        self._say_if_empty(moment)

    def _say_if_empty(self, moment: Moment) -> None:
        """Write over the image that the map is empty, on a plate that makes it legible; nothing otherwise."""
        words, (_, _, across, down) = _emptiness(moment), self._layout.image
        self.empty.set_text(words)
        self._plate.set_visible(bool(words))
        if words:
            width = (self._sheet.measure(words, 9) + 16) / across
            self._plate.set_bounds((1 - width) / 2, 5 / down, width, 20 / down)

    def paste(self, canvas: np.ndarray, moment: Moment) -> None:
        """Write the image with the map over it on the RGBA pixels of the whole sheet."""
        view = moment.view
        blended = heatmap.overlay(self.placed.pixels, moment.map, moment.limits, view.colours, view.opacity)
        self.placed.paste(blended, canvas)


def _title(moment: Moment) -> tuple[str, str]:
    """Return what is shown, and the class whose it is, which may be cut."""
    view = moment.view
    if view.unit is not None:
        return f"Unit {view.unit}, rank {moment.rank}: its activation{' (dropped)' * moment.dropped}", ""
    what = "CAM of target, change from intact" if view.diverging else f"CAM of {view.cam}"
    return f"{what}: ", moment.label(moment.shown)


def _emptiness(moment: Moment) -> str:
    """Return that the map shows nothing, and why; no words for a map that shows something."""
    if moment.peak > 0:
        return ""
    if moment.view.diverging:
        return "Empty map: no change from intact"
    if moment.view.unit is not None:
        return (
            "Empty map: this unit is nowhere above 0"
            if moment.map.min() < 0
            else "Empty map: this unit is silent"
        )
    if moment.map.min() == 0:
        return "Empty map: no evidence at all"
    return "Empty map: all evidence is negative" if moment.peak < 0 else "Empty map: no evidence above 0"


def _meaning(moment: Moment) -> tuple[str, str]:
    """Return what the colours mean, and what a unit's map comes to for the target."""
    view, readout = moment.view, moment.plan.sweep.readout
    if view.unit is None:
        what = "change (now − intact)" if view.diverging else "evidence (weight × activation)"
        scale = "this frame's own" if view.own_scale else "the target's intact CAM"
        if moment.unscaled:
            scale = "0 to 1 (intact CAM empty)"
        return f"{what}; scale: {scale}", ""
    weight = float(readout.weight[moment.plan.sweep.target, view.unit])
    mean = float(readout.pooled64[view.unit])
    sums = f"weight {number(weight)} × mean {number(mean)} = contribution {number(weight * mean)}"
    return "activation; scale: this unit's own", sums


def _ticks(moment: Moment) -> tuple[str, str, str]:
    """Return what stands under the two ends and the middle of the colour bar; values may lie beyond it."""
    peak, view = moment.limits[1], moment.view
    # A scale of its own has nothing beyond it, but at the lower end of evidence.
    below, above = ("", "") if view.own_scale else ("≤ ", "≥ ")
    if (view.own_scale or (moment.unscaled and not view.diverging)) and moment.peak <= 0:
        return ("", "no change", "") if view.diverging else (_least(moment), "", "nothing above 0")
    if view.diverging:
        return f"lost {below}{number(-peak)}", "0", f"gained {above}{number(peak)}"
    return _least(moment), number(peak / 2), f"{above}{number(peak)}"


def _least(moment: Moment) -> str:
    """Return what stands at the lower end: evidence may go on below it, activation does not."""
    return "0" if moment.view.unit is not None and moment.map.min() >= 0 else "≤ 0"
