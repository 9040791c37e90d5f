"""A classifier that goes by another name in the file is taken; a head of two linear layers is not."""

import pytest
import torch
from helpers.checkpoints import saved
from torch import nn

from unitdrop.checkpoints import load_checkpoint
from unitdrop.errors import CheckpointError
from unitdrop.notices import listening


def network(head, name="fc"):
    net = nn.Module()
    net.conv, net.bn = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
    setattr(net, name, head)
    return net


def linear(classes=5, **options):
    return nn.Linear(8, classes, **options)


LIKE = network(linear()).state_dict()
ONE = {
    "fc.1": nn.Sequential(nn.Dropout(), linear(7)),
    "fc.2": nn.Sequential(nn.Flatten(), nn.Dropout(), linear(7)),
    "fc.fc": nn.ModuleDict({"drop": nn.Dropout(), "fc": linear(7)}),
    "fc.0.1": nn.Sequential(nn.Sequential(nn.Dropout(), linear(7))),
}


@pytest.mark.parametrize("layer", ONE)
@pytest.mark.parametrize("prefix", ["", "module.", "student.net."])
def test_a_linear_layer_in_a_sequential_is_the_classifier(layer, prefix, read):
    made = {prefix + name: tensor for name, tensor in network(ONE[layer]).state_dict().items()}
    with listening((heard := []).append):
        found = read(saved(made), LIKE, head="fc")
    assert torch.equal(found["fc.weight"], made[f"{prefix}{layer}.weight"])
    assert torch.equal(found["fc.bias"], made[f"{prefix}{layer}.bias"]) and len(found["fc.bias"]) == 7
    assert f"its linear layer '{layer}' is taken as the classifier 'fc'" in heard[0]


TWO = {
    "linear": nn.Sequential(linear(64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 5)),
    "linear too": nn.Sequential(linear(8), linear(5)),
    "norm": nn.Sequential(nn.BatchNorm1d(8), linear(5)),
    "layer norm": nn.Sequential(nn.LayerNorm(8), nn.Dropout(), linear(5)),
    "PReLU": nn.Sequential(nn.PReLU(), linear(5)),
}


@pytest.mark.parametrize("kind", TWO)
def test_a_head_of_more_than_a_linear_layer_is_refused_for_that(kind, read):
    what = "2 linear layers" if "linear" in kind else "more than one linear layer"
    with pytest.raises(CheckpointError, match=f"its head (has|is) {what} .*class activation maps"):
        read(saved({"state_dict": network(TWO[kind]).state_dict()}), LIKE, head="fc")


def test_the_wanted_classifier_may_itself_stand_in_a_sequential(read):
    like = network(nn.Sequential(nn.Dropout(), linear()), "classifier").state_dict()
    for given, old in (
        (linear(7), "classifier"),
        (nn.Sequential(linear(7)), "classifier.0"),
        (nn.Sequential(nn.Dropout(), linear(7)), "classifier.1"),
        (nn.Sequential(nn.Dropout(), nn.Sequential(linear(7))), "classifier.1.0"),
    ):
        made = network(given, "classifier").state_dict()
        with listening(print):
            found = read(saved(made), like, head="classifier.1")
        assert torch.equal(found["classifier.1.weight"], made[f"{old}.weight"])
    two = nn.Sequential(nn.Dropout(), linear(64), nn.ReLU(), nn.Linear(64, 5))
    with pytest.raises(CheckpointError, match=r"2 linear layers \('classifier.1', 'classifier.3'\)"):
        read(saved(network(two, "classifier").state_dict()), like, head="classifier.1")


def test_a_classifier_under_another_name_is_taken_if_it_is_the_only_one(read):
    trunk = network(nn.Identity()).state_dict()
    beside = {f"backbone.{name}": tensor for name, tensor in trunk.items()}
    one = {f"head.{name}": tensor for name, tensor in linear(7).state_dict().items()}
    with listening((heard := []).append):
        assert len(read(saved(beside | one), LIKE, head="fc")["fc.bias"]) == 7
        assert (
            len(read(saved(network(linear(7), "classifier").state_dict()), LIKE, head="fc")["fc.bias"]) == 7
        )
    assert "'head' is taken as the classifier 'fc'" in heard[0] and "'classifier' is taken" in heard[1]
    for wrap in ("", "module."):
        both = {wrap + name: tensor for name, tensor in (beside | one).items()}
        both[f"{wrap}data.steps"] = torch.tensor(3)
        with listening(print):
            assert len(read(saved({"a": {"ema": both}}), LIKE, head="fc")["fc.bias"]) == 7
        both[f"{wrap}head.norm.weight"] = torch.ones(8)
        with pytest.raises(CheckpointError, match=r"all of this network but its classifier"):
            read(saved({"a": {"ema": both}}), LIKE, head="fc")
    other = {f"aux.{name}": tensor for name, tensor in linear(9).state_dict().items()}
    with pytest.raises(CheckpointError, match=r"lacks 'fc.weight', 'fc.bias'"):
        read(saved(beside | one | other), LIKE, head="fc")


def test_of_raw_and_averaged_weights_with_such_heads_the_raw_ones_are_taken(read):
    raw, averaged = (network(nn.Sequential(nn.Dropout(), linear())).state_dict() for _ in range(2))
    made = raw | {f"swa.{name}": tensor for name, tensor in averaged.items()}
    with listening((heard := []).append):
        assert torch.equal(read(saved(made), LIKE, head="fc")["fc.weight"], raw["fc.1.weight"])
    assert "'swa' would fit too" in heard[0]


def test_a_classifier_without_bias_has_a_bias_of_zero(read):
    with listening((heard := []).append):
        found = read(saved(network(linear(7, bias=False)).state_dict()), LIKE, head="fc")
    assert found["fc.bias"].tolist() == [0.0] * 7 and "no bias, which is taken as 0" in heard[0]


def test_a_classifier_of_another_width_or_a_network_of_grey_images_is_refused_as_such(read):
    with pytest.raises(CheckpointError, match="its classifier reads another number of units"):
        read(saved(network(nn.Linear(100, 5)).state_dict()), LIKE, head="fc")
    with pytest.raises(CheckpointError, match="its classifier is a convolution of 1 x 1"):
        read(saved(network(nn.Conv2d(8, 5, 1)).state_dict()), LIKE, head="fc")
    with pytest.raises(CheckpointError, match="all of this network but its classifier"):
        read(saved({"student": network(nn.Identity()).state_dict()}), LIKE, head="fc")
    with pytest.raises(CheckpointError, match=r"but for 'conv.weight' it is this architecture: a variant"):
        read(saved(network(linear()).state_dict() | {"conv.weight": torch.ones(8, 3, 5, 5)}), LIKE, head="fc")
    grey = network(linear()).state_dict() | {"conv.weight": torch.ones(8, 1, 3, 3)}
    with pytest.raises(CheckpointError, match=r"1 channel \(greyscale\), this network of 3; .* FILE.py:NAME"):
        read(saved(grey), LIKE, head="fc")


def test_a_module_takes_a_head_by_another_name_but_not_another_number_of_classes(tmp_path):
    given, taken = network(nn.Sequential(nn.Dropout(), linear())), network(linear())
    torch.save(given.state_dict(), tmp_path / "net.pth")
    with listening(print):
        load_checkpoint(taken, tmp_path / "net.pth", head="fc")
        assert torch.equal(taken.fc.weight, given.fc[1].weight)
        with pytest.raises(CheckpointError, match="it has 5 classes, this network 9"):
            load_checkpoint(network(linear(9)), tmp_path / "net.pth", head="fc")
    torch.save(taken.state_dict(), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match="its fc has 5 rows, this network's 9"):
        load_checkpoint(network(linear(9)), tmp_path / "net.pth")
