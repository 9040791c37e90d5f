"""A sweep as an animated GIF: which frames, for how long, and small enough.

Two sweeps can be shown side by side: two scopes, two rankings, two images.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unitdrop.checks import finite_number, whole_number
from unitdrop.drawing import NARROW, SweepFigure
from unitdrop.errors import ExportError
from unitdrop.export.files import atomic_write, destination
from unitdrop.export.gif import COLOURS, Encoder, shared_palette
from unitdrop.export.still import open_figures, side_by_side
from unitdrop.plan import Plan, View, make_plan
from unitdrop.sweep import Sweep

MAX_BYTES = 5_000_000  # what a GIF may weigh, unless told otherwise
_HOLD_START, _HOLD_FLIP, _HOLD_END = 100, 150, 200  # hundredths of a second
_SLOWEST, _FASTEST = 0.1, 50  # frames a second; players show a frame of under 2/100 s for 10/100 s
_SAMPLED = 12  # frames from which the palette is chosen


@dataclass(frozen=True)
class Reduction:
    """How far a GIF is reduced: colours in the palette, every how many-th frame, scale of the picture."""

    colours: int
    stride: int
    scale: float


# Tried in this order until the file is small enough. Colours go first: with 63 the heat map shows faint steps
# and nothing else suffers. Frames next: the animation jumps. Size last: the text suffers.
REDUCTIONS = (
    Reduction(COLOURS, 1, 1),
    Reduction(127, 1, 1),
    Reduction(63, 1, 1),
    Reduction(63, 2, 1),
    Reduction(63, 2, 0.75),
    Reduction(31, 4, 0.5),
)


def frame_steps(last: int, flips: Collection[int], frames: int) -> list[int]:
    """Choose the k of each frame: from 0 to `last`, evenly spaced, the flips up to there among them.

    At most `frames` different k; fewer where there are fewer. `frames` is at least 2 more than there are
    flips.

    Examples
    --------
    >>> frame_steps(100, [37], 5), frame_steps(100, [37, 60], 5), frame_steps(3, [], 60)
    ([0, 37, 50, 75, 100], [0, 37, 60, 75, 100], [0, 1, 2, 3])
    """
    steps = [int(k) for k in np.linspace(0, last, min(frames, last + 1)).round()]
    for flip in sorted(flips):
        if flip <= last and flip not in steps:
            free = [k for k in steps[1:-1] if k not in flips]
            steps.remove(min(free, key=lambda k: abs(k - flip)))
            steps = sorted([*steps, flip])
    return steps


def frame_delays(steps: list[int], flips: Collection[int], fps: float) -> list[int]:
    """Return how long each frame is seen, in hundredths of a second (2 or more).

    The first frame is held for 1 s, a flip for 1.5 s, the last for 2 s. The others are rounded to hundredths
    in such a way that the errors cancel and the pace is kept.

    Examples
    --------
    >>> frame_delays([0, 1, 2, 3, 4, 5, 6], [5], fps=12)
    [100, 9, 8, 8, 9, 150, 200]
    """
    edges = np.floor(np.arange(len(steps) + 1) * (100 / fps) + 0.5).astype(int)
    holds = [_HOLD_FLIP if k in flips else 2 for k in steps]
    holds[0], holds[-1] = max(holds[0], _HOLD_START), max(holds[-1], _HOLD_END)
    return [max(int(delay), hold) for delay, hold in zip(np.diff(edges), holds, strict=True)]


def save_gif(
    path: str | os.PathLike,
    sweep: Sweep,
    *,
    frames: int = 60,
    fps: float = 12,
    view: View = View(),
    size: tuple[int, int] | None = None,
    beside: Sweep | None = None,
    held: int = 0,
    last: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    max_bytes: int = MAX_BYTES,
    fresh: bool = False,
) -> Path:
    """Write a sweep as an animated GIF: units are dropped from k = 0 until well past the flip, over and over.

    The frames are those of `SweepFigure`. One palette serves all of them, without dithering. Should the file
    come out larger than `max_bytes`, it is made again with what `REDUCTIONS` lists, step by step: 127
    colours, 63 colours, half the frames, three quarters of the width and height, and at last 31 colours, a
    quarter of the frames and half the width and height.

    Parameters
    ----------
    path
        Ends in `.gif`. An older file is replaced when the new one is complete.
    sweep
        What to show.
    frames
        At most so many, 3 or more (4 with a sweep beside); no more than there are different k. The flip is
        one of them; with a sweep beside, both flips are.
    fps
        Frames a second, 0.1 to 50. The start, the flip and the end are held longer.
    view
        How to look at it. `view.end` says from which end of the ranking units are dropped ("auto": the top).
    size
        Width and height in pixels of the picture of one sweep, 160 to 4096 each; None for 900 x 500, and
        640 x 600 beside another.
    beside
        A second sweep (another scope, ranking or image; as many units), whose picture with the same units
        dropped by rank stands to the right of the first one's. The frames are twice as wide as `size`.
    held
        So many units are dropped from the other end throughout, 0 to U.
    last
        The largest k; None for the flip and as much again (or a tenth of the units, if that is more), and for
        all units where there is no flip or nothing to flip. If a sweep beside flips later, this goes by its
        flip.
    progress
        Called with (frames done, frames in all) after each frame; starts again with each reduction.
    max_bytes
        The file is at most so large.
    fresh
        Keep an older file: write `out-2.gif`, `out-3.gif`, ... where there is an `out.gif`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        An argument is out of range, the file cannot be written, or it cannot be made small enough; the two
        sweeps differ in their number of units.
    """
    shown = side_by_side(sweep, beside)
    check_gif(path, frames, fps, max_bytes, len(shown))
    view = replace(view, end="bottom" if view.end == "bottom" else "top")
    plans = tuple(_plan_of(each, view, held) for each in shown)
    size = size or (NARROW if beside else (900, 500))
    film = Film(plans, view, _last_k(plans, last), frames, float(fps), size)
    for reduction in REDUCTIONS:
        data = film.encode(reduction, max_bytes, progress)
        if data is not None:
            with atomic_write(path, fresh=fresh) as file:
                file.write(data)
            return file.path
    raise ExportError(
        f"{path}: stays over {max_bytes:,} bytes even with fewer colours, a quarter of the frames and half "
        "the size; ask for a smaller size, or allow more bytes"
    )


def check_gif(
    path: str | os.PathLike, frames: int = 60, fps: float = 12, max_bytes: int = MAX_BYTES, sweeps: int = 1
) -> None:
    """Judge what can be judged of `save_gif`'s arguments without drawing; `sweeps` are side by side.

    Raises
    ------
    ExportError
        An argument is out of range, or no GIF can be written there.
    """
    destination(path)
    if Path(path).suffix.lower() != ".gif":
        raise ExportError(f"{path}: only GIF is written; give a name that ends in .gif")
    least = 2 + sweeps  # the first, the last, and every flip
    if whole_number(frames, least) is None:
        raise ExportError(f"frames: expected a whole number of at least {least}, got {frames!r}")
    if finite_number(fps, _SLOWEST, _FASTEST) is None:
        raise ExportError(f"fps: expected {_SLOWEST} to {_FASTEST} frames a second, got {fps!r}")
    if whole_number(max_bytes, 1) is None:
        raise ExportError(f"max_bytes: expected a whole number of at least 1, got {max_bytes!r}")


def _plan_of(sweep: Sweep, view: View, held: int) -> Plan:
    """Return what the figure plans for a sweep, so that file and figure agree on the flip."""
    window = (held, 0) if view.end == "bottom" else (0, held)
    try:
        sweep.kept(*window)
        return make_plan(sweep, *window, view)
    except ValueError as error:
        raise ExportError(f"held: {error}") from error


def _last_k(plans: tuple[Plan, ...], wanted: int | None) -> int:
    """Return the k at which the animation ends, or raise `ExportError`."""
    most = len(plans[0].curve) - 1
    if wanted is not None:
        last = whole_number(wanted, 0, most)
        if last is None:
            raise ExportError(f"last: expected a whole number from 0 to {most}, got {wanted!r}")
        return last
    ends = [_past_flip(plan, most) for plan in plans]
    return most if ends[0] is None else max(filter(None, ends))


def _past_flip(plan: Plan, most: int) -> int | None:
    """Return the k, up to `most`, at which a sweep's flip is well past; None if nothing flips on the way."""
    if not plan.flip or not plan.flip[0]:
        return None
    flip = plan.flip[0]
    return min(most, flip + max(flip, plan.sweep.units // 10, 1))


@dataclass(frozen=True, eq=False)
class Film:
    """What to show, from left to right, and how; see `save_gif`."""

    plans: tuple[Plan, ...]
    view: View
    last: int
    frames: int
    fps: float
    size: tuple[int, int]

    def encode(
        self, reduction: Reduction, limit: int, progress: Callable[[int, int], object] | None
    ) -> bytes | None:
        """Draw and encode all frames with one reduction; None if the file is over the limit."""
        flips = {plan.flip[0] for plan in self.plans if plan.flip}
        steps = frame_steps(self.last, flips, max(2 + len(self.plans), self.frames // reduction.stride))
        delays = frame_delays(steps, flips, self.fps)
        with open_figures(len(self.plans), self.size, reduction.scale) as figures:
            sampled = {k: self._frame(figures, k) for k in _sample(steps)}
            encoder = Encoder(shared_palette(list(sampled.values()), reduction.colours))
            for done, (k, delay) in enumerate(zip(steps, delays, strict=True), 1):
                encoder.add(sampled.pop(k) if k in sampled else self._frame(figures, k), delay)
                if progress is not None:
                    progress(done, len(steps))
        data = encoder.to_bytes()
        return data if len(data) <= limit else None

    def _frame(self, figures: list[SweepFigure], k: int) -> np.ndarray:
        """Return the frame at k: (height, width, 3) uint8, the widths of all figures together."""
        pairs = zip(figures, self.plans, strict=True)
        return np.hstack([figure.show(plan.sweep, *plan.window(k).ends, self.view) for figure, plan in pairs])


def _sample(steps: list[int]) -> list[int]:
    """Return at most `_SAMPLED` of the steps, evenly spaced, the first and the last among them."""
    picked = np.linspace(0, len(steps) - 1, min(_SAMPLED, len(steps))).round().astype(int)
    return [steps[i] for i in picked]
