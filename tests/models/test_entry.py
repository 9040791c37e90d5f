"""An entry of the catalogue: its numbers are those of its network, which is filled from a file of weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import standins
from helpers.networks import entry, filled
from safetensors.torch import save_file
from torchvision.models import get_model

import unitdrop
from unitdrop.models import CheckpointError, ModelError, imagenet, load_model


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("resnet18", "densenet121") else pytest.param(name, marks=pytest.mark.slow)
        for name in imagenet.UNITS
    ],
)
def test_units_classes_size_and_settings_of_an_entry_are_those_of_its_network(name):
    line = entry(name)
    network = line.build_on_meta(line.classes)
    state = network.state_dict()
    bytes_ = sum(t.numel() * t.element_size() for t in state.values())
    # The published file may hold the auxiliary classifiers too, or the running count of batches not.
    extra = {"googlenet": 2.0, "inception_v3": 1.2}.get(name, 1.01)
    assert 0.99 * bytes_ < line.size < extra * bytes_ + 2_000_000
    head = line.head_layer(network)
    assert state[f"{head}.weight"].shape == (line.classes, line.units)
    settings = line.settings()
    assert len(settings["labels"]) == line.classes and settings["resize"] >= settings["size"] >= 224


# ----------------------------------------------------------------------------- checkpoints of one's own


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("resnet18", "mnasnet0_5") else pytest.param(name, marks=pytest.mark.slow)
        for name in imagenet.UNITS
    ],
)
def test_every_entry_is_filled_from_a_file_of_its_own_weights(caches, name):
    if entry(name).size > 400e6:
        pytest.skip("takes gigabytes")
    state = filled(name).state_dict()
    torch.save(state, "own.pth")
    network, classes = entry(name).filled("own.pth")
    assert classes == 10
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_a_network_that_is_wrapped_takes_the_file_of_the_bare_one(caches):
    torch.save(filled("resnet18").state_dict(), "own.pth")
    wrapped = torch.nn.DataParallel(get_model("resnet18", num_classes=10))
    unitdrop.load_checkpoint(wrapped, "own.pth")
    assert torch.equal(wrapped.module.fc.weight, filled("resnet18").fc.weight)
    with pytest.raises(ModelError, match=r"expected a torch.nn.Module, got dict"):
        unitdrop.load_checkpoint({}, "own.pth")


def test_a_local_file_stands_in_for_the_download(stand_ins, caches):
    path = stand_ins.files["/resnet18_places365.pth.tar"]
    model = load_model("resnet18-places365", checkpoint=path)
    net = standins.network("resnet18", 365)
    for key, value in net.state_dict().items():
        assert torch.equal(model.module.state_dict()[key], value) or key.endswith("num_batches_tracked")
    assert model("photo.png").labels[8] == "apartment_building/outdoor"


@pytest.mark.parametrize(
    "name", ["resnet18", "densenet121", "googlenet", "shufflenet_v2_x0_5", "regnet_y_400mf", "swin_t"]
)
def test_the_number_of_classes_is_the_checkpoints(caches, name):
    state = filled(name).state_dict()  # of 10 classes
    save_file({k: v.contiguous() for k, v in state.items()}, "mine.safetensors")
    Path("mine.txt").write_text("\n".join(f"thing {i}" for i in range(10)), encoding="utf-8")
    model = load_model(name, checkpoint="mine.safetensors", labels="mine.txt")
    assert model.labels[9] == "thing 9" and model.units == imagenet.UNITS[name]
    assert load_model(name, checkpoint="mine.safetensors").labels[:2] == ("class 0", "class 1")
    with pytest.raises(ModelError, match="10 classes but 3 labels"):
        load_model(name, checkpoint="mine.safetensors", labels=["a", "b", "c"])
    reference = filled(name)
    settings = {**entry(name).settings(), "labels": None}
    ours, theirs = model("photo.png"), unitdrop.wrap(reference, **settings)("photo.png")
    np.testing.assert_array_equal(ours.maps, theirs.maps)
    np.testing.assert_array_equal(ours.weight, theirs.weight)


def grey_file(name):
    """Write a file of a network with a first layer for one channel, and return that network."""
    net = filled(name)
    layer = next(part for part in net.modules() if isinstance(part, torch.nn.Conv2d))
    with torch.no_grad():
        grey = torch.nn.Parameter(layer.weight.sum(1, keepdim=True))
    layer.weight, layer.in_channels = grey, 1
    net.transform_input = False
    torch.save({"state_dict": {f"module.{k}": v for k, v in net.state_dict().items()}}, "grey.pth")
    return net


@pytest.mark.filterwarnings("ignore::unitdrop.notices.Notice")
@pytest.mark.parametrize("name", ["resnet18", "densenet121", "googlenet"])
def test_a_checkpoint_for_grey_makes_a_network_for_grey(caches, name):
    net = grey_file(name)
    model = load_model(name, checkpoint="grey.pth", size=96)
    assert model.channels == 1 and model.size == 96 and model.resize == round(96 * 256 / 224)
    readout = model("photo.png")
    with torch.no_grad():
        real = net(model.prepare(unitdrop.load_image("photo.png")))[0].numpy()
    np.testing.assert_allclose(readout.weight @ readout.pooled + readout.bias, real, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore::unitdrop.notices.Notice")
def test_a_checkpoint_with_one_output_is_two_classes_if_both_have_names(caches):
    state = filled("resnet18").state_dict()
    torch.save({**state, "fc.weight": state["fc.weight"][:1], "fc.bias": state["fc.bias"][:1]}, "binary.pth")
    with pytest.raises(ModelError, match=r"'resnet18' has one output.*--labels FILE"):
        load_model("resnet18", checkpoint="binary.pth")
    model = load_model("resnet18", checkpoint="binary.pth", labels=["no", "yes"], size=64)
    z = model("photo.png")
    assert model.labels == ("no", "yes") and not z.weight[0].any() and z.bias[0] == 0


def test_a_checkpoint_of_another_architecture_is_refused(caches):
    torch.save(filled("resnet18").state_dict(), "mine.pth")
    with pytest.raises(CheckpointError, match=r"mine.pth"):
        load_model("resnet34", checkpoint="mine.pth")
    with pytest.raises(CheckpointError, match=r"nothing.pth"):
        load_model("resnet34", checkpoint="nothing.pth")
