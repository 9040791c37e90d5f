"""Opening and reading a file that may be anything, and quoting what it says: `opened`, `read_at`, `shown`."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from unitdrop.checkpoints.placeholders import Opaque
from unitdrop.errors import CheckpointError


def shown(text: object) -> str:
    """Return what a file says, in a form and length fit for a message.

    Examples
    --------
    >>> shown("conv1.weight"), shown(["anything", "else"]), len(shown("x" * 999))
    ("'conv1.weight'", 'a list', 60)
    """
    if isinstance(text, Opaque):
        return f"a {shown(text.name.replace(' ', '.'))}"
    if not isinstance(text, (str, bytes, int)):
        return f"a {type(text).__name__.strip('_')}"
    if isinstance(text, int) and abs(text) > 1 << 64:
        return f"a number of {text.bit_length()} bits"
    short = repr(text[:61] if isinstance(text, (str, bytes)) else text)
    return short if len(short) <= 60 else short[:57] + "..."


def shown_path(path: object) -> str:
    """Return the file's name for a message; of a long path the end, which tells more.

    Examples
    --------
    >>> shown_path("nets/net.pth"), shown_path(None), len(shown_path("x" * 999))
    ("'nets/net.pth'", "'NoneType'", 102)
    """
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else type(path).__name__
    return repr(text if len(text) <= 100 else f"...{text[-97:]}")


@contextmanager
def opened(path: str | os.PathLike, limit: int) -> Iterator[tuple[io.BufferedReader, int]]:
    """Open a regular file of at most `limit` bytes, without waiting for anything that is not one.

    Gives the file and its size in bytes. ``~`` is one's home.

    Raises
    ------
    CheckpointError
        There is no such file, it may not be read, is not a regular one, or is too large; when all was read,
        it has changed meanwhile.
    """
    try:
        path = os.path.expanduser(path)  # noqa: PTH111 (to Path, "" is the folder one is in)
        # Looked at before it is opened, since opening a device can do things, and once more when it is open.
        _check_regular(os.stat(path))  # noqa: PTH116
        file = os.fdopen(_descriptor(path), "rb")
    except FileNotFoundError:
        raise CheckpointError("there is no such file; check the path") from None
    except PermissionError:
        raise CheckpointError("it may not be read; check its permissions") from None
    except (OSError, TypeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError("cannot be opened; give the path of a file") from error
    with file:
        before = os.fstat(file.fileno())
        size = before.st_size
        if size > limit:
            raise CheckpointError(
                f"it has {size} bytes, over the {limit} (64 MiB + 16 times the network) that are read; "
                "give the weights alone"
            )
        yield file, size
        after = os.fstat(file.fileno())
        if (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns):
            raise CheckpointError(
                "it was written to while it was read; wait until it is complete, and try again"
            )


def _descriptor(path: str | bytes) -> int:
    """Return the descriptor of a regular file; whatever came in its place meanwhile is not waited for."""
    flags = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY"))
    descriptor = os.open(path, flags)
    try:
        _check_regular(os.fstat(descriptor))
    except CheckpointError:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(status: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise CheckpointError(f"it is {kind}; give the path of a file of weights")
    return status


def read_into(file: BinaryIO, offset: int, count: int) -> bytearray:
    """Return `count` bytes of a file from `offset` on, in memory that may be written to.

    Raises
    ------
    CheckpointError
        Not all of them are there.
    """
    data = bytearray(count)
    file.seek(offset)
    if file.readinto(data) != count:  # type: ignore[attr-defined]
        raise CheckpointError("it ends too early; download it again")
    return data


def read_at(file: BinaryIO, offset: int, count: int) -> bytes:
    """Return `count` bytes of a file from `offset` on.

    Raises
    ------
    CheckpointError
        Not all of them are there.
    """
    file.seek(offset)
    data = file.read(count)
    if len(data) != count:
        raise CheckpointError("it ends too early; download it again")
    return data
