"""Names, sha256 and folders are checked before anything is downloaded; caches are where they should be."""

import io
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest
from helpers.downloads import served

from unitdrop.download import Remote, cache_folder, fetch, hub_folder
from unitdrop.errors import DownloadError, ModelError


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


def test_the_folder_of_the_cache_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("UNITDROP_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("UNITDROP_CACHE", "~/mine")
    assert cache_folder() == Path.home() / "mine"
    monkeypatch.setenv("UNITDROP_CACHE", "")
    assert cache_folder() == Path(platformdirs.user_cache_dir("unitdrop"))


def a_zip():
    """The bytes of a zip as torch writes it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("net/data.pkl", bytes(5_000))
    return content.getvalue()


ZIP, OLD = a_zip(), b"\x80\x02" + bytes(5_000)


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (ZIP, True),
        (ZIP[:-1], False),
        (ZIP[: len(ZIP) // 2], False),
        (ZIP[:5], False),
        (OLD, True),
        (OLD[:-1], False),
        (OLD[: len(OLD) // 2], False),
        (b"<html>", False),
        (b"", False),
        (None, None),
    ],
)
def test_only_a_whole_file_counts_as_cached(tmp_path, content, whole):
    remote = Remote("http://x/", tmp_path, "net.pth", None, None, least=min(len(ZIP), len(OLD)))
    if content is not None:
        remote.path.write_bytes(content)
    assert remote.cached is (whole is True) and remote.incomplete is (whole is False)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_what_is_no_file_is_not_cached(tmp_path):
    remote = Remote("http://x/", tmp_path, "net.pth", None, None)
    assert not remote.cached and not remote.incomplete
    path = remote.path
    for make in (
        lambda: os.mkfifo(path),
        path.mkdir,
        lambda: path.symlink_to("nowhere"),
        lambda: path.symlink_to(path),
    ):
        make()
        assert not remote.cached and remote.incomplete
        remote.path.rmdir() if remote.path.is_dir() else remote.path.unlink()


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
