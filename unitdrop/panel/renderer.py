"""`Renderer`: from a state to the bytes of its pictures, which are a pure function of it."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from unitdrop.drawing import (
    HEIGHT,
    LARGEST,
    NARROW,
    ROW_HEIGHT,
    SMALLEST,
    WIDTH,
    SweepFigure,
    UnitsFigure,
)
from unitdrop.panel.caches import RecentCache
from unitdrop.panel.moves import row_begins
from unitdrop.panel.numbers import Numbers
from unitdrop.panel.state import State


class Frames(NamedTuple):
    """The pictures of a state as JPEGs, empty where they are not wanted."""

    picture: bytes
    beside: bytes
    units_row: bytes


def jpeg(pixels: np.ndarray) -> bytes:
    """Encode RGB (H, W, 3) uint8 as a JPEG, without colour subsampling: thin coloured lines stay crisp."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88, subsampling=0)
    return buffer.getvalue()


def narrow_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) of a narrow picture, in proportion to that of a wide one.

    >>> narrow_size((960, 540)), narrow_size((240, 180))
    ((640, 600), (160, 200))
    """
    width, height = (
        min(max(SMALLEST, round(side * narrow / wide)), LARGEST)
        for side, narrow, wide in zip(size, NARROW, (WIDTH, HEIGHT), strict=True)
    )
    return width, height


class Renderer:
    """Draws the pictures of states, and keeps the last ones; its figures are made once, when first needed.

    Parameters
    ----------
    numbers : Numbers
    size : tuple of int
        Width and height of a wide picture, pixels.
    """

    def __init__(self, numbers: Numbers, size: tuple[int, int]) -> None:
        self._numbers, self.size = numbers, size
        self._frames = RecentCache[State, Frames](32)
        self._figures: dict[str, SweepFigure] = {}
        self._rows: dict[bool, UnitsFigure] = {}

    def draw(self, state: State) -> Frames:
        """Return the pictures of a state, drawing them if they are not among the last ones."""
        return self._frames.recall(state, self.render)

    def render(self, state: State) -> Frames:
        """Draw the pictures of a state."""
        second, beside, row = state.second, b"", b""
        picture = self._sweep_picture(self._kind(state), state)
        if second is not None:
            beside = self._sweep_picture("beside", second)
        if state.units_row:
            row = self._row_picture(state)
        return Frames(picture, beside, row)

    def picture_size(self, state: State) -> tuple[int, int]:
        """Return the width and height of the picture of a state, pixels."""
        return self.size if self._kind(state) == "wide" else narrow_size(self.size)

    def k_at(self, state: State, x: float, y: float) -> int | None:
        """Return the k that a point of the picture stands for; see `SweepFigure.k_at`."""
        most = self._numbers.units(state.model) - state.held
        return self._figure(self._kind(state)).k_at(x, y, most)

    def tile_at(self, state: State, x: float, y: float) -> int | None:
        """Return which tile of the row of units a point is on, None for one without a unit.

        See `UnitsFigure.tile_at`.
        """
        tile, units = self._row(state.narrow).tile_at(x, y, state.tiles), self._numbers.units(state.model)
        return tile if tile is not None and row_begins(state, units) + tile < units else None

    def _kind(self, state: State) -> str:
        return "narrow" if state.narrow or state.beside else "wide"

    def _sweep_picture(self, kind: str, state: State) -> bytes:
        sweep = self._numbers.sweep(state)
        return jpeg(self._figure(kind).show(sweep, *state.window.ends, state.view))

    def _row_picture(self, state: State) -> bytes:
        sweep, view = self._numbers.sweep(state), state.view
        ranks = row_begins(state, sweep.units), state.tiles
        figure = self._row(state.narrow)
        return jpeg(figure.show(sweep, *state.window.ends, *ranks, view.end, view.cmap, view.unit))

    def _figure(self, kind: str) -> SweepFigure:
        """Return one of the figures: "wide", "narrow", or that of the picture "beside"."""
        if kind not in self._figures:
            self._figures[kind] = SweepFigure(*(self.size if kind == "wide" else narrow_size(self.size)))
        return self._figures[kind]

    def _row(self, narrow: bool) -> UnitsFigure:
        """Return the figure of the row of units."""
        if narrow not in self._rows:
            width, unit = (narrow_size(self.size)[0], NARROW[0]) if narrow else (self.size[0], WIDTH)
            self._rows[narrow] = UnitsFigure(width, max(SMALLEST, round(width * ROW_HEIGHT / unit)))
        return self._rows[narrow]

    def forget(self) -> None:
        """Let go of the pictures that are kept."""
        self._frames.clear()

    def close(self) -> None:
        """Let go of the pictures and the figures."""
        self.forget()
        for figure in (*self._figures.values(), *self._rows.values()):
            figure.close()
        self._figures.clear()
        self._rows.clear()
