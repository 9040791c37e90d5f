"""The picture of a sweep: the CAM over the image, the classes, the curve, drawn once and then only updated.

`SweepFigure` turns a `Sweep` and a window of dropped units into pixels. It owns one matplotlib `Figure` (no
pyplot, so nothing is registered globally and nothing leaks), makes its artists once, and keeps the drawing of
everything that stays put while k moves; a new k restores that background and draws only what changed.

What a picture promises:

- it is a pure function of ``(sweep, top, bottom, view)``: no move leaves a trace in a later picture;
- colour limits, axis limits and the choice of classes are fixed per sweep, so evidence is seen to drain and
  is never rescaled away. Colours run from 0 to the maximum of the *intact* CAM of the *target*, whichever CAM
  is shown; what lies outside takes the end colours, and the ticks say "≤" and "≥".
  Negative evidence (which speaks against the class) therefore looks like none: the map answers "what speaks
  for the class?". Where there is little evidence the colours let the image through, so that what the network
  does not use can be seen;
- whoever wants another scale asks for it, and the picture says so: each frame's own limits
  (``scale="frame"``), or the change from the intact CAM (``cam="difference"``), with colours that run both
  ways from 0 and let the image through where nothing changed;
- the rcParams and styles of the session have no say in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unitdrop.drawing.bars import Bars
from unitdrop.drawing.curves import Curves
from unitdrop.drawing.figure import BaseFigure
from unitdrop.drawing.header import Header
from unitdrop.drawing.layout import HEIGHT, WIDTH, layout_for
from unitdrop.drawing.moment import Moment
from unitdrop.drawing.picture import Picture
from unitdrop.drawing.sheet import Sheet
from unitdrop.plan import Plan, View, make_plan
from unitdrop.sweep import Sweep, Window

__all__ = ["SweepDrawing", "SweepFigure"]

REACH = 12  # design pixels by which a click on the curve may miss it
#: Fields of a `View` that change nothing in the background, or only by what `_key` says of them: the map is
#: pasted over it, and its scale written there. Another field draws the background anew.
MOVING = {"cam", "cmap", "opacity", "scale", "unit", "end"}


@dataclass(frozen=True)
class _SweepBackground:
    """The pixels of all that stays put while k moves, and what they are of."""

    plan: Plan
    key: tuple
    pixels: np.ndarray  # (height, width, 4) uint8


def _key(window: Window, view: View) -> tuple:
    """Return what a sweep's background depends on."""
    still = tuple(value for name, value in vars(view).items() if name not in MOVING)
    return (window.end, window.held, view.colours, *still)


class SweepDrawing:
    """The parts of a sweep's picture on one sheet.

    Every part has ``lay_out(plan, view)``, which draws what stays put while k moves, and ``update(moment)``.

    Attributes
    ----------
    sheet : Sheet
    header : Header
    picture : Picture
    bars : Bars
    curves : Curves
    """

    def __init__(self, width: int, height: int) -> None:
        layout = layout_for(width, height)
        self.sheet = Sheet(width, height, layout.size)
        self.header, self.picture = Header(self.sheet, layout), Picture(self.sheet, layout)
        self.bars, self.curves = Bars(self.sheet, layout), Curves(self.sheet, layout)
        self._parts = (self.header, self.picture, self.bars, self.curves)
        self._background: _SweepBackground | None = None

    def show(self, sweep: Sweep, top: int, bottom: int, view: View) -> np.ndarray:
        """Draw one window: (height, width, 3) uint8; ValueError if the sweep has no such window."""
        sweep.kept(top, bottom)  # refuses a wrong window before anything is touched
        background = self._background_of(sweep, top, bottom, view)
        moment = Moment(background.plan, top, bottom, view)
        for part in self._parts:
            part.update(moment)
        return self.sheet.compose(background.pixels, lambda canvas: self.picture.paste(canvas, moment))

    def _background_of(self, sweep: Sweep, top: int, bottom: int, view: View) -> _SweepBackground:
        """Return the background of a window, drawing it if it is not that of the last picture."""
        key, last = _key(Window.of(top, bottom, view.follows(top, bottom)), view), self._background
        if last is not None and last.plan.sweep is sweep and last.key == key:
            return last
        plan = make_plan(sweep, top, bottom, view)
        self._background = None  # should anything below fail, the next picture starts afresh
        self.sheet.tell_apart(sweep.readout.labels)
        for part in self._parts:
            part.lay_out(plan, view)
        self._background = _SweepBackground(plan, key, self.sheet.redraw())
        return self._background


class SweepFigure(BaseFigure[SweepDrawing]):
    """One figure that shows any window of any sweep.

    Parameters
    ----------
    width, height : int
        Pixels, 160 to 4096 each. The shape decides the layout: from ``width >= 1.4 * height`` on the wide
        one, drawn up for 960 x 540, with the curves beside the image; else the narrow one, drawn up for
        `NARROW` = 640 x 600, with the curves below it, for half a screen or two pictures side by side. Either
        scales from there, and says the same.

    Raises
    ------
    ValueError
        If a size is out of range.

    Notes
    -----
    Not safe for use by two threads at once; give each thread its own.

    Examples
    --------
    >>> figure = SweepFigure(480, 270)
    >>> figure.size
    (480, 270)
    >>> figure.close()
    """

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        super().__init__(width, height, SweepDrawing)

    def show(self, sweep: Sweep, top: int = 0, bottom: int = 0, view: View = View()) -> np.ndarray:
        """Draw one window of a sweep.

        Parameters
        ----------
        sweep : Sweep
        top, bottom : int
            Units dropped from the two ends of the ranking, ``top + bottom <= U``.
        view : View

        Returns
        -------
        ndarray, shape (height, width, 3), uint8
            RGB; the caller's own. The same arguments give the same bytes, whatever was shown before.

        Raises
        ------
        ValueError
            If the window is not one of the sweep's, or if the sweep has no unit ``view.unit``.
        RuntimeError
            If the figure has been closed.
        """
        drawing = self.drawing
        if view.unit is not None and view.unit >= sweep.units:
            raise ValueError(
                f"View(unit=...): expected a channel of this network, 0 to {sweep.units - 1}, got {view.unit}"
            )
        return drawing.show(sweep, top, bottom, view)

    def k_at(self, x: float, y: float, most: int) -> int | None:
        """Return the k that a point of the picture stands for: that below it on the curve's axis.

        Parameters
        ----------
        x, y : float
            Where it is, as parts of the width and of the height, from the top left corner.
        most : int
            The largest k of the curve.

        Returns
        -------
        int or None
            0 to ``most``; None for a point that is not on the curve, within a finger's breadth.

        Examples
        --------
        >>> figure = SweepFigure()
        >>> figure.k_at(660 / 960, 400 / 540, 256), figure.k_at(0.1, 0.5, 256)
        (128, None)
        >>> figure.close()
        """
        layout = layout_for(*self.size)
        (across, down), (left, top, width, height) = layout.size, layout.curves
        x, y = x * across - left, y * down - top
        if not (-REACH <= x <= width + REACH and -REACH <= y <= height + 2 * REACH):
            return None
        return round(min(max(x / width, 0), 1) * most)
