"""A PNG of one window of a sweep, or of two sweeps side by side: two scopes, two rankings, two images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from unitdrop.drawing import NARROW, SweepFigure
from unitdrop.errors import ExportError
from unitdrop.export.files import atomic_write
from unitdrop.plan import View
from unitdrop.sweep import Sweep


def save_png(
    path: str | os.PathLike,
    sweep: Sweep,
    top: int = 0,
    bottom: int = 0,
    *,
    view: View = View(),
    size: tuple[int, int] | None = None,
    beside: Sweep | None = None,
    fresh: bool = False,
) -> Path:
    """Write the picture of one window of a sweep, as `SweepFigure` draws it, or of two sweeps side by side.

    Parameters
    ----------
    path
        Ends in `.png`. An older file is replaced when the new one is complete.
    sweep, top, bottom, view
        See `SweepFigure.show`.
    size
        Width and height in pixels of the picture of one sweep; None for 960 x 540, and 640 x 600 beside
        another.
    beside
        A second sweep (another scope, ranking or image; as many units), whose picture of the same window
        stands to the right of the first one's. Both have the `size`: the file is twice as wide.
    fresh
        Keep an older file: write `out-2.png`, `out-3.png`, ... where there is an `out.png`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        The file cannot be written, or is not called `.png`; the two sweeps differ in their number of units.
    ValueError
        The window is not one of the sweep's, or (an `ExportError`) the size is out of range.

    Examples
    --------
    >>> save_png("sea.jpg", None)
    Traceback (most recent call last):
    unitdrop.errors.ExportError: sea.jpg: expected a name that ends in .png; choose another
    """
    if not str(path).lower().endswith(".png"):
        raise ExportError(f"{path}: expected a name that ends in .png; choose another")
    shown = side_by_side(sweep, beside)
    with open_figures(len(shown), size or (NARROW if beside else (960, 540))) as figures:
        pixels = np.hstack([f.show(s, top, bottom, view) for f, s in zip(figures, shown, strict=True)])
    with atomic_write(path, fresh=fresh) as file:
        Image.fromarray(pixels).save(file, "PNG")
    return file.path


@contextmanager
def open_figures(count: int, size: tuple[int, int], scale: float = 1) -> Iterator[list[SweepFigure]]:
    """Make figures of one size, scaled but at least 160 pixels either way; whatever happens, all are closed.

    Raises
    ------
    ExportError
        The size is not one of a figure.
    """
    with ExitStack() as made:
        try:
            width, height = (side if scale == 1 else max(160, round(side * scale)) for side in size)
            figures = [made.enter_context(closing(SweepFigure(width, height))) for _ in range(count)]
        except (TypeError, ValueError) as error:
            raise ExportError(f"size: {error}") from error
        yield figures


def side_by_side(sweep: Sweep, beside: Sweep | None) -> tuple[Sweep, ...]:
    """Return the sweeps that are shown, from left to right.

    Raises
    ------
    ExportError
        `beside` is no sweep, or one of another number of units.
    """
    if beside is None:
        return (sweep,)
    if not isinstance(beside, Sweep):
        raise ExportError(f"beside: expected a Sweep, got {type(beside).__name__}; pass Sweep(readout, ...)")
    if beside.units != sweep.units:
        raise ExportError(
            f"beside: expected a sweep of {sweep.units} units, as many as the first one drops, got one of "
            f"{beside.units}; take one of the same network"
        )
    return sweep, beside
