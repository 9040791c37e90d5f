"""Drop the units that carry a class, one after another, and read off what the network would say.

The head of the network is linear over pooled maps, so ONE forward pass answers for every set of units: a
dropped unit takes its contribution `W[c, u] * f[u]` out of the logit of class `c`. All windows follow from
prefix sums along the ranking; the network is never run again.

Exact sums
----------
Every contribution is rounded ONCE, to a multiple of a power of two so small (about 2**-50 of the largest
logit that could occur) that any sum of contributions, in any order, fits the 53 bits of a float64. Sums and
differences are then free of rounding: a window gives the same logits however it is reached, ties are ties,
and `Sweep.smallest_flip`, with which the ranking `margin` begins, is a proof, not an estimate. The price, U
roundings, is below 1e-11 of that logit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial

import numpy as np

from unitdrop.checks import is_one_of, whole_number
from unitdrop.readout import Readout, read_only

RANKINGS = ("weight", "contribution", "margin", "random")
SCOPES = ("unit", "class")


@dataclass(frozen=True)
class Window:
    """A kept window of ranks: k units dropped from one end of a ranking, ``held`` from the other.

    ``end`` is the end that k counts along, ``"top"`` or ``"bottom"``.

    Examples
    --------
    >>> Window(3).ends, Window(3, "bottom", held=1).ends
    ((3, 0), (1, 3))
    >>> Window.of(1, 3, "bottom"), Window(3, held=1).at(5)
    (Window(k=3, end='bottom', held=1), Window(k=5, end='top', held=1))
    """

    k: int = 0
    end: str = "top"
    held: int = 0

    @classmethod
    def of(cls, top: int, bottom: int, end: str = "top") -> Window:
        """Return the window with so many units dropped from the two ends, where k counts along ``end``."""
        return cls(top, end, bottom) if end == "top" else cls(bottom, end, top)

    @property
    def ends(self) -> tuple[int, int]:
        """How many units are dropped from the (top, bottom), as the methods of `Sweep` take them."""
        return (self.k, self.held) if self.end == "top" else (self.held, self.k)

    def at(self, k: int) -> Window:
        """Return the same window with another k."""
        return Window(k, self.end, self.held)


@dataclass(frozen=True)
class Flip:
    """The first k at which the target is no longer the top class, and the usurper that is."""

    k: int
    index: int
    label: str
    probability: float


@dataclass(frozen=True)
class SmallestFlip:
    """The smallest set of units whose silencing changes the top class, and the class it changes to."""

    count: int
    units: tuple[int, ...]
    index: int
    label: str


def rank_units(
    readout: Readout, target: int, by: str = "weight", seed: int = 0, scope: str = "unit"
) -> np.ndarray:
    """Return all units in order for one target class, most important first: (U,) int64.

    `by="weight"` orders by `W[t]`, `"contribution"` by `W[t] * f` (this image); `"random"` is the permutation
    that `seed` (an integer >= 0) gives. `"margin"` orders by what dropping a unit takes from the lead of the
    prediction p on the intact network over its nearest rival r: `(W[p] - W[r]) * f` in scope `"unit"`,
    whatever the target. In scope `"class"` only the target's weights go: `W[t] * f` if the target is the
    prediction, and `-W[t] * f`, which it gains, if it is not. All but `"random"` are descending, with the
    lower index first among equals.

    The nearest rival is the one that the fewest units bring past the prediction: the first units of the
    ranking are the smallest set that flips it (see `Sweep.smallest_flip`, which also says how ties are
    settled). Where no set does, it is the class that comes closest (in scope `"class"`, the target or, where
    that is the prediction, the runner-up). With one class there is no rival, and all units are equal.

    Raises
    ------
    ValueError
        Unknown ranking or scope, or bad seed. `TargetError` (a ValueError) if there is no such class.

    Examples
    --------
    >>> readout = Readout(maps=[[[1.0]], [[3.0]], [[0.5]]], weight=[[2, 1, 2], [0, 0.8, 1]], bias=[0, 0],
    ...                   labels=("sea", "sand"), image=np.zeros((1, 1, 3), np.uint8))
    >>> rank_units(readout, 0).tolist(), rank_units(readout, 0, "contribution").tolist()
    ([0, 2, 1], [1, 0, 2])
    >>> rank_units(readout, 0, "margin").tolist()  # sea leads by 2 + 0.6 + 0.5
    [0, 1, 2]
    """
    row = readout.index_of(target)
    weight = readout.weight[row].astype(np.float64)
    only = _only(scope, row)
    if by == "weight":
        return np.argsort(-weight, kind="stable")
    if by == "contribution":
        return np.argsort(-weight * readout.pooled64, kind="stable")
    if by == "margin":
        return _shortest_way(readout, only)[0].copy()
    if by == "random":
        return np.random.default_rng(_checked_seed(seed)).permutation(readout.units)
    raise ValueError(f"rank: no ranking {by!r}; choose one of {', '.join(RANKINGS)}")


def _only(scope: str, target: int) -> int | None:
    """Return the only class whose weights go with a unit in this scope, None for all, or raise ValueError."""
    if not is_one_of(scope, SCOPES):
        raise ValueError(f"scope: no scope {scope!r}; choose one of {', '.join(SCOPES)}")
    return target if scope == "class" else None


def _checked_seed(seed: int) -> int:
    """Return `seed` as an int, or raise ValueError."""
    number = whole_number(seed, 0)
    if number is None:
        raise ValueError(f"seed: expected an integer of at least 0, got {seed!r}")
    return number


@lru_cache(maxsize=2)
def _exact_head(readout: Readout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return contributions `W * f` (C, U), bias and logits (C,), on a grid where float64 sums are exact.

    All float64. See the module's docstring.
    """
    contributions, bias = readout.weight * readout.pooled64, readout.bias.astype(np.float64)
    bound = (np.abs(contributions).sum(axis=1) + np.abs(bias)).max()
    quantum = np.ldexp(1.0, int(np.frexp(bound)[1]) - 50)
    # The 0.0 turns -0.0 into 0.0, which then stays: equal logits have equal bytes.
    exact, exact_bias = (np.rint(values / quantum) * quantum + 0.0 for values in (contributions, bias))
    return read_only(exact), read_only(exact_bias), read_only(exact_bias + exact.sum(axis=1))


def _scoped(readout: Readout, only: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits with everything dropped (C,), and what each loses with each unit (C, U): exact.

    `only` is the class whose weights alone go, None for all; see `_only`.
    """
    contributions, bias, intact = _exact_head(readout)
    if only is None:
        return bias, contributions
    # Only the target's row can lose anything: what the other rows hold becomes part of the base.
    base, effects = intact.copy(), np.zeros_like(contributions)
    base[only], effects[only] = bias[only], contributions[only]
    return base, effects


@lru_cache(maxsize=2)  # the ranking `margin` and `Sweep.smallest_flip` ask one after the other
def _shortest_way(readout: Readout, only: int | None) -> tuple[np.ndarray, int | None]:
    """Return all units in the order that takes the prediction's lead fastest, and how many of them flip it.

    The order, (U,) int64, is the ranking `margin`; the number is None if no set of units flips the
    prediction. `Sweep.smallest_flip` has the proof.
    """
    effects, intact = _scoped(readout, only)[1], _exact_head(readout)[2]
    old = int(intact.argmax())
    rivals = _rivals(intact, old, only)
    gaps = effects[old] - effects[rivals]
    row, count = _first_past(intact[rivals] - intact[old], gaps, rivals < old)
    return read_only(np.argsort(-gaps[row], kind="stable")), count


def _rivals(intact: np.ndarray, old: int, only: int | None) -> np.ndarray:
    """Return the classes, ascending, that dropping units might bring past the prediction `old`: (R,) int64.

    Where only one row can be touched there is one: that class itself, or the runner-up, who stays ahead of
    the others. A single class is its own rival, which it never passes.
    """
    others = np.delete(np.arange(len(intact)), old)
    if not len(others):
        return np.array([old])
    if only is None:
        return others
    return np.array([others[intact[others].argmax()] if only == old else only])


def _first_past(leads: np.ndarray, gaps: np.ndarray, wins_ties: np.ndarray) -> tuple[int, int | None]:
    """Return the row of the rival that passes the prediction with the fewest units, and their number.

    Of several rivals, it is the one that comes furthest past; where none can pass, the one that comes
    closest, and None. Takes the rivals' leads over the prediction, all at most 0 (R,), what each gains with
    each unit dropped (R, U), and whether it wins ties (R,).
    """
    reach = leads + np.maximum(gaps, 0).sum(axis=1)  # the best that any set of units does for it
    if not ((reach > 0) | ((reach == 0) & wins_ties)).any():
        return int(reach.argmax()), None
    after = leads[:, None] - np.cumsum(np.sort(-gaps, axis=1), axis=1)
    passed = (after > 0) | ((after == 0) & wins_ties[:, None])
    count = int(passed.any(axis=0).argmax()) + 1
    return int(np.where(passed[:, count - 1], after[:, count - 1], -np.inf).argmax()), count


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis, in float64."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _prefix_sums(terms: np.ndarray) -> np.ndarray:
    """Return the sums of the first 0, 1, ..., n of n terms: (n, ...) to (n + 1, ...) float64."""
    sums = np.zeros((len(terms) + 1, *terms.shape[1:]))
    np.cumsum(terms, axis=0, out=sums[1:])
    return sums


def _map_sums(readout: Readout, ranking: np.ndarray, index: int) -> np.ndarray:
    """Return the first k ranked units' share in the CAM of one class, for every k: (U + 1, h, w) float64."""
    weight = readout.weight[index, ranking].astype(np.float64)
    return _prefix_sums(weight[:, None, None] * readout.maps[ranking])


@dataclass(frozen=True, eq=False, init=False)
class Sweep:
    """Every number of one sweep: one readout, one target, one ranking, one scope.

    Parameters
    ----------
    readout
        What the network says about the image.
    target
        The class whose units are ranked: an index, a label, or None for the prediction on the intact network.
    rank
        One of `RANKINGS`; see `rank_units`. With `"margin"` and the prediction as the target, `flip.k` is as
        small as any order of units can make it: it is the count of `smallest_flip`.
    scope
        `"unit"`: a dropped unit is silent for every class (unit ablation, Bau et al. 2020).
        `"class"`: only the target's weights are zeroed, the rows of the other classes stay.
    seed
        Of the ranking `"random"` and of the random orders of `random_band`.

    Attributes
    ----------
    readout, rank, scope, seed
        As given.
    target : int
        Index of the class whose units are ranked.
    ranking : ndarray, shape (U,), int64
        The units in the order of the ranking, most important first; read-only.

    A window is told by how many ranks are dropped from the top (most important) and from the bottom:
    0 <= top, 0 <= bottom, top + bottom <= U. The prediction is the class
    with the largest logit; among equals, the lower index.

    Raises
    ------
    ValueError
        Unknown rank or scope, bad seed; from the methods, a window out of range. `TargetError` (a
        ValueError) if there is no such class.

    Examples
    --------
    >>> readout = Readout(maps=[[[4.0, 0.0]], [[0.0, 2.0]]], weight=[[1, 0], [0.5, 1]], bias=[0.5, 0],
    ...                   labels=("sea", "sand"), image=np.zeros((1, 2, 3), np.uint8))
    >>> sweep = Sweep(readout)
    >>> sweep.label, sweep.logits().tolist(), sweep.logits(top=1).tolist(), sweep.logits(top=2).tolist()
    ('sea', [2.5, 2.0], [0.5, 1.0], [0.5, 0.0])
    >>> sweep.flip.k, sweep.flip.label, sweep.smallest_flip.units
    (1, 'sand', (0,))
    >>> sweep.cam().tolist(), sweep.cam("sand", top=1).tolist()
    ([[4.0, 0.0]], [[0.0, 2.0]])
    """

    readout: Readout
    target: int
    rank: str
    scope: str
    seed: int
    ranking: np.ndarray = field(init=False, repr=False)
    _base: np.ndarray = field(init=False, repr=False)
    _effects: np.ndarray = field(init=False, repr=False)
    _map_sums: Callable[[int], np.ndarray] = field(init=False, repr=False)
    _bands: dict[tuple, np.ndarray] = field(init=False, repr=False)

    def __init__(
        self,
        readout: Readout,
        target: int | str | None = None,
        rank: str = "weight",
        scope: str = "unit",
        seed: int = 0,
    ) -> None:
        """Check the choices, and settle the target and the ranking."""
        index = int(_exact_head(readout)[2].argmax()) if target is None else readout.index_of(target)
        base, effects = _scoped(readout, _only(scope, index))
        ranking = rank_units(readout, index, rank, seed, scope)
        settled = {
            "readout": readout,
            "target": index,
            "rank": rank,
            "scope": scope,
            "seed": _checked_seed(seed),
            "ranking": read_only(ranking.astype(np.int64)),
            "_base": base,  # (C,): the logits with everything dropped
            "_effects": effects,  # (C, U): what each logit loses with each unit
            "_map_sums": lru_cache(maxsize=8)(partial(_map_sums, readout, ranking)),
            "_bands": {},
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    @property
    def units(self) -> int:
        """U, the number of units."""
        return self.readout.units

    @property
    def label(self) -> str:
        """The name of the target."""
        return self.readout.labels[self.target]

    def kept(self, top: int = 0, bottom: int = 0) -> range:
        """Return the ranks that a window keeps, ``range(top, U - bottom)``.

        Raises
        ------
        ValueError
            top or bottom is no whole number, is below 0, or their sum is above U.

        Examples
        --------
        >>> readout = Readout(maps=np.ones((4, 1, 1)), weight=[[1, 2, 3, 4]], bias=[0], labels=("sea",),
        ...                   image=np.zeros((1, 1, 3), np.uint8))
        >>> Sweep(readout).kept(top=1, bottom=1)
        range(1, 3)
        """
        lo, dropped = whole_number(top), whole_number(bottom)
        if lo is None or dropped is None:
            raise ValueError(f"top and bottom: expected integers, got {top!r} and {bottom!r}")
        hi = self.units - dropped
        if not 0 <= lo <= hi <= self.units:
            raise ValueError(
                f"top={top}, bottom={bottom}: expected both at least 0 and their sum at most "
                f"U = {self.units}; drop fewer units"
            )
        return range(lo, hi)

    @cached_property
    def _sums(self) -> np.ndarray:
        """Sum of the effects of the first k ranked units, for every k: (U + 1, C) float64."""
        return _prefix_sums(self._effects.T[self.ranking])

    @cached_property
    def _top_drops(self) -> np.ndarray:
        """Exact logits when the top k = 0..U are dropped: (U + 1, C) float64."""
        return self._base + (self._sums[-1] - self._sums)

    def exact_logits(self, top: int = 0, bottom: int = 0) -> np.ndarray:
        """Return the logits at a window before they are rounded: (C,) float64, sums without rounding."""
        kept = self.kept(top, bottom)
        return self._base + (self._sums[kept.stop] - self._sums[kept.start])

    def logits(self, top: int = 0, bottom: int = 0) -> np.ndarray:
        """Return the logits at a window: (C,) float32."""
        return self.exact_logits(top, bottom).astype(np.float32)

    def probabilities(self, top: int = 0, bottom: int = 0) -> np.ndarray:
        """Return the softmax of the logits at a window: (C,) float32 in 0..1."""
        return _softmax(self.exact_logits(top, bottom)).astype(np.float32)

    def prediction(self, top: int = 0, bottom: int = 0) -> int:
        """Return the index of the top class at a window."""
        return int(self.exact_logits(top, bottom).argmax())

    @cached_property
    def curve(self) -> np.ndarray:
        """Probabilities of every class when the top k = 0..U are dropped: (U + 1, C) float32, read-only."""
        return read_only(_softmax(self._top_drops).astype(np.float32))

    def cam(self, index: int | str | None = None, top: int = 0, bottom: int = 0) -> np.ndarray:
        """Return the class activation map of a class (None: the target) at a window: (h, w) float32.

        `M_c = sum over kept u of W[c, u] A[u]` (Zhou et al. 2016), in units of logit: its mean plus the bias
        is the logit. In scope `"class"` only the target's map changes with the window.
        """
        kept = self.kept(top, bottom)
        row = self.target if index is None else self.readout.index_of(index)
        if self.scope == "class" and row != self.target:
            kept = self.kept()
        sums = self._map_sums(row)
        return (sums[kept.stop] - sums[kept.start]).astype(np.float32)

    @cached_property
    def weights_ranked(self) -> np.ndarray:
        """The target's weights in the order of the ranking: (U,) float32, read-only."""
        return read_only(self.readout.weight[self.target][self.ranking])

    def threshold(self, top: int) -> float | None:
        """Return the target's weight on the last of the top `top` units dropped; None for 0."""
        self.kept(top)
        return float(self.weights_ranked[top - 1]) if top else None

    def window(self, lightest: float, heaviest: float) -> tuple[int, int]:
        """Return (top, bottom) of the window that drops what is heavier or lighter than two weights.

        Units whose weight for the target is above `heaviest` or below `lightest` are dropped.

        Raises
        ------
        ValueError
            The ranking is not `"weight"`, so that such units do not stand together; or `lightest` is above
            `heaviest`.

        Examples
        --------
        >>> readout = Readout(maps=np.ones((4, 1, 1)), weight=[[0.1, 0.4, -0.2, 0.3]], bias=[0],
        ...                   labels=("sea",), image=np.zeros((1, 1, 3), np.uint8))
        >>> Sweep(readout).window(0, 0.35)
        (1, 1)
        """
        if self.rank != "weight":
            raise ValueError(f"weights: the ranking is {self.rank!r}; choose the ranking 'weight'")
        if not lightest <= heaviest:
            raise ValueError(f"weights: expected {lightest} to be at most {heaviest}; swap them")
        weights = self.weights_ranked.astype(np.float64)
        return int((weights > heaviest).sum()), int((weights < lightest).sum())

    def dropped(self, top: int = 0, bottom: int = 0) -> np.ndarray:
        """Return the units dropped at a window, by rank: (top + bottom,) int64 unit indices."""
        kept = self.kept(top, bottom)
        return np.concatenate([self.ranking[: kept.start], self.ranking[kept.stop :]])

    @cached_property
    def flip(self) -> Flip | None:
        """The smallest k at which dropping the top k leaves another class than the target on top.

        k is 0 if the target is not the prediction to begin with; None if the target stays on top to the end.
        """
        winners = self._top_drops.argmax(axis=1)
        lost = winners != self.target
        if not lost.any():
            return None
        k = int(lost.argmax())
        index = int(winners[k])
        return Flip(k, index, self.readout.labels[index], float(self.curve[k, index]))

    @cached_property
    def smallest_flip(self) -> SmallestFlip | None:
        """The provably smallest set of units whose silencing changes the prediction on the intact network.

        In scope `"unit"` silencing takes the units from every class, and the answer does not depend on the
        target. In scope `"class"` only the target's row can be touched: the set dethrones the target or,
        where the target is not the prediction, enthrones it. None if no set changes the prediction. Of
        several smallest sets, the one that brings a rival furthest past the old prediction; its units come
        in the order of their effect, greatest first: they are the first of the ranking `"margin"`.

        Proof. Let p be the prediction and r a rival, and let d[u] be the amount by which silencing u lowers
        p's lead over r. Silencing a set S lowers the lead by the sum of d over S, so among the sets of n
        units the lead over r falls furthest for the n largest d. Hence if those do not bring r past p, no n
        units do, and the smallest set for r is the shortest such prefix. The prediction changes exactly when
        SOME rival passes p, so the shortest prefix over all rivals is the smallest set of all. Ties go to the
        lower index, as everywhere, and the sums are exact (see the module): rounding cannot spoil this.
        """
        order, count = _shortest_way(self.readout, _only(self.scope, self.target))
        if count is None:
            return None
        units = order[:count]
        index = int((self.exact_logits() - self._effects[:, units].sum(axis=1)).argmax())
        return SmallestFlip(count, tuple(units.tolist()), index, self.readout.labels[index])

    def random_band(self, orders: int = 20, low: float = 5, high: float = 95) -> np.ndarray:
        """Return percentiles of the target's probability over random orders: (2, U + 1) float32, read-only.

        Row 0 is the `low`-th percentile at each k = 0..U, row 1 the `high`-th (0 to 100). Scope and target
        are those of the sweep, the orders are drawn with its seed: the control that a curve is seen against.
        """
        if whole_number(orders, 1) is None:
            raise ValueError(f"orders: expected at least 1, got {orders}")
        key = (orders, low, high)
        if key not in self._bands:
            rng = np.random.default_rng([self.seed, 1])
            curves = self._curves_of([rng.permutation(self.units) for _ in range(orders)])
            self._bands[key] = read_only(np.percentile(curves, [low, high], axis=0).astype(np.float32))
        return self._bands[key]

    def _curves_of(self, orders: list[np.ndarray]) -> np.ndarray:
        """Return the target's probability as each order's units are dropped: (len(orders), U + 1) float64.

        All orders go through the ks together, from the empty network up: what a step touches fits the cache,
        and the sums are exact in this order as in any.
        """
        steps = np.stack(orders, axis=1)
        rises = np.ascontiguousarray((self._effects - self._effects[self.target]).T)
        ahead = np.tile(self._base - self._base[self.target], (len(orders), 1))  # of the target, (orders, C)
        gained, odds = np.empty_like(ahead), np.empty(ahead.shape, np.float32)
        total = np.empty((self.units + 1, len(orders)))
        # The exponentials in float32 are several times faster; one that overflows is a probability of 0.
        with np.errstate(over="ignore"):
            for k in range(self.units, -1, -1):
                np.copyto(odds, ahead, casting="same_kind")
                np.exp(odds, out=odds).sum(axis=1, dtype=np.float64, out=total[k])
                if k:
                    # Mode "clip" writes straight into `out`; no index is out of range.
                    ahead += np.take(rises, steps[k - 1], axis=0, out=gained, mode="clip")
        return 1 / total.T

    def heirs(self, count: int = 3) -> tuple[int, ...]:
        """Return the classes that inherit the target's probability, at most `count`, the greatest heir first.

        The usurper, if the prediction flips, then the other classes by how far their probability rises above
        its intact value anywhere up to twice the flip (and at least a tenth of the units past it); without a
        flip, anywhere. Classes that never rise are no heirs.
        """
        end = self.units if self.flip is None else self.flip.k + max(self.flip.k, self.units // 10)
        rise = (self.curve[: end + 1] - self.curve[0]).max(axis=0)
        order = [int(c) for c in np.argsort(-rise, kind="stable") if rise[c] > 0 and c != self.target]
        if self.flip is not None:
            order = [self.flip.index] + [c for c in order if c != self.flip.index]
        return tuple(order[:count])
