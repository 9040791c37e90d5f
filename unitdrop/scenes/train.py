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
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from unitdrop.scenes import network
from unitdrop.scenes.compose import NAMES, render

TRAIN, CALIBRATE, HELD_OUT = 0, 10_000_000, 50_000_000
"""First render seeds of the three disjoint sets."""
CALIBRATION = 2000
"""Renders that the temperature is fitted on."""


def _one(i: int, first: int) -> np.ndarray:
    cv2.setNumThreads(1)
    return render(NAMES[i % len(NAMES)], first + i // len(NAMES), network.SIZE).image


def render_set(first: int, count: int, workers: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Render ``count`` scenes, the classes in turn: RGB uint8 (count, 128, 128, 3) and classes (count,)
    int64.
    """
    images = np.empty((count, network.SIZE, network.SIZE, 3), np.uint8)
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit the locks of other threads
    with ProcessPoolExecutor(workers or os.cpu_count(), spawn) as pool:
        job = pool.map(functools.partial(_one, first=first), range(count), chunksize=100)
        for i, image in enumerate(tqdm(job, total=count, desc="render", unit="scene")):
            images[i] = image
    return images, np.arange(count) % len(NAMES)


def augment(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror half of a batch and shift each of its four parts by up to 8 pixels, edges repeated."""
    flip = torch.rand(len(x), generator=generator) < 0.5
    x = torch.where(flip[:, None, None, None], x.flip(3), x)
    padded, parts = F.pad(x, (8, 8, 8, 8), mode="replicate"), []
    for part in padded.chunk(4):
        dy, dx = torch.randint(0, 17, (2,), generator=generator).tolist()
        parts.append(part[:, :, dy : dy + network.SIZE, dx : dx + network.SIZE])
    return torch.cat(parts)


def _epoch(net, images, labels, optimizer, schedule, generator, batch, desc) -> float:
    net.train()
    order, total = torch.randperm(len(images), generator=generator), 0.0
    bar = tqdm(order.split(batch)[: len(order) // batch], desc=desc, unit="batch")
    for seen, index in enumerate(bar, start=1):
        x = augment(network.to_batch(images[index.numpy()]), generator).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(x)
        loss = F.cross_entropy(logits.float(), torch.as_tensor(labels[index.numpy()]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        net.fc.weight.data.clamp_(min=0)  # every unit is evidence for, never against: see MODEL_CARD.md
        total += loss.item()
        bar.set_postfix(loss=f"{total / seen:.3f}")
    return total / seen


@torch.inference_mode()
def logits_of(net, images, batch: int = 200) -> torch.Tensor:
    """Logits (N, C) float32 of RGB uint8 images (N, 128, 128, 3)."""
    net.eval()
    return torch.cat([net(network.to_batch(images[i : i + batch])) for i in range(0, len(images), batch)])


def temperature(logits: torch.Tensor, labels: np.ndarray) -> float:
    """The temperature that minimises the negative log-likelihood, on a grid of 0.01 (Guo et al. 2017)."""
    grid, labels = torch.linspace(0.3, 4, 371), torch.as_tensor(labels)
    return float(min(grid, key=lambda t: F.cross_entropy(logits / t, labels)))


def _resume(path: Path, net, optimizer, schedule, generator) -> int:
    if not path.is_file():
        return 0
    saved = torch.load(path, weights_only=True)
    net.load_state_dict(saved["net"])
    optimizer.load_state_dict(saved["optimizer"])
    schedule.load_state_dict(saved["schedule"])
    generator.set_state(saved["generator"])
    return saved["epoch"]


def _keep(path: Path, epoch, net, optimizer, schedule, generator) -> None:
    state = {"epoch": epoch, "net": net.state_dict(), "optimizer": optimizer.state_dict()}
    state |= {"schedule": schedule.state_dict(), "generator": generator.get_state()}
    torch.save(state, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def _version() -> str:
    """A number that changes with this folder's code: what an older version left is not resumed."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return f"{zlib.crc32(b''.join(path.read_bytes() for path in sources)):08x}"


def train(
    out: Path, work: Path, images: int, epochs: int, seed: int, batch: int = 100, rate: float = 3e-3
) -> None:
    """Render, train, calibrate and write the weights to ``out``; ``work`` keeps what a resumed run needs."""
    if images < batch or epochs < 1:
        raise SystemExit(f"expected at least {batch} images and 1 epoch, got {images} and {epochs}")
    torch.manual_seed(seed)
    work.mkdir(parents=True, exist_ok=True)
    version = _version()
    cache = work / f"train-{images}-{version}.npy"
    if not cache.is_file():
        with open(cache.with_suffix(".part"), "wb") as file:
            np.save(file, render_set(TRAIN, images)[0])
        os.replace(file.name, cache)
    data, labels = np.load(cache), np.arange(images) % len(NAMES)
    net, generator = (
        network.build().to(memory_format=torch.channels_last),
        torch.Generator().manual_seed(seed),
    )
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.05)
    steps = epochs * (images // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2)
    keep = work / f"epoch-{images}-{epochs}-{seed}-{version}.pt"
    for epoch in range(_resume(keep, net, optimizer, schedule, generator), epochs):
        _epoch(net, data, labels, optimizer, schedule, generator, batch, f"epoch {epoch + 1}/{epochs}")
        _keep(keep, epoch + 1, net, optimizer, schedule, generator)
    _finish(net, out)


def _finish(net, out: Path) -> None:
    held, truth = render_set(CALIBRATE, CALIBRATION)
    logits = logits_of(net, held)
    t = temperature(logits, truth)
    net.fc.weight.data /= t
    net.fc.bias.data /= t
    network.save(net, out)
    accuracy = float((logits.argmax(1).numpy() == truth).mean())
    print(f"top-1 {accuracy:.3f} on {CALIBRATION:,} calibration renders, temperature {t:.2f}; wrote {out}")


def main(argv: list[str] | None = None) -> None:
    """The command line."""
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
