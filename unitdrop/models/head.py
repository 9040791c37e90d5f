"""Find a network's head by one forward pass: no layer is known by its name.

The head must be what makes a sweep exact: feature maps, their average over space, one linear layer, its
output returned as it is. All of it is compared numerically, number by number, at every forward pass.

What a comparison of numbers cannot see is a rearrangement of the maps over space between the last convolution
and the average (a flip, say): the mean is the same, and the CAM is that of the maps that are averaged.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from unitdrop.errors import ModelError

REMEMBERED = 64
"""So many of the latest activations are kept while the network runs: more would cost memory."""
CLOSE = 1e-5
"""Numbers agree if they differ by at most this part of the sum of their summands' sizes: float32 rounds."""
_lock = threading.RLock()  # two passes at once would see each other's hooks, and put back each other's modes


@dataclass(frozen=True)
class Head:
    """What one forward pass found; the tensors are detached copies.

    Attributes
    ----------
    layer : str
        The linear layer's name in the module, such as ``"fc"``.
    maps : torch.Tensor
        The last feature maps `A`, (U, h, w), whose mean is the layer's input.
    weight, bias : torch.Tensor
        Of the layer, (C, U) and (C,); without a bias, zeros.
    logits : torch.Tensor
        What the network returned, (C,).
    """

    layer: str
    maps: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor
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
    unitdrop.errors.ModelError: no nn.Linear took part in the forward pass; CAMs are exact only for ...
    """
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise ModelError(
            "it is TorchScript, into which nothing can look; pass the Python module it comes from"
        )
    if any(tensor.is_meta for tensor in module.parameters()):
        raise ModelError("its parameters lie on the meta device, without numbers; load its weights first")
    with _lock, untouched(module):
        return _head_of(*_watched_pass(module, batch))


# ------------------------------------------------------------------------------------ the forward pass


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Put a module in eval mode without gradients or autocast, and everything back afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    buffers = [
        (part, name, b, b.detach().clone())
        for part, _ in modes
        for name, b in part._buffers.items()
        if b is not None
    ]
    grads = [(p, p.grad) for p in module.parameters()]
    gpus = sorted({p.device.index for p, _ in grads if p.device.type == "cuda"})
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.random.fork_rng(devices=gpus))
        for kind in {"cpu", *(p.device.type for p, _ in grads)}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        try:
            for part, _ in modes:
                part.training = False
            yield
        finally:
            for part, mode in modes:
                part.training = mode
            for part, name, buffer, before in buffers:
                part._buffers[name] = buffer
                if not ((buffer == before) | (buffer != buffer) & (before != before)).all():  # NaN is NaN
                    buffer.copy_(before)
            for parameter, grad in grads:
                parameter.grad = grad


@dataclass(frozen=True)
class _Call:
    """A linear layer that was called, and how many activations had come by before.

    Its input and output are None where they are no tensors, as a layer that inherits from `nn.Linear` may
    have it.
    """

    layer: str
    linear: nn.Linear
    input: torch.Tensor | None
    output: torch.Tensor | None
    before: int

    @property
    def reads_pooled(self) -> bool:
        """Whether its input has the shape of pooled maps, (1, U)."""
        return self.input is not None and self.input.shape == (1, self.linear.in_features)

    def gave(self, returned: torch.Tensor) -> bool:
        """Return whether its output is what the network returned, (C,)."""
        return self.output is not None and torch.equal(self.output.reshape(-1), returned)


class _Watch(TorchFunctionMode):
    """Remembers the latest tensors of one image that go into or come out of torch's functions.

    Unlike hooks on modules, it also sees activations between functions that no module wraps.
    """

    def __init__(self, widths: set[int]) -> None:
        super().__init__()
        self.widths, self.count = widths, 0
        self.latest: deque[tuple[int, torch.Tensor]] = deque(maxlen=REMEMBERED)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in (*args[:1], result):
            if isinstance(value, torch.Tensor):
                self._note(value)
        return result

    def _note(self, tensor: torch.Tensor) -> None:
        """Keep a tensor that can be maps or pooled maps, unless it is kept already."""
        shape = tensor.shape
        if len(shape) not in (2, 4) or shape[0] != 1 or not self.widths & {shape[1], shape[-1]}:
            return
        if not any(tensor is known for _, known in self.latest):
            self.latest.append((self.count, tensor))
            self.count += 1


def _watched_pass(
    module: nn.Module, batch: torch.Tensor
) -> tuple[list[_Call], list[tuple[int, torch.Tensor]], object]:
    """Run one forward pass; return the calls of linear layers, the latest activations, and the output.

    Its hooks are gone afterwards.
    """
    layers = {name: part for name, part in module.named_modules() if isinstance(part, nn.Linear)}
    watch = _Watch({layer.in_features for layer in layers.values()})
    calls: list[_Call] = []

    def note(name: str, layer: nn.Linear, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        if calls and not calls[-1].reads_pooled:
            calls.pop()  # so that the many layers of a transformer are not kept
        ends = (args[0] if args else kwargs.get("input"), output)
        read, given = (end if isinstance(end, torch.Tensor) else None for end in ends)
        calls.append(_Call(name, layer, read, given, watch.count))

    with ExitStack() as hooks:
        for name, layer in layers.items():
            handle = layer.register_forward_hook(partial(note, name), with_kwargs=True)
            hooks.callback(handle.remove)
        try:
            with watch:
                returned = module(batch)
        except Exception as error:
            words = " ".join(str(error).split())
            raise ModelError(
                f"its forward pass failed on an input of {tuple(batch.shape)} ({type(error).__name__}: "
                f"{words[:200]}); it must take one batch of RGB images of this size"
            ) from error
    return calls, list(watch.latest), returned


# ------------------------------------------------------------------------------------ the comparisons

_NEEDED = (
    "CAMs are exact only for a network that averages its last maps over space and reads them with one "
    "nn.Linear, whose output it returns"
)


def _head_of(calls: list[_Call], latest: Iterable[tuple[int, torch.Tensor]], returned: object) -> Head:
    """Return the head if its parts fit together, or raise `ModelError` and say what does not."""
    if not isinstance(returned, torch.Tensor):
        kind = type(returned).__name__
        raise ModelError(f"it returns a {kind}, not a tensor of logits; wrap it in one that does")
    if not calls:
        raise ModelError(f"no nn.Linear took part in the forward pass; {_NEEDED}")
    returned = returned.detach().reshape(-1).clone()
    last = next((call for call in reversed(calls) if call.gave(returned)), calls[-1])
    where = f"its last linear layer is {last.layer or 'the network itself'!r}"
    pooled = _pooled(last, where)
    linear = last.linear
    weight, bias = linear.weight.detach().clone(), linear.bias
    bias = weight.new_zeros(len(weight)) if bias is None else bias.detach().clone()
    _check_output(weight, bias, pooled, last, returned, where)
    maps = _maps([tensor for number, tensor in latest if number < last.before], pooled, where)
    sizes = weight.abs() @ maps.abs().mean((1, 2)) + bias.abs()
    if not _agree(weight @ maps.mean((1, 2)) + bias, returned, sizes):
        raise ModelError(f"{where}, whose output its maps do not give; {_NEEDED}")
    return Head(last.layer, maps, weight, bias, returned)


def _pooled(last: _Call, where: str) -> torch.Tensor:
    """Return what the layer read, (U,), or raise `ModelError`."""
    if last.input is None or not last.reads_pooled:
        shape = () if last.input is None else tuple(last.input.shape)
        raise ModelError(f"{where}, whose input is {shape}, not the (1, units) of pooled maps; {_NEEDED}")
    return last.input[0]


def _check_output(
    weight: torch.Tensor,
    bias: torch.Tensor,
    pooled: torch.Tensor,
    last: _Call,
    returned: torch.Tensor,
    where: str,
) -> None:
    """Raise `ModelError` for a network whose output is not `weight @ pooled + bias`."""
    if weight.dtype not in (torch.float32, torch.float64):
        raise ModelError(f"{where}, of {weight.dtype}: too coarse to be exact; pass module.float()")
    if not torch.isfinite(returned).all():
        raise ModelError("its output holds NaN or infinity; check its weights, and mean and std of its input")
    ours, sizes = weight @ pooled + bias, weight.abs() @ pooled.abs() + bias.abs()
    if last.output is None or not _agree(ours, last.output.reshape(-1), sizes):
        raise ModelError(f"{where}, which does more than weight times input plus bias; {_NEEDED}")
    if not _agree(ours, returned, sizes):
        raise ModelError(f"{where}, but its output is not that layer's: return the logits; {_NEEDED}")


def _agree(ours: torch.Tensor, theirs: torch.Tensor, sizes: torch.Tensor) -> bool:
    """Return whether two vectors are equal, each number up to the rounding of a sum of such sizes."""
    return ours.shape == theirs.shape and bool(((ours - theirs).abs() <= CLOSE * sizes).all())


def _maps(latest: list[torch.Tensor], pooled: torch.Tensor, where: str) -> torch.Tensor:
    """Return the latest maps, (U, h, w), whose mean the layer read, of those from before the mean was made.

    Raises `ModelError` if there are none.
    """
    units, before = len(pooled), []
    for tensor in latest:
        if tensor.numel() == units and _agree(tensor.reshape(-1), pooled, pooled.abs()):
            break
        before.append(tensor)
    layouts = [maps for tensor in before for maps in _layouts(tensor, units)]
    wide = [maps for maps in layouts if maps.shape[1] * maps.shape[2] > 1]
    found = next((maps for maps in reversed(wide) if _averages_to(maps, pooled)), None)
    if found is None:
        raise ModelError(f"{where}, and {_what_is_wrong(units, layouts, wide)}; {_NEEDED}")
    return found.detach().clone()


def _layouts(tensor: torch.Tensor, units: int) -> Iterator[torch.Tensor]:
    """Yield a 4-D activation as (U, h, w), read with its channels first, and last."""
    if tensor.ndim == 4 and tensor.shape[1] == units:
        yield tensor[0]
    if tensor.ndim == 4 and tensor.shape[3] == units:
        yield tensor[0].permute(2, 0, 1)


def _averages_to(maps: torch.Tensor, pooled: torch.Tensor) -> bool:
    """Return whether the mean of the maps (U, h, w) over space is `pooled` (U,), unit by unit."""
    if maps.dtype != pooled.dtype or not torch.isfinite(maps).all():
        return False
    return _agree(maps.mean((1, 2)), pooled, maps.abs().mean((1, 2)))


def _what_is_wrong(units: int, layouts: list[torch.Tensor], wide: list[torch.Tensor]) -> str:
    """Return in words why no maps were found."""
    if wide:
        h, w = wide[-1].shape[1:]
        return f"its input is not the average of the {units} maps of {h} x {w} before it"
    if layouts:
        return f"the {units} maps before it are a single pixel, on which there is no CAM to see"
    return f"there are no {units} feature maps before it that it could be the average of"
