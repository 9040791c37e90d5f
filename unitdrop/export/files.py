"""Files for results: names that every system accepts, and writing that is whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from unitdrop.errors import ExportError

_LONGEST_NAME = 100  # bytes; file systems allow 255, and what calls may want to add an ending or a number
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))}


def safe_name(label: str) -> str:
    r"""Turn a label into a file name without an ending that every common system accepts.

    Letters and digits of any script, `-`, `_` and `.` stay; all else becomes `-`, and dots do not lead. Names
    that Windows reserves get a leading `_`. At most 100 bytes of UTF-8; never empty. Two labels may become
    the same name.

    Examples
    --------
    >>> safe_name("diner/outdoor"), safe_name("..\\secret"), safe_name("CON"), safe_name(" ?")
    ('diner-outdoor', 'secret', '_CON', 'unnamed')
    """
    composed = unicodedata.normalize("NFKC", str(label))  # look-alikes and ligatures become plain letters
    kept = (c if c in "_." or unicodedata.category(c)[0] in "LMN" else "-" for c in composed)
    joined = "-".join(filter(None, "".join(kept).split("-")))
    name = joined.strip("-. ").encode()[:_LONGEST_NAME].decode(errors="ignore").strip("-. ")
    return f"_{name}" if name.split(".")[0].upper() in _RESERVED else name or "unnamed"


def destination(path: str | os.PathLike) -> Path:
    """Return the file that writing to `path` makes or replaces, symbolic links followed.

    Raises
    ------
    ExportError
        There is no such folder, it or the file is protected, or `path` is something other than a file.
    """
    try:
        final = Path(os.path.realpath(os.fspath(path)))
        problem = _problem(final)
    except (OSError, TypeError, ValueError) as error:  # too long, a null byte, not a path at all
        raise ExportError(f"{path!r}: cannot be a file name ({error}); choose another") from error
    if problem:
        raise ExportError(f"{path}: {problem}")
    return final


def _problem(final: Path) -> str | None:
    """Return what keeps a file from being written, and the remedy; None if nothing does."""
    folder, exists = final.parent, final.exists() or final.is_symlink()
    if not folder.is_dir():
        return f"there is no folder {folder}; make it first, or choose another"
    if final.is_dir():
        return "is a folder; add a file name to it"
    if exists and not final.is_file():
        return "is not a regular file; choose another name"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} may not be written to; choose another"
    if exists and not os.access(final, os.W_OK):
        return "exists and is write-protected; choose another name"
    return None


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`, and put it in the place of `path` once all is written.

    Whatever happens in between, `path` is what it was before, and the temporary file is removed (only a
    process that is killed leaves one, called `.unitdrop-*.tmp`). A new file gets the permissions that new
    files get; one that is replaced keeps its own. Symbolic links are followed.

    Raises
    ------
    ExportError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(f"{folder}/note.txt") as file:
    ...         _ = file.write(b"all of it")
    ...     os.listdir(folder)
    ['note.txt']
    """
    final = destination(path)
    temporary = final.with_name(f".unitdrop-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            if final.exists():
                shutil.copymode(final, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(final)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from error
        raise
    _flush_folder(final.parent)


def _flush_folder(folder: Path) -> None:
    """Ask the system to put the folder's new entry on the disk, where it can be asked."""
    with suppress(OSError, AttributeError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
