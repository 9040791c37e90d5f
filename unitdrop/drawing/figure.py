"""What the figures have in common: a drawing of a checked size, until it is let go of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from unitdrop.checks import check_whole_number
from unitdrop.drawing.sheet import Sheet

#: The least and the greatest width and height of a figure, in pixels.
SMALLEST, LARGEST = 160, 4096


class Drawing(Protocol):
    """All that one open figure holds on to."""

    @property
    def sheet(self) -> Sheet:
        """What it is drawn on."""
        ...


DrawingT = TypeVar("DrawingT", bound=Drawing)


class BaseFigure(Generic[DrawingT]):
    """A drawing of a checked size; closing lets go of it, whole.

    Not safe for use by two threads at once; give each thread its own.

    Parameters
    ----------
    width, height : int
        Pixels, 160 to 4096 each.
    make : callable
        Makes the drawing of a width and a height.

    Attributes
    ----------
    size : tuple (width, height)

    Raises
    ------
    ValueError
        If a size is out of range.
    """

    def __init__(self, width: int, height: int, make: Callable[[int, int], DrawingT]) -> None:
        name = type(self).__name__
        self.size = (
            check_whole_number(f"{name}(width=...)", width, SMALLEST, LARGEST),
            check_whole_number(f"{name}(height=...)", height, SMALLEST, LARGEST),
        )
        self._drawing: DrawingT | None = make(*self.size)

    @property
    def drawing(self) -> DrawingT:
        """The parts of the picture; RuntimeError if the figure has been closed."""
        if self._drawing is None:
            raise RuntimeError(f"{type(self).__name__}.show: this figure is closed; make a new one")
        return self._drawing

    @property
    def sheet(self) -> Sheet:
        """The matplotlib figure and its canvas; RuntimeError if the figure has been closed."""
        return self.drawing.sheet

    def close(self) -> None:
        """Let go of the drawing, its canvas, its artists and the last sweep; closing twice is fine."""
        drawing, self._drawing = self._drawing, None
        if drawing is not None:
            drawing.sheet.figure.clear()
