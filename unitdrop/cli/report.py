"""What `sweep` prints: a record for programs, a table for people."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from unitdrop.sweep import Flip, SmallestFlip, Sweep

_ROWS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)  # the k that the table shows
_LABEL_WIDTH = 28


def printable(text: object) -> str:
    r"""Return text as one line without anything that a terminal would obey.

    Labels and file names come from files of others: escape sequences, line breaks and characters that reverse
    the direction of writing are taken out.

    Examples
    --------
    >>> printable("sea\x1b[31m\nside\u202e!")
    'sea?[31m side?!'
    """
    return "".join("?" if unicodedata.category(c)[0] == "C" else c for c in " ".join(str(text).split()))


def describe(sweep: Sweep, image: str, top: int = 0, bottom: int = 0) -> dict:
    """Return what `sweep --json` prints, as plain Python values.

    `curve` holds the target's probability when the top k = 0..U units are dropped; `at` the five most
    probable classes at the window.
    """
    flip, smallest = sweep.flip, sweep.smallest_flip
    return {
        "model": sweep.readout.model,
        "image": str(image),
        "units": sweep.units,
        "target": {"index": sweep.target, "label": sweep.label},
        "rank": sweep.rank,
        "scope": sweep.scope,
        "flip": flip and _flip_record(flip),
        "smallest_flip": smallest and _smallest_flip_record(smallest),
        "at": {"top": top, "bottom": bottom, "top5": _most_probable(sweep, sweep.probabilities(top, bottom))},
        "curve": [_nine_digits(p) for p in sweep.curve[:, sweep.target]],
    }


def _flip_record(flip: Flip) -> dict:
    """Return a flip as plain Python values."""
    probability = _nine_digits(flip.probability)
    return {"k": flip.k, "index": flip.index, "label": flip.label, "probability": probability}


def _smallest_flip_record(smallest: SmallestFlip) -> dict:
    """Return the smallest flip as plain Python values."""
    units = list(smallest.units)
    return {"count": smallest.count, "units": units, "index": smallest.index, "label": smallest.label}


def _nine_digits(value: float | np.floating) -> float:
    """Return a float32 as the shortest float that tells it apart from its neighbours (9 digits)."""
    return float(f"{float(value):.9g}")


def _most_probable(sweep: Sweep, probabilities: np.ndarray, count: int = 5) -> list[dict]:
    """Return the most probable classes, best first, the lower index first among equals."""
    order = (-probabilities).argsort(kind="stable")[:count]
    labels = sweep.readout.labels
    pairs = zip(order.tolist(), probabilities[order], strict=True)
    return [{"index": c, "label": labels[c], "probability": _nine_digits(p)} for c, p in pairs]


def table(sweep: Sweep, image: str, top: int = 0, bottom: int = 0) -> str:
    """Return what `sweep` prints for people.

    The five most probable classes of the intact network stand beside those at the window; with nothing
    dropped, beside those at the flip.
    """
    readout = sweep.readout
    seed = f" (seed {sweep.seed})" if sweep.rank == "random" else ""
    target = f"target {printable(sweep.label)} (index {sweep.target})"
    head = [
        f"{printable(image)} on {printable(readout.model)}: {sweep.units} units, {readout.classes} classes",
        f"{target}, ranking {sweep.rank}{seed}, scope {sweep.scope}",
    ]
    rest = ["From here on nothing is dropped from the bottom:"] if bottom else []
    parts = (head, _compared(sweep, top, bottom), [*rest, *_flips(sweep)], _course(sweep, top))
    return "\n\n".join("\n".join(lines) for lines in parts)


def _fitted(label: str) -> str:
    """Return a label that fits its column."""
    clean = printable(label)
    return clean if len(clean) <= _LABEL_WIDTH else clean[: _LABEL_WIDTH - 1] + "…"


def _compared(sweep: Sweep, top: int, bottom: int) -> list[str]:
    """Return the lines of the most probable classes, intact and at the window (or the flip)."""
    title = f"top {top}, bottom {bottom} dropped"
    if not top and not bottom and sweep.flip is not None:
        top, title = sweep.flip.k, f"at the flip, top {sweep.flip.k} dropped"
    sides = [_most_probable(sweep, sweep.probabilities(*window)) for window in ((), (top, bottom))]
    lines = [f"   {'intact':<{_LABEL_WIDTH + 7}}   {title}"]
    for place, pair in enumerate(zip(*sides, strict=True), 1):
        cells = (f"{_fitted(c['label']):<{_LABEL_WIDTH}} {c['probability']:.4f}" for c in pair)
        lines.append(f"{place}  " + "   ".join(cells))
    return lines


def _flips(sweep: Sweep) -> list[str]:
    """Return the lines that tell the flip and the smallest flip."""
    flip, smallest = sweep.flip, sweep.smallest_flip
    if flip is None:
        first = f"flip           none: {printable(sweep.label)} stays on top to the end"
    elif flip.k == 0:
        first = f"flip           the target is not the prediction, which is {printable(flip.label)}"
    else:
        first = f"flip           at k = {flip.k}, to {printable(flip.label)} with {flip.probability:.4f}"
    if smallest is None:
        return [first, "smallest flip  none: no set of units changes the prediction"]
    many = "s" if smallest.count > 1 else ""
    units = f"unit{many} {', '.join(map(str, smallest.units))}"
    second = f"smallest flip  {smallest.count} unit{many}, to {printable(smallest.label)}: {units}"
    return [first, *textwrap.wrap(second, 100, subsequent_indent=" " * 15)]


def _course(sweep: Sweep, top: int) -> list[str]:
    """Return the lines for some k: the weight last dropped, the target's probability, the prediction."""
    flip = sweep.flip.k if sweep.flip else 0
    wanted = sorted({k for k in (*_ROWS, flip, top, sweep.units) if k <= sweep.units})
    lines = [f"{'k':>5}  {'weight':>9}  {'p(target)':>9}  prediction"]
    for k in wanted:
        weight = f"{sweep.threshold(k):.4f}" if k else ""
        winner = _fitted(sweep.readout.labels[sweep.prediction(k)])
        mark = "  <- flip" if k and k == flip else ""
        lines.append(f"{k:>5}  {weight:>9}  {sweep.curve[k, sweep.target]:>9.4f}  {winner}{mark}")
    return lines
