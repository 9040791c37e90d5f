"""Paths that are none, protected files and huge ones are refused before anything is read."""

import os
import tempfile
from pathlib import Path

import pytest
from helpers.checkpoints import LIKE, saved, state

from unitdrop.checkpoints import read_checkpoint
from unitdrop.errors import CheckpointError


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
