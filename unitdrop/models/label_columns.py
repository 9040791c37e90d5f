"""Columns of a table to class names in order: which one is the index, which one holds the names.

Raises `ModelError` without the file's name, which `labels` puts before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from unitdrop.errors import ModelError

NAME_WORDS = (
    *(
        "name",
        "classname",
        "labelname",
        "categoryname",
        "displayname",
        "names",
        "classnames",
        "label",
        "labels",
    ),
    *("class", "classes", "category", "categories", "title", "words", "lemma", "description"),
)
"""What heads a column of names, the surest first."""
INDEX_WORDS = (
    *("index", "idx", "id", "classindex", "classidx", "classid", "labelindex", "labelidx", "labelid"),
    *("categoryid", "targetindex", "target", "number", "num", "no", "label", "class", "#"),
)
"""What heads a column of indices."""
SURE_INDEX_WORDS = {word for word in INDEX_WORDS if word.endswith(("index", "idx", "classid", "labelid"))}
WORDNET = re.compile(r"n[0-9]{1,8}")
NUMBER = re.compile(r"[0-9]{1,9}(?:\.0+)?")  # pandas writes 1.0 beside a gap

Where = Callable[[int], str]  # names the n-th row for people: "line 3"


@dataclass
class Found:
    """Class names in the network's order, and what was guessed or left out on the way to them."""

    names: list[str]
    notes: list[str] = field(default_factory=list)


def numbers_in(cells: Sequence[str]) -> list[int] | None:
    """Return the cells as whole numbers; None if any is none."""
    return [int(cell.partition(".")[0]) for cell in cells] if all(map(NUMBER.fullmatch, cells)) else None


def counts_from(numbers: Sequence[int] | None) -> int | None:
    """Return 0 if the numbers are 0 to C - 1 in any order, 1 if they are 1 to C; else None.

    Examples
    --------
    >>> counts_from([2, 0, 1]), counts_from([2, 1]), counts_from([0, 2]), counts_from([1, 1])
    (0, 1, None, None)
    """
    if not numbers:
        return None
    start = min(numbers)
    right = start in (0, 1) and max(numbers) - start + 1 == len(numbers) == len(set(numbers))
    return start if right else None


def looks_like_index(numbers: Sequence[int]) -> bool:
    """Return whether numbers with a gap or a repetition were surely meant to be an index.

    Examples
    --------
    >>> looks_like_index([0, 1, 3]), looks_like_index([747, 737, 320]), looks_like_index([2, 4])
    (True, False, False)
    """
    low = sum(number <= len(numbers) for number in numbers)
    return min(numbers) <= 1 and 2 * low > len(numbers)


def fault_of(numbers: Sequence[int], where: Where) -> str:
    """Return in words why numbers are no index: the first repetition, else the first gap."""
    seen: dict[int, int] = {}
    for row, number in enumerate(numbers):
        if number in seen:
            return f"{where(row)} has the index {number}, as {where(seen[number])} has"
        seen[number] = row
    missing = next(n for n in range(min(numbers), max(numbers)) if n not in seen)
    row = seen[min(number for number in seen if number > missing)]
    return f"no class has the index {missing}; {where(row)} goes on with {numbers[row]}"


def in_order(names: Sequence[str], numbers: Sequence[int], what: str, where: Where) -> Found:
    """Return names sorted by the numbers beside them, which run from 0 or from 1."""
    for row, name in enumerate(names):
        if not name:
            raise ModelError(f"{where(row)} has no name")
    start, order = min(numbers), sorted(range(len(names)), key=numbers.__getitem__)
    if order != list(range(len(names))):
        what += ", and the names are sorted by it"
    if start:
        what += ", which counts from 1: the one with 1 is class 0"
    return Found([names[row] for row in order], [what])


@dataclass
class Table:
    """Rows of as many cells each, with what heads the columns, if anything does.

    Attributes
    ----------
    rows : list of list of str
    header : list of str, or None
    where : callable
        Names the n-th row for people.
    """

    rows: Sequence[Sequence[str]]
    header: Sequence[str] | None
    where: Where

    def __post_init__(self) -> None:
        self.columns: list[Sequence[str]] = list(zip(*self.rows, strict=True))
        self.numbers = [numbers_in(column) for column in self.columns]
        self.ids = [all(map(WORDNET.fullmatch, column)) for column in self.columns]
        self.heads = [head_word(cell) for cell in self.header or [""] * len(self.columns)]

    @property
    def texts(self) -> list[int]:
        """The columns that hold neither numbers nor WordNet ids."""
        return [c for c in range(len(self.columns)) if self.numbers[c] is None and not self.ids[c]]

    def is_index(self, column: int) -> bool:
        """Return whether a column holds 0 to C - 1, or 1 to C, in any order."""
        return counts_from(self.numbers[column]) is not None

    def called(self, column: int) -> str:
        """Return what to call a column: its head, or its place."""
        head = (self.header or [""] * len(self.columns))[column].strip()
        return f"column {head[:40]!r}" if head else f"column {column + 1}"

    def found(self, sort: bool = True) -> Found:
        """Return the names in the order of the column that is the index or, without `sort`, of the rows.

        Raises
        ------
        ModelError
            It is not sure which column holds the names or the index, or the index has gaps.
        """
        name = self._names_column()
        index = self._index_column(name) if sort else None
        notes = [f"{self.called(c)} was left out" for c in range(len(self.columns)) if c not in (name, index)]
        if index is None:
            for row, cell in enumerate(self.columns[name]):
                if not cell:
                    raise ModelError(f"{self.where(row)} has no name")
            ids = [
                note
                for c, yes in enumerate(self.ids)
                if yes and sort
                for note in order_of_ids(self.columns[c])
            ]
            notes = [f"the names are those of {self.called(name)}", *notes, *ids]
            return Found(list(self.columns[name]), notes)
        numbers = self.numbers[index]
        assert numbers is not None, "a column of indices holds numbers"
        found = in_order(
            self.columns[name], numbers, f"{self.called(index)} was used as the index", self.where
        )
        return Found(found.names, found.notes + notes)

    def _headed(self, columns: Sequence[int], words: Sequence[str]) -> int | None:
        """Return the one of some columns that is headed by the surest of some words; None if none is."""
        places = sorted((words.index(self.heads[c]), c) for c in columns if self.heads[c] in words)
        if len(places) > 1 and places[0][0] == places[1][0]:
            raise ModelError(f"two columns are headed {self.heads[places[0][1]]!r}; leave one of them out")
        return places[0][1] if places else None

    def _names_column(self) -> int:
        texts, ids = self.texts, [c for c, yes in enumerate(self.ids) if yes]
        if len(texts) == 1:
            return texts[0]
        headed = self._headed(texts or range(len(self.columns)), NAME_WORDS)
        if headed is not None:
            return headed
        if texts:
            which = " and ".join(self.called(c) for c in texts[:2])
            raise ModelError(f"{which} could both be the names; head the columns with 'index' and 'name'")
        if ids and len(self.columns) - len(ids) < 2:
            return ids[0]
        return self._digits_column()

    def _digits_column(self) -> int:
        """Return the column of names where all columns hold numbers, as with MNIST."""
        if all(column == self.columns[0] for column in self.columns):
            return 0
        others = [c for c in range(len(self.columns)) if not self.is_index(c)]
        if len(others) == 1:
            return others[0]
        raise ModelError("all columns hold numbers or ids; head them with 'index' and 'name'")

    def _index_column(self, name: int) -> int | None:
        others = [c for c in range(len(self.columns)) if c != name]
        broken = [c for c in others if self.numbers[c] is None and self.heads[c] in SURE_INDEX_WORDS]
        if broken:
            raise ModelError(f"{self.called(broken[0])} does not hold the numbers 0 to {len(self.rows) - 1}")
        columns = [c for c in others if self.numbers[c] is not None]
        self._check_gaps(columns)
        able = [c for c in columns if self.is_index(c) and not self._merely_counts(c)]
        unsure = [c for c in columns if self.is_index(c) and self._merely_counts(c)]
        if not able and any(self.numbers[c] != sorted(self.numbers[c] or []) for c in unsure):
            raise ModelError(
                f"whether {self.called(unsure[0])} is the index is not sure; head it with 'index'"
            )
        named = [c for c in able if self.heads[c] in INDEX_WORDS]
        for group in (named, able):
            orders = {
                tuple(sorted(range(len(self.rows)), key=(self.numbers[c] or []).__getitem__)) for c in group
            }
            if len(orders) == 1:
                return min(group, key=lambda c: min(self.numbers[c] or [0]))
        if able:
            which = " and ".join(self.called(c) for c in able[:2])
            raise ModelError(f"{which} could both be the index; head it with 'index'")
        return None

    def _merely_counts(self, column: int) -> bool:
        """Return whether a column of 1 to C may be something else, as its head is no word for an index."""
        known = not self.heads[column] or self.heads[column] in INDEX_WORDS
        return not known and min(self.numbers[column] or [0]) > 0

    def _check_gaps(self, columns: Sequence[int]) -> None:
        """Raise `ModelError` where a column was surely meant to be the index and is none."""
        if any(self.is_index(c) for c in columns):
            return
        for column in columns:
            numbers = self.numbers[column] or []
            meant = self.heads[column] in INDEX_WORDS if self.header else looks_like_index(numbers)
            if meant:
                start = min(numbers)
                if start > 1 and len(set(numbers)) == len(numbers):
                    raise ModelError(f"{self.called(column)} counts from {start}; it must count from 0")
                raise ModelError(fault_of(numbers, self.where))
            if not self.header and len(set(numbers)) == len(numbers) and list(numbers) != sorted(numbers):
                raise ModelError(
                    f"the numbers in {self.called(column)} are no index: they do not begin with 0"
                )


def order_of_ids(lines: Sequence[str]) -> list[str]:
    """Return what to say of WordNet ids in front of the names: something only if they do not ascend.

    Examples
    --------
    >>> order_of_ids(["n01440764 tench", "n01443537 goldfish"]), order_of_ids(["n02", "n01"])
    ([], ['the WordNet ids do not ascend, as those of most networks do'])
    """
    ids = [match[0] for line in lines if (match := WORDNET.match(line))]
    return [] if ids == sorted(ids) else ["the WordNet ids do not ascend, as those of most networks do"]


def head_word(cell: str) -> str:
    """Return what heads a column as one plain word.

    Examples
    --------
    >>> head_word(" Class_Name"), head_word("ClassId"), head_word("SignName"), head_word("#")
    ('classname', 'classid', 'name', '#')
    """
    word = "".join(c for c in cell.lower() if c.isalnum() or c == "#")
    if word in NAME_WORDS or word in INDEX_WORDS:
        return word
    return next((known for known in ("name", "label", "index", "idx") if word.endswith(known)), word)


def split_header(
    rows: Sequence[Sequence[str]], columned: bool = False
) -> tuple[Sequence[str] | None, Sequence[Sequence[str]]]:
    """Return what heads the columns of a table, or None, and the rows below it.

    A first row is a header if it has no number, or no WordNet id, where all others have one, or if two of its
    words are such as head columns; with ``columned``, one that heads names is enough.

    Examples
    --------
    >>> split_header([["", "0"], ["0", "tench"]])
    (['', '0'], [['0', 'tench']])
    >>> split_header([["0", "tench"], ["1", "hen"]])[0] is None
    True
    """
    first, rest = rows[0], rows[1:]
    if rest:
        below = list(zip(first, zip(*rest, strict=True), strict=True))
        if any(NUMBER.fullmatch(head) and numbers_in(cells) for head, cells in below):
            return None, rows
        if any(
            (
                not NUMBER.fullmatch(head)
                and counts_from(numbers_in(cells)) in ((0, 1) if len(rest) > 1 else (0,))
            )
            or (not WORDNET.fullmatch(head) and all(map(WORDNET.fullmatch, cells)))
            for head, cells in below
        ):
            return first, rest
        words = [head_word(cell) for cell in first]
        known = {*NAME_WORDS, *INDEX_WORDS, "wnid", "synset", "wordnetid"}
        least = 1 if columned else 2
        if any(word in NAME_WORDS for word in words) and sum(word in known for word in words) >= least:
            return first, rest
    return None, rows
