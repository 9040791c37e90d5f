"""A small painter: anti-aliased shapes in the unit square, lit, hazed by depth, and labelled by concept.

Coordinates are fractions of the picture, x to the right and y down. Every shape that is painted also writes
its concept into a label map, so the last shape painted over a pixel owns it: occlusion is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SUBPIXEL = 4  # fractional bits OpenCV gets for polygon corners


@dataclass(frozen=True)
class Light:
    """The light of a scene; colours are RGB in [0, 1]."""

    name: str
    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]
    tint: tuple[float, float, float]
    haze: tuple[float, float, float]
    lamps: float  # chance that a lamp or window is lit

    @property
    def dark(self) -> bool:
        """Whether lamps matter: dusk and night."""
        return self.lamps > 0.3


LIGHTS = {
    "day": Light("day", (0.22, 0.47, 0.83), (0.78, 0.89, 0.96), (1.0, 0.99, 0.95), (0.74, 0.84, 0.93), 0.0),
    "dusk": Light("dusk", (0.23, 0.22, 0.45), (1.0, 0.68, 0.40), (0.86, 0.66, 0.60), (0.90, 0.62, 0.50), 0.5),
    "overcast": Light(
        "overcast", (0.56, 0.60, 0.65), (0.82, 0.84, 0.85), (0.80, 0.82, 0.84), (0.76, 0.78, 0.80), 0.1
    ),
    "night": Light(
        "night", (0.02, 0.03, 0.10), (0.11, 0.15, 0.28), (0.34, 0.38, 0.54), (0.11, 0.14, 0.26), 0.6
    ),
}


class Canvas:
    """A square picture under one light, with the concept of every pixel.

    Parameters
    ----------
    size : side in pixels
    rng : source of every random choice; nothing drawn from it depends on ``size``
    light : a `Light`
    concepts : names; a pixel's label is the index of its concept in this list
    """

    def __init__(self, size: int, rng: np.random.Generator, light: Light, concepts: tuple[str, ...]):
        self.size, self.rng, self.light = size, rng, light
        self.ids = {name: i for i, name in enumerate(concepts)}
        self.px = np.zeros((size, size, 3), np.float32)
        self.label = np.full((size, size), self.ids["sky"], np.uint8)
        self.lamps: list[tuple[float, float, float, tuple[float, float, float], float]] = []

    # -- randomness ------------------------------------------------------------------------------------------
    def uniform(self, low: float, high: float) -> float:
        """Return a number drawn uniformly from [low, high)."""
        return float(self.rng.uniform(low, high))

    def chance(self, p: float) -> bool:
        """Return True with probability p."""
        return bool(self.rng.random() < p)

    def count(self, low: int, high: int) -> int:
        """Return an integer drawn uniformly from low..high, both included."""
        return int(self.rng.integers(low, high + 1))

    def vary(self, colour, amount: float = 0.06) -> np.ndarray:
        """Return the colour a little lighter or darker and a little off in hue: (3,) float32 in [0, 1]."""
        c = np.asarray(colour, np.float32)
        return np.clip(c * (1 + self.rng.normal(0, amount)) + self.rng.normal(0, amount / 4, 3), 0, 1).astype(
            np.float32
        )

    def noise(self, rows: int, cols: int, octaves: int = 3) -> np.ndarray:
        """Return smooth noise in about [0, 1], (size, size) float32; its coarsest grid is rows x cols."""
        total, weight = np.zeros((self.size, self.size), np.float32), 0.0
        for o in range(octaves):
            grid = self.rng.random((rows * 2**o + 1, cols * 2**o + 1)).astype(np.float32)
            total += cv2.resize(grid, (self.size, self.size), interpolation=cv2.INTER_CUBIC) / 2**o
            weight += 1 / 2**o
        return total / weight

    def outline(self, y: float, height: float, rough: float = 0.5, points: int = 7) -> np.ndarray:
        """Return a skyline from left to right: (65, 2) points around y.

        They wander by ``height``, more roughly the larger ``rough`` is.
        """
        x = np.linspace(-0.02, 1.02, 65)
        line, amplitude = np.zeros_like(x), 1.0
        for o in range(4):
            knots = self.rng.uniform(-1, 1, points * 2**o)
            line += amplitude * np.interp(x, np.linspace(-0.02, 1.02, len(knots)), knots)
            amplitude *= rough
        return np.stack([x, y - height * line / 2], 1)

    # -- painting --------------------------------------------------------------------------------------------
    def lit(self, colour, depth: float) -> np.ndarray:
        """Return the colour as this light shows it at a depth from 0 (near) to 1 (far): (3,) float32."""
        light, haze = self.light, 0.75 * depth
        return (
            np.asarray(colour, np.float32) * np.asarray(light.tint, np.float32) * (1 - haze)
            + np.asarray(light.haze, np.float32) * haze
        )

    def polygon(
        self, points, colour, concept: str, depth: float = 0.0, texture=None, emit: bool = False
    ) -> None:
        """Fill a polygon; ``texture`` (size, size) multiplies the colour, ``emit`` ignores the light."""
        pts = np.asarray(points, np.float64) * self.size
        low = np.maximum(np.floor(pts.min(0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(pts.max(0)).astype(int) + 2, self.size)
        if (high <= low).any():
            return
        (x0, y0), (x1, y1) = low, high
        alpha = np.zeros((y1 - y0, x1 - x0), np.uint8)
        corners = np.round((pts - low) * 2**SUBPIXEL).astype(np.int32)
        cv2.fillPoly(alpha, [corners], 255, cv2.LINE_AA, SUBPIXEL)
        self._paint((slice(y0, y1), slice(x0, x1)), alpha, colour, concept, depth, texture, emit)

    def _paint(self, box, alpha, colour, concept, depth, texture, emit) -> None:
        paint = np.asarray(colour, np.float32) if emit else self.lit(colour, depth)
        if texture is not None:
            paint = paint * texture[box][..., None]
        cover = (alpha.astype(np.float32) / 255)[..., None]
        self.px[box] += (paint - self.px[box]) * cover
        self.label[box][alpha > 127] = self.ids[concept]

    def below(
        self, line: np.ndarray, colour, concept: str, depth: float = 0.0, texture=None, bottom: float = 1.02
    ):
        """Fill from a skyline down to ``bottom``."""
        self.polygon(np.vstack([line, [[1.02, bottom], [-0.02, bottom]]]), colour, concept, depth, texture)

    def blob(
        self,
        x,
        y,
        rx,
        ry,
        colour,
        concept: str,
        depth: float = 0.0,
        rough: float = 0.0,
        corners: int = 18,
        **kw,
    ):
        """Fill an ellipse; ``rough`` makes its edge ragged."""
        angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        radius = 1 + rough * self.rng.uniform(-1, 1, corners) if rough else np.ones(corners)
        points = np.stack([x + rx * radius * np.cos(angle), y + ry * radius * np.sin(angle)], 1)
        self.polygon(points, colour, concept, depth, **kw)

    def box(self, x0, y0, x1, y1, colour, concept: str, depth: float = 0.0, **kw):
        """Fill an axis-parallel rectangle."""
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, concept, depth, **kw)

    def stroke(self, points, width, colour, concept: str, depth: float = 0.0, **kw):
        """Paint a line through ``points`` (n, 2) of a width that may vary, (n,) or a number."""
        p = np.asarray(points, np.float64)
        along = np.gradient(p, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(
            np.linalg.norm(along, axis=1, keepdims=True), 1e-9
        )
        half = np.broadcast_to(np.asarray(width, np.float64) / 2, len(p))[:, None]
        self.polygon(np.vstack([p + across * half, (p - across * half)[::-1]]), colour, concept, depth, **kw)

    def lamp(self, x: float, y: float, radius: float, colour=(1.0, 0.80, 0.45), strength: float = 0.6):
        """Remember a light source: its halo is added when the picture is finished."""
        self.lamps.append((x, y, radius, colour, strength))

    def _halos(self) -> None:
        for x, y, radius, colour, strength in self.lamps:
            reach = max(2, round(3 * radius * self.size))
            cx, cy = int(x * self.size), int(y * self.size)
            ys = slice(max(cy - reach, 0), max(min(cy + reach + 1, self.size), 0))
            xs = slice(max(cx - reach, 0), max(min(cx + reach + 1, self.size), 0))
            dy = (np.arange(ys.start, ys.stop) + 0.5) / self.size - y
            dx = (np.arange(xs.start, xs.stop) + 0.5) / self.size - x
            glow = strength * np.exp(-(dy[:, None] ** 2 + dx[None] ** 2) / (2 * (radius / 1.2) ** 2))
            self.px[ys, xs] += glow[..., None].astype(np.float32) * np.asarray(colour, np.float32)

    def finish(self) -> np.ndarray:
        """Return the picture with halos, soft lens, sensor noise and vignette: (size, size, 3) uint8 RGB."""
        self._halos()
        blur, grain = abs(self.rng.normal(0, 0.0035)) * self.size, abs(self.rng.normal(0, 0.03))
        gain, warm = self.rng.normal(1, 0.07), self.rng.normal(0, 0.02)
        px = cv2.GaussianBlur(self.px, (0, 0), blur) if blur > 0.25 else self.px
        ramp = np.linspace(-1, 1, self.size, dtype=np.float32) ** 2
        vignette = (1 - 0.10 * (ramp[:, None] + ramp[None]))[..., None]
        px = px * vignette * np.array([gain + warm, gain, gain - warm], np.float32)
        px = px + grain * self.rng.standard_normal(px.shape, np.float32)
        return (np.clip(px, 0, 1) * 255 + 0.5).astype(np.uint8)
