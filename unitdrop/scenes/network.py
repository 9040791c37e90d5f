"""The embedded network: a torchvision `ResNet` of `BasicBlock`s with 256 final units and 16 x 16 maps."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from unitdrop.scenes.compose import NAMES

SIZE = 128
"""Side of the network's input, pixels."""
MEAN, STD = (0.45, 0.45, 0.45), (0.25, 0.25, 0.25)
"""Subtracted from, and divided into, RGB in [0, 1]."""
WEIGHTS = Path(__file__).with_name("scenes.safetensors")


def build(classes: int = len(NAMES)) -> ResNet:
    """Return an untrained network: RGB (N, 3, 128, 128) float32 to logits (N, classes).

    torchvision's stem, then one `BasicBlock` each of 64, 128 and 256 channels; the last keeps its stride
    at 1, so that the maps are 16 x 16, and the fourth stage is left out, so that there are 256 units.

    >>> net = build()
    >>> net.fc.in_features, net.fc.out_features
    (256, 20)
    """
    net = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=classes)
    net.inplanes = 64
    for stage, (channels, stride) in enumerate([(64, 1), (128, 2), (256, 1)], start=1):
        setattr(net, f"layer{stage}", net._make_layer(BasicBlock, channels, 1, stride=stride))
    net.layer4 = nn.Sequential()  # gives what it takes
    net.fc = nn.Linear(256, classes)
    return net


def trained(path: Path = WEIGHTS) -> ResNet:
    """Return the trained network in eval mode, float32; its weights lie on disk in half precision.

    Raises
    ------
    FileNotFoundError
        The weights are not there.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; reinstall unitdrop, or train it: python -m unitdrop.scenes.train"
        )
    net = build()
    net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()})
    return net.eval()


def save(net: nn.Module, path: Path) -> None:
    """Write a network's weights to a file, in half precision."""
    half = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    save_file({k: v.contiguous() for k, v in half.items()}, path)


def to_batch(images) -> torch.Tensor:
    """Return RGB uint8 (N, 128, 128, 3) as the network's input, (N, 3, 128, 128) float32."""
    x = torch.as_tensor(images).permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
