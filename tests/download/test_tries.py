"""Whatever the server does, a bad file is never installed, and the next fetch heals."""

import time
from dataclasses import dataclass, replace

import pytest
from helpers import server
from helpers.downloads import (
    CUT,
    FULL_SIZE,
    HALF,
    PATH,
    SMALL,
    assert_helpful,
    heals,
    installed,
    left_over,
    outcome_of,
    says,
    served,
    sha256,
)

from unitdrop.download import connection, fetch, tries
from unitdrop.errors import DownloadError


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
        patch.setattr(connection, "READ", case.read)
        error = outcome_of(faulty)
    reason = str(error).partition(faulty.url)[2].partition("; try")[0].lstrip(": ")
    what = f"error: {reason}" if error else "fetched"
    table.append((case.name, site.hits[PATH], what, installed(remote)))
    assert installed(remote) == ("nothing" if case.words else "the right file")
    assert left_over(remote) == []
    assert (error is None) == (case.words is None) and says(error, case.words or "None")
    assert site.hits[PATH] == case.gets
    if error:
        assert_helpful(str(error), faulty)
        assert heals(remote)


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
    monkeypatch.setattr(connection, "READ", read)
    remote = replace(remote, sha256=sha256(full_size), size=FULL_SIZE)
    began = time.monotonic()
    with served(remote, fault, full_size) as (faulty, site):
        error = outcome_of(faulty)
    took = time.monotonic() - began
    what = f"error: {words.partition('|')[0]}" if error else "fetched"
    table.append((name, site.hits[PATH], f"{what}, in {took:.1f} s", installed(remote)))
    assert says(error, words or "None") and left_over(remote) == []
    assert installed(remote) == ("nothing" if words else "the right file")


def test_never_more_is_read_than_allowed(remote):
    remote = replace(remote, sha256=None, size=None, most=100_000)
    expected = pytest.raises(DownloadError, match="more comes than the 100,000 bytes")
    with served(remote, server.chunked()) as (faulty, _), expected:
        fetch(faulty, trust_unpinned=True)
    assert installed(replace(remote, sha256="0" * 8)) == "nothing" and left_over(remote) == []


def test_what_the_disk_gives_back_otherwise_than_it_came_is_refused(remote, monkeypatch):
    monkeypatch.setattr(tries, "file_sha256", lambda path: sha256(path.read_bytes()[:-1]))
    with served(remote) as (well, site):
        error = outcome_of(well)
    assert "in three tries: it was altered on its way to the disk" in str(error) and site.hits[PATH] == 3
    assert installed(remote) == "nothing" and left_over(remote) == []


def test_an_empty_file_is_a_file_too(remote):
    with served(replace(remote, sha256=sha256(b""), size=0), data=b"") as (empty, _):
        assert fetch(empty).read_bytes() == b""


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
