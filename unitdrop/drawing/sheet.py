"""One matplotlib figure and its canvas, addressed in the pixels of a design; no pyplot."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from PIL import Image

from unitdrop.drawing.letters import Letters
from unitdrop.drawing.style import INK, PAPER, font
from unitdrop.drawing.words import as_glyphs, longest
from unitdrop.names import brief, shown_names

Drawable = TypeVar("Drawable", bound=Line2D | Patch)


class Placed(NamedTuple):
    """An image scaled into a box of the sheet, and where that is.

    Attributes
    ----------
    pixels : ndarray, shape (h, w, 3), uint8
        RGB.
    corner : tuple (y, x)
        Its upper left corner on the sheet, in pixels.
    """

    pixels: np.ndarray
    corner: tuple[int, int]

    @property
    def region(self) -> tuple[slice, slice]:
        """The rows and columns of the sheet that it covers."""
        (y, x), (height, width) = self.corner, self.pixels.shape[:2]
        return slice(y, y + height), slice(x, x + width)

    def paste(self, picture: np.ndarray, canvas: np.ndarray) -> None:
        """Write RGB pixels of the same size there, on the RGBA pixels of the whole sheet."""
        # Whole rows of four channels are copied much faster than three of every four bytes.
        canvas[self.region] = cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA)


class Sheet:
    """A figure of a size in pixels, whose artists are placed in design pixels from the top left corner.

    Artists are made once. Those that stay put are drawn by `redraw`; those that move with k are drawn over
    what it returned by `compose`.

    Parameters
    ----------
    width, height : int
        Pixels of the picture.
    design : tuple (width, height)
        The size that places are given for.
    """

    def __init__(self, width: int, height: int, design: tuple[int, int]) -> None:
        self.design = design
        self.scale = (width / design[0], height / design[1])
        dpi = 100 * min(self.scale)
        # The epsilon keeps matplotlib, which truncates, from losing a pixel to rounding.
        inches = ((width + 1e-3) / dpi, (height + 1e-3) / dpi)
        self.figure = Figure(
            inches,
            dpi,
            facecolor=PAPER,
            edgecolor=PAPER,
            frameon=True,
            layout="none",  # pyright: ignore[reportArgumentType]  # the stub lacks it
        )
        self.canvas = FigureCanvasAgg(self.figure)
        self.letters = Letters(self.figure)
        self.moving: list[Text | Line2D | Patch] = []  # artists that change with k, in drawing order
        self._still: list[Text] = []  # texts that stay put
        self._last: tuple[np.ndarray, tuple[int, int], np.ndarray] | None = None  # see `_resized`
        self._fitted: dict[tuple, str] = {}
        self._labels: tuple[str, ...] = ()
        self._names: dict[str, str] = {}  # by label: how it is written where there is room

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return new, invisible axes over a box."""
        across, down = self.design
        axes = self.figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
        axes.set_axis_off()
        axes.set_autoscale_on(False)
        return axes

    def x(self, x: float) -> float:
        """Return what matplotlib calls a design pixel's place across the figure."""
        return x / self.design[0]

    def y(self, y: float) -> float:
        """Return what matplotlib calls a design pixel's place down the figure."""
        return 1 - y / self.design[1]

    def text(
        self,
        x: float,
        y: float,
        size: float,
        *,
        bold: bool = False,
        color: str = INK,
        ha: str = "left",
        moving: bool = False,
    ) -> Text:
        """Return a new, empty text whose baseline starts (ends, is centred) at x, y."""
        text = self.figure.text(
            self.x(x),
            self.y(y),
            "",
            fontproperties=font(size, bold),
            color=color,
            ha=ha,
            va="baseline",
            parse_math=False,
            usetex=False,
            antialiased=True,
            animated=True,
        )
        (self.moving if moving else self._still).append(text)
        return text

    def upright(self, x: float, y: float, size: float, color: str = INK) -> Text:
        """Return a new, empty text that stands upright, its middle at x, y; it stays put."""
        return self.figure.text(
            self.x(x),
            self.y(y),
            "",
            fontproperties=font(size),
            color=color,
            ha="center",
            va="center",
            rotation=90,
            parse_math=False,
            usetex=False,
            antialiased=True,
        )

    def add(self, axes: Axes, artist: Drawable, moving: bool = False) -> Drawable:
        """Put a line or patch into axes, and return it."""
        if isinstance(artist, Line2D):
            axes.add_line(artist)
        else:
            axes.add_patch(artist)
        artist.set_animated(moving)
        if moving:
            self.moving.append(artist)
        return artist

    def tell_apart(self, labels: tuple[str, ...]) -> None:
        """Make `fit` cut a label in its middle where another of these begins like it.

        Labels that would look alike, as their letters are not in the font or differ behind what is shown of
        a long one, get their index.
        """
        if labels is not self._labels:
            self._fitted.clear()
            self._names = dict(zip(labels, shown_names(labels, as_glyphs), strict=True))
            self._labels = labels

    def named(self, label: str) -> str:
        """Return a label, or other words, as they are written where there is room."""
        return self._names.get(label) or as_glyphs(brief(label))

    def fit(self, label: str, width: float, size: float, bold: bool = False, before: str = "") -> str:
        """Return ``before`` and ``label`` in at most ``width`` design pixels, with an ellipsis if need be."""
        key = (label, width, size, bold, before)
        if key not in self._fitted:
            if len(self._fitted) > 4096:
                self._fitted.clear()
            self._fitted[key] = before + self._cut(self.named(label), width, size, bold, before)
        return self._fitted[key]

    def measure(self, text: str, size: float, bold: bool = False) -> float:
        """Return the width of a text in design pixels."""
        return self.letters.width(text, font(size, bold)) / self.scale[0]

    def _cut(self, text: str, width: float, size: float, bold: bool, before: str) -> str:
        def fits(short: str) -> bool:
            return self.measure(before + short, size, bold) <= width

        if fits(text):
            return text
        short = longest(text, fits)
        if not any(name != text and name.startswith(short[:-1]) for name in self._names.values()):
            return short
        index = re.search(r" \(\d+\)$", text)
        if index:
            told = longest(text[: index.start()], lambda name: fits(name + index[0])) + index[0]
            if fits(told):
                return told
        return longest(text, fits, head=0.6)

    def redraw(self) -> np.ndarray:
        """Draw everything that stays put, and return its pixels: (height, width, 4) uint8."""
        self.canvas.draw()
        self._draw(self._still)
        return self.pixels().copy()

    def compose(self, background: np.ndarray, paste: Callable[[np.ndarray], None]) -> np.ndarray:
        """Return a background, what is pasted on it, and over both what moves: (height, width, 3) uint8."""
        pixels = self.pixels()
        np.copyto(pixels, background)
        paste(pixels)
        self._draw(self.moving)
        return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)

    def _draw(self, artists: Sequence[Text | Line2D | Patch]) -> None:
        renderer = self.canvas.get_renderer()
        gc = renderer.new_gc()
        for artist in artists:
            if isinstance(artist, Text):
                self.letters.draw(artist, renderer, gc)
            else:
                artist.draw(renderer)

    def pixels(self) -> np.ndarray:
        """Return the canvas itself, (height, width, 4) uint8: writing there draws."""
        return np.asarray(self.canvas.buffer_rgba())

    def place(self, image: np.ndarray, box: Sequence[float]) -> Placed:
        """Return an image scaled into the middle of a box (left, top, width, height).

        It takes whole pixels only, so that pasting it needs no resampling.
        """
        left, width = box[0] * self.scale[0], box[2] * self.scale[0]
        top, height = box[1] * self.scale[1], box[3] * self.scale[1]
        scale = min(width / image.shape[1], height / image.shape[0])
        size = (max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale)))
        corner = (round(top + (height - size[1]) / 2), round(left + (width - size[0]) / 2))
        return Placed(self._resized(image, size), corner)

    def in_design(self, placed: Placed) -> tuple[float, float, float, float]:
        """Return the box (left, top, width, height) of a placed image, in design pixels."""
        (across, down), (y, x), (height, width) = self.scale, placed.corner, placed.pixels.shape[:2]
        return x / across, y / down, width / across, height / down

    def _resized(self, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return an image in another (width, height); the last is kept, as sweeps of a readout share it."""
        if self._last is None or self._last[0] is not image or self._last[1] != size:
            pixels = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
            self._last = (image, size, pixels)
        return self._last[2]
