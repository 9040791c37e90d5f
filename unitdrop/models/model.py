"""`Model`: a network, its labels and its preprocessing; called with an image it gives a `Readout`."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import nn

from unitdrop.images import load_image
from unitdrop.readout import Readout

DISPLAY = 640
"""Longest side, in pixels, of the picture a readout keeps for display."""


class ModelError(ValueError):
    """A network that cannot be used, or is not known; the message says why and what to do."""


class Model:
    """A frozen network whose head is global average pooling and one linear layer.

    Calling it with anything `unitdrop.load_image` takes runs one forward pass and gives a `Readout`. Calls
    from several threads wait for one another. The network is put in eval mode and is never changed.

    Parameters
    ----------
    module
        A network with ``avgpool`` and ``fc`` (an `nn.Linear`), as torchvision's ResNets have.
    name
        What to call it.
    labels
        C class names, in the network's order.
    size
        Side of the square input, pixels.
    mean, std
        Three numbers each, subtracted from and divided into RGB in [0, 1].
    resize
        The shorter side is brought to this many pixels before the centre ``size`` is
        cut out; default ``size``.

    Attributes
    ----------
    units : int
        U, the inputs of ``fc``.

    Raises
    ------
    ModelError
        If there is no such head, the labels do not fit it, or `resize` is smaller than `size`.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        name: str,
        labels: Sequence[str],
        size: int,
        mean: Sequence[float],
        std: Sequence[float],
        resize: int | None = None,
    ):
        head = getattr(module, "fc", None)
        if not isinstance(head, nn.Linear) or not isinstance(getattr(module, "avgpool", None), nn.Module):
            raise ModelError(
                f"network {name!r} has no avgpool followed by a linear fc: its CAM would not be exact; "
                "use a network whose head is global average pooling and one linear layer"
            )
        if len(labels) != head.out_features:
            raise ModelError(
                f"network {name!r} has {head.out_features} classes but {len(labels)} labels were given; "
                "give one label for each class, in the network's order"
            )
        if resize is not None and resize < size:
            raise ModelError(
                f"network {name!r}: resize={resize} is smaller than size={size}; give at least {size}"
            )
        self.module, self.name, self.labels = module.eval(), name, tuple(labels)
        self.size, self.resize = size, resize or size
        self.mean, self.std = np.float32(mean), np.float32(std)
        self.units = head.in_features
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Model({self.name!r}, units={self.units}, classes={len(self.labels)})"

    def crop(self, pixels: np.ndarray) -> np.ndarray:
        """The centre square of RGB (H, W, 3) that the network sees, at the picture's own resolution."""
        height, width = pixels.shape[:2]
        side = max(1, round(min(height, width) * self.size / self.resize))
        top, left = (height - side) // 2, (width - side) // 2
        return pixels[top : top + side, left : left + side]

    def prepare(self, crop: np.ndarray) -> torch.Tensor:
        """A square RGB uint8 crop as the network's input: float32 (1, 3, size, size)."""
        x = (_scaled(crop, self.size).astype(np.float32) / 255 - self.mean) / self.std
        return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None]

    def __call__(self, image) -> Readout:
        """One forward pass: the `Readout` of an image.

        Raises
        ------
        ImageError
            If the image cannot be used.
        ModelError
            If the network's head turns out not to be average pooling and one linear layer.
        """
        crop = self.crop(load_image(image))
        with self._lock, torch.inference_mode():
            maps, pooled, logits = self._forward(self.prepare(crop))
            weight, bias = self.module.fc.weight, self.module.fc.bias
            bias = weight.new_zeros(len(weight)) if bias is None else bias
            self._check(maps, pooled, logits, weight, bias)
            arrays = [t.detach().float().cpu().numpy() for t in (maps, weight, bias)]
        shown = crop if len(crop) <= DISPLAY else _scaled(crop, DISPLAY)
        return Readout(*arrays, labels=self.labels, image=shown, model=self.name)

    def _forward(self, x: torch.Tensor):
        """Maps (U, h, w), pooled (U,) and logits (C,) of one input, caught by hooks that are then removed."""
        caught, hooks = {}, []
        try:
            for part in ("avgpool", "fc"):

                def catch(_, args, part=part):
                    caught[part] = args[0]

                hooks.append(getattr(self.module, part).register_forward_pre_hook(catch))
            logits = self.module(x.to(self.module.fc.weight))
        finally:
            for hook in hooks:
                hook.remove()
        return caught["avgpool"][0], caught["fc"][0], logits[0]

    def _check(self, maps, pooled, logits, weight, bias) -> None:
        """Refuse a network for which a sweep would not be exact."""
        if maps.ndim != 3 or not torch.allclose(maps.mean((1, 2)), pooled, rtol=1e-4, atol=1e-5):
            raise ModelError(
                f"network {self.name!r}: what its fc sees is not the mean of its last maps, so its CAM would "
                "not be exact; use a network that pools by averaging"
            )
        if not torch.allclose(weight @ pooled + bias, logits, rtol=1e-4, atol=1e-4):
            raise ModelError(
                f"network {self.name!r}: its output is not its fc's output, so dropping units there would "
                "not be exact; return the logits of fc"
            )


def _scaled(square: np.ndarray, side: int) -> np.ndarray:
    way = cv2.INTER_AREA if len(square) > side else cv2.INTER_LINEAR
    return cv2.resize(square, (side, side), interpolation=way)
