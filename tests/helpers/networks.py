"""Networks with random weights, made without their slow initialisation, and entries of the catalogue."""

import torch
from torch import nn

from unitdrop.models import Entry, catalogue, imagenet
from unitdrop.models.entry import MetaParameters


def entry(name: str) -> Entry:
    """The entry of the catalogue that goes by this name."""
    return next(entry for entry in catalogue() if entry.name == name)


def filled(name: str) -> nn.Module:
    """A torchvision network with random weights at which every unit is alive, made without its slow init."""
    with MetaParameters():
        net, generator = imagenet.build(name, 10), torch.Generator().manual_seed(0)
    for module in net.modules():
        for key, value in list(module.named_parameters(recurse=False, remove_duplicate=False)):
            random = torch.randn(value.shape, generator=generator)
            if value.ndim > 1:
                random *= (2 / value[0].numel()) ** 0.5
            else:
                random = random * 0.1 + (key == "weight")
            setattr(module, key, nn.Parameter(random))
    return net.eval()
