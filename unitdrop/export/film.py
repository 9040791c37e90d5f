"""From a sweep to files: an animated GIF, a PNG, a CSV table. A file is written whole or not at all.

GIF and PNG can show two sweeps side by side: two scopes, two rankings, two images.
"""

from __future__ import annotations

import csv
import io
import operator
import os
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from unitdrop.drawing import NARROW, SweepFigure
from unitdrop.errors import ExportError
from unitdrop.export.gif import COLOURS, Encoder, shared_palette
from unitdrop.plan import Plan, View, make_plan
from unitdrop.sweep import Sweep

MAX_BYTES = 5_000_000  # what a GIF may weigh, unless told otherwise
_LONGEST_NAME = 100  # bytes; file systems allow 255, and what calls may want to add an ending or a number
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))}
_HOLD_START, _HOLD_FLIP, _HOLD_END = 100, 150, 200  # hundredths of a second
_SLOWEST, _FASTEST = 0.1, 50  # frames a second; players show a frame of under 2/100 s for 10/100 s
_SAMPLED = 12  # frames from which the palette is chosen


def safe_name(label: str) -> str:
    r"""Turn a label into a file name without an ending that every common system accepts.

    Letters and digits of any script, `-`, `_` and `.` stay; all else becomes `-`, and dots do not lead. Names
    that Windows reserves get a leading `_`. At most 100 bytes of UTF-8; never empty. Two labels may become
    the same name.

    Examples
    --------
    >>> safe_name("diner/outdoor"), safe_name("..\\secret"), safe_name("CON"), safe_name(" ?")
    ('diner-outdoor', 'secret', '_CON', 'unnamed')
    """
    kept = (c if c in "_." or unicodedata.category(c)[0] in "LMN" else "-" for c in _composed(label))
    joined = "-".join(filter(None, "".join(kept).split("-")))
    name = joined.strip("-. ").encode()[:_LONGEST_NAME].decode(errors="ignore").strip("-. ")
    return f"_{name}" if name.split(".")[0].upper() in _RESERVED else name or "unnamed"


def _composed(label: str) -> str:
    """Return the text with look-alikes and ligatures replaced by plain letters (NFKC)."""
    return unicodedata.normalize("NFKC", str(label))


def destination(path: str | os.PathLike) -> Path:
    """Return the file that writing to `path` makes or replaces, symbolic links followed.

    Raises
    ------
    ExportError
        There is no such folder, it or the file is protected, or `path` is something other than a file.
    """
    try:
        final = Path(os.path.realpath(os.fspath(path)))
        problem = _problem(final)
    except (OSError, TypeError, ValueError) as error:  # too long, a null byte, not a path at all
        raise ExportError(f"{path!r}: cannot be a file name ({error}); choose another") from error
    if problem:
        raise ExportError(f"{path}: {problem}")
    return final


def _problem(final: Path) -> str | None:
    """Say what keeps a file from being written, and the remedy; None if nothing does."""
    folder, exists = final.parent, final.exists() or final.is_symlink()
    if not folder.is_dir():
        return f"there is no folder {folder}; make it first, or choose another"
    if final.is_dir():
        return "is a folder; add a file name to it"
    if exists and not final.is_file():
        return "is not a regular file; choose another name"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} may not be written to; choose another"
    if exists and not os.access(final, os.W_OK):
        return "exists and is write-protected; choose another name"
    return None


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`, and put it in the place of `path` once all is written.

    Whatever happens in between, `path` is what it was before, and the temporary file is removed (only a
    process that is killed leaves one, called `.unitdrop-*.tmp`). A new file gets the permissions that new
    files get; one that is replaced keeps its own. Symbolic links are followed.

    Raises
    ------
    ExportError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(f"{folder}/note.txt") as file:
    ...         _ = file.write(b"all of it")
    ...     os.listdir(folder)
    ['note.txt']
    """
    final = destination(path)
    temporary = final.with_name(f".unitdrop-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if final.exists():
                shutil.copymode(final, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, final)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from error
        raise
    _settle(final.parent)


def _settle(folder: Path) -> None:
    """Ask the system to put the folder's new entry on the disk, where it can be asked."""
    with suppress(OSError, AttributeError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def save_csv(path: str | os.PathLike, sweep: Sweep) -> Path:
    """Write a sweep as a table: a row for each k = 0..U units dropped from the top of the ranking.

    Columns: `k`; `weight` and `unit`, the target's weight on the k-th unit of the ranking and that unit's
    index (empty for k = 0); `p(label)` for each class, its probability to 9 digits (all that float32 holds).

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    destination(path)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["k", "weight", "unit", *(f"p({label})" for label in sweep.readout.labels)])
    for k, row in enumerate(sweep.curve):
        last = (f"{sweep.weights_ranked[k - 1]:.9g}", int(sweep.ranking[k - 1])) if k else ("", "")
        writer.writerow([k, *last, *(f"{p:.9g}" for p in row)])
    with atomic_write(path) as file:
        file.write(table.getvalue().encode("utf-8", "backslashreplace"))
    return Path(path)


@dataclass(frozen=True)
class _Reduction:
    """How far a GIF is reduced: colours in the palette, every how many-th frame, scale of the picture."""

    colours: int
    stride: int
    scale: float


# Tried in this order until the file is small enough. Colours go first: with 63 the heat map shows faint steps
# and nothing else suffers. Frames next: the animation jumps. Size last: the text suffers.
REDUCTIONS = (
    _Reduction(COLOURS, 1, 1),
    _Reduction(127, 1, 1),
    _Reduction(63, 1, 1),
    _Reduction(63, 2, 1),
    _Reduction(63, 2, 0.75),
    _Reduction(31, 4, 0.5),
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


@contextmanager
def _figures(count: int, size: tuple[int, int], scale: float = 1) -> Iterator[list[SweepFigure]]:
    """Make figures of one size, scaled, or raise `ExportError`; whatever happens, all are closed."""
    with ExitStack() as made:
        try:
            width, height = (side if scale == 1 else max(160, round(side * scale)) for side in size)
            figures = [made.enter_context(closing(SweepFigure(width, height))) for _ in range(count)]
        except (TypeError, ValueError) as error:
            raise ExportError(f"size: {error}") from error
        yield figures


def _side_by_side(sweep: Sweep, beside: Sweep | None) -> tuple[Sweep, ...]:
    """Return what is shown, from left to right, or raise `ExportError`."""
    if beside is None:
        return (sweep,)
    if not isinstance(beside, Sweep):
        raise ExportError(f"beside: expected a Sweep, got {type(beside).__name__}; pass Sweep(readout, ...)")
    if beside.units != sweep.units:
        raise ExportError(
            f"beside: expected a sweep of {sweep.units} units, as many as the first one drops, got one of "
            f"{beside.units}; take one of the same network"
        )
    return sweep, beside


def save_png(
    path: str | os.PathLike,
    sweep: Sweep,
    top: int = 0,
    bottom: int = 0,
    *,
    view: View = View(),
    size: tuple[int, int] | None = None,
    beside: Sweep | None = None,
) -> Path:
    """Write the picture of one window of a sweep, as `SweepFigure` draws it, or of two sweeps side by side.

    Parameters
    ----------
    path
        Ends in `.png`. An older file is replaced when the new one is complete.
    sweep, top, bottom, view
        See `SweepFigure.show`.
    size
        Width and height in pixels of the picture of one sweep; None for 960 x 540, and 640 x 600 beside
        another.
    beside
        A second sweep (another scope, ranking or image; as many units), whose picture of the same window
        stands to the right of the first one's. Both have the `size`: the file is twice as wide.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        The file cannot be written, or is not called `.png`; the two sweeps differ in their number of units.
    ValueError
        The window is not one of the sweep's, or (an `ExportError`) the size is out of range.

    Examples
    --------
    >>> save_png("sea.jpg", None)
    Traceback (most recent call last):
    unitdrop.errors.ExportError: sea.jpg: expected a name that ends in .png; choose another
    """
    if not str(path).lower().endswith(".png"):
        raise ExportError(f"{path}: expected a name that ends in .png; choose another")
    shown = _side_by_side(sweep, beside)
    with _figures(len(shown), size or (NARROW if beside else (960, 540))) as figures:
        pixels = np.hstack([f.show(s, top, bottom, view) for f, s in zip(figures, shown, strict=True)])
    with atomic_write(path) as file:
        Image.fromarray(pixels).save(file, "PNG")
    return Path(path)


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

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ExportError
        An argument is out of range, the file cannot be written, or it cannot be made small enough; the two
        sweeps differ in their number of units.
    """
    shown = _side_by_side(sweep, beside)
    check_gif(path, frames, fps, max_bytes, len(shown))
    view = replace(view, end="bottom" if view.end == "bottom" else "top")
    tracks = tuple(_track(each, view, held) for each in shown)
    film = _Film(tracks, view, _last(tracks, last), frames, fps, size or (NARROW if beside else (900, 500)))
    for reduction in REDUCTIONS:
        data = film.encode(reduction, max_bytes, progress)
        if data is not None:
            with atomic_write(path) as file:
                file.write(data)
            return Path(path)
    raise ExportError(
        f"{path}: stays over {max_bytes:,} bytes even with fewer colours, a quarter of the frames and half "
        "the size; ask for a smaller size, or allow more bytes"
    )


def _is_whole(value: object) -> bool:
    """Return whether a value is an integer (of Python's or of numpy's)."""
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def check_gif(
    path: str | os.PathLike, frames: int = 60, fps: float = 12, max_bytes: int = MAX_BYTES, sweeps: int = 1
) -> None:
    """Raise `ExportError` for arguments that can be judged without drawing; `sweeps` are side by side."""
    destination(path)
    if Path(path).suffix.lower() != ".gif":
        raise ExportError(f"{path}: only GIF is written; give a name that ends in .gif")
    least = 2 + sweeps  # the first, the last, and every flip
    if not _is_whole(frames) or frames < least:
        raise ExportError(f"frames: expected a whole number of at least {least}, got {frames!r}")
    if not isinstance(fps, (int, float, np.number)) or not _SLOWEST <= fps <= _FASTEST:
        raise ExportError(f"fps: expected {_SLOWEST} to {_FASTEST} frames a second, got {fps!r}")
    if not _is_whole(max_bytes) or max_bytes < 1:
        raise ExportError(f"max_bytes: expected a whole number of at least 1, got {max_bytes!r}")


def _track(sweep: Sweep, view: View, held: int) -> Plan:
    """Return what the figure plans for this sweep, so that file and figure agree on the flip."""
    window = (held, 0) if view.end == "bottom" else (0, held)
    try:
        sweep.kept(*window)
        return make_plan(sweep, *window, view)
    except ValueError as error:
        raise ExportError(f"held: {error}") from error


def _last(tracks: tuple[Plan, ...], wanted: int | None) -> int:
    """Return the k at which the animation ends, or raise `ExportError`."""
    most = len(tracks[0].curve) - 1
    if wanted is not None:
        if not _is_whole(wanted) or not 0 <= wanted <= most:
            raise ExportError(f"last: expected a whole number from 0 to {most}, got {wanted!r}")
        return wanted
    ends = [_past_flip(track, most) for track in tracks]
    return most if ends[0] is None else max(filter(None, ends))


def _past_flip(track: Plan, most: int) -> int | None:
    """Return the k, up to `most`, at which a sweep's flip is well past; None if nothing flips on the way."""
    if not track.flip or not track.flip[0]:
        return None
    flip = track.flip[0]
    return min(most, flip + max(flip, track.sweep.units // 10, 1))


@dataclass(frozen=True, eq=False)
class _Film:
    """What to show, from left to right, and how; see `save_gif`."""

    tracks: tuple[Plan, ...]
    view: View
    last: int
    frames: int
    fps: float
    size: tuple[int, int]

    def encode(self, reduction: _Reduction, limit: int, progress: Callable | None) -> bytes | None:
        """Draw and encode all frames with one reduction; None if the file is over the limit."""
        flips = {track.flip[0] for track in self.tracks if track.flip}
        steps = frame_steps(self.last, flips, max(2 + len(self.tracks), self.frames // reduction.stride))
        delays = frame_delays(steps, flips, self.fps)
        with _figures(len(self.tracks), self.size, reduction.scale) as figures:
            sampled = {k: self._draw(figures, k) for k in _spaced(steps)}
            encoder = Encoder(shared_palette(list(sampled.values()), reduction.colours))
            for done, (k, delay) in enumerate(zip(steps, delays, strict=True), 1):
                encoder.add(sampled.pop(k) if k in sampled else self._draw(figures, k), delay)
                if progress is not None:
                    progress(done, len(steps))
        data = encoder.to_bytes()
        return data if len(data) <= limit else None

    def _draw(self, figures: list[SweepFigure], k: int) -> np.ndarray:
        """Return the frame at k: (height, width, 3) uint8, the widths of all figures together."""
        pairs = zip(figures, self.tracks, strict=True)
        return np.hstack(
            [figure.show(track.sweep, *track.window(k).ends, self.view) for figure, track in pairs]
        )


def _spaced(steps: list[int]) -> list[int]:
    """Return at most `_SAMPLED` of the steps, evenly spaced, the first and the last among them."""
    picked = np.linspace(0, len(steps) - 1, min(_SAMPLED, len(steps))).round().astype(int)
    return [steps[i] for i in picked]
