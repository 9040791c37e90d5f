"""One GET over http or https, read by a thread of its own, and what went wrong with it in plain words."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import IO, NamedTuple, TypeVar

import requests

from unitdrop.download.progress import BEAT

CONNECT = 10.0  # seconds within which a server must accept the connection
READ = 30.0  # seconds within which it must answer, and within which each chunk must arrive

_CHUNK = 32 << 10  # bytes; one within READ seconds is about 1 KB/s, and what is slower counts as stalled
_AHEAD = 64  # chunks that may wait to be written

_Item = TypeVar("_Item")


class Fault(Exception):
    """Why a try failed, in words that follow "could not be downloaded: ", and whether another may succeed."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class Head(NamedTuple):
    """What comes before the body."""

    status: int
    headers: Mapping[str, str]


class Get:
    """One GET, made and read by a thread of its own, so that the caller's never waits longer than `BEAT`.

    A read from a socket cannot be given up half-way and taken up again; a queue can be asked twice a second.
    """

    def __init__(self, url: str) -> None:
        self._url, self._connect, self._read = url, CONNECT, READ
        self._heads: queue.Queue[Head | Fault] = queue.Queue()
        self._chunks: queue.Queue[bytes | Fault] = queue.Queue(_AHEAD)
        self._over = threading.Event()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Get:
        threading.Thread(target=self._work, name="unitdrop-download", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread, wherever it is; only one that still connects goes on, until its time is up."""
        self._over.set()
        while not self._chunks.empty():  # it may be waiting for room
            self._chunks.get_nowait()
        self._hang_up()

    def head(self, beat: Callable[[], None]) -> Head:
        """Return the status and the headers; call `beat` while waiting."""
        limit = 2 * (self._connect + self._read)  # looking names up and following redirects take time too
        return _next(self._heads, limit, beat, _no_answer(limit))

    def body(self, beat: Callable[[], None]) -> Iterator[bytes]:
        """Yield the body in chunks; call `beat` while waiting."""
        while chunk := _next(self._chunks, self._read, beat, _stalled(self._read)):
            yield chunk

    def _work(self) -> None:
        """In the thread: pass on the head, the chunks and b"" for the end, or why it did not come to that."""
        due = self._heads
        ask = {"Accept-Encoding": "identity"}  # so that lengths are those of the file
        limits = (self._connect, self._read)
        try:
            with (
                requests.Session() as session,
                session.get(self._url, headers=ask, stream=True, timeout=limits) as response,
            ):
                self._hold(response.raw)
                self._heads.put(Head(response.status_code, response.headers))
                due = self._chunks
                self._pass_on(filter(None, response.raw.stream(_CHUNK, decode_content=False)))
        except Exception as error:
            due.put(_fault(error, due is self._chunks, self._connect, self._read))
        if self._over.is_set():
            self._hang_up()

    def _pass_on(self, chunks: Iterator[bytes]) -> None:
        while not self._over.is_set():
            chunk = next(chunks, b"")
            self._chunks.put(chunk)
            if not chunk:
                return

    def _hold(self, raw: IO[bytes]) -> None:
        """Take a second handle of the connection, so that it can be ended while the thread reads from it."""
        with suppress(OSError):  # an empty body has none any more
            self._socket = socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM)

    def _hang_up(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()


def _next(waiting: queue.Queue[_Item | Fault], seconds: float, beat: Callable[[], None], late: str) -> _Item:
    """Return what comes next; raise it if it is a fault, or one in the words of `late` if nothing comes."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            item = waiting.get(timeout=min(left, BEAT))
        except queue.Empty:
            beat()
            continue
        if isinstance(item, Fault):
            raise item
        return item
    raise Fault(late, again=True)


# faults in words


def _stalled(seconds: float) -> str:
    return f"the download stalled (next to nothing came for {seconds:g} s)"


def _no_answer(seconds: float) -> str:
    return f"no answer within {seconds:g} s"


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


def _fault(error: Exception, begun: bool, connect: float, read: float) -> Fault:
    """Return an error of requests, urllib3 or the system as a fault; `begun` if the head had come."""
    causes = list(_causes(error))
    for kinds, words, again in _FAULTS:
        if any(isinstance(cause, kinds) for cause in causes):
            return Fault(words, again)
    if any(isinstance(cause, (TimeoutError, requests.Timeout)) for cause in causes):
        waited = connect if isinstance(error, requests.ConnectTimeout) else read
        return Fault(_stalled(read) if begun else _no_answer(waited), again=True)
    return Fault("the connection broke off" if begun else "the server cannot be reached", again=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it, however they are wrapped, each once."""
    seen: list[BaseException] = []
    due: list[object] = [error]
    while due:
        cause = due.pop()
        if isinstance(cause, BaseException) and not any(cause is known for known in seen):
            seen.append(cause)
            due += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
            yield cause
