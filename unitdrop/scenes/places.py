"""The twenty places: backdrops that siblings share, and the marks that tell them apart.

A backdrop paints sky and land and returns the y of its horizon. A place takes a backdrop, often a sibling's,
and adds its own marks, whose sizes lean to the small side: what decides the class is sometimes tiny or half
hidden.
"""

from __future__ import annotations

import numpy as np

from unitdrop.scenes import manmade, nature
from unitdrop.scenes.canvas import Canvas

LAWN, PAVING = (0.42, 0.58, 0.27), (0.60, 0.58, 0.54)


# -- helpers -----------------------------------------------------------------------------------------------
def _small(c: Canvas, low: float, high: float) -> float:
    """Return a size between low and high, the small ones more often."""
    return low + (high - low) * c.uniform(0, 1) ** 1.6


def _stand(c: Canvas, thing, horizon: float, size: float, near=(0.0, 1.0), x=(0.05, 0.95), **kw) -> None:
    """Put a thing on the ground: nearer is lower and larger; ``size`` is its height at the foot of the
    picture.
    """
    t = c.uniform(*near)
    height = size * (0.16 + 0.84 * t) * c.uniform(0.8, 1.2)
    thing(c, c.uniform(*x), horizon + (1 - horizon) * t, height, d=0.45 * (1 - t), **kw)


def _row(c: Canvas, thing, horizon, size, n: int, near=(0.0, 1.0), x=(0.05, 0.95), **kw) -> None:
    """Put n things, the farthest first."""
    for t in sorted(c.rng.uniform(near[0], near[1], n)):
        _stand(c, thing, horizon, size, (t, t), x, **kw)


def _perhaps(c: Canvas, p: float, low: int, high: int) -> int:
    """Return a count from low to high with probability p, else 0."""
    n = c.count(low, high)
    return n if c.chance(p) else 0


def _side(c: Canvas, inner: float = 0.3) -> tuple[float, float]:
    """Return the left or the right margin, as a range of x."""
    return (0.02, inner) if c.chance(0.5) else (1 - inner, 0.98)


def _far_land(c: Canvas, h: float) -> None:
    if c.chance(0.3):
        nature.mountains(c, h + 0.01, c.uniform(0.05, 0.14), 0.3 if c.chance(0.2) else 0, d=0.75)
    elif c.chance(0.4):
        nature.hills(c, h - 0.01, 1)


def _shore(c: Canvas, y: float) -> np.ndarray:
    line = c.outline(y, c.uniform(0.02, 0.06), 0.35, 4)
    line[:, 1] += c.uniform(-0.12, 0.12) * (line[:, 0] - 0.5)
    return line


def _sand_below(c: Canvas, line) -> None:
    c.below(line, c.vary((0.87, 0.77, 0.56), 0.05), "sand", 0.0, 0.88 + 0.24 * c.noise(30, 14, 3))


# -- by the sea --------------------------------------------------------------------------------------------
def _seaside(c: Canvas, sand: float | None = None) -> float:
    """Open sea; perhaps a strip of sand (or ``sand``, its depth), rocks, a far boat."""
    h = c.uniform(0.30, 0.50)
    nature.sky(c, h)
    _far_land(c, h)
    strip = sand if sand is not None else c.uniform(0.05, 0.22) if c.chance(0.45) else 0.0
    shore = _shore(c, 1.0 - strip) if strip else None
    if strip:
        _sand_below(c, shore)
    nature.sea(c, h, shore)
    if c.chance(0.3):
        manmade.boat(c, c.uniform(0.1, 0.9), h + c.uniform(0.03, 0.12), c.uniform(0.05, 0.11), 0.3)
    _row(c, nature.rock, h + 0.2, 0.13, _perhaps(c, 0.4, 1, 4), (0.1, 1))
    return h


def _headland(c: Canvas, h: float) -> tuple[float, float]:
    """Paint a rocky cliff from one side, and return the (x, y) where something can stand on it."""
    side, reach, ridge = c.count(0, 1), c.uniform(0.18, 0.5), h - c.uniform(-0.06, 0.10)
    x = [-0.02, reach, reach + 0.07, reach + c.uniform(0.1, 0.3), -0.02]
    y = [ridge, ridge + 0.02, ridge + 0.14, c.uniform(0.75, 1.05), 1.02]
    points = np.stack([x if side == 0 else 1 - np.array(x), y], 1)
    c.polygon(points, c.vary((0.47, 0.43, 0.39)), "rock", 0.05, 0.72 + 0.56 * c.noise(16, 12, 3))
    if c.chance(0.4):
        turf = np.vstack([points[:2], points[1] + [0, 0.03], points[0] + [0, 0.035]])
        c.polygon(turf, c.vary((0.40, 0.50, 0.26)), "grass", 0.1)
    return (reach * 0.55 if side == 0 else 1 - reach * 0.55), ridge + 0.012


def _beach(c: Canvas) -> None:
    if c.chance(0.25):
        h = c.uniform(0.30, 0.45)
        nature.sky(c, h)
        shore = _shore(c, h + c.uniform(0.05, 0.10))
        _sand_below(c, shore)
        nature.sea(c, h, shore)
    else:
        h = _seaside(c, c.uniform(0.15, 0.52))
    _row(c, manmade.umbrella, h + 0.25, 0.16, _perhaps(c, 0.35, 1, 2), (0.3, 0.9))
    _row(c, nature.palm, h + 0.18, 0.55, c.count(0, 3), (0.25, 1.0), _side(c, 0.42))
    if c.chance(0.12):
        _headland(c, h)
    if c.chance(0.15):
        manmade.pier(c, -0.02 if c.chance(0.5) else 1.02, h + 0.1, c.uniform(0.05, 0.15))
    if c.chance(0.1):
        manmade.lighthouse(c, c.uniform(0.1, 0.9), h + 0.01, c.uniform(0.04, 0.07), 0.4)


def _island(c: Canvas) -> None:
    h = _seaside(c)
    if c.chance(0.15):
        _headland(c, h)
    x, w = c.uniform(0.22, 0.78), _small(c, 0.022, 0.30)
    y = h + 0.03 + w * c.uniform(0.2, 0.5)
    c.blob(x, y, w, 0.012 + 0.2 * w, c.vary((0.87, 0.77, 0.56)), "sand", 0.05, 0.08, 24)
    for _ in range(c.count(1, 5)):
        nature.rock(c, x + w * c.uniform(-0.75, 0.75), y + 0.01, w * c.uniform(0.2, 0.5), 0.05)
    for _ in range(c.count(1, 5)):
        nature.palm(c, x + w * c.uniform(-0.6, 0.6), y, c.uniform(0.6, 1.1) * min(w, 0.3) + 0.04, 0.05)
    _row(c, nature.palm, h + 0.25, 0.5, _perhaps(c, 0.15, 1, 1), (0.5, 1.0), _side(c, 0.2))


def _harbour(c: Canvas) -> None:
    h = _seaside(c)
    _row(c, manmade.house, h + 0.012, 0.07, _perhaps(c, 0.3, 2, 6), (0.0, 0.02))
    if c.chance(0.2):
        _headland(c, h)
    for _ in range(c.count(1, 2)):
        manmade.pier(c, -0.02 if c.chance(0.5) else 1.02, h + c.uniform(0.08, 0.42), _small(c, 0.05, 0.60))
    _row(c, manmade.boat, h + 0.04, 0.34, c.count(0, 4), (0.0, 0.85))
    if c.chance(0.2):
        manmade.lighthouse(c, c.uniform(0.1, 0.9), h + 0.01, c.uniform(0.04, 0.09), 0.4)


def _coast(c: Canvas) -> None:
    h = _seaside(c)
    if c.chance(0.75):
        x, y = _headland(c, h)
        x += c.uniform(-0.08, 0.08)
    else:
        x, y = c.uniform(0.15, 0.85), h + c.uniform(0.05, 0.15)
        for _ in range(4):
            nature.rock(c, x + c.uniform(-0.1, 0.1), y + 0.04, c.uniform(0.08, 0.16), 0.1)
    manmade.lighthouse(c, x, y, _small(c, 0.04, 0.30), 0.05)
    _row(c, nature.rock, h + 0.15, 0.16, c.count(0, 4), (0.0, 0.9))
    if c.chance(0.15):
        manmade.pier(c, -0.02 if c.chance(0.5) else 1.02, h + 0.1, c.uniform(0.05, 0.15))


# -- dry land ----------------------------------------------------------------------------------------------
def _drylands(c: Canvas) -> float:
    h = c.uniform(0.32, 0.50)
    nature.sky(c, h)
    for _ in range(_perhaps(c, 0.5, 1, 2)):
        nature.mesa(c, c.uniform(0, 1), h + 0.03, c.uniform(0.05, 0.16))
    nature.dunes(c, h + 0.01, c.count(2, 3))
    _row(c, nature.rock, h + 0.1, 0.14, _perhaps(c, 0.6, 1, 3), (0.0, 1))
    _row(c, nature.bush, h + 0.1, 0.08, _perhaps(c, 0.4, 1, 4), (0.1, 0.9))
    _row(c, nature.palm, h + 0.05, 0.40, _perhaps(c, 0.3, 1, 2), (0.0, 0.6))
    return h


def _oasis(c: Canvas) -> None:
    h = _drylands(c)
    x, y, w = c.uniform(0.25, 0.75), c.uniform(h + 0.12, 0.84), _small(c, 0.03, 0.36)
    _row(c, nature.palm, y - 0.06, 0.30 + 0.4 * w, c.count(0, 4), (0.0, 0.12), (x - w, x + w))
    t, ripple = np.linspace(0, 2 * np.pi, 30), 1 + 0.1 * c.rng.uniform(-1, 1, 30)
    nature.water(
        c, np.stack([x + w * ripple * np.cos(t), y + 0.24 * w * ripple * np.sin(t)], 1), y - 0.2 * w, 0.25
    )
    _row(c, nature.bush, y, 0.08, c.count(0, 3), (0.0, 0.5), (x - w, x + w))
    _row(c, nature.palm, y + 0.02, 0.42, c.count(0, 2), (0.0, 0.6), _side(c, 0.4))
    if c.chance(0.2):
        _stand(c, nature.cactus, h + 0.1, 0.2, (0.1, 0.5))


def _desert(c: Canvas) -> None:
    h = _drylands(c)
    _row(c, nature.rock, h + 0.1, 0.16, c.count(0, 2), (0.0, 1))
    for _ in range(c.count(1, 4)):
        _stand(c, nature.cactus, h + 0.05, _small(c, 0.06, 0.40), (0.0, 0.95))


# -- fresh water, woods and mountains ----------------------------------------------------------------------
def _treeline(c: Canvas, thing, h, size, n, skip=0.0) -> None:
    for x in np.linspace(0, 1, n) + c.rng.uniform(-0.03, 0.03, n):
        if not c.chance(skip):
            thing(c, x, h + c.uniform(0, 0.012), size * c.uniform(0.6, 1.3), 0.35)


def _peaks(c: Canvas, h: float, low: float, high: float, snow: float) -> None:
    nature.mountains(c, h, c.uniform(low, high), c.uniform(0.25, 0.75) if c.chance(snow) else 0, 0.55)


def _lakeside(c: Canvas) -> float:
    """Still water before a wooded shore."""
    h = c.uniform(0.34, 0.52)
    nature.sky(c, h)
    _peaks(c, h + 0.01, 0.06, 0.24, 0.4) if c.chance(0.6) else nature.hills(c, h - 0.02, 2)
    nature.grass(c, c.outline(h, 0.01, 0.3), (0.28, 0.40, 0.22), d=0.35)
    _treeline(
        c,
        nature.pine if c.chance(0.8) else nature.tree,
        h + 0.01,
        c.uniform(0.07, 0.15),
        c.count(12, 26),
        0.2,
    )
    bottom = c.uniform(0.62, 1.1)
    nature.water(c, np.vstack([c.outline(h + 0.025, 0.012, 0.3), _shore(c, bottom)[::-1]]), h + 0.03)
    if bottom < 1:
        nature.grass(c, _shore(c, bottom), (0.36, 0.46, 0.22))
        _row(c, nature.bush, bottom, 0.1, c.count(0, 4), (0.1, 0.8))
        _row(c, nature.pine, bottom - 0.05, 0.5, c.count(0, 3), (0.3, 1), _side(c))
    return h


def _woods(c: Canvas, clearing=(0.2, 0.6)) -> float:
    """Pines in rows, opening towards the viewer."""
    h = c.uniform(0.38, 0.55)
    nature.sky(c, h)
    if c.chance(0.4):
        _peaks(c, h, 0.1, 0.24, 0.5)
    nature.grass(c, c.outline(h, 0.03, 0.4), (0.27, 0.37, 0.19))
    if c.chance(0.3):
        c.polygon(_winding(c, h + 0.05, c.uniform(0.05, 0.16)), c.vary((0.52, 0.42, 0.30)), "grass", 0.1)
    _pine_rows(c, h, c.count(2, 5), c.uniform(*clearing))
    _row(c, nature.bush, h + 0.1, 0.14, c.count(1, 8), (0.2, 1))
    _row(c, nature.rock, h + 0.15, 0.15, _perhaps(c, 0.3, 1, 2), (0.2, 1))
    return h


def _pine_rows(c: Canvas, h: float, rows: int, clearing: float) -> None:
    for i in range(rows):
        t = i / max(rows - 1, 1) * (1 - clearing)
        y, size = h + (1 - h) * t, 0.24 + 0.5 * t
        for x in np.linspace(-0.05, 1.05, c.count(7, 12)) + c.rng.uniform(-0.05, 0.05):
            if abs(x - 0.5) > 0.34 * t and c.chance(0.85):
                nature.pine(
                    c,
                    x + c.uniform(-0.03, 0.03),
                    y + c.uniform(0, 0.03),
                    size * c.uniform(0.7, 1.25),
                    0.5 * (1 - t),
                )


def _alps(c: Canvas) -> float:
    """High mountains over an alp with pines and boulders."""
    h = c.uniform(0.46, 0.66)
    nature.sky(c, h)
    nature.mountains(c, h, c.uniform(0.22, 0.45), c.uniform(0.3, 0.8), 0.5)
    if c.chance(0.5):
        nature.mountains(c, h + 0.04, c.uniform(0.12, 0.3), c.uniform(0.1, 0.7), 0.3)
    nature.grass(c, c.outline(h + 0.03, 0.03, 0.4), (0.32, 0.41, 0.22))
    _row(c, nature.pine, h, 0.5, c.count(3, 14), (0.0, 0.7))
    _row(c, nature.bush, h + 0.1, 0.12, c.count(0, 4), (0.2, 1))
    return h


def _pond(c: Canvas, h: float) -> None:
    """A strip of still water across the middle ground."""
    y = h + c.uniform(0.10, 0.2)
    nature.water(c, np.vstack([_shore(c, y), _shore(c, y + c.uniform(0.06, 0.2))[::-1]]), y)


def _lake(c: Canvas) -> None:
    if c.chance(0.7):
        h = _lakeside(c)
    else:
        h = _alps(c) if c.chance(0.5) else _woods(c, (0.5, 0.8))
        _pond(c, h)
    _row(c, manmade.boat, h + 0.05, 0.24, c.count(0, 2), (0.05, 0.5))


def _forest(c: Canvas) -> None:
    if c.chance(0.8):
        h = _woods(c)
    else:
        h = _alps(c)
        _pine_rows(c, h, 3, 0.3)
    _row(c, nature.bush, h + 0.1, 0.14, c.count(0, 4), (0.2, 1))
    _row(c, nature.tree, h, 0.55, _perhaps(c, 0.2, 1, 1), (0.2, 0.8))
    _row(c, nature.pine, h, 0.95, c.count(0, 2), (0.5, 1), _side(c, 0.25))


def _camp(c: Canvas) -> None:
    h = [_woods, _woods, _lakeside, _alps][c.count(0, 3)](c)
    for _ in range(c.count(1, 3)):
        _stand(c, manmade.tent, max(h, 0.45) + 0.05, _small(c, 0.05, 0.24), (0.10, 0.9), (0.12, 0.82))
    _row(c, nature.bush, h + 0.1, 0.13, c.count(0, 4), (0.4, 1))
    if c.light.dark and c.chance(0.5):
        x, y = c.uniform(0.3, 0.7), c.uniform(0.75, 0.9)
        c.polygon([(x - 0.02, y), (x, y - 0.06), (x + 0.02, y)], (1.0, 0.6, 0.2), "tent", emit=True)
        c.lamp(x, y - 0.02, 0.09, (1.0, 0.6, 0.25), 0.7)
    _row(c, nature.pine, h, 0.9, c.count(0, 2), (0.5, 1), _side(c, 0.25))


def _mountain(c: Canvas) -> None:
    h = _alps(c)
    if c.chance(0.12):
        _pond(c, h)
    if c.chance(0.25):
        _pine_rows(c, h + 0.1, 2, 0.5)
    _row(c, nature.rock, h + 0.05, 0.18, c.count(1, 5), (0.1, 1))


def _winding(c: Canvas, h: float, width: float) -> np.ndarray:
    """Return a band that winds from the horizon to the foot of the picture, as a polygon (n, 2)."""
    t = np.linspace(0, 1, 24)
    x0, swing, turns = c.uniform(0.3, 0.7), c.uniform(0.04, 0.2), c.uniform(0.6, 1.6)
    mid = (
        x0
        + (c.uniform(0.3, 0.7) - x0) * t
        + swing * np.sin(2 * np.pi * turns * t + c.uniform(0, 6)) * (0.25 + 0.75 * t)
    )
    half, y = width * (0.06 + 0.94 * t**1.4), h + (1.03 - h) * t**1.25
    return np.vstack([np.stack([mid - half, y], 1), np.stack([mid + half, y], 1)[::-1]])


# -- open country ------------------------------------------------------------------------------------------
def _country(c: Canvas) -> float:
    """Hills and grass; perhaps trees, a house, a fence, hay, a few flowers."""
    h = c.uniform(0.36, 0.54)
    nature.sky(c, h)
    if c.chance(0.2):
        _peaks(c, h, 0.08, 0.18, 0.4)
    nature.hills(c, h, c.count(1, 3))
    nature.grass(c, c.outline(h + 0.05, 0.03, 0.3), (0.42, 0.56, 0.25))
    _row(c, nature.tree, h + 0.04, 0.4, _perhaps(c, 0.65, 1, 4), (0.0, 0.35))
    _row(c, manmade.house, h + 0.05, 0.26, _perhaps(c, 0.3, 1, 3), (0.0, 0.25))
    _row(c, manmade.hay, h + 0.1, 0.11, _perhaps(c, 0.15, 1, 3), (0.0, 0.6))
    if c.chance(0.2):
        manmade.fence(c, c.uniform(h + 0.15, 0.92), 0.06)
    if c.chance(0.3):
        nature.flowers(c, h + 0.2, c.count(4, 30))
    return h


def _riverside(c: Canvas) -> float:
    """A river that winds through open country."""
    h = _country(c)
    nature.water(c, _winding(c, h + 0.055, _small(c, 0.12, 0.45)), h + 0.05)
    _row(c, nature.rock, h + 0.15, 0.08, _perhaps(c, 0.3, 1, 4), (0.2, 1))
    _row(c, nature.bush, h + 0.1, 0.1, c.count(0, 4), (0.1, 1), _side(c))
    return h


def _river(c: Canvas) -> None:
    h = _riverside(c)
    _row(c, nature.tree, h + 0.05, 0.55, c.count(1, 4), (0.1, 0.75), _side(c))
    _row(c, manmade.boat, h + 0.1, 0.2, _perhaps(c, 0.12, 1, 1), (0.1, 0.4), (0.4, 0.6))
    _row(c, manmade.house, h + 0.06, 0.2, _perhaps(c, 0.15, 1, 4), (0.0, 0.2))


def _bridge(c: Canvas) -> None:
    h = _lakeside(c) if c.chance(0.2) else _riverside(c)
    near = _small(c, 0.01, 0.4)
    manmade.bridge(c, h + 0.05 + (0.95 - h) * near, 0.03 + 0.20 * near, 0.35 * (1 - near))
    _row(c, nature.tree, h + 0.05, 0.55, c.count(1, 4), (0.1, 0.8), _side(c))
    _row(c, nature.bush, h + 0.1, 0.1, c.count(0, 3), (0.3, 1), _side(c))


def _meadow(c: Canvas) -> None:
    h = _country(c)
    _row(c, nature.tree, h + 0.04, 0.5, c.count(0, 3), (0.0, 0.6))
    if c.chance(0.12):
        y = h + c.uniform(0.08, 0.2)
        manmade.field(c, y, y + c.uniform(0.03, 0.08))
    nature.flowers(c, h + 0.12, c.count(14, 100))


def _farm(c: Canvas) -> None:
    h = _country(c)
    y = h + c.uniform(0.07, 0.22)
    barn = c.chance(0.75)
    if not barn or c.chance(0.65):
        manmade.field(c, y, 1.02 if c.chance(0.5) else min(y + _small(c, 0.05, 0.5), 1.02))
    if barn:
        manmade.barn(c, c.uniform(0.1, 0.9), y + 0.015, _small(c, 0.03, 0.20), 0.15)
    _row(c, manmade.hay, y, 0.12, _perhaps(c, 0.35, 1, 4), (0.0, 0.7))
    _row(c, nature.tree, y, 0.5, _perhaps(c, 0.3, 1, 2), (0.1, 0.6), _side(c))
    _row(c, manmade.house, y, 0.2, _perhaps(c, 0.2, 1, 3), (0.0, 0.3))
    if c.chance(0.2):
        nature.flowers(c, y + 0.2, c.count(10, 40))


def _village(c: Canvas) -> None:
    h = _riverside(c) if c.chance(0.12) else _country(c)
    if c.chance(0.3):
        manmade.road(c, h + 0.06, c.uniform(0.3, 0.7), c.uniform(0.10, 0.18), 0.01, 1, c.uniform(0.3, 0.7))
    church = c.chance(0.7)
    if church:
        _stand(c, manmade.church, h + 0.06, _small(c, 0.18, 0.6), (0.03, 0.30), (0.2, 0.7))
    if c.chance(0.15):
        manmade.barn(c, c.uniform(0.1, 0.9), h + c.uniform(0.06, 0.15), c.uniform(0.03, 0.08), 0.25)
    _row(c, manmade.house, h + 0.06, c.uniform(0.2, 0.32), c.count(1 if church else 3, 8), (0.02, 0.55))


def _highway(c: Canvas) -> None:
    h = _country(c)
    x0, near, lanes = c.uniform(0.3, 0.7), _small(c, 0.12, 0.8), c.count(1, 5)
    manmade.road(c, h + 0.05, x0, near, 0.02, lanes)
    for t in sorted(c.rng.uniform(0.03, 0.75, c.count(0, 6))):
        x = x0 + (0.5 - x0) * t + c.uniform(-0.75, 0.75) * (0.02 + (near - 0.02) * t)
        manmade.car(c, x, h + 0.05 + (0.97 - h) * t, 0.02 + 0.20 * t, 0.35 * (1 - t))
    _row(c, manmade.house, h + 0.06, 0.35, _perhaps(c, 0.3, 1, 3), (0.02, 0.35), _side(c))
    _row(c, nature.tree, h + 0.05, 0.5, _perhaps(c, 0.4, 1, 3), (0.0, 0.5), _side(c))
    if c.chance(0.25):
        manmade.street_lamp(c, c.uniform(0.03, 0.2), c.uniform(0.7, 0.9), c.uniform(0.4, 0.6))


# -- town --------------------------------------------------------------------------------------------------
def _avenue(c: Canvas, houses: float, towers: float, lamps: float, ground=PAVING) -> float:
    """A road in perspective; at each place along it a house, a tower or a tree, by these chances."""
    h = c.uniform(0.38, 0.54)
    nature.sky(c, h)
    if c.chance(0.35):
        nature.hills(c, h, 1)
    c.below(c.outline(h + 0.01, 0.004, 0.3), c.vary(ground), "grass" if ground is LAWN else "pavement", 0.15)
    if towers:
        _towers(c, h + 0.02, 0.05, 0.1 + 0.3 * towers, c.count(2, 7), 0.35)
    manmade.road(c, h + 0.01, c.uniform(0.44, 0.56), c.uniform(0.30, 0.6), 0.02, c.count(2, 4))
    wide, size = c.uniform(0.75, 1.0), c.uniform(0.45, 0.7)
    for t in np.linspace(0.02, 0.6, c.count(5, 7)):
        for side in (-1, 1):
            _plot(
                c,
                0.5 + side * (0.10 + wide * t),
                h + (1 - h) * t,
                size * (0.18 + 0.95 * t),
                0.45 * (1 - t),
                houses,
                towers,
            )
    for t in np.linspace(0.08, 0.8, c.count(2, 4)):
        for side in (-1, 1):
            if c.chance(lamps):
                manmade.street_lamp(
                    c, 0.5 + side * (0.04 + 0.5 * t), h + (1 - h) * t, 0.12 + 0.7 * t, 0.3 * (1 - t), -side
                )
    _row(c, manmade.car, h, 0.22, _perhaps(c, 0.5, 1, 3), (0.1, 0.6), (0.38, 0.62))
    return h


def _plot(c: Canvas, x, y, s, d, houses, towers) -> None:
    kind = c.uniform(0, 1)
    if kind < houses:
        manmade.house(c, x, y, s * c.uniform(0.8, 1.2), d)
    elif kind < houses + towers:
        manmade.tower(c, x, y, 1.7 * s * c.uniform(0.8, 1.3), 0.42 * s, d)
    elif kind < houses + towers + 0.2:
        nature.tree(c, x, y, 0.9 * s, d)


def _towers(c: Canvas, y: float, low: float, high: float, n: int, d: float) -> None:
    for x in np.linspace(-0.02, 1.02, n) + c.rng.uniform(-0.03, 0.03, n):
        manmade.tower(c, x, y, c.uniform(low, high), c.uniform(0.06, 0.15), d)


def _lawns(c: Canvas) -> float:
    """Houses on lawns behind a road that runs across."""
    h = c.uniform(0.36, 0.50)
    nature.sky(c, h)
    if c.chance(0.6):
        nature.hills(c, h, 1)
    nature.grass(c, c.outline(h + 0.03, 0.01, 0.3), (0.42, 0.58, 0.27))
    _row(c, nature.tree, h + 0.02, 0.5, c.count(1, 4), (0.0, 0.1))
    y, s = h + c.uniform(0.14, 0.24), c.uniform(0.16, 0.30)
    for x in np.arange(c.uniform(-0.1, 0.1), 1.1, s * c.uniform(1.45, 2.2)):
        manmade.house(c, x, y + c.uniform(-0.02, 0.02), s * c.uniform(0.85, 1.15), 0.12)
    _row(c, nature.tree, y - 0.05, 0.55, c.count(0, 3), (0.1, 0.35))
    road = min(y + c.uniform(0.06, 0.2), 0.9)
    foot = min(road + c.uniform(0.10, 0.25), 1.02)
    c.box(
        -0.02,
        road,
        1.02,
        foot,
        c.vary((0.34, 0.34, 0.36)),
        "road",
        0.05,
        texture=0.9 + 0.2 * c.noise(30, 10, 2),
    )
    for x in np.arange(0, 1, 0.16):
        c.box(x, road + 0.06, x + 0.08, road + 0.068, (0.9, 0.88, 0.8), "road", 0.05)
    return road


def _suburb(c: Canvas) -> None:
    if c.chance(0.75):
        road = _lawns(c)
        if c.chance(0.3):
            manmade.street_lamp(c, c.uniform(0.1, 0.9), road, c.uniform(0.3, 0.45))
        for _ in range(c.count(0, 3)):
            manmade.car(c, c.uniform(0.05, 0.95), road + c.uniform(0.02, 0.1), c.uniform(0.06, 0.13))
    else:
        h = _avenue(c, 0.55, 0.0, 0.3, LAWN)
        _row(c, nature.tree, h, 0.6, c.count(1, 3), (0.1, 0.6), _side(c))
    _row(c, nature.tree, 0.55, 0.7, _perhaps(c, 0.3, 1, 1), (0.4, 1), _side(c))


def _street(c: Canvas) -> None:
    _avenue(c, c.uniform(0.6, 0.95), c.uniform(0, 0.3) if c.chance(0.5) else 0.0, c.uniform(0.3, 1.0))


def _downtown(c: Canvas) -> None:
    _avenue(c, c.uniform(0.0, 0.45), c.uniform(0.45, 0.9), c.uniform(0.3, 0.9), (0.45, 0.45, 0.48))


def _skyline(c: Canvas) -> None:
    if c.chance(0.2):
        h = _riverside(c)
        _towers(c, h + 0.06, 0.03, _small(c, 0.04, 0.24), c.count(2, 9), 0.4)
        return
    h = c.uniform(0.42, 0.64)
    nature.sky(c, h)
    if c.chance(0.35):
        nature.hills(c, h, 1)
    _towers(c, h + 0.02, 0.05, 0.22, c.count(2, 10), 0.45)
    _towers(c, h + 0.03, 0.06, _small(c, 0.08, 0.42), c.count(1, 8), 0.2)
    _treeline(c, nature.tree, h + 0.035, 0.06, 14, 0.5)
    nature.water(c, np.vstack([c.outline(h + 0.04, 0.008, 0.3), [[1.02, 1.02], [-0.02, 1.02]]]), h + 0.045)
    if c.chance(0.12):
        manmade.bridge(c, h + 0.10, 0.04, 0.2)
    _row(c, manmade.boat, h + 0.05, 0.22, _perhaps(c, 0.3, 1, 3), (0.05, 0.5))


_NAMES = (
    "beach island harbour coast oasis desert lake river bridge forest mountain camp meadow farm village "
    "suburb street highway skyline downtown"
)
PLACES = {name: globals()[f"_{name}"] for name in _NAMES.split()}
"""The painter of each scene, by its name."""
