"""Files for results: names that every system accepts, and writing that is whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import shutil
import stat
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path

from unitdrop.checks import expanded
from unitdrop.errors import ExportError

_LONGEST_NAME = 100  # bytes; file systems allow 255, and what calls may want to add an ending or a number
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))}
_STREAMS = (stat.S_ISCHR, stat.S_ISFIFO, stat.S_ISSOCK)
_NAMED = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NUMBERED = re.compile(r"(/dev|/proc/(?P<process>[0-9]+)(/task/[0-9]+)?)/fd/(?P<number>[0-9]{1,9})")
_MOST_LINKS = 40  # as many as Linux follows
_PIECE = 1 << 20  # bytes


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


class Content(io.BytesIO):
    """What is to be written, gathered in memory; `path` is where it lies once it has been."""

    path: Path


def own_descriptor(path: str | os.PathLike) -> int | None:
    """Return which open descriptor of this process a path is, through whatever links; None if it is none.

    Examples
    --------
    >>> own_descriptor("/dev/stdout"), own_descriptor("table.csv")
    (1, None)
    """
    found = _descriptor(expanded(path))
    return found and found[1] if found and found[0] == os.getpid() else None


def is_stream(path: str | os.PathLike) -> bool:
    """Return whether a path is written to, never replaced: a terminal, a pipe, an open descriptor."""
    path = expanded(path)
    try:
        return _descriptor(path) is not None or _is_of(_STREAMS, path)
    except (OSError, ValueError):
        return False


def destination(path: str | os.PathLike) -> Path:
    """Return the file that writing to `path` makes or replaces, symbolic links followed, `~` as one's home.

    What is written to as it goes on (a terminal, a pipe, an open descriptor) is returned as it is.

    Raises
    ------
    ExportError
        There is no such folder, it or the file is protected, or `path` is something other than a file.
    """
    try:
        given = expanded(path)
        if is_stream(given):
            return Path(given)
        final = Path(os.path.realpath(given))
        problem = _problem(final)
    except (OSError, TypeError, ValueError) as error:  # too long, a null byte, not a path at all
        raise ExportError(f"{path!r:.200}: cannot be a file name ({error}); choose another") from error
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
def atomic_write(path: str | os.PathLike, *, fresh: bool = False) -> Iterator[Content]:
    """Gather what is to be written, and put it in the place of `path` once all of it is there.

    Whatever happens in between, `path` is what it was before, and nothing else is left (only a process that
    is killed leaves a temporary file, called `.unitdrop-*.tmp`). A new file gets the permissions that new
    files get; one that is replaced keeps its own. Symbolic links are followed.

    A terminal, a pipe or an open descriptor (`/dev/stdout`, `/dev/fd/3`) is written to, never replaced,
    whatever file it leads to; nothing is sent before all is there.

    Parameters
    ----------
    fresh
        Keep what is there: of `out.gif`, `out-2.gif`, `out-3.gif`, ... the first is taken that is no file
        yet. Two who write at once never take the same.

    Raises
    ------
    ExportError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for _ in range(2):
    ...         with atomic_write(f"{folder}/note.txt", fresh=True) as file:
    ...             _ = file.write(b"all of it")
    ...     sorted(os.listdir(folder)), file.path.name
    (['note-2.txt', 'note.txt'], 'note-2.txt')
    """
    final = destination(path)
    with Content() as content:
        content.path = Path(expanded(path))
        yield content
        try:
            if is_stream(final):
                _send(content.getvalue(), final)
            elif (name := _put(content.getvalue(), final, fresh)) != final:
                content.path = name
        except OSError as error:
            raise ExportError(f"{path}: {_words(error, final)}") from error


def _words(error: OSError, final: Path) -> str:
    """Return why something could not be written, and what has become of the file."""
    if error.errno == errno.ENXIO:
        return "nobody reads from it; start the reader first, or choose a file"
    if error.errno == errno.EBADF:
        return "is not open for writing; open it, or choose a file"
    left = "part of it may have been sent" if is_stream(final) else "nothing has been written"
    return f"cannot be written: {error.strerror or error}; {left}"


# -- files: whole or not at all


def _put(content: bytes, final: Path, fresh: bool) -> Path:
    """Write a file beside its place, then put it there in one step; return its name."""
    temporary = final.with_name(f".unitdrop-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            if not fresh and final.exists():
                shutil.copymode(final, temporary)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        name = _first_free(temporary, final) if fresh else temporary.replace(final)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    _flush_folder(final.parent)
    return name


def _first_free(temporary: Path, wanted: Path) -> Path:
    """Give a file the first name like the wanted one that nobody has, which is returned."""
    numbered = (wanted.with_name(f"{wanted.stem}-{n}{wanted.suffix}") for n in count(2))
    for name in chain([wanted], numbered):
        with suppress(FileExistsError):
            _give_name(temporary, name)
            return name
    raise AssertionError("there is always a higher number")


def _give_name(temporary: Path, name: Path) -> None:
    """Let a file be known by a name too, in one step; FileExistsError if that is taken."""
    try:
        os.link(temporary, name)
        return
    except FileExistsError:
        raise
    except (OSError, AttributeError):  # a file system without hard links, such as that of a memory card
        name.open("xb").close()
    try:
        temporary.replace(name)
    except BaseException:
        name.unlink()
        raise


def _flush_folder(folder: Path) -> None:
    """Ask the system to put the folder's new entry on the disk, where it can be asked."""
    with suppress(OSError, AttributeError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# -- streams: written to as they stand


def _descriptor(path: str) -> tuple[int, int] | None:
    """Return the process and the number of the open descriptor that a path is; None for any other path.

    To follow the system's own link would lead to the file behind the descriptor, and lose how it was opened.
    """
    for _ in range(_MOST_LINKS):
        folder, name = os.path.split(path)
        whole = Path(os.path.realpath(folder), name)
        if (number := _NAMED.get(whole.as_posix())) is not None:
            return os.getpid(), number
        if found := _NUMBERED.fullmatch(whole.as_posix()):
            return int(found["process"] or os.getpid()), int(found["number"])
        if not whole.is_symlink():
            return None
        path = str(whole.parent / whole.readlink())
    return None


def _is_of(kinds: tuple[Callable[[int], bool], ...], path: str) -> bool:
    mode = Path(path).stat().st_mode
    return any(kind(mode) for kind in kinds)


def _send(content: bytes, path: Path) -> None:
    """Write all of it to a stream, after what this process has said there so far."""
    for spoken in (sys.stdout, sys.stderr):
        if spoken is not None:
            spoken.flush()
    number = own_descriptor(path)
    with os.fdopen(_opened(path) if number is None else os.dup(number), "wb", buffering=0) as stream:
        sent = 0
        while sent < len(content):
            sent += stream.write(content[sent : sent + _PIECE]) or 0


def _opened(path: Path) -> int:
    """Return a stream, opened behind what it holds; a pipe that nobody reads is refused, not waited for."""
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    descriptor = os.open(path, flags)
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    return descriptor
