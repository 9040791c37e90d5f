"""What nature puts into the scenes: sky, land, water and plants.

A thing that stands is painted at (x, y), its foot, with height s. Sizes and places are fractions of the
picture; ``d`` is the depth, 0 near to 1 far.
"""

from __future__ import annotations

import cv2
import numpy as np

from unitdrop.scenes.canvas import Canvas


# -- sky ---------------------------------------------------------------------------------------------------
def sky(c: Canvas, horizon: float) -> None:
    """Sky down to the horizon with sun or moon, clouds and stars."""
    down = (
        np.clip(np.linspace(0, 1, c.size, dtype=np.float32) / max(horizon, 0.15), 0, 1)[:, None, None] ** 1.3
    )
    c.px[:] = np.array(c.light.zenith, np.float32) * (1 - down) + np.array(c.light.horizon, np.float32) * down
    if c.light.name == "night":
        _stars(c, horizon)
    if c.light.name != "overcast" and c.chance(0.6):
        _disc(c, horizon)
    if c.chance(0.75):
        _clouds(c, horizon)


def _stars(c, horizon) -> None:
    for x, y in c.rng.random((c.count(15, 50), 2)):
        c.blob(x, y * horizon, 0.0022, 0.0022, (0.8, 0.85, 1.0), "sky", emit=True, corners=6)


def _disc(c, horizon) -> None:
    name, r = (
        ("moon", c.uniform(0.018, 0.032)) if c.light.name == "night" else ("sun", c.uniform(0.022, 0.05))
    )
    low = 0.25 if c.light.name == "dusk" else 0.05
    x, y = c.uniform(0.08, 0.92), horizon * c.uniform(low, 0.85)
    colour = {"night": (0.92, 0.93, 0.86), "dusk": (1.0, 0.86, 0.55)}.get(c.light.name, (1.0, 0.98, 0.86))
    c.blob(x, y, r, r, colour, name, emit=True, corners=28)
    c.lamp(x, y, 2.6 * r, colour, 0.28)


def _clouds(c, horizon) -> None:
    rows, cols = c.count(5, 9), c.count(2, 4)
    field = c.noise(rows, cols, 4)
    cover = 0.45 if c.light.name == "overcast" else c.uniform(0.50, 0.62)
    fade = np.clip((horizon - np.linspace(0, 1, c.size, dtype=np.float32)) / max(horizon, 0.15) * 2.5, 0, 1)[
        :, None
    ]
    alpha = np.clip((field - cover) / 0.16, 0, 1) * fade
    white = {"night": (0.16, 0.19, 0.30), "dusk": (1.0, 0.62, 0.48)}.get(c.light.name, (0.97, 0.97, 0.98))
    shade = (0.72 + 0.28 * np.clip((field - cover) * 4, 0, 1))[..., None] * np.array(white, np.float32)
    c.px += (shade - c.px) * (0.85 * alpha)[..., None]
    c.label[alpha > 0.4] = c.ids["cloud"]


# -- land --------------------------------------------------------------------------------------------------
def grass(c: Canvas, line, colour=(0.36, 0.52, 0.22), concept: str = "grass", d: float = 0.0) -> None:
    """Grass from a skyline down."""
    c.below(line, c.vary(colour), concept, d, texture=0.82 + 0.36 * c.noise(24, 12, 3))


def hills(c: Canvas, y: float, layers: int = 2) -> None:
    """Layers of rolling hills; the nearest is greenest."""
    for i in range(layers):
        near = (i + 1) / layers
        line = c.outline(y + 0.03 * i - 0.015 * layers, c.uniform(0.04, 0.11), 0.3, 4)
        c.below(
            line,
            c.vary((0.40, 0.52, 0.27)),
            "hill",
            0.65 * (1 - near) + 0.15,
            0.88 + 0.24 * c.noise(10, 8, 3),
        )


def mountains(c: Canvas, y: float, height: float, snow: float, d: float = 0.45) -> None:
    """A jagged ridge; snow covers what rises above a line (``snow`` 0 none, 1 down to the foot)."""
    line = c.outline(y - height / 2, height, 0.55, 5)
    line[:, 1] = np.minimum(line[:, 1], y)
    rock = c.vary((0.42, 0.40, 0.42))
    facets = 0.70 + 0.6 * c.noise(9, 14, 3)
    c.below(line, rock, "mountain", d, facets, bottom=y + 0.02)
    if snow > 0:
        _snow(c, line, y - height * (1.15 - snow), d, facets)


def _snow(c, line, limit, d, facets) -> None:
    fringe = limit + 0.035 * c.rng.uniform(-1, 1, len(line))
    lower = np.where(line[:, 1] < fringe, fringe, line[:, 1])
    below = np.stack([line[:, 0], lower], 1)[::-1]
    c.polygon(np.vstack([line, below]), (0.95, 0.97, 1.0), "snow", 0.5 * d, 0.72 + 0.28 * facets)


def dunes(c: Canvas, y: float, layers: int = 3) -> None:
    """Wind-blown sand from the horizon down, in layers."""
    for i in range(layers):
        line = c.outline(y + 0.11 * i * c.uniform(0.7, 1.2), c.uniform(0.03, 0.09), 0.25, 4)
        colour = c.vary((0.86, 0.70, 0.45), 0.05)
        c.below(line, colour, "sand", 0.5 * (1 - i / layers), 0.86 + 0.28 * c.noise(22, 4, 3))


def rock(c: Canvas, x, y, s, d: float = 0.0, concept: str = "rock", colour=(0.45, 0.42, 0.39)) -> None:
    """A boulder: a ragged body, a lit face."""
    body = c.vary(colour)
    c.blob(x, y - 0.35 * s, 0.7 * s, 0.5 * s, body * 0.72, concept, d, 0.22, 11)
    c.blob(x - 0.1 * s, y - 0.48 * s, 0.5 * s, 0.34 * s, body * 1.12, concept, d, 0.25, 9)


def mesa(c: Canvas, x, y, s, d: float = 0.5) -> None:
    """A flat-topped rock of the desert."""
    w = s * c.uniform(0.8, 2.0)
    top = [
        (x - 0.34 * w, y - s),
        (x + 0.30 * w, y - s * 0.96),
        (x + 0.42 * w, y - 0.45 * s),
        (x + 0.62 * w, y),
    ]
    colour = c.vary((0.66, 0.36, 0.24))
    c.polygon(
        [(x - 0.62 * w, y), (x - 0.44 * w, y - 0.5 * s), *top],
        colour,
        "rock",
        d,
        0.8 + 0.4 * c.noise(30, 4, 2),
    )


# -- water -------------------------------------------------------------------------------------------------
def sea(c: Canvas, y0: float, shore=None) -> None:
    """Sea from the horizon down to a shoreline (a skyline, or the bottom), with waves and foam."""
    edge = np.array([[-0.02, 1.02], [1.02, 1.02]]) if shore is None else shore
    band = np.vstack([[[-0.02, y0], [1.02, y0]], edge[::-1]])
    waves = 0.80 + 0.40 * c.noise(46, 5, 2)
    sky_colour = np.array(c.light.horizon, np.float32)
    colour = 0.78 * c.vary((0.12, 0.42, 0.56), 0.08) + 0.22 * sky_colour
    c.polygon(band, colour, "sea", 0.12, waves)
    for _ in range(c.count(2, 6)):
        x, y, w = c.uniform(0, 1), c.uniform(y0 + 0.02, y0 + 0.35), c.uniform(0.03, 0.12)
        if y < np.interp(x, edge[:, 0], edge[:, 1]) - 0.02:
            c.stroke(
                [(x - w, y), (x, y - 0.004), (x + w, y)],
                [0.001, 0.006, 0.001],
                (0.85, 0.92, 0.95),
                "sea",
                0.2,
            )
    if shore is not None:
        c.stroke(edge, 0.012, (0.93, 0.96, 0.96), "sea", 0.1)


def water(c: Canvas, region, y0: float, mirrored: float = 0.58) -> None:
    """Calm inland water in a polygon, mirroring what stands above ``y0`` (paint that first)."""
    before, s = c.px.copy(), c.size
    mirror = np.clip(2 * int(y0 * s) - np.arange(s), 0, s - 1)
    wobble = (c.noise(60, 3, 1) - 0.5) * 0.05 * s
    columns = np.clip(np.arange(s)[None] + wobble, 0, s - 1).astype(np.int64)
    image = cv2.blur(before[mirror[:, None], columns], (1, max(1, s // 45)))
    colour = 0.6 * c.lit(c.vary((0.16, 0.38, 0.44), 0.08), 0.05) + 0.4 * np.array(c.light.zenith, np.float32)
    c.polygon(region, (0.2, 0.4, 0.45), "water")
    inside = c.label == c.ids["water"]
    ripple = 0.88 + 0.24 * c.noise(70, 6, 2)
    c.px[inside] = ((mirrored * image + (1 - mirrored) * colour) * ripple[..., None])[inside]


# -- plants ------------------------------------------------------------------------------------------------
def pine(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A conifer: trunk and ragged tiers."""
    green = c.vary((0.10, 0.28, 0.17), 0.10)
    c.box(x - 0.025 * s, y - 0.2 * s, x + 0.025 * s, y, (0.26, 0.18, 0.12), "pine", d)
    tiers = 4 if s < 0.12 else 6
    for i in range(tiers):
        bottom, w = (
            y - s * (0.10 + 0.80 * i / tiers),
            s * 0.26 * (1 - 0.82 * i / tiers) * c.uniform(0.85, 1.12),
        )
        top = bottom - s * (0.34 - 0.02 * i)
        c.polygon(
            [(x - w, bottom), (x, top), (x + w, bottom), (x, bottom - 0.03 * s)],
            green * (0.82 + 0.07 * i),
            "pine",
            d,
        )


def tree(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A broadleaf tree: trunk, dark crown, lit leaves; some autumn colours."""
    colour = c.vary((0.62, 0.40, 0.14) if c.chance(0.2) else (0.24, 0.42, 0.15), 0.10)
    c.stroke([(x, y), (x + 0.02 * s, y - 0.5 * s)], [0.09 * s, 0.05 * s], (0.30, 0.21, 0.14), "tree", d)
    for i in range(7):
        a, r = c.uniform(0, 2 * np.pi), c.uniform(0.15, 0.23) * s
        at = x + 0.2 * s * np.cos(a), y - 0.68 * s + 0.16 * s * np.sin(a)
        c.blob(*at, r, 0.9 * r, colour * (0.72 if i < 3 else c.uniform(0.9, 1.25)), "tree", d, 0.16, 14)


def palm(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A palm: a leaning curved trunk and arching fronds."""
    lean, t = c.uniform(-0.3, 0.3), np.linspace(0, 1, 8)
    trunk = np.stack([x + lean * s * t**2, y - s * 0.8 * t], 1)
    c.stroke(trunk, 0.07 * s * (1 - 0.5 * t), c.vary((0.46, 0.34, 0.22)), "palm", d)
    green = c.vary((0.20, 0.44, 0.16), 0.10)
    for angle in np.linspace(0, 2 * np.pi, c.count(7, 10), endpoint=False) + c.uniform(0, 1):
        reach, drop = 0.42 * s * c.uniform(0.8, 1.15), 0.26 * s * c.uniform(0.6, 1.2)
        leaf = np.stack(
            [
                trunk[-1, 0] + reach * np.cos(angle) * t,
                trunk[-1, 1] + 0.22 * s * np.sin(angle) * t + drop * t**2,
            ],
            1,
        )
        c.stroke(leaf, 0.085 * s * np.sin(np.pi * (0.12 + 0.86 * t)), green * c.uniform(0.75, 1.2), "palm", d)


def cactus(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A saguaro with arms."""
    green, w = c.vary((0.24, 0.42, 0.22), 0.08), 0.15 * s
    c.stroke([(x, y), (x, y - 0.93 * s)], w, green, "cactus", d)
    c.blob(x, y - 0.93 * s, w / 2, w / 2, green, "cactus", d)
    for side in (-1, 1):
        if c.chance(0.8):
            at, out, up = y - s * c.uniform(0.35, 0.55), 0.26 * s * side, s * c.uniform(0.2, 0.35)
            c.stroke(
                [(x, at), (x + 0.8 * out, at - 0.02 * s), (x + out, at - 0.12 * s), (x + out, at - up)],
                0.7 * w,
                green,
                "cactus",
                d,
            )
            c.blob(x + out, at - up, 0.35 * w, 0.35 * w, green, "cactus", d)


def bush(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A low shrub."""
    green = c.vary((0.25, 0.38, 0.17), 0.12)
    for i in range(3):
        c.blob(
            x + s * c.uniform(-0.5, 0.5),
            y - 0.3 * s,
            0.5 * s,
            0.38 * s,
            green * (0.8 + 0.2 * i),
            "bush",
            d,
            0.2,
            12,
        )


def flowers(c: Canvas, y0: float, amount: int) -> None:
    """Flowers over the ground below y0, larger nearer, in patches of one colour."""
    palette = [
        (0.93, 0.30, 0.28),
        (0.98, 0.86, 0.26),
        (0.95, 0.95, 0.98),
        (0.72, 0.42, 0.85),
        (0.98, 0.55, 0.72),
    ]
    colours = [palette[i] for i in c.rng.permutation(len(palette))[:2]]
    for i in range(amount):
        depth = c.uniform(0, 1) ** 0.7
        y, r = y0 + (1 - y0) * depth, 0.004 + 0.011 * depth
        c.blob(c.uniform(0, 1), y, r, 0.8 * r, c.vary(colours[i % 2]), "flower", 0.3 * (1 - depth), corners=8)
