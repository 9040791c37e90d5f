"""Files of weights from the network: whole and unaltered, or not at all.

pooch downloads into a folder of its own beside the destination. A lock sees to it that of several processes
one downloads. Only a file whose every byte is as published is moved to where it will be looked for.
"""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

import filelock
import pooch
import requests

from unitdrop.errors import DownloadError

CONNECT = 10.0  # seconds within which a server must accept the connection
READ = 30.0  # seconds within which it must answer, and within which each chunk must arrive
TRIES = 3
PAUSE = 1.0  # seconds before the second try; twice as long before each further one

_CHUNK = 32 << 10  # bytes; one within READ seconds is about 1 KB/s, and what is slower counts as stalled
_AHEAD = 64  # chunks that may wait to be written
_BEAT = 0.5  # seconds between two calls of the progress while nothing arrives, so that a Cancel is heard
_OFTEN = 0.05  # seconds between two calls while much arrives
_WORTH_ANOTHER_TRY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}  # and every 5xx
_BEGINNING = 256  # bytes in which a web page shows itself
_PAGE = "the server sends a web page instead (does this network ask for a login?)"
_FULL = 64  # hex digits of a whole sha256
_SHOWN = 16  # of them, in messages
_NUMBERS = {2: "two", 3: "three"}

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Remote:
    """A file of weights: where it comes from, where it is kept, and how it is known to be right.

    Parameters
    ----------
    url
        Its http or https address.
    folder
        Where it is kept; created when needed.
    file
        Its name there.
    sha256
        Its 64 hex digits, or the first 8 or more of them (torchvision publishes 8, in the names of its
        files), or None where nobody has published any.
    size
        Its exact length in bytes; None where nobody has published it.
    most
        Never read more bytes than this.

    Raises
    ------
    DownloadError
        `file` is no plain name, or `sha256` is not made of 8 to 64 hex digits.

    Examples
    --------
    >>> remote = Remote("https://example.org/net-0123abcd.pth", Path("cache"), "net.pth", "0123ABCD", None)
    >>> remote.path.as_posix(), remote.sha256, remote.cached
    ('cache/net.pth', '0123abcd', False)
    """

    url: str
    folder: Path
    file: str
    sha256: str | None
    size: int | None
    most: int = 4 << 30

    def __post_init__(self) -> None:
        """Check what would lead out of the folder or make a check useless."""
        if self.file in ("", ".", "..") or set(self.file) & set("/\\:\0"):
            raise DownloadError(f"file: expected a plain name, got {self.file!r}; put the folder into folder")
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{8,64}", self.sha256):
            raise DownloadError(
                f"sha256 of {self.file}: expected 64 hex digits, or the first 8 or more of them, got "
                f"{self.sha256!r}; pass None where nobody has published any"
            )
        object.__setattr__(self, "folder", Path(self.folder))
        object.__setattr__(self, "sha256", self.sha256 and self.sha256.lower())

    @property
    def path(self) -> Path:
        """Where the file is kept."""
        return self.folder / self.file

    @property
    def cached(self) -> bool:
        """Whether the file is there, with its published length: a quick look, no proof that it is right."""
        found = self.path.stat().st_size if self.path.is_file() else 0
        return found > 0 and self.size in (None, found)


def cache_folder() -> Path:
    """Return `$UNITDROP_CACHE` if that is set, else the folder where this platform keeps caches.

    Examples
    --------
    >>> cache_folder().is_absolute() or "UNITDROP_CACHE" in os.environ
    True
    """
    chosen = os.environ.get("UNITDROP_CACHE")
    return Path(os.path.expanduser(chosen or pooch.os_cache("unitdrop")))  # Path.expanduser can raise


def hub_folder() -> Path:
    """Return the folder where `torch.hub` keeps checkpoints, without loading torch.

    `$TORCH_HOME/hub/checkpoints`, else `$XDG_CACHE_HOME/torch/hub/checkpoints`, else below `~/.cache`.

    Examples
    --------
    >>> hub_folder().parts[-2:]
    ('hub', 'checkpoints')
    """
    home = os.environ.get("TORCH_HOME", os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch"))
    return Path(os.path.expanduser(home), "hub", "checkpoints")


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
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sha256 = hashlib.sha256(b"weights").hexdigest()
    ...     remote = Remote("https://example.org/net.pth", Path(folder), "net.pth", sha256, 7)
    ...     _ = remote.path.write_bytes(b"weights")
    ...     fetch(remote) == remote.path
    True
    """
    known = _known(remote, trust_unpinned)
    with _reporting(remote, progress) as report, _disk_troubles(remote, report):
        if known is None or not _is_right(remote, known):
            remote.folder.mkdir(parents=True, exist_ok=True)
            with _locked(remote, report), _staging(remote) as stage:
                _provide(remote, trust_unpinned, stage, report)
    return remote.path


def _provide(remote: Remote, trust_unpinned: bool, stage: Path, report: _Report) -> None:
    """Under the lock: put a right file in its place, unless another process has done so meanwhile."""
    known = _known(remote, trust_unpinned)
    if known is None and remote.cached:  # put there by hand, or by torch.hub
        _record(remote, _digest(remote.path), stage)
    elif known is None or not _is_right(remote, known):
        digest = _download(remote, known, stage, report)
        if known is None:  # recorded first: the record without the file is a safe state, the other way is not
            _record(remote, digest, stage)
        _install(stage / remote.file, remote.path)


def _install(staged: Path, final: Path) -> None:
    """Put a finished file in its place in one step, and both on the disk."""
    os.replace(staged, final)
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
    """Whether the cached file is there with every byte as published."""
    return remote.cached and _digest(remote.path).startswith(known)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record_path(remote: Remote) -> Path:
    return remote.folder / f"{remote.file}.sha256"


def _recorded(remote: Remote) -> str | None:
    """Return the sha256 that was seen when the file was first trusted; None if it never was."""
    path = _record_path(remote)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DownloadError(f"{path}: cannot be read ({error.strerror}); delete it to trust anew") from error
    found = re.match(r"[0-9a-fA-F]{64}\b", text)
    if not found:
        raise DownloadError(
            f"{path}: expected a sha256 of 64 hex digits, got {text!r:.40}; delete it to trust anew"
        )
    return found[0].lower()


def _record(remote: Remote, digest: str, stage: Path) -> None:
    """Write down, as sha256sum does, what the file must be from now on."""
    staged, final = stage / "record", _record_path(remote)
    with open(staged, "w", encoding="utf-8", newline="\n") as file:
        file.write(f"{digest}  {remote.file}\n")
        file.flush()
        os.fsync(file.fileno())
    _install(staged, final)


# around a download


class _Report:
    """Tells the caller, or a bar, how far things are; remembers what the caller's progress raised."""

    def __init__(self, remote: Remote, progress: Progress | None) -> None:
        self._file, self._progress, self._bar = remote.file, progress, None
        self._last = float("-inf")
        self.error: BaseException | None = None

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if done != total and now < self._last + _OFTEN:
            return
        self._last = now
        try:
            (self._progress or self._draw)(done, total)
        except BaseException as error:
            self.error = error
            raise

    def _draw(self, done: int, total: int | None) -> None:
        if self._bar is None:  # not before something happens: a cached file needs no bar
            self._bar = _bar(self._file)
        if total is not None and total != self._bar.total:
            self._bar.reset(total)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar(file: str):
    """Return a bar: a widget in a notebook, else text, unless standard error is no terminal."""
    from tqdm.auto import tqdm  # here, as it looks for a notebook when it is imported

    return tqdm(desc=file, unit="B", unit_scale=True, unit_divisor=1024, disable=None)


@contextmanager
def _reporting(remote: Remote, progress: Progress | None) -> Iterator[_Report]:
    report = _Report(remote, progress)
    try:
        yield report
    finally:
        report.close()


@contextmanager
def _disk_troubles(remote: Remote, report: _Report) -> Iterator[None]:
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
def _locked(remote: Remote, report: _Report) -> Iterator[None]:
    """Wait until no other process downloads this file; keep the others waiting meanwhile.

    The lock file stays behind, empty: to remove it would let two processes each lock a file of that name.
    """
    lock = filelock.FileLock(remote.folder / f".unitdrop-{remote.file}.lock")
    while not lock.is_locked:
        try:
            lock.acquire(timeout=_BEAT)
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


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch from telling on standard error, for this thread, what the bar shows anyway."""
    thread = threading.get_ident()

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    pooch.get_logger().addFilter(of_others)
    try:
        yield
    finally:
        pooch.get_logger().removeFilter(of_others)


# tries


class _Fault(Exception):
    """Why a try failed, in words that follow "could not be downloaded: ", and whether another may succeed."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.again = again


def _download(remote: Remote, known: str | None, stage: Path, report: _Report) -> str:
    """Leave a right file in the staging folder and return its sha256, or say why that cannot be."""
    for tried in range(1, TRIES + 1):
        try:
            return _try(remote, known, stage, report)
        except _Fault as fault:
            if not fault.again or tried == TRIES:
                raise DownloadError(_sorry(remote, fault, tried)) from fault.__cause__
        _pause(PAUSE * 2 ** (tried - 1), lambda: report(0, remote.size))
    raise AssertionError("TRIES is at least 1")


def _sorry(remote: Remote, fault: _Fault, tried: int) -> str:
    """Say what could not be had, from where, why, and where to put it by hand."""
    tries = f" in {_NUMBERS.get(tried, tried)} tries" if tried > 1 else ""
    damaged = "; the copy that is there now is damaged and is not used" if remote.path.exists() else ""
    return (
        f"{remote.file} could not be downloaded from {remote.url}{tries}: {fault}; try again later, or get "
        f"it in another way and put it into the folder {remote.folder} under the name {remote.file}{damaged}"
    )


def _pause(seconds: float, beat: Callable[[], None]) -> None:
    """Sleep, in steps between which a Cancel is heard."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        beat()
        time.sleep(min(left, _BEAT))


def _try(remote: Remote, known: str | None, stage: Path, report: _Report) -> str:
    """Let pooch download once into the staging folder; return the sha256 of what arrived."""
    digests = []

    def downloader(_url: str, output: str, _pooch: object) -> None:
        with open(output, "wb") as file:
            digests.append(_receive(remote, known, file, report))
            file.flush()
            os.fsync(file.fileno())
        _check_digest(remote, known, digests[-1])
        os.chmod(output, stage.stat().st_mode & 0o666)  # pooch's temporary files are private to the user

    whole = known if known and len(known) == _FULL else None
    try:
        with _quiet_pooch():  # it hashes the file once more, as the disk gives it back
            pooch.retrieve(remote.url, whole, fname=remote.file, path=stage, downloader=downloader)
    except ValueError as error:
        if error is report.error:
            raise
        raise _Fault("it was altered on its way to the disk", again=True) from error
    return digests[-1]


def _receive(remote: Remote, known: str | None, file: BinaryIO, report: _Report) -> str:
    """Write the body of one GET to `file`; return its sha256. More or fewer bytes than due are a fault."""
    hasher, head, done, total = hashlib.sha256(), b"", 0, remote.size
    most = remote.most if remote.size is None else min(remote.size, remote.most)

    def beat() -> None:
        report(done, total)

    with _Get(remote.url) as get:
        total = _checked_length(get.head(beat), remote, most, provable=bool(known))
        for chunk in get.body(beat):
            if len(head) < _BEGINNING:
                head += chunk[:_BEGINNING]
                _refuse_page(head)
            done += len(chunk)
            if done > most:
                raise _Fault(f"more comes than the {most:,} bytes expected", again=False)
            hasher.update(chunk)
            file.write(chunk)
            beat()
    if total not in (None, done) or remote.size not in (None, done):
        raise _Fault(f"it ended after {done:,} of {remote.size or total:,} bytes", again=True)
    report(done, done)
    return hasher.hexdigest()


def _checked_length(head: _Head, remote: Remote, most: int, provable: bool) -> int | None:
    """Return how many bytes are to come, or None if nobody says; refuse an answer that is not the file."""
    _check_status(head.status)
    if head.headers.get("Content-Type", "").strip().lower().startswith("text/html"):
        raise _Fault(_PAGE, again=False)
    encoding = head.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise _Fault(f"the server sends it compressed ({encoding:.20}), though asked not to", again=False)
    length = head.headers.get("Content-Length", "")
    announced = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
    if announced is not None and announced > most:
        raise _Fault(f"the server offers {announced:,} bytes, not the {most:,} expected", again=False)
    chunked = "chunked" in head.headers.get("Transfer-Encoding", "").lower()
    if announced is None and remote.size is None and not (chunked or provable):
        raise _Fault("the server does not say how long it is: a part would pass for the whole", again=False)
    return remote.size if announced is None else announced


def _check_status(status: int) -> None:
    if status != HTTPStatus.OK:
        name = f" ({HTTPStatus(status).phrase})" if status in set(HTTPStatus) else ""
        again = status >= 500 or status in _WORTH_ANOTHER_TRY
        raise _Fault(f"the server answered {status}{name}", again)


def _refuse_page(head: bytes) -> None:
    """Refuse what begins as a web page does, however the server calls it."""
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html)", head, re.IGNORECASE):
        raise _Fault(_PAGE, again=False)


def _check_digest(remote: Remote, known: str | None, digest: str) -> None:
    if known is None or digest.startswith(known):
        return
    if remote.sha256:
        came, due = digest[: len(known)][:_SHOWN], known[:_SHOWN]
        raise _Fault(
            f"what arrives is not what was published: sha256 {came}... instead of {due}...", again=True
        )
    raise _Fault(
        f"what arrives is not what was first trusted, as recorded in {_record_path(remote)} (delete that "
        "record to trust anew, if the file was replaced on purpose)",
        again=True,
    )


# one GET


class _Head(NamedTuple):
    """What comes before the body."""

    status: int
    headers: Mapping[str, str]


class _Get:
    """One GET, made and read by a thread of its own, so that the caller's never waits longer than `_BEAT`.

    A read from a socket cannot be given up half-way and taken up again; a queue can be asked twice a second.
    """

    def __init__(self, url: str) -> None:
        self._url, self._connect, self._read = url, CONNECT, READ
        self._arrived: queue.Queue[_Head | bytes | _Fault] = queue.Queue(_AHEAD)
        self._over = threading.Event()
        self._socket: socket.socket | None = None

    def __enter__(self) -> _Get:
        threading.Thread(target=self._run, name="unitdrop-download", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread, wherever it is; only one that still connects goes on, until its time is up."""
        self._over.set()
        while not self._arrived.empty():  # it may be waiting for room
            self._arrived.get_nowait()
        self._hang_up()

    def head(self, beat: Callable[[], None]) -> _Head:
        """Return the status and the headers; call `beat` while waiting."""
        limit = 2 * (self._connect + self._read)  # looking names up and following redirects take time too
        return self._next(limit, beat, f"no answer within {limit:g} s")

    def body(self, beat: Callable[[], None]) -> Iterator[bytes]:
        """Yield the body in chunks; call `beat` while waiting."""
        while chunk := self._next(self._read, beat, self._stalled):
            yield chunk

    @property
    def _stalled(self) -> str:
        return f"the download stalled (next to nothing came for {self._read:g} s)"

    def _next(self, seconds: float, beat: Callable[[], None], late: str) -> _Head | bytes:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                item = self._arrived.get(timeout=min(left, _BEAT))
            except queue.Empty:
                beat()
                continue
            if isinstance(item, _Fault):
                raise item
            return item
        raise _Fault(late, again=True)

    def _run(self) -> None:
        """In the thread: pass on the head, the chunks and b"" for the end, or why it did not come to that."""
        begun = False
        try:
            for item in self._items():
                begun = True
                self._arrived.put(item)
                if self._over.is_set():
                    break
        except Exception as error:
            self._arrived.put(self._fault(error, begun))
        if self._over.is_set():
            self._hang_up()

    def _items(self) -> Iterator[_Head | bytes]:
        ask = {"Accept-Encoding": "identity"}  # so that lengths are those of the file
        limits = (self._connect, self._read)
        with requests.Session() as session:
            with session.get(self._url, headers=ask, stream=True, timeout=limits) as response:
                self._hold(response.raw)
                yield _Head(response.status_code, response.headers)
                yield from filter(None, response.raw.stream(_CHUNK, decode_content=False))
        yield b""

    def _hold(self, raw: IO[bytes]) -> None:
        """Take a second handle of the connection, so that it can be ended while the thread reads from it."""
        with suppress(OSError):  # an empty body has none any more
            self._socket = socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM)

    def _hang_up(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def _fault(self, error: Exception, begun: bool) -> _Fault:
        """Put an error of requests, urllib3 or the system into plain words."""
        causes = list(_causes(error))
        for kinds, words, again in _FAULTS:
            if any(isinstance(cause, kinds) for cause in causes):
                return _Fault(words, again)
        if any(isinstance(cause, (TimeoutError, requests.Timeout)) for cause in causes):
            waited = self._connect if isinstance(error, requests.ConnectTimeout) else self._read
            return _Fault(self._stalled if begun else f"no answer within {waited:g} s", again=True)
        return _Fault("the connection broke off" if begun else "the server cannot be reached", again=True)


_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    UnicodeError,
)
_FAULTS = (  # kinds of error, in plain words, and whether another try may succeed; the first that fits
    (ssl.SSLCertVerificationError, "the server's certificate is not trusted (is the clock right?)", False),
    (_NO_ADDRESS, "that is not an http or https address", False),
    (requests.TooManyRedirects, "the server redirects in circles", False),
    (requests.exceptions.ProxyError, "the proxy cannot be reached (HTTP_PROXY, HTTPS_PROXY)", True),
    (socket.gaierror, "the server cannot be reached: its name is not found (is there a network?)", True),
    (ConnectionRefusedError, "the server cannot be reached: it refuses the connection", True),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that led to it, however they are wrapped; the same one may come twice."""
    seen, due = [], [error]
    while due:
        error = due.pop()
        if isinstance(error, BaseException) and not any(error is known for known in seen):
            seen.append(error)
            due += [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
            yield error
