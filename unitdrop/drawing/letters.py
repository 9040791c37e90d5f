"""Texts drawn from patches of pixels that are kept, many times faster than matplotlib draws them anew."""

from __future__ import annotations

import math
import re

import matplotlib
import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text


class Letters:
    """The patches of one figure, and the drawing of its texts from them.

    A patch holds a piece of a text as RGBA pixels. It is rendered by matplotlib itself and depends on nothing
    but its key: the piece, its font and colour, and where between two pixels it begins. So it does not matter
    which patches are kept, nor when one is thrown away, and the picture stays a pure function of what is
    shown. The pieces are single digits and what is between them, so that new numbers are made of old digits.

    Only for a single line at its baseline, neither turned nor cut off by axes.

    Attributes
    ----------
    patches : dict
        By key: the pixels (h, w, 4) uint8, lowest row first, and the whole pixels from where the piece begins
        to their left and lower edges.
    kept_bytes : int
        The size of all patches together.
    """

    MOST_BYTES = 16 << 20  # at which all patches are thrown away; a picture of usual size has some 200 kB
    # Before 3.11, matplotlib begins a text at a whole pixel, but not each of its letters.
    PIECES = re.compile(r"\d|\D+" if matplotlib.__version_info__ >= (3, 11) else "(?s).+")

    def __init__(self, figure: Figure) -> None:
        self._dpi, self._size = figure.dpi, figure.bbox.size
        self.patches: dict[tuple, tuple[np.ndarray, int, int]] = {}
        self.kept_bytes = 0
        self._advances: dict[tuple, float] = {}

    def draw(self, text: Text, renderer: RendererAgg, gc: GraphicsContextBase) -> None:
        """Draw a text as its own ``draw`` would; where letters touch, a pixel may differ by 2 of 255."""
        words = text.get_text()
        if not words or not text.get_visible():
            return
        font, colour = text.get_fontproperties(), text.get_color()
        pieces, advances = self._measured(words, font)
        x, y = np.multiply(self._size, text.get_position())
        x -= sum(advances) * {"left": 0, "center": 0.5, "right": 1}[text.get_horizontalalignment()]
        row, up = _split(y)
        for piece, advance in zip(pieces, advances, strict=True):
            column, right = _split(x)
            patch, left, low = self._patch((piece, *_face(font), colour, right, up), font, advance)
            renderer.draw_image(gc, column + left, row + low, patch)
            x += advance

    def width(self, words: str, font: FontProperties) -> float:
        """Return the width of a text, in pixels."""
        return sum(self._measured(words, font)[1])

    def _measured(self, words: str, font: FontProperties) -> tuple[list[str], list[float]]:
        """Return the pieces of a text, and how far on from each the next one begins, in pixels."""
        pieces, face = self.PIECES.findall(words), _face(font)
        if len(self._advances) > 4096:
            self._advances.clear()
        for piece in pieces:
            if (piece, face) not in self._advances:
                self._advances[piece, face] = self._advance(piece, font)
        return pieces, [self._advances[piece, face] for piece in pieces]

    def _advance(self, piece: str, font: FontProperties) -> float:
        return RendererAgg(1, 1, self._dpi).get_text_width_height_descent(piece, font, False)[0]

    def _patch(self, key: tuple, font: FontProperties, advance: float) -> tuple[np.ndarray, int, int]:
        """Return the patch of a key, rendering it on a miss."""
        found = self.patches.get(key)
        if found is None:
            found = self._rendered(key, font, advance)
            if self.kept_bytes + found[0].nbytes > self.MOST_BYTES:
                self.patches.clear()
                self.kept_bytes = 0
            # Stored last and at once: an interrupt can cost a patch, but never leave a wrong one.
            self.kept_bytes += found[0].nbytes
            self.patches[key] = found
        return found

    def _rendered(self, key: tuple, font: FontProperties, advance: float) -> tuple[np.ndarray, int, int]:
        """Render the patch of a key, cut to its inked pixels."""
        piece, size, _, colour, right, up = key
        margin = math.ceil(size * self._dpi / 72)  # no letter reaches further from its line
        width = math.ceil(advance) + 2 * margin
        height = 3 * margin + self._size[1] % 1  # matplotlib counts from the top, parts of pixels and all
        scratch = RendererAgg(width, height, self._dpi)
        gc = scratch.new_gc()
        gc.set_foreground(colour)
        scratch.draw_text(gc, margin + right, height - margin - up, piece, font, 0)
        pixels = np.asarray(scratch.buffer_rgba())
        rows, columns = (np.flatnonzero(pixels[..., 3].any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return np.zeros((1, 1, 4), np.uint8), 0, 0
        # `draw_image` wants the lowest row first.
        patch = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][::-1].copy()
        return patch, int(columns[0]) - margin, 2 * margin - 1 - int(rows[-1])


def _face(font: FontProperties) -> tuple:
    """Return what tells the fonts of two texts apart."""
    return font.get_size_in_points(), font.get_weight()  # all else is the same for all texts


def _split(place: float) -> tuple[int, float]:
    """Return a place in whole pixels and what is left, without the noise of the last digits."""
    whole = math.floor(place)
    return whole, round(place - whole, 6)
