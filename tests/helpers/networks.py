"""Networks with random weights, made without their slow initialisation."""

import torch
from torch import nn

from unitdrop.models import imagenet
from unitdrop.models.entry import Hollow


def filled(name):
    """A torchvision network with random weights at which every unit is alive, made without its slow init."""
    with Hollow():
        net, generator = imagenet.build(name, 10), torch.Generator().manual_seed(0)
    for module in net.modules():
        for key, value in list(module._parameters.items()):
            if value is not None:
                random = torch.randn(value.shape, generator=generator)
                if value.ndim > 1:
                    random *= (2 / value[0].numel()) ** 0.5
                else:
                    random = random * 0.1 + (key == "weight")
                module._parameters[key] = nn.Parameter(random)
    return net.eval()
