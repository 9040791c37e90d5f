"""What one move of the slider costs: a drawing from scratch, a blit, the JPEG; medians in milliseconds.

Run ``python benchmarks/panel_frame.py`` on an otherwise idle machine.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from unitdrop.drawing import SweepFigure
from unitdrop.panel import jpeg
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

SCALES = {"scenes": (256, 20, 16), "ResNet-50 on ImageNet": (2048, 1000, 7)}


def sweep(units: int, classes: int, side: int) -> Sweep:
    """Make a head of a given size with random numbers in it."""
    rng = np.random.default_rng(0)
    maps = rng.exponential(1, (units, side, side))
    labels = tuple(f"class {i}" for i in range(classes))
    image = rng.integers(0, 256, (448, 448, 3), np.uint8)
    return Sweep(Readout(maps, rng.normal(0, 4 / units, (classes, units)), np.zeros(classes), labels, image))


def timed(action, times: int) -> float:
    """Return the median duration of an action, in milliseconds."""
    spent = []
    for i in range(times):
        start = perf_counter()
        action(i)
        spent.append(1e3 * (perf_counter() - start))
    return median(spent)


def main() -> None:
    """Print a line for each size of head."""
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; median ms at 960 x 540")
    for name, size in SCALES.items():
        figure, subject = SweepFigure(), sweep(*size)
        start = perf_counter()
        figure.show(subject)
        first = 1e3 * (perf_counter() - start)
        others = [Sweep(subject.readout, subject.target) for _ in range(2)]
        for other in others:
            figure.show(other)  # so that their numbers are there, and only drawing is timed
        full = timed(lambda i, f=figure, o=others: f.show(o[i % 2]), 15)
        blit = timed(lambda i, f=figure, o=others: f.show(o[0], i), 100)
        pixels = figure.show(others[0], 5)
        encode = timed(lambda i, p=pixels: jpeg(p), 50)
        print(f"{name}: new sweep {first:.0f}, full draw {full:.1f}, blit {blit:.1f}, JPEG {encode:.1f}")
        figure.close()


if __name__ == "__main__":
    main()
