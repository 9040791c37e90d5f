"""The picture of units in ranking order: each one's own map over the image, what it weighs, what it serves.

The dropped ones are struck out and the next one to go is framed. As in `sweep_figure`, a picture is a pure
function of its arguments, artists are made once and then updated, and pyplot has no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unitdrop import heatmap
from unitdrop.checks import check_whole_number
from unitdrop.drawing.figure import BaseFigure
from unitdrop.drawing.sheet import Placed, Sheet
from unitdrop.drawing.tiles import MOST_TILES, ROW_HEIGHT, ROW_WIDTH, TileRow, row_design, tile_under
from unitdrop.sweep import Sweep
from unitdrop.units import Unit, describe_units

__all__ = ["UnitsDrawing", "UnitsFigure"]

OPACITY = 0.75


@dataclass(frozen=True)
class _RowBackground:
    """The pixels of all that stays put while k moves, and what they are of."""

    sweep: Sweep
    ranks: tuple[int, int]  # the first one, and how many the row has room for
    places: tuple[Placed, ...]  # the image in each tile
    pixels: np.ndarray  # (height, width, 4) uint8


class UnitsDrawing:
    """The row of units on a sheet.

    Attributes
    ----------
    sheet : Sheet
    row : TileRow
    """

    def __init__(self, width: int, height: int) -> None:
        self.sheet = Sheet(width, height, row_design(width, height))
        self.row = TileRow(self.sheet)
        self._background: _RowBackground | None = None

    def show(
        self, sweep: Sweep, shown: tuple[Unit, ...], count: int, cmap: str, looked: int | None
    ) -> np.ndarray:
        """Draw the units shown, in a row that has room for ``count``: (height, width, 3) uint8."""
        background = self._background_of(sweep, shown, count)
        maps = [
            _over(placed, sweep.readout.maps[unit.unit], cmap)
            for placed, unit in zip(background.places, shown, strict=True)
        ]
        for unit, tile, placed in zip(shown, self.row.tiles, background.places, strict=False):
            tile.update(unit, self.sheet.in_design(placed), unit.unit == looked)

        def paste(canvas: np.ndarray) -> None:
            for placed, blended in zip(background.places, maps, strict=True):
                placed.paste(blended, canvas)

        return self.sheet.compose(background.pixels, paste)

    def _background_of(self, sweep: Sweep, shown: tuple[Unit, ...], count: int) -> _RowBackground:
        """Return the background of these units, drawing it if it is not that of the last picture."""
        ranks, last = (shown[0].rank, count), self._background
        if last is not None and last.sweep is sweep and last.ranks == ranks:
            return last
        self._background = None  # should anything below fail, the next picture starts afresh
        self.sheet.tell_apart(sweep.readout.labels)
        self.row.lay_out(sweep, shown, count)
        boxes = [tile.box for tile in self.row.tiles[: len(shown)]]
        places = tuple(self.sheet.place(sweep.readout.image, box) for box in boxes)
        self._background = _RowBackground(sweep, ranks, places, self.sheet.redraw())
        return self._background


def _over(placed: Placed, activation: np.ndarray, cmap: str) -> np.ndarray:
    """Return a unit's map over the image, on its own scale: (h, w, 3) uint8."""
    peak = float(activation.max())
    return heatmap.overlay(placed.pixels, activation, (0.0, peak if peak > 0 else 1.0), cmap, OPACITY)


class UnitsFigure(BaseFigure[UnitsDrawing]):
    """One figure that shows the units of any sweep.

    Parameters
    ----------
    width, height : int
        Pixels, 160 to 4096 each. The layout is drawn up for 960 x 330 or, where the picture is less than
        2.4 times as wide as high, for 640 x 330, and scales from there.

    Raises
    ------
    ValueError
        If a size is out of range.

    Notes
    -----
    Not safe for use by two threads at once; give each thread its own.

    Examples
    --------
    >>> figure = UnitsFigure(480, 165)
    >>> figure.size
    (480, 165)
    >>> figure.close()
    """

    def __init__(self, width: int = ROW_WIDTH, height: int = ROW_HEIGHT) -> None:
        super().__init__(width, height, UnitsDrawing)

    def show(
        self,
        sweep: Sweep,
        top: int = 0,
        bottom: int = 0,
        first: int = 0,
        count: int = 8,
        end: str = "top",
        cmap: str = "inferno",
        looked: int | None = None,
    ) -> np.ndarray:
        """Draw the units of ``count`` ranks, from rank ``first`` on, as a window finds them.

        Parameters
        ----------
        sweep, top, bottom, first, end
            As for `describe_units`.
        count : int
            Tiles in the row, 1 to 10; where the ranking ends, places stay empty.
        cmap : str
            Name of a matplotlib colour map.
        looked : int, optional
            A unit (its channel) whose image is framed, if it is in the row.

        Returns
        -------
        ndarray, shape (height, width, 3), uint8
            RGB; the caller's own. The same arguments give the same bytes, whatever was shown before.

        Raises
        ------
        ValueError
            As from `describe_units`, or for an unknown colour map.
        RuntimeError
            If the figure has been closed.
        """
        drawing = self.drawing
        count = check_whole_number("count", count, 1, MOST_TILES)
        shown = describe_units(sweep, top, bottom, first, count, end)
        return drawing.show(sweep, shown, count, cmap, looked)

    def tile_at(self, x: float, y: float, count: int = 8) -> int | None:
        """Return which of ``count`` tiles a point of the picture is on: 0 to count - 1; None if on none.

        ``x`` and ``y`` are parts of the width and of the height, from the top left corner.

        Examples
        --------
        >>> figure = UnitsFigure()
        >>> figure.tile_at(0.5, 0.5), figure.tile_at(0.05, 0.5)
        (3, None)
        >>> figure.close()
        """
        return tile_under(x, y, count, row_design(*self.size)[0])
