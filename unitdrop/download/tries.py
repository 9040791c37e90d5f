"""Downloading in up to three tries, each of which is checked: its status, length, content and sha256."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from unitdrop.download.connection import Fault, Get, Head
from unitdrop.download.progress import BEAT, Report
from unitdrop.download.remote import Remote, file_sha256
from unitdrop.errors import DownloadError

TRIES = 3
PAUSE = 1.0  # seconds before the second try; twice as long before each further one

_WORTH_ANOTHER_TRY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}  # and every 5xx
_BEGINNING = 256  # bytes in which a web page shows itself
_PAGE = "the server sends a web page instead (does this network ask for a login?)"
_SHOWN = 16  # hex digits of a sha256, in messages
_NUMBERS = {2: "two", 3: "three"}


def download(remote: Remote, known: str | None, stage: Path, report: Report) -> str:
    """Leave a right file in the folder `stage`, under its own name, and return its sha256.

    Parameters
    ----------
    known
        The sha256, or the beginning of it, that the file must have; None accepts any.

    Raises
    ------
    DownloadError
        No try succeeded; the message names the file, the address, the reason and the remedy.
    """
    for tried in range(1, TRIES + 1):
        try:
            return _try(remote, known, stage / remote.file, report)
        except Fault as fault:
            if not fault.again or tried == TRIES:
                raise DownloadError(_sorry(remote, fault, tried)) from fault.__cause__
        _pause(PAUSE * 2 ** (tried - 1), lambda: report(0, remote.size))
    raise AssertionError("TRIES is at least 1")


def _sorry(remote: Remote, fault: Fault, tried: int) -> str:
    """Return a sentence: what could not be had, from where, why, and where to put it by hand."""
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
        time.sleep(min(left, BEAT))


def _try(remote: Remote, known: str | None, path: Path, report: Report) -> str:
    """Download once to a path; return the sha256 of what arrived and lies on the disk."""
    with path.open("wb") as file:
        digest = _receive(remote, known, file, report)
        file.flush()
        os.fsync(file.fileno())
    _check_digest(remote, known, digest)
    if file_sha256(path) != digest:  # as the disk gives it back
        raise Fault("it was altered on its way to the disk", again=True)
    return digest


def _receive(remote: Remote, known: str | None, file: BinaryIO, report: Report) -> str:
    """Write the body of one GET to `file`; return its sha256. More or fewer bytes than due are a fault."""
    hasher, head, done, total = hashlib.sha256(), b"", 0, remote.size
    most = remote.most if remote.size is None else min(remote.size, remote.most)

    def beat() -> None:
        report(done, total)

    with Get(remote.url) as get:
        total = _checked_length(get.head(beat), remote, most, provable=bool(known))
        for chunk in get.body(beat):
            if len(head) < _BEGINNING:
                head += chunk[:_BEGINNING]
                _refuse_page(head)
            done += len(chunk)
            if done > most:
                raise Fault(f"more comes than the {most:,} bytes expected", again=False)
            hasher.update(chunk)
            file.write(chunk)
            beat()
    if total not in (None, done) or remote.size not in (None, done):
        raise Fault(f"it ended after {done:,} of {remote.size or total:,} bytes", again=True)
    report(done, done)
    return hasher.hexdigest()


# what is not the file


def _checked_length(head: Head, remote: Remote, most: int, provable: bool) -> int | None:
    """Return how many bytes are to come, or None if nobody says; refuse an answer that is not the file."""
    _check_status(head.status)
    if head.headers.get("Content-Type", "").strip().lower().startswith("text/html"):
        raise Fault(_PAGE, again=False)
    encoding = head.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise Fault(f"the server sends it compressed ({encoding:.20}), though asked not to", again=False)
    length = head.headers.get("Content-Length", "")
    announced = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
    if announced is not None and announced > most:
        raise Fault(f"the server offers {announced:,} bytes, not the {most:,} expected", again=False)
    chunked = "chunked" in head.headers.get("Transfer-Encoding", "").lower()
    if announced is None and remote.size is None and not (chunked or provable):
        raise Fault("the server does not say how long it is: a part would pass for the whole", again=False)
    return remote.size if announced is None else announced


def _check_status(status: int) -> None:
    if status != HTTPStatus.OK:
        name = f" ({HTTPStatus(status).phrase})" if status in set(HTTPStatus) else ""
        again = status >= 500 or status in _WORTH_ANOTHER_TRY
        raise Fault(f"the server answered {status}{name}", again)


def _refuse_page(head: bytes) -> None:
    """Refuse what begins as a web page does, however the server calls it."""
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html)", head, re.IGNORECASE):
        raise Fault(_PAGE, again=False)


def _check_digest(remote: Remote, known: str | None, digest: str) -> None:
    """Refuse a file whose sha256 is not the published or else the recorded one."""
    if known is None or digest.startswith(known):
        return
    if remote.sha256:
        came, due = digest[: len(known)][:_SHOWN], known[:_SHOWN]
        raise Fault(
            f"what arrives is not what was published: sha256 {came}... instead of {due}...", again=True
        )
    raise Fault(
        f"what arrives is not what was first trusted, as recorded in {remote.record} (delete that "
        "record to trust anew, if the file was replaced on purpose)",
        again=True,
    )
