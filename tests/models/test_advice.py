"""What a file says of its network is believed or told: architecture, preprocessing, which one it fits."""

import pytest
import torch
from helpers.networks import filled
from torch import nn
from torchvision.models import get_model, resnet18

from unitdrop.errors import CheckpointError
from unitdrop.models import load_model
from unitdrop.notices import listening

INIT = {"googlenet": {"aux_logits": True, "init_weights": False}}


def loaded(name, made, **options):
    """A network with the weights of a file, and what was said."""
    torch.save(made, "net.pth")
    with listening((heard := []).append):
        model = load_model(name, checkpoint="net.pth", **options)
    return model, " ".join(heard)


def places(**beside):
    net = resnet18(num_classes=365)
    return {**beside, "state_dict": {f"module.{name}": tensor for name, tensor in net.state_dict().items()}}


@pytest.mark.parametrize("asked", ["resnet18-places365", "wideresnet18-places365", "resnet18"])
def test_the_architecture_that_a_file_names_is_believed(asked, caches):
    for arch, grid, name in (("wideresnet18", 14, "wideresnet18-places365"), ("resnet18", 7, "resnet18")):
        model, told = loaded(asked, places(arch=arch))
        assert model("photo.png").maps.shape[1:] == (grid, grid) and model.name.startswith(name)
        assert ("says that it is of" in told) == (not asked.startswith(arch))


def test_wideresnet18_is_resnet18_without_max_pooling(caches):
    made = places(arch="wideresnet18")
    model, _ = loaded("wideresnet18-places365", made)
    net = resnet18(num_classes=365).eval()
    net.maxpool = nn.Identity()
    net.load_state_dict({name.removeprefix("module."): tensor for name, tensor in made["state_dict"].items()})
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(model.module(x), net(x))


def test_where_a_file_of_places_does_not_say_which_it_is_of_both_are_named(caches):
    for asked, other in (("resnet18-places365", "wideresnet18"), ("wideresnet18-places365", "resnet18")):
        model, told = loaded(asked, places())
        assert model.name == asked and f"give --model {other}-places365" in told
    _, told = loaded("resnet18", resnet18(num_classes=5).state_dict())
    assert told == ""


@pytest.mark.parametrize(
    "beside",
    [
        {"arch": "ResNet-18"},
        {"args": {"model": "resnet18"}},
        {"hyper_parameters": {"arch": "timm/resnet18.a1"}},
    ],
)
def test_another_way_to_write_the_architecture_is_no_other(beside, caches):
    assert loaded("resnet18", {**beside, "model": resnet18(num_classes=5).state_dict()})[1] == ""
    _, told = loaded("resnet18", {"arch": "resnetblur18", "model": resnet18(num_classes=5).state_dict()})
    assert "it says that it is of 'resnetblur18'; it is read as resnet18" in told


def test_the_network_that_a_file_fits_is_named(caches):
    for name in ("resnet34", "mobilenet_v2", "resnet50"):
        with pytest.raises(CheckpointError, match=f"it fits {name}: give --model {name}"):
            loaded("resnet18", {"state_dict": {f"net.{k}": v for k, v in filled(name).state_dict().items()}})
    with pytest.raises(CheckpointError, match=r"none of this network's 122 names.*says that it is of 'vit'"):
        loaded("resnet18", {"arch": "vit", "model": {"cls_token": torch.ones(1, 1, 8)}})


def normalised(mean, std, names=("norm.mean", "norm.std"), shape=(3, 1, 1)):
    made = {f"model.{name}": tensor for name, tensor in resnet18(num_classes=5).state_dict().items()}
    return made | {
        name: torch.tensor(each).view(shape) for name, each in zip(names, (mean, std), strict=True)
    }


@pytest.mark.parametrize(
    "names", [("new_mean", "new_std"), ("n.pixel_mean", "n.pixel_std"), ("a.mu", "a.sigma")]
)
def test_preprocessing_in_a_file_is_applied_and_told(names, caches):
    model, told = loaded("resnet18", normalised([0.5, 0.4, 0.3], [0.5, 0.6, 0.7], names))
    assert model.mean == pytest.approx((0.5, 0.4, 0.3)) and model.std == pytest.approx((0.5, 0.6, 0.7))
    assert "its own preprocessing is applied, mean (0.5, 0.4, 0.3) and std (0.5, 0.6, 0.7)" in told
    model, told = loaded("resnet18", normalised([127.5] * 3, [51.0] * 3, names, (1, 3, 1, 1)))
    assert model.mean == pytest.approx((0.5,) * 3) and model.std == pytest.approx((0.2,) * 3)


def test_preprocessing_that_is_the_networks_own_or_cannot_be_applied(caches):
    for factor in (1, 255):
        numbers = ([x * factor for x in (0.485, 0.456, 0.406)], [x * factor for x in (0.229, 0.224, 0.225)])
        said = loaded("resnet18", normalised(*numbers))[1]
        assert said == "checkpoint 'net.pth': the prefix 'model.' is taken off its names"
    model, told = loaded("resnet18", normalised([103.53, 116.28, 123.675], [1.0, 1.0, 1.0]))
    assert model.mean[0] == 0.485 and "for blue, green, red and is not applied" in told
    model, told = loaded("resnet18", normalised([0.5] * 3, [0.0] * 3))
    assert model.mean[0] == 0.485 and "left out: 'norm.mean', 'norm.std'" in told


def test_how_googlenet_was_made_is_not_in_its_file_and_is_told(caches):
    for name, classes, told in (("googlenet", 7, True), ("googlenet", 1000, False), ("resnet18", 7, False)):
        net = get_model(name, weights=None, num_classes=classes, **INIT.get(name, {}))
        model, said = loaded(name, {"model": net.state_dict()})
        assert ("with transform_input=True" in said) == told
        assert getattr(model.module, "transform_input", False) == (name == "googlenet")


def test_the_reason_of_what_fits_nothing_ends_with_what_to_do(caches):
    with pytest.raises(CheckpointError, match=r"if it is of a network of yours, give that as FILE\.py:NAME"):
        loaded("resnet18", {"embedder.convolution.weight": torch.ones(64, 3, 7, 7)})
    variant = resnet18(num_classes=5).state_dict() | {"conv1.weight": torch.ones(64, 3, 3, 3)}
    with pytest.raises(CheckpointError) as error:
        loaded("resnet18", variant)
    assert str(error.value).count("FILE.py:NAME") == 1 and "as for small pictures" in str(error.value)
