"""torch reads with its lock on, and leaves the process as it was."""

import struct
import threading
import warnings

import numpy as np
import pytest
import torch
from helpers.checkpoints import LIKE, same, saved, saved_legacy, state, with_optimizer

from unitdrop.checkpoints import read_checkpoint
from unitdrop.errors import CheckpointError


def test_an_interrupt_passes_through(read, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read(saved(state()))


@pytest.mark.parametrize(
    "error", [RuntimeError("weights_only=False"), MemoryError(), RecursionError(), struct.error()]
)
def test_whatever_torch_raises_becomes_a_checkpoint_error_without_its_advice(error, read, monkeypatch):
    def fail(*_, **options):
        assert options["weights_only"] is True
        raise error

    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(CheckpointError, match=type(error).__name__) as caught:
        read(saved(state()))
    assert caught.value.__cause__ is error and "weights_only" not in str(caught.value)


def test_nothing_is_warned_of_and_torchs_settings_stay(read):
    torch.serialization.add_safe_globals([np.dtype])
    try:
        before = set(torch.serialization.get_safe_globals())
        with warnings.catch_warnings(action="error"):
            read(saved(with_optimizer()))
            read(saved_legacy(with_optimizer()))
        assert set(torch.serialization.get_safe_globals()) == before
    finally:
        torch.serialization.clear_safe_globals()


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
