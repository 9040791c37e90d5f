"""A sweep as a CSV table: every class at every k."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from unitdrop.export.files import atomic_write, destination
from unitdrop.names import distinct
from unitdrop.sweep import Sweep

_BREAKS = "\r\n\v\f\x1c-\x1e\x85\u2028\u2029"  # wherever some program begins a new line
_SPECIAL = re.compile(f'[",{_BREAKS}]')
_FORMULA = re.compile(f"""([{_BREAKS};\t|][{_BREAKS};\t|,"'\\s]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])""")


def save_csv(path: str | os.PathLike, sweep: Sweep) -> Path:
    """Write a sweep as a table: a row for each k = 0..U units dropped from the top of the ranking.

    Columns: `k`; `weight` and `unit`, the target's weight on the k-th unit of the ranking and that unit's
    index (empty for k = 0); `p(label)` for each class, its probability to 9 digits (all that float32 holds).
    A label stays as it is, in quotes where it needs them, but for an apostrophe before what a spreadsheet
    would take for a formula where a line or a cell begins inside it, and for characters that UTF-8 or a text
    file lacks, which are written as escapes.

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
    labels = distinct([_defused(label) for label in sweep.readout.labels])
    rows = [_row(["k", "weight", "unit", *(_quoted(f"p({label})") for label in labels)])]
    for k, row in enumerate(sweep.curve):
        last = (f"{sweep.weights_ranked[k - 1]:.9g}", str(sweep.ranking[k - 1])) if k else ("", "")
        rows.append(_row([str(k), *last, *(f"{p:.9g}" for p in row)]))
    with atomic_write(path) as file:
        file.write("".join(rows).encode())
    return file.path


def _row(cells: Iterable[str]) -> str:
    return ",".join(cells) + "\n"


def _defused(label: str) -> str:
    r"""Return a label that starts no formula: in no line of it, and behind no other separator.

    >>> _defused("1 + 1 = 2, or -1"), _defused("sea\n=cmd()"), _defused("a;@b")
    ('1 + 1 = 2, or -1', "sea\n'=cmd()", "a;'@b")
    """
    text = label.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return _FORMULA.sub(r"\1'", text)


def _quoted(cell: str) -> str:
    """Return a cell in quotes, those inside it doubled, where it holds any, a comma or a line break."""
    return '"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell
