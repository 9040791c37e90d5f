r"""A network of one's own for unitdrop: the CIFAR-10 ResNets of He et al. 2016, section 4.2.

    python -m unitdrop sweep cat.jpg --model examples/cifar_resnet.py:resnet20 \
        --checkpoint resnet20-12fca82f.th

``resnet20`` and ``resnet56`` return a `unitdrop.Model`; the checkpoint that fits is one of those of
pytorch_resnet_cifar10 (Y. Idelbayev, BSD-2-Clause). Without ``--checkpoint`` they look for it in the folder
that the environment variable CIFAR10_WEIGHTS names; where it is not set, they say so: random weights show
nothing.
"""

import os
import sys
from pathlib import Path

import torch.nn.functional as F
from torch import nn

import unitdrop

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FILES = {20: "resnet20-12fca82f.th", 56: "resnet56-4bfd9763.th"}


class Block(nn.Module):
    """Two convolutions and a shortcut without parameters ("option A")."""

    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.added = stride, channels - before

    def forward(self, x):
        """(N, before, H, W) to (N, channels, H / stride, W / stride)."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.added:  # every second pixel, and zeros for the new channels, on both sides
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.added // 2, self.added // 2))
        return F.relu(y + x)


class CifarResNet(nn.Module):
    """Three stages of n blocks with 16, 32 and 64 channels; (N, 3, 32, 32) to logits (N, 10)."""

    def __init__(self, n, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(n, 16, 16, 1)
        self.layer2 = self._stage(n, 16, 32, 2)
        self.layer3 = self._stage(n, 32, 64, 2)
        self.linear = nn.Linear(64, classes)

    @staticmethod
    def _stage(n, before, channels, stride):
        rest = (Block(channels, channels, 1) for _ in range(n - 1))
        return nn.Sequential(Block(before, channels, stride), *rest)

    def forward(self, x):
        """The average over space is a plain function here; unitdrop finds it all the same."""
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def _model(depth):
    network = CifarResNet((depth - 2) // 6)
    folder = os.environ.get("CIFAR10_WEIGHTS")
    if folder:
        unitdrop.load_checkpoint(network, Path(folder) / FILES[depth])
    else:
        print("CIFAR10_WEIGHTS is not set: random weights, unless a checkpoint is given", file=sys.stderr)
    return unitdrop.wrap(network, labels=LABELS, size=32, name=f"resnet{depth}-cifar10")


def resnet20():
    """20 layers: 0.27 million parameters."""
    return _model(20)


def resnet56():
    """56 layers: 0.85 million parameters."""
    return _model(56)
