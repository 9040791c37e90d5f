"""A file of class names, in whatever form it circulates, to names in the network's order.

A list or map in JSON, as a Python literal or in YAML; a table; lines with an index or a WordNet id; or one
name a line. Nothing in the file is run or imported. What was guessed is said; what is not sure is refused.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from unitdrop.errors import ModelError
from unitdrop.models.label_columns import Found
from unitdrop.models.label_lines import names_of_lines
from unitdrop.models.label_literals import parse_json, parse_literal
from unitdrop.models.label_values import names_of_value, names_of_yaml, opens_yaml
from unitdrop.names import brief, printable
from unitdrop.notices import say

MAX_LABEL_BYTES = 10_000_000
"""A larger file is no list of labels."""
MOST_LINES = 100_000
EXPECTED = "one class name a line, a list or map in JSON or YAML, or a table with an index and a name a line"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before that of UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_labels(path: str | Path) -> tuple[str, ...]:
    """Return the class names in a file, in the network's order.

    What is understood: a list or map in JSON (``["tench", ...]``, ``{"0": "tench"}``, ``{"tench": 0}``,
    ``{"0": ["n01440764", "tench"]}``), as a Python literal or in YAML, also under ``names:``; a table with
    commas, semicolons or tabs, with or without a header, its columns in any order; lines such as ``0 tench``,
    ``0: tench``, ``/a/airfield 0`` or ``n01440764 tench, Tinca tinca``; and one name a line. Numbers 0 to
    C - 1 in a column, in any order, are the index. What was guessed is said.

    Raises
    ------
    ModelError
        The file cannot be read, is no text, or cannot be read surely; the message tells its first line and
        what was expected.
    """
    path = Path(path)
    text = _text_of(path)
    try:
        found = _found_in(text, path.suffix.lower())
    except ModelError as error:
        first = brief(printable(text[:1000].strip("\r\n").splitlines()[0] if text.strip() else ""), 80)
        raise ModelError(
            f"labels: {path}: {error}. Its first line is {first!r}; expected {EXPECTED}"
        ) from None
    if found.notes:
        ends = f"class 0 is {brief(found.names[0], 60)!r}, the last {brief(found.names[-1], 60)!r}"
        say(f"labels: {path}: {'; '.join(found.notes)}; {ends}")
    return tuple(found.names)


# From a file to its text ------------------------------------------------------------------------


def _text_of(path: Path) -> str:
    """Return the text of a file without its byte order mark, lines ended by line feeds alone."""
    data = _bytes_of(path)
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    mark = next((mark for mark, name in _BOMS if name == encoding), b"")
    try:
        text = data[len(mark) :].decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        line = len(re.split(rb"\r\n|\r|\n", data[: error.start]))
        raise ModelError(
            f"labels: {path} is no UTF-8 text (line {line}); save it as UTF-8: {EXPECTED}"
        ) from None
    if "\0" in text:
        raise ModelError(f"labels: {path} is no text; expected {EXPECTED}, in UTF-8")
    text = re.sub(r"\r\n?", "\n", text)
    if text.count("\n") > MOST_LINES:
        raise ModelError(f"labels: {path} has more than {MOST_LINES} lines; expected {EXPECTED}")
    return text.rstrip()


def _bytes_of(path: Path) -> bytes:
    """Return what a file holds; `ModelError` unless it is a regular one of at most 10 MB."""
    try:
        path = path.expanduser()
        if not path.exists():
            raise ModelError(f"labels: {path}: there is no such file; expected {EXPECTED}")
        if not path.is_file():
            what = "a folder" if path.is_dir() else "no regular file"
            raise ModelError(f"labels: {path}: it is {what}; give a file with {EXPECTED}")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            # What is open may be another one than what was looked at.
            data = file.read(MAX_LABEL_BYTES + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"labels: {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > MAX_LABEL_BYTES:
        raise ModelError(f"labels: {path} is larger than 10 MB; expected {EXPECTED}")
    return data


# From a text to names ---------------------------------------------------------------------------


def _found_in(text: str, ending: str) -> Found:
    """Return the names in a text; ``ending`` is that of the file, such as ``".csv"``."""
    found = _read_as_it_looks(text, ending)
    names = [name.strip() for name in found.names]
    if "" in names:  # quotes with nothing between them
        raise ModelError(f"class {names.index('')} has an empty name")
    return Found(names, found.notes)


def _read_as_it_looks(text: str, ending: str) -> Found:
    """Return the names in a text, in the form that it looks like."""
    start = text.lstrip()
    if not start:
        raise ModelError("it is empty")
    if re.match(r"<(\?xml|!doctype|html)|\{\\rtf|%PDF", start, re.IGNORECASE):
        raise ModelError("it is a document, no list of names")
    assigned = re.match(r"[A-Za-z_]\w*\s*=\s*(?=[\[{(])", start)
    if assigned or _is_bracketed(start):
        found = names_of_value(_bracketed(start[assigned.end() if assigned else 0 :]))
        return Found(
            found.names, [*found.notes, *([f"{assigned[0].strip()!r} was left out"] if assigned else [])]
        )
    lines = list(enumerate(text.split("\n"), 1))
    is_yaml = ending in (".yaml", ".yml")
    if is_yaml or any(opens_yaml(line) for _, line in lines):
        return names_of_yaml(lines)
    return names_of_lines(lines, ending)


def _is_bracketed(start: str) -> bool:
    """Return whether a text begins as a list or map does; a name may begin with a bracket too."""
    if start[0] == "(":
        return bool(re.match(r"""\(\s*[uU]?['"]""", start))
    first, *more = start.split("\n", 1)
    named = more and re.fullmatch(r"\[[^\[\]\"',:]*\].*|\{[^{}\"',:]*\}.*", first)
    return first[0] in "[{" and not named


def _bracketed(text: str) -> Any:
    """Return what a list or map in JSON or as a Python literal says; JSON may have a map a line."""
    try:
        return parse_json(text)
    except ValueError as error:
        if isinstance(error, ModelError):
            raise
    lines = text.split("\n")
    if len(lines) > 1 and all(
        line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines
    ):
        try:
            return [parse_json(line) for line in lines]
        except json.JSONDecodeError:
            pass
    value, end = parse_literal(text)
    rest = re.sub(r"#[^\n]*", "", text[end:]).strip().strip(";")
    if rest:
        raise ModelError(f"something follows its list: {rest[:40]!r}")
    return value
