"""A file to download, a server that has it, and what is asked after every fetch."""

import hashlib
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from helpers.server import serving

from unitdrop.download import fetch
from unitdrop.errors import DownloadError

PATH = "/net-0123abcd.pth"
FULL_SIZE = 97_781_000  # about that of a ResNet-50 in float32


def sha256(data):
    return hashlib.sha256(data).hexdigest()


SMALL = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
HALF = len(SMALL) // 2
CUT = "broke off|it ended after"  # which of them is said depends on the library that notices


@contextmanager
def served(remote, fault=None, data=SMALL):
    """The remote, at a server that has the data, and that server."""
    with serving({PATH: data}, fault) as site:
        yield replace(remote, url=site.url(PATH)), site


def left_over(remote):
    """What lies in the folder beside the file, the record and the lock; in a good case nothing."""
    known = {remote.file, f"{remote.file}.sha256", f".unitdrop-{remote.file}.lock"}
    return sorted({path.name for path in remote.folder.iterdir()} - known) if remote.folder.exists() else []


def installed(remote):
    """In words, what lies where the file should; never a bad one unless it was put there before."""
    if not remote.path.exists():
        return "nothing"
    return "the right file" if sha256(remote.path.read_bytes()).startswith(remote.sha256) else "A BAD FILE"


def heals(remote, data=SMALL):
    """Whether everything is well again as soon as the server is."""
    with served(remote, data=data) as (well, site):
        return fetch(well).read_bytes() == data and site.hits[PATH] == 1 and left_over(remote) == []


def outcome_of(remote, **how):
    """The error of a fetch, or None where it fetched the file."""
    try:
        assert fetch(remote, **how) == remote.path
    except DownloadError as error:
        return error
    return None


def says(error, words):
    """Whether one of the alternatives is in the message."""
    return any(alternative in str(error) for alternative in words.split("|"))


def assert_helpful(message, remote):
    """One sentence that names the file, the address and the folder, without the insides of a library."""
    assert all(
        part in message for part in (remote.file, remote.url, str(remote.folder), "put it into the folder")
    )
    assert "\n" not in message and not any(
        inside in message for inside in ("Pool(", "object at", "Error(", "Errno", "Exception", "Traceback")
    )


class Cancelled(Exception):
    """What a panel may raise when its Cancel is pressed."""


def cancel_after(seconds):
    """A progress that cancels when so much time has gone."""
    end = time.monotonic() + seconds

    def progress(*_):
        if time.monotonic() > end:
            raise Cancelled

    return progress


def assert_no_thread_is_left():
    """The thread that reads ends within a moment."""
    end = time.monotonic() + 2
    while any(thread.name == "unitdrop-download" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)


def until(condition, seconds=20.0):
    """Wait for what must come about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
