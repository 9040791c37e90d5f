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
    files = [saved(with_optimizer()), saved_legacy(with_optimizer())]
    before = set(torch.serialization.get_safe_globals())
    with warnings.catch_warnings(action="error"):
        for content in files:
            read(content)
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


def test_views_that_span_far_more_than_they_hold_are_refused(read):
    """A small file of them would have the same bytes read over and over."""
    data = torch.rand(600_000)
    made = {f"w{number}": data.as_strided((2, 2), (599_998, 1)) for number in range(100)}
    like = {name: torch.zeros(2, 2) for name in made}
    with pytest.raises(CheckpointError, match="share far larger storages; save clones of them"):
        read(saved(made), like)
    few = dict(list(made.items())[:3])
    assert same(read(saved(few), {name: like[name] for name in few}), few)


def test_truth_values_other_than_0_and_1_are_true(read):
    made = {"mask": torch.tensor([True, False, True])}
    content = saved(made).replace(b"\x01\x00\x01", b"\x02\x00\x01", 1)
    like = {"mask": torch.zeros(3, dtype=torch.bool)}
    with pytest.raises(CheckpointError, match="is damaged"):
        read(content, like)
    content = save_safetensors(made).replace(b"\x01\x00\x01", b"\x02\x00\x01")
    assert same(read(content, like), made)


def test_damage_in_what_is_not_wanted_is_damage_too(read):
    content = saved({"state_dict": state(), "x": torch.full((50,), 7.0)})
    data = torch.full((50,), 7.0).numpy().tobytes()
    with pytest.raises(CheckpointError, match=r"damaged; download it again"):
        read(content.replace(data, data[:-1] + b"\x00"))
