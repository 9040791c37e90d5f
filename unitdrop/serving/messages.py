"""What a page may send to its kernel: the messages of widgets, small ones, and one file at a time.

Only Jupyter's protocol v1 is spoken, which every page of Voilà offers. In the legacy protocol, Jupyter's
parser believes the number of parts that a binary message claims (2,147,483,647 keep the server busy for
minutes), and Voilà 0.5 reads what a kernel sends in it as if it were of v1, which ends in such a number by
itself: a client that speaks it and asks for the widgets stops the server for everybody. The parser of v1
believes any number too. So that a page can do no more than move its widgets, a message is judged here before
anything else reads it.
"""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from typing import Any, NamedTuple

V1 = "v1.kernel.websocket.jupyter.org"
MOST_WORDS = 100_000  # bytes of a message without its file
MOST_BYTES = 8_200_000  # of a whole message; a file has at most 8,000,000
_LONGEST_ID = 200  # letters
_MOST_STATUS = 20_000  # bytes of a message that tells how a kernel is
_TYPES = ("comm_msg", "comm_open", "comm_close", "comm_info_request", "kernel_info_request")
_METHODS = ("update", "custom", "request_state", "request_states")
_CONTROL = "jupyter.widget.control"  # by which a page asks for the widgets that are there
_PARTS = ("header", "parent_header", "metadata", "content")


class Refused(ValueError):
    """A message that no page of the app sends."""


class Told(NamedTuple):
    """What is to be known of a message that is handed on: its id, and the bytes of its words and its file."""

    message_id: str
    words: int
    file: int


def check_message(message: str | bytes) -> Told:
    """Refuse a message of the protocol v1 that no page of the app sends; return what is to be known of it.

    Parameters
    ----------
    message : str or bytes
        As it came through the websocket.

    Raises
    ------
    Refused
    """
    if not isinstance(message, bytes) or len(message) > MOST_BYTES:
        raise Refused("it is no message of v1" if isinstance(message, str) else "it is too large")
    channel, *pieces = _cut(message)
    if sum(map(len, pieces[:4])) > MOST_WORDS:
        raise Refused("it is too large")
    try:
        parts = dict(zip(_PARTS, map(_read, pieces), strict=False))
    except (RecursionError, ValueError) as error:
        raise error if isinstance(error, Refused) else Refused("it cannot be read") from None
    if channel not in (b"shell", b"control"):
        raise Refused("it is for another channel")
    _check_content(parts["header"].get("msg_type"), parts["content"], len(pieces) - 4)
    message_id, file = parts["header"].get("msg_id"), sum(map(len, pieces[4:]))
    if not isinstance(message_id, str) or not 0 < len(message_id) <= _LONGEST_ID:
        raise Refused("it has no id")
    return Told(message_id, len(message) - file, file)


def done_message(message: Any) -> str | None:
    """Return the id of the message that a kernel says to have done; None if it says something else."""
    if not isinstance(message, bytes) or len(message) > _MOST_STATUS or b'"idle"' not in message:
        return None
    channel, header, about, _, content, *_ = _cut(message)
    parts = [json.loads(part) for part in (header, about, content)]
    told = channel == b"iopub" and parts[0].get("msg_type") == "status"
    return parts[1].get("msg_id") if told and parts[2].get("execution_state") == "idle" else None


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


def _cut(message: bytes) -> list[bytes]:
    """Return the channel, the four parts and the files of a message, whose offsets stand in front."""
    count = int.from_bytes(message[:8], "little")
    if count not in (6, 7):
        raise Refused(f"it claims to have {count} offsets")
    offsets = struct.unpack(f"<{count}Q", message[8 : 8 * (count + 1)].ljust(8 * count, b"\0"))
    if sorted(offsets) != [*offsets] or offsets[0] != 8 * (count + 1) or offsets[-1] != len(message):
        raise Refused("its parts overlap")
    return [message[a:b] for a, b in pairwise(offsets)]


def _read(words: bytes) -> dict:
    """Return an object of JSON that every parser reads alike: UTF-8, no key twice."""
    found = json.loads(words.decode(), object_pairs_hook=_distinct)
    if not isinstance(found, dict):
        raise Refused("a part of it is not a mapping")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused("it says a thing twice")
    return found
