"""A web server on the loopback interface that serves files, well or with a fault.

    with serving({"/weights.pth": data}, fault=truncated(1000)) as server:
        fetch(Remote(server.url("/weights.pth"), ...))
    assert server.hits["/weights.pth"] == 3

A fault is a function of the request's number (1, 2, ... for each path) that returns how to answer; `once`
keeps it to the first request. From a shell: `python tests/helpers/server.py FILE...`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_PIECE = 64 << 10


@dataclass(frozen=True)
class Answer:
    """How to answer one GET; as it stands, well."""

    status: int = 200
    body: bytes | None = None  # instead of the file
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | str | None = (
        "exact"  # what Content-Length says; None: not sent, and the end is a closed connection
    )
    chunked: bool = False  # Transfer-Encoding: chunked instead of a length
    cut: int | None = None  # bytes after which the connection is closed
    flip: int | None = None  # place of the byte of which one bit is flipped
    stall: int | None = None  # bytes after which nothing more comes, the connection staying open
    rate: float | None = None  # bytes a second
    wait: float = 0.0  # seconds before anything is answered
    endless: bool = False  # after the file, more and more


Fault = Callable[[int], Answer]


def always(**how) -> Fault:
    """Answer every request in one way."""
    answer = Answer(**how)
    return lambda _number: answer


def once(fault: Fault, times: int = 1) -> Fault:
    """Show the fault to the first request only, or the first few; then be well."""
    return lambda number: fault(number) if number <= times else Answer()


def truncated(after: int) -> Fault:
    """Promise the whole, send so many bytes, and hang up."""
    return always(cut=after)


def no_length(after: int | None = None) -> Fault:
    """Do not say how long the file is; perhaps hang up early, which nothing then tells."""
    return always(length=None, cut=after)


def chunked(after: int | None = None) -> Fault:
    """Send it in chunks, without a length in advance; perhaps hang up early."""
    return always(chunked=True, cut=after)


PAGE = b"\r\n<!DOCTYPE html>\n<html><body>Please log in to this network.</body></html>" + b" " * 500


def html(kind: str = "text/html; charset=utf-8") -> Fault:
    """Send a web page as 200 OK, under its own or another type, as a hotel's network does."""
    return always(body=PAGE, headers={"Content-Type": kind})


def flipped_bit(at: int) -> Fault:
    """Alter one bit, of the byte at that place."""
    return always(flip=at)


def stalled(after: int) -> Fault:
    """Send so many bytes, and then nothing, with the connection open."""
    return always(stall=after)


def silent(seconds: float) -> Fault:
    """Accept the connection, and answer only after so long."""
    return always(wait=seconds)


def slow(rate: float) -> Fault:
    """Send so many bytes a second."""
    return always(rate=rate)


def drip() -> Fault:
    """Send a byte ten times a second: never silent for long, and never done."""
    return always(rate=10)


def failing(status: int, times: int | None = None) -> Fault:
    """Answer with that status: always, or so many times."""
    fault = always(status=status, body=b"out of order", headers={"Content-Type": "text/plain"})
    return fault if times is None else once(fault, times)


def redirecting(to: str) -> Fault:
    """Send every request elsewhere."""
    return always(status=302, body=b"", headers={"Location": to})


def lying_length(length: int) -> Fault:
    """Say a length that is not that of the body."""
    return always(length=length)


def endless() -> Fault:
    """Say no length, send the file, and go on with more."""
    return always(length=None, endless=True)


def compressed() -> Fault:
    """Say that it is compressed, though nobody asked for that."""
    return always(headers={"Content-Encoding": "gzip"})


class Server:
    """What is served, how, and what was asked for so far."""

    def __init__(self, files: Mapping[str, bytes | Path], fault: Fault | Mapping[str, Fault] | None) -> None:
        self.files = dict(files)
        self.fault = fault
        self.hits: Counter[str] = Counter()  # GETs of each path
        self.sent: Counter[str] = Counter()  # bytes of bodies of each path
        self.requests: list[tuple[str, dict[str, str]]] = []  # path and headers of each GET, in order
        self.over = threading.Event()
        self.port = 0
        self.scheme = "http"
        self._lock = threading.Lock()

    def url(self, path: str) -> str:
        """The address of a file."""
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Count a request, and say how to answer it."""
        with self._lock:
            self.hits[path] += 1
            self.requests.append((path, dict(headers)))
            number = self.hits[path]
        fault = self.fault.get(path) if isinstance(self.fault, Mapping) else self.fault
        answer = fault(number) if fault else Answer()
        if answer.body is None and path not in self.files:
            return Answer(status=404, body=b"not here", headers={"Content-Type": "text/plain"})
        return answer if answer.body is not None else replace(answer, body=self.content(path))

    def content(self, path: str) -> bytes:
        """The file's bytes as they should be."""
        file = self.files[path]
        return file if isinstance(file, bytes) else Path(file).read_bytes()

    def count(self, path: str, sent: int) -> None:
        """Add to the bytes sent."""
        with self._lock:
            self.sent[path] += sent


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site: Server = self.server.site
        answer = site.answer(self.path, self.headers)
        self.close_connection = True
        site.over.wait(answer.wait)
        with contextlib.suppress(OSError):  # the client may hang up: it is what many of the faults provoke
            self._head(answer)
            for piece in self._pieces(answer, site):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.chunked else piece)
                site.count(self.path, len(piece))
            if answer.chunked and answer.cut is None:
                self.wfile.write(b"0\r\n\r\n")

    def _head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/octet-stream", **answer.headers}.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.length is not None:
            length = len(answer.body) if answer.length == "exact" else answer.length
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def _pieces(self, answer: Answer, site: Server) -> Iterator[bytes]:
        """The body, with what is wrong with it, at its pace."""
        body = memoryview(answer.body)[: answer.cut]
        step = _PIECE if answer.rate is None else max(1, int(answer.rate / 20))
        began = time.monotonic()
        for start in range(0, len(body), step):
            piece = bytes(body[start : start + step][: self._left(answer.stall, start)])
            if answer.flip is not None and start <= answer.flip < start + len(piece):
                place = answer.flip - start
                piece = piece[:place] + bytes([piece[place] ^ 4]) + piece[place + 1 :]
            yield piece
            if answer.stall is not None and start + step >= answer.stall:
                self._wait_for_the_end(site)
                return
            if answer.rate and site.over.wait(
                max(0, began + (start + step) / answer.rate - time.monotonic())
            ):
                return
        while answer.endless and not site.over.is_set():
            yield bytes(_PIECE)

    @staticmethod
    def _left(stall: int | None, start: int) -> int | None:
        return None if stall is None else stall - start

    def _wait_for_the_end(self, site: Server) -> None:
        """Keep silent until the client hangs up, or the server closes."""
        self.connection.settimeout(0.1)
        while not site.over.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1):
                    return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 32

    def handle_error(self, *_: object) -> None:
        """Clients that vanish are what these tests are about."""


@contextmanager
def serving(
    files: Mapping[str, bytes | Path],
    fault: Fault | Mapping[str, Fault] | None = None,
    tls: tuple[Path, Path] | None = None,
) -> Iterator[Server]:
    """Serve the files on a free port until the end of the block; over TLS where a certificate is given."""
    site = Server(files, fault)
    listener = _Listener(("127.0.0.1", 0), _Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        site.scheme = "https"
        # Not yet the handshake: that is the business of the thread which answers, and may fail.
        listener.socket = context.wrap_socket(
            listener.socket, server_side=True, do_handshake_on_connect=False
        )
    listener.site, site.port = site, listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        listener.shutdown()
        listener.server_close()
        thread.join()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    with serving({f"/{Path(name).name}": Path(name) for name in sys.argv[1:]}) as served:
        print(*(served.url(path) for path in served.files), sep="\n", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
