"""Safe names, and files that are written whole or not at all."""

import errno
import os
import socket
import stat
import subprocess
import threading
import unicodedata
from pathlib import Path

import pytest
from helpers.exports import names_in, posix_only
from hypothesis import given
from hypothesis import strategies as st

from unitdrop.errors import ExportError
from unitdrop.export.files import atomic_write, destination, is_stream, own_descriptor, safe_name


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("diner/outdoor", "diner-outdoor"),
        ('a\\b:c*d?e"f<g>h|i', "a-b-c-d-e-f-g-h-i"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("trailing. ", "trailing"),
        ("", "unnamed"),
        ("   ", "unnamed"),
        ("...", "unnamed"),
        ("\x00\x1b[31m\n", "31m"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1", "_com1"),
        ("COM\N{SUPERSCRIPT ONE}", "_COM1"),
        ("console", "console"),
        ("-rf", "rf"),
        ("Zürich, 桜 परी", "Zürich-桜-परी"),
        ("one  two__three", "one-two__three"),
        ("\ud800", "unnamed"),
        ("\N{CARE OF}", "c-o"),
    ],
)
def test_a_label_becomes_a_safe_file_name(label, name):
    assert safe_name(label) == name


@given(st.text(max_size=300))
def test_no_label_makes_a_name_that_a_system_refuses(tmp_path_factory, label):
    name = safe_name(label)
    assert name and len(name.encode()) <= 101
    assert not set(name) & set('/\\:*?"<>| ') and name[0] not in ".-" and name[-1] not in ". "
    assert not any(unicodedata.category(c)[0] in "CZ" for c in name)
    assert safe_name(name) == name or name.startswith("_")


def test_a_very_long_label_is_cut_between_letters(tmp_path):
    name = safe_name("桜" * 500)
    assert set(name) == {"桜"} and len(name.encode()) <= 100
    (tmp_path / f"{name}.gif").write_bytes(b"")


def test_a_file_is_replaced_only_once_the_new_one_is_whole(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and names_in(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_whatever_ends_the_writing_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(type(error)), atomic_write(path) as file:
        file.write(b"half")
        raise error
    assert path.read_text() == "old" and names_in(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_at_the_last_step_leaves_the_old_file_too(tmp_path, monkeypatch, step, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(os, step, fail)
    path = tmp_path / "out.txt"
    path.write_text("old")
    expected = ExportError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught, atomic_write(path) as file:
        file.write(b"new")
    assert path.read_text() == "old" and names_in(tmp_path) == ["out.txt"]
    if expected is ExportError:
        told = str(caught.value)
        assert "out.txt" in told and "No space left" in told and "nothing has been written" in told


@posix_only
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_gets_the_permissions_that_the_umask_leaves(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        with atomic_write(tmp_path / "new") as file:
            file.write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == mode


@posix_only
def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(0o640)
    with atomic_write(path) as file:
        file.write(b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@posix_only
@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path, exists):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if exists:
        (folder / "target").write_text("old")
    link = tmp_path / "link"
    link.symlink_to(folder / "target")
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink() and (folder / "target").read_text() == "new"


@posix_only
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/out.gif", "no folder"),
        ("file/out.gif", "no folder"),
        ("folder", "is a folder"),
        (".", "is a folder"),
        ("fifo", "nobody reads from it; start the reader first"),
        ("socket", "cannot be written|nobody reads"),
        ("loop", "not a regular file"),
        ("a\0b", "cannot be a file name"),
        ("x" * 300, "cannot be"),
    ],
)
def test_a_path_that_cannot_be_written_is_named_with_the_reason(tmp_path, monkeypatch, name, words):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    socket.socket(socket.AF_UNIX).bind("socket")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = names_in(tmp_path)
    with pytest.raises(ExportError, match=words), atomic_write(f"{tmp_path}/{name}") as file:
        file.write(b"x")
    assert names_in(tmp_path) == before


@pytest.mark.parametrize("path", [None, 3, b"bytes", ""])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ExportError):
        destination(path)


@posix_only
@pytest.mark.parametrize(("protected", "words"), [("folder", "may not be"), ("file", "write-protected")])
def test_protection_is_respected(tmp_path, monkeypatch, protected, words):
    path = tmp_path / "out.gif"
    path.write_text("old")
    blocked = tmp_path if protected == "folder" else path
    # The superuser may write anywhere, and tests run as one in containers: so the system's answer is played.
    monkeypatch.setattr(os, "access", lambda p, mode: Path(p) != blocked)
    with pytest.raises(ExportError, match=words), atomic_write(path):
        pass
    assert path.read_text() == "old"


def test_the_home_folder_is_meant_by_its_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with atomic_write("~/out.txt") as file:
        file.write(b"x")
    assert names_in(tmp_path) == ["out.txt"] and file.path == tmp_path / "out.txt"


# two who write at once


@pytest.mark.parametrize("links", [True, False])
def test_all_who_write_a_fresh_file_at_once_get_one_each_and_what_was_there_stays(
    tmp_path, monkeypatch, links
):
    if not links:  # as on a memory card

        def refuse(*_):
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "out.txt").write_text("old")
    start, taken = threading.Barrier(16), []

    def write(number):
        start.wait()
        with atomic_write(tmp_path / "out.txt", fresh=True) as file:
            file.write(b"%d" % number)
        taken.append((file.path, number))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(path.name for path, _ in taken) == sorted(f"out-{n}.txt" for n in range(2, 18))
    assert all(path.read_text() == str(number) for path, number in taken)
    assert (tmp_path / "out.txt").read_text() == "old" and len(names_in(tmp_path)) == 17


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("step", ["fsync", "link", "replace"])
def test_a_fresh_file_that_fails_leaves_nothing(tmp_path, monkeypatch, step, error):
    def fail(*_):
        raise error

    def no_links(*_):
        raise OSError(errno.EPERM, "no hard links here")

    if step == "replace":
        monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, step, fail)
    if step == "link" and isinstance(error, OSError):
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises((ExportError, KeyboardInterrupt)), atomic_write(tmp_path / "a", fresh=True) as file:
        file.write(b"x")
    assert names_in(tmp_path) == []


# streams


@posix_only
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    content, came = bytes(3 << 20), []
    reader = threading.Thread(target=lambda: came.append(fifo.read_bytes()))
    reader.start()
    wait = threading.Event()
    for _ in range(1000):  # until the reader is there
        try:
            with atomic_write(fifo) as file:
                file.write(content)
            break
        except ExportError:
            wait.wait(0.01)
    reader.join()
    assert came == [content] and stat.S_ISFIFO(fifo.stat().st_mode) and names_in(tmp_path) == ["fifo"]


@posix_only
@pytest.mark.parametrize(
    "name", ["/dev/fd/{}", "/proc/self/fd/{}", "/proc/thread-self/fd/{}", "link", "links"]
)
def test_an_open_descriptor_is_written_to_as_it_was_opened(tmp_path, name):
    if name.startswith("/proc") and not Path("/proc/thread-self/fd").exists():
        pytest.skip("there is no /proc here")
    log = tmp_path / "log"
    log.write_text("old\n")
    with log.open("ab") as opened:
        number = opened.fileno()
        (tmp_path / "link").symlink_to(f"/dev/fd/{number}")
        (tmp_path / "links").symlink_to("link")
        path = name.format(number) if name[0] == "/" else tmp_path / name
        before = log.stat().st_ino
        assert own_descriptor(path) == number and is_stream(path)
        with atomic_write(path) as file:
            file.write(b"new\n")
        opened.write(b"more\n")
    assert log.read_text() == "old\nnew\nmore\n" and log.stat().st_ino == before


@posix_only
def test_the_log_of_another_process_is_added_to_and_not_replaced(tmp_path):
    if not Path("/proc/1").exists():
        pytest.skip("there is no /proc here")
    log = tmp_path / "log"
    log.write_text("old\n")
    process = subprocess.Popen(["sleep", "60"], stdout=log.open("ab"))
    try:
        with atomic_write(f"/proc/{process.pid}/fd/1") as file:
            file.write(b"new\n")
    finally:
        process.kill()
        process.wait()
    assert log.read_text() == "old\nnew\n"


@posix_only
def test_a_stream_that_fails_is_told_of(tmp_path):
    if Path("/dev/full").exists():
        with (
            pytest.raises(ExportError, match=r"No space left.*part of it may"),
            atomic_write("/dev/full") as file,
        ):
            file.write(b"x")
    with pytest.raises(ExportError, match="not open for writing"), atomic_write("/dev/fd/987654") as file:
        file.write(b"x")
    with atomic_write("/dev/null") as file:
        file.write(b"x")


@posix_only
@pytest.mark.parametrize(
    "path", ["fd/1", "stdout", "/dev/stdout/x", "dev/stdout", "/proc/self/fd", "/dev/fd/x"]
)
def test_what_is_only_called_like_a_stream_is_none(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    assert not is_stream(path) and own_descriptor(path) is None
