"""Files of weights from the network: whole and unaltered, or not at all.

A download goes into a folder of its own beside the destination. A lock sees to it that of several processes
one downloads. Only a file whose every byte is as published is moved to where it will be looked for.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import filelock

from unitdrop.download.owned import not_a_lock, read_own
from unitdrop.download.progress import BEAT, Progress, Report
from unitdrop.download.remote import Remote, file_sha256
from unitdrop.download.tries import download
from unitdrop.errors import DownloadError

MAX_RECORD = 4096  # bytes; a record has about a hundred


def fetch(remote: Remote, *, trust_unpinned: bool = False, progress: Progress | None = None) -> Path:
    """Return the path of a file that is as published: the cached one, or else a new download.

    A cached file is hashed at every call. One that is damaged stays where it is until a good one takes its
    place, but is never returned.

    Parameters
    ----------
    trust_unpinned
        Accept a file of which nobody has published a sha256. What arrives first is recorded beside it, in
        `<file>.sha256`, and must be the same from then on.
    progress
        Called from this thread as `progress(done, total)` in bytes, with a total of None while unknown: as
        the download goes on, and about twice a second while nothing arrives or another process downloads.
        What it raises stops the download and passes through. None draws a bar (notebook, terminal).

    Raises
    ------
    DownloadError
        The file cannot be fetched whole and unaltered, or cannot be kept.

    Examples
    --------
    >>> import hashlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sha256 = hashlib.sha256(b"weights").hexdigest()
    ...     remote = Remote("https://example.org/net.pth", Path(folder), "net.pth", sha256, 7)
    ...     _ = remote.path.write_bytes(b"weights")
    ...     fetch(remote) == remote.path
    True
    """
    known = _known(remote, trust_unpinned)
    with closing(Report(remote.file, progress)) as report, _disk_troubles(remote, report):
        if known is None or not _is_right(remote, known):
            remote.folder.mkdir(parents=True, exist_ok=True)
            with _locked(remote, report), _staging(remote) as stage:
                _provide(remote, trust_unpinned, stage, report)
    return remote.path


def _provide(remote: Remote, trust_unpinned: bool, stage: Path, report: Report) -> None:
    """Under the lock: put a right file in its place, unless another process has done so meanwhile."""
    known = _known(remote, trust_unpinned)
    if known is None and remote.cached:  # whole, and put there by hand, or by torch.hub
        _record(remote, file_sha256(remote.path), stage)
    elif known is None or not _is_right(remote, known):
        digest = download(remote, known, stage, report)
        if known is None:  # recorded first: the record without the file is a safe state, the other way is not
            _record(remote, digest, stage)
        _install(stage / remote.file, remote.path)


def _install(staged: Path, final: Path) -> None:
    """Put a finished file in its place in one step, and both on the disk."""
    staged.replace(final)
    with suppress(OSError, AttributeError):  # not every system can be asked
        descriptor = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# what is known of a file


def _known(remote: Remote, trust_unpinned: bool) -> str | None:
    """Return the published sha256 or its beginning, else the recorded one, else None if that may be."""
    known = remote.sha256 or _recorded(remote)
    if known or trust_unpinned:
        return known
    raise DownloadError(
        f"nobody has published a sha256 for {remote.file} ({remote.url}), so nothing can tell whether "
        "it is unaltered; pass --trust-unpinned (trust_unpinned=True) to accept what comes; it "
        "is then recorded, and must be the same from then on"
    )


def _is_right(remote: Remote, known: str) -> bool:
    """Return whether the cached file is there with every byte as published."""
    return remote.there and file_sha256(remote.path).startswith(known)


def _recorded(remote: Remote) -> str | None:
    """Return the sha256 that was seen when the file was first trusted; None if it never was."""
    path = remote.record
    try:
        text = read_own(path, MAX_RECORD).decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        why = error.strerror or error
        raise DownloadError(f"{path}: cannot be read ({why}); delete it to trust anew") from error
    found = re.match(r"[0-9a-fA-F]{64}\b", text)
    if not found:
        raise DownloadError(
            f"{path}: expected a sha256 of 64 hex digits, got {text!r:.40}; delete it to trust anew"
        )
    return found[0].lower()


def _record(remote: Remote, digest: str, stage: Path) -> None:
    """Write down, as sha256sum does, what the file must be from now on."""
    staged = stage / "record"
    with staged.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{digest}  {remote.file}\n")
        file.flush()
        os.fsync(file.fileno())
    _install(staged, remote.record)


# around a download


@contextmanager
def _disk_troubles(remote: Remote, report: Report) -> Iterator[None]:
    """Say in a sentence what a full disk, a protected folder or a folder that is a file come to."""
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the latter: a lock that the file system cannot give
        if error is report.error:
            raise
        reason = getattr(error, "strerror", None) or error
        if remote.folder.is_file():
            reason = "that is a file"
        raise DownloadError(
            f"{remote.file} cannot be kept in the folder {remote.folder}: {reason}; make room or get "
            "permission, or choose another folder: UNITDROP_CACHE (TORCH_HOME for torchvision's own files)"
        ) from error


@contextmanager
def _locked(remote: Remote, report: Report) -> Iterator[None]:
    """Wait until no other process downloads this file; keep the others waiting meanwhile.

    The lock file stays behind, empty: to remove it would let two processes each lock a file of that name.
    """
    path = remote.folder / f".unitdrop-{remote.file}.lock"
    if (why := not_a_lock(path)) is not None:
        raise DownloadError(f"{path}: {why}, so it is no lock of unitdrop's; delete it")
    lock = filelock.FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=BEAT)
        except filelock.Timeout:
            report(0, None)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _staging(remote: Remote) -> Iterator[Path]:
    """Give an empty folder beside the destination; whatever happens, it is gone afterwards.

    A process that is killed leaves it. The next one empties it, and touches nothing else.
    """
    stage = remote.folder / f".unitdrop-{remote.file}.partial"
    shutil.rmtree(stage, ignore_errors=True)
    with suppress(OSError):
        stage.unlink()  # a file of that name is none of unitdrop's
    try:
        stage.mkdir()
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
