"""Render the sample images of the notebook: ``python -m unitdrop.scenes.samples``."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from unitdrop.scenes.compose import NAMES, render

FIRST = 30_000_000
"""Sample seeds start here: none of them is in the training, calibration or held-out renders."""
SEEDS: dict[str, tuple[int, int]] = {
    "beach": (61, 68),
    "island": (9, 12),
    "harbour": (8, 53),
    "coast": (22, 67),
    "oasis": (31, 50),
    "desert": (52, 9),
    "lake": (34, 36),
    "river": (59, 63),
    "bridge": (8, 14),
    "forest": (25, 52),
    "mountain": (6, 17),
    "camp": (57, 48),
    "meadow": (57, 32),
    "farm": (55, 28),
    "village": (1, 0),
    "suburb": (43, 66),
    "street": (65, 51),
    "highway": (31, 49),
    "skyline": (3, 54),
    "downtown": (58, 52),
}
"""The two seeds of each class, counted from `FIRST`: chosen among those the network gets right."""


def write(folder: Path, size: int = 448) -> list[Path]:
    """Write ``NAME-1.png`` and ``NAME-2.png`` of every class, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in NAMES:
        for number, seed in enumerate(SEEDS[name], start=1):
            paths.append(folder / f"{name}-{number}.png")
            Image.fromarray(render(name, FIRST + seed, size).image).save(paths[-1], optimize=True)
    return paths


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m unitdrop.scenes.samples", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("notebooks/images"), help="folder to write to")
    print(f"wrote {len(write(parser.parse_args(argv).out))} images")


if __name__ == "__main__":
    main()
