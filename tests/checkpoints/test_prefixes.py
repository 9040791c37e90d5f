"""Whatever one prefix makes all wanted names fit is taken off; what lies outside is left out and told."""

import argparse

import pytest
import torch
from helpers.checkpoints import LIKE, same, saved, state
from torch import nn

from unitdrop.checkpoints import load_checkpoint
from unitdrop.checkpoints.placeholders import Storage, Tensor
from unitdrop.checkpoints.wanted import Wanted
from unitdrop.errors import CheckpointError
from unitdrop.notices import listening

FAR = ("backbone.", "_orig_mod.module.student.net.", "mein_netz_", "a.b.c.d.e.f.", "module.attacker.model.")


def named(prefix):
    return {prefix + name: tensor for name, tensor in state().items()}


@pytest.mark.parametrize("prefix", FAR)
@pytest.mark.parametrize(
    "put", [dict, lambda made: {"state_dict": made}, lambda made: {"run": [{"any": made}]}]
)
def test_any_one_prefix_is_taken_off_and_told(prefix, put, read):
    with listening((heard := []).append):
        assert same(read(saved(put(named(prefix)))), state())
    assert len(heard) == 1 and prefix.removesuffix(".") in heard[0]


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod."])
@pytest.mark.parametrize("put", [dict, lambda made: {"state_dict": made, "epoch": 3}])
def test_what_a_wrapper_certainly_left_needs_no_word(prefix, put, read):
    with listening((heard := []).append):
        assert same(read(saved(put(named(prefix)))), state())
    assert heard == []


@pytest.mark.parametrize("prefix", ["model.", "net.", "module.model.", "backbone._orig_mod.", "0.", "my_"])
@pytest.mark.parametrize("put", [dict, lambda made: {"state_dict": made}, lambda made: {"model": made}])
def test_any_other_prefix_is_told_as_such(prefix, put, read):
    with listening((heard := []).append):
        assert same(read(saved(put(named(prefix)))), state())
    assert len(heard) == 1 and heard[0].endswith(f": the prefix '{prefix}' is taken off its names")
    with listening((heard := []).append):
        assert same(read(saved({"best one": named(prefix)})), state())
    assert f"its weights are read from 'best one'; the prefix '{prefix}' is taken off its names" in heard[0]


INNER = {
    "a compiled part": {"bn._orig_mod.running_var": "bn.running_var"},
    "a parallel part": {"fc.module.weight": "fc.weight", "fc.module.bias": "fc.bias"},
    "saved activations": {"bn._checkpoint_wrapped_module.num_batches_tracked": "bn.num_batches_tracked"},
}


@pytest.mark.parametrize("part", INNER)
@pytest.mark.parametrize("prefix", ["", "module.", "net."])
def test_what_wrapping_a_part_of_the_network_left_is_taken_out_of_names(part, prefix, read):
    new = {old: name for name, old in INNER[part].items()}
    made = {prefix + new.get(name, name): tensor for name, tensor in state().items()}
    with listening(print):
        assert same(read(saved(made)), state())
    both = made | {prefix + name: torch.ones_like(state()[name]) for name in INNER[part].values()}
    with pytest.raises(CheckpointError, match=r"too many|two of its tensors|lie"):
        read(saved(both))


def test_a_state_dict_may_be_an_attribute_or_be_split_by_part(read):
    split = {"fc": {"weight": state()["fc.weight"], "bias": state()["fc.bias"]}}
    split["bn"] = {key: state()[f"bn.{key}"] for key in ("running_var", "num_batches_tracked")}
    for file in (argparse.Namespace(model=state(), lr=0.1), {"parts": split}):
        with listening(print):
            assert same(read(saved(file)), state())


BESIDE = {
    "criterion.weight": torch.ones(5),
    "loss_fn.pos_weight": torch.ones(5),
    "n_averaged": torch.tensor(3),
    "train_acc.tp": torch.ones(5),
    "fc.total_ops": torch.zeros(1, dtype=torch.float64),
    "total_params": torch.zeros(1, dtype=torch.float64),
    "class_weights": torch.ones(5),
}


@pytest.mark.parametrize("prefix", ["", "net."])
@pytest.mark.parametrize("name", BESIDE)
def test_what_training_left_beside_the_network_is_left_out_and_told(prefix, name, read):
    inside = prefix if name.startswith("fc.") else ""
    with listening((heard := []).append):
        assert same(read(saved(named(prefix) | {inside + name: BESIDE[name]})), state())
    assert len(heard) == 1 and f"left out: '{inside + name}'" in heard[0]


@pytest.mark.parametrize("name", ["fc.more.weight", "bn.gate", "attention.weight", "fc2.weight"])
def test_what_would_change_the_network_is_refused(name, read):
    for prefix in ("", "module."):
        with pytest.raises(CheckpointError, match=f"has '{name}' too many"):
            read(saved(named(prefix) | {prefix + name: torch.ones(2, 2)}))


def test_a_wrapped_network_takes_the_bare_file(read):
    for wrap in ("module.", "module.net.", "_orig_mod."):
        like = {wrap + name: tensor for name, tensor in LIKE.items()}
        for prefix in ("", "module.", "state.model.", wrap):
            with listening(print):
                found = read(saved(named(prefix)), like)
            assert same({name.removeprefix(wrap): tensor for name, tensor in found.items()}, state())


class Normalised(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
        self.register_buffer("mean", torch.full((3,), 0.4))
        self.register_buffer("std", torch.full((3,), 0.2))


def test_a_network_with_its_own_preprocessing_keeps_it_where_the_file_has_none(tmp_path):
    given, taken = Normalised(), nn.DataParallel(Normalised())
    torch.save({"model": given.net.state_dict()}, tmp_path / "bare.pth")
    with listening((heard := []).append):
        load_checkpoint(taken, tmp_path / "bare.pth")
    assert "'module.mean', 'module.std' stay as the network has them" in heard[0]
    assert torch.equal(taken.module.net[0].weight, given.net[0].weight)
    given.mean += 0.1
    torch.save(given.state_dict(), tmp_path / "whole.pth")
    load_checkpoint(taken, tmp_path / "whole.pth")
    assert torch.equal(taken.module.mean, given.mean)


def outline(key, like):
    """The outline of a tensor of its own."""
    storage = Storage(str(key), like.dtype, like.numel())
    return Tensor(tuple(like.shape), like.dtype, storage, 0, tuple(like.stride()))


def test_every_name_of_a_hundred_thousand_is_looked_at_only_a_few_times():
    asked = []

    class Counted(str):
        def rfind(self, *args):
            asked.append(self)
            return super().rfind(*args)

    names = list(LIKE)
    root = {Counted(f"p{i // 4}.{'.' * 99}{names[i % 4]}"): outline(i, torch.ones(1)) for i in range(100_000)}
    root |= {f"the.one.{name}": outline(name, like) for name, like in LIKE.items()}
    plan = Wanted(LIKE).plan(root, lambda outline: torch.zeros(outline.shape))
    assert [old for old, _ in plan.tensors.values()] == [f"the.one.{name}" for name in LIKE]
    assert 0 < len(asked) <= 3 * 100_000
