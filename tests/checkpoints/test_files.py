"""What is no regular file is refused before anything is read; one that changes meanwhile, at the end."""

import os
import socket
import tempfile
import threading
from pathlib import Path

import pytest
import torch
from helpers.checkpoints import LIKE, same, saved, saved_legacy, state
from safetensors.torch import save as save_safetensors

from unitdrop.checkpoints import read_checkpoint
from unitdrop.errors import CheckpointError

WRITERS = {"zip": saved, "legacy": saved_legacy, "safetensors": lambda made: save_safetensors(dict(made))}


@pytest.mark.parametrize("path", [None, 3, "", "nul\0byte", "x" * 5000, b"nowhere"])
def test_what_is_no_path_is_a_checkpoint_error(path):
    with pytest.raises(CheckpointError, match=r"no such file|cannot be opened|not a regular file"):
        read_checkpoint(path, LIKE)


def test_a_protected_file_is_named_as_such(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError

    (tmp_path / "net.pth").write_bytes(saved(state()))
    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(CheckpointError, match="may not be read; check its permissions"):
        read_checkpoint(tmp_path / "net.pth", LIKE)


def test_a_huge_file_is_never_read_whole():
    """Sparse files of 20 GB are refused by their size, before anything is looked at."""
    with tempfile.TemporaryFile() as file:
        file.truncate(20 << 30)
        path = f"/proc/self/fd/{file.fileno()}"
        if not Path(path).exists():
            pytest.skip("needs /proc")
        with pytest.raises(CheckpointError, match="64 MiB"):
            read_checkpoint(path, LIKE)


def test_a_tilde_is_ones_home(tmp_path, monkeypatch):
    (tmp_path / "net.pth").write_bytes(saved(state()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert same(read_checkpoint("~/net.pth", LIKE), state())
    assert same(read_checkpoint(Path("~/net.pth"), LIKE), state())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_sockets_are_refused_and_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        monkeypatch.chdir(tmp_path)  # the path of a socket must be short
        bound.bind("socket")
        for name in ("pipe", "socket", "/dev/null", "/dev/tty"):
            with pytest.raises(CheckpointError, match=r"not a regular file|cannot be opened|no such file"):
                read_checkpoint(name, LIKE)


def descriptors():
    """How many files this process has open, where that can be told."""
    place = Path("/proc/self/fd")
    return len(list(place.iterdir())) if place.is_dir() else 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_takes_the_place_of_a_file_before_it_is_opened_is_not_waited_for(kind, tmp_path, monkeypatch):
    path, opened = tmp_path / "net.pth", os.open

    def swap(given, *rest, **options):
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
        return opened(given, *rest, **options)

    path.write_bytes(saved(state()))
    before = descriptors()
    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(CheckpointError, match=r"not a regular file|is a folder"):
        read_checkpoint(path, LIKE)
    monkeypatch.undo()
    assert descriptors() == before


def _when_read(monkeypatch, act):
    """Do something when the first numbers are about to be read."""
    made, done = torch.frombuffer, []

    def frombuffer(*given, **options):
        if not done:
            done.append(True)
            act()
        return made(*given, **options)

    monkeypatch.setattr(torch, "frombuffer", frombuffer)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("change", ["cut", "emptied", "rewritten", "longer"])
def test_a_file_that_changes_while_it_is_read_is_refused(change, kind, tmp_path, monkeypatch):
    """A mapped file would kill the process when it is cut; numbers of two files must not be mixed."""
    path, content, other = tmp_path / "net", WRITERS[kind](state()), WRITERS[kind](state(1))
    path.write_bytes(content)
    os.utime(path, ns=(10**18, 10**18))

    def act():
        with path.open("r+b") as file:
            if change == "rewritten":
                file.write(other)
            elif change == "longer":
                file.seek(0, 2)
                file.write(b"more")
            else:
                file.truncate(len(content) // 2 if change == "cut" else 0)

    _when_read(monkeypatch, act)
    with pytest.raises(CheckpointError, match=r"written to while it was read|ends too early|is damaged"):
        read_checkpoint(path, LIKE)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_is_replaced_while_it_is_read_is_the_one_that_was_opened(kind, tmp_path, monkeypatch):
    path = tmp_path / "net"
    path.write_bytes(WRITERS[kind](state()))
    (tmp_path / "new").write_bytes(WRITERS[kind](state(1)))
    _when_read(monkeypatch, lambda: (tmp_path / "new").replace(path))
    assert same(read_checkpoint(path, LIKE), state())


def test_a_file_that_is_rewritten_all_the_time_is_one_of_its_contents_or_an_error(tmp_path):
    """In place, by another thread, as a training run does that saves over its last checkpoint."""
    contents = [save_safetensors(dict(state(seed))) for seed in (0, 1)]
    path, stop = tmp_path / "net", threading.Event()
    path.write_bytes(contents[0])

    def write():
        turn = 0
        while not stop.is_set():
            turn += 1
            path.write_bytes(contents[turn % 2])

    writer = threading.Thread(target=write)
    writer.start()
    read, refused = 0, 0
    try:
        for _ in range(200):
            try:
                found = read_checkpoint(path, LIKE)
            except CheckpointError:
                refused += 1
                continue
            assert any(same(found, state(seed)) for seed in (0, 1))
            read += 1
    finally:
        stop.set()
        writer.join()
    assert read + refused == 200


def test_the_file_is_opened_once(tmp_path, monkeypatch):
    path, opened, seen = tmp_path / "net", os.open, []
    path.write_bytes(saved(state()))

    def count(given, *rest, **options):
        seen.append(given)
        return opened(given, *rest, **options)

    monkeypatch.setattr(os, "open", count)
    read_checkpoint(path, LIKE)
    assert len(seen) == 1
