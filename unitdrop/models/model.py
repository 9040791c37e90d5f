"""`Model`: a network, its labels and its preprocessing; called with an image it gives a `Readout`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transform

from unitdrop.checks import finite_number, is_one_of, whole_number
from unitdrop.errors import ModelError
from unitdrop.images import load_image
from unitdrop.models.head import Head, find_head
from unitdrop.readout import Readout

DISPLAY = 640
"""Longest side, in pixels, of the picture that a readout keeps for display."""
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""What most networks trained on photographs subtract from, and divide into, RGB in [0, 1]."""


class Model:
    """A network whose head is global average pooling and one linear layer, with its labels and preprocessing.

    Calling it with anything `unitdrop.load_image` takes runs one forward pass in eval mode and gives a
    `Readout`. Calls from several threads wait for one another. The network is never changed: see `find_head`.

    An image is resized so that its shorter side has ``resize`` pixels, and its centre of ``size`` by ``size``
    is cut out, by the operations of torchvision's own presets, to the bit.

    Parameters
    ----------
    module
        A network that takes (1, 3, size, size) float32 and returns logits (1, C); it is run to find its head.
    name
        What to call it.
    labels
        C class names, in the network's order. None: ``"class 0"``, ``"class 1"``, ...
    size
        Side of the square input, pixels.
    mean, std
        Three numbers each, subtracted from and divided into RGB in [0, 1].
    resize
        The shorter side is brought to this many pixels before the centre is cut out; default ``size``.
    interpolation : {"bilinear", "bicubic", "nearest"}
        Of that resizing; with antialiasing, as Pillow does it.

    Attributes
    ----------
    units : int
        U, the maps that are pooled.
    layer : str
        The name of its linear layer.

    Raises
    ------
    ModelError
        If the head is another one, or the labels or numbers do not fit it.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        name: str,
        labels: Sequence[str] | None,
        size: int,
        mean: Sequence[float],
        std: Sequence[float],
        resize: int | None = None,
        interpolation: str = "bilinear",
    ):
        self.module, self.name = module, name
        self.size, self.resize = _sides(name, size, resize)
        self.mean, self.std = (_three(name, *pair) for pair in (("mean", mean), ("std", std)))
        self.interpolation = _interpolation_mode(name, interpolation)
        head = self._head(_noise(self.size))
        self.layer, self.units = head.layer, len(head.maps)
        self.labels = check_labels(name, labels, len(head.logits))

    def __repr__(self) -> str:
        return f"Model({self.name!r}, units={self.units}, classes={len(self.labels)})"

    def labelled(self, labels: Sequence[str]) -> Model:
        """Return the same network under other class names, one a class."""
        names = ("name", "size", "mean", "std", "resize")
        settings = {name: getattr(self, name) for name in names}
        return Model(self.module, labels=labels, interpolation=self.interpolation.value, **settings)

    def prepare(self, pixels: np.ndarray) -> torch.Tensor:
        """Return RGB uint8 (H, W, 3) as the network's input: float32 (1, 3, size, size)."""
        image: Any = Image.fromarray(pixels)  # torchvision takes it, but its annotations say Tensor
        image = transform.center_crop(transform.resize(image, [self.resize], self.interpolation), [self.size])
        x = transform.convert_image_dtype(transform.pil_to_tensor(image), torch.float)
        return transform.normalize(x, list(self.mean), list(self.std))[None]

    def seen(self, pixels: np.ndarray) -> np.ndarray:
        """Return the square of RGB uint8 (H, W, 3) that the network sees, (s, s, 3) uint8, s at most 640.

        Its edges are those of the network's input, also where they fall between two pixels.
        """
        height, width = pixels.shape[:2]
        long = int(self.resize * max(height, width) / min(height, width))  # as torchvision rounds it
        rows, columns = (long, self.resize) if height > width else (self.resize, long)
        top, left = round((rows - self.size) / 2), round((columns - self.size) / 2)
        down, across = height / rows, width / columns
        box = (left * across, top * down, (left + self.size) * across, (top + self.size) * down)
        side = min(max(1, round(min(box[2] - box[0], box[3] - box[1]))), DISPLAY)
        return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR, box=box))

    def __call__(self, image: Any) -> Readout:
        """Run one forward pass and return the `Readout` of an image.

        Raises
        ------
        ImageError
            If the image cannot be used.
        ModelError
            If for this image the network's head turns out not to be average pooling and one linear layer.
        """
        pixels = load_image(image)
        head = self._head(self.prepare(pixels))
        arrays = [t.float().cpu().numpy() for t in (head.maps, head.weight, head.bias)]
        return Readout(*arrays, labels=self.labels, image=self.seen(pixels), model=self.name)

    def _head(self, x: torch.Tensor) -> Head:
        """Return the network's head for an input (1, 3, size, size); errors name the network."""
        like = next((p for p in self.module.parameters() if p.is_floating_point()), x)
        try:
            return find_head(self.module, x.to(like.device, like.dtype))
        except ModelError as error:
            raise ModelError(f"network {self.name!r}: {error}") from error.__cause__


def wrap(
    module: nn.Module,
    *,
    labels: Sequence[str] | None = None,
    size: int = 224,
    mean: Sequence[float] = IMAGENET["mean"],
    std: Sequence[float] = IMAGENET["std"],
    resize: int | None = None,
    interpolation: str = "bilinear",
    name: str | None = None,
) -> Model:
    """Return a `Model` of any network that ends in global average pooling and one linear layer.

    See `Model` for the arguments. The network may be in any mode, on any device; it is not changed.

    Raises
    ------
    ModelError
        If its head is another one (the message says which layer was looked at and what it would need), or the
        arguments do not fit it.

    Examples
    --------
    >>> pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), pool, nn.Linear(8, 2))
    >>> wrap(net, labels=("cat", "dog"), size=32, name="pets")
    Model('pets', units=8, classes=2)
    """
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"module: expected a torch.nn.Module, got {type(module).__name__}; pass the network itself"
        )
    settings = {"labels": labels, "size": size, "mean": mean, "std": std, "resize": resize}
    return Model(module, name=name or type(module).__name__, interpolation=interpolation, **settings)


def _sides(name: str, size: int, resize: int | None) -> tuple[int, int]:
    """Return (size, resize), checked."""
    given = (size, size if resize is None else resize)
    side, shorter = (whole_number(number, 1, 4096) for number in given)
    if side is None or shorter is None:
        numbers = "size={!r}, resize={!r}".format(*given)
        raise ModelError(f"network {name!r}: {numbers}; give whole numbers, 1 to 4096")
    if shorter < side:
        raise ModelError(
            f"network {name!r}: resize={shorter} is smaller than size={side}; give at least {side}"
        )
    return side, shorter


def _three(name: str, what: str, values: Sequence[float]) -> tuple[float, float, float]:
    """Return three finite numbers, those of std above 0."""
    try:
        red, green, blue = map(finite_number, values)
    except (TypeError, ValueError):
        red = green = blue = None
    if red is None or green is None or blue is None or (what == "std" and min(red, green, blue) <= 0):
        positive = "positive " if what == "std" else ""
        raise ModelError(
            f"network {name!r}: {what}={values!r}; give three {positive}numbers, for red, green and blue"
        )
    return red, green, blue


def _interpolation_mode(name: str, interpolation: str) -> InterpolationMode:
    """Return torchvision's name for a way of interpolating."""
    ways = ("bilinear", "bicubic", "nearest")
    if not is_one_of(interpolation, ways):
        raise ModelError(
            f"network {name!r}: interpolation={interpolation!r}; choose one of {', '.join(ways)}"
        )
    return InterpolationMode(interpolation)


def _noise(size: int) -> torch.Tensor:
    """Return an input to look for the head with: the same noise every time, (1, 3, size, size)."""
    return torch.randn(1, 3, size, size, generator=torch.Generator("cpu").manual_seed(0), device="cpu")


def check_labels(name: str, labels: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    """Return one label a class, or raise `ModelError`; None makes ``"class 0"``, ``"class 1"``, ..."""
    if labels is None:
        return tuple(f"class {c}" for c in range(classes))
    ordered = isinstance(labels, Iterable) and not isinstance(labels, (str, Mapping, Set))
    names = tuple(labels) if ordered else ()
    if not ordered or not all(isinstance(label, str) for label in names):
        text = f"network {name!r}: labels={labels!r:.60}"
        raise ModelError(f"{text}; give a list of {classes} names, in the network's order")
    if len(names) != classes:
        raise ModelError(
            f"network {name!r} has {classes} classes but {len(names)} labels were given; "
            "give one label for each class, in the network's order"
        )
    return names
