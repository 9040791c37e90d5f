"""Lines of class names to names in order: a table, an index or an id at one end, or plain names.

Raises `ModelError` without the file's name, which `labels` puts before it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from unitdrop.errors import ModelError
from unitdrop.models.label_columns import (
    INDEX_WORDS,
    NAME_WORDS,
    WORDNET,
    Found,
    Table,
    Where,
    counts_from,
    fault_of,
    head_word,
    in_order,
    looks_like_index,
    order_of_ids,
    split_header,
)
from unitdrop.models.label_literals import parse_literal, yaml_scalar
from unitdrop.models.label_values import names_of_value
from unitdrop.names import brief

MOST_COLUMNS = 30  # of a table of class names; more marks in a line part no columns


def names_of_lines(lines: list[tuple[int, str]], ending: str) -> Found:
    """Return the names in lines: a table, lines with an index or a WordNet id, or one name a line."""
    lines = [(number, line.strip()) for number, line in lines]
    kept = [(number, line) for number, line in lines if not re.match(r"#(\s|$)", line)]
    notes = []
    if kept and len(kept) < len(lines):
        notes, lines = [f"lines that begin with # were left out: {len(lines) - len(kept)}"], kept
    if ending == ".csv" and len(lines) > 1 and re.fullmatch("sep=.", lines[0][1]):
        lines = lines[1:]  # Excel's own word for what parts its cells
    for number, line in lines:
        if not line:
            raise ModelError(f"line {number} is empty")
        if _is_code(line):
            raise ModelError(f"line {number} is no name: {line[:40]!r}")
    found = _of_clean_lines(lines, ending)
    return Found(found.names, notes + found.notes)


def _is_code(line: str) -> bool:
    """Return whether a line is a part of a list or of a program rather than a name."""
    brackets = [line.count(left) - line.count(right) for left, right in ("()", "[]", "{}")]
    parts = any(brackets) and re.search(r"[\[{(=]\s*[\"'\[{(]|[\"']\s*[\]}),]|,$|\w[\[{(]$", line)
    return bool(parts or re.fullmatch(r"[\[\]{}()]+[,;]?|\S+\s*\{|[\[{].*[\"'].*[\]}][,;]?", line))


def _of_clean_lines(numbered: list[tuple[int, str]], ending: str) -> Found:
    """Return the names in lines of which none is empty or a comment."""

    def where(row: int) -> str:
        return f"line {numbered[row][0]}"

    lines = [line for _, line in numbered]
    if all(re.match(r"[-*]\s", line) for line in lines):
        names = [yaml_scalar(line[1:], number) for number, line in numbered]
        return Found(names, ["the dashes or stars before the names were left out"])
    if all(_ITEM.fullmatch(line) for line in lines):
        inside = "".join(line.rstrip(",") + ",\n" for line in lines)
        found = names_of_value(parse_literal(f"{{{inside}}}")[0])
        return Found(found.names, [*found.notes, "its lines were read as those of a map in Python"])
    for mark in "\t;,":
        rows = _cells(lines, mark)
        found = _of_cells(rows, where, mark == "\t" or ending in (".csv", ".tsv")) if rows else None
        if found:
            return found
    if ending in (".csv", ".tsv") and (column := _cells(lines, ",", 1)):
        lines = [cell for (cell,) in column]
        if head_word(lines[0]) in NAME_WORDS and len(lines) > 1:
            found = _peeled(lines[1:], lambda row: where(row + 1))
            return Found(found.names, [*found.notes, f"the header {lines[0][:40]!r} was left out"])
    return _peeled(lines, where)


def _cells(lines: Sequence[str], mark: str, width: int | None = None) -> list[list[str]] | None:
    """Return the cells of lines that all have the same number of them, two or more; None otherwise."""
    if width is None and not all(0 < line.count(mark) < MOST_COLUMNS for line in lines):
        return None
    try:
        rows = list(csv.reader(lines, delimiter=mark, skipinitialspace=True, strict=True))
    except csv.Error:
        return None
    widths = {len(row) for row in rows}
    if (
        len(rows) != len(lines)
        or len(widths) > 1
        or (1 in widths) != (width == 1)
        or width not in (None, *widths)
    ):
        return None
    return [[cell.strip() for cell in row] for row in rows]


def _of_cells(rows: list[list[str]], where: Where, columned: bool) -> Found | None:
    """Return the names in a table; None if it is none for sure, as names have commas too.

    With ``columned``, the cells are columns for sure, and it must be one.
    """
    full = [c for c in range(len(rows[0])) if any(row[c] for row in rows)]  # Excel leaves empty ones behind
    rows = [[row[c] for c in full] for row in rows] if len(full) > 1 else rows
    while len(rows) > 1 and not any(rows[-1]):
        rows = rows[:-1]
    header, below = split_header(rows, columned)
    skipped = int(header is not None)
    table = Table(below, header, lambda row: where(row + skipped))
    columns = range(len(below[0]))
    sure = header or any(table.ids) or any(table.is_index(c) for c in columns)
    meant = any(numbers and looks_like_index(numbers) for numbers in table.numbers)
    if not sure and not meant and not columned:
        return None
    found = table.found()
    if header:
        found.notes.append(f"the header {brief(', '.join(header), 60)!r} was left out")
    return _without_letters(found)


def _unquoted(names: Sequence[str]) -> list[str]:
    """Return names without the quotes around them, and the commas behind, if all have them."""
    bare = [name.removesuffix(",").rstrip() for name in names]
    for mark in "\"'":
        if all(re.fullmatch(rf"{mark}(?:[^{mark}]++|{mark}{mark})++{mark}", name) for name in bare):
            return [name[1:-1].replace(2 * mark, mark).strip() for name in bare]
    return list(names)


# An index or a WordNet id at one end of every line ------------------------------------------------


_ID = re.compile(rf"{WORDNET.pattern}(?:\s*[:,;=|]\s*|\s+)(?=\S)")
_ID_BEHIND = re.compile(rf"(?<=\S)(?:\s*[:,;=|]\s*|\s+){WORDNET.pattern}$")
_ITEM = re.compile(r"""(?=.*['"])(?:'[^']*'|"[^"]*"|[0-9]{1,9})\s*:\s*(?:'[^']*'|"[^"]*"|[0-9]{1,9}),?""")
_LEADING = re.compile(
    r"(?:(?:class|label|id|idx|index)[ _#]?)?[(\[]?([0-9]{1,9})"
    r"(\s*[-=]>\s*|\s*[:,;=|]\s*|[.)\]]:?\s+|\s+-\s+|\s+)(.*)",
    re.DOTALL | re.IGNORECASE,
)


def _peeled(lines: Sequence[str], where: Where) -> Found:
    """Return the names in lines without the index or the WordNet id that all of them have at one end."""
    for header in (1, 0) if len(lines) > 1 and _is_header(lines[0]) else (0,):
        rows = list(lines[header:])
        notes = [f"the header {brief(lines[0], 60)!r} was left out"] * header
        rows, ids = _without_ids(rows)
        found = _by_number(rows, lambda row, header=header: where(row + header))
        if found is not None:
            names, more = _without_ids(found.names)
            found = Found(_unquoted_each(names), [*found.notes, *ids, *more, *notes])
        elif ids:
            found = Found(_unquoted(rows), [*ids, *order_of_ids(lines[header:]), *notes])
        if found is not None:
            return _without_letters(found)
    names = _unquoted(lines)
    quoted = ["the quotes around the names were left out"] if names != list(lines) else []
    return _without_letters(Found(names, quoted))


def _is_header(line: str) -> bool:
    """Return whether a line consists of words that head columns: two of them at least."""
    words = [head_word(word) for word in re.split(r"[,;:\t |]+", line.strip())]
    known = [word for word in words if word in (*NAME_WORDS, *INDEX_WORDS, "wnid", "synset")]
    return len(words) > 1 and len(known) == len(words)


def _without_ids(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the lines without the WordNet id that all of them have at one end, and what to say of it."""
    matches = [_ID.match(line) for line in lines]
    leading = sum(match is not None for match in matches)
    if leading == len(lines):
        names = [line[match.end() :] for line, match in zip(lines, matches, strict=True) if match]
        return names, ["the WordNet ids were left out"]
    if 2 * leading > len(lines):
        raise ModelError("most of its lines begin with a WordNet id, but not all")
    ends = [_ID_BEHIND.search(line[-12:]) for line in lines]
    if all(ends):
        names = [line[: -len(end[0])] for line, end in zip(lines, ends, strict=True) if end]
        return names, ["the WordNet ids were left out"]
    return list(lines), []


def _split_off(line: str, trailing: bool) -> tuple[int, str, str] | None:
    """Return the number at one end of a line, what parts it from the rest, and the rest; None without one."""
    if not trailing:
        match = _LEADING.fullmatch(line)
        return (int(match[1]), match[2].strip(), match[3].strip()) if match else None
    match = re.search(r"(?<![0-9])[0-9]{1,9}$", line[-10:])
    if not match:
        return None
    head = line[: len(line) - len(match[0])]
    bare = head.rstrip()
    parted = next((mark for mark in ("->", "=>", " -", ":", ",", ";", "=", "|") if bare.endswith(mark)), "")
    rest = bare[: len(bare) - len(parted)].rstrip()
    return (int(match[0]), parted, rest) if (head != bare or parted) and rest else None


def _by_number(lines: Sequence[str], where: Where) -> Found | None:
    """Return the names without the number that every line has at one end, if those are the index.

    Raises
    ------
    ModelError
        They were surely meant to be, and have gaps, or stand at both ends in different orders.
    """
    sides, doubts = [], []
    for trailing in (False, True):
        parts = [_split_off(line, trailing) for line in lines]
        there = [part for part in parts if part]
        names = {name.casefold() for _, _, name in there}
        marked = all(parted not in ("", "-") for _, parted, _ in there)
        if not there or (len(lines) > 1 and 2 * len(names) <= len(lines) and not marked):
            continue  # as with "thing 0", "thing 1": the numbers tell the names apart
        doubt = _doubt_of(parts, where)
        if doubt is None:
            sides.append(([part[0] for part in there], [part[2] for part in there], there[0][1], trailing))
        elif doubt:
            doubts.append(doubt)
    if sides:
        return _by_side(sides, where)
    if doubts:
        raise ModelError(f"{doubts[0]}; if the numbers belong to the names, give a JSON list")
    return None


def _doubt_of(parts: Sequence[tuple[int, str, str] | None], where: Where) -> str | None:
    """Return why the numbers at one end are no index.

    None if they are, ``""`` if they were not meant to be.
    """
    there = [part for part in parts if part]
    numbers = [number for number, _, _ in there]
    if len(there) < len(parts):
        meant = max(numbers) <= len(parts) < 2 * len(there) and len(set(numbers)) == len(numbers)
        return f"{where(parts.index(None))} has no index" if meant and looks_like_index(numbers) else ""
    if counts_from(numbers) is None:
        return fault_of(numbers, where) if looks_like_index(numbers) else ""
    if len({parted for _, parted, _ in there}) > 1:
        odd = next(row for row, part in enumerate(there) if part[1] != there[0][1])
        return f"{where(odd)} parts the index from the name otherwise than {where(0)}"
    return None


def _by_side(sides: list[tuple[list[int], list[str], str, bool]], where: Where) -> Found:
    """Return the names in the order of the numbers at one end, or at both if those agree."""
    orders = {tuple(sorted(range(len(names)), key=numbers.__getitem__)) for numbers, names, *_ in sides}
    if len(orders) > 1:
        raise ModelError("the numbers at both ends of its lines could be the index; head them in a CSV file")
    numbers, names, parted, trailing = min(sides, key=lambda side: min(side[0]))
    if min(numbers) and not parted and numbers != sorted(numbers):
        raise ModelError("the numbers in its lines count from 1, and are in no order; let them count from 0")
    place = "behind" if trailing else "before"
    return in_order(names, numbers, f"the numbers {place} the names were used as the index", where)


def _unquoted_each(names: Sequence[str]) -> list[str]:
    """Return names behind an index without the quotes that any of them has around it."""
    return [_unquoted([name])[0] if name[-1:] in ("'", '"') else name for name in names]


def _without_letters(found: Found) -> Found:
    """Return names such as those of Places365, ``/a/airfield``, without the letter of their drawer."""
    if not all(re.match(r"/([a-z])/\1\S*$", name) for name in found.names):
        return found
    return Found(
        [name[3:] for name in found.names], [*found.notes, "'/a/' and the like before them were left out"]
    )
