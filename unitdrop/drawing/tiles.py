"""The row of tiles, one for each unit: its words, the ground its image stands on, and the marks that move."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from unitdrop.drawing.layout import Box
from unitdrop.drawing.sheet import Sheet
from unitdrop.drawing.style import DIAMOND, FAINT, GREY, INK, LOST, PAPER, TARGET, TRAY, font, line, patch
from unitdrop.drawing.words import number, ranked_by
from unitdrop.sweep import Sweep
from unitdrop.units import SERVED, Unit

#: The size, in pixels, that the row is drawn up for, and the width of the design for fewer tiles.
ROW_WIDTH, ROW_HEIGHT, ROW_NARROW = 960, 330, 640
ROW_BROAD = 2.4  # times as wide as high, at least, for the design of full width
MOST_TILES = 10

LEFT, MARGIN, GAP = 134, 24, 8  # the row of tiles, what is beside it, and between two of them
STATE, RANK, NAME = 52, 70, 84  # baselines above the image
PICTURE, TALL = 92, 92  # its top and its height
NUMBERS = (201, 216, 231)
CLASSES = (252, 267, 282)
FRAME = (38, 252)  # top and height of all that belongs to a tile
TEXT_SIZE = 8.5

NOTES = (
    "Each unit's own activation over the image; colours from 0 to that unit's own maximum. "
    "Contribution = weight × mean activation.",
    "Each unit's own activation; colours from 0 to its own maximum. Contribution = weight × mean.",
    f"Serves most: the {SERVED} classes with the largest weights on the unit; {DIAMOND} is the target.",
)


def row_design(width: int, height: int) -> tuple[int, int]:
    """Return the size (width, height) that places are given for on a sheet of this shape.

    >>> row_design(1920, 660), row_design(300, 1000)
    ((960, 330), (640, 330))
    """
    return ROW_WIDTH if width >= ROW_BROAD * height else ROW_NARROW, ROW_HEIGHT


def tile_under(x: float, y: float, count: int, across: int) -> int | None:
    """Return which of ``count`` tiles is under a point, 0 to count - 1; None if none is.

    ``x`` and ``y`` are parts of the width and of the height; ``across`` is the width of the design.
    """
    step = (across - MARGIN + GAP - LEFT) / count
    tile = (x * across - LEFT + GAP / 2) // step
    inside = FRAME[0] <= y * ROW_HEIGHT <= FRAME[0] + FRAME[1]
    return int(tile) if inside and 0 <= tile < count else None


class Tile:
    """One unit: its words, the ground its image stands on, and the marks that move with k.

    Attributes
    ----------
    box : tuple (left, top, width, height)
        What its image is fitted into, in design pixels.
    cross : list of Line2D
        Strikes out a dropped unit.
    """

    def __init__(self, sheet: Sheet, canvas: Axes) -> None:
        self._sheet = sheet
        self._ground = sheet.add(canvas, patch(TRAY))
        self._rank = sheet.text(0, RANK, 9.5, bold=True, ha="center")
        self._name = sheet.text(0, NAME, TEXT_SIZE, color=GREY, ha="center")
        self._numbers = [sheet.text(0, y, TEXT_SIZE, ha="center") for y in NUMBERS]
        self._classes = [sheet.text(0, y, TEXT_SIZE, ha="center") for y in CLASSES]
        self._veil = sheet.add(canvas, patch(PAPER, zorder=3), moving=True)
        self._veil.set_alpha(0.62)
        self.cross = [sheet.add(canvas, line(LOST, 1.6, zorder=4), moving=True) for _ in range(2)]
        self._frame = sheet.add(canvas, patch("none", INK, 2.0, zorder=5), moving=True)
        self._mark = sheet.add(canvas, patch("none", TARGET, 4.0, zorder=6), moving=True)
        self._state = sheet.text(0, STATE, TEXT_SIZE, bold=True, ha="center", moving=True)
        self.box: Box = (0, 0, 0, 0)

    @property
    def _words(self) -> tuple[Text, ...]:
        return (self._rank, self._name, *self._numbers, *self._classes, self._state)

    @property
    def _marks(self) -> tuple[Patch | Line2D, ...]:
        return (self._ground, self._veil, *self.cross, self._frame, self._mark)

    def set_visible(self, on: bool) -> None:
        """Show all of the tile, or leave its place empty."""
        for artist in (*self._words, *self._marks):
            artist.set_visible(on)

    def lay_out(self, unit: Unit, left: float, width: float, target: str) -> None:
        """Write all that stays put while k moves; ``left`` and ``width`` in design pixels."""
        self.box = (left, PICTURE, width, TALL)
        self.set_visible(True)
        self._ground.set_bounds(*self.box)
        self._frame.set_bounds(left - 3, FRAME[0], width + 6, FRAME[1])
        self._veil.set_bounds(left - 2, FRAME[0] + 18, width + 4, FRAME[1] - 18)
        for text in self._words:
            text.set_x(self._sheet.x(left + width / 2))
        self._rank.set_text(f"rank {unit.rank}")
        self._name.set_text(f"unit {unit.unit}")
        for text, value in zip(self._numbers, (unit.weight, unit.mean, unit.contribution), strict=True):
            text.set_text(number(value))
        self._lay_classes(unit, width, target)

    def _lay_classes(self, unit: Unit, width: float, target: str) -> None:
        for i, text in enumerate(self._classes):
            label = unit.serves[i][0] if i < len(unit.serves) else ""
            own = label == target
            mark = f"{DIAMOND} " if own else ""
            text.set(text=self._sheet.fit(label, width, TEXT_SIZE, own, mark), color=TARGET if own else INK)
            text.set_fontproperties(font(TEXT_SIZE, own))

    def update(self, unit: Unit, place: Box, looked: bool) -> None:
        """Mark what the window does to the unit; ``place`` is its image's, in design pixels."""
        left, top, width, height = place
        self._mark.set_bounds(*place)
        self._mark.set_visible(looked)
        self._veil.set_visible(unit.dropped)
        for stroke, ends in zip(self.cross, ((0, 1), (1, 0)), strict=True):
            stroke.set_visible(unit.dropped)
            stroke.set_data([left, left + width], [top + height * y for y in ends])
        self._frame.set_visible(unit.next)
        self._state.set(
            text="dropped" if unit.dropped else "next" if unit.next else "",
            color=LOST if unit.dropped else INK,
        )


class TileRow:
    """The heading, the tiles and what their lines mean.

    Attributes
    ----------
    tiles : list of Tile
        From left to right; those beyond the ranking's end or the row's count are hidden.
    """

    def __init__(self, sheet: Sheet) -> None:
        self._sheet, self._right = sheet, sheet.design[0] - MARGIN
        self._broad = sheet.design[0] == ROW_WIDTH
        self._heading = sheet.text(MARGIN, 26, 13, bold=True)
        self._how = sheet.text(self._right, 26, 9.5, color=GREY, ha="right")
        named = zip(
            (*NUMBERS, CLASSES[0]), ("weight", "mean activation", "contribution", "serves most"), strict=True
        )
        for y, words in named:
            sheet.text(MARGIN, y, TEXT_SIZE, color=GREY).set_text(words)
        for y, words in zip((306, 320), (NOTES[not self._broad], NOTES[-1]), strict=True):
            text = sheet.text(MARGIN, y, TEXT_SIZE, color=GREY)
            text.set_text(sheet.fit(words, self._right - MARGIN, TEXT_SIZE))
        canvas = sheet.axes(0, 0, *sheet.design)
        canvas.set(xlim=(0, sheet.design[0]), ylim=(ROW_HEIGHT, 0))
        for y in (NUMBERS[0] - 12, CLASSES[0] - 13):
            sheet.add(canvas, line(FAINT, 0.9)).set_data([MARGIN, self._right], [y, y])
        self.tiles = [Tile(sheet, canvas) for _ in range(MOST_TILES)]

    def lay_out(self, sweep: Sweep, shown: tuple[Unit, ...], count: int) -> None:
        """Write the heading and the tiles of the units shown, in a row that has room for ``count``."""
        width = (self._right - LEFT - GAP * (count - 1)) / count
        for i, tile in enumerate(self.tiles):
            if i < len(shown):
                tile.lay_out(shown[i], LEFT + i * (width + GAP), width, sweep.label)
            else:
                tile.set_visible(False)
        first, last = shown[0].rank, shown[-1].rank
        ranks = f"ranks {first} to {last}" if last > first else f"rank {first}"
        heading = f"Units in ranking order, {ranks}" if self._broad else f"Units of {ranks}"
        self._heading.set_text(heading)
        scope = f" · scope {sweep.scope}" if self._broad else ""
        target = f"target {DIAMOND} {self._sheet.named(sweep.label)}"
        facts = f"{sweep.units} units · {ranked_by(sweep)}{scope} · {target}"
        room = self._right - MARGIN - self._sheet.measure(heading, 13, True) - 20
        self._how.set_text(self._sheet.fit(facts, room, 9.5))
