"""The picture of a sweep: the CAM over the image, the classes, the curve, drawn once and then only updated.

`SweepFigure` turns a `Sweep` and a window of dropped units into pixels. It owns one matplotlib `Figure` (no
pyplot, so nothing is registered globally and nothing leaks), makes its artists once, and keeps the drawing of
everything that stays put while k moves; a new k restores that background and draws only what changed.

What a picture promises:

- it is a pure function of ``(sweep, top, bottom, view)``: no move leaves a trace in a later picture;
- colour limits, axis limits and the choice of classes are fixed per sweep, so evidence is seen to drain and
  is never rescaled away. Colours run from 0 to the maximum of the *intact* CAM of the *target*, whichever CAM
  is shown; what lies outside takes the end colours, and the ticks say "≤" and "≥".
  Negative evidence (which speaks against the class) therefore looks like none: the map answers "what speaks
  for the class?". Where there is little evidence the colours let the image through, so that what the network
  does not use can be seen;
- whoever wants another scale asks for it, and the picture says so: each frame's own limits
  (``scale="frame"``), or the change from the intact CAM (``cam="difference"``), with colours that run both
  ways from 0 and let the image through where nothing changed;
- the rcParams and styles of the session have no say in it.

There is a wide layout and a narrow one, which say the same; each is data (`_Layout`), in pixels of its own
design, and the parts of the picture take their places from it.

Colours of classes are those of Okabe & Ito (2008, "Color Universal Design"), and no mark is made by colour
alone: the target carries a diamond, the prediction an arrow, every line its own dashes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from PIL import Image

from unitdrop import heatmap
from unitdrop.checks import check_whole_number
from unitdrop.plan import HEIRS, MAX_ROWS, Plan, View, ceiling_of, make_plan, percent
from unitdrop.sweep import Sweep

__all__ = ["NARROW", "SweepFigure"]

#: The sizes, in pixels, that the two layouts are drawn up for; other sizes scale the layout of their shape.
WIDTH, HEIGHT = 960, 540
NARROW = (640, 600)
BROAD = 1.4  # width over height from which on the wide layout is taken
SMALLEST, LARGEST = 160, 4096

PAPER, INK, GREY, FAINT, TRAY, BAND = "#ffffff", "#1b2430", "#5d6875", "#dfe3e8", "#f3f5f7", "#d3d9e0"
REST = "#e3e6ea"  # all classes without a line, where areas are stacked
TINT = 0.5  # of a class's colour in its area, so that the dashes along its edge stay visible
TARGET = ("#0072b2", "-")
OTHERS = (
    ("#d55e00", (0, (5, 1.6))),
    ("#009e73", (0, (6, 1.5, 1.2, 1.5))),
    ("#b0578d", (0, (1.3, 1.2))),
    ("#8a6d00", (0, (9, 2))),
)
FAMILY = "DejaVu Sans"  # ships with matplotlib: the same glyphs everywhere
DIAMOND, ARROW = "\N{BLACK DIAMOND}", "\N{BLACK LEFT-POINTING TRIANGLE}"


def class_styles(plan: Plan) -> dict[int, tuple]:
    """Class index to its (colour, dashes); classes without a curve are absent."""
    return dict(zip(plan.lines, (TARGET, *OTHERS), strict=False))


def _number(x: float) -> str:
    """Three significant digits at most, with a true minus sign."""
    return f"{x:.3g}".replace("-", "\N{MINUS SIGN}")


def _printable(text: str) -> str:
    """One line of glyphs that the font has, so that no label can break the layout or print a warning."""
    known = get_font(findfont(FontProperties(family=FAMILY))).get_charmap()
    return "".join(c if ord(c) in known else "\N{WHITE SQUARE}" for c in " ".join(str(text).split()))


def _font(size: float, bold: bool = False) -> FontProperties:
    # Everything is said explicitly: what is left out would be taken from the session's rcParams.
    return FontProperties(
        family=FAMILY,
        size=size,
        weight="bold" if bold else "normal",
        style="normal",
        variant="normal",
        stretch="normal",
        math_fontfamily="dejavusans",
    )


# ---------------------------------------------------------------------------------------------- drawing


class _Letters:
    """Draws a figure's texts from patches that it keeps, many times faster than matplotlib draws them anew.

    A patch holds a piece of a text as RGBA pixels. It is rendered by matplotlib itself and depends on nothing
    but its key: the piece, its font and colour, and where between two pixels it begins. So it does not matter
    which patches are kept, nor when one is thrown away, and the picture stays a pure function of what is
    shown. The pieces are single digits and what is between them, so that new numbers are made of old digits.

    Only for a single line at its baseline, neither turned nor cut off by axes.
    """

    KEPT = 16 << 20  # bytes, at which all are thrown away; a picture of usual size has some 200 kB
    # Before 3.11, matplotlib begins a text at a whole pixel, but not each of its letters.
    PIECES = re.compile(r"\d|\D+" if matplotlib.__version_info__ >= (3, 11) else "(?s).+")

    def __init__(self, figure: Figure) -> None:
        self._dpi, self._size = figure.dpi, figure.bbox.size
        self._patches: dict[tuple, tuple[np.ndarray, int, int]] = {}
        self._advances: dict[tuple, float] = {}
        self._bytes = 0

    def draw(self, text: Text, renderer: RendererAgg, gc) -> None:
        """Draw a text as its own ``draw`` would; where letters touch, a pixel may differ by 2 of 255."""
        words = text.get_text()
        if not words or not text.get_visible():
            return
        font, colour = text.get_fontproperties(), text.get_color()
        pieces, advances = self._measured(words, font)
        x, y = self._size * text.get_position()
        x -= sum(advances) * {"left": 0, "center": 0.5, "right": 1}[text.get_horizontalalignment()]
        row, up = _split(y)
        for piece, advance in zip(pieces, advances, strict=True):
            column, right = _split(x)
            patch, left, low = self._patch((piece, *_face(font), colour, right, up), font, advance)
            renderer.draw_image(gc, column + left, row + low, patch)
            x += advance

    def width(self, words: str, font: FontProperties) -> float:
        """The width of a text, in pixels."""
        return sum(self._measured(words, font)[1])

    def _measured(self, words: str, font: FontProperties) -> tuple[list[str], list[float]]:
        """The pieces of a text, and how far on from each the next one begins."""
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
        """A piece's pixels, and the whole pixels from where it begins to their left and lower edges."""
        found = self._patches.get(key)
        if found is None:
            found = self._rendered(key, font, advance)
            if self._bytes + found[0].nbytes > self.KEPT:
                self._patches.clear()
                self._bytes = 0
            # Stored last and at once: an interrupt can cost a patch, but never leave a wrong one.
            self._bytes += found[0].nbytes
            self._patches[key] = found
        return found

    def _rendered(self, key: tuple, font: FontProperties, advance: float) -> tuple[np.ndarray, int, int]:
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
    return font.get_size_in_points(), font.get_weight()  # all else is the same for all texts


def _split(place: float) -> tuple[int, float]:
    """A place in whole pixels and what is left, without the noise of the last digits."""
    whole = math.floor(place)
    return whole, round(place - whole, 6)


class _Sheet:
    """The figure and its canvas, addressed in design pixels from the top left corner."""

    def __init__(self, width: int, height: int, design: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        self.scale = (width / design[0], height / design[1])
        dpi = 100 * min(self.scale)
        # The epsilon keeps matplotlib, which truncates, from losing a pixel to rounding.
        inches = ((width + 1e-3) / dpi, (height + 1e-3) / dpi)
        self.figure = Figure(inches, dpi, facecolor=PAPER, edgecolor=PAPER, frameon=True, layout="none")
        self.canvas = FigureCanvasAgg(self.figure)
        self.width, self.height = width, height
        self.design = design
        self.moving: list = []  # artists that change with k, in drawing order
        self._still: list = []  # texts that stay put
        self._letters = _Letters(self.figure)
        self._last: tuple = (None, None, None)  # the image that was scaled last, its size and its pixels
        self._fitted: dict[tuple, str] = {}
        self._labels: tuple[str, ...] = ()

    def axes(self, left: float, top: float, width: float, height: float):
        across, down = self.design
        axes = self.figure.add_axes([left / across, 1 - (top + height) / down, width / across, height / down])
        axes.set_axis_off()
        axes.set_autoscale_on(False)
        return axes

    def x(self, x: float) -> float:
        """What matplotlib calls a design pixel's place across the figure."""
        return x / self.design[0]

    def y(self, y: float) -> float:
        """The same for its place down the figure."""
        return 1 - y / self.design[1]

    def text(self, x: float, y: float, size: float, *, bold=False, color=INK, ha="left", moving=False):
        """An empty text whose baseline starts (ends, is centred) at x, y."""
        text = self.figure.text(
            self.x(x),
            self.y(y),
            "",
            fontproperties=_font(size, bold),
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

    def upright(self, x: float, y: float, size: float, color=INK):
        """An empty text that stands upright, its middle at x, y."""
        return self.figure.text(
            self.x(x),
            self.y(y),
            "",
            fontproperties=_font(size),
            color=color,
            ha="center",
            va="center",
            rotation=90,
            parse_math=False,
            usetex=False,
            antialiased=True,
        )

    def add(self, axes, artist, moving: bool = False):
        """Put a line or patch into axes."""
        (axes.add_line if isinstance(artist, Line2D) else axes.add_patch)(artist)
        artist.set_animated(moving)
        if moving:
            self.moving.append(artist)
        return artist

    def tell_apart(self, labels: tuple[str, ...]) -> None:
        """From now on, `fit` cuts a label that another of these begins like in its middle."""
        if labels is not self._labels:
            self._fitted.clear()
            self._labels = labels

    def fit(self, label: str, width: float, size: float, bold: bool = False, before: str = "") -> str:
        """``before`` and ``label`` in at most ``width`` design pixels, with an ellipsis where one must be."""
        key = (label, width, size, bold, before)
        if key not in self._fitted:
            if len(self._fitted) > 4096:
                self._fitted.clear()
            self._fitted[key] = before + self._cut(_printable(label), width, size, bold, before)
        return self._fitted[key]

    def measure(self, text: str, size: float, bold: bool = False) -> float:
        """The width of a text in design pixels."""
        return self._letters.width(text, _font(size, bold)) / self.scale[0]

    def _cut(self, text: str, width: float, size: float, bold: bool, before: str) -> str:
        def fits(short: str) -> bool:
            return self.measure(before + short, size, bold) <= width

        if fits(text):
            return text
        short = _longest(text, fits)
        alike = [x for x in self._labels if x != text and x.startswith(short[:-1])]
        return _longest(text, fits, head=0.6) if alike else short

    def redraw(self) -> np.ndarray:
        """Draw everything that stays put: its pixels, (height, width, 4) uint8."""
        self.canvas.draw()
        self._draw(self._still)
        return self._pixels().copy()

    def compose(self, background: np.ndarray, paste: Callable[[np.ndarray], None]) -> np.ndarray:
        """Lay what is pasted, then the moving artists, over a background: (height, width, 3) uint8."""
        pixels = self._pixels()
        np.copyto(pixels, background)
        paste(pixels)
        self._draw(self.moving)
        return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)

    def _draw(self, artists: list) -> None:
        renderer = self.canvas.get_renderer()
        gc = renderer.new_gc()
        for artist in artists:
            if isinstance(artist, Text):
                self._letters.draw(artist, renderer, gc)
            else:
                artist.draw(renderer)

    def _pixels(self) -> np.ndarray:
        """The canvas itself: writing here draws."""
        return np.asarray(self.canvas.buffer_rgba())

    def place(self, image: np.ndarray, box: Sequence[float]) -> tuple[np.ndarray, tuple[int, int]]:
        """Scale an image into a box: its pixels, and the (y, x) of its corner.

        Whole pixels only, so that pasting it needs no resampling.
        """
        left, width = box[0] * self.scale[0], box[2] * self.scale[0]
        top, height = box[1] * self.scale[1], box[3] * self.scale[1]
        scale = min(width / image.shape[1], height / image.shape[0])
        size = (max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale)))
        pixels = self._resized(image, size)
        return pixels, (round(top + (height - size[1]) / 2), round(left + (width - size[0]) / 2))

    def _resized(self, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """An image in another (width, height); the last one is kept, as sweeps of one readout share it."""
        if self._last[0] is not image or self._last[1] != size:
            pixels = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
            self._last = (image, size, pixels)
        return self._last[2]


def _lay(picture: np.ndarray, pixels: np.ndarray, corner: tuple[int, int]) -> None:
    """Write RGB (h, w, 3) into RGBA pixels, its upper left corner at (y, x)."""
    (y, x), (height, width) = corner, picture.shape[:2]
    # Whole rows of four channels are copied much faster than three of every four bytes.
    pixels[y : y + height, x : x + width] = cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA)


def _longest(text: str, fits: Callable[[str], bool], head: float = 1.0) -> str:
    """The longest shortening of a text that fits; ``head`` is the part of it kept before the ellipsis."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(_shortened(text, middle, head)) else (low, middle - 1)
    return _shortened(text, low, head)


def _shortened(text: str, count: int, head: float) -> str:
    """``count`` letters of a text, from its beginning and its end, with an ellipsis between.

    >>> _shortened("a long name, 1", 5, 1.0), _shortened("a long name, 1", 5, 0.6)
    ('a lon…', 'a l…1')
    """
    first = math.ceil(head * count)
    return text[:first].rstrip() + "…" + text[len(text) - (count - first) :].lstrip()


def _line(color: str, width: float, style="-", *, zorder=2.0, clip=True, marker="") -> Line2D:
    line = Line2D(
        [],
        [],
        color=color,
        linewidth=width,
        linestyle=style,
        marker=marker,
        markersize=7,
        markerfacecolor=color,
        markeredgecolor=PAPER,
        markeredgewidth=1.2,
        fillstyle="full",
        antialiased=True,
        dash_capstyle="butt",
        solid_capstyle="butt",
        drawstyle="default",
        dash_joinstyle="round",
        solid_joinstyle="round",
        zorder=zorder,
    )
    line.set_clip_on(clip)
    return line


def _patch(face: str, edge: str = "none", width: float = 0.0, zorder: float = 1) -> Rectangle:
    # Not clipped: the outline of a bar that reaches the end of its axes would lose half its width there.
    return Rectangle(
        (0, 0),
        0,
        0,
        facecolor=face,
        edgecolor=edge,
        linewidth=width,
        linestyle="-",
        hatch=None,
        antialiased=True,
        zorder=zorder,
        capstyle="butt",
        joinstyle="miter",
        clip_on=False,
    )


def _area(face: str | tuple, zorder: float) -> Polygon:
    return Polygon(
        [(0, 0)] * 3,
        closed=True,
        facecolor=face,
        edgecolor="none",
        linewidth=0,
        antialiased=True,
        zorder=zorder,
    )


def _tint(colour: str) -> tuple[float, float, float]:
    """A colour mixed with white: (r, g, b) in 0..1."""
    return tuple(1 - TINT * (1 - part) for part in to_rgb(colour))


@dataclass(frozen=True)
class _Moment:
    """One window of one plan: what the moving artists show."""

    plan: Plan
    top: int
    bottom: int
    view: View
    now: np.ndarray
    prediction: int

    @property
    def k(self) -> int:
        return self.top if self.plan.end == "top" else self.bottom

    @property
    def shown(self) -> int:
        """The class whose CAM is shown."""
        return self.prediction if self.view.cam == "prediction" else self.plan.sweep.target

    @cached_property
    def map(self) -> np.ndarray:
        """The map that is shown: (h, w) float32."""
        sweep = self.plan.sweep
        if self.view.unit is not None:
            return sweep.readout.maps[self.view.unit]
        cam = sweep.cam(self.shown, self.top, self.bottom)
        return cam - sweep.cam() if self.view.diverging else cam

    @cached_property
    def peak(self) -> float:
        """The greatest evidence on the map that is shown, or its greatest change; not above 0: nothing."""
        return float((np.abs(self.map) if self.view.diverging else self.map).max())

    @property
    def limits(self) -> tuple[float, float]:
        """Evidence at the two ends of the colour scale."""
        peak = self.plan.limits[1]
        if self.view.own_scale:
            peak = self.peak if self.peak > 0 else peak
        return (-peak if self.view.diverging else 0.0, peak)

    @cached_property
    def rank(self) -> int:
        """Where the unit whose map is shown stands in the ranking, 0 first."""
        return int(np.flatnonzero(self.plan.sweep.ranking == self.view.unit)[0])

    @property
    def dropped(self) -> bool:
        """Whether the window drops that unit."""
        return not self.top <= self.rank < self.plan.sweep.units - self.bottom

    def label(self, index: int) -> str:
        return self.plan.sweep.readout.labels[index]


class _Spot(NamedTuple):
    """Where the baseline of a text begins (ends, has its middle), and how wide what may be cut can be."""

    x: float
    y: float
    ha: str = "left"
    room: float = math.inf


_Box = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class _Rows:
    """The shape of the bars' rows.

    Attributes
    ----------
    tallest : float
        Height of a row at most.
    name : _Spot
        Of the class names: ``y`` is a part of the row's height, as are all shares below.
    drop : float
        What the baselines lie below that part, in pixels, so that letters stand on its middle.
    bar : tuple (middle, outline, fill)
        Middle of the bar, and heights of what is drawn there.
    sizes, slim : tuple (name and number now, intact number)
        Text sizes; the slim ones for rows lower than ``least``.
    least : float
    grid : float, optional
        Height of what is seen of the grid at a bar; by default it is drawn through.
    """

    tallest: float
    name: _Spot
    drop: float
    bar: tuple[float, float, float]
    sizes: tuple[float, float]
    slim: tuple[float, float]
    least: float
    grid: float | None = None


@dataclass(frozen=True)
class _Layout:
    """Where everything stands, in design pixels from the top left corner.

    Attributes
    ----------
    size : tuple (width, height)
        The design itself.
    count, facts, how : _Spot, or tuples of it
        The header. The room of a fact is that of all before its probability; ``how`` names the network and
        the way of ranking; with one spot, both in one line.
    image, ramp : box
        What the image is fitted into, and the colour bar.
    title : _Spot, caption : tuple of _Spot
        Of the map that is shown. With one spot, all of the caption is in one line.
    ticks : float
        Baseline under the colour bar.
    bars : box
    rows : _Rows
    key : _Spot, key_words : str
        What the marks of the bars mean.
    columns : tuple of float
        Right ends of the intact and the present numbers, and where the arrow stands.
    curves : box
    unit : _Spot
        Of the curves' vertical axis label, which stands upright around it.
    heading : _Spot
        What the curves are called where they are shares.
    flip : float
        The right end of what is said of the flip.
    legend : _Spot
        The names of the curves.
    """

    size: tuple[int, int]
    count: _Spot
    facts: tuple[_Spot, _Spot, _Spot]
    how: tuple[_Spot, ...]
    title: _Spot
    image: _Box
    ramp: _Box
    ticks: float
    caption: tuple[_Spot, ...]
    key: _Spot
    key_words: str
    columns: tuple[float, float, float]
    bars: _Box
    rows: _Rows
    curves: _Box
    unit: _Spot
    heading: _Spot
    flip: float
    legend: _Spot


_WIDE = _Layout(
    size=(WIDTH, HEIGHT),
    count=_Spot(24, 33),
    facts=(_Spot(24, 57, room=269), _Spot(366, 57, room=236), _Spot(676, 57)),
    how=(_Spot(936, 33, "right", 520),),
    title=_Spot(24, 83, room=410),  # it may run on to where the words over the bars begin
    image=(24, 92, 384, 372),
    ramp=(24, 474, 384, 9),
    ticks=497,
    caption=(_Spot(216, 514, "center"), _Spot(216, 528, "center")),
    key=_Spot(440, 83),
    key_words=f"{DIAMOND} target   {ARROW} prediction now",
    columns=(852, 924, 930),
    bars=(582, 92, 210, 184),
    rows=_Rows(
        tallest=30,
        name=_Spot(574, 0.5, "right", 134),
        drop=4,
        bar=(0.5, 0.68, 0.48),
        sizes=(10, 9),
        slim=(8, 7),
        least=18,
    ),
    curves=(500, 326, 320, 148),
    unit=_Spot(439, 400),
    heading=_Spot(446, 304),
    flip=WIDTH - 20,
    legend=_Spot(834, 336, room=92),  # beside the data, never on it
)
_NARROW = _Layout(
    size=NARROW,
    count=_Spot(20, 27),
    facts=(_Spot(20, 49, room=314), _Spot(20, 67, room=246), _Spot(345, 67)),
    how=(_Spot(620, 49, "right", 200), _Spot(20, 84, room=600)),
    title=_Spot(20, 105, room=600),
    image=(20, 112, 276, 276),
    ramp=(20, 396, 276, 9),
    ticks=419,
    caption=(_Spot(20, 434),),
    key=_Spot(322, 121),
    key_words=f"{DIAMOND} target  {ARROW} predicted",
    columns=(534, 602, 608),
    bars=(322, 126, 280, 278),
    rows=_Rows(  # two lines a row: the name stands over its bar, which leaves both of them room
        tallest=40,
        name=_Spot(322, 0.42, room=150),
        drop=0,
        bar=(0.7, 0.3, 0.2),
        grid=0.34,
        sizes=(10, 9),
        slim=(8.5, 8.5),
        least=26,
    ),
    curves=(84, 463, 394, 90),
    unit=_Spot(24, 508),
    heading=_Spot(496, 455),
    flip=488,
    legend=_Spot(496, 473, room=92),
)


def _layout(width: int, height: int) -> _Layout:
    """The layout for a sheet of this shape."""
    return _WIDE if width >= BROAD * height else _NARROW


class _Header:
    """How much is dropped and what the network says now; each fact has its place, so that none jumps."""

    def __init__(self, sheet: _Sheet, layout: _Layout) -> None:
        self._sheet, self._layout = sheet, layout
        self._count = sheet.text(*layout.count[:2], 15, bold=True, moving=True)
        self._how = [sheet.text(s.x, s.y, 9.5, color=GREY, ha=s.ha) for s in layout.how]
        self._facts = [sheet.text(*spot[:2], 10.5, moving=True) for spot in layout.facts]

    def lay_out(self, plan: Plan, view: View) -> None:
        sweep = plan.sweep
        order = f"random order, seed {sweep.seed}" if sweep.rank == "random" else f"ranked by {sweep.rank}"
        reach = "silent for every class" if sweep.scope == "unit" else "silent for the target only"
        network = f"network {sweep.readout.model}" if sweep.readout.model else ""
        lines = _spread((network, f"{order} · scope {sweep.scope}: {reach}"), len(self._how))
        for text, spot, words in zip(self._how, self._layout.how, lines, strict=True):
            text.set_text(self._sheet.fit(words, self._room(spot, plan), 9.5))

    def _room(self, spot: _Spot, plan: Plan) -> float:
        """What is left for a line, which may be little beside a long count."""
        count = self._layout.count
        if spot.y != count.y:
            return spot.room
        longest = _count(*plan.window(plan.sweep.units - plan.fixed).ends, plan.sweep.units)
        left = spot.x - count.x - self._sheet.measure(longest, 15, bold=True) - 16
        return min(left, 400 if plan.fixed else spot.room)

    def update(self, moment: _Moment) -> None:
        sweep, now = moment.plan.sweep, moment.now
        self._count.set_text(_count(moment.top, moment.bottom, sweep.units))
        told = ((f"prediction now {ARROW} ", moment.prediction), (f"target {DIAMOND} ", sweep.target))
        for text, spot, (what, c) in zip(self._facts, self._layout.facts, told, strict=False):
            name = self._sheet.fit(moment.label(c), spot.room, 10.5, before=what)
            text.set_text(f"{name} {percent(now[c])}")
        self._facts[-1].set_text(_edge(moment))


def _spread(parts: tuple[str, ...], count: int) -> list[str]:
    """Parts over ``count`` lines; the last line takes all those that have no line of their own.

    >>> _spread(("a", "b", "c"), 2), _spread(("", "b"), 1)
    (['a', 'b · c'], ['b'])
    """
    return [*parts[: count - 1], " · ".join(part for part in parts[count - 1 :] if part)]


def _count(top: int, bottom: int, units: int) -> str:
    """How many units are dropped, and from where."""
    ends = [f"{name} {n}" for n, name in ((top, "top"), (bottom, "bottom")) if n] or ["0"]
    return f"{' and '.join(ends)} of {units} units dropped".capitalize()


def _edge(moment: _Moment) -> str:
    """The target's weight on the unit that was dropped last, at the end that moves."""
    sweep = moment.plan.sweep
    what = "weight at the threshold" if sweep.rank == "weight" else "weight of the last unit"
    if not moment.k:
        return f"{what} –"
    weight = sweep.weights_ranked[moment.k - 1 if moment.plan.end == "top" else sweep.units - moment.k]
    return f"{what} {_number(float(weight))}"


class _Picture:
    """The image under the CAM or a unit's map, pasted pixel by pixel, and the colour bar."""

    def __init__(self, sheet: _Sheet, layout: _Layout) -> None:
        self._sheet, self._layout = sheet, layout
        tray = sheet.axes(*layout.image)
        tray.set(xlim=(0, 1), ylim=(0, 1))
        ground = sheet.add(tray, _patch(TRAY))
        ground.set_bounds(0, 0, 1, 1)
        self._title = sheet.text(*layout.title[:2], 11, bold=True, moving=True)
        bar = sheet.axes(*layout.ramp)
        self._ramp = bar.imshow(
            np.arange(256)[None],
            aspect="auto",
            extent=(0, 1, 0, 1),
            interpolation="nearest",
            cmap="inferno",
            vmin=0,
            vmax=255,
            origin="lower",
            resample=False,
        )
        (left, _, width, _), y = layout.ramp, layout.ticks
        places = [(left, y, "left"), (left + width / 2, y, "center"), (left + width, y, "right")]
        places += [spot[:3] for spot in layout.caption]
        self._notes = [sheet.text(x, y, 8.5, color=GREY, ha=ha, moving=True) for x, y, ha in places]
        self._base: np.ndarray | None = None
        self._corner = (0, 0)

    def lay_out(self, plan: Plan, view: View) -> None:
        self._ramp.set_cmap(ListedColormap(heatmap.ramp(view.colours) / 255))
        self._base, self._corner = self._sheet.place(plan.sweep.readout.image, self._layout.image)

    def update(self, moment: _Moment) -> None:
        before, name = _title(moment)
        self._title.set_text(self._sheet.fit(name, self._layout.title.room, 11, bold=True, before=before))
        notes = (*_ticks(moment), *_spread(_caption(moment), len(self._layout.caption)))
        for text, note in zip(self._notes, notes, strict=True):
            text.set_text(note)

    def paste(self, pixels: np.ndarray, moment: _Moment) -> None:
        """Write the blended picture into an RGBA buffer of the whole figure."""
        view = moment.view
        blended = heatmap.overlay(self._base, moment.map, moment.limits, view.colours, view.opacity)
        _lay(blended, pixels, self._corner)


def _title(moment: _Moment) -> tuple[str, str]:
    """What is shown, and the class whose it is, which may be cut."""
    view = moment.view
    if view.unit is not None:
        return f"Unit {view.unit}, rank {moment.rank}: its activation{' (dropped)' * moment.dropped}", ""
    what = "CAM of target, change from intact" if view.diverging else f"CAM of {view.cam}"
    return f"{what}: ", moment.label(moment.shown)


def _caption(moment: _Moment) -> tuple[str, str]:
    """What the colours mean, and what a unit's map comes to for the target."""
    view, readout = moment.view, moment.plan.sweep.readout
    if view.unit is None:
        what = "change (now − intact)" if view.diverging else "evidence (weight × activation)"
        scale = "this frame's own" if view.own_scale else "the target's intact CAM"
        return f"{what}; scale: {scale}", ""
    weight = float(readout.weight[moment.plan.sweep.target, view.unit])
    mean = float(readout.pooled64[view.unit])
    sums = f"weight {_number(weight)} × mean {_number(mean)} = contribution {_number(weight * mean)}"
    return "activation; scale: this unit's own", sums


def _ticks(moment: _Moment) -> tuple[str, str, str]:
    """What stands under the two ends and the middle of the colour bar, where values may lie beyond it."""
    peak, view = moment.limits[1], moment.view
    # A scale of its own has nothing beyond it, but at the lower end of evidence.
    below, above = ("", "") if view.own_scale else ("≤ ", "≥ ")
    if view.own_scale and moment.peak <= 0:
        return ("", "no change", "") if view.diverging else (_least(moment), "", "nothing above 0")
    if view.diverging:
        return f"lost {below}{_number(-peak)}", "0", f"gained {above}{_number(peak)}"
    return _least(moment), _number(peak / 2), f"{above}{_number(peak)}"


def _least(moment: _Moment) -> str:
    """What stands at the lower end of evidence, which hides what speaks against; activation has no such."""
    return "0" if moment.view.unit is not None and moment.map.min() >= 0 else "≤ 0"


@dataclass
class _Row:
    """The artists of one bar."""

    name: object
    fill: Rectangle
    outline: Rectangle
    intact: object
    now: object

    def set_visible(self, on: bool) -> None:
        for artist in vars(self).values():
            artist.set_visible(on)


class _Bars:
    """Probabilities of the top classes: intact as an outline, now as a filled bar."""

    def __init__(self, sheet: _Sheet, layout: _Layout) -> None:
        self._sheet, self._layout, self._shape = sheet, layout, layout.rows
        left, top, width, height = layout.bars
        self._axes = sheet.axes(*layout.bars)
        self._grid = _probability_grid(sheet, self._axes)
        places = [(left + width * f, top + height + 15, "center") for f in QUARTERS]
        self._ticks = _probability_ticks(sheet, places)
        (x, y, *_), (intact, now, arrow) = layout.key, layout.columns
        sheet.text(x, y, 9, color=GREY).set_text(layout.key_words)
        for x, words in ((intact, "intact \N{WHITE RECTANGLE}"), (now, "now \N{BLACK RECTANGLE}")):
            sheet.text(x, y, 9, color=GREY, ha="right").set_text(words)
        self._rows = [self._row() for _ in range(MAX_ROWS + 1)]
        self._arrow = sheet.text(arrow, 0, 10, bold=True, moving=True)

    def _row(self) -> _Row:
        sheet, name, (intact, now, _) = self._sheet, self._shape.name, self._layout.columns
        return _Row(
            name=sheet.text(name.x, 0, 10, ha=name.ha),
            fill=sheet.add(self._axes, _patch(GREY), moving=True),
            outline=sheet.add(self._axes, _patch("none", INK, 0.9), moving=True),
            intact=sheet.text(intact, 0, 9, color=GREY, ha="right"),
            now=sheet.text(now, 0, 10, ha="right", moving=True),
        )

    def lay_out(self, plan: Plan, view: View) -> None:
        others = len(plan.rows) < plan.sweep.readout.classes
        count, room = len(plan.rows) + others, self._layout.bars[3]
        height = min(room / count, self._shape.tallest)
        rest = 1 - plan.curve[:, list(plan.rows)].sum(axis=1, dtype=np.float64).min()
        ceiling = max(plan.ceiling, ceiling_of(rest)) if others else plan.ceiling
        self._axes.set(xlim=(0, ceiling), ylim=(room / height - 0.5, -0.5))
        _set_probability_scale(self._grid, self._ticks, ceiling, self._spans(count, height / room))
        for i, row in enumerate(self._rows):
            row.set_visible(i < count)
            if i < count:
                self._lay_row(row, i, height, plan)

    def _lay_row(self, row: _Row, i: int, height: float, plan: Plan) -> None:
        sweep, shape = plan.sweep, self._shape
        index = plan.rows[i] if i < len(plan.rows) else None
        label = _others(plan) if index is None else sweep.readout.labels[index]
        y = self._sheet.y(self._layout.bars[1] + (i + shape.name.y) * height + shape.drop)
        for text in (row.name, row.intact, row.now):
            text.set_y(y)
        is_target, (size, small) = index == sweep.target, shape.sizes if height >= shape.least else shape.slim
        name = self._sheet.fit(label, shape.name.room - 16 * is_target, size, is_target)
        row.name.set(text=f"{DIAMOND} {name}" if is_target else name, fontproperties=_font(size, is_target))
        row.intact.set_fontproperties(_font(small))
        row.now.set_fontproperties(_font(size))
        row.name.set_color(TARGET[0] if is_target else GREY if index is None else INK)
        intact = _mass(sweep.probabilities(), index, plan.rows)
        row.intact.set_text(percent(intact))
        row.outline.set_bounds(*self._bar(i, intact, shape.bar[1]))
        row.fill.set_facecolor(class_styles(plan).get(index, ("#9aa5b1",))[0])

    def _spans(self, count: int, height: float) -> list[float]:
        """From where to where the grid is drawn, as parts of the axes, with gaps where names stand."""
        if self._shape.grid is None:
            return [0, 1]
        middle, half = self._shape.bar[0], self._shape.grid / 2
        ends = [1 - height * (i + middle + side) for i in range(count) for side in (-half, half)]
        ends[-1] = 0  # the last one leads on to the ticks
        return np.insert(ends, range(2, len(ends), 2), np.nan).tolist()

    def _bar(self, i: int, length: float, height: float) -> _Box:
        """Where a bar lies in the axes, in which row i reaches from i - 0.5 to i + 0.5."""
        return 0, i + (self._shape.bar[0] - 0.5) - height / 2, length, height

    def update(self, moment: _Moment) -> None:
        plan = moment.plan
        classes = (*plan.rows, None)
        for i, (row, index) in enumerate(zip(self._rows, classes, strict=False)):
            now = _mass(moment.now, index, plan.rows)
            row.fill.set_bounds(*self._bar(i, now, self._shape.bar[2]))
            row.now.set_text(percent(now))
        at = plan.rows.index(moment.prediction) if moment.prediction in plan.rows else len(plan.rows)
        self._arrow.set(text=ARROW, y=self._rows[at].now.get_position()[1])


def _others(plan: Plan) -> str:
    count = plan.sweep.readout.classes - len(plan.rows)
    return "1 other class" if count == 1 else f"{count} other classes"


def _mass(probabilities: np.ndarray, index: int | None, rows: tuple[int, ...]) -> float:
    """The probability of a class, or of all classes without a row of their own (index None)."""
    if index is not None:
        return float(probabilities[index])
    rest = np.delete(probabilities.astype(np.float64), list(rows)).sum()
    return float(min(max(rest, 0.0), 1.0))


class _Curves:
    """Probability against the number of units dropped, with the flip and the band of random orders."""

    def __init__(self, sheet: _Sheet, layout: _Layout) -> None:
        self._sheet, self._layout = sheet, layout
        left, top, width, height = layout.curves
        axes = self._axes = sheet.axes(*layout.curves)
        self._grid = _probability_grid(sheet, axes)
        places = [(left - 7, top + height * (1 - f) + 3.5, "right") for f in QUARTERS]
        self._yticks = _probability_ticks(sheet, places)
        self._xticks = [sheet.text(0, top + height + 16, 8.5, color=GREY, ha="center") for _ in range(9)]
        self._xlabel = sheet.text(left + width / 2, top + height + 34, 9, color=GREY, ha="center")
        sheet.upright(*layout.unit[:2], 9, color=GREY).set_text("probability")
        self._band = sheet.add(axes, _area(BAND, zorder=1))
        styles = (TARGET, *OTHERS[:HEIRS])
        self._lines = [
            sheet.add(axes, _line(c, 2.4 if s == "-" else 1.7, s, zorder=4 - i / 10))
            for i, (c, s) in enumerate(styles)
        ]
        tints = [*(_tint(c) for c, _ in styles), REST]
        self._areas = [sheet.add(axes, _area(c, zorder=2)) for c in tints]
        self._title = sheet.text(*layout.heading[:2], 9.5, bold=True)
        self._flip_line = sheet.add(axes, _line(INK, 1.0, (0, (2, 2)), zorder=5))
        self._flip_name = sheet.text(0, top - 8, 9.5)
        self._legend = _Legend(sheet, layout.legend, styles)
        self._here = sheet.add(axes, _line(INK, 1.1, zorder=5), moving=True)
        self._dot = sheet.add(axes, _line(TARGET[0], 0, "-", zorder=6, clip=False, marker="o"), moving=True)

    def lay_out(self, plan: Plan, view: View) -> None:
        shares, ceiling = view.curves == "shares", _curve_ceiling(plan, view)
        steps = np.arange(len(plan.curve))
        self._axes.set(xlim=(0, max(len(steps) - 1, 1)), ylim=(0, ceiling))
        _set_probability_scale(self._grid, self._yticks, ceiling)
        self._title.set_text("Where it went" if shares else "")
        self._lay_lines(steps, plan, shares)
        self._lay_areas(steps, plan, shares)
        band = None if shares else plan.band
        self._band.set_visible(band is not None)
        if band is not None:
            self._band.set_xy(_between(steps, *band))
        self._lay_axis(plan)
        self._lay_flip(plan, ceiling)
        self._legend.lay_out(plan, shares)

    def _lay_lines(self, steps: np.ndarray, plan: Plan, shares: bool) -> None:
        """A line a class: its probability or, over the areas, the upper edge of its share."""
        heights = plan.shares.cumsum(axis=0) if shares else plan.curve[:, list(plan.lines)].T
        for i, line in enumerate(self._lines):
            line.set_visible(i < len(plan.lines))
            if i < len(plan.lines):
                line.set_data(steps, heights[i])

    def _lay_areas(self, steps: np.ndarray, plan: Plan, shares: bool) -> None:
        edges = np.vstack([0 * steps, plan.shares.cumsum(axis=0)])
        used = [*range(len(plan.lines)), len(self._areas) - 1]  # the last one is for all other classes
        for i, area in enumerate(self._areas):
            area.set_visible(shares and i in used)
        for i, at in enumerate(used):
            self._areas[at].set_xy(_between(steps, edges[i], edges[i + 1]))

    def _x(self, k: float, plan: Plan) -> float:
        """Where k stands on the sheet."""
        left, _, width, _ = self._layout.curves
        return left + width * k / max(len(plan.curve) - 1, 1)

    def _lay_axis(self, plan: Plan) -> None:
        n, units = len(plan.curve) - 1, plan.sweep.units
        ticks = [t for t in MaxNLocator(6, integer=True).tick_values(0, max(n, 1)) if 0 <= t <= n]
        for i, text in enumerate(self._xticks):
            text.set_visible(i < len(ticks))
            if i < len(ticks):
                text.set(text=f"{ticks[i]:.0f}", x=self._sheet.x(self._x(ticks[i], plan)))
        other = {"top": "bottom", "bottom": "top"}[plan.end]
        held = f", {other} {plan.fixed} dropped too" if plan.fixed else ""
        self._xlabel.set_text(f"units dropped from the {plan.end} (k of {units}{held})")

    def _lay_flip(self, plan: Plan, ceiling: float) -> None:
        fit = self._sheet.fit
        if plan.flip is None:
            name = fit(plan.sweep.label, 150, 9.5)
            self._flip_line.set_data([], [])
            self._flip_name.set(text=f"no flip: {name} stays predicted", x=self._sheet.x(self._x(0, plan)))
            return
        k, index = plan.flip
        name = fit(plan.sweep.readout.labels[index], 180, 9.5)
        words = f"flip at k = {k}: {name}" if k else f"k = 0: {name} is predicted, not the target"
        x = min(self._x(k, plan) - 4, self._layout.flip - self._sheet.measure(words, 9.5))
        self._flip_line.set_data([k, k], [0, ceiling])
        self._flip_name.set(text=words, x=self._sheet.x(x))

    def update(self, moment: _Moment) -> None:
        k, p = moment.k, float(moment.now[moment.plan.sweep.target])
        self._here.set_data([k, k], [0, _curve_ceiling(moment.plan, moment.view)])
        self._dot.set_data([k], [p])


def _curve_ceiling(plan: Plan, view: View) -> float:
    return 1.0 if view.curves == "shares" else plan.ceiling


def _between(steps: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The outline of the area between two curves."""
    return np.column_stack([[*steps, *steps[::-1]], [*low, *high[::-1]]])


class _Legend:
    """Line samples with names, in a column beside the curves."""

    STEP, SAMPLE, GAP = 21, 20, 26

    def __init__(self, sheet: _Sheet, spot: _Spot, styles: Sequence[tuple]) -> None:
        left, top, _, self._room = spot
        self._sheet, self._top = sheet, top
        axes = sheet.axes(left, top - 12, self.SAMPLE, self.STEP * 7)
        axes.set(xlim=(0, self.SAMPLE), ylim=(self.STEP * 7, 0))
        self._samples = [sheet.add(axes, _line(c, 2.4 if s == "-" else 1.7, s)) for c, s in styles]
        x = left + self.GAP
        self._names = [sheet.text(x, top, 9, bold=i == 0) for i in range(len(styles))]
        self._tints = [sheet.add(axes, _patch(_tint(c))) for c, _ in styles]
        self._patch = sheet.add(axes, _patch(BAND))
        self._words = [sheet.text(x, 0, 8.5, color=GREY) for _ in range(2)]

    def lay_out(self, plan: Plan, shares: bool) -> None:
        count, others = len(plan.lines), plan.sweep.readout.classes - len(plan.lines)
        rest = shares and others > 0  # stands on top, where its area is; the names below it likewise
        for i in range(len(self._names)):
            self._lay_name(i, count - 1 - i + rest if shares else i, plan, shares)
        words = ("random orders", "(20; 5–95 %)") if plan.band is not None else None
        if shares:
            words = (f"{others} other{'s' * (others > 1)}", "") if rest else None
        self._lay_words(0 if shares else count, words, REST if shares else BAND)

    def _lay_name(self, i: int, row: int, plan: Plan, shares: bool) -> None:
        there = i < len(plan.lines)
        sample, name, tint = self._samples[i], self._names[i], self._tints[i]
        sample.set_visible(there)
        tint.set_visible(there and shares)
        name.set_text(self._name(plan, i) if there else "")
        if there:
            sample.set_data([0, self.SAMPLE], [(2 if shares else 8) + self.STEP * row] * 2)
            tint.set_bounds(0, self.STEP * row + 2, self.SAMPLE, 12)
            name.set_y(self._sheet.y(self._top + self.STEP * row))

    def _lay_words(self, row: int, words: tuple[str, str] | None, colour: str) -> None:
        y = self.STEP * row
        self._patch.set(visible=words is not None, facecolor=colour)
        self._patch.set_bounds(0, y + 3, self.SAMPLE, 13)
        for i, text in enumerate(self._words):
            text.set(text=words[i] if words else "", y=self._sheet.y(self._top + y + 1 + 14 * i))

    def _name(self, plan: Plan, i: int) -> str:
        return self._sheet.fit(plan.sweep.readout.labels[plan.lines[i]], self._room, 9, bold=i == 0)


REACH = 12  # design pixels by which a click on the curve may miss it
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def _probability_grid(sheet: _Sheet, axes) -> list[Line2D]:
    return [sheet.add(axes, _line(GREY if f == 0 else FAINT, 0.9, zorder=0.5, clip=False)) for f in QUARTERS]


def _probability_ticks(sheet: _Sheet, places: list[tuple]) -> list:
    return [sheet.text(x, y, 8.5, color=GREY, ha=ha) for x, y, ha in places]


def _set_probability_scale(
    grid: list[Line2D], ticks: list, ceiling: float, upright: list[float] | None = None
) -> None:
    """Put the grid lines where the probabilities are; ``upright``: along these parts of the axes' height."""
    for f, line, tick in zip(QUARTERS, grid, ticks, strict=True):
        p = f * ceiling
        if upright:
            line.set_transform(line.axes.get_xaxis_transform())
            line.set_data([p] * len(upright), upright)
        else:
            line.set_transform(line.axes.get_yaxis_transform())
            line.set_data((0, 1), [p, p])
        tick.set_text(f"{100 * p:g} %")


class _Drawn:
    """What the figures have in common: a sheet of a checked size, until it is let go of.

    Not safe for use by two threads at once; give each thread its own.
    """

    def __init__(self, width: int, height: int) -> None:
        name, sides = type(self).__name__, {"width": width, "height": height}
        self.size = tuple(
            check_whole_number(f"{name}({side}=...)", n, SMALLEST, LARGEST) for side, n in sides.items()
        )
        self._sheet: _Sheet | None = _Sheet(*self.size, design=self._design())
        self._background: np.ndarray | None = None

    def _design(self) -> tuple[int, int]:
        """The size that positions are given for."""
        raise NotImplementedError

    def _check_open(self) -> None:
        if self._sheet is None:
            raise RuntimeError(f"{type(self).__name__}.show: this figure is closed; make a new one")

    def close(self) -> None:
        """Let go of the figure, its canvas and its artists; closing twice is fine."""
        if self._sheet is not None:
            self._sheet.figure.clear()
        # Everything else goes: it hangs on the sheet, or is of the last sweep.
        self.__dict__ = {"size": self.size, "_sheet": None}


class SweepFigure(_Drawn):
    """One figure that shows any window of any sweep.

    Parameters
    ----------
    width, height : int
        Pixels, 160 to 4096 each. The shape decides the layout: from ``width >= 1.4 * height`` on the wide
        one, drawn up for 960 x 540, with the curves beside the image; else the narrow one, drawn up for
        `NARROW` = 640 x 600, with the curves below it, for half a screen or two pictures side by side. Either
        scales from there, and says the same.

    Raises
    ------
    ValueError
        If a size is out of range.

    Notes
    -----
    Not safe for use by two threads at once; give each thread its own.

    Examples
    --------
    >>> figure = SweepFigure(480, 270)
    >>> figure.size
    (480, 270)
    >>> figure.close()
    """

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        super().__init__(width, height)
        self._parts = tuple(
            part(self._sheet, _layout(*self.size)) for part in (_Header, _Picture, _Bars, _Curves)
        )
        self._picture = self._parts[1]
        self._plan: Plan | None = None
        self._key: tuple = ()

    def _design(self) -> tuple[int, int]:
        return _layout(*self.size).size

    def show(self, sweep: Sweep, top: int = 0, bottom: int = 0, view: View = View()) -> np.ndarray:
        """Draw one window of a sweep.

        Parameters
        ----------
        sweep : Sweep
        top, bottom : int
            Units dropped from the two ends of the ranking, ``top + bottom <= U``.
        view : View

        Returns
        -------
        ndarray, shape (height, width, 3), uint8
            RGB; the caller's own. The same arguments give the same bytes, whatever was shown before.

        Raises
        ------
        ValueError
            If the window is not one of the sweep's, or if the sweep has no unit ``view.unit``.
        RuntimeError
            If the figure has been closed.
        """
        self._check_open()
        if view.unit is not None and view.unit >= sweep.units:
            raise ValueError(
                f"View(unit=...): expected a channel of this network, 0 to {sweep.units - 1}, got {view.unit}"
            )
        moment = self._moment(sweep, top, bottom, view)
        for part in self._parts:
            part.update(moment)
        return self._sheet.compose(self._background, lambda pixels: self._picture.paste(pixels, moment))

    def k_at(self, x: float, y: float, most: int) -> int | None:
        """The k that a point of the picture stands for: that below it on the curve's axis.

        Parameters
        ----------
        x, y : float
            Where it is, as parts of the width and of the height, from the top left corner.
        most : int
            The largest k of the curve.

        Returns
        -------
        int or None
            0 to ``most``; None for a point that is not on the curve, within a finger's breadth.

        Examples
        --------
        >>> figure = SweepFigure()
        >>> figure.k_at(660 / 960, 400 / 540, 256), figure.k_at(0.1, 0.5, 256)
        (128, None)
        >>> figure.close()
        """
        layout = _layout(*self.size)
        (across, down), (left, top, width, height) = layout.size, layout.curves
        x, y = x * across - left, y * down - top
        if not (-REACH <= x <= width + REACH and -REACH <= y <= height + 2 * REACH):
            return None
        return round(min(max(x / width, 0), 1) * most)

    def _moment(self, sweep: Sweep, top: int, bottom: int, view: View) -> _Moment:
        now, prediction = sweep.probabilities(top, bottom), int(sweep.prediction(top, bottom))
        end = view.follows(top, bottom)
        # All that the background depends on; the map is pasted over it, and its scale written there.
        fixed = bottom if end == "top" else top
        key = (end, fixed, view.colours, view.top_classes, view.curves)
        if self._plan is None or self._plan.sweep is not sweep or self._key != key:
            self._lay_out(make_plan(sweep, top, bottom, view), view)
            self._key = key
        return _Moment(self._plan, top, bottom, view, now, prediction)

    def _lay_out(self, new: Plan, view: View) -> None:
        """Draw everything that stays put while k moves, and keep its pixels."""
        self._plan = None  # should anything below fail, the next picture starts afresh
        self._sheet.tell_apart(new.sweep.readout.labels)
        for part in self._parts:
            part.lay_out(new, view)
        self._background = self._sheet.redraw()
        self._plan = new
