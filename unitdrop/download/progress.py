"""How far a download is, told to the caller's own function or shown as a bar: `Progress`, `Report`."""

from __future__ import annotations

import time
from collections.abc import Callable

BEAT = 0.5  # seconds between two calls of the progress while nothing arrives, so that a Cancel is heard
_OFTEN = 0.05  # seconds between two calls while much arrives

Progress = Callable[[int, int | None], None]


class Report:
    """Tells the caller, or a bar, how far things are; remembers what the caller's progress raised.

    Parameters
    ----------
    file
        The name beside the bar.
    progress
        Called as `progress(done, total)` in bytes; None draws a bar.

    Examples
    --------
    >>> report = Report("net.pth", print)
    >>> report(0, None), report(1, 7), report(7, 7)  # the second comes at once after the first: not told
    0 None
    7 7
    (None, None, None)
    """

    def __init__(self, file: str, progress: Progress | None) -> None:
        self._file, self._progress, self._bar = file, progress, None
        self._last = float("-inf")
        self.error: BaseException | None = None

    def __call__(self, done: int, total: int | None) -> None:
        """Tell how many bytes of how many are there, unless that was told a moment ago."""
        now = time.monotonic()
        if done != total and now < self._last + _OFTEN:
            return
        self._last = now
        try:
            (self._progress or self._draw)(done, total)
        except BaseException as error:
            self.error = error
            raise

    def _draw(self, done: int, total: int | None) -> None:
        if self._bar is None:  # not before something happens: a cached file needs no bar
            self._bar = _bar(self._file)
        if total is not None and total != self._bar.total:
            self._bar.reset(total)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Close the bar, if there is one."""
        if self._bar is not None:
            self._bar.close()


def _bar(file: str):
    """Return a bar: a widget in a notebook, else text, unless standard error is no terminal."""
    from tqdm.auto import tqdm  # here, as it looks for a notebook when it is imported

    return tqdm(desc=file, unit="B", unit_scale=True, unit_divisor=1024, disable=None)
