"""Measure the embedded network on held-out renders: ``python -m unitdrop.evaluate_scenes``.

Prints the figures and writes them, with the confusion matrix, into ``MODEL_CARD.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from unitdrop.heatmap import upsample
from unitdrop.models import Model, load_model
from unitdrop.scenes import NAMES, Scene, network, render, siblings
from unitdrop.scenes.train import HELD_OUT
from unitdrop.sweep import Flip, Sweep

CARD = Path(network.__file__).with_name("MODEL_CARD.md")
START, END = "<!-- figures: written by python -m unitdrop.evaluate_scenes -->", "<!-- end of figures -->"
FULL = 2000
"""Held-out renders that the figures of the model card are measured on."""
FEW = 0.05
"""The share of the units that counts as few."""


@dataclass(frozen=True)
class Record:
    """What one held-out image showed; flips are numbers of units, None where the class never gives way.

    ``few`` and ``few_random`` are the prediction's probability with the top 5 % of its units dropped, and
    with as many at random. At the flip: ``kin_gain``, the share of the gained probability that siblings
    gained; ``left``, the share of the target's CAM that is left; ``moved``, how far the peak of the predicted
    class's CAM has moved, in picture widths.
    """

    truth: int
    prediction: int
    confidence: float
    usurper: int | None
    flip: int | None
    random_flip: int | None
    peak_on_concept: bool
    concept_area: float
    few: float = 0.0
    few_random: float = 0.0
    kin_gain: float | None = None
    left: float | None = None
    moved: float | None = None


def examine(model: Model, scene: Scene) -> Record:
    """Run one scene through the network, sweep it, and return what its classes and maps showed."""
    readout, truth = model(scene.image), NAMES.index(scene.name)
    sweep, shuffled = Sweep(readout), Sweep(readout, rank="random", seed=scene.seed)
    heat = upsample(sweep.cam(truth), scene.defining.shape)
    flip, chance, few = sweep.flip, shuffled.flip, round(FEW * sweep.units)
    return Record(
        truth=truth,
        prediction=sweep.target,
        confidence=float(sweep.probabilities().max()),
        usurper=flip and flip.index,
        flip=flip and flip.k,
        random_flip=chance and chance.k,
        peak_on_concept=bool(scene.defining.flat[int(heat.argmax())]),
        concept_area=float(scene.defining.mean()),
        few=float(sweep.probabilities(few)[sweep.target]),
        few_random=float(shuffled.probabilities(few)[sweep.target]),
        **(_at_flip(sweep, flip) if flip else {}),
    )


def _at_flip(sweep: Sweep, flip: Flip) -> dict[str, float]:
    """Return the fields of a `Record` that tell of the flip."""
    k, kin = flip.k, [NAMES.index(name) for name in siblings(sweep.label)]
    gain = np.maximum(sweep.probabilities(k) - sweep.probabilities(), 0)
    before, after = sweep.cam(), sweep.cam(top=k)
    (y, x), (new_y, new_x) = _peak(before), _peak(sweep.cam(flip.index, top=k))
    return {
        "kin_gain": float(gain[kin].sum() / gain.sum()),
        "left": float(np.maximum(after, 0).sum() / np.maximum(before, 0).sum()),
        "moved": float(np.hypot(y - new_y, x - new_x) / before.shape[1]),
    }


def _peak(cam: np.ndarray) -> tuple[int, int]:
    """Return the row and column of the largest value of a map (h, w)."""
    row, column = divmod(int(cam.argmax()), cam.shape[1])
    return row, column


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error in [0, 1], over equal-width bins (Guo et al. 2017).

    Takes the confidences in [0, 1] and whether each prediction is right, both (N,).

    >>> round(calibration_error(np.array([0.9, 0.9]), np.array([True, False])), 3)
    0.4
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    parts = [which == b for b in range(bins)]
    return float(sum(p.mean() * abs(confidence[p].mean() - right[p].mean()) for p in parts if p.any()))


def sibling_chance() -> float:
    """Return the mean share of siblings among the other classes: what a usurper drawn at random reaches."""
    return float(np.mean([len(siblings(n)) / (len(NAMES) - 1) for n in NAMES]))


def figures(records: list[Record], units: int) -> dict[str, float]:
    """Return the figures of the model card by name; a flip that never comes counts as ``units + 1``."""
    good = [r for r in records if r.truth == r.prediction]
    by_weight = float(np.median([units + 1 if r.flip is None else r.flip for r in good]))
    by_chance = float(np.median([units + 1 if r.random_flip is None else r.random_flip for r in good]))
    return {
        "images": len(records),
        "top-1 accuracy": _mean([r.truth == r.prediction for r in records]),
        "expected calibration error, 15 bins": calibration_error(
            np.array([r.confidence for r in records]), np.array([r.truth == r.prediction for r in records])
        ),
        "usurper is a sibling": _mean(
            [r.usurper is not None and NAMES[r.usurper] in siblings(NAMES[r.prediction]) for r in good]
        ),
        "the same by chance": sibling_chance(),
        "CAM peak on a defining concept": _mean([r.peak_on_concept for r in records]),
        "the same by chance (mean area)": _mean([r.concept_area for r in records]),
        "median flip by weight, units": by_weight,
        "median flip by random order, units": by_chance,
        "median flip, weight / random": by_weight / by_chance,
        "probability of the target, intact": _mean([r.confidence for r in good]),
        "the same, top 5 % of units dropped": _mean([r.few for r in good]),
        "the same, 5 % dropped at random": _mean([r.few_random for r in good]),
        "gained probability that siblings gain, at the flip": _mean([r.kin_gain for r in good]),
        "target's CAM left at the flip": _mean([r.left for r in good]),
        "CAM peak moved by the flip, share of the width": _mean([r.moved for r in good]),
    }


def _mean(values: Sequence[float | None]) -> float:
    """Return the mean of the values that are there, NaN if none is."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else float("nan")


def confusion(records: list[Record]) -> np.ndarray:
    """Return counts (C, C) int64: true classes in rows, predictions in columns."""
    table = np.zeros((len(NAMES), len(NAMES)), np.int64)
    np.add.at(table, ([r.truth for r in records], [r.prediction for r in records]), 1)
    return table


def _shown(name: str, value: float) -> str:
    """Return a figure as it stands in the card: a count, or a share in per cent."""
    if name.endswith(("images", "units")):
        return f"{value:,.0f}"
    return f"{100 * value:.1f} %"


def report(values: dict[str, float], table: np.ndarray) -> str:
    """Return the figures and the confusion matrix (C, C) as Markdown."""
    lines = [
        "| figure | measured |",
        "|---|---:|",
        *(f"| {name} | {_shown(name, value)} |" for name, value in values.items()),
        "",
        "Confusion matrix (rows: truth, columns: prediction, in the same order):",
        "",
        "| | " + " | ".join(name[:3] for name in NAMES) + " |",
        "|---|" + "---:|" * len(NAMES),
    ]
    for name, row in zip(NAMES, table.tolist(), strict=True):
        lines.append(f"| {name} | " + " | ".join(str(count or "") for count in row) + " |")
    return "\n".join(lines)


def write_card(text: str, card: Path) -> None:
    """Replace what stands between the two marks of a model card."""
    before, _, rest = card.read_text("utf-8").partition(START)
    card.write_text(f"{before}{START}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m unitdrop.evaluate_scenes", description=__doc__)
    parser.add_argument("--images", type=int, default=FULL, help=f"held-out scenes (default {FULL})")
    parser.add_argument("--card", type=Path, default=CARD, help="model card to write the figures into")
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    parser.epilog = f"With fewer than {FULL:,} images the card stays as it is: its figures are a full run's."
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    model = load_model("scenes")
    scenes = (
        render(NAMES[i % len(NAMES)], HELD_OUT + i // len(NAMES), network.SIZE) for i in range(args.images)
    )
    bar = tqdm(scenes, desc="evaluate", total=args.images, unit="scene")
    records = [examine(model, scene) for scene in bar]
    text = report(figures(records, model.units), confusion(records))
    print(text)
    if not args.dry and args.images >= FULL:
        write_card(text, args.card)


if __name__ == "__main__":
    main()
