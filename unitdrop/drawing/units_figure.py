"""The row of units in ranking order: each unit's own map over the image, what it weighs, what it serves.

The dropped ones are struck out and the next one to go is framed. As in `sweep_figure`, a picture is a pure
function of its arguments, artists are made once and then updated, and pyplot has no part in it.
"""

from __future__ import annotations

import numpy as np

from unitdrop import heatmap
from unitdrop.checks import check_whole_number
from unitdrop.drawing.sweep_figure import (
    DIAMOND,
    FAINT,
    GREY,
    INK,
    PAPER,
    TARGET,
    TRAY,
    _Drawn,
    _font,
    _lay,
    _line,
    _number,
    _patch,
    _Sheet,
)
from unitdrop.sweep import Sweep
from unitdrop.units import SERVED, Unit, describe_units

__all__ = ["UnitsFigure"]

WIDTH, HEIGHT = 960, 330
NARROW = 640  # the width of the design for fewer tiles
BROAD = 2.4  # times as wide as high, at least, for the design of that width
MOST = 10  # tiles in a row
OPACITY = 0.75
LOST = "#d55e00"

LEFT, MARGIN, GAP = 134, 24, 8  # the row of tiles, what is beside it, and between two of them
STATE, RANK, NAME = 52, 70, 84  # baselines above the image
PICTURE, TALL = 92, 92  # its top and its height
NUMBERS = (201, 216, 231)
CLASSES = (252, 267, 282)
FRAME = (38, 252)  # top and height of all that belongs to a tile
SIZE = 8.5


class _Tile:
    """One unit: its words, the ground its image stands on, and the marks that move with k."""

    def __init__(self, sheet: _Sheet, canvas) -> None:
        self._sheet, self._axes = sheet, canvas
        self._ground = sheet.add(canvas, _patch(TRAY))
        self._rank = sheet.text(0, RANK, 9.5, bold=True, ha="center")
        self._name = sheet.text(0, NAME, SIZE, color=GREY, ha="center")
        self._numbers = [sheet.text(0, y, SIZE, ha="center") for y in NUMBERS]
        self._classes = [sheet.text(0, y, SIZE, ha="center") for y in CLASSES]
        self._veil = sheet.add(canvas, _patch(PAPER, zorder=3), moving=True)
        self._veil.set_alpha(0.62)
        self._cross = [sheet.add(canvas, _line(LOST, 1.6, zorder=4), moving=True) for _ in range(2)]
        self._frame = sheet.add(canvas, _patch("none", INK, 2.0, zorder=5), moving=True)
        self._mark = sheet.add(canvas, _patch("none", TARGET[0], 4.0, zorder=6), moving=True)
        self._state = sheet.text(0, STATE, SIZE, bold=True, ha="center", moving=True)
        self.box: tuple[float, float, float, float] = (0, 0, 0, 0)

    def hide(self) -> None:
        """Leave this place empty."""
        for artist in self._artists:
            artist.set_visible(False)

    @property
    def _artists(self) -> tuple:
        words = (self._rank, self._name, *self._numbers, *self._classes, self._state)
        return (*words, self._ground, self._veil, *self._cross, self._frame, self._mark)

    def lay_out(self, unit: Unit, left: float, width: float, target: str) -> None:
        """Write all that stays put while k moves; ``left`` and ``width`` in design pixels."""
        self.box = (left, PICTURE, width, TALL)
        for artist in self._artists:
            artist.set_visible(True)
        self._ground.set_bounds(*self.box)
        self._frame.set_bounds(left - 3, FRAME[0], width + 6, FRAME[1])
        self._veil.set_bounds(left - 2, FRAME[0] + 18, width + 4, FRAME[1] - 18)
        for text in (self._rank, self._name, *self._numbers, *self._classes, self._state):
            text.set_x((left + width / 2) / self._sheet.design[0])
        self._rank.set_text(f"rank {unit.rank}")
        self._name.set_text(f"unit {unit.unit}")
        for text, value in zip(self._numbers, (unit.weight, unit.mean, unit.contribution), strict=True):
            text.set_text(_number(value))
        self._lay_classes(unit, width, target)

    def _lay_classes(self, unit: Unit, width: float, target: str) -> None:
        for i, text in enumerate(self._classes):
            label, weight = unit.serves[i] if i < len(unit.serves) else ("", 0.0)
            own = (label, weight) == (target, unit.weight)  # labels alone may repeat
            mark = f"{DIAMOND} " if own else ""
            text.set(text=self._sheet.fit(label, width, SIZE, own, mark), color=TARGET[0] if own else INK)
            text.set_fontproperties(_font(SIZE, own))

    def update(self, unit: Unit, place: tuple[int, int, int, int], looked: bool) -> None:
        """Mark what the window does to the unit; ``place`` is the image's, in design pixels."""
        left, top, width, height = place
        self._mark.set_bounds(*place)
        self._mark.set_visible(looked)
        self._veil.set_visible(unit.dropped)
        for line, ends in zip(self._cross, ((0, 1), (1, 0)), strict=True):
            line.set_visible(unit.dropped)
            line.set_data([left, left + width], [top + height * y for y in ends])
        self._frame.set_visible(unit.next)
        self._state.set(
            text="dropped" if unit.dropped else "next" if unit.next else "",
            color=LOST if unit.dropped else INK,
        )


class _Row:
    """The heading, the tiles and what their lines mean."""

    NOTES = (
        "Each unit's own activation over the image; colours from 0 to that unit's own maximum. "
        "Contribution = weight × mean activation.",
        "Each unit's own activation; colours from 0 to its own maximum. Contribution = weight × mean.",
        f"Serves most: the {SERVED} classes with the largest weights on the unit; {DIAMOND} is the target.",
    )

    def __init__(self, sheet: _Sheet) -> None:
        self._sheet, self._right = sheet, sheet.design[0] - MARGIN
        self._broad = sheet.design[0] == WIDTH
        self._heading = sheet.text(MARGIN, 26, 13, bold=True)
        self._how = sheet.text(self._right, 26, 9.5, color=GREY, ha="right")
        named = zip(
            (*NUMBERS, CLASSES[0]), ("weight", "mean activation", "contribution", "serves most"), strict=True
        )
        for y, words in named:
            sheet.text(MARGIN, y, SIZE, color=GREY).set_text(words)
        for y, words in zip((306, 320), (self.NOTES[not self._broad], self.NOTES[-1]), strict=True):
            text = sheet.text(MARGIN, y, SIZE, color=GREY)
            text.set_text(sheet.fit(words, self._right - MARGIN, SIZE))
        canvas = sheet.axes(0, 0, *sheet.design)
        canvas.set(xlim=(0, sheet.design[0]), ylim=(HEIGHT, 0))
        for y in (NUMBERS[0] - 12, CLASSES[0] - 13):
            sheet.add(canvas, _line(FAINT, 0.9)).set_data([MARGIN, self._right], [y, y])
        self.tiles = [_Tile(sheet, canvas) for _ in range(MOST)]

    def lay_out(self, sweep: Sweep, shown: tuple[Unit, ...], count: int) -> None:
        width = (self._right - LEFT - GAP * (count - 1)) / count
        for i, tile in enumerate(self.tiles):
            if i < len(shown):
                tile.lay_out(shown[i], LEFT + i * (width + GAP), width, sweep.label)
            else:
                tile.hide()
        ranks = f"ranks {shown[0].rank} to {shown[-1].rank}" if len(shown) > 1 else f"rank {shown[0].rank}"
        heading = f"Units in ranking order, {ranks}" if self._broad else f"Units of {ranks}"
        self._heading.set_text(heading)
        order = f"random order, seed {sweep.seed}" if sweep.rank == "random" else f"ranked by {sweep.rank}"
        scope = f" · scope {sweep.scope}" if self._broad else ""
        facts = f"{sweep.units} units · {order}{scope} · target {DIAMOND} {sweep.label}"
        room = self._right - MARGIN - self._sheet.measure(heading, 13, True) - 20
        self._how.set_text(self._sheet.fit(facts, room, 9.5))


class UnitsFigure(_Drawn):
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

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        super().__init__(width, height)
        self._row = _Row(self._sheet)
        self._drawn: tuple | None = None
        self._places: list[tuple[np.ndarray, tuple[int, int]]] = []

    def _design(self) -> tuple[int, int]:
        return WIDTH if self.size[0] >= BROAD * self.size[1] else NARROW, HEIGHT

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
        self._check_open()
        count = check_whole_number("count", count, 1, MOST)
        shown = describe_units(sweep, top, bottom, first, count, end)
        if self._drawn is None or self._drawn[0] is not sweep or self._drawn[1:] != (shown[0].rank, count):
            self._lay_out(sweep, shown, count)
        colours = [self._colours(sweep, unit, i, cmap) for i, unit in enumerate(shown)]
        for unit, tile, (base, corner) in zip(shown, self._row.tiles, self._places, strict=False):
            tile.update(unit, self._in_design(base, corner), unit.unit == looked)
        return self._sheet.compose(self._background, lambda pixels: self._paste(pixels, colours))

    def tile_at(self, x: float, y: float, count: int = 8) -> int | None:
        """Which of ``count`` tiles a point of the picture is on: 0 to count - 1; None if it is on none.

        ``x`` and ``y`` are parts of the width and of the height, from the top left corner.

        Examples
        --------
        >>> figure = UnitsFigure()
        >>> figure.tile_at(0.5, 0.5), figure.tile_at(0.05, 0.5)
        (3, None)
        >>> figure.close()
        """
        across = self._design()[0]
        step = (across - MARGIN + GAP - LEFT) / count
        tile = (x * across - LEFT + GAP / 2) // step
        inside = FRAME[0] <= y * HEIGHT <= FRAME[0] + FRAME[1]
        return int(tile) if inside and 0 <= tile < count else None

    def _lay_out(self, sweep: Sweep, shown: tuple[Unit, ...], count: int) -> None:
        """Draw everything that stays put while k moves, and keep its pixels."""
        self._drawn = None  # should anything below fail, the next picture starts afresh
        self._sheet.tell_apart(sweep.readout.labels)
        self._row.lay_out(sweep, shown, count)
        boxes = [tile.box for tile in self._row.tiles[: len(shown)]]
        self._places = [self._sheet.place(sweep.readout.image, box) for box in boxes]
        self._background = self._sheet.redraw()
        self._drawn = (sweep, shown[0].rank, count)

    def _in_design(self, base: np.ndarray, corner: tuple[int, int]) -> tuple[float, ...]:
        across, down = self._sheet.scale
        return corner[1] / across, corner[0] / down, base.shape[1] / across, base.shape[0] / down

    def _colours(self, sweep: Sweep, unit: Unit, i: int, cmap: str) -> np.ndarray:
        """The unit's map over the image, on its own scale."""
        map = sweep.readout.maps[unit.unit]
        peak = float(map.max())
        return heatmap.overlay(self._places[i][0], map, (0.0, peak if peak > 0 else 1.0), cmap, OPACITY)

    def _paste(self, pixels: np.ndarray, colours: list[np.ndarray]) -> None:
        for blended, (_, corner) in zip(colours, self._places, strict=True):
            _lay(blended, pixels, corner)
