"""Names, shapes and class counts of a file must be those that are wanted."""

import argparse

import numpy as np
import pytest
import torch
from helpers.checkpoints import LIKE, prefixed, same, saved, saved_legacy, state, state_with
from safetensors.torch import save as save_safetensors
from torch import nn

from unitdrop.checkpoints import load_checkpoint
from unitdrop.errors import CheckpointError, ModelError


def test_the_class_count_is_read_from_the_file(read):
    many = state_with(**{"fc.weight": torch.ones(7, 3), "fc.bias": torch.ones(7)})
    for write in (saved, saved_legacy, lambda made: save_safetensors(dict(made))):
        assert read(write(many), head="fc")["fc.weight"].shape == (7, 3)
        with pytest.raises(CheckpointError, match=r"fc.weight has shape \(7, 3\), expected \(2, 3\)"):
            read(write(many))


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        ((7, 3), (6,), "7 rows of weights but 6 biases"),
        ((7, 4), (7,), r"expected \(7, 3\)"),
        ((0, 3), (0,), r"expected \(1, 3\)"),
        ((7, 3), (), r"expected \(1,\)"),
    ],
)
def test_a_head_must_fit_in_all_but_its_class_count(weight, bias, message, read):
    made = state_with(**{"fc.weight": torch.ones(weight), "fc.bias": torch.ones(bias)})
    with pytest.raises(CheckpointError, match=message):
        read(saved(made), head="fc")


def test_names_are_renamed_after_prefixes_are_taken_off(read):
    old = {f"module.{name}".replace("fc.", "classifier."): tensor for name, tensor in state().items()}
    assert same(read(saved(old), rename=lambda name: name.replace("classifier.", "fc.")), state())
    with pytest.raises(CheckpointError, match="check rename"):
        read(saved(old), rename=lambda name: "fc.weight")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read(saved(old), rename=lambda name: {}[name])


def test_a_prefix_that_is_wanted_stays(read):
    like = {f"model.{name}": tensor for name, tensor in LIKE.items()}
    assert list(read(saved(prefixed("model.")), like)) == list(like)
    assert list(read(saved(prefixed("module.", "model.")), like)) == list(like)


def test_the_callers_own_mistakes_are_not_blamed_on_the_file(read):
    with pytest.raises(TypeError, match="like: expected"):
        read(saved(state()), nn.Linear(1, 1))
    with pytest.raises(ValueError, match=r"head: like has no linear.weight"):
        read(saved(state()), head="linear")
    with pytest.raises(ValueError, match="like: it has no tensors"):
        read(saved(state()), {})
    with pytest.raises(ModelError, match="ReLU has no weights"):
        load_checkpoint(nn.ReLU(), "any.pth")


NO_TENSORS = {
    "a stand-in": argparse.Namespace(a=1),
    "nothing": None,
    "a list": [0.5, 0.5],
    "an empty mapping": {},
    "a number": 3,
    "an array": np.zeros(2),
}


@pytest.mark.parametrize("what", NO_TENSORS)
@pytest.mark.parametrize("name", ["fc.bias", "bn.num_batches_tracked", "fc.weight"])
def test_what_is_no_tensor_does_not_count_as_missing(what, name, read):
    for prefix in ("", "net."):
        made = {prefix + old: tensor for old, tensor in (state() | {name: NO_TENSORS[what]}).items()}
        with pytest.raises(CheckpointError, match=f"holds a?.*under '{prefix}{name}'; expected names and"):
            read(saved(made), head="fc")


def test_nor_does_the_bias_of_a_classifier_by_another_name(read):
    made = {name: tensor for name, tensor in state().items() if not name.startswith("fc.")}
    made |= {"fc.1.weight": state()["fc.weight"], "fc.1.bias": argparse.Namespace(a=1)}
    with pytest.raises(CheckpointError, match=r"holds a 'argparse.Namespace' under 'fc.1.bias'"):
        read(saved(made), head="fc")
