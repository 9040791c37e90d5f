"""Names of classes for people: distinct, on one line, and no longer than anybody reads."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

MOST_LETTERS = 200
"""What is shown of a name: a longer one is cut before it is drawn, measured, printed or searched."""


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


def brief(text: object, most: int = MOST_LETTERS) -> str:
    """Return a text as it is, or its first letters with an ellipsis: ``most`` in all.

    Examples
    --------
    >>> brief("harbour"), brief("harbour", 5)
    ('harbour', 'harb…')
    """
    words = str(text)
    return words if len(words) <= most else words[: most - 1] + "…"


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names; those that repeat with their index behind them, so that no two are the same.

    Names that do not repeat stay as they are. What is distinct already comes back as it is.

    Examples
    --------
    >>> distinct(("crane", "owl", "crane")), distinct(("crane", "crane", "crane (0)"))
    (('crane (0)', 'owl', 'crane (2)'), ('crane (0) (0)', 'crane (1)', 'crane (0)'))
    """
    often = Counter(names)
    if len(often) == len(names):
        return tuple(names)
    return tuple(name if often[name] == 1 else _numbered(name, i, often) for i, name in enumerate(names))


def _numbered(name: str, index: int, taken: Counter[str]) -> str:
    """Return a name with its index, once more where a name of that kind is there already."""
    while name in taken:
        name += f" ({index})"
    return name


def was_called(name: str, index: int, repeated: str) -> bool:
    """Return whether `distinct` may have made this name of a repeated one, for the class of this index.

    Examples
    --------
    >>> was_called("crane (134)", 134, "crane"), was_called("crane (134)", 2, "crane")
    (True, False)
    """
    rest, suffix = name[len(repeated) :], f" ({index})"
    return name.startswith(repeated) and bool(rest) and rest == suffix * (len(rest) // len(suffix))


def shown_names(
    names: Sequence[str], clean: Callable[[str], str] = printable, most: int = MOST_LETTERS
) -> tuple[str, ...]:
    """Return the names as they are shown: cut, made clean, and those that look alike with their index.

    Examples
    --------
    >>> shown_names(("long one", "long two", "sea"), most=6)
    ('long … (0)', 'long … (1)', 'sea')
    """
    return distinct([clean(brief(name, most)) for name in names])
