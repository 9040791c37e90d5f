"""What was guessed, left out or noticed, said without stopping: `say`, and who hears it: `listening`.

A prefix that was taken off, a dtype that was cast, a picture that came out nearly black: the work goes on,
and whoever asked for it is told. Without a listener it is a warning, as a notebook shows it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LISTENER: ContextVar[Callable[[str], object] | None] = ContextVar("listener", default=None)


class Notice(UserWarning):
    """Something was guessed, left out or noticed; the message says what, and how to choose otherwise."""


def say(text: str) -> None:
    """Tell whoever listens in this context; issue a `Notice` as a warning where nobody does."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(text)
    else:
        warnings.warn(text, Notice, stacklevel=3)


@contextmanager
def listening(listener: Callable[[str], object]) -> Iterator[None]:
    """Call a function with each text said inside the ``with``, in this thread or task.

    Examples
    --------
    >>> heard = []
    >>> with listening(heard.append):
    ...     say("the prefix 'net.' was taken off")
    >>> heard
    ["the prefix 'net.' was taken off"]
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
