"""Finding a network's head by one forward pass: no layer is known by its name.

The head must be what makes a sweep exact: feature maps, their average over space, one linear layer, its
output returned as it is. All four are compared numerically, at every forward pass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from unitdrop.models.errors import ModelError

REMEMBERED = 32
"""So many of the latest 4-D activations are kept while the network runs: more would cost memory."""
CLOSE = 1e-5
"""Numbers agree if they differ by at most this part of the largest summand's size: float32 and its sums."""


@dataclass(frozen=True)
class Head:
    """What one forward pass found.

    Attributes
    ----------
    layer : str
        The linear layer's name in the module, such as ``"fc"``.
    linear : nn.Linear
        That layer.
    maps : torch.Tensor
        The last feature maps `A`, (U, h, w), whose mean is the layer's input.
    logits : torch.Tensor
        What the network returned, (C,).
    """

    layer: str
    linear: nn.Linear
    maps: torch.Tensor
    logits: torch.Tensor


def find_head(module: nn.Module, batch: torch.Tensor) -> Head:
    """Run the network once in eval mode, and find its last linear layer and the maps it reads the mean of.

    Parameters
    ----------
    module
        Any network. It is left as it was, also after an error: parameters, buffers, mode, hooks, gradients,
        and torch's random state.
    batch
        One input, (1, 3, H, W).

    Raises
    ------
    ModelError
        The head is another one, for which class activation maps would not be exact; or the network fails.

    Examples
    --------
    >>> pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), pool, nn.Linear(8, 5))
    >>> head = find_head(net, torch.rand(1, 3, 16, 16))
    >>> head.layer, head.maps.shape
    ('3', torch.Size([8, 14, 14]))
    >>> find_head(net[:3], torch.rand(1, 3, 16, 16))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    unitdrop.models.errors.ModelError: no nn.Linear took part in the forward pass; CAMs are exact only for ...
    """
    with untouched(module):
        seen = _run(module, batch)
        return _found(seen)


# ------------------------------------------------------------------------------------ the forward pass


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Put a module in eval mode without gradients, and everything back afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    gpus = sorted({t.device.index for t in module.parameters() if t.device.type == "cuda"})
    with torch.no_grad(), torch.random.fork_rng(devices=gpus):
        try:
            for part, _ in modes:
                part.training = False
            yield
        finally:
            for part, mode in modes:
                part.training = mode
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


@dataclass
class _Seen:
    """What came by: the last linear layer with its input and output, and the maps before it."""

    layer: str = ""
    linear: nn.Linear | None = None
    pooled: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    returned: object = None
    maps: tuple[torch.Tensor, ...] = ()


class _Watch(TorchFunctionMode):
    """Remembers the latest 4-D tensors that go into or come out of torch's functions.

    Unlike hooks on modules, it also sees activations between functions that no module wraps.
    """

    def __init__(self, widths: set[int]) -> None:
        super().__init__()
        self.widths, self.latest = widths, deque(maxlen=REMEMBERED)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in (*args[:1], result):
            if isinstance(value, torch.Tensor):
                self._note(value)
        return result

    def _note(self, tensor: torch.Tensor) -> None:
        shape = tensor.shape
        if len(shape) != 4 or shape[0] != 1 or not self.widths & {shape[1], shape[3]}:
            return
        if not any(tensor is known for known in self.latest):
            self.latest.append(tensor)


def _run(module: nn.Module, batch: torch.Tensor) -> _Seen:
    """One forward pass, watched; every hook is gone when it returns or raises."""
    layers = {name: part for name, part in module.named_modules() if isinstance(part, nn.Linear)}
    watch, seen = _Watch({layer.in_features for layer in layers.values()}), _Seen()

    def after(layer, args, output, name):
        seen.layer, seen.linear, seen.pooled, seen.logits = name, layer, args[0] if args else None, output
        seen.maps = tuple(watch.latest)

    with ExitStack() as hooks:
        for name, layer in layers.items():
            handle = layer.register_forward_hook(lambda *call, name=name: after(*call, name))
            hooks.callback(handle.remove)
        try:
            with watch:
                seen.returned = module(batch)
        except Exception as error:
            words = " ".join(str(error).split())
            raise ModelError(
                f"its forward pass failed on an input of {tuple(batch.shape)} ({type(error).__name__}: "
                f"{words[:200]}); it must take one batch of RGB images of this size"
            ) from error
    return seen


# ------------------------------------------------------------------------------------ the comparisons

_NEEDED = (
    "CAMs are exact only for a network that averages its last maps over space and reads them with one "
    "nn.Linear, whose output it returns"
)


def _found(seen: _Seen) -> Head:
    """Check that the four parts of the head fit together, and name them; or say what does not."""
    if seen.linear is None:
        raise ModelError(f"no nn.Linear took part in the forward pass; {_NEEDED}")
    where = f"its last linear layer is {seen.layer or 'the network itself'!r}"
    if not isinstance(seen.pooled, torch.Tensor) or seen.pooled.shape != (1, seen.linear.in_features):
        shape = tuple(getattr(seen.pooled, "shape", ()))
        raise ModelError(f"{where}, whose input is {shape}, not the (1, units) of pooled maps; {_NEEDED}")
    _check_output(seen, where)
    maps = [m for t in seen.maps for m in _layouts(t, len(seen.pooled[0])) if _averages_to(m, seen.pooled[0])]
    wide = [m for m in maps if m.shape[1] * m.shape[2] > 1]
    if not wide:
        raise ModelError(f"{where}, and {_what_is_wrong(seen, bool(maps))}; {_NEEDED}")
    return Head(seen.layer, seen.linear, wide[-1], seen.logits[0])


def _check_output(seen: _Seen, where: str) -> None:
    """Refuse a network whose output is not `weight @ pooled + bias`."""
    linear, pooled, logits, returned = seen.linear, seen.pooled, seen.logits, seen.returned
    if not isinstance(returned, torch.Tensor):
        raise ModelError(
            f"it returns a {type(returned).__name__}, not a tensor of logits; wrap it in one that does"
        )
    if linear.weight.dtype not in (torch.float32, torch.float64):
        raise ModelError(f"{where}, of {linear.weight.dtype}: too coarse to be exact; pass module.float()")
    if not torch.isfinite(returned).all():
        raise ModelError(
            "its output holds NaN or infinity; check its weights and the mean and std of its input"
        )
    bias = linear.weight.new_zeros(len(linear.weight)) if linear.bias is None else linear.bias
    ours = linear.weight @ pooled[0] + bias
    most = float((linear.weight.abs() @ pooled[0].abs() + bias.abs()).max())
    if not _agree(ours, logits.reshape(-1), most):
        raise ModelError(f"{where}, which does more than weight times input plus bias; {_NEEDED}")
    if not _agree(ours, returned.reshape(-1), most):
        raise ModelError(f"{where}, but its output is not that layer's: return the logits; {_NEEDED}")


def _agree(ours: torch.Tensor, theirs: torch.Tensor, most: float) -> bool:
    """Whether two vectors are equal up to the rounding of sums whose summands reach `most`."""
    return ours.shape == theirs.shape and float((ours - theirs).abs().max()) <= CLOSE * most


def _layouts(tensor: torch.Tensor, units: int) -> Iterator[torch.Tensor]:
    """A 4-D activation as (U, h, w), read with its channels first, and last."""
    if tensor.shape[1] == units:
        yield tensor[0]
    if tensor.shape[3] == units:
        yield tensor[0].permute(2, 0, 1)


def _averages_to(maps: torch.Tensor, pooled: torch.Tensor) -> bool:
    """Whether the mean of the maps over space is `pooled`."""
    if maps.dtype != pooled.dtype or not torch.isfinite(maps).all():
        return False
    return _agree(maps.mean((1, 2)), pooled, float(maps.abs().mean((1, 2)).max()))


def _what_is_wrong(seen: _Seen, single: bool) -> str:
    """Say in words why no maps were found."""
    units = len(seen.pooled[0])
    grids = [tuple(m.shape[1:]) for t in seen.maps for m in _layouts(t, units)]
    wide = [grid for grid in grids if grid[0] * grid[1] > 1]
    if wide:
        h, w = wide[-1]
        return f"its input is not the average of the {units} maps of {h} x {w} before it"
    if single:
        return f"the {units} maps before it are a single pixel, on which there is no CAM to see"
    return f"there are no {units} feature maps before it that it could be the average of"
