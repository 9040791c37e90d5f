"""Downloads: whatever the network, the disk or the user does, a bad file is never installed."""

import errno
import hashlib
import io
import json
import logging
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pooch
import pytest
from helpers import server
from helpers.server import serving

from unitdrop.download import fetch as download
from unitdrop.download.fetch import Remote, cache_folder, fetch, hub_folder
from unitdrop.errors import DownloadError, ModelError

ROOT = Path(__file__).resolve().parents[2]
PATH = "/net-0123abcd.pth"
FULL_SIZE = 97_781_000  # about that of a ResNet-50 in float32
posix_only = pytest.mark.skipif(os.name != "posix", reason="permissions and signals of POSIX")
CANNOT_PROTECT = os.name != "posix" or os.geteuid() == 0  # for root, no folder is protected


def sha256(data):
    return hashlib.sha256(data).hexdigest()


SMALL = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)


@pytest.fixture(scope="module")
def full_size():
    """As many bytes as a ResNet-50 has, and as hard to guess."""
    return np.random.default_rng(2).bytes(FULL_SIZE)


@pytest.fixture(autouse=True)
def quick_and_direct(monkeypatch):
    """Short pauses; no proxy between us and the loopback interface.

    Limits stay long except where they are to be reached: a busy machine is no fault of the server's.
    """
    for name, seconds in {"CONNECT": 20.0, "READ": 20.0, "PAUSE": 0.01}.items():
        monkeypatch.setattr(download, name, seconds)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def table():
    """What each fault came to; printed at the end (to be seen with `pytest -s`)."""
    rows = [("fault", "GETs", "what happened", "installed")]
    yield rows
    widths = [max(len(str(row[column])) for row in rows) for column in range(4)]
    print()
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@pytest.fixture
def remote(tmp_path):
    """A file whose length and sha256 have been published; its server is still to be named."""
    return Remote("http://nowhere.invalid" + PATH, tmp_path / "cache", "net.pth", sha256(SMALL), len(SMALL))


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


class Cancelled(Exception):
    """What a panel may raise when its Cancel is pressed."""


def cancel_after(seconds):
    """A progress that cancels when so much time has gone."""
    end = time.monotonic() + seconds

    def progress(*_):
        if time.monotonic() > end:
            raise Cancelled

    return progress


def heals(remote, data=SMALL):
    """Whether everything is well again as soon as the server is."""
    with served(remote, data=data) as (well, site):
        return fetch(well).read_bytes() == data and site.hits[PATH] == 1 and left_over(remote) == []


# every fault


@dataclass(frozen=True)
class Case:
    """A fault; words of the error that it makes, or none where the file arrives; the number of GETs."""

    name: str
    fault: object
    words: str | None  # alternatives are parted by |
    gets: int
    size: bool = True  # whether the length has been published
    digits: int = 64  # of the sha256
    read: float = 20.0  # seconds within which a chunk must come


HALF = len(SMALL) // 2
CUT = "broke off|it ended after"  # which of them is said depends on the library that notices
CASES = [
    Case("none", None, None, 1),
    Case("none, 8 digits of sha256", None, None, 1, digits=8),
    Case("truncated", server.truncated(HALF), CUT, 3),
    Case("truncated, size not published", server.truncated(HALF), CUT, 3, size=False),
    Case("truncated at once", server.truncated(0), CUT, 3),
    Case("truncated once", server.once(server.truncated(HALF)), None, 2),
    Case("no length", server.no_length(), None, 1, size=False),
    Case("no length, truncated", server.no_length(HALF), "it ended after 150,000 of 300,000 bytes", 3),
    Case("no length, truncated, size not published", server.no_length(HALF), "sha256", 3, size=False),
    Case("chunked", server.chunked(), None, 1),
    Case("chunked, truncated", server.chunked(HALF), CUT, 3, size=False),
    Case("HTML instead", server.html(), "web page", 1),
    Case("HTML under another type", server.html("application/octet-stream"), "web page", 1, size=False),
    Case("one flipped bit", server.flipped_bit(HALF), "is not what was published: sha256", 3),
    Case("one flipped bit, 8 digits", server.flipped_bit(HALF), "is not what was published", 3, digits=8),
    Case("one flipped bit, the last", server.flipped_bit(len(SMALL) - 1), "is not what", 3),
    Case("one flipped bit, once", server.once(server.flipped_bit(HALF)), None, 2),
    Case("stalled", server.stalled(HALF), "the download stalled", 3, read=0.2),
    Case("stalled before the first byte", server.stalled(0), "the download stalled", 3, read=0.2),
    Case("stalled once", server.once(server.stalled(HALF)), None, 2, read=0.5),
    Case("drip", server.drip(), "the download stalled", 3, read=0.2),
    Case("no answer", server.silent(30), "no answer within 0.2 s", 3, read=0.2),
    Case("503 twice, then fine", server.failing(503, times=2), None, 3),
    Case(
        "503 always", server.failing(503), "in three tries: the server answered 503 (Service Unavailable)", 3
    ),
    Case("429 once", server.failing(429, times=1), None, 2),
    Case("408 once", server.failing(408, times=1), None, 2),
    Case("599, a status without a name", server.failing(599), "answered 599;", 3),
    Case("404", server.failing(404), "the server answered 404 (Not Found)", 1),
    Case("403", server.failing(403), "the server answered 403 (Forbidden)", 1),
    Case("401", server.failing(401), "the server answered 401 (Unauthorized)", 1),
    Case("204, nothing in it", server.always(status=204, body=b"", length=None), "answered 204", 1),
    Case("redirected in circles", server.redirecting(PATH), "redirects in circles", 31),
    Case("length too long", server.lying_length(len(SMALL) + 1), "offers 300,001 bytes, not the 300,000", 1),
    Case("length too long, unpublished", server.lying_length(len(SMALL) + 1), CUT, 3, size=False),
    Case("length too short", server.lying_length(HALF), "it ended after 150,000 of 300,000", 3),
    Case("length too short, unpublished", server.lying_length(HALF), "sha256", 3, size=False),
    Case("length is no number", server.lying_length("many"), None, 1),
    Case("endless", server.endless(), "more comes than the 300,000 bytes expected", 1),
    Case("compressed, unasked", server.compressed(), "compressed (gzip), though asked not to", 1),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_fault_installs_a_bad_file_and_the_next_fetch_heals(case, remote, monkeypatch, table):
    remote = replace(remote, sha256=remote.sha256[: case.digits], size=remote.size if case.size else None)
    with served(remote, case.fault) as (faulty, site), monkeypatch.context() as patch:
        patch.setattr(download, "READ", case.read)
        error = outcome_of(faulty)
    what = (
        "error: " + str(error).partition(faulty.url)[2].partition("; try")[0].lstrip(": ")
        if error
        else "fetched"
    )
    table.append((case.name, site.hits[PATH], what, installed(remote)))
    assert installed(remote) == ("nothing" if case.words else "the right file")
    assert left_over(remote) == []
    assert (error is None) == (case.words is None) and says(error, case.words or "None")
    assert site.hits[PATH] == case.gets
    if error:
        assert_helpful(str(error), faulty)
        assert heals(remote)


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


@pytest.mark.parametrize(
    ("name", "fault", "words", "read"),
    [
        ("full size", None, None, 20.0),
        ("full size, truncated", server.truncated(FULL_SIZE - 1), CUT, 20.0),
        ("full size, one flipped bit", server.flipped_bit(FULL_SIZE - 12_345), "sha256", 20.0),
        ("full size, stalled", server.stalled(FULL_SIZE // 2), "stalled", 0.3),
    ],
)
def test_the_same_holds_at_full_size(name, fault, words, read, remote, full_size, monkeypatch, table):
    monkeypatch.setattr(download, "READ", read)
    remote = replace(remote, sha256=sha256(full_size), size=FULL_SIZE)
    began = time.monotonic()
    with served(remote, fault, full_size) as (faulty, site):
        error = outcome_of(faulty)
    took = time.monotonic() - began
    what = f"error: {words.partition('|')[0]}" if error else "fetched"
    table.append((name, site.hits[PATH], f"{what}, in {took:.1f} s", installed(remote)))
    assert says(error, words or "None") and left_over(remote) == []
    assert installed(remote) == ("nothing" if words else "the right file")


def test_a_redirect_is_followed(remote):
    faults = {PATH: server.redirecting("/mirror")}
    with serving({PATH: b"", "/mirror": SMALL}, faults) as site:
        assert fetch(replace(remote, url=site.url(PATH))).read_bytes() == SMALL
        assert site.hits == {PATH: 1, "/mirror": 1}


def test_the_server_is_asked_for_the_plain_bytes(remote):
    with served(remote) as (well, site):
        fetch(well)
    assert site.requests[0][1]["Accept-Encoding"] == "identity"


def test_never_more_is_read_than_allowed(remote):
    remote = replace(remote, sha256=None, size=None, most=100_000)
    with served(remote, server.chunked()) as (faulty, _):
        with pytest.raises(DownloadError, match="more comes than the 100,000 bytes"):
            fetch(faulty, trust_unpinned=True)
    assert installed(replace(remote, sha256="0" * 8)) == "nothing" and left_over(remote) == []


def test_an_empty_file_is_a_file_too(remote):
    with served(replace(remote, sha256=sha256(b""), size=0), data=b"") as (empty, _):
        assert fetch(empty).read_bytes() == b""


# no network


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("offline: no such name", "http://weights.invalid/net.pth", "its name is not found"),
        ("offline: refused", None, "it refuses the connection"),
        ("no http address", "ftp://example.org/net.pth", "not an http or https address"),
        ("no address at all", "net.pth", "not an http or https address"),
        ("no TLS there", "https", "the server cannot be reached"),
    ],
)
def test_no_network_gives_a_sentence_that_says_where_to_put_the_file_by_hand(name, url, words, remote, table):
    with serving({PATH: SMALL}) as site:
        secure = site.url(PATH).replace("http:", "https:")
        refused = f"http://127.0.0.1:{server.closed_port()}{PATH}"
        remote = replace(remote, url={None: refused, "https": secure}.get(url, url))
        error = outcome_of(remote)
    assert words in str(error)
    assert_helpful(str(error), remote)
    assert installed(remote) == "nothing" and left_over(remote) == []
    table.append((name, "-", f"error: {words}", installed(remote)))


def test_a_file_put_there_by_hand_is_used_without_any_network(remote):
    remote.folder.mkdir()
    remote.path.write_bytes(SMALL)
    assert fetch(remote) == remote.path and os.listdir(remote.folder) == [remote.file]


def test_a_server_that_never_accepts_is_given_up_after_the_limit(remote, monkeypatch):
    monkeypatch.setattr(download, "CONNECT", 0.3)
    with socket.socket() as full:  # a queue of one that is full: further connections wait for ever
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        error = outcome_of(replace(remote, url=f"http://127.0.0.1:{full.getsockname()[1]}/"))
        for one in waiting:
            one.close()
    assert "no answer within 0." in str(error)


def test_the_proxy_of_the_environment_is_used(remote, monkeypatch):
    with serving({remote.url: SMALL}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url(""))
        assert fetch(remote).read_bytes() == SMALL
    error = outcome_of(replace(remote, file="another.pth"))
    assert "the proxy cannot be reached" in str(error)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine's that nobody else trusts, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    openssl = shutil.which("openssl") or pytest.skip("there is no openssl to make a certificate with")
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]]
    subprocess.run(command, check=True, capture_output=True)
    return files


def test_a_certificate_that_is_not_trusted_is_not_tried_again(remote, certificate, table):
    with serving({PATH: SMALL}, tls=certificate) as site:
        error = outcome_of(replace(remote, url=site.url(PATH)))
    assert "tries" not in str(error) and "certificate is not trusted" in str(error)
    assert_helpful(str(error), replace(remote, url=site.url(PATH)))
    table.append(("certificate not trusted", 0, "error: certificate", installed(remote)))


def test_a_trusted_connection_works_and_is_hung_up_when_it_stalls(remote, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with serving({PATH: SMALL}, server.once(server.stalled(HALF)), tls=certificate) as site:
        remote = replace(remote, url=site.url(PATH))
        with pytest.raises(Cancelled):
            fetch(remote, progress=cancel_after(0.3))
        assert_no_thread_is_left()
        assert fetch(remote).read_bytes() == SMALL and site.hits[PATH] == 2


# the cache


def test_a_right_file_is_not_asked_for_again(remote):
    with served(remote) as (well, site):
        assert fetch(well) == fetch(well) == well.path
    assert site.hits[PATH] == 1 and well.cached and fetch(remote) == remote.path


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("corrupt cache: a flipped bit", SMALL[:-1] + bytes([SMALL[-1] ^ 1])),
        ("corrupt cache: cut short", SMALL[:HALF]),
        ("corrupt cache: empty", b""),
        ("corrupt cache: a web page", server.PAGE),
    ],
)
def test_a_damaged_cached_file_is_found_and_fetched_again(name, bad, remote, table):
    remote.folder.mkdir()
    remote.path.write_bytes(bad)
    error = outcome_of(remote)
    assert "the copy that is there now is damaged and is not used" in str(error)
    assert remote.path.read_bytes() == bad, "it stays until a good one takes its place"
    with served(remote) as (well, site):
        assert fetch(well).read_bytes() == SMALL
    assert site.hits[PATH] == 1 and left_over(remote) == []
    table.append((name, 1, "found; offline: an error that says so; else fetched again", installed(remote)))


def test_the_file_is_as_readable_as_any_new_file(remote):
    before = os.umask(0o022)
    try:
        with served(remote) as (well, _):
            fetch(well)
    finally:
        os.umask(before)
    assert os.name != "posix" or stat.S_IMODE(remote.path.stat().st_mode) == 0o644


def test_what_a_killed_process_left_is_cleared_and_nothing_else_is(remote):
    litter = remote.folder / ".unitdrop-net.pth.partial"
    litter.mkdir(parents=True)
    (litter / "tmpabc").write_bytes(b"half")
    others = [remote.folder / name for name in (".unitdrop-other.pth.partial", "tmpabc", "net.pth.part")]
    for other in others:
        other.write_bytes(b"of somebody else")
    with served(remote) as (well, _):
        fetch(well)
    assert not litter.exists() and all(other.read_bytes() == b"of somebody else" for other in others)


def test_the_folder_of_the_cache_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("UNITDROP_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("UNITDROP_CACHE", "~/mine")
    assert cache_folder() == Path.home() / "mine"
    monkeypatch.setenv("UNITDROP_CACHE", "")
    assert cache_folder() == Path(pooch.os_cache("unitdrop"))


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TORCH_HOME": "/data/torch"},
        {"TORCH_HOME": "~/t"},
        {"XDG_CACHE_HOME": "/x"},
        {"XDG_CACHE_HOME": "~/x"},
    ],
)
def test_the_folder_for_torchvision_is_where_torch_hub_looks(environment, monkeypatch):
    import torch

    for name in ("TORCH_HOME", "XDG_CACHE_HOME", "TORCH_HUB"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert hub_folder() == Path(torch.hub.get_dir()) / "checkpoints"


# the disk


def test_a_folder_that_is_a_file_is_named(remote):
    remote.folder.write_text("not a folder")
    with pytest.raises(
        DownloadError, match="cannot be kept in the folder .*cache: that is a file; .*UNITDROP_CACHE"
    ):
        fetch(remote)


@pytest.mark.skipif(CANNOT_PROTECT, reason="this user may write anywhere")
def test_a_protected_folder_is_named_but_a_right_file_in_it_is_used(remote):
    remote.folder.mkdir()
    remote.folder.chmod(0o555)
    with pytest.raises(DownloadError, match="cannot be kept in the folder .*: Permission denied"):
        fetch(remote)
    remote.folder.chmod(0o755)
    remote.path.write_bytes(SMALL)
    remote.folder.chmod(0o555)
    assert fetch(remote) == remote.path


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod", "mkdir"])
def test_a_full_disk_leaves_nothing_behind_and_names_the_folder(step, remote, monkeypatch, table):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with served(remote) as (well, site), monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        error = outcome_of(well)
    assert f"{remote.folder}: No space left on device; make room" in str(error)
    assert installed(remote) == "nothing" and left_over(remote) == []
    table.append((f"disk full at {step}", site.hits[PATH], "error: no space left", installed(remote)))
    assert heals(remote)


def test_a_folder_of_that_name_is_left_alone(remote):
    remote.path.mkdir(parents=True)
    with served(remote) as (well, _), pytest.raises(DownloadError, match="cannot be kept"):
        fetch(well)
    assert remote.path.is_dir() and left_over(remote) == []


# nobody has published a sha256


@pytest.fixture
def unpinned(remote):
    return replace(remote, sha256=None, size=None)


def test_without_a_published_sha256_nothing_is_fetched(unpinned):
    with served(unpinned) as (well, site), pytest.raises(DownloadError) as caught:
        fetch(well)
    message = str(caught.value)
    assert "nobody has published a sha256 for net.pth" in message and "--trust-unpinned" in message
    assert not site.hits and not unpinned.folder.exists()


def test_what_is_trusted_once_is_recorded_and_pinned(unpinned):
    with served(unpinned) as (well, site):
        fetch(well, trust_unpinned=True)
        assert fetch(well) == well.path and site.hits[PATH] == 1
    record = unpinned.folder / "net.pth.sha256"
    assert record.read_text() == f"{sha256(SMALL)}  net.pth\n" and left_over(unpinned) == []
    unpinned.path.write_bytes(OTHER)
    with served(unpinned) as (well, site):
        assert fetch(well).read_bytes() == SMALL and site.hits[PATH] == 1


@pytest.mark.skipif(os.name != "posix", reason="sha256sum")
def test_the_record_can_be_checked_with_sha256sum(unpinned):
    with served(unpinned) as (well, _):
        fetch(well, trust_unpinned=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "net.pth.sha256"], cwd=unpinned.folder, check=True)


@pytest.mark.parametrize("trust", [True, False])
def test_another_file_than_the_recorded_one_is_refused(unpinned, trust, table):
    with served(unpinned) as (well, _):
        fetch(well, trust_unpinned=True)
    unpinned.path.unlink()
    record = unpinned.folder / "net.pth.sha256"
    with served(unpinned, data=OTHER) as (changed, site):
        error = outcome_of(changed, trust_unpinned=trust)
        assert str(record) in str(error) and "delete that record to trust anew" in str(error)
        assert site.hits[PATH] == 3 and not unpinned.path.exists()
        table.append(
            (f"replaced after it was trusted, trust={trust}", 3, "error: not as recorded", "nothing")
        )
        record.unlink()
        assert fetch(changed, trust_unpinned=True).read_bytes() == OTHER


def test_a_crash_between_the_record_and_the_file_leaves_a_state_that_works(unpinned, monkeypatch):
    real = os.replace

    def crash(source, target):
        if Path(target).name == "net.pth":
            raise KeyboardInterrupt
        real(source, target)

    with served(unpinned) as (well, _):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(os, "replace", crash)
            fetch(well, trust_unpinned=True)
        assert (unpinned.folder / "net.pth.sha256").exists() and not unpinned.path.exists()
        assert fetch(well).read_bytes() == SMALL


def test_an_unpinned_file_put_there_by_hand_is_recorded_and_used(unpinned):
    unpinned.folder.mkdir()
    unpinned.path.write_bytes(SMALL)
    with pytest.raises(DownloadError, match="nobody has published"):
        fetch(unpinned)
    assert fetch(unpinned, trust_unpinned=True) == fetch(unpinned) == unpinned.path


@pytest.mark.parametrize("text", ["", "0123abcd", "<html>", "\x00\xff" * 40, "g" * 64])
def test_a_record_that_is_damaged_is_named(unpinned, text):
    unpinned.folder.mkdir()
    (unpinned.folder / "net.pth.sha256").write_bytes(text.encode("latin1"))
    with pytest.raises(
        DownloadError, match=r"net\.pth\.sha256: expected a sha256 .* delete it to trust anew"
    ):
        fetch(unpinned, trust_unpinned=True)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (server.no_length(), "does not say how long"),
        (server.no_length(HALF), "does not say how long"),
        (server.truncated(HALF), CUT),
        (server.chunked(HALF), CUT),
        (server.html("application/zip"), "web page"),
        (server.compressed(), "compressed"),
    ],
)
def test_trust_does_not_extend_to_what_is_plainly_not_the_file(fault, words, unpinned):
    with served(unpinned, fault) as (faulty, _):
        error = outcome_of(faulty, trust_unpinned=True)
    assert says(error, words) and not unpinned.path.exists() and left_over(unpinned) == []
    assert not (unpinned.folder / "net.pth.sha256").exists()


def test_an_unpinned_file_may_come_in_chunks(unpinned):
    with served(unpinned, server.chunked()) as (well, _):
        assert fetch(well, trust_unpinned=True).read_bytes() == SMALL


def test_what_is_published_goes_before_what_is_recorded(remote):
    remote.folder.mkdir()
    (remote.folder / "net.pth.sha256").write_text(f"{sha256(OTHER)}  net.pth\n")
    with served(remote) as (well, _):
        assert fetch(well).read_bytes() == SMALL


# what cannot be


@pytest.mark.parametrize("file", ["", ".", "..", "a/b", "/etc/passwd", "a\\b", "C:x", "a\0b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(file, tmp_path):
    with pytest.raises(DownloadError, match="file: expected a plain name"):
        Remote("http://x/", tmp_path, file, "0" * 64, None)


@pytest.mark.parametrize("digits", ["", "0123abc", "0" * 65, "g" * 64, "sha256:" + "0" * 64, "0" * 64 + "\n"])
def test_a_sha256_that_is_none_is_refused(digits, tmp_path):
    with pytest.raises(DownloadError, match="expected 64 hex digits"):
        Remote("http://x/", tmp_path, "x", digits, None)


def test_capital_letters_in_a_sha256_are_the_same(remote):
    with served(replace(remote, sha256=remote.sha256.upper())) as (well, _):
        assert fetch(well) == fetch(well)


def test_a_download_error_is_a_model_error():
    assert issubclass(DownloadError, ModelError)


# progress


def test_progress_goes_from_nothing_to_everything(remote):
    calls = []
    with served(remote, server.slow(1_000_000)) as (well, _):
        fetch(well, progress=lambda *call: calls.append(call))
    done = [call[0] for call in calls]
    assert done == sorted(done) and done[-1] == len(SMALL) and len(done) >= 4
    assert {call[1] for call in calls} == {len(SMALL)}


def test_progress_does_not_know_a_total_that_nobody_says(remote):
    calls = []
    with served(replace(remote, size=None), server.no_length()) as (well, _):
        fetch(well, progress=lambda *call: calls.append(call))
    assert {total for _, total in calls[:-1]} == {None} and calls[-1] == (len(SMALL), len(SMALL))


@pytest.mark.parametrize(
    "error", [Cancelled(), ValueError("no"), OSError("no"), KeyboardInterrupt(), SystemExit()]
)
def test_what_the_progress_raises_stops_the_download_and_passes_through(error, remote, table):
    def cancel(done, _total):
        if done > HALF:
            raise error

    with served(remote, server.once(server.slow(2_000_000))) as (well, site):
        with pytest.raises(type(error)) as caught:
            fetch(well, progress=cancel)
        assert caught.value is error and site.hits[PATH] == 1
        assert left_over(remote) == [] and installed(remote) == "nothing"
        table.append(
            (f"cancelled by {type(error).__name__}", 1, "stopped; passed through", installed(remote))
        )
        assert fetch(well).read_bytes() == SMALL
    assert_no_thread_is_left()


def assert_no_thread_is_left():
    """The thread that reads ends within a moment."""
    end = time.monotonic() + 2
    while any(thread.name == "unitdrop-download" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    "fault",
    [server.stalled(HALF), server.drip(), server.silent(60), server.failing(503)],
    ids=["stalled", "drip", "no answer", "between tries"],
)
def test_cancel_is_heard_long_before_any_limit_even_while_nothing_arrives(fault, remote, monkeypatch):
    for name in ("CONNECT", "READ", "PAUSE"):
        monkeypatch.setattr(download, name, 60.0)
    began = time.monotonic()
    with served(remote, fault) as (faulty, _):
        with pytest.raises(Cancelled):
            fetch(faulty, progress=cancel_after(0.3))
        assert time.monotonic() - began < 5 and left_over(remote) == []
        if fault(1).wait == 0:  # a thread that waits for the first byte ends with its own limit
            assert_no_thread_is_left()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_with_the_name_of_the_file_is_drawn_on_a_terminal(remote, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with served(replace(remote, size=None), server.once(server.truncated(HALF))) as (well, _):
        fetch(well)
        shown = sys.stderr.getvalue()
        assert "net.pth: 100%" in shown and "293k/293k" in shown
        fetch(well)
    assert sys.stderr.getvalue() == shown, "a cached file needs no bar"


def test_a_bar_is_drawn_in_a_notebook_too(remote, monkeypatch, capfd):
    import tqdm.auto
    import tqdm.notebook

    made = []

    class Watched(tqdm.notebook.tqdm):
        def __init__(self, *args, **how):
            super().__init__(*args, **how)
            made.append(self)

    monkeypatch.setattr(tqdm.auto, "tqdm", Watched)
    with served(remote) as (well, _):
        fetch(well)
    (bar,) = made
    _, widget, _ = bar.container.children
    assert (widget.value, widget.max, widget.bar_style) == (len(SMALL), len(SMALL), "success")


@pytest.mark.parametrize("fault", [None, server.flipped_bit(3)])
def test_nothing_is_printed_where_there_is_no_terminal(fault, unpinned, capfd):
    with served(unpinned, fault) as (well, _):
        outcome_of(well, trust_unpinned=True)
    assert capfd.readouterr() == ("", "")
    assert pooch.get_logger().level == logging.NOTSET and not pooch.get_logger().filters


# signals and many at once: real processes

CHILD = """
import json, sys, types
from pathlib import Path

# Only this module: the package around it would load torch, which takes seconds.
root, given, limits = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
models = sys.modules["unitdrop.models"] = types.ModuleType("unitdrop.models")
models.__path__ = [str(root / "unitdrop" / "models")]
sys.path.insert(0, str(root))
from unitdrop.download import fetch as download

vars(download).update(limits)
print("ready", flush=True)
if given:
    print(download.fetch(download.Remote(**given)))
else:
    print(*sys.modules)
"""


@contextmanager
def process(remote=None, **limits):
    """Another process that fetches the file; it is gone at the end of the block."""
    given = vars(remote) | {"folder": str(remote.folder)} if remote else None
    command = [sys.executable, "-c", CHILD, str(ROOT), json.dumps(given), json.dumps(limits)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n", child.stderr.read()
        yield child
    finally:
        child.kill()
        child.communicate()


def until(condition, seconds=20.0):
    """Wait for what must come about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_module_loads_neither_torch_nor_anything_of_the_panel():
    with process() as child:
        loaded = set(child.communicate(timeout=60)[0].split())
    assert not loaded & {"torch", "torchvision", "ipywidgets", "IPython", "matplotlib", "numpy"}


@posix_only
def test_ctrl_c_leaves_no_partial_file_and_no_lock(remote, table):
    with served(remote, server.slow(100_000)) as (faulty, site), process(faulty) as child:
        until(lambda: site.sent[PATH] > 20_000)
        assert left_over(remote) == [".unitdrop-net.pth.partial"]
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10)
    assert errors.rstrip().endswith("KeyboardInterrupt") and child.returncode != 0
    assert installed(remote) == "nothing" and left_over(remote) == []
    table.append(("SIGINT", 1, "KeyboardInterrupt, nothing left behind", installed(remote)))
    assert heals(remote)


@posix_only
def test_a_killed_process_leaves_no_file_and_its_litter_is_cleared(remote, full_size, table):
    remote = replace(remote, sha256=sha256(full_size), size=FULL_SIZE)
    with served(remote, server.slow(200e6), full_size) as (faulty, site), process(faulty) as child:
        until(lambda: site.sent[PATH] > FULL_SIZE / 2)
        child.kill()
        child.wait()
    assert installed(remote) == "nothing" and left_over(remote) == [".unitdrop-net.pth.partial"]
    table.append(("SIGKILL, full size", 1, "litter in our folder, cleared by the next", installed(remote)))
    assert heals(remote, full_size)


@posix_only
def test_when_the_one_that_downloads_is_killed_the_one_that_waits_goes_on(remote, table):
    with served(remote, server.once(server.slow(100_000))) as (well, site), process(well) as first:
        until(lambda: site.sent[PATH] > 10_000)
        with process(well) as second:
            time.sleep(0.1)
            first.kill()
            until(lambda: second.poll() is not None)
            assert second.returncode == 0 and site.hits[PATH] == 2
    assert installed(remote) == "the right file" and left_over(remote) == []
    table.append(("SIGKILL of one of two", 2, "the other goes on", installed(remote)))


def test_four_processes_at_once_make_one_download(remote, full_size, table):
    remote = replace(remote, sha256=sha256(full_size), size=FULL_SIZE)
    with served(remote, server.slow(100e6), full_size) as (well, site):
        with process(well) as a, process(well) as b, process(well) as c, process(well) as d:
            ends = [child.communicate(timeout=60) for child in (a, b, c, d)]
    assert ends == [(f"{remote.path}\n", "")] * 4 and site.hits[PATH] == 1
    assert installed(remote) == "the right file" and left_over(remote) == []
    table.append(("four processes, full size", 1, "one download, four times the file", installed(remote)))


def test_four_threads_at_once_make_one_download(remote):
    with served(remote, server.slow(1_000_000)) as (well, site):
        threads = [threading.Thread(target=fetch, args=[well]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert site.hits[PATH] == 1 and installed(remote) == "the right file" and left_over(remote) == []


def test_two_files_in_one_folder_are_fetched_side_by_side(remote):
    with served(remote, server.slow(400_000)) as (one, site):
        other = replace(one, file="other.pth")
        threads = [threading.Thread(target=fetch, args=[which]) for which in (one, other)]
        for thread in threads:
            thread.start()
        until(lambda: site.hits[PATH] == 2)
        assert not one.path.exists() and not other.path.exists()
        for thread in threads:
            thread.join()
    assert installed(one) == installed(other) == "the right file"


def test_until_it_is_whole_the_file_is_not_there(remote):
    seen = []
    with served(remote, server.slow(600_000)) as (well, _):
        fetch(well, progress=lambda *_: seen.append(well.path.exists() or well.cached))
    assert seen and not any(seen) and well.cached


def test_cancel_is_heard_while_another_process_downloads(remote):
    calls = []

    def cancel(*call):
        calls.append(call)
        if len(calls) == 2:
            raise Cancelled

    with served(remote, server.slow(20_000)) as (well, site), process(well):
        until(lambda: site.sent[PATH] > 2_000)
        began = time.monotonic()
        with pytest.raises(Cancelled):
            fetch(well, progress=cancel)
        assert time.monotonic() - began < 5 and calls == [(0, None)] * 2 and site.hits[PATH] == 1
