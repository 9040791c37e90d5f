"""Checking and copying tensors, one after another: `collected`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite

import torch
from torch import nn

from unitdrop.checkpoints.placeholders import Tensor
from unitdrop.checkpoints.wanted import Plan
from unitdrop.errors import CheckpointError


def collected(
    like: Mapping[str, torch.Tensor], plan: Plan, take: Callable[[Tensor], torch.Tensor]
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Take, check and copy one tensor after another, so that each is freed before the next is copied.

    Parameters
    ----------
    like
        The names to return, in order, and their dtypes. Of those that `plan` lacks some stay as they are; the
        others are counters and the bias of a classifier that has none, and become 0.
    plan
        For each name its name in the file and its outline.
    take
        Gives the tensor of an outline.

    Returns
    -------
    dict[str, torch.Tensor]
        Fresh, contiguous CPU tensors.
    list[str]
        What a change of dtype did to numbers, in words.

    Raises
    ------
    CheckpointError
        A tensor is not what its outline says, or holds NaN, infinity or a negative variance.
    """
    made, rounding = {}, _Rounding()
    for name, wanted in like.items():
        if name in plan.tensors:
            _, outline = plan.tensors[name]
            made[name] = rounding.cast(name, _sound(name, take(outline), outline), wanted.dtype)
        elif name in plan.kept:
            made[name] = wanted.detach().cpu().clone(memory_format=torch.contiguous_format)
        else:
            shape = (plan.rows, *wanted.shape[1:]) if wanted.ndim else ()
            made[name] = torch.zeros(shape, dtype=wanted.dtype, device="cpu")
    return made, rounding.notes()


class _Rounding:
    """What changes of dtype do to numbers."""

    def __init__(self) -> None:
        self.changed, self.most, self.kinds = 0, 0.0, set()

    def cast(self, name: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return a tensor in another dtype.

        Raises
        ------
        CheckpointError
            A number is too large for it.
        """
        if tensor.dtype == dtype:
            return tensor
        counted = tensor.is_floating_point() and not dtype.is_floating_point  # an average of counters
        made = (tensor.round() if counted else tensor).to(dtype)
        back = made.to(tensor.dtype)
        if (
            not isfinite(_extremes(made)[1])
            or not isfinite(_extremes(made)[0])
            or (not tensor.is_floating_point() and not torch.equal(back, tensor))
        ):
            raise CheckpointError(
                f"{name} holds numbers of {tensor.dtype} that are too large for {dtype}; rescale them first"
            )
        if dtype.is_floating_point and not torch.equal(back, tensor):
            apart = (back - tensor).abs()
            self.changed += int((apart > 0).sum())
            self.most = max(self.most, float(apart.max()))
            self.kinds.add(f"{tensor.dtype} to {dtype}".replace("torch.", ""))
        return made

    def notes(self) -> list[str]:
        """Return in words how many numbers were rounded, and by how much."""
        if not self.changed:
            return []
        kinds = " and ".join(sorted(self.kinds))
        numbers = "1 number was" if self.changed == 1 else f"{self.changed} numbers were"
        return [f"{numbers} rounded from {kinds}, by {self.most:.1g} at most"]


def _sound(name: str, tensor: torch.Tensor, expected: Tensor) -> torch.Tensor:
    """Return a fresh, contiguous copy of a plain tensor with numbers that a network can have."""
    if type(tensor) not in (torch.Tensor, nn.Parameter) or tensor.layout != torch.strided:
        raise CheckpointError(f"{name} is not a plain tensor; save it as one")
    tensor = tensor.detach()
    if tuple(tensor.shape) != expected.shape or tensor.dtype != expected.dtype:
        raise CheckpointError(f"{name} is not what its file describes; download it again")
    if tensor.device.type != "cpu" or tensor.is_quantized or not _is_separate(tensor):
        raise CheckpointError(f"{name} is not a plain tensor whose numbers lie apart; clone it first")
    low, high = _extremes(tensor)
    if not (isfinite(low) and isfinite(high)):
        raise CheckpointError(f"{name} holds NaN or infinity; its training failed, or the file is damaged")
    if name.endswith("running_var") and low < 0:
        raise CheckpointError(f"{name} holds negative variances, which no training gives; get it again")
    return tensor.clone(memory_format=torch.contiguous_format)


def _extremes(tensor: torch.Tensor) -> tuple[float, float]:
    """Return the smallest and the largest number, NaN if there is one; `isfinite()` would take memory."""
    if not tensor.numel() or not (tensor.is_floating_point() or tensor.is_complex()):
        return 0.0, 0.0
    low, high = torch.view_as_real(tensor).aminmax() if tensor.is_complex() else tensor.aminmax()
    return low.item(), high.item()


def _is_separate(tensor: torch.Tensor) -> bool:
    """Return whether each number lies in the storage, at a place of its own."""
    last = 0
    for step, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and step <= last:
            return False
        last += (size - 1) * step if size > 1 else 0
    end = (tensor.storage_offset() + last + 1) * tensor.element_size()
    return tensor.numel() == 0 or bool(end <= tensor.untyped_storage().nbytes())
