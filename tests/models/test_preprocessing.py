"""A network's input is made as it was told, else as the network says, else as for ImageNet: it is said."""

from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms as T
from torchvision.models import (
    EfficientNet_B4_Weights,
    ResNet50_Weights,
    efficientnet_b0,
    get_model_weights,
    resnet18,
)
from torchvision.transforms import v2

from unitdrop.models import Model, ModelError, catalogue, wrap
from unitdrop.models.imagenet import UNITS
from unitdrop.notices import listening
from unitdrop.scenes import render

CONFIG = {
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.4),
    "input_size": (3, 96, 96),
    "crop_pct": 0.875,
    "interpolation": "bicubic",
    "crop_mode": "center",
}


def net(**attributes):
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), pool, nn.Linear(4, 2))
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def wrapped(module, **settings):
    """A model, and what was said."""
    heard = []
    with listening(heard.append):
        return wrap(module, name="any", **settings), heard


def settings_of(model):
    return model.size, model.resize, model.mean, model.std, model.interpolation.value


OWN = {
    "a dict": net(pretrained_cfg=CONFIG),
    "an object": net(pretrained_cfg=SimpleNamespace(**CONFIG)),
    "the older name": net(default_cfg=CONFIG),
    "parallel": nn.DataParallel(net(pretrained_cfg=CONFIG)),
    "compiled": torch.compile(net(pretrained_cfg=CONFIG), backend="eager"),
    "inside": nn.Sequential(net(pretrained_cfg=CONFIG)),
}


@pytest.mark.parametrize("module", OWN.values(), ids=OWN)
def test_the_configuration_that_timm_leaves_in_a_network_is_used_and_said(module):
    model, heard = wrapped(module)
    assert settings_of(model) == (96, 109, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "bicubic")
    assert len(heard) == 1 and "its own preprocessing is used" in heard[0]
    assert (
        "size=96, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4), interpolation='bicubic', resize=109" in heard[0]
    )


def test_what_is_told_comes_before_the_networks_own():
    model, heard = wrapped(net(pretrained_cfg=CONFIG), size=48, mean=0.1)
    assert settings_of(model) == (48, 54, (0.1,) * 3, (0.2, 0.3, 0.4), "bicubic")
    assert "size=48" in heard[0] and "mean=0.1" in heard[0]
    told = {"size": 48, "resize": 50, "mean": 0.1, "std": 0.2, "interpolation": "nearest"}
    model, heard = wrapped(net(pretrained_cfg=CONFIG), **told)
    assert settings_of(model) == (48, 50, (0.1,) * 3, (0.2,) * 3, "nearest") and heard == []


def test_what_cannot_be_followed_of_a_configuration_is_said_or_left():
    model, heard = wrapped(net(pretrained_cfg={**CONFIG, "crop_mode": "squash", "interpolation": "lanczos"}))
    assert "interpolation 'lanczos' is not followed" in heard[0] and model.interpolation.value == "bicubic"
    assert "crop mode 'squash' is not followed" in heard[1]
    model, heard = wrapped(net(pretrained_cfg={**CONFIG, "input_size": (3, 96, 128)}))
    assert "(3, 96, 128) is no square" in heard[0]
    assert model.size == 224 and "assuming size=224," in heard[2]
    del (without := dict(CONFIG))["crop_pct"]
    assert wrapped(net(pretrained_cfg=without))[0].resize == int(96 / 0.875)  # as timm does
    for mean in (None, "imagenet", (0.5, None, 0.5), (float("nan"),) * 3):
        model, heard = wrapped(net(pretrained_cfg={**CONFIG, "mean": mean}))
        assert model.mean == (0.485, 0.456, 0.406) and "nothing says" in heard[0]
    both = nn.Sequential(net(pretrained_cfg=CONFIG)[0], *net(pretrained_cfg=CONFIG)[1:])
    both[0].pretrained_cfg, both[1].pretrained_cfg = CONFIG, {**CONFIG, "mean": (0, 0, 0)}
    model, heard = wrapped(both)
    assert model.size == 224 and "nothing says" in heard[0]


def test_what_nobody_says_is_assumed_and_said_once():
    model, heard = wrapped(net())
    assert settings_of(model)[:2] == (224, 224) and len(heard) == 1
    assert (
        "assuming size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), as for ImageNet"
        in heard[0]
    )
    _, heard = wrapped(net(), size=32)
    assert "assuming mean=(0.485" in heard[0]
    assert wrapped(net(), size=32, mean=0.5, std=0.25)[1] == []


def test_torchvisions_own_networks_are_for_imagenet_but_of_some_the_size_is_not_known():
    module = resnet18(num_classes=3)
    model, heard = wrapped(nn.DataParallel(module))
    assert model.size == 224 and model.mean == (0.485, 0.456, 0.406) and heard == []
    several = efficientnet_b0(num_classes=3)  # of a kind with sizes from 224 to 600
    assert "transforms, as weights.transforms()" in wrapped(several)[1][0]
    assert wrapped(several, size=96)[1] == []
    outside = wrapped(nn.Sequential(nn.Identity(), module), size=96)[1]  # which may do something
    assert len(outside) == 1 and "assuming mean=" in outside[0]


# ------------------------------------------------------------------------------------ transforms

NORMAL = T.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
V2 = v2.Compose(
    [
        *(v2.Resize(73), v2.CenterCrop(64), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)),
        v2.Normalize([0.5] * 3, [0.2] * 3),
    ]
)
PRESETS = {
    "preset": ResNet50_Weights.DEFAULT.transforms(),
    "function that makes it": ResNet50_Weights.DEFAULT.transforms,
    "weights": EfficientNet_B4_Weights.DEFAULT,
    "composed": T.Compose([T.Resize(73), T.CenterCrop(64), T.ToTensor(), NORMAL]),
    "nested": T.Compose(
        [T.Compose([T.Resize(73, T.InterpolationMode.BICUBIC)]), T.CenterCrop(64), T.ToTensor(), NORMAL]
    ),
    "second version": V2,
    "its recommended steps": v2.Compose(
        [
            v2.ToImage(),
            v2.ToDtype(torch.uint8, scale=True),
            v2.Resize(73),
            v2.CenterCrop(64),
            *V2.transforms[3:],
        ]
    ),
    "no normalising": T.Compose([T.Resize(73), T.CenterCrop(64), T.ToTensor()]),
}
ROUNDED = {"its recommended steps": 1 / 255 / 0.2}
"""What resizes tensors rounds otherwise than Pillow: by a grey level."""


@pytest.mark.parametrize("kind", PRESETS)
def test_transforms_are_followed_to_the_bit(kind):
    transforms = PRESETS[kind]
    model, heard = wrapped(net(pretrained_cfg=CONFIG), transforms=transforms)
    made = getattr(transforms, "transforms", transforms) if hasattr(transforms, "meta") else transforms
    made = made() if isinstance(made, partial) else made
    pixels = np.ascontiguousarray(render("harbour", 3, 256).image[:200])
    theirs = made(Image.fromarray(pixels)).as_subclass(torch.Tensor)
    assert heard == []
    # Its second version converts to float in other steps; all else is equal to the bit.
    most = 1e-6 + ROUNDED.get(kind, 0) if "second" in kind or kind in ROUNDED else 0
    torch.testing.assert_close(model.prepare(pixels)[0], theirs, rtol=0, atol=most)


def test_a_list_and_a_sequence_of_layers_are_taken_as_a_compose():
    steps = [T.Resize(73), T.CenterCrop(64), T.ConvertImageDtype(torch.float32), NORMAL]
    for transforms in (steps, nn.Sequential(*steps)):
        assert settings_of(wrapped(net(), transforms=transforms)[0])[:3] == (64, 73, (0.5, 0.4, 0.3))


def test_every_network_of_the_catalogue_sees_what_torchvisions_preset_makes():
    pictures = [render("harbour", 3, 256).image[:, :180], np.arange(61 * 77 * 3).reshape(61, 77, 3) % 251]
    for entry in (entry for entry in catalogue() if entry.name in UNITS):
        model = Model(net(), name=entry.name, **{**entry.settings(), "labels": None})
        theirs = get_model_weights(entry.name)["DEFAULT"].transforms()
        for pixels in (np.ascontiguousarray(picture, np.uint8) for picture in pictures):
            assert torch.equal(model.prepare(pixels)[0], theirs(Image.fromarray(pixels))), entry.name


def test_a_square_resize_is_followed_for_squares_and_said():
    model, heard = wrapped(net(), transforms=T.Compose([T.Resize((64, 64)), T.ToTensor(), NORMAL]))
    assert (model.size, model.resize) == (64, 64) and "squeezes pictures that are not square" in heard[0]


def test_transforms_without_a_size_leave_it_to_be_told():
    transforms = T.Compose([T.ToTensor(), NORMAL])
    model, heard = wrapped(net(), transforms=transforms, size=32)
    assert (model.size, model.mean, heard) == (32, (0.5, 0.4, 0.3), [])
    assert "assuming size=224, as" in wrapped(net(), transforms=transforms)[1][0]


NOT_FOLLOWED = {
    "another library's": (
        T.Compose([type("Resize", (), {"__module__": "elsewhere", "height": 64})()]),
        "transforms=Compose; give those of torchvision's",
    ),
    "weights without a choice": (ResNet50_Weights, "transforms=ResNet50_Weights; give those"),
    "twice": (T.Compose([T.ToTensor(), NORMAL, NORMAL]), "Normalize is not followed"),
    "a bound": (T.Compose([T.Resize(64, max_size=80), T.ToTensor()]), "Resize is not followed"),
    "no smoothing": (T.Compose([T.ToTensor(), T.Resize(64, antialias=False)]), "Resize is not followed"),
    "by chance": (T.RandomApply([T.Resize(64)]), "RandomApply is not followed"),
    "0..255": (
        v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32), v2.Normalize([127.5] * 3, [127.5] * 3)]),
        "ToDtype without scale=True is not followed here; .*, with mean and std over 255",
    ),
    "a function": (lambda x: x, "transforms=function; give those of torchvision's weights"),
    "random": (
        T.Compose([T.RandomResizedCrop(64), T.ToTensor(), NORMAL]),
        "RandomResizedCrop is not followed",
    ),
    "a crop alone": (T.Compose([T.CenterCrop(64), T.ToTensor()]), "CenterCrop is not followed"),
    "three greys": (T.Compose([T.Grayscale(3), T.ToTensor()]), "Grayscale is not followed"),
    "no square": (T.Compose([T.Resize((64, 80))]), r"Resize of \(64, 80\); give one of a square"),
    "another way": (
        T.Compose([T.Resize(64, T.InterpolationMode.LANCZOS), T.ToTensor()]),
        "interpolation='lanczos'; choose one of",
    ),
}


@pytest.mark.parametrize(("transforms", "words"), NOT_FOLLOWED.values(), ids=NOT_FOLLOWED)
def test_transforms_that_cannot_be_followed_are_named(transforms, words):
    with pytest.raises(ModelError, match=f"network 'any': .*{words}"):
        wrapped(net(), transforms=transforms)


@pytest.mark.skipif(not find_spec("timm"), reason="timm is not installed")
@pytest.mark.parametrize(
    "name", ["resnet10t", "tf_efficientnet_lite0", "resnetv2_50x1_bit", "mobilenetv3_small_050"]
)
def test_a_network_of_timm_sees_what_its_own_transforms_make(name):
    import timm

    module = timm.create_model(name, num_classes=3)
    if name.startswith("mobilenetv3"):  # it has a layer between the average and the last one
        with pytest.raises(ModelError, match="its last linear layer is 'classifier'"):
            wrapped(module)
        return
    model, _ = wrapped(module)
    theirs = timm.data.create_transform(**timm.data.resolve_data_config({}, model=module))
    pixels = np.ascontiguousarray(render("harbour", 3, 256).image[:220])
    assert torch.equal(model.prepare(pixels)[0], theirs(Image.fromarray(pixels)))
