"""Measure the embedded network on held-out renders: ``python -m unitdrop.evaluate_scenes``.

Prints the figures and writes them, with the confusion matrix, into ``MODEL_CARD.md``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from unitdrop.heatmap import upsample
from unitdrop.models import load_model
from unitdrop.scenes import network
from unitdrop.scenes.compose import NAMES, render, siblings
from unitdrop.scenes.train import HELD_OUT
from unitdrop.sweep import Sweep

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


def examine(model, scene) -> Record:
    """Run one scene through the network and sweep it: its prediction's flip, its true class's CAM."""
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
        **(_at_flip(sweep) if flip else {}),
    )


def _at_flip(sweep: Sweep) -> dict[str, float]:
    k, kin = sweep.flip.k, [NAMES.index(n) for n in siblings(sweep.label)]
    gain = np.maximum(sweep.probabilities(k) - sweep.probabilities(), 0)
    before, after = sweep.cam(), sweep.cam(top=k)
    peaks = [np.unravel_index(int(m.argmax()), m.shape) for m in (before, sweep.cam(sweep.flip.index, top=k))]
    return {
        "kin_gain": float(gain[kin].sum() / gain.sum()),
        "left": float(np.maximum(after, 0).sum() / np.maximum(before, 0).sum()),
        "moved": float(np.hypot(*np.subtract(*peaks)) / before.shape[1]),
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error in [0, 1] over equal-width bins of confidence (Guo et al. 2017).

    >>> round(calibration_error(np.array([0.9, 0.9]), np.array([True, False])), 3)
    0.4
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    parts = [which == b for b in range(bins)]
    return float(sum(p.mean() * abs(confidence[p].mean() - right[p].mean()) for p in parts if p.any()))


def sibling_chance() -> float:
    """The mean share of the other classes that are siblings: what a usurper drawn at random would reach."""
    return float(np.mean([len(siblings(n)) / (len(NAMES) - 1) for n in NAMES]))


def figures(records: list[Record], units: int) -> dict[str, float]:
    """The figures of the model card; a flip that never comes counts as ``units + 1``."""
    right = np.array([r.truth == r.prediction for r in records])
    good = [r for r in records if r.truth == r.prediction]
    kin = [r.usurper is not None and NAMES[r.usurper] in siblings(NAMES[r.prediction]) for r in good]
    by_weight = np.median([units + 1 if r.flip is None else r.flip for r in good])
    by_chance = np.median([units + 1 if r.random_flip is None else r.random_flip for r in good])
    return {
        "images": len(records),
        "top-1 accuracy": right.mean(),
        "expected calibration error, 15 bins": calibration_error(
            np.array([r.confidence for r in records]), right
        ),
        "usurper is a sibling": np.mean(kin),
        "the same by chance": sibling_chance(),
        "CAM peak on a defining concept": np.mean([r.peak_on_concept for r in records]),
        "the same by chance (mean area)": np.mean([r.concept_area for r in records]),
        "median flip by weight, units": by_weight,
        "median flip by random order, units": by_chance,
        "median flip, weight / random": by_weight / by_chance,
        "probability of the target, intact": np.mean([r.confidence for r in good]),
        "the same, top 5 % of units dropped": np.mean([r.few for r in good]),
        "the same, 5 % dropped at random": np.mean([r.few_random for r in good]),
        "gained probability that siblings gain, at the flip": _mean(good, "kin_gain"),
        "target's CAM left at the flip": _mean(good, "left"),
        "CAM peak moved by the flip, share of the width": _mean(good, "moved"),
    }


def _mean(records: list[Record], name: str) -> float:
    values = [getattr(r, name) for r in records if getattr(r, name) is not None]
    return float(np.mean(values)) if values else float("nan")


def confusion(records: list[Record]) -> np.ndarray:
    """Counts (C, C) int64: true classes in rows, predictions in columns."""
    table = np.zeros((len(NAMES), len(NAMES)), np.int64)
    np.add.at(table, ([r.truth for r in records], [r.prediction for r in records]), 1)
    return table


def _shown(name: str, value: float) -> str:
    if name.endswith(("images", "units")):
        return f"{value:,.0f}"
    return f"{100 * value:.1f} %"


def report(values: dict[str, float], table: np.ndarray) -> str:
    """The figures and the confusion matrix as Markdown."""
    lines = [
        "| figure | measured |",
        "|---|---:|",
        *(f"| {k} | {_shown(k, v)} |" for k, v in values.items()),
        "",
    ]
    lines += ["Confusion matrix (rows: truth, columns: prediction, in the same order):", ""]
    lines += ["| | " + " | ".join(n[:3] for n in NAMES) + " |", "|---|" + "---:|" * len(NAMES)]
    lines += [
        f"| {n} | " + " | ".join(str(v) if v else "" for v in row) + " |"
        for n, row in zip(NAMES, table, strict=True)
    ]
    return "\n".join(lines)


def _into_card(text: str, card: Path) -> None:
    before, _, rest = card.read_text("utf-8").partition(START)
    card.write_text(f"{before}{START}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m unitdrop.evaluate_scenes", description=__doc__)
    parser.add_argument("--images", type=int, default=FULL, help=f"held-out scenes (default {FULL})")
    parser.add_argument("--card", type=Path, default=CARD, help="model card to write the figures into")
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    parser.epilog = f"With fewer than {FULL:,} images the card stays as it is: its figures are a full run's."
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    model, records = load_model("scenes"), []
    for i in tqdm(range(args.images), desc="evaluate", unit="scene"):
        records.append(
            examine(model, render(NAMES[i % len(NAMES)], HELD_OUT + i // len(NAMES), network.SIZE))
        )
    text = report(figures(records, model.units), confusion(records))
    print(text)
    if not args.dry and args.images >= FULL:
        _into_card(text, args.card)


if __name__ == "__main__":
    main()
