"""Small files in a cache that others may write to: looked at before they are believed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MOST_IN_LOCK = 4096  # bytes: where the system has no locks, who holds it is written into it


def read_own(path: Path, most: int) -> bytes:
    """Return the bytes of a small file of one's own, or of the superuser's; nothing else is read.

    Raises
    ------
    OSError
        It cannot be read, is a link, a pipe or a device, is another user's, or has more bytes than `most`.
    """
    flags = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
    if path.is_symlink():
        raise OSError("it is a link")
    with os.fdopen(os.open(path, os.O_RDONLY | sum(flags)), "rb") as file:
        why = _wrong(os.fstat(file.fileno()))  # of what has been opened, whatever has become of the name
        content = b"" if why else file.read(most + 1)
    if why or len(content) > most:
        raise OSError(why or f"it has more than {most:,} bytes")
    return content


def not_a_lock(path: Path) -> str | None:
    """Return why a file cannot be locked without harm: a link, a pipe, or full of something; None if it can.

    To lock a file may empty it. That of another user is as good as one's own: a cache may be shared.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return "it is a link"
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if status.st_nlink > 1:
        return "it has another name too"
    return "it is not empty" if status.st_size > _MOST_IN_LOCK else None


def _wrong(status: os.stat_result) -> str | None:
    """Return why an open file is not to be believed; None if it is."""
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if hasattr(os, "geteuid") and status.st_uid not in (os.geteuid(), 0):
        return f"it belongs to another user, number {status.st_uid}"
    return None
