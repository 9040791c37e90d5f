"""The opcodes of a pickle and their arguments, of every protocol from 0 to 5: `opcodes`.

`pickletools` reads them too, but copies every string of whatever length. Here what is too long to be the name
of a tensor, or a number of anything, is passed over without being looked at.
"""

from __future__ import annotations

import codecs
import pickletools
import struct
from collections.abc import Callable, Iterator
from typing import Any

from unitdrop.checkpoints.placeholders import Opaque
from unitdrop.errors import CheckpointError

MAX_TEXT = 4096  # bytes of a string that is kept; longer ones are no names of tensors
_MAX_LINE = 1024  # bytes of a name or a number that is written as text
_MAX_NUMBER = 32  # bytes of a whole number that is kept

# Each reader takes the pickle and a position in it; it returns the argument there, and where that ends.
_Reader = Callable[[bytes, int], tuple[Any, int]]


def opcodes(data: bytes, position: int = 0) -> Iterator[tuple[str, Any, int]]:
    r"""Yield each opcode's name, its argument and where the next one begins, up to and with STOP.

    Raises
    ------
    CheckpointError
        The pickle is damaged or cut short.

    Examples
    --------
    >>> [(name, argument) for name, argument, _ in opcodes(b"\x80\x02K\x07.")]
    [('PROTO', 2), ('BININT1', 7), ('STOP', None)]
    """
    name = ""
    while name != "STOP":
        known = _READERS.get(data[position]) if position < len(data) else None
        if known is None:
            raise _damaged()
        name, reader = known
        argument, position = reader(data, position + 1) if reader else (None, position + 1)
        yield name, argument, position


def _damaged() -> CheckpointError:
    return CheckpointError("its pickle is damaged or cut short; download it again")


def _packed(layout: str) -> _Reader:
    """Return a reader of one number of a fixed size."""
    kind = struct.Struct(layout)

    def read(data: bytes, start: int) -> tuple[Any, int]:
        end = start + kind.size
        if end > len(data):
            raise _damaged()
        return kind.unpack_from(data, start)[0], end

    return read


def _counted(layout: str, make: Callable[[bytes], Any], longest: int, name: str) -> _Reader:
    """Return a reader of bytes that come after their count; of too many it is a stand-in of that name."""
    count = _packed(layout)

    def read(data: bytes, start: int) -> tuple[Any, int]:
        length, start = count(data, start)
        end = start + length
        if not start <= end <= len(data):
            raise _damaged()
        return (make(data[start:end]) if length <= longest else Opaque(name)), end

    return read


def _line(data: bytes, start: int) -> tuple[bytes, int]:
    """Return what comes up to the end of a line, and where the next one begins."""
    end = data.find(b"\n", start, start + _MAX_LINE + 1)
    if end < 0:
        raise _damaged()
    return data[start:end], end + 1


def _lined(make: Callable[[bytes], Any]) -> _Reader:
    """Return a reader of a line."""

    def read(data: bytes, start: int) -> tuple[Any, int]:
        line, end = _line(data, start)
        return make(line), end

    return read


def _lined_text(make: Callable[[bytes], Any], name: str) -> _Reader:
    """Return a reader of a line of any length; of a long one it is a stand-in of that name."""

    def read(data: bytes, start: int) -> tuple[Any, int]:
        end = data.find(b"\n", start)
        if end < 0:
            raise _damaged()
        return (make(data[start:end]) if end - start <= MAX_TEXT else Opaque(name)), end + 1

    return read


def _name(data: bytes, start: int) -> tuple[str, int]:
    """Read two lines, the names of a module and of something in it."""
    module, start = _line(data, start)
    name, end = _line(data, start)
    return f"{module.decode()} {name.decode()}", end


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _latin1(data: bytes) -> str:
    return data.decode("latin1")  # the strings of Python 2


def _quoted(line: bytes) -> str:
    line = line.strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise _damaged()
    return _latin1(codecs.escape_decode(line[1:-1])[0])  # type: ignore[attr-defined]


def _whole(line: bytes) -> object:
    """Read `I`: also how protocol 0 and 1 write True and False."""
    return {b"01": True, b"00": False}.get(line) if line in (b"01", b"00") else _long(line)


def _long(line: bytes) -> object:
    return int(line.removesuffix(b"L")) if len(line) <= 2 * _MAX_NUMBER else Opaque("builtins int")


def _signed(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


_ARGUMENTS: dict[str, _Reader] = {
    "PROTO": _packed("<B"),
    "FRAME": _packed("<Q"),
    "INT": _lined(_whole),
    "LONG": _lined_text(_long, "builtins int"),
    "FLOAT": _lined(float),
    "BININT": _packed("<i"),
    "BININT1": _packed("<B"),
    "BININT2": _packed("<H"),
    "BINFLOAT": _packed(">d"),
    "LONG1": _counted("<B", _signed, _MAX_NUMBER, "builtins int"),
    "LONG4": _counted("<i", _signed, _MAX_NUMBER, "builtins int"),
    "STRING": _lined_text(_quoted, "builtins str"),
    "UNICODE": _lined_text(lambda line: line.decode("raw-unicode-escape"), "builtins str"),
    "SHORT_BINSTRING": _counted("<B", _latin1, MAX_TEXT, "builtins str"),
    "BINSTRING": _counted("<i", _latin1, MAX_TEXT, "builtins str"),
    "SHORT_BINUNICODE": _counted("<B", _text, MAX_TEXT, "builtins str"),
    "BINUNICODE": _counted("<I", _text, MAX_TEXT, "builtins str"),
    "BINUNICODE8": _counted("<Q", _text, MAX_TEXT, "builtins str"),
    "SHORT_BINBYTES": _counted("<B", bytes, MAX_TEXT, "builtins bytes"),
    "BINBYTES": _counted("<I", bytes, MAX_TEXT, "builtins bytes"),
    "BINBYTES8": _counted("<Q", bytes, MAX_TEXT, "builtins bytes"),
    "BYTEARRAY8": _counted("<Q", lambda _: Opaque("builtins bytearray"), MAX_TEXT, "builtins bytearray"),
    "GLOBAL": _name,
    "INST": _name,
    "GET": _lined(int),
    "PUT": _lined(int),
    "BINGET": _packed("<B"),
    "LONG_BINGET": _packed("<I"),
    "BINPUT": _packed("<B"),
    "LONG_BINPUT": _packed("<I"),
    "PERSID": _lined(bytes),
    "EXT1": _packed("<B"),
    "EXT2": _packed("<H"),
    "EXT4": _packed("<i"),
}
_READERS = {ord(kind.code): (kind.name, _ARGUMENTS.get(kind.name)) for kind in pickletools.opcodes}
