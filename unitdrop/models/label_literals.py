"""Lists and maps of class names in JSON, as Python literals or in YAML, read without running anything.

Only what a file of class names can hold: lists and maps of texts and whole numbers, nested a little. All
else is refused with `ModelError`, as are more entries than any network has classes.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from unitdrop.errors import ModelError

MOST_MARKS = 400_000
"""Commas and brackets of a JSON list or map; more are refused before anything is parsed."""
DEEPEST = 6  # lists and maps in one another

TOKEN = re.compile(
    r"""(?:\s++|\#[^\n]*)*+
    (?:(?P<mark>[\[\]{}(),:])
      |(?P<text>[uU]?(?:'(?:[^'\\\n]++|\\.)*+'|"(?:[^"\\\n]++|\\.)*+"))
      |(?P<number>[0-9]{1,9}(?=\s*+(?:[\[\]{}(),:\#]|\Z)))
      |(?P<word>[^\s\[\]{}(),:'"\#][^\[\]{},:\#\n]*)
      |(?P<end>\Z))""",
    re.VERBOSE,
)
CLOSING = {"[": "]", "{": "}", "(": ")"}


class Pairs(list):
    """The pairs of a map, in the order of the file; a key may occur twice."""


class Word(str):
    """A text without quotes, as YAML has it."""

    __slots__ = ()


def parse_json(text: str) -> Any:
    """Return what JSON says, a map as `Pairs`; ValueError if it is none.

    Raises
    ------
    ModelError
        It is JSON with more entries, deeper or with longer numbers than class names can need.
    """
    if sum(map(text.count, ",[{")) > MOST_MARKS:
        raise ModelError(f"it has more than {MOST_MARKS} commas and brackets; no network has so many classes")
    try:
        return json.loads(text, object_pairs_hook=Pairs)
    except RecursionError:
        raise ModelError("its lists lie too deep in one another") from None


def parse_literal(text: str, words: bool = False) -> tuple[Any, int]:
    """Return what a list or map at the beginning of a text says, and where it ends.

    Parameters
    ----------
    text
        It begins with a bracket; Python's and JSON's quotes, comments and commas at the end are understood.
    words
        Whether texts may lack quotes, as in YAML.

    Raises
    ------
    ModelError
        It is cut, holds anything but texts and whole numbers, or lacks a comma between two texts.

    Examples
    --------
    >>> parse_literal("{0: 'tench', 1: 'hen',}")[0], parse_literal("[tench, white shark]", words=True)
    ([(0, 'tench'), (1, 'hen')], (['tench', 'white shark'], 20))
    """
    return _Parser(text, words).parsed()


class _Parser:
    """Reads tokens one after the other; lists and maps end up in one another."""

    def __init__(self, text: str, words: bool) -> None:
        self._text, self._words, self._at, self._left = text, words, 0, MOST_MARKS

    def parsed(self) -> tuple[Any, int]:
        value = self._value(self._next(), 0)
        return value, self._at

    def _next(self) -> tuple[str, str]:
        """Return the kind and the text of the next token."""
        match, self._left = TOKEN.match(self._text, self._at), self._left - 1
        if self._left < 0:
            raise ModelError("it has more entries than any network has classes")
        if match is None or match.lastgroup is None:
            raise self._wrong("what stands there cannot be read")
        kind, self._at = match.lastgroup, match.end()
        return kind, match[kind]

    def _wrong(self, why: str) -> ModelError:
        line = self._text.count("\n", 0, self._at) + 1
        return ModelError(f"{why} (line {line} of the list)")

    def _value(self, token: tuple[str, str], depth: int) -> Any:
        kind, words = token
        if kind == "mark" and words in CLOSING:
            if depth == DEEPEST:
                raise self._wrong("its lists lie too deep in one another")
            return self._items(CLOSING[words], depth)
        if kind == "number":
            return int(words)
        if kind == "text":
            return self._unquoted(words)
        if kind == "word" and self._words:
            return Word(words.rstrip())
        raise self._wrong("it is cut" if kind == "end" else f"no text or whole number: {words[:30]!r}")

    def _unquoted(self, words: str) -> str:
        bare = words.lstrip("uU")
        if "\\" not in bare:
            return bare[1:-1]
        try:
            return json.loads(bare) if bare[0] == '"' else str(ast.literal_eval(bare))
        except (ValueError, SyntaxError):
            raise self._wrong(f"a text with an unknown escape: {words[:30]!r}") from None

    def _items(self, closing: str, depth: int) -> Any:
        """Return the items up to a closing bracket."""
        items, pairs = [], Pairs()
        token = self._next()
        while token != ("mark", closing):
            item = self._value(token, depth + 1)
            token = self._next()
            if token == ("mark", ":") and closing == "}":
                pairs.append((item, self._value(self._next(), depth + 1)))
                token = self._next()
            else:
                items.append(item)
            if token == ("mark", ","):
                token = self._next()
            elif token != ("mark", closing):
                raise self._wrong(
                    "it is cut" if token[0] == "end" else "a comma is missing between two entries"
                )
        if items and closing == "}":
            raise self._wrong("a set has no order")
        return pairs if closing == "}" else items


# YAML: block lists and maps of scalars, one level deep, and what stands in brackets ------------------


KEY = re.compile(
    r"""(?P<quote>['"]?)(?P<key>[^'":#\[\]{}&*!|>%@`,\s][^'":#\[\]{}]*?)(?P=quote)\s*:(?:\s+(?P<rest>.*)|\s*)"""
)
ITEM = re.compile(r"-(?:\s+(.*)|\s*)")


def parse_yaml_block(lines: list[tuple[int, str]]) -> Any:
    """Return the list or map that the numbered lines of a YAML block are, a map as `Pairs`.

    Raises
    ------
    ModelError
        A line is not one item, or not one key with its value, at the depth of the first one.
    """
    items, pairs, indent = [], Pairs(), len(lines[0][1]) - len(lines[0][1].lstrip(" "))
    for number, line in lines:
        content = line.strip()
        if len(line) - len(line.lstrip(" ")) != indent:
            raise ModelError(f"line {number} is indented otherwise than the first of its list")
        if match := ITEM.fullmatch(content):
            items.append(yaml_scalar(match[1] or "", number))
        elif match := KEY.fullmatch(content):
            pairs.append((match["key"], yaml_scalar(match["rest"] or "", number)))
        else:
            raise ModelError(f"line {number} is neither an item of a list nor a key with a value")
        if items and pairs:
            raise ModelError(f"line {number}: a list and a map in one")
    return pairs or items


def yaml_scalar(text: str, number: int) -> str:
    """Return a text of YAML without quotes or the comment behind it; never a number, a date or a truth value.

    Raises
    ------
    ModelError
        It is more than a plain or quoted text on one line.

    Examples
    --------
    >>> yaml_scalar("no  # Norway", 1), yaml_scalar("'rock ''n'' roll'", 1)
    ('no', "rock 'n' roll")
    """
    text = text.strip()
    if match := re.fullmatch(r"'((?:[^']++|'')*+)'(?:\s+#.*)?", text):
        return match[1].replace("''", "'")
    if match := re.fullmatch(r'("(?:[^"\\]++|\\.)*+")(?:\s+#.*)?', text):
        try:
            return json.loads(match[1])
        except ValueError:
            raise ModelError(f"line {number}: a text with an unknown escape") from None
    plain = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].rstrip()
    if not plain:
        raise ModelError(f"line {number} has no name")
    if plain[0] in "&*!|>%@`{}[],'\"" or plain.startswith(("- ", "? ")) or re.search(r":(\s|$)", plain):
        raise ModelError(f"line {number} is more than a plain name: {plain[:40]!r}; put it in quotes")
    return plain


def yaml_maps(lines: list[tuple[int, str]]) -> Iterator[tuple[str, str, list[tuple[int, str]]]]:
    """Yield each key at the left edge of YAML, what stands behind it, and the numbered lines below it.

    Lines before the first key, and comments, are left out.
    """
    key, rest, below = None, "", []
    for number, line in lines:
        match = None if line[:1] in " -#" else KEY.fullmatch(line.strip())
        if match:
            if key is not None:
                yield key, rest, below
            key, rest, below = match["key"], match["rest"] or "", []
        else:
            below.append((number, line))
    if key is not None:
        yield key, rest, below
