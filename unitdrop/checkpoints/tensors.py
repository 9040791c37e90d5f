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
) -> dict[str, torch.Tensor]:
    """Take, check and copy one tensor after another, so that each is freed before the next is copied.

    Parameters
    ----------
    like
        The names to return, in order; those that `plan` lacks are counters, and become 0.
    plan
        For each name its name in the file and its outline.
    take
        Gives the tensor of an outline.

    Returns
    -------
    dict[str, torch.Tensor]
        Fresh, contiguous CPU tensors.

    Raises
    ------
    CheckpointError
        A tensor is not what its outline says, or holds NaN, infinity or a negative variance.
    """
    made = {}
    for name in like:
        if name in plan:
            _, outline = plan[name]
            made[name] = _sound(name, take(outline), outline)
        else:
            made[name] = torch.zeros((), dtype=torch.int64, device="cpu")
    return made


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
