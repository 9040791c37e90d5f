"""Sweeps of a toy head, the picture of one sweep alone, and what a GIF holds: for the tests of exports."""

import os

import numpy as np
import pytest
from PIL import Image

from unitdrop.drawing import SweepFigure
from unitdrop.plan import View
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

SIZE = (320, 180)
posix_only = pytest.mark.skipif(os.name != "posix", reason="permissions and signals of POSIX")


def a_sweep(units=24, labels=("beach", "lake", "diner/outdoor", 'a "quoted", label'), never=False, **choices):
    """A head in which class 0 leads and the flip comes after some units, or never."""
    rng = np.random.default_rng(0)
    maps = rng.exponential(1.0, (units, 4, 4))
    weight = rng.normal(0, 0.2, (len(labels), units))
    weight[0] += 0.4
    bias = np.zeros(len(labels))
    bias[0] = 1000 if never else -4
    picture = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    return Sweep(Readout(maps, weight, bias, labels, picture, "toy"), 0, **choices)


def late(units=24):
    """A sweep of which nearly all units must go before it flips."""
    weight = np.stack([np.linspace(1, 2, units), np.zeros(units)])
    return Sweep(Readout(np.ones((units, 2, 2)), weight, [0, 2.5], ("a", "b"), np.zeros((9, 9, 3), np.uint8)))


def others():
    """Sweeps of 24 units to stand beside the first: another scope, ranking, target, image."""
    rng = np.random.default_rng(1)
    another = Readout(
        rng.random((24, 2, 3)),
        rng.normal(0, 1, (5, 24)),
        np.zeros(5),
        tuple("abcde"),
        rng.integers(0, 256, (30, 12, 3), dtype=np.uint8),
    )
    return {
        "scope": a_sweep(scope="class"),
        "ranking": a_sweep(rank="random", seed=3),
        "target": Sweep(a_sweep().readout, 1),
        "image": Sweep(another, rank="margin"),
        "itself": None,
    }


def picture(sweep, top, bottom, view=View(), size=SIZE):
    """The picture of one sweep alone."""
    figure = SweepFigure(*size)
    try:
        return figure.show(sweep, top, bottom, view)
    finally:
        figure.close()


def shown(path):
    """Frames (RGB), delays in ms and the loop of a GIF, as Pillow reads it."""
    with Image.open(path) as picture:
        frames, delays = [], []
        for k in range(picture.n_frames):
            picture.seek(k)
            frames.append(np.asarray(picture.convert("RGB")))
            delays.append(picture.info["duration"])
        return frames, delays, picture.info["loop"]


def names_in(folder):
    """The names of what is in a folder, in order."""
    return sorted(path.name for path in folder.iterdir())
