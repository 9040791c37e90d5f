"""torchvision's networks: weights, class names and preprocessing from its own weights objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from torch import nn
from torchvision.models import get_model, get_model_weights

from unitdrop.download import Remote, hub_folder
from unitdrop.models import places365
from unitdrop.models.entry import Entry

UNITS = {
    "resnet18": 512,
    "resnet34": 512,
    "resnet50": 2048,
    "resnet101": 2048,
    "resnet152": 2048,
    "resnext50_32x4d": 2048,
    "resnext101_32x8d": 2048,
    "resnext101_64x4d": 2048,
    "wide_resnet50_2": 2048,
    "wide_resnet101_2": 2048,
    "densenet121": 1024,
    "densenet161": 2208,
    "densenet169": 1664,
    "densenet201": 1920,
    "efficientnet_b0": 1280,
    "efficientnet_b1": 1280,
    "efficientnet_b2": 1408,
    "efficientnet_b3": 1536,
    "efficientnet_b4": 1792,
    "efficientnet_b5": 2048,
    "efficientnet_b6": 2304,
    "efficientnet_b7": 2560,
    "efficientnet_v2_s": 1280,
    "efficientnet_v2_m": 1280,
    "efficientnet_v2_l": 1280,
    "googlenet": 1024,
    "inception_v3": 2048,
    "mnasnet0_5": 1280,
    "mnasnet0_75": 1280,
    "mnasnet1_0": 1280,
    "mnasnet1_3": 1280,
    "mobilenet_v2": 1280,
    "regnet_x_400mf": 400,
    "regnet_x_800mf": 672,
    "regnet_x_1_6gf": 912,
    "regnet_x_3_2gf": 1008,
    "regnet_x_8gf": 1920,
    "regnet_x_16gf": 2048,
    "regnet_x_32gf": 2520,
    "regnet_y_400mf": 440,
    "regnet_y_800mf": 784,
    "regnet_y_1_6gf": 888,
    "regnet_y_3_2gf": 1512,
    "regnet_y_8gf": 2016,
    "regnet_y_16gf": 3024,
    "regnet_y_32gf": 3712,
    "regnet_y_128gf": 7392,
    "shufflenet_v2_x0_5": 1024,
    "shufflenet_v2_x1_0": 1024,
    "shufflenet_v2_x1_5": 1024,
    "shufflenet_v2_x2_0": 2048,
    "swin_t": 768,
    "swin_s": 768,
    "swin_b": 1024,
    "swin_v2_t": 768,
    "swin_v2_s": 768,
    "swin_v2_b": 1024,
}
"""torchvision's classifiers whose head is average pooling and one linear layer, with their units.

The tests find them out by running `find_head` on each classifier that torchvision has, and compare.
"""

ROUNDED = 2_000  # bytes that `_file_size` may be too large by, rounded as it is
MB = 2**20  # the unit of torchvision's `_file_size`
_AUXILIARY = re.compile(r"(aux1|aux2|AuxLogits)\.")
_DENSE = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")


def entries() -> Iterator[Entry]:
    """Yield every network of torchvision that unitdrop can read, with its default weights."""
    for name, units in UNITS.items():
        weights = get_model_weights(name)["DEFAULT"]
        yield Entry(
            name=name,
            about=f"ImageNet, torchvision {weights.name}",
            units=units,
            classes=len(weights.meta["categories"]),
            size=round(weights.meta["_file_size"] * MB),
            licence="CC BY-NC 4.0" if "license" in weights.meta else "none stated",
            remote=replace(remote_file(weights.url), least=round(weights.meta["_file_size"] * MB) - ROUNDED),
            build=partial(build, name),
            settings=partial(_settings, weights),
            rename=current_key,
            twin=partial(places365.twin, name),
        )


def remote_file(url: str) -> Remote:
    """Return the file of weights at an address, kept where torchvision keeps it: neither fetches it twice."""
    file = url.rpartition("/")[2]
    published = re.search(r"-([0-9a-f]{8,64})\.pth$", file)
    return Remote(url, hub_folder(), file, published and published[1], None)


def build(name: str, classes: int) -> nn.Module:
    """Return the architecture, without the auxiliary classifiers that only training uses."""
    extra = {"googlenet": {"transform_input": True}, "inception_v3": {"transform_input": True}}.get(name)
    extra = {"aux_logits": False, "init_weights": False, **extra} if extra else {}
    return get_model(name, weights=None, num_classes=classes, **extra)


def _settings(weights) -> dict:
    """Return what `Model` needs to know, from a torchvision weights object."""
    preset = weights.transforms()
    return {
        "labels": weights.meta["categories"],
        "size": preset.crop_size[0],
        "resize": preset.resize_size[0],
        "mean": preset.mean,
        "std": preset.std,
        "interpolation": preset.interpolation.value,
    }


def current_key(key: str) -> str | None:
    """Return today's name of a parameter in one of torchvision's older files; None for what is not used.

    >>> current_key("features.denseblock1.denselayer1.norm.1.weight")
    'features.denseblock1.denselayer1.norm1.weight'
    >>> current_key("AuxLogits.fc.weight"), current_key("fc.weight")
    (None, 'fc.weight')
    """
    if _AUXILIARY.match(key):
        return None
    dense = _DENSE.fullmatch(key)
    return "".join(dense.groups()) if dense else key
