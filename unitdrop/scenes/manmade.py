"""What people put into the scenes: buildings, fields and roads, boats and cars.

A thing that stands is painted at (x, y), its foot, with height s. Sizes and places are fractions of the
picture; ``d`` is the depth, 0 near to 1 far.
"""

from __future__ import annotations

import numpy as np

from unitdrop.scenes.canvas import Canvas

WINDOW, GLASS = (1.0, 0.83, 0.48), (0.30, 0.38, 0.46)


def _window(c: Canvas, x0: float, y0: float, x1: float, y1: float, d: float, concept: str) -> None:
    """A window that is lit or not, as the light has it."""
    lit = c.chance(c.light.lamps)
    c.box(x0, y0, x1, y1, WINDOW if lit else GLASS, "lit window" if lit else concept, d, emit=lit)


def house(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A gabled house with a door, windows and a chimney."""
    walls = [
        (0.90, 0.86, 0.78),
        (0.80, 0.58, 0.46),
        (0.86, 0.80, 0.60),
        (0.70, 0.75, 0.80),
        (0.93, 0.92, 0.90),
    ]
    wall, w = c.vary(walls[c.count(0, 4)]), s * c.uniform(0.85, 1.35)
    roof = c.vary([(0.58, 0.24, 0.18), (0.36, 0.30, 0.30), (0.46, 0.30, 0.20)][c.count(0, 2)])
    eaves = y - 0.56 * s
    c.box(x + 0.2 * w, y - 0.98 * s, x + 0.28 * w, y - 0.6 * s, roof * 0.8, "house", d)
    c.box(x - w / 2, eaves, x + w / 2, y, wall, "house", d)
    c.box(x + 0.18 * w, eaves, x + w / 2, y, wall * 0.82, "house", d)
    c.polygon(
        [(x - 0.57 * w, eaves), (x - 0.34 * w, y - s), (x + 0.34 * w, y - s), (x + 0.57 * w, eaves)],
        roof,
        "house",
        d,
    )
    c.box(x - 0.07 * w, y - 0.30 * s, x + 0.07 * w, y, wall * 0.45, "house", d)
    for at in (-0.32, 0.30):
        _window(c, x + (at - 0.09) * w, y - 0.42 * s, x + (at + 0.09) * w, y - 0.22 * s, d, "house")


def church(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A church: nave, tower and pointed steeple; s is the height of the steeple."""
    wall = c.vary((0.90, 0.88, 0.84))
    c.box(x, y - 0.30 * s, x + 0.42 * s, y, wall * 0.92, "church", d)
    c.polygon(
        [
            (x - 0.02 * s, y - 0.30 * s),
            (x + 0.05 * s, y - 0.46 * s),
            (x + 0.38 * s, y - 0.46 * s),
            (x + 0.45 * s, y - 0.30 * s),
        ],
        (0.40, 0.28, 0.25),
        "church",
        d,
    )
    c.box(x - 0.18 * s, y - 0.58 * s, x + 0.04 * s, y, wall, "church", d)
    c.polygon(
        [(x - 0.21 * s, y - 0.57 * s), (x - 0.07 * s, y - s), (x + 0.07 * s, y - 0.57 * s)],
        (0.33, 0.36, 0.40),
        "church",
        d,
    )
    _window(c, x - 0.11 * s, y - 0.50 * s, x - 0.03 * s, y - 0.38 * s, d, "church")


def barn(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A red barn with a gambrel roof and a white crossed door; sometimes a silo."""
    red, w = c.vary((0.62, 0.15, 0.12)), 1.15 * s
    if c.chance(0.5):
        c.box(x + 0.58 * w, y - 0.95 * s, x + 0.80 * w, y, (0.72, 0.74, 0.76), "barn", d)
        c.blob(x + 0.69 * w, y - 0.95 * s, 0.11 * w, 0.12 * s, (0.58, 0.60, 0.63), "barn", d)
    front = [(x - w / 2, y), (x - w / 2, y - 0.52 * s), (x - 0.34 * w, y - 0.82 * s), (x, y - s)]
    c.polygon([*front, *[(2 * x - px, py) for px, py in front[::-1]]], red, "barn", d)
    roof = np.array([front[1], front[2], front[3], (x + 0.34 * w, y - 0.82 * s), (x + w / 2, y - 0.52 * s)])
    c.stroke(roof, 0.07 * s, (0.80, 0.80, 0.78), "barn", d)
    c.box(x - 0.17 * w, y - 0.42 * s, x + 0.17 * w, y, (0.92, 0.90, 0.86), "barn", d)
    c.box(x - 0.13 * w, y - 0.38 * s, x + 0.13 * w, y, red * 0.75, "barn", d)
    c.stroke([(x - 0.13 * w, y), (x + 0.13 * w, y - 0.38 * s)], 0.03 * s, (0.92, 0.90, 0.86), "barn", d)


def field(c: Canvas, y0: float, y1: float = 1.02) -> None:
    """Ploughed rows that converge on the horizon."""
    x0, soil = c.uniform(0.2, 0.8), c.vary((0.45, 0.32, 0.20))
    crop = c.vary([(0.45, 0.56, 0.20), (0.80, 0.66, 0.28), (0.36, 0.48, 0.22)][c.count(0, 2)])
    c.polygon([(-0.02, y0), (1.02, y0), (1.02, y1), (-0.02, y1)], soil, "field", 0.15)
    spread = c.uniform(0.11, 0.2)
    for i in range(-14, 15):
        left, right = x0 + spread * (i - 0.28), x0 + spread * (i + 0.28)
        near, reach = x0 + 0.16 * (i - 0.28) * spread, x0 + 0.16 * (i + 0.28) * spread
        k = (y1 - y0) / (1.02 - y0)
        c.polygon(
            [(near, y0), (reach, y0), (x0 + (right - x0) * k * 1.6, y1), (x0 + (left - x0) * k * 1.6, y1)],
            crop,
            "field",
            0.12,
        )


def hay(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A round bale of hay."""
    gold = c.vary((0.82, 0.67, 0.33))
    c.blob(x, y - 0.5 * s, 0.62 * s, 0.5 * s, gold * 0.85, "hay", d)
    c.blob(x - 0.16 * s, y - 0.5 * s, 0.42 * s, 0.48 * s, gold * 1.1, "hay", d)


def fence(c: Canvas, y: float, s: float, d: float = 0.0) -> None:
    """A rail fence across the picture."""
    wood = c.vary((0.55, 0.43, 0.31))
    slope = c.uniform(-0.04, 0.04)
    for x in np.arange(-0.02, 1.05, s * 1.5):
        c.box(x, y - s + slope * x, x + 0.12 * s, y + slope * x, wood, "fence", d)
    for up in (0.35, 0.8):
        c.stroke([(-0.02, y - up * s), (1.02, y - up * s + slope)], 0.12 * s, wood * 1.1, "fence", d)


def tent(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A ridge tent, its mouth open."""
    colour = c.vary(
        [(0.90, 0.45, 0.12), (0.20, 0.45, 0.70), (0.80, 0.72, 0.25), (0.75, 0.20, 0.22)][c.count(0, 3)]
    )
    flip = 1 if c.chance(0.5) else -1
    back = [
        (x, y - s),
        (x + flip * 1.0 * s, y - 0.86 * s),
        (x + flip * 1.5 * s, y - 0.04 * s),
        (x + flip * 0.62 * s, y),
    ]
    c.polygon(back, colour * 0.78, "tent", d)
    c.polygon([(x - 0.66 * s, y), (x, y - s), (x + 0.66 * s, y)], colour, "tent", d)
    inside = WINDOW if c.chance(c.light.lamps) else (0.15, 0.13, 0.13)
    c.polygon(
        [(x - 0.2 * s, y), (x, y - 0.78 * s), (x + 0.2 * s, y)], inside, "tent", d, emit=inside is WINDOW
    )


def boat(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A sailing boat, its sails up or bare-masted at a mooring."""
    hull = c.vary([(0.95, 0.95, 0.94), (0.20, 0.28, 0.45), (0.70, 0.20, 0.18)][c.count(0, 2)])
    c.stroke([(x, y), (x, y - s)], 0.025 * s, (0.75, 0.72, 0.66), "boat", d)
    if c.chance(0.6):
        sail = c.vary((0.97, 0.96, 0.93) if c.chance(0.75) else (0.88, 0.36, 0.24), 0.04)
        c.polygon(
            [(x + 0.03 * s, y - 0.97 * s), (x + 0.40 * s, y - 0.16 * s), (x + 0.03 * s, y - 0.16 * s)],
            sail,
            "boat",
            d,
        )
        c.polygon(
            [(x - 0.03 * s, y - 0.84 * s), (x - 0.30 * s, y - 0.16 * s), (x - 0.03 * s, y - 0.16 * s)],
            sail * 0.9,
            "boat",
            d,
        )
    c.polygon(
        [
            (x - 0.42 * s, y - 0.13 * s),
            (x + 0.46 * s, y - 0.15 * s),
            (x + 0.32 * s, y + 0.02 * s),
            (x - 0.30 * s, y + 0.02 * s),
        ],
        hull,
        "boat",
        d,
    )


def pier(c: Canvas, x, y, length: float, d: float = 0.0) -> None:
    """A wooden jetty on posts, running towards the viewer and to the side."""
    wood, side = c.vary((0.50, 0.38, 0.27)), 1 if x < 0.5 else -1
    end = x + side * length
    for t in np.linspace(0.05, 1, 7):
        px, py = x + (end - x) * t, y + 0.16 * length * t
        c.box(px - 0.007, py - 0.01, px + 0.007, py + 0.05 + 0.05 * t, wood * 0.6, "pier", d)
    c.stroke([(x, y), (end, y + 0.16 * length)], [0.018, 0.05], wood, "pier", d)


def lighthouse(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A striped lighthouse, its lamp lit in the dark."""
    band = (0.80, 0.18, 0.15) if c.chance(0.7) else (0.20, 0.22, 0.26)
    for i in range(5):
        a, b = i / 5, (i + 1) / 5
        wa, wb = s * (0.13 - 0.05 * a), s * (0.13 - 0.05 * b)
        ya, yb = y - 0.78 * s * a, y - 0.78 * s * b
        c.polygon(
            [(x - wa, ya), (x - wb, yb), (x + wb, yb), (x + wa, ya)],
            band if i % 2 else (0.95, 0.94, 0.92),
            "lighthouse",
            d,
        )
    lit = c.chance(max(c.light.lamps, 0.1))
    c.box(
        x - 0.06 * s,
        y - 0.90 * s,
        x + 0.06 * s,
        y - 0.78 * s,
        WINDOW if lit else GLASS,
        "lighthouse",
        d,
        emit=lit,
    )
    c.polygon([(x - 0.09 * s, y - 0.90 * s), (x, y - s), (x + 0.09 * s, y - 0.90 * s)], band, "lighthouse", d)
    if lit:
        c.lamp(x, y - 0.84 * s, 0.12 * s, strength=0.5)


def umbrella(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A beach umbrella."""
    colour = c.vary([(0.90, 0.25, 0.25), (0.98, 0.80, 0.20), (0.20, 0.50, 0.80)][c.count(0, 2)])
    c.stroke([(x, y), (x + 0.05 * s, y - 0.8 * s)], 0.04 * s, (0.9, 0.9, 0.88), "umbrella", d)
    t = np.linspace(np.pi, 2 * np.pi, 12)
    c.polygon(
        np.stack([x + 0.05 * s + 0.5 * s * np.cos(t), y - 0.62 * s + 0.38 * s * np.sin(t)], 1),
        colour,
        "umbrella",
        d,
    )


def tower(c: Canvas, x, y, s, w, d: float = 0.0) -> None:
    """A high-rise with rows of windows."""
    steel = [(0.50, 0.56, 0.62), (0.62, 0.58, 0.54), (0.34, 0.40, 0.48), (0.70, 0.70, 0.70)]
    wall = c.vary(steel[c.count(0, 3)])
    c.box(x - w / 2, y - s, x + w / 2, y, wall, "tower", d)
    c.box(x + 0.2 * w, y - s, x + w / 2, y, wall * 0.8, "tower", d)
    if c.chance(0.35):
        c.polygon([(x - 0.4 * w, y - s), (x, y - s - 0.45 * w), (x + 0.4 * w, y - s)], wall * 0.9, "tower", d)
    if c.chance(0.3):
        c.stroke([(x, y - s), (x, y - s * 1.14)], 0.006, wall * 0.6, "tower", d)
    columns, rows = max(2, int(w / 0.028)), max(3, int(s / 0.035))
    dx, dy = w / columns, s / rows
    for i in range(columns):
        for j in range(rows):
            x0, y0 = x - w / 2 + dx * (i + 0.25), y - s + dy * (j + 0.3)
            _window(c, x0, y0, x0 + 0.5 * dx, y0 + 0.5 * dy, d, "tower")


def bridge(c: Canvas, y: float, s: float, d: float = 0.0) -> None:
    """A bridge from bank to bank, its deck at height s over y: stone arches or two pylons and cables."""
    (_arches if c.chance(0.55) else _suspension)(c, y, s, d)


def _arches(c, y, s, d) -> None:
    stone, n = c.vary((0.62, 0.57, 0.50)), c.count(2, 5)
    deck, span, foot, half = y - s, 1.04 / n, y + 0.25 * s, np.linspace(0, np.pi, 14)
    ring = [(-0.02, deck), (1.02, deck), (1.02, foot)]
    for i in reversed(range(n)):
        middle = -0.02 + (i + 0.5) * span
        arch = np.stack([middle + 0.40 * span * np.cos(half), foot - (0.95 * s) * np.sin(half)], 1)
        ring += [*arch, (middle - 0.5 * span, foot)]
    c.polygon(ring, stone, "bridge", d, 0.85 + 0.3 * c.noise(30, 30, 2))
    c.stroke([(-0.02, deck), (1.02, deck)], 0.12 * s, stone * 1.15, "bridge", d)


def _suspension(c, y, s, d) -> None:
    steel, t = c.vary((0.66, 0.24, 0.18) if c.chance(0.6) else (0.5, 0.55, 0.6)), np.linspace(0, 1, 15)
    deck, left, right, peak = y - 0.7 * s, c.uniform(0.16, 0.30), c.uniform(0.70, 0.84), y - 2.0 * s
    c.stroke([(-0.02, deck), (1.02, deck)], 0.16 * s, steel * 0.9, "bridge", d)
    cables = [
        np.stack([left + (right - left) * t, deck - 0.1 * s + (peak - deck + 0.1 * s) * (2 * t - 1) ** 2], 1),
        np.array([(left, peak), (-0.02, deck)]),
        np.array([(right, peak), (1.02, deck)]),
    ]
    for cable in cables:
        c.stroke(cable, 0.05 * s, steel, "bridge", d)
    for px, py in cables[0][1:-1]:
        c.stroke([(px, py), (px, deck)], 0.02 * s, steel, "bridge", d)
    for x in (left, right):
        c.box(x - 0.06 * s, peak - 0.05 * s, x + 0.06 * s, y + 0.2 * s, steel, "bridge", d)


def road(
    c: Canvas, horizon: float, x0: float, near: float, far: float = 0.015, lanes: int = 2, x1: float = 0.5
) -> None:
    """A road in perspective from (x0, horizon) to the foot of the picture at x1, with broken lane lines."""

    def at(t, side):
        return x0 + (x1 - x0) * t + side * (far + (near - far) * t), horizon + (1.02 - horizon) * t

    tar = c.vary((0.33, 0.33, 0.35))
    c.polygon([at(0, -1), at(0, 1), at(1, 1), at(1, -1)], tar, "road", 0.08, 0.9 + 0.2 * c.noise(30, 10, 2))
    for side in (-0.93, 0.93):
        c.polygon(
            [at(0, side - 0.02), at(0, side + 0.02), at(1, side + 0.02), at(1, side - 0.02)],
            (0.9, 0.9, 0.86),
            "road",
            0.1,
        )
    for lane in range(1, lanes):
        side = -0.93 + 1.86 * lane / lanes
        for t in np.linspace(0.06, 0.95, 9) ** 2:
            e = min(1.0, t * 1.28 + 0.004)
            c.polygon(
                [at(t, side - 0.025), at(t, side + 0.025), at(e, side + 0.025), at(e, side - 0.025)],
                (0.92, 0.90, 0.82),
                "road",
                0.1,
            )


def car(c: Canvas, x, y, s, d: float = 0.0) -> None:
    """A car from behind or in front, s its height; lights on in the dark."""
    paint = c.vary(
        [(0.75, 0.12, 0.12), (0.15, 0.30, 0.62), (0.90, 0.90, 0.90), (0.14, 0.14, 0.16), (0.85, 0.70, 0.15)][
            c.count(0, 4)
        ]
    )
    c.box(x - 0.62 * s, y - 0.12 * s, x - 0.38 * s, y + 0.03 * s, (0.06, 0.06, 0.07), "car", d)
    c.box(x + 0.38 * s, y - 0.12 * s, x + 0.62 * s, y + 0.03 * s, (0.06, 0.06, 0.07), "car", d)
    c.polygon(
        [
            (x - 0.50 * s, y - 0.5 * s),
            (x - 0.36 * s, y - s),
            (x + 0.36 * s, y - s),
            (x + 0.50 * s, y - 0.5 * s),
        ],
        paint * 0.85,
        "car",
        d,
    )
    c.polygon(
        [
            (x - 0.40 * s, y - 0.55 * s),
            (x - 0.30 * s, y - 0.9 * s),
            (x + 0.30 * s, y - 0.9 * s),
            (x + 0.40 * s, y - 0.55 * s),
        ],
        GLASS,
        "car",
        d,
    )
    c.box(x - 0.66 * s, y - 0.55 * s, x + 0.66 * s, y - 0.08 * s, paint, "car", d)
    light = (0.95, 0.25, 0.18) if c.chance(0.5) else (1.0, 0.96, 0.80)
    for side in (-0.5, 0.5):
        c.blob(x + side * s, y - 0.38 * s, 0.10 * s, 0.08 * s, light, "car", d, emit=c.light.dark, corners=8)
        if c.light.dark:
            c.lamp(x + side * s, y - 0.38 * s, 0.22 * s, light, 0.5)


def street_lamp(c: Canvas, x, y, s, d: float = 0.0, side: int = 1) -> None:
    """A street lamp with an arm over the road."""
    post, head = c.vary((0.22, 0.24, 0.26)), (x + 0.26 * side * s, y - 0.95 * s)
    c.stroke(
        [(x, y), (x, y - 0.86 * s), (x + 0.06 * side * s, y - 0.95 * s), head], 0.03 * s, post, "lamp", d
    )
    c.blob(
        *head, 0.07 * s, 0.035 * s, WINDOW if c.light.dark else (0.9, 0.9, 0.86), "lamp", d, emit=c.light.dark
    )
    if c.light.dark:
        c.lamp(*head, 0.12 * s, strength=0.7)
