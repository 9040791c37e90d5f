"""Where everything of a sweep's picture stands: a wide layout and a narrow one, which say the same.

Each is data, in pixels of its own design; the parts of the picture take their places from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from unitdrop.drawing.style import ARROW, DIAMOND

#: The sizes, in pixels, that the two layouts are drawn up for; other sizes scale the layout of their shape.
WIDTH, HEIGHT = 960, 540
NARROW = (640, 600)
BROAD = 1.4  # width over height from which on the wide layout is taken


class Spot(NamedTuple):
    """Where the baseline of a text begins (ends, has its middle), and how wide what may be cut can be."""

    x: float
    y: float
    ha: str = "left"
    room: float = math.inf


Box = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class RowShape:
    """The shape of the bars' rows.

    Attributes
    ----------
    tallest : float
        Height of a row at most.
    name : Spot
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
    name: Spot
    drop: float
    bar: tuple[float, float, float]
    sizes: tuple[float, float]
    slim: tuple[float, float]
    least: float
    grid: float | None = None


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in design pixels from the top left corner.

    Attributes
    ----------
    size : tuple (width, height)
        The design itself.
    count, facts, how : Spot, or tuples of it
        The header. The room of a fact is that of all before its probability; ``how`` names the network and
        the way of ranking; with one spot, both in one line.
    image, ramp : Box
        What the image is fitted into, and the colour bar.
    title : Spot, caption : tuple of Spot
        Of the map that is shown. With one spot, all of the caption is in one line.
    ticks : float
        Baseline under the colour bar.
    bars : Box
    rows : RowShape
    key : Spot, key_words : str
        What the marks of the bars mean.
    columns : tuple of float
        Right ends of the intact and the present numbers, and where the arrow stands.
    curves : Box
    ylabel : Spot
        Of the label of the curves' vertical axis, which stands upright around it.
    heading : Spot
        What the curves are called where they are shares.
    flip : float
        The right end of what is said of the flip.
    legend : Spot
        The names of the curves.
    """

    size: tuple[int, int]
    count: Spot
    facts: tuple[Spot, Spot, Spot]
    how: tuple[Spot, ...]
    title: Spot
    image: Box
    ramp: Box
    ticks: float
    caption: tuple[Spot, ...]
    key: Spot
    key_words: str
    columns: tuple[float, float, float]
    bars: Box
    rows: RowShape
    curves: Box
    ylabel: Spot
    heading: Spot
    flip: float
    legend: Spot


WIDE_LAYOUT = Layout(
    size=(WIDTH, HEIGHT),
    count=Spot(24, 33),
    facts=(Spot(24, 57, room=269), Spot(366, 57, room=236), Spot(676, 57)),
    how=(Spot(936, 33, "right", 520),),
    title=Spot(24, 83, room=410),  # it may run on to where the words over the bars begin
    image=(24, 92, 384, 372),
    ramp=(24, 474, 384, 9),
    ticks=497,
    caption=(Spot(216, 514, "center"), Spot(216, 528, "center")),
    key=Spot(440, 83),
    key_words=f"{DIAMOND} target   {ARROW} prediction now",
    columns=(852, 924, 930),
    bars=(582, 92, 210, 184),
    rows=RowShape(
        tallest=30,
        name=Spot(574, 0.5, "right", 134),
        drop=4,
        bar=(0.5, 0.68, 0.48),
        sizes=(10, 9),
        slim=(8, 7),
        least=18,
    ),
    curves=(500, 326, 320, 148),
    ylabel=Spot(439, 400),
    heading=Spot(446, 304),
    flip=WIDTH - 20,
    legend=Spot(834, 336, room=92),  # beside the data, never on it
)
NARROW_LAYOUT = Layout(
    size=NARROW,
    count=Spot(20, 27),
    facts=(Spot(20, 49, room=314), Spot(20, 67, room=246), Spot(345, 67)),
    how=(Spot(620, 49, "right", 200), Spot(20, 84, room=600)),
    title=Spot(20, 105, room=600),
    image=(20, 112, 276, 276),
    ramp=(20, 396, 276, 9),
    ticks=419,
    caption=(Spot(20, 434),),
    key=Spot(322, 121),
    key_words=f"{DIAMOND} target  {ARROW} predicted",
    columns=(534, 602, 608),
    bars=(322, 126, 280, 278),
    rows=RowShape(  # two lines a row: the name stands over its bar, which leaves both of them room
        tallest=40,
        name=Spot(322, 0.42, room=150),
        drop=0,
        bar=(0.7, 0.3, 0.2),
        grid=0.34,
        sizes=(10, 9),
        slim=(8.5, 8.5),
        least=26,
    ),
    curves=(84, 463, 394, 90),
    ylabel=Spot(24, 508),
    heading=Spot(496, 455),
    flip=488,
    legend=Spot(496, 473, room=92),
)


def layout_for(width: int, height: int) -> Layout:
    """Return the layout for a sheet of this shape.

    >>> layout_for(1920, 1080).size, layout_for(300, 300).size
    ((960, 540), (640, 600))
    """
    return WIDE_LAYOUT if width >= BROAD * height else NARROW_LAYOUT
