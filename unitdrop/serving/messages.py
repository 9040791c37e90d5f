"""What a page may send to its kernel: the messages of widgets, small ones, and one file at a time.

Jupyter's parsers of binary messages believe the number of parts that a message claims: one that claims
2,147,483,647 keeps the server busy for minutes. So that a page can do no more than move its widgets, a
message is judged here before anything else reads it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

V1 = "v1.kernel.websocket.jupyter.org"
MOST_WORDS = 100_000  # bytes of a message without its file
MOST_BYTES = 8_200_000  # of a whole message; a file has at most 8,000,000
_TYPES = ("comm_msg", "comm_open", "comm_close", "comm_info_request", "kernel_info_request")
_METHODS = ("update", "custom", "request_state", "request_states")
_CONTROL = "jupyter.widget.control"  # by which a page asks for the widgets that are there
_PARTS = ("header", "parent_header", "metadata", "content")


class Refused(ValueError):
    """A message that no page of the app sends."""


def check_message(message: str | bytes, subprotocol: str | None) -> None:
    """Refuse a message that no page of the app sends.

    Parameters
    ----------
    message : str or bytes
        As it came through the websocket.
    subprotocol : str, optional
        What the two sides agreed on; None for the legacy protocol.

    Raises
    ------
    Refused
    """
    if len(message) > MOST_BYTES:
        raise Refused("it is too large")
    try:
        channel, parts, files = (_v1 if subprotocol == V1 else _legacy)(message)
    except (struct.error, RecursionError, ValueError, KeyError, TypeError) as error:
        raise error if isinstance(error, Refused) else Refused("it cannot be read") from None
    if channel not in ("shell", "control"):
        raise Refused("it is for another channel")
    if not all(isinstance(parts.get(name), dict) for name in _PARTS):
        raise Refused("a part of it is missing")
    _check_content(parts["header"].get("msg_type"), parts["content"], files)


def _check_content(kind: Any, content: dict, files: int) -> None:
    """Refuse what is not about widgets, and files that nobody asked for."""
    if not isinstance(kind, str) or kind not in _TYPES:
        raise Refused(f"it is of the type {kind!r:.40}")
    if kind == "comm_open" and content.get("target_name") != _CONTROL:
        raise Refused("it makes a widget")
    data = content.get("data", {})
    if not isinstance(data, dict):
        raise Refused("its data are not a mapping")
    if kind == "comm_msg" and (data.get("method") not in _METHODS or data.get("buffer_paths")):
        raise Refused("it is not one of a widget")
    about = data.get("content")
    if files and (kind != "comm_msg" or not isinstance(about, dict) or about.get("kind") != "file"):
        raise Refused("it brings a file that nobody asked for")


def _v1(message: str | bytes) -> tuple[Any, dict, int]:
    """Return the channel, the four parts and the number of files of a message of the protocol v1."""
    if not isinstance(message, bytes) or len(message) < 8:
        raise Refused("it cannot be read")
    count = int.from_bytes(message[:8], "little")
    channel, *parts = _cut(message, 8, count, range(6, 8))
    if sum(map(len, parts[:4])) > MOST_WORDS:
        raise Refused("it is too large")
    return channel.decode(), dict(zip(_PARTS, map(_read, parts), strict=False)), len(parts) - 4


def _legacy(message: str | bytes) -> tuple[Any, dict, int]:
    """Return the same of a message of the legacy protocol: JSON, and behind it the files."""
    words, files = message, 0
    if isinstance(message, bytes):
        (count,) = struct.unpack("!i", message[:4])
        words, *more = _cut(message, 4, count, range(1, 3))
        files = len(more)
    if len(words) > MOST_WORDS:
        raise Refused("it is too large")
    parts = _read(words)
    if parts.get("buffers"):
        raise Refused("its files are written into it")
    return parts.get("channel"), parts, files


def _cut(message: bytes, width: int, count: int, counts: Sequence[int]) -> list[bytes]:
    """Return the pieces of a message, whose offsets (so many, of so many bytes each) stand in front.

    Of the protocol v1 the last offset is the message's end; in the legacy one it is left out.
    """
    if count not in counts:
        raise Refused(f"it claims to have {count} parts")
    start, order = width * (count + 1), "little" if width == 8 else "big"
    numbers = [message[at : at + width] for at in range(width, start, width)]
    offsets = [int.from_bytes(number, order) for number in numbers]
    if width == 4:
        offsets.append(len(message))
    if offsets != sorted(offsets) or offsets[0] != start or offsets[-1] != len(message):
        raise Refused("its parts overlap")
    return [message[a:b] for a, b in pairwise(offsets)]


def _read(words: str | bytes) -> dict:
    """Return an object of JSON that every parser reads alike: UTF-8, no key twice."""
    text = words.decode() if isinstance(words, bytes) else words
    found = json.loads(text, object_pairs_hook=_distinct)
    if not isinstance(found, dict):
        raise Refused("a part of it is not a mapping")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused("it says a thing twice")
    return found
