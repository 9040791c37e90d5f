"""How everything in a picture looks: colours, dashes, fonts, and the lines and patches made of them.

Every property is said explicitly: what is left out would be taken from the rcParams of the session.

The colours of classes are those of Okabe & Ito (2008, "Color Universal Design"), and no mark is made by
colour alone: the target carries a diamond, the prediction an arrow, every line its own dashes.
"""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.typing import ColorType, LineStyleType

PAPER, INK, GREY, FAINT, TRAY, BAND = "#ffffff", "#1b2430", "#5d6875", "#dfe3e8", "#f3f5f7", "#d3d9e0"
LOST = "#d55e00"  # a dropped unit
NO_CURVE = "#9aa5b1"  # the bar of a class without a curve
REST = "#e3e6ea"  # all classes without a curve, where areas are stacked
TINT = 0.5  # of a class's colour in its area, so that the dashes along its edge stay visible
FAMILY = "DejaVu Sans"  # ships with matplotlib: the same glyphs everywhere
DIAMOND, ARROW = "\N{BLACK DIAMOND}", "\N{BLACK LEFT-POINTING TRIANGLE}"


class Stroke(NamedTuple):
    """The colour and the dashes of one class's line."""

    colour: str
    dashes: LineStyleType

    @property
    def width(self) -> float:
        """Width of the line in points: a solid one is the target's, and broader."""
        return 2.4 if self.dashes == "-" else 1.7


#: The line of the target first, then those of its heirs.
STROKES = (
    Stroke("#0072b2", "-"),
    Stroke("#d55e00", (0, (5, 1.6))),
    Stroke("#009e73", (0, (6, 1.5, 1.2, 1.5))),
    Stroke("#b0578d", (0, (1.3, 1.2))),
)
TARGET = STROKES[0].colour


def font(size: float, bold: bool = False) -> FontProperties:
    """Return the font of a text of so many points."""
    return FontProperties(
        family=FAMILY,
        size=size,
        weight="bold" if bold else "normal",
        style="normal",
        variant="normal",
        stretch="normal",
        math_fontfamily="dejavusans",
    )


def line(
    colour: str,
    width: float,
    dashes: LineStyleType = "-",
    *,
    zorder: float = 2.0,
    clip: bool = True,
    marker: str = "",
) -> Line2D:
    """Return a line without points yet, so many points wide."""
    made = Line2D(
        [],
        [],
        color=colour,
        linewidth=width,
        linestyle=dashes,
        marker=marker,
        markersize=7,
        markerfacecolor=colour,
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
    made.set_clip_on(clip)
    return made


def patch(face: ColorType, edge: str = "none", width: float = 0.0, zorder: float = 1) -> Rectangle:
    """Return a rectangle without extent yet; ``width`` is its edge's, in points."""
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


def area(face: ColorType, zorder: float) -> Polygon:
    """Return a filled outline without extent yet."""
    return Polygon(
        [(0, 0)] * 3,
        closed=True,
        facecolor=face,
        edgecolor="none",
        linewidth=0,
        antialiased=True,
        zorder=zorder,
    )


def tint(colour: str) -> tuple[float, float, float]:
    """Return a colour mixed with white: (r, g, b) in 0..1.

    >>> tint("#ff0000")
    (1.0, 0.5, 0.5)
    """
    red, green, blue = (1 - TINT * (1 - part) for part in to_rgb(colour))
    return red, green, blue
