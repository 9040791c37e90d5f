"""`Model`: a network, its labels and its preprocessing; called with an image it gives a `Readout`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import functional as transform

from unitdrop.errors import ModelError
from unitdrop.images import load_image
from unitdrop.models.head import Head, find_head
from unitdrop.models.preprocessing import (
    checked_levels,
    checked_sides,
    followed,
    for_channels,
    interpolation_mode,
    settled,
)
from unitdrop.models.watch import InputError, wants_grey
from unitdrop.names import brief, distinct
from unitdrop.notices import listening, say
from unitdrop.readout import Readout

DISPLAY = 640
"""Longest side, in pixels, of the picture that a readout keeps for display."""
COMMON_SIZES = (32, 28, 64, 96, 128, 224, 256, 299, 384)
"""What is tried to say for which size a network was made, if it does not take the one given."""


class Model:
    """A network whose head is global average pooling and one linear layer, with its labels and preprocessing.

    Calling it with anything `unitdrop.load_image` takes runs one forward pass in eval mode and gives a
    `Readout`. Calls from several threads wait for one another. The network is never changed: see `find_head`.

    An image is resized so that its shorter side has ``resize`` pixels, and its centre of ``size`` by ``size``
    is cut out, by the operations of torchvision's own presets, to the bit.

    Parameters
    ----------
    module
        A network that takes (1, 3, size, size), or (1, 1, size, size) for grey, and returns logits (1, C); it
        is run to find its head. The picture for a grey one is made grey as Pillow's mode "L" is (ITU-R 601).
    name
        What to call it.
    labels
        C class names, in the network's order. None: ``"class 0"``, ``"class 1"``, ... A network with one
        output z, whose sigmoid is the probability of the second of two names, needs both: it is shown as two
        classes with the logits (0, z).
    size
        Side of the square input, pixels.
    mean, std
        Three numbers each, or one for all, subtracted from and divided into RGB (or grey) in [0, 1].
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
    channels : int
        3 for a network that takes colours, 1 for one that takes grey.

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
        mean: float | Sequence[float],
        std: float | Sequence[float],
        resize: int | None = None,
        interpolation: str = "bilinear",
    ):
        self.module, self.name = module, name
        self.size, self.resize = checked_sides(name, size, resize)
        self.mean, self.std = checked_levels(name, mean, std)
        self.interpolation = interpolation_mode(name, interpolation)
        head = self._first_head()
        self.layer, self.units = head.layer, len(head.maps)
        self.mean, self.std = for_channels(name, self.channels, self.mean, self.std)
        self.labels = _labels_for(name, labels, len(head.logits))
        if head.autocast:
            say(
                f"network {name!r} switches mixed precision on by itself; it is run without, in "
                f"{head.weight.dtype}, so its numbers differ by the rounding of half precision from its own"
            )

    def __repr__(self) -> str:
        return f"Model({self.name!r}, units={self.units}, classes={len(self.labels)})"

    def labelled(self, labels: Sequence[str]) -> Model:
        """Return the same network under other class names, one a class."""
        return self._again(labels=labels)

    def resized(self, size: int) -> Model:
        """Return the same network with inputs of another size; ``resize`` follows in proportion."""
        return self._again(size=size, resize=followed(size, self.size, self.resize))

    def _again(self, **changed: Any) -> Model:
        """Return the same network with other settings."""
        names = ("name", "labels", "size", "mean", "std", "resize")
        settings = {name: getattr(self, name) for name in names}
        settings["interpolation"] = self.interpolation.value
        return Model(self.module, **{**settings, **changed})

    def prepare(self, pixels: np.ndarray) -> torch.Tensor:
        """Return RGB uint8 (H, W, 3) as the network's input: float32 (1, channels, size, size)."""
        image: Any = Image.fromarray(pixels)  # torchvision takes it, but its annotations say Tensor
        if self.channels == 1:
            image = image.convert("L")
        image = transform.center_crop(transform.resize(image, [self.resize], self.interpolation), [self.size])
        with torch.device("cpu"):  # whatever the caller's default is
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
        head = _classes(self._head(self.prepare(pixels)))
        arrays = [t.float().cpu().numpy() for t in (head.maps, head.weight, head.bias)]
        return Readout(*arrays, labels=self.labels, image=self.seen(pixels), model=self.name)

    def _first_head(self) -> Head:
        """Return the head for noise; find out the channels, and if the size does not fit, which one does."""
        try:
            return self._head_at(self.size)
        except InputError as error:
            fits = next((side for side in COMMON_SIZES if side != self.size and self._takes(side)), None)
            remedy = f"it works with size={fits}" if fits else "if it is made for another size, give size=N"
            raise ModelError(f"{error}; {remedy} (--size {fits or 'N'})") from error.__cause__

    def _takes(self, size: int) -> bool:
        """Return whether the network works with inputs of a size."""
        try:
            self._head_at(size)
        except ModelError:
            return False
        return True

    def _head_at(self, size: int) -> Head:
        """Return the head for noise of a size, in colours, else grey; notes which of them it takes."""
        try:
            self.channels = 3
            return self._head(self._noise(3, size))
        except InputError as error:
            try:
                self.channels = 1
                return self._head(self._noise(1, size))
            except InputError as grey:
                if wants_grey(error):
                    raise
                raise error from grey

    def _noise(self, channels: int, size: int) -> torch.Tensor:
        """Return the input (1, channels, size, size) for a picture of noise, the same every time."""
        generator = torch.Generator("cpu").manual_seed(0)
        noise = torch.rand(1, channels, size, size, generator=generator, dtype=torch.float32, device="cpu")
        levels = (v if len(v) == channels else (sum(v) / len(v),) for v in (self.mean, self.std))
        mean, std = (torch.tensor(v, dtype=torch.float32, device="cpu")[:, None, None] for v in levels)
        return (noise - mean) / std  # within the range of pictures, which some networks insist on

    def _head(self, x: torch.Tensor) -> Head:
        """Return the network's head for an input (1, channels, size, size); errors name the network."""
        weights = [p for p in self.module.parameters() if p.is_floating_point()]
        like = next((p for p in weights if p.ndim > 3), next(iter(weights), x))
        try:
            return find_head(self.module, x.to(like.device, like.dtype))
        except ModelError as error:
            raise type(error)(f"network {self.name!r}: {error}") from error.__cause__


def wrap(
    module: nn.Module,
    *,
    labels: Sequence[str] | None = None,
    size: int | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    resize: int | None = None,
    interpolation: str | None = None,
    transforms: Any = None,
    name: str | None = None,
) -> Model:
    """Return a `Model` of any network that ends in global average pooling and one linear layer.

    The network may be in any mode, on any device; it is not changed.

    Parameters
    ----------
    module
        The network.
    labels, size, mean, std, resize, interpolation
        See `Model`. What is not given is taken from the transforms; without these, from the configuration
        that timm leaves in a network, which is said; else 224 and ImageNet's mean and std are assumed, which
        is said too.
    transforms
        What makes the network's input of a picture: ``weights.transforms()`` or an entry of torchvision's
        weights, or a ``Compose`` of Resize, CenterCrop, ToTensor and Normalize.
    name
        What to call it; default: the name of its class.

    Raises
    ------
    ModelError
        If its head is another one (the message says which layer was looked at and what it would need), or the
        arguments do not fit it.

    Examples
    --------
    >>> pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), pool, nn.Linear(8, 2))
    >>> wrap(net, labels=("cat", "dog"), size=32, mean=0.5, std=0.25, name="pets")
    Model('pets', units=8, classes=2)
    """
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"module: expected a torch.nn.Module, got {type(module).__name__}; pass the network itself"
        )
    name = name or type(module).__name__
    told = {"size": size, "mean": mean, "std": std, "resize": resize, "interpolation": interpolation}
    said: list[str] = []
    with listening(said.append):
        model = Model(module, name=name, labels=labels, **settled(name, module, told, transforms))
    for text in said:  # of what is refused, the reason is enough
        say(text)
    return model


def _classes(head: Head) -> Head:
    """Return a head with a row for each class: one output z becomes the logits (0, z)."""
    if len(head.logits) > 1:
        return head
    rows = {key: getattr(head, key) for key in ("weight", "bias", "logits")}
    return replace(head, **{key: torch.cat([torch.zeros_like(row), row]) for key, row in rows.items()})


def _labels_for(name: str, labels: Sequence[str] | None, outputs: int) -> tuple[str, ...]:
    """Return one label a class, two for one output; or raise `ModelError`."""
    if outputs > 1:
        return check_labels(name, labels, outputs)
    names = _as_names(labels)
    if len(names) != 2:
        given = f", but {len(names)} label(s) were given" if names else ""
        raise ModelError(
            f"network {name!r} has one output, of which a softmax is always 1{given}; if its sigmoid tells "
            "two classes apart, give their two names, the first for 0: labels=(NO, YES), or --labels FILE"
        )
    no, yes = names = check_labels(name, names, 2)
    say(
        f"network {name!r} has one output z, shown as two classes with the logits (0, z): the evidence, its "
        f"weights and map, is that of {yes!s:.60}; {no!s:.60} has none of its own"
    )
    return names


def _as_names(labels: object) -> tuple[Any, ...]:
    """Return what has an order as a tuple; an empty one for anything else."""
    ordered = isinstance(labels, Iterable) and not isinstance(labels, (str, Mapping, Set))
    return tuple(labels) if ordered else ()  # type: ignore[arg-type]


def check_labels(name: str, labels: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    """Return one label a class, no two the same, or raise `ModelError`; None makes ``"class 0"``, ...

    Labels that repeat get their index behind them.
    """
    if labels is None:
        return tuple(f"class {c}" for c in range(classes))
    names = _as_names(labels)
    if not names or not all(isinstance(label, str) for label in names):
        text = f"network {name!r}: labels={labels!r:.60}"
        raise ModelError(f"{text}; give a list of {classes} names, in the network's order")
    if len(names) != classes:
        ends = f", from {brief(names[0], 60)!r} to {brief(names[-1], 60)!r}" if names else ""
        raise ModelError(
            f"network {name!r} has {classes} classes but {len(names)} labels were given{ends}; "
            "give one label for each class, in the network's order"
        )
    return distinct(names)
