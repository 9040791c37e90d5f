"""`RecentCache`: what was computed last, as much of it as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentCache(Generic[Key, Value]):
    """Values by what they were computed from; the least recently used go first.

    Parameters
    ----------
    most : float
        The weight of all values together; the last one stays, whatever it weighs.
    weigh : callable, optional
        The weight of a value; None for 1 each.

    Examples
    --------
    >>> squares = RecentCache(2)
    >>> [squares.recall(n, lambda n: n * n) for n in (3, 4, 5)]
    [9, 16, 25]
    >>> 3 in squares, 4 in squares
    (False, True)
    """

    def __init__(self, most: float, weigh: Callable[[Value], float] | None = None) -> None:
        self._most, self._weigh = most, weigh or (lambda value: 1)
        self._values: dict[Key, Value] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def recall(self, key: Key, compute: Callable[[Key], Value]) -> Value:
        """Return the cached value of a key, computing it on a miss."""
        value = self._values[key] if key in self._values else compute(key)
        self.put(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, as the most recent."""
        values = self._values
        values.pop(key, None)
        values[key] = value
        while len(values) > 1 and sum(map(self._weigh, values.values())) > self._most:
            del values[next(iter(values))]

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()
