"""A path, bytes or an open file to the bytes of a picture: opened once, read once, then never asked again.

What is checked and what is decoded are the same bytes, whatever becomes of the file meanwhile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from unitdrop.errors import ImageError
from unitdrop.images.formats import HEAD, recognised
from unitdrop.images.sizes import MAX_BYTES

# Neither waits for what may never come, nor hands the descriptor to a child, nor changes line ends.
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")
)


def picture_bytes(source: Any) -> tuple[bytes, str, str]:
    """Return the bytes of a picture, its format (one of `FORMATS`) and its name for messages.

    Raises
    ------
    ImageError
        The file is missing, unreadable, empty, not regular, over 512 MiB, or of another format.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        return data, _format(data[:HEAD], "bytes"), "bytes"
    if isinstance(source, (str, os.PathLike)):
        with _opened(source) as file:
            return _contents(file, _text(source))
    return _contents(source, str(getattr(source, "name", "file object")))


def _opened(path: str | os.PathLike) -> BinaryIO:
    """Return a regular file, opened to read; refuse all else, without waiting for it."""
    name = _text(path)
    try:
        place = _home(Path(os.fsdecode(path)))
        _check_file(name, place.stat())  # a device may do something when it is opened
        file = os.fdopen(os.open(place, _FLAGS), "rb")
    except ImageError:
        raise
    except FileNotFoundError:
        remedy = "download it first" if "://" in name else "check the spelling and the folder"
        raise ImageError(f"{name}: no such file; {remedy}") from None
    except PermissionError:
        raise ImageError(f"{name}: you may not read it; change its permissions") from None
    except (OSError, TypeError, ValueError) as error:
        raise ImageError(f"{name[:200]!r}: cannot be opened ({error}); pass a file's path") from None
    try:
        _check_file(name, os.fstat(file.fileno()))  # it may have been exchanged between the two
    except BaseException:
        file.close()
        raise
    return file


def _text(path: str | os.PathLike) -> str:
    return os.fsdecode(path)


def _home(path: Path) -> Path:
    """Return the path with a leading ~ replaced by the home folder, where there is such a user."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _check_file(name: str, status: os.stat_result) -> None:
    """Raise `ImageError` for what is no regular file, or too large to be a picture."""
    if stat.S_ISDIR(status.st_mode):
        raise ImageError(f"{name}: is a folder; pass the path of one picture in it")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{name}: is a device, pipe or socket; pass the path of a regular file")
    if status.st_size > MAX_BYTES:
        raise ImageError(f"{name}: is over {MAX_BYTES >> 20} MiB; shrink the picture first")


def _contents(file: Any, name: str) -> tuple[bytes, str, str]:
    """Return what is left of an open file, its format and its name; read no more of what is no picture."""
    head = _read(file, HEAD, name)
    form = _format(head, name)
    data = b"".join([head, *_parts(file, MAX_BYTES + 1 - len(head), name)])
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name}: gives more than {MAX_BYTES >> 20} MiB; shrink the picture first")
    return data, form, name


def _read(file: Any, count: int, name: str) -> bytes:
    """Return so many bytes of a file, or all that is left."""
    return b"".join(_parts(file, count, name))


def _parts(file: Any, count: int, name: str) -> Iterator[bytes]:
    """Give so many bytes of a file, or all that is left, in parts."""
    while count > 0:
        try:
            part = file.read(count)
        except Exception as error:
            raise ImageError(f"{name}: cannot be read ({error}); pass an open binary file") from error
        if not isinstance(part, (bytes, bytearray)):
            raise ImageError(f"{name}: gives {type(part).__name__}, not bytes; open it with mode 'rb'")
        if not part:
            break
        yield bytes(part[:count])
        count -= len(part)


def _format(head: bytes, name: str) -> str:
    if not head:
        raise ImageError(f"{name}: is empty; fetch it again, or call seek(0) on a file already read")
    return recognised(head, name)
