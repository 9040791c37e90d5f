"""What the controls mean: a move is a function from a state, a value and the numbers to the next state.

No move changes anything: what it needs to know of networks and images it asks of `Numbers`. A control asks
for a move by its name in `MOVES`, or for a field of the state by that field's name; see `moved`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from unitdrop.panel.numbers import Numbers
from unitdrop.panel.state import Range, State
from unitdrop.plan import make_plan
from unitdrop.sweep import Window


def moved(state: State, name: str, value: Any, numbers: Numbers) -> State:
    """Return the state after a control has asked for a move, or for a value of a field.

    Raises
    ------
    ValueError
        There is nothing to move to, such as no flip; says why.
    """
    move = MOVES.get(name)
    return settled(move(state, value, numbers) if move else state.changed(**{name: value}), numbers)


def settled(state: State, numbers: Numbers) -> State:
    """Return a state with what must go with something else put right.

    As much stays held at the other end as k leaves room for; a unit is looked at only where the row of units
    is shown, and the row stands so that the unit is in it.
    """
    units = numbers.units(state.model)
    held = max(min(state.held, units - state.k), 0)
    unit, first = (state.view.unit, state.first) if state.units_row else (None, None)
    if unit is None:
        first = None
    else:
        rank = _rank_of(state, numbers)
        there = first is not None and first <= rank < first + state.tiles
        first = first if there else _around(state, rank, units)
    return state.changed(held=held, unit=unit, first=first)


def row_begins(state: State, units: int) -> int:
    """Return the rank of the first unit in the row, around the next one to be dropped unless it stands.

    >>> row_begins(State(0, 0, k=20), units=256), row_begins(State(0, 0, first=7), units=256)
    (17, 7)
    """
    return _around(state, _next_rank(state, units), units) if state.first is None else state.first


def _next_rank(state: State, units: int) -> int:
    """Return the rank of the next unit to be dropped."""
    return state.k if state.view.end == "top" else units - state.k - 1


def _around(state: State, rank: int, units: int) -> int:
    return min(max(rank - (state.tiles - 1) // 2, 0), max(units - state.tiles, 0))


def _rank_of(state: State, numbers: Numbers) -> int:
    """Return the rank of the unit that is looked at."""
    return int(np.flatnonzero(numbers.sweep(state).ranking == state.view.unit)[0])


# -- the moves


def stay(state: State, value: Any, numbers: Numbers) -> State:
    """Return the state itself: what is shown beside it changes, such as how far the player goes."""
    return state


def choose_image(state: State, image: int, numbers: Numbers) -> State:
    """Return the state on another image, whose prediction becomes the class."""
    if image == state.image:
        return state
    return replace(state, image=image, target=numbers.predicted(state.model, image, state.value_range))


def choose_range(state: State, value_range: Range, numbers: Numbers) -> State:
    """Return the state under other values for black and white, where the prediction becomes the class."""
    if value_range == state.value_range:
        return state
    target = numbers.predicted(state.model, state.image, value_range)
    return replace(state, value_range=value_range, target=target)


def choose_model(state: State, model: str, numbers: Numbers) -> State:
    """Return the state under another network that is at hand, whose prediction becomes the class."""
    if model == state.model:
        return state
    k = min(state.k, numbers.units(model))
    target = numbers.predicted(model, state.image, state.value_range)
    return state.changed(model=model, target=target, k=k, unit=None, first=None)


def search_class(state: State, text: str, numbers: Numbers) -> State:
    """Return the state with the class that is named, or the only one whose name has this text in it.

    >>> from types import SimpleNamespace
    >>> numbers = SimpleNamespace(classes=lambda state: ((), ("cat", "oystercatcher", "sheepdog")))
    >>> search_class(State(0, 0), "dog", numbers).target, search_class(State(0, 2), "Cat", numbers).target
    (2, 0)
    """
    given, wanted = numbers.classes(state)[1], text.strip().casefold()
    if not wanted:
        return state
    names = [name.strip().casefold() for name in given]
    fit = [i for i, name in enumerate(given) if name == text]
    fit = fit or [i for i, name in enumerate(names) if name == wanted]
    fit = fit or [i for i, name in enumerate(names) if wanted in name]
    if len(fit) != 1:
        some = ", ".join(given[i] for i in fit[:5]) + (", …" if len(fit) > 5 else "")
        told = f"{len(fit)} classes have it in their names ({some}); type more"
        raise ValueError(f"class {text.strip()!r:.80}: {told if fit else 'no class is called so'}")
    return replace(state, target=fit[0])


def step(state: State, by: int, numbers: Numbers) -> State:
    """Return the state with so many units more dropped, as far as there are any.

    >>> from types import SimpleNamespace
    >>> numbers = SimpleNamespace(units=lambda model: 256)
    >>> step(State(0, 0, k=20), -1, numbers).k, step(State(0, 0, k=250, held=6), 1, numbers).k
    (19, 250)
    """
    return replace(state, k=min(max(state.k + by, 0), numbers.units(state.model) - state.held))


def to_flip(state: State, value: Any, numbers: Numbers) -> State:
    """Return the state at the smallest k at which the prediction is not the target.

    >>> from types import SimpleNamespace
    >>> from unitdrop import Readout, Sweep
    >>> readout = Readout(maps=[[[4.0, 0.0]], [[0.0, 2.0]]], weight=[[1, 0], [0.5, 1]], bias=[0.5, 0],
    ...                   labels=("sea", "sand"), image=np.zeros((1, 2, 3), np.uint8))
    >>> numbers = SimpleNamespace(sweep=lambda state: Sweep(readout, state.target), units=lambda model: 2)
    >>> to_flip(State(image=0, target=0), None, numbers).k
    1
    """
    sweep = numbers.sweep(state)
    flip = make_plan(sweep, *state.window.ends, state.view).flip
    if flip is None:
        raise ValueError(f"no flip: {sweep.label} stays predicted to the end")
    return replace(state, k=flip[0])


def to_smallest(state: State, value: Any, numbers: Numbers) -> State:
    """Return the state in which the smallest set of units that changes the prediction is dropped."""
    state = state.changed(rank="margin", end="top", held=0)
    smallest = numbers.sweep(state).smallest_flip
    if smallest is None:
        raise ValueError("no flip: whatever is dropped, the prediction stays")
    return replace(state, k=smallest.count)


def keep_ranks(state: State, kept: Sequence[int], numbers: Numbers) -> State:
    """Return the state in which the ranks ``kept[0]`` up to ``kept[1]``, not included, are kept.

    >>> from types import SimpleNamespace
    >>> sweep = SimpleNamespace(kept=range)
    >>> numbers = SimpleNamespace(sweep=lambda state: sweep, units=lambda model: 256)
    >>> keep_ranks(State(0, 0), (10, 250), numbers).window
    Window(k=10, end='top', held=6)
    """
    ends = kept[0], numbers.units(state.model) - kept[1]
    numbers.sweep(state).kept(*ends)  # refuses a window that is none
    window = Window.of(*ends, state.view.end)
    return replace(state, k=window.k, held=window.held)


def drop_lighter(state: State, weight: float, numbers: Numbers) -> State:
    """Return the state in which units with a smaller weight for the class are dropped."""
    bottom = numbers.sweep(state).window(weight, inf)[1]
    return keep_ranks(state, (state.window.ends[0], numbers.units(state.model) - bottom), numbers)


def drop_heavier(state: State, weight: float, numbers: Numbers) -> State:
    """Return the state in which units with a larger weight for the class are dropped."""
    units, top = numbers.units(state.model), numbers.sweep(state).window(-inf, weight)[0]
    return keep_ranks(state, (top, units - state.window.ends[1]), numbers)


def look(state: State, by: int, numbers: Numbers) -> State:
    """Return the state that looks at the next unit of the ranking; at first, at the next to be dropped."""
    units, unseen = numbers.units(state.model), state.view.unit is None
    rank = _next_rank(state, units) if unseen else _rank_of(state, numbers) + by
    return state.changed(unit=int(numbers.sweep(state).ranking[min(max(rank, 0), units - 1)]))


def look_at_tile(state: State, tile: int, numbers: Numbers) -> State:
    """Return the state that looks at the unit of a tile, or no more at it; the row stands still."""
    units = numbers.units(state.model)
    first = row_begins(state, units)
    unit = int(numbers.sweep(state).ranking[first + tile])
    return state.changed(unit=None if unit == state.view.unit else unit, first=first)


def take_over(state: State, new: State, numbers: Numbers) -> State:
    """Return a state from elsewhere, in the room there is here.

    Raises
    ------
    ValueError
        The network cannot be in that state.
    """
    target = numbers.readout(new.model, new.image, new.value_range).index_of(new.target)
    return fitting(replace(new, target=target, narrow=state.narrow), numbers)


def fitting(state: State, numbers: Numbers) -> State:
    """Return a state, settled, or raise ValueError if its network cannot be in it."""
    sweep, unit = numbers.sweep(state), state.view.unit
    sweep.kept(*state.window.ends)  # refuses a window that is none
    if unit is not None and not 0 <= unit < sweep.units:
        raise ValueError(f"state: unit {unit}; this network has {sweep.units}, counted from 0")
    return settled(state, numbers)


def reset(state: State, start: State, numbers: Numbers) -> State:
    """Return the state at the start, in the room there is now."""
    return replace(start, narrow=state.narrow)


Move = Callable[[State, Any, Numbers], State]

#: The moves by the names that controls ask for; any other name is that of a field of the state.
MOVES: dict[str, Move] = {
    "stay": stay,
    "image": choose_image,
    "value_range": choose_range,
    "model": choose_model,
    "search": search_class,
    "step": step,
    "to_flip": to_flip,
    "to_smallest": to_smallest,
    "kept": keep_ranks,
    "lightest": drop_lighter,
    "heaviest": drop_heavier,
    "look": look,
    "tile": look_at_tile,
    "state": take_over,
    "reset": reset,
}
