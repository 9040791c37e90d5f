"""Train the embedded network from scratch: ``python -m unitdrop.scenes.train``.

Renders the training scenes, trains with AdamW on a one-cycle schedule, keeps the head's weights at or above
zero, folds a temperature into the head so that its probabilities are calibrated (Guo et al. 2017), and writes
``scenes.safetensors``. Seeded; a run that is cut off goes on from its last finished epoch when the same
command is given again.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torchvision.models.resnet import ResNet
from tqdm import tqdm

from unitdrop.scenes import network
from unitdrop.scenes.compose import NAMES, render

TRAIN, CALIBRATE, HELD_OUT = 0, 10_000_000, 50_000_000
"""First render seeds of the three disjoint sets."""
CALIBRATION = 2000
"""Renders that the temperature is fitted on."""


def _render_one(i: int, first: int) -> np.ndarray:
    """Return the i-th render of a set, (128, 128, 3) uint8 RGB, in a process of its own."""
    cv2.setNumThreads(1)
    return render(NAMES[i % len(NAMES)], first + i // len(NAMES), network.SIZE).image


def render_set(first: int, count: int, workers: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return ``count`` renders and their classes in turn: (count, 128, 128, 3) uint8 RGB, (count,) int64."""
    images = np.empty((count, network.SIZE, network.SIZE, 3), np.uint8)
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit the locks of other threads
    with ProcessPoolExecutor(workers or os.cpu_count(), spawn) as pool:
        job = pool.map(functools.partial(_render_one, first=first), range(count), chunksize=100)
        for i, image in enumerate(tqdm(job, total=count, desc="render", unit="scene")):
            images[i] = image
    return images, np.arange(count) % len(NAMES)


def augment(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return a batch (N, 3, 128, 128) with half of it mirrored and each of its four parts shifted.

    By up to 8 pixels each way, edges repeated.
    """
    flip = torch.rand(len(x), generator=generator) < 0.5
    x = torch.where(flip[:, None, None, None], x.flip(3), x)
    padded, parts = F.pad(x, (8, 8, 8, 8), mode="replicate"), []
    for part in padded.chunk(4):
        dy, dx = torch.randint(0, 17, (2,), generator=generator).tolist()
        parts.append(part[:, :, dy : dy + network.SIZE, dx : dx + network.SIZE])
    return torch.cat(parts)


@dataclass(frozen=True)
class TrainingState:
    """All that training changes, and that a resumed run goes on from."""

    net: ResNet
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    generator: torch.Generator

    def save(self, path: Path, epoch: int) -> None:
        """Write the state after so many epochs to a file, whole or not at all."""
        parts = {"net": self.net, "optimizer": self.optimizer, "schedule": self.schedule}
        saved = {"epoch": epoch, **{name: part.state_dict() for name, part in parts.items()}}
        torch.save(saved | {"generator": self.generator.get_state()}, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def resume(self, path: Path) -> int:
        """Take over the state in a file, and return its number of epochs; 0 if there is no file."""
        if not path.is_file():
            return 0
        saved = torch.load(path, weights_only=True)
        self.net.load_state_dict(saved["net"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.generator.set_state(saved["generator"])
        return saved["epoch"]


def _start(seed: int, rate: float, steps: int) -> TrainingState:
    """Return an untrained network with what trains it in so many steps."""
    net = network.build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.05)
    schedule = OneCycleLR(optimizer, rate, steps, pct_start=0.2)
    return TrainingState(net, optimizer, schedule, torch.Generator().manual_seed(seed))


def _train_epoch(state: TrainingState, images: np.ndarray, labels: np.ndarray, batch: int, desc: str) -> None:
    """Train on every image once, in batches in random order; what is left over of a batch is left out."""
    net, generator, total = state.net.train(), state.generator, 0.0
    order = torch.randperm(len(images), generator=generator)
    bar = tqdm(order.split(batch)[: len(order) // batch], desc=desc, unit="batch")
    for seen, index in enumerate(bar, start=1):
        x = augment(network.to_batch(images[index.numpy()]), generator).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(x)
        loss = F.cross_entropy(logits.float(), torch.as_tensor(labels[index.numpy()]))
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        state.schedule.step()
        net.fc.weight.data.clamp_(min=0)  # every unit is evidence for, never against: see MODEL_CARD.md
        total += loss.item()
        bar.set_postfix(loss=f"{total / seen:.3f}")


@torch.inference_mode()
def logits_of(net: ResNet, images: np.ndarray, batch: int = 200) -> torch.Tensor:
    """Return the logits (N, C) float32 of RGB uint8 images (N, 128, 128, 3)."""
    net.eval()
    return torch.cat([net(network.to_batch(images[i : i + batch])) for i in range(0, len(images), batch)])


def temperature(logits: torch.Tensor, labels: np.ndarray) -> float:
    """Return the temperature of least negative log-likelihood, on a grid of 0.01 (Guo et al. 2017).

    Takes logits (N, C) and classes (N,).
    """
    truth = torch.as_tensor(labels)
    return min(torch.linspace(0.3, 4, 371).tolist(), key=lambda t: float(F.cross_entropy(logits / t, truth)))


def _version() -> str:
    """Return a number that changes with this folder's code: what an older version left is not resumed."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return f"{zlib.crc32(b''.join(path.read_bytes() for path in sources)):08x}"


def _training_images(cache: Path, count: int) -> np.ndarray:
    """Return the training renders, (count, 128, 128, 3) uint8 RGB, from a file if it is there."""
    if not cache.is_file():
        part = cache.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, render_set(TRAIN, count)[0])
        part.replace(cache)
    return np.load(cache)


def train(
    out: Path, work: Path, images: int, epochs: int, seed: int, batch: int = 100, rate: float = 3e-3
) -> None:
    """Render, train, calibrate and write the weights to ``out``; ``work`` keeps what a resumed run needs.

    Raises
    ------
    SystemExit
        There are fewer images than a batch takes, or no epochs.
    """
    if images < batch or epochs < 1:
        raise SystemExit(f"expected at least {batch} images and 1 epoch, got {images} and {epochs}")
    torch.manual_seed(seed)
    work.mkdir(parents=True, exist_ok=True)
    version = _version()
    data = _training_images(work / f"train-{images}-{version}.npy", images)
    labels = np.arange(images) % len(NAMES)
    state = _start(seed, rate, epochs * (images // batch))
    keep = work / f"epoch-{images}-{epochs}-{seed}-{version}.pt"
    for epoch in range(state.resume(keep), epochs):
        _train_epoch(state, data, labels, batch, f"epoch {epoch + 1}/{epochs}")
        state.save(keep, epoch + 1)
    _calibrate(state.net, out)


def _calibrate(net: ResNet, out: Path) -> None:
    """Fold the temperature into the head, write the weights, and print what was reached."""
    held, truth = render_set(CALIBRATE, CALIBRATION)
    logits = logits_of(net, held)
    t = temperature(logits, truth)
    net.fc.weight.data /= t
    net.fc.bias.data /= t
    network.save(net, out)
    accuracy = float((logits.argmax(1).numpy() == truth).mean())
    print(f"top-1 {accuracy:.3f} on {CALIBRATION:,} calibration renders, temperature {t:.2f}; wrote {out}")


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m unitdrop.scenes.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=network.WEIGHTS, help="weights file to write")
    parser.add_argument(
        "--work", type=Path, default=Path("build/scenes"), help="folder for renders and epochs"
    )
    parser.add_argument("--images", type=int, default=12_000, help="training scenes")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    train(**vars(parser.parse_args(argv)))


if __name__ == "__main__":
    main()
