"""Times the GIF encoder against Pillow's own path, on the same frames: `python benchmarks/gif_palette.py`.

The frames are drawn beforehand and do not count. Each contender runs several times, in turns, so that a busy
machine slows both; medians are printed.
"""

import argparse
import io
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from unitdrop.drawing import SweepFigure
from unitdrop.export.gif import Encoder, shared_palette
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

DELAY = 8  # hundredths of a second


def a_picture(side: int = 480) -> np.ndarray:
    """A colourful picture with detail at every scale, as a photograph has: (side, side, 3) uint8."""
    rng, total = np.random.default_rng(0), np.full((side, side, 3), 128.0)
    for cells in (4, 8, 16, 60, 240):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        smooth = np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC))
        total += (smooth - 128.0) * (4 / cells) ** 0.5
    return total.clip(0, 255).astype(np.uint8)


def frames_of(count: int, width: int, height: int) -> list[np.ndarray]:
    """Draw so many frames of a sweep, each (height, width, 3) uint8."""
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 0.05, (20, 256))
    weight[0] += 0.05
    labels = tuple(f"class {i}" for i in range(20))
    sweep = Sweep(Readout(rng.exponential(1, (256, 16, 16)), weight, np.zeros(20), labels, a_picture()))
    figure = SweepFigure(width, height)
    frames = [figure.show(sweep, k) for k in np.linspace(0, 256, count).astype(int)]
    figure.close()
    return frames


def ours(frames: list[np.ndarray]) -> bytes:
    """Encode as `unitdrop.export.save_gif` does."""
    sampled = [frames[i] for i in np.linspace(0, len(frames) - 1, min(12, len(frames))).astype(int)]
    encoder = Encoder(shared_palette(sampled))
    for frame in frames:
        encoder.add(frame, DELAY)
    return encoder.to_bytes()


def pillows(frames: list[np.ndarray]) -> bytes:
    """Encode as Pillow does unless told otherwise."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=10 * DELAY, loop=0)
    return file.getvalue()


def mean_error(data: bytes, frames: list[np.ndarray]) -> float:
    """Mean absolute difference from the drawn frames, in levels of 0 to 255."""
    errors = []
    with Image.open(io.BytesIO(data)) as picture:
        for k, frame in enumerate(frames):
            picture.seek(k)
            errors.append(np.abs(np.asarray(picture.convert("RGB"), np.int16) - frame).mean())
    return float(np.mean(errors))


def main() -> None:
    """Run the comparison and print a line for each contender."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, nargs=2, default=(900, 500), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    frames = frames_of(args.frames, *args.size)
    contenders, times, data = {"unitdrop": ours, "Pillow": pillows}, {}, {}
    for _ in range(args.runs):
        for name, encode in contenders.items():
            start = time.perf_counter()
            data[name] = encode(frames)
            times.setdefault(name, []).append(time.perf_counter() - start)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    width, height = args.size
    print(f"{args.frames} frames of {width} x {height}, median of {args.runs} runs, {os.cpu_count()} cores")
    for name, median in medians.items():
        error = mean_error(data[name], frames)
        print(f"{name:<9} {median:6.2f} s  {len(data[name]) / 1e6:5.2f} MB  mean error {error:.2f} levels")
    print(f"ratio     {medians['Pillow'] / medians['unitdrop']:6.1f}")


if __name__ == "__main__":
    main()
