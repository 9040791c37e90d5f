"""Lists and maps of class names to names in the network's order.

Raises `ModelError` without the file's name, which `labels` puts before it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from unitdrop.errors import ModelError
from unitdrop.models.label_columns import (
    WORDNET,
    Found,
    Table,
    counts_from,
    fault_of,
    in_order,
    looks_like_index,
    numbers_in,
)
from unitdrop.models.label_literals import Pairs, parse_literal, parse_yaml_block, yaml_maps
from unitdrop.names import brief

KEYS = (
    "names",
    "id2label",
    "idx_to_class",
    "class_names",
    "classes",
    "labels",
    "class_to_idx",
    "label2id",
    "categories",
)
"""Under which a larger map has its class names, the surest first."""


def _entry(index: int) -> str:
    return f"entry {index + 1}"


def _as_name(value: Any, where: str) -> str:
    """Return a text or whole number as a name."""
    if not _is_plain(value):
        kind = {Pairs: "map", type(None): "null"}.get(type(value), type(value).__name__)
        raise ModelError(f"{where} is a {kind}, no name")
    name = str(value).strip()
    if not name:
        raise ModelError(f"{where} is empty")
    return name


def names_of_value(value: Any) -> Found:
    """Return the names in a list or map."""
    if isinstance(value, Pairs):
        return _of_map(value)
    if not isinstance(value, list) or not value:
        raise ModelError("it holds no names")
    if all(isinstance(item, Pairs) and item for item in value):
        return _of_records(value)
    if all(type(item) is list and item for item in value):
        return _of_rows(value)
    return Found([_as_name(item, _entry(i)) for i, item in enumerate(value)])


def _of_rows(rows: Sequence[Sequence[Any]], sort: bool = True) -> Found:
    """Return the names in a list of lists, all of one length."""
    width = len(rows[0])
    for i, row in enumerate(rows):
        if len(row) != width:
            raise ModelError(f"{_entry(i)} has {len(row)} parts, {_entry(0)} has {width}")
    cells = [[_as_name(cell, _entry(i)) for cell in row] for i, row in enumerate(rows)]
    return Found([row[0] for row in cells]) if width == 1 else Table(cells, None, _entry).found(sort)


def _of_records(records: Sequence[Pairs], sort: bool = True) -> Found:
    """Return the names in a list of maps, as a table whose header is the keys that hold texts or numbers."""
    maps = [{key: value for key, value in record if isinstance(key, str)} for record in records]
    common = [key for key in maps[0] if all(_is_plain(each.get(key)) for each in maps)]
    if not common:
        raise ModelError("its maps have no texts or numbers under the same keys")
    if len(common) == 1:
        return Found([_as_name(each[common[0]], _entry(i)) for i, each in enumerate(maps)])
    return Table([[str(each[key]).strip() for key in common] for each in maps], common, _entry).found(sort)


def _is_plain(value: Any) -> bool:
    """Return whether a value is a text or a whole number."""
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _of_map(pairs: Pairs) -> Found:
    """Return the names in a map from or to the index, or in one that a larger map has under a known key."""
    keys = [_as_name(key, f"the key of {_entry(i)}") for i, (key, _) in enumerate(pairs)]
    values = [value for _, value in pairs]
    repeated = [key for key, often in Counter(keys).items() if often > 1]
    if not keys or repeated:
        raise ModelError(
            f"the key {brief(repeated[0], 40)!r} occurs twice" if repeated else "it holds no names"
        )
    numbers = numbers_in(keys)
    targets = numbers_in([str(value).strip() for value in values]) if all(map(_is_plain, values)) else None
    if numbers and targets:
        return _of_two_numbers(keys, values, numbers, targets)
    if targets and looks_like_index(targets):
        return _indexed(keys, targets)
    if numbers:
        return _of_index_map(values, numbers)
    return _of_keyed(dict(zip(keys, values, strict=True)))


def _indexed(names: Sequence[str], numbers: Sequence[int]) -> Found:
    """Return the names of a map in the order of its indices: what is certain there needs no word."""
    if counts_from(numbers) is None:
        if min(numbers) > 1:
            raise ModelError(f"its indices begin with {min(numbers)}, not with 0")
        raise ModelError(fault_of(numbers, _entry))
    found = in_order(names, numbers, "its numbers were used as the index", _entry)
    return Found(found.names, found.notes if min(numbers) else [])


def _of_two_numbers(keys: list[str], values: list[Any], numbers: list[int], targets: list[int]) -> Found:
    """Return the names of a map whose keys and values are numbers, as with MNIST."""
    if numbers == targets:
        return _indexed(keys, numbers)
    able = [counts_from(side) is not None for side in (numbers, targets)]
    if able == [True, False]:
        return _indexed([str(value) for value in values], numbers)
    if able == [False, True]:
        return _indexed(keys, targets)
    raise ModelError("its keys and its values are numbers, and which are the index is not sure")


def _of_index_map(values: Sequence[Any], numbers: Sequence[int]) -> Found:
    """Return the names in the values of a map whose keys are the index."""
    if all(isinstance(value, Pairs) and value for value in values):
        found = _of_records([value for value in values if isinstance(value, Pairs)], sort=False)
    elif all(type(value) is list and value for value in values):
        found = _of_rows(values, sort=False)
    else:
        found = Found([_as_name(value, _entry(i)) for i, value in enumerate(values)])
    names = _indexed(found.names, numbers)
    return Found(names.names, [*names.notes, *found.notes])


def _of_keyed(values: dict[str, Any]) -> Found:
    """Return the names that a larger map has under a known key, or those beside ascending WordNet ids."""
    known = {key.lower(): value for key, value in values.items()}
    for key in KEYS:
        if isinstance(known.get(key), list) and known[key]:
            found = names_of_value(known[key])
            return Found(found.names, [*found.notes, f"the names are those under {key!r}"])
    ids = list(values)
    if all(map(WORDNET.fullmatch, ids)) and ids == sorted(ids):
        names = [_as_name(value, _entry(i)) for i, value in enumerate(values.values())]
        return Found(names, ["the WordNet ids were left out, and their order was taken"])
    raise ModelError(
        f"its keys, such as {brief(ids[0], 40)!r}, are no index, and none of them is known "
        f"to hold class names, as {', '.join(KEYS[:5])} are"
    )


def opens_yaml(line: str) -> bool:
    """Return whether a line is a key of class names, with nothing or a list behind it."""
    return bool(re.match(rf"""['"]?({"|".join(KEYS)})['"]?\s*:\s*([\[{{#&*|>!]|$)""", line, re.IGNORECASE))


def names_of_yaml(lines: list[tuple[int, str]]) -> Found:
    """Return the names in YAML, under a known key or as the whole of it."""
    lines = [
        (i, line)
        for i, line in lines
        if line.strip() and not re.match(r"\s*#|---\s*$|\.\.\.\s*$|%YAML", line)
    ]
    maps = {key.lower(): (rest, below) for key, rest, below in yaml_maps(lines)}
    for key in KEYS:
        if key in maps:
            rest, below = maps[key]
            value = _of_yaml_value(rest, below)
            if value:
                found = names_of_value(value)
                return Found(found.names, [*found.notes, f"the names are those under {key!r}"])
    if not lines:
        raise ModelError("it is empty")
    return names_of_value(parse_yaml_block(lines))


def _of_yaml_value(rest: str, below: list[tuple[int, str]]) -> Any:
    """Return the list or map behind a key or below it; None if it is a plain text."""
    if rest[:1] in ("[", "{"):
        return parse_literal("\n".join([rest, *(line for _, line in below)]), words=True)[0]
    if rest and not rest.startswith("#"):
        return None
    return parse_yaml_block(below) if below else None
