"""Names, sha256 and folders are checked before anything is downloaded; caches are where they should be."""

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
