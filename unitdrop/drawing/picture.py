"""The image under the CAM or under a unit's own map, its title, and the colour bar."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import ListedColormap

from unitdrop import heatmap
from unitdrop.drawing.layout import Layout
from unitdrop.drawing.moment import Moment
from unitdrop.drawing.sheet import Placed, Sheet
from unitdrop.drawing.style import GREY, TRAY, patch
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


def _meaning(moment: Moment) -> tuple[str, str]:
    """Return what the colours mean, and what a unit's map comes to for the target."""
    view, readout = moment.view, moment.plan.sweep.readout
    if view.unit is None:
        what = "change (now − intact)" if view.diverging else "evidence (weight × activation)"
        scale = "this frame's own" if view.own_scale else "the target's intact CAM"
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
    if view.own_scale and moment.peak <= 0:
        return ("", "no change", "") if view.diverging else (_least(moment), "", "nothing above 0")
    if view.diverging:
        return f"lost {below}{number(-peak)}", "0", f"gained {above}{number(peak)}"
    return _least(moment), number(peak / 2), f"{above}{number(peak)}"


def _least(moment: Moment) -> str:
    """Return what stands at the lower end: evidence may go on below it, activation does not."""
    return "0" if moment.view.unit is not None and moment.map.min() >= 0 else "≤ 0"
