"""What is checked of arguments in many places: whole numbers, finite numbers, one of several choices, paths.

Most judge and say nothing: who calls them knows the name of the argument and the remedy, and raises.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable
from typing import Any


def whole_number(value: Any, least: float = -math.inf, most: float = math.inf) -> int | None:
    """Return a whole number of Python's or numpy's as an int; None for anything else, or out of range.

    A bool is no number here.

    Examples
    --------
    >>> whole_number(3), whole_number(3, most=2), whole_number(3.0), whole_number(True)
    (3, None, None, None)
    """
    try:
        number = operator.index(value)
    except TypeError:
        return None
    return number if not isinstance(value, bool) and least <= number <= most else None


def check_whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return a whole number in range as an int.

    Raises
    ------
    ValueError
        It is none, or out of range; names the argument, what was expected and what arrived.

    Examples
    --------
    >>> check_whole_number("count", 0, 1)
    Traceback (most recent call last):
    ValueError: count: expected a whole number of at least 1, got 0; pass one in that range
    """
    number = whole_number(value, least, math.inf if most is None else most)
    if number is None:
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name}: expected a whole number {span}, got {value!r}; pass one in that range")
    return number


def finite_number(value: Any, least: float = -math.inf, most: float = math.inf) -> float | None:
    """Return what Python takes for a number as a float; None for anything else, or out of range.

    A bool, a text, NaN and infinity are none.

    Examples
    --------
    >>> finite_number(2), finite_number(2, most=1), finite_number("2"), finite_number(float("nan"))
    (2.0, None, None, None)
    """
    try:
        number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and least <= number <= most else None


def is_one_of(value: object, choices: Iterable[object]) -> bool:
    """Return whether a value is one of the choices, and of the same type: 1 is not True.

    Examples
    --------
    >>> is_one_of("top", ("top", "bottom")), is_one_of(1, (False, True)), is_one_of([], ("top",))
    (True, False, False)
    """
    return any(isinstance(value, type(choice)) and value == choice for choice in choices)


def expanded(path: str | os.PathLike[str]) -> str:
    """Return a path with the home folder in the place of a leading `~`; as it is where there is no such home.

    Examples
    --------
    >>> expanded("~/net.pth") == os.path.join(os.path.expanduser("~"), "net.pth"), expanded("a~")
    (True, 'a~')
    """
    return os.path.expanduser(os.fspath(path))  # noqa: PTH111 (Path.expanduser raises where there is none)
