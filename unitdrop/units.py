"""The units in ranking order: where each one fires, what it weighs, and which classes it serves.

Numbers only; `drawing.units_figure` makes a picture of them.

Ranks and units count from 0, as everywhere: with ``top = k`` the ranks 0 to k - 1 are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unitdrop.checks import check_whole_number, is_one_of
from unitdrop.sweep import Sweep

__all__ = ["Unit", "describe_units"]

SERVED = 3  # classes named for a unit


@dataclass(frozen=True)
class Unit:
    """One unit of a sweep, as a window finds it.

    Attributes
    ----------
    rank, unit : int
        Its place in the ranking, 0 first, and its channel in the last maps.
    weight : float
        ``W[t, u]``, the target's weight on it.
    mean : float
        ``f[u]``, its activation on this image averaged over the grid, at least 0 after a ReLU.
    contribution : float
        ``weight * mean``: what it adds to the target's logit.
    serves : tuple of (label, weight)
        The 3 classes with the largest weights on it, the largest first; among equals, the lower index.
    dropped, next : bool
        Whether the window drops it, and whether it is the next to be dropped.
    """

    rank: int
    unit: int
    weight: float
    mean: float
    contribution: float
    serves: tuple[tuple[str, float], ...]
    dropped: bool
    next: bool


def describe_units(
    sweep: Sweep, top: int = 0, bottom: int = 0, first: int = 0, count: int = 8, end: str = "top"
) -> tuple[Unit, ...]:
    """Describe the units of ``count`` ranks, from rank ``first`` on; fewer where the ranking ends.

    Parameters
    ----------
    sweep : Sweep
    top, bottom : int
        Units dropped from the two ends of the ranking, ``top + bottom <= U``.
    first : int
        0 to U - 1.
    count : int
        At least 1.
    end : {"top", "bottom"}
        The end of the ranking that loses the next unit.

    Returns
    -------
    tuple of Unit
        Ranks ``first`` to ``min(first + count, U) - 1``.

    Raises
    ------
    ValueError
        Naming the argument, what was expected, what arrived and the remedy.

    Examples
    --------
    >>> from unitdrop.readout import Readout
    >>> readout = Readout(maps=[[[4.0, 0.0]], [[0.0, 2.0]]], weight=[[1, 0], [0.5, 1]], bias=[0.5, 0],
    ...                   labels=("sea", "sand"), image=np.zeros((1, 2, 3), np.uint8))
    >>> describe_units(Sweep(readout), top=1)[0]
    Unit(rank=0, unit=0, weight=1.0, mean=2.0, contribution=2.0, serves=(('sea', 1.0), ('sand', 0.5)), \
dropped=True, next=False)
    >>> [u.next for u in describe_units(Sweep(readout), top=1)]
    [False, True]
    """
    first = check_whole_number("first", first, 0, sweep.units - 1)
    count = check_whole_number("count", count, 1)
    if not is_one_of(end, ("top", "bottom")):
        raise ValueError(f"end: expected 'top' or 'bottom', got {end!r}; pass the end that k runs along")
    kept = sweep.kept(top, bottom)
    following = (kept[0] if end == "top" else kept[-1]) if kept else None
    ranks = range(first, min(first + count, sweep.units))
    return tuple(_unit(sweep, rank, rank not in kept, rank == following) for rank in ranks)


def _unit(sweep: Sweep, rank: int, dropped: bool, following: bool) -> Unit:
    readout, unit = sweep.readout, int(sweep.ranking[rank])
    column = readout.weight[:, unit]
    weight, mean = float(column[sweep.target]), float(readout.pooled64[unit])
    best = np.argsort(-column, kind="stable")[:SERVED]
    serves = tuple((readout.labels[c], float(column[c])) for c in best)
    return Unit(rank, unit, weight, mean, weight * mean, serves, dropped, following)
