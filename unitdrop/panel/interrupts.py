"""`DeferredInterrupts`: work that Ctrl-C (the notebook's stop button) waits for, and parts that need not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stopped(Exception):
    """The panel was closed, or the user cancelled, while a file was written or fetched."""


class DeferredInterrupts:
    """Put an interrupt off until a block has ended.

    Only Python's main thread is ever interrupted; in any other this does nothing. Blocks may be nested.

    Examples
    --------
    >>> done = []
    >>> try:
    ...     with DeferredInterrupts():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("all of it")
    ... except KeyboardInterrupt:
    ...     done.append("then the interrupt")
    >>> done
    ['all of it', 'then the interrupt']
    """

    _usual: Any  # the handler that is put back; None where there is nothing to defer
    _late: tuple | None  # the interrupt that has come meanwhile

    def __enter__(self) -> DeferredInterrupts:
        self._late, self._usual, self._allowed = None, None, False
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and callable(signal.getsignal(signal.SIGINT)):
            self._usual = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, *interrupt) -> None:
        """Keep an interrupt for later; in an allowed part pass it on at once.

        There it is kept too: compiled code (matplotlib's, where it asks for an array) may drop what is raised
        or make another error of it, and then the end of the block raises it.
        """
        try:
            if self._allowed:
                self._usual(*interrupt)
        except BaseException:
            self._late = interrupt
            raise
        if not self._allowed:
            self._late = interrupt

    def __exit__(self, kind, error, traceback) -> None:
        if self._usual is not None:
            signal.signal(signal.SIGINT, self._usual)
            if not isinstance(error, KeyboardInterrupt):
                self._pass_on()

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """A part of the block that an interrupt may end."""
        # The handler stays: should an interrupt come between the two lines of contextlib that end this part,
        # what is below runs at any later time.
        try:
            self._allowed = True
            self._pass_on()
            yield
            self._pass_on()
        finally:
            self._allowed = False

    def _pass_on(self) -> None:
        late, self._late = self._late, None
        if late is not None:
            self._usual(*late)
