"""The numbers of one picture of a sweep: what is shown (`View`), and what stays put while k moves (`Plan`).

No colours and no drawing; `drawing` turns a plan into pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unitdrop import heatmap
from unitdrop.checks import finite_number, is_one_of, whole_number
from unitdrop.sweep import Sweep, Window

__all__ = ["CMAPS", "HEIRS", "MAX_ROWS", "VIEW_CHOICES", "Plan", "View", "ceiling_of", "make_plan", "percent"]

MAX_ROWS = 12  # bars at most, the row of all other classes not counted
HEIRS = 3  # inheriting classes that get a curve of their own
#: Colour maps to offer to people: all perceptually uniform and safe for the colour-blind.
CMAPS = ("inferno", "viridis", "cividis", "magma", "plasma", "gray")
#: Upper limits that a probability axis can have.
CEILINGS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

#: The fields of a `View` that are one of several, with what they can be.
VIEW_CHOICES = {
    "cam": ("target", "prediction", "difference"),
    "end": ("auto", "top", "bottom"),
    "scale": ("fixed", "frame"),
    "curves": ("classes", "shares"),
}


@dataclass(frozen=True)
class View:
    """How a sweep is looked at; the numbers do not depend on it.

    Parameters
    ----------
    cam : {"target", "prediction", "difference"}
        What is shown: the CAM of the sweep's target, or of the class predicted at the shown window, or the
        target's CAM now minus its intact one.
    cmap : str
        Name of a matplotlib colour map; `CMAPS` are perceptually uniform and safe for the colour-blind. The
        difference has colours of its own.
    opacity : float
        Of the colours over the image where evidence is at the upper limit, from 0 (image only) to 1 (colours
        only). It falls with the square root of the evidence, to 15 % of that where there is none.
    top_classes : int
        How many classes get a bar, 2 to 12; the rest are summed in a bar of their own.
    end : {"auto", "top", "bottom"}
        The end of the ranking that the curve follows, the other end being held where it is. "auto" follows
        the bottom where only bottom units are dropped, and the top otherwise.
    scale : {"fixed", "frame"}
        Colour limits: the same at every window, or 0 to the maximum of the map at this very window (for the
        difference: its greatest change, both ways).
    curves : {"classes", "shares"}
        Probabilities over k: a line a class, or stacked areas that add up to 100 % ("where it went").
    unit : int, optional
        A channel of the last maps, 0 to U - 1: its own activation map is shown instead of a CAM, with colours
        from 0 to its own maximum; ``cam`` and ``scale`` have no effect then. A unit is the same wherever it
        stands in the ranking, and its map stays whatever is dropped; the title says where it stands, and
        whether it is dropped.

    Raises
    ------
    ValueError
        Naming the field, what was expected, and what arrived.

    Examples
    --------
    >>> View(opacity=0.4).cam
    'target'
    >>> View(cam="both")
    Traceback (most recent call last):
        ...
    ValueError: View(cam=...): expected one of 'target', 'prediction', 'difference', got 'both'
    >>> View(unit=37, cam="difference").diverging
    False
    """

    cam: str = "target"
    cmap: str = "inferno"
    opacity: float = 0.65
    top_classes: int = 6
    end: str = "auto"
    scale: str = "fixed"
    curves: str = "classes"
    unit: int | None = None

    def __post_init__(self) -> None:
        for name, choices in VIEW_CHOICES.items():
            if not is_one_of(getattr(self, name), choices):
                raise _bad(name, f"one of {str(tuple(choices))[1:-1]}", getattr(self, name))
        if not heatmap.is_cmap(self.cmap):
            raise _bad("cmap", "a matplotlib colour map", self.cmap)
        if finite_number(self.opacity, 0, 1) is None:
            raise _bad("opacity", "a number from 0 to 1", self.opacity)
        if whole_number(self.top_classes, 2, MAX_ROWS) is None:
            raise _bad("top_classes", f"a whole number, 2 to {MAX_ROWS}", self.top_classes)
        if self.unit is not None and whole_number(self.unit, 0) is None:
            raise _bad("unit", "None or a whole number of at least 0", self.unit)

    @property
    def diverging(self) -> bool:
        """Whether the map that is shown runs both ways from 0."""
        return self.cam == "difference" and self.unit is None

    @property
    def own_scale(self) -> bool:
        """Whether the colours end at the maximum of the very map that is shown."""
        return self.scale == "frame" or self.unit is not None

    @property
    def colours(self) -> str:
        """Name of the colour map that is drawn."""
        return heatmap.CHANGE if self.diverging else self.cmap

    def follows(self, top: int, bottom: int) -> str:
        """Return the end of the ranking, "top" or "bottom", that the curve follows at a window.

        >>> View().follows(0, 3), View().follows(1, 3), View(end="bottom").follows(1, 3)
        ('bottom', 'top', 'bottom')
        """
        return self.end if self.end != "auto" else ("bottom" if bottom and not top else "top")


def _bad(name: str, expected: str, got: object) -> ValueError:
    """Return the error for a field of a `View`."""
    return ValueError(f"View({name}=...): expected {expected}, got {got!r}")


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything in the picture that stays put while k moves: numbers only, nothing drawn.

    Attributes
    ----------
    sweep : Sweep
    end : {"top", "bottom"}
        The end of the ranking along which k runs.
    fixed : int
        Units dropped from the other end, 0 to U.
    curve : ndarray, shape (n + 1, C), float32
        Probabilities for k = 0..n dropped from ``end``, with n = U - ``fixed``.
    rows : tuple of int
        Classes with a bar, at most `MAX_ROWS`, by intact probability, highest first; the target among them.
    lines : tuple of int
        Classes with a curve, at most `HEIRS` + 1: the target first, then the usurper, the intact prediction,
        and those that gain most.
    flip : tuple (k, index), or None
        The smallest k on ``curve`` whose prediction is not the target, and the class that wins there.
    band : ndarray, shape (2, n + 1), or None
        5th and 95th percentile of the target's probability over 20 random orders. None where the other end
        is held down too: random orders of *all* units are no control for that.
    limits : tuple of float
        Evidence at the two ends of the colour scale: 0 and the maximum of the target's intact CAM (1 where
        that is nowhere above 0).
    ceiling : float
        Upper limit of the probability axes, one of `CEILINGS`; the bars' reaches further where the bar of all
        others does.
    """

    sweep: Sweep
    end: str
    fixed: int
    curve: np.ndarray
    rows: tuple[int, ...]
    lines: tuple[int, ...]
    flip: tuple[int, int] | None
    band: np.ndarray | None
    limits: tuple[float, float]
    ceiling: float

    def window(self, k: int) -> Window:
        """Return the window with k units dropped from this plan's end."""
        return Window(k, self.end, self.fixed)

    @property
    def shares(self) -> np.ndarray:
        """Probabilities of the ``lines``, then of all other classes together: (lines + 1, n + 1) float64.

        They add up to 1 at every k.
        """
        named = self.curve[:, list(self.lines)].T.astype(np.float64)
        return np.vstack([named, np.maximum(1 - named.sum(axis=0), 0)])


def make_plan(sweep: Sweep, top: int = 0, bottom: int = 0, view: View = View()) -> Plan:
    """Decide all that stays put while k moves along one end of a sweep's ranking.

    Parameters
    ----------
    sweep : Sweep
    top, bottom : int
        Units dropped from either end; only the end that ``view`` does not follow matters.
    view : View

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If the end that is held is not one of the sweep's.

    Examples
    --------
    >>> from unitdrop.readout import Readout
    >>> readout = Readout(maps=[[[4.0, 0.0]], [[0.0, 2.0]]], weight=[[1, 0], [0.5, 1]], bias=[0.5, 0],
    ...                   labels=("sea", "sand"), image=np.zeros((1, 2, 3), np.uint8))
    >>> plan = make_plan(Sweep(readout))
    >>> plan.end, plan.lines, plan.flip, plan.limits
    ('top', (0, 1), (1, 1), (0.0, 4.0))
    >>> plan.window(1).ends
    (1, 0)
    """
    start = Window.of(top, bottom, view.follows(top, bottom)).at(0)
    curve = _curve(sweep, start)
    flip = _flip(sweep, start, len(curve))
    lines = _lines(sweep, curve, flip)
    rows = _rows(sweep.probabilities(), lines, view.top_classes)
    peak = float(sweep.cam().max())
    highest = max(curve[:, list(lines)].max(), sweep.probabilities()[list(rows)].max())
    return Plan(
        sweep=sweep,
        end=start.end,
        fixed=start.held,
        curve=curve,
        rows=rows,
        lines=lines,
        flip=flip,
        band=None if start.held else sweep.random_band(),
        limits=(0.0, peak if peak > 0 else 1.0),
        ceiling=ceiling_of(float(highest)),
    )


def _curve(sweep: Sweep, start: Window) -> np.ndarray:
    """Return the probabilities at every k from ``start`` on: (n + 1, C) float32."""
    if start == Window():
        return sweep.curve
    return np.stack([sweep.probabilities(*start.at(k).ends) for k in range(sweep.units - start.held + 1)])


def _flip(sweep: Sweep, start: Window, steps: int) -> tuple[int, int] | None:
    """Return the first k whose prediction is not the target, and the class that wins there, or None."""
    # Asked of the sweep, not of the curve: rounding to float32 could make a tie where there is none.
    if start == Window():
        return None if sweep.flip is None else (sweep.flip.k, sweep.flip.index)
    for k in range(steps):
        winner = sweep.prediction(*start.at(k).ends)
        if winner != sweep.target:
            return k, winner
    return None


def _lines(sweep: Sweep, curve: np.ndarray, flip: tuple[int, int] | None) -> tuple[int, ...]:
    """Return the classes with a curve: target, usurper, intact prediction, and those that gain most."""
    if curve is sweep.curve:
        heirs = sweep.heirs(HEIRS)
    else:
        gain = (curve - curve[0]).max(axis=0)
        heirs = tuple(int(c) for c in np.argsort(-gain, kind="stable") if gain[c] > 0)[:HEIRS]
    wanted = [sweep.target, *([flip[1]] if flip else []), int(sweep.prediction()), *heirs]
    return tuple(dict.fromkeys(wanted))[: HEIRS + 1]


def _rows(intact: np.ndarray, lines: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return ``count`` classes with a bar: those with a curve, then the most probable; all by probability."""
    by_probability = [int(c) for c in np.argsort(-intact, kind="stable")]
    chosen = tuple(dict.fromkeys([*lines[: max(count - 1, 1)], *by_probability]))[:count]
    return tuple(sorted(chosen, key=by_probability.index))


def ceiling_of(peak: float) -> float:
    """Return the upper limit of a probability axis: the least of `CEILINGS` that holds ``peak``.

    >>> ceiling_of(0.03), ceiling_of(0.7)
    (0.05, 1.0)
    """
    return next((c for c in CEILINGS if peak <= c), 1.0)


def percent(p: float) -> str:
    """Return a probability in words for people, never rounded to a certainty that is not there.

    >>> percent(0.4137), percent(0.99996), percent(1e-6), percent(0.0)
    ('41.4 %', '>99.9 %', '<0.1 %', '0 %')
    """
    if p in (0, 1):
        return f"{100 * p:.0f} %"
    return "<0.1 %" if p < 0.0005 else ">99.9 %" if p >= 0.9995 else f"{100 * p:.1f} %"
