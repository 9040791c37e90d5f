"""What is written in a picture: numbers for people, labels in glyphs of the font, and texts cut to a room."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font

from unitdrop.drawing.style import FAMILY
from unitdrop.sweep import Sweep


def number(x: float) -> str:
    r"""Return three significant digits at most, with a true minus sign.

    >>> number(0.12345), number(-2.0) == "\N{MINUS SIGN}2"
    ('0.123', True)
    """
    return f"{x:.3g}".replace("-", "\N{MINUS SIGN}")


def ranked_by(sweep: Sweep) -> str:
    """Return how a sweep's units are ordered, in words."""
    return f"random order, seed {sweep.seed}" if sweep.rank == "random" else f"ranked by {sweep.rank}"


def as_glyphs(text: str) -> str:
    """Return a text as one line of glyphs that the font has.

    So no label can break the layout or make matplotlib warn.

    >>> as_glyphs(" two words ") + as_glyphs(chr(0x65E5))
    'two words□'
    """
    known = _letters_of_the_font()
    return "".join(c if ord(c) in known else "\N{WHITE SQUARE}" for c in " ".join(str(text).split()))


@cache
def _letters_of_the_font() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=FAMILY))).get_charmap())


def in_lines(parts: tuple[str, ...], count: int) -> list[str]:
    """Distribute parts over ``count`` lines; the last line takes all those that have no line of their own.

    >>> in_lines(("a", "b", "c"), 2), in_lines(("", "b"), 1)
    (['a', 'b · c'], ['b'])
    """
    return [*parts[: count - 1], " · ".join(part for part in parts[count - 1 :] if part)]


def longest(text: str, fits: Callable[[str], bool], head: float = 1.0) -> str:
    """Return the longest shortening of a text that fits; see `shortened` for ``head``.

    >>> longest("a long name", lambda short: len(short) <= 7)
    'a long…'
    """
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(shortened(text, middle, head)) else (low, middle - 1)
    return shortened(text, low, head)


def shortened(text: str, count: int, head: float) -> str:
    """Return ``count`` letters of a text with an ellipsis; the part ``head`` of them is from its beginning.

    >>> shortened("a long name, 1", 5, 1.0), shortened("a long name, 1", 5, 0.6)
    ('a lon…', 'a l…1')
    """
    first = math.ceil(head * count)
    return text[:first].rstrip() + "…" + text[len(text) - (count - first) :].lstrip()
