"""What stands for the objects a pickle asks for, none of which is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of numbers that the file must hold: `numel` of them, named `key`."""

    key: str
    dtype: torch.dtype
    numel: int

    @property
    def nbytes(self) -> int:
        """How many bytes the numbers take."""
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a tensor would be, and where in a storage; `offset` and `stride` are counted in numbers."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    storage: Storage
    offset: int
    stride: tuple[int, ...]

    @property
    def numel(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    @property
    def span(self) -> int:
        """How many numbers of the storage lie from its first to its last, both included."""
        steps = zip(self.shape, self.stride, strict=True)
        return 1 + sum((size - 1) * step for size, step in steps) if self.numel else 0


@dataclass(frozen=True, slots=True)
class Global:
    """A function or class the pickle names, as `"module name"`. It is never looked up."""

    name: str


@dataclass(slots=True, eq=False, repr=False)
class Opaque:
    """An object that is not built, such as one of a user's own class: only its presence matters.

    Attributes
    ----------
    name : what it is called, as `"module name"`
    inside : the mappings that it holds: what it was made from, its attributes, its items
    """

    name: str
    inside: list[dict[Any, Any]] = field(default_factory=list)
    _items: dict[Any, Any] | None = None

    def __repr__(self) -> str:  # what it holds may hold it
        return f"Opaque({self.name!r})"

    @property
    def items(self) -> dict[Any, Any]:
        """Its own items, as a mapping has them; they are added to `inside` when they are first asked for."""
        if self._items is None:
            self._items = {}
            self.inside.append(self._items)
        return self._items
