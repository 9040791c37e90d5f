"""`Unbroken`: work that Ctrl-C (the notebook's stop button) waits for, and parts of it that it need not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Unbroken:
    """Put an interrupt off until a block has ended.

    Only Python's main thread is ever interrupted; in any other this does nothing. Blocks may be nested.

    Examples
    --------
    >>> done = []
    >>> try:
    ...     with Unbroken():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("all of it")
    ... except KeyboardInterrupt:
    ...     done.append("then the interrupt")
    >>> done
    ['all of it', 'then the interrupt']
    """

    def __enter__(self) -> Unbroken:
        self._late, self._usual = None, None
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and callable(signal.getsignal(signal.SIGINT)):
            self._usual = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, *interrupt) -> None:
        self._late = interrupt

    def __exit__(self, *error) -> None:
        self._open()

    def _open(self) -> None:
        if self._usual is not None:
            signal.signal(signal.SIGINT, self._usual)
            late, self._late = self._late, None
            if late is not None:
                self._usual(*late)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """A part of the block that an interrupt may end."""
        try:
            self._open()
            yield
        finally:
            if self._usual is not None:
                signal.signal(signal.SIGINT, self._note)
