"""A sweep as a CSV table: every class at every k."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from unitdrop.export.files import atomic_write, destination
from unitdrop.sweep import Sweep


def save_csv(path: str | os.PathLike, sweep: Sweep) -> Path:
    """Write a sweep as a table: a row for each k = 0..U units dropped from the top of the ranking.

    Columns: `k`; `weight` and `unit`, the target's weight on the k-th unit of the ranking and that unit's
    index (empty for k = 0); `p(label)` for each class, its probability to 9 digits (all that float32 holds).

    Returns
    -------
    Path
        The file.

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
    return file.path
