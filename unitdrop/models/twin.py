"""A twin of a network: the same weights, but modes, buffers, hooks and gradients of its own.

What runs on the twin leaves the network alone, also one that another thread trains meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from functools import partial
from types import MemberDescriptorType, MethodType
from typing import Any

import torch
from torch import nn

LONG = 1000
"""A list of more things is handed on as it is: it holds data, not layers."""


def unwrapped(module: nn.Module) -> tuple[str, nn.Module]:
    """Return (prefix, network): without the shells of `torch.compile` and data parallelism around it.

    Examples
    --------
    >>> unwrapped(nn.DataParallel(nn.Linear(2, 1)))
    ('module.', Linear(in_features=2, out_features=1, bias=True))
    """
    prefix = ""
    while (name := _inside_shell(module)) is not None:
        prefix, module = f"{prefix}{name}.", module._modules[name]  # type: ignore[assignment]
    return prefix, module


def _inside_shell(module: nn.Module) -> str | None:
    """Return under which name a shell keeps its network; None for what is no shell."""
    if type(module).__name__ == "OptimizedModule" and module._modules.get("_orig_mod") is not None:
        return "_orig_mod"
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    return "module" if isinstance(module, parallel) else None


def twin_of(module: nn.Module, copies: bool = False) -> nn.Module:
    """Return the twin, in eval mode; with `copies`, its parameters are copies too.

    Shells inside are left out. What is reached through a closure is the network's own, not the twin's.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    >>> twin = twin_of(net)
    >>> twin.training, net.training, twin[0].weight.data_ptr() == net[0].weight.data_ptr()
    (False, True, True)
    """
    return _Twins(module, copies).twin


class _Twins:
    """Makes the twin of each part of a network, and finds it by its original."""

    def __init__(self, module: nn.Module, copies: bool) -> None:
        parts = list(module.modules())
        self._twins: dict[int, Any] = {id(part): object.__new__(type(part)) for part in parts}
        for part in parts:
            _, network = unwrapped(part)
            self._twins[id(part)] = self._twins[id(network)]
        for part in parts:
            self._add_tensors(part, copies)
        for part in parts:
            if _inside_shell(part) is None:
                self._fill(part)
        self.twin = self._twins[id(module)]

    def _add_tensors(self, part: nn.Module, copies: bool) -> None:
        """Make the twins of a part's tensors: parameters share their numbers, all others do not."""
        for tensor in part._parameters.values():
            if type(tensor) is nn.Parameter and id(tensor) not in self._twins:
                numbers = tensor.detach().clone() if copies else tensor.detach()
                wants = (
                    tensor.requires_grad and not numbers.is_inference()
                )  # of which torch allows no gradient
                self._twins[id(tensor)] = nn.Parameter(numbers, wants)
        for tensor in [*part._buffers.values(), *vars(part).values()]:
            if isinstance(tensor, torch.Tensor) and id(tensor) not in self._twins:
                self._twins[id(tensor)] = tensor.detach().clone()

    def _fill(self, part: nn.Module) -> None:
        """Give the twin of a part what the part has."""
        inside = self._twins[id(part)].__dict__
        inside.update({name: self._moved(value, 3) for name, value in vars(part).items()})
        inside.update(training=False, _compiled_call_impl=None)
        slots = (member for kind in type(part).__mro__ for member in vars(kind).values())
        for slot in slots:
            if isinstance(slot, MemberDescriptorType) and hasattr(part, slot.__name__):
                slot.__set__(self._twins[id(part)], self._moved(slot.__get__(part), 3))

    def _moved(self, value: Any, depth: int) -> Any:
        """Return a value with the parts of the network in it replaced by their twins."""
        if id(value) in self._twins:
            return self._twins[id(value)]
        kind = type(value)
        if kind is MethodType and id(value.__self__) in self._twins:
            return MethodType(value.__func__, self._twins[id(value.__self__)])
        if kind is partial:
            args = [self._moved(arg, depth - 1) for arg in value.args]
            named = {name: self._moved(arg, depth - 1) for name, arg in value.keywords.items()}
            return partial(self._moved(value.func, depth - 1), *args, **named)
        if depth and kind in (dict, OrderedDict) and len(value) <= LONG:
            return kind((key, self._moved(item, depth - 1)) for key, item in value.items())
        if depth and kind in (list, tuple) and len(value) <= LONG:
            return kind(self._moved(item, depth - 1) for item in value)
        if kind in (set, deque, defaultdict) and len(value) <= LONG:
            return value.copy()
        if kind is torch.Generator:
            return torch.Generator(value.device).set_state(value.get_state())
        return value


def versions(module: nn.Module) -> list[int]:
    """Return how often each parameter was written to: torch counts it."""
    return [0 if p.is_inference() else p._version for p in module.parameters()]


def tensors_of(module: nn.Module) -> Iterator[torch.Tensor]:
    """Yield the parameters and buffers of a network."""
    yield from module.parameters()
    yield from module.buffers()
