"""Numbers are read from the open file by the package itself, and nothing of the process is touched."""

import threading
import warnings

import pytest
import safetensors
import torch
from helpers.checkpoints import LIKE, same, saved, saved_legacy, state, with_optimizer
from safetensors.torch import save as save_safetensors

from unitdrop.checkpoints import read_checkpoint
from unitdrop.errors import CheckpointError


def test_neither_torch_nor_safetensors_sees_the_file(read, monkeypatch):
    def fail(*_, **__):
        raise AssertionError

    files = [saved(state()), saved_legacy(state()), save_safetensors(dict(state()))]
    for owner, name in ((torch, "load"), (safetensors, "safe_open"), (torch, "from_file")):
        monkeypatch.setattr(owner, name, fail)
    assert all(same(read(content), state()) for content in files)


def test_nothing_is_warned_of_and_torchs_settings_stay(read):
    before = set(torch.serialization.get_safe_globals())
    with warnings.catch_warnings(action="error"):
        read(saved(with_optimizer()))
        read(saved_legacy(with_optimizer()))
    assert set(torch.serialization.get_safe_globals()) == before


def test_an_interrupt_passes_through(read, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "frombuffer", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read(saved(state()))


@pytest.mark.parametrize("error", [RuntimeError("no"), MemoryError(), RecursionError()])
def test_whatever_torch_raises_becomes_a_checkpoint_error(error, read, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(torch, "frombuffer", fail)
    with pytest.raises(CheckpointError, match=type(error).__name__) as caught:
        read(saved(state()))
    assert caught.value.__cause__ is error


def test_several_threads_may_read_at_once(tmp_path):
    (tmp_path / "net.pth").write_bytes(saved(with_optimizer()))
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(read_checkpoint(tmp_path / "net.pth", LIKE)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(same(one, state()) for one in found)
