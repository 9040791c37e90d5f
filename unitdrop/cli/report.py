"""What `sweep` prints: a record for programs, a table for people."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unitdrop.names import brief, printable, shown_names

if TYPE_CHECKING:
    import numpy as np

    from unitdrop.sweep import Flip, SmallestFlip, Sweep

_ROWS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)  # the k that the table shows
_LABEL_WIDTH = 28


def describe(sweep: Sweep, image: str, top: int = 0, bottom: int = 0, notes: Sequence[str] = ()) -> dict:
    """Return what `sweep --json` prints, as plain Python values.

    `curve` holds the target's probability when the top k = 0..U units are dropped; `at` the five most
    probable classes at the window; `notes` what was guessed or noticed on the way, a sentence each.
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
        "notes": list(notes),
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
    names = shown_names(readout.labels)
    target = f"target {names[sweep.target]} (index {sweep.target})"
    head = [
        f"{printable(image)} on {printable(brief(readout.model))}: "
        f"{sweep.units} units, {readout.classes} classes",
        f"{target}, ranking {sweep.rank}{seed}, scope {sweep.scope}",
    ]
    rest = ["From here on nothing is dropped from the bottom:"] if bottom else []
    cells = _fitted(names)
    flips = [*rest, *_flips(sweep, names)]
    parts = (head, _compared(sweep, cells, top, bottom), flips, _course(sweep, cells, top))
    return "\n\n".join("\n".join(lines) for lines in parts)


def _fitted(names: Sequence[str]) -> list[str]:
    """Return names that fit their column; those that would look alike there end with their index."""
    cut = [brief(name, _LABEL_WIDTH) for name in names]
    often = Counter(cut)
    return [short if often[short] == 1 else _numbered(names[i], i) for i, short in enumerate(cut)]


def _numbered(name: str, index: int) -> str:
    """Return as much of a name as the column holds beside its index."""
    suffix = f" ({index})"
    return brief(name.removesuffix(suffix), _LABEL_WIDTH - len(suffix)) + suffix


def _compared(sweep: Sweep, cells: Sequence[str], top: int, bottom: int) -> list[str]:
    """Return the lines of the most probable classes, intact and at the window (or the flip)."""
    title = f"top {top}, bottom {bottom} dropped"
    if not top and not bottom and sweep.flip is not None:
        top, title = sweep.flip.k, f"at the flip, top {sweep.flip.k} dropped"
    sides = [_most_probable(sweep, sweep.probabilities(*window)) for window in ((), (top, bottom))]
    lines = [f"   {'intact':<{_LABEL_WIDTH + 7}}   {title}"]
    for place, pair in enumerate(zip(*sides, strict=True), 1):
        told = (f"{cells[c['index']]:<{_LABEL_WIDTH}} {c['probability']:.4f}" for c in pair)
        lines.append(f"{place}  " + "   ".join(told))
    return lines


def _flips(sweep: Sweep, names: Sequence[str]) -> list[str]:
    """Return the lines that tell the flip and the smallest flip."""
    flip, smallest = sweep.flip, sweep.smallest_flip
    if flip is None:
        first = f"flip           none: {names[sweep.target]} stays on top to the end"
    elif flip.k == 0:
        first = f"flip           the target is not the prediction, which is {names[flip.index]}"
    else:
        first = f"flip           at k = {flip.k}, to {names[flip.index]} with {flip.probability:.4f}"
    if smallest is None:
        return [first, "smallest flip  none: no set of units changes the prediction"]
    many = "s" if smallest.count > 1 else ""
    units = f"unit{many} {', '.join(map(str, smallest.units))}"
    second = f"smallest flip  {smallest.count} unit{many}, to {names[smallest.index]}: {units}"
    return [first, *textwrap.wrap(second, 100, subsequent_indent=" " * 15)]


def _course(sweep: Sweep, cells: Sequence[str], top: int) -> list[str]:
    """Return the lines for some k: the weight last dropped, the target's probability, the prediction."""
    flip = sweep.flip.k if sweep.flip else 0
    wanted = sorted({k for k in (*_ROWS, flip, top, sweep.units) if k <= sweep.units})
    lines = [f"{'k':>5}  {'weight':>9}  {'p(target)':>9}  prediction"]
    for k in wanted:
        weight = f"{sweep.threshold(k):.4f}" if k else ""
        winner = cells[sweep.prediction(k)]
        mark = "  <- flip" if k and k == flip else ""
        lines.append(f"{k:>5}  {weight:>9}  {sweep.curve[k, sweep.target]:>9.4f}  {winner}{mark}")
    return lines
