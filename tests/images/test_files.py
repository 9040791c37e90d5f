"""Files are opened once, without waiting, and what was checked is what is decoded."""

import io
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unitdrop.images import ImageError, load_image

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def encoded(codec="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, codec, **options)
    return buffer.getvalue()


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "a.png").write_bytes(encoded())
    for path in ("~/a.png", Path("~/a.png")):
        np.testing.assert_array_equal(load_image(path), PICTURE)
    with pytest.raises(ImageError, match=r"^~/b.png: no such file"):
        load_image("~/b.png")


def test_a_name_that_starts_with_a_tilde_is_no_user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("~picture.png").write_bytes(encoded())
    np.testing.assert_array_equal(load_image("~picture.png"), PICTURE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_file_that_becomes_a_pipe_between_two_looks_is_refused_without_waiting(tmp_path, monkeypatch):
    path, real = tmp_path / "a.png", os.stat
    path.write_bytes(encoded())
    regular = real(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda self, **options: regular)
    outcome = []

    def attempt():
        with pytest.raises(ImageError, match="device, pipe or socket") as caught:
            load_image(path)
        outcome.append(caught)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(30)
    assert outcome


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no such sockets")
def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.png")
        with pytest.raises(ImageError, match="device, pipe or socket"):
            load_image("a.png")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not list descriptors")
def test_no_descriptor_stays_open_and_one_is_used(tmp_path, monkeypatch):
    path, opened = tmp_path / "a.tif", []
    path.write_bytes(encoded("TIFF", compression="tiff_lzw"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda name, *rest, **more: opened.append(str(name)) or real(name, *rest, **more)
    )
    load_image(path)
    for broken in (b"", b"no picture", path.read_bytes()[:100]):
        path.write_bytes(broken)
        with pytest.raises(ImageError):
            load_image(path)
    assert opened.count(str(path)) == 4
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_changes_after_it_was_read_changes_nothing(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded())
    with path.open("rb") as file:
        data = file.read()

        class Changing(io.BytesIO):
            name = "a.png"

            def seek(self, *where):
                raise AssertionError("read again")

        np.testing.assert_array_equal(load_image(Changing(data)), PICTURE)


class Slow(io.RawIOBase):
    """A file that gives a few bytes at a time, as a socket does."""

    def __init__(self, data):
        self.rest = data

    def read(self, size=-1):
        part, self.rest = self.rest[: min(7, size)], self.rest[min(7, size) :]
        return part


def test_a_file_that_gives_little_at_a_time_is_read_whole():
    np.testing.assert_array_equal(load_image(Slow(encoded())), PICTURE)


def test_a_file_without_end_is_given_up():
    class Endless:
        name = "endless.png"

        def read(self, size):
            return encoded()[:8].ljust(size, b"\0")

    with pytest.raises(ImageError, match="gives more than 512 MiB"):
        load_image(Endless())


def test_a_pil_image_that_is_only_opened_is_judged_as_its_file(tmp_path):
    path = tmp_path / "cut.jpg"
    data = encoded("JPEG")
    path.write_bytes(data[: len(data) * 2 // 3] + b"\xff\xd9")
    with Image.open(path) as image, pytest.raises(ImageError, match=r"cut.jpg: .*data are missing"):
        load_image(image)
    path.write_bytes(data)
    with Image.open(path) as image:
        shown = load_image(image)
        assert image.tile  # it is left as it was
        np.testing.assert_array_equal(shown, load_image(path))
        np.testing.assert_array_equal(shown, np.asarray(image))
        np.testing.assert_array_equal(shown, load_image(image))
