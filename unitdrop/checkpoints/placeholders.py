"""What stands for the objects a pickle asks for, none of which is built."""

from __future__ import annotations

from dataclasses import dataclass

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
    """What the shape and dtype of a tensor would be."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class Global:
    """A function or class the pickle names, as `"module name"`. It is never looked up."""

    name: str


@dataclass(frozen=True, slots=True)
class NumpyType:
    """A numpy dtype of plain numbers, by its code, such as `"f8"`."""

    code: str


class Opaque:
    """Something harmless of which only the presence matters."""


OPAQUE = Opaque()
