"""Half precision is read exactly; rounding of doubles is told, and what is too large refused."""

import pytest
import torch
from helpers.checkpoints import LIKE, same, saved, state
from safetensors.torch import save as save_safetensors

from unitdrop.errors import CheckpointError
from unitdrop.notices import listening

WRITE = {"zip": saved, "safetensors": save_safetensors}


def cast(made, kind):
    return {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in made.items()}


@pytest.mark.parametrize("write", WRITE)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_exactly_and_without_a_word(kind, write, read):
    half = cast(state(), kind)
    with listening((heard := []).append):
        found = read(WRITE[write](half))
    assert heard == [] and all(tensor.dtype == LIKE[name].dtype for name, tensor in found.items())
    assert all(torch.equal(found[name].to(tensor.dtype), tensor) for name, tensor in half.items())


@pytest.mark.parametrize("write", WRITE)
def test_double_precision_is_rounded_and_told_where_it_changes_numbers(write, read):
    with listening((heard := []).append):
        assert same(read(WRITE[write](cast(state(), torch.float64))), state())
    assert heard == []
    made = cast(state(), torch.float64) | {"fc.bias": torch.tensor([0.1, 0.5], dtype=torch.float64)}
    with listening((heard := []).append):
        assert read(WRITE[write](made))["fc.bias"].tolist() == [torch.tensor(0.1).item(), 0.5]
    assert len(heard) == 1 and "1 number was rounded from float64 to float32, by 1e-09 at most" in heard[0]


def test_what_overflows_is_refused(read):
    large = state() | {"fc.bias": torch.tensor([1e39, 0], dtype=torch.float64)}
    with pytest.raises(CheckpointError, match=r"fc.bias holds numbers of torch.float64 that are too large"):
        read(saved(large))
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in LIKE.items()}
    with pytest.raises(CheckpointError, match=r"too large for torch.float16"):
        read(saved(state() | {"fc.bias": torch.tensor([1e5, 0])}), half)


@pytest.mark.parametrize("kind", [torch.int32, torch.int16, torch.float32, torch.float64, torch.float16])
def test_a_counter_may_be_of_another_dtype(kind, read):
    made = state() | {"bn.num_batches_tracked": torch.tensor(1234).to(kind)}
    assert same(read(saved(made)), state())


def test_floats_do_not_become_whole_numbers_nor_the_other_way_round(read):
    for name, tensor in (("fc.bias", torch.ones(2).int()), ("bn.num_batches_tracked", torch.tensor(True))):
        with pytest.raises(CheckpointError, match=f"{name} has dtype .*; convert it first"):
            read(saved(state() | {name: tensor}))
