"""Preprocessing that a file carries: two tensors of three numbers, a mean and a standard deviation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import isfinite, prod
from typing import NamedTuple

import torch

from unitdrop.checkpoints.placeholders import Tensor

_MEAN = re.compile(r"(.*?)(mean|mu)(s?)")
_SPREADS = {"mean": ("std", "stdev", "stddev", "scale"), "mu": ("sigma", "std")}


class Normaliser(NamedTuple):
    """What is subtracted from an image and what it is divided by, red, green and blue; and their names."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    names: tuple[str, str]

    def __str__(self) -> str:
        mean, std = (", ".join(f"{number:.4g}" for number in numbers) for numbers in self[:2])
        return f"mean ({mean}) and std ({std})"

    @property
    def in_bgr(self) -> bool:
        """Whether it looks like ImageNet's numbers the other way round: blue, green, red."""
        red, green, blue = self.mean
        return red < 0.95 * blue and red < green < blue

    def of_unit_range(self) -> Normaliser:
        """Return the same for RGB in [0, 1], of one that is for 0 to 255."""
        if max(self.mean) <= 1:
            return self
        mean, std = (tuple(number / 255 for number in numbers) for numbers in self[:2])
        return self._replace(mean=mean, std=std)


def normaliser_pairs(
    tensors: Mapping[str, Tensor | torch.Tensor], names: Iterable[str]
) -> list[tuple[str, str]]:
    """Return the names of each mean and the standard deviation beside it.

    Examples
    --------
    >>> three = torch.ones(3, 1, 1)
    >>> normaliser_pairs({"norm.new_mean": three, "norm.new_std": three}, ["norm.new_mean", "norm.new_std"])
    [('norm.new_mean', 'norm.new_std')]
    """
    pairs = []
    for name in names:
        block, dot, leaf = name.rpartition(".")
        match = _MEAN.fullmatch(leaf)
        if match is None or leaf == "running_mean" or prod(tensors[name].shape) != 3:
            continue
        before, kind, plural = match.groups()
        others = (f"{block}{dot}{before}{word}{plural}" for word in _SPREADS[kind])
        pair = next((other for other in others if other in tensors), None)
        if pair is not None and prod(tensors[pair].shape) == 3:
            pairs.append((name, pair))
    return pairs


def normaliser_of(
    tensors: Mapping[str, Tensor], pair: tuple[str, str], take: Callable[[Tensor], torch.Tensor]
) -> Normaliser | None:
    """Return the numbers of a pair in a file; None if no image can be normalised with them."""
    mean, std = (tuple(map(float, take(tensors[name]).flatten().tolist())) for name in pair)
    usable = all(map(isfinite, (*mean, *std))) and min(std) > 0
    return Normaliser(mean, std, pair) if usable else None
