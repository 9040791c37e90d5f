"""What the tests of pictures show, and how they read what is written on them."""

from functools import cache

import numpy as np

from unitdrop.drawing import NARROW
from unitdrop.plan import View
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

SIZE = (480, 270)
LAYOUTS = [(960, 540), (700, 394), NARROW, (480, 450)]
WINDOWS = ((0, 0), (1, 0), (3, 2), (0, 7), (7, 0))
VIEWS = (
    View(),
    View(cam="prediction", opacity=0.3),
    View(cmap="viridis", top_classes=2),
    View(end="bottom"),
    View(cam="difference"),
    View(cam="difference", scale="frame", cmap="gray"),
    View(scale="frame"),
    View(curves="shares", cam="prediction"),
    View(curves="shares", end="bottom"),
    View(unit=4),
    View(unit=0, cam="difference", scale="frame", cmap="gray"),
)
LABELS = ("harbour", "lake", "river", "island", "beach", "mountain", "forest", "meadow", "farm")


def a_readout(units=12, classes=5, grid=(3, 4), image=(24, 32), seed=0, labels=None, scale=1.0):
    """A head in which class 0 leads and shares most of its units with class 1."""
    rng = np.random.default_rng(seed)
    maps = rng.exponential(1.0, (units, *grid))
    weight = rng.normal(0, 0.3, (classes, units))
    weight[0, : max(1, units // 3)] += 12 / units
    weight[1, : max(1, units // 3)] += 6 / units
    names = labels or tuple(LABELS[i % len(LABELS)] + f" {i}" * (i >= len(LABELS)) for i in range(classes))
    picture = rng.integers(0, 256, (*image, 3), dtype=np.uint8)
    return Readout(maps, weight * scale, np.zeros(classes), names, picture, "toy")


def one_class(units, image):
    """A head that knows a single class."""
    pixels = np.zeros((*image, 3), np.uint8)
    return Readout(np.ones((units, 2, 2)), np.ones((1, units)), [0], ("all",), pixels)


@cache
def some_sweeps():
    """Four sweeps that differ in target, ranking, scope and readout."""
    readout, other = a_readout(), a_readout(units=7, classes=3, image=(40, 10), seed=1)
    return (
        Sweep(readout),
        Sweep(readout, target=2, rank="contribution", scope="class"),
        Sweep(readout, rank="random", seed=3),
        Sweep(other),
    )


def nasty_sweeps():
    """Long names, alike and wide, many classes and units, a long network's name, weights of many digits."""
    alike = tuple(f"archaeological excavation site beside the wide old river, plot {i}" for i in range(365))
    wide = tuple(f"{letter * 3} scene with a name of many words" for letter in "WMABC")
    return (
        Sweep(a_readout(units=2000, labels=wide), rank="random", scope="class", seed=2**40),
        Sweep(a_readout(2048, 365, labels=alike, image=(60, 9)), rank="contribution"),
        Sweep(a_readout(40, 1000, labels=tuple(f"{i} " + "W" * 60 for i in range(1000)), scale=1e-6)),
    )


def shown_texts(figure):
    """The texts that are seen on a figure that has just been shown."""
    return [t for t in figure.sheet.figure.texts if t.get_visible() and t.get_text()]


def words_of(figure):
    """All visible words of a figure that has just been shown."""
    return [t.get_text() for t in shown_texts(figure)]


def told(figure):
    """All visible words, as one set of what is said between dots."""
    return {part for words in words_of(figure) for part in words.split(" · ")}


def box_of(artist, figure):
    """Where an artist is on a figure that has just been shown, in pixels from the lower left corner."""
    return artist.get_window_extent(figure.sheet.canvas.get_renderer())


def assert_inside(figure):
    """No text leaves the figure."""
    for text in shown_texts(figure):
        box = box_of(text, figure)
        assert min(box.x0, box.y0) >= 0 and box.x1 <= figure.size[0] and box.y1 <= figure.size[1], text


def assert_legible(figure):
    """No text leaves the figure or overlaps another."""
    assert_inside(figure)
    boxes = [(t.get_text(), box_of(t, figure)) for t in shown_texts(figure)]
    for i, (words, a) in enumerate(boxes):
        for other, b in boxes[:i]:
            apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
            assert apart, (words, other)
