"""Whatever lies in the cache or happens to the disk, only a whole and unaltered file is installed."""

import errno
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import server
from helpers.downloads import (
    HALF,
    OTHER,
    PATH,
    SMALL,
    heals,
    installed,
    left_over,
    outcome_of,
    served,
    sha256,
)

from unitdrop.download import fetch
from unitdrop.errors import DownloadError

CANNOT_PROTECT = os.name != "posix" or os.geteuid() == 0  # for root, no folder is protected


# the cache


def test_a_file_put_there_by_hand_is_used_without_any_network(remote):
    remote.folder.mkdir()
    remote.path.write_bytes(SMALL)
    assert fetch(remote) == remote.path and list(remote.folder.iterdir()) == [remote.path]


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


# the disk


def test_a_folder_that_is_a_file_is_named(remote):
    remote.folder.write_text("not a folder")
    with pytest.raises(
        DownloadError, match=r"cannot be kept in the folder .*cache: that is a file; .*UNITDROP_CACHE"
    ):
        fetch(remote)


@pytest.mark.skipif(CANNOT_PROTECT, reason="this user may write anywhere")
def test_a_protected_folder_is_named_but_a_right_file_in_it_is_used(remote):
    remote.folder.mkdir()
    remote.folder.chmod(0o555)
    with pytest.raises(DownloadError, match=r"cannot be kept in the folder .*: Permission denied"):
        fetch(remote)
    remote.folder.chmod(0o755)
    remote.path.write_bytes(SMALL)
    remote.folder.chmod(0o555)
    assert fetch(remote) == remote.path


@pytest.mark.parametrize("step", ["fsync", "replace", "open", "mkdir"])
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


def test_what_is_published_goes_before_what_is_recorded(remote):
    remote.folder.mkdir()
    (remote.folder / "net.pth.sha256").write_text(f"{sha256(OTHER)}  net.pth\n")
    with served(remote) as (well, _):
        assert fetch(well).read_bytes() == SMALL


# what others may have put into a shared cache


def hostile(path, how):
    """Put something into the place of a small file that is read, or locked."""
    precious = path.parent / "precious"
    precious.write_text(f"{sha256(OTHER)}  net.pth\n")
    make = {
        "a link": lambda: path.symlink_to(precious),
        "a link to nowhere": lambda: path.symlink_to("nowhere"),
        "a link in a circle": lambda: path.symlink_to(path),
        "a pipe": lambda: os.mkfifo(path),
        "a folder": path.mkdir,
        "huge": lambda: path.open("wb").truncate(1 << 40),
        "endless": lambda: path.symlink_to("/dev/zero"),
        "a hard link": lambda: os.link(precious, path),
        "deep": lambda: path.write_text("[" * 1_000_000),
    }
    make[how]()
    return precious


KINDS = ["a link", "a link to nowhere", "a link in a circle", "a pipe", "a folder", "huge", "endless", "deep"]


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("trust", [True, False])
def test_a_hostile_record_is_refused_unread(unpinned, how, trust):
    unpinned.folder.mkdir()
    hostile(unpinned.record, how)
    unpinned.path.write_bytes(OTHER)
    with pytest.raises(DownloadError, match=r"net\.pth\.sha256.*delete it to trust anew"):
        fetch(unpinned, trust_unpinned=trust)


@pytest.mark.skipif(os.name != "posix", reason="owners of POSIX")
@pytest.mark.parametrize(("owner", "trusted"), [("me", True), ("root", True), ("somebody", False)])
def test_a_record_of_another_user_is_not_believed(unpinned, monkeypatch, owner, trusted):
    with served(unpinned) as (well, _):
        fetch(well, trust_unpinned=True)
    me = os.geteuid()
    if owner != "me":  # the file is mine all the same, and so the system's answers are played
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
        real, uid = os.fstat, {"root": 0, "somebody": me + 2}[owner]

        def fstat(descriptor):
            status = list(real(descriptor))
            status[4] = uid
            return os.stat_result(status)

        monkeypatch.setattr(os, "fstat", fstat)
    if trusted:
        assert fetch(unpinned) == unpinned.path
    else:
        with pytest.raises(DownloadError, match="belongs to another user"):
            fetch(unpinned)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("how", [*KINDS, "a hard link"])
def test_a_hostile_lock_is_refused_and_what_it_leads_to_is_not_emptied(remote, how):
    remote.folder.mkdir()
    precious = hostile(remote.folder / ".unitdrop-net.pth.lock", how)
    before = precious.read_bytes()
    with (
        served(remote) as (well, site),
        pytest.raises(DownloadError, match=r"is no lock of unitdrop's; delete"),
    ):
        fetch(well)
    assert precious.read_bytes() == before and not site.hits and not remote.path.exists()


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_a_link_in_the_place_of_the_staging_folder_is_taken_away_and_not_followed(remote, tmp_path):
    remote.folder.mkdir()
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "net.pth").write_text("mine")
    (remote.folder / ".unitdrop-net.pth.partial").symlink_to(tmp_path / "precious")
    with served(remote) as (well, _):
        assert fetch(well).read_bytes() == SMALL
    assert (tmp_path / "precious" / "net.pth").read_text() == "mine"


def test_a_half_file_put_there_by_hand_is_not_recorded_as_right(unpinned):
    unpinned.folder.mkdir()
    unpinned.path.write_bytes(SMALL[:HALF])
    with served(replace(unpinned, least=len(SMALL))) as (well, _):
        assert fetch(well, trust_unpinned=True).read_bytes() == SMALL
