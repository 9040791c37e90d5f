"""Find a network's head by one forward pass: no layer is known by its name.

The head must be what makes a sweep exact: feature maps, their average over space, one linear layer, its
output returned as it is. All of it is compared numerically, number by number, at every forward pass. A
convolution of 1 x 1 after the average is such a layer; before it, it is the same, as both are linear.

What a comparison of numbers cannot see is a rearrangement of the maps over space between the last convolution
and the average (a flip, say): the mean is the same, and the CAM is that of the maps that are averaged.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.parameter import is_lazy

from unitdrop.errors import ModelError
from unitdrop.models.twin import unwrapped
from unitdrop.models.watch import Call, InputError, Pass, look_at_pass

CLOSE = 1e-5
"""Numbers agree if they differ by at most this part of the sum of their summands' sizes: float32 rounds."""
COARSE = 2**-6
"""Numbers of half precision do if they differ by at most this part: bfloat16 has 8 bits."""
MOST_ASKED = 2**13
"""A layer of more units is not asked for what it does to each: the answer would take gigabytes."""
_EXACT = (torch.float32, torch.float64)


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
    autocast : bool
        Whether the network switches mixed precision on by itself, which was left off.
    """

    layer: str
    maps: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor
    logits: torch.Tensor
    autocast: bool = False


def find_head(module: nn.Module, batch: torch.Tensor) -> Head:
    """Run the network once in eval mode, and find its last linear layer and the maps it reads the mean of.

    Parameters
    ----------
    module
        Any network. It is left as it was, also after an error: parameters, buffers, mode, hooks, gradients,
        and torch's random state. Another thread may train it meanwhile.
    batch
        One input, such as (1, 3, H, W).

    Raises
    ------
    InputError
        The network fails on this input, or makes single pixels of it; a `ModelError` too.
    ModelError
        The head is another one, for which class activation maps would not be exact; its numbers are too
        coarse; or another thread changed the parameters in the middle.

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
    try:
        _check_numbers(module)
        prefix, network = unwrapped(module)
        head = look_at_pass(network, batch, _head_of)
    except ModelError:
        raise
    except Exception as error:  # parameters of a library's own kind can fail at anything that is done to them
        words = " ".join(str(error).split())[:200]
        raise ModelError(
            f"its head cannot be read ({type(error).__name__}: {words}); {_kinds(module)}"
        ) from error
    return replace(head, layer=prefix + head.layer)


def _check_numbers(module: nn.Module) -> None:
    """Raise `ModelError` for a network into which nothing can look, or without numbers."""
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise ModelError(
            "it is TorchScript, into which nothing can look; pass the Python module it comes from"
        )
    if any(is_lazy(tensor) for tensor in module.parameters()):
        raise ModelError("its lazy layers have no numbers yet; run it once, or load its weights first")
    if any(tensor.is_meta for tensor in module.parameters()):
        raise ModelError("its parameters lie on the meta device, without numbers; load its weights first")


def _kinds(module: nn.Module) -> str:
    """Return in words which layers or parameters of a network are of their own kind, and what to give."""
    for name, part in module.named_modules():
        kind = f"{type(part).__module__}.{type(part).__qualname__}"
        if "quant" in kind.lower() and not kind.startswith("torchvision."):  # there it is what holds layers
            return f"its layer {name!r} is a {kind}: give the network before quantising"
    kinds = {
        str(p.dtype) if type(p) is nn.Parameter else f"{type(p).__name__} ({p.dtype})"
        for p in module.parameters()
    }
    return (
        f"its parameters are of {', '.join(sorted(kinds)[:4])}: give the network with nn.Linear layers of "
        "float32"
    )


# ------------------------------------------------------------------------------------ the comparisons

_NEEDED = (
    "CAMs are exact only for a network that averages its last maps over space and reads them with one "
    "nn.Linear, whose output it returns"
)

_TOO_COARSE = "too coarse to be exact; pass module.float()"


def _head_of(seen: Pass) -> Head:
    """Return the head if its parts fit together, or raise `ModelError` and say what does not."""
    returned = _logits(seen.returned)
    call = _plain(_last_call(seen, returned))
    where = f"its last linear layer is {call.layer or 'the network itself'!r}"
    if call.outside:
        where = "its last linear layer is none of its modules (in a plain list or object? use nn.ModuleList)"
    _check_kinds(call, returned, where)
    weight = call.weight.detach().clone()
    bias = weight.new_zeros(len(weight)) if call.bias is None else call.bias.detach().clone()
    if (bent := seen.bends(call.input)) is not None:
        raise ModelError(f"{where}, but its output goes through {bent}: return the logits; {_NEEDED}")
    if call.reads_maps:
        maps = call.input[0].detach().clone()
    else:
        pooled = _pooled(call, where)
        _check_output(weight, bias, pooled, call, returned, where)
        _check_layer(seen, pooled, returned)
        maps = _maps([tensor for number, tensor in seen.latest if number < call.before], pooled, where)
    sizes = _sizes(call, maps.abs().mean((1, 2)).to(weight.dtype), weight, bias)
    if not _agree(weight @ maps.mean((1, 2)).to(weight.dtype) + bias, returned, sizes):
        raise ModelError(f"{where}, whose output its maps do not give; {_NEEDED}")
    return Head(call.layer, maps, weight, bias, returned, seen.autocast)


def _logits(returned: object) -> torch.Tensor:
    """Return what the network returned as (C,), or raise `ModelError` for what cannot be logits."""
    if not isinstance(returned, torch.Tensor):
        kind = type(returned).__name__
        raise ModelError(f"it returns a {kind}, not a tensor of logits; wrap it in one that does")
    if not returned.is_floating_point():
        raise ModelError(f"it returns a tensor of {returned.dtype}; return the logits")
    if not returned.numel():
        raise ModelError("it returns nothing; return a logit for each class")
    return returned.detach().reshape(-1).clone()


def _check_kinds(call: Call, returned: torch.Tensor, where: str) -> None:
    """Raise `ModelError` for numbers that are too coarse, or none."""
    for tensor in (call.weight, call.input, returned):
        if tensor.dtype not in _EXACT:
            raise ModelError(f"{where}, of {tensor.dtype}: {_TOO_COARSE}")
    if not torch.isfinite(returned).all():
        raise ModelError("its output holds NaN or infinity; check its weights, and mean and std of its input")


# ------------------------------------------------------------------------------------ the last layer


def _last_call(seen: Pass, returned: torch.Tensor) -> Call:
    """Return the call of a linear layer whose output the network returned, else the last one.

    Raises `ModelError` if none took part.
    """
    found = next((call for call in reversed(seen.calls) if _gave(call, returned)), None)
    if found is not None:
        return found
    layers = list(_layers(seen, returned))
    for name, part, read in layers:
        if (asked := _asked(name, part, read)) is not None:
            return asked
    if layers:
        name, part, read = layers[0]
        if read.is_floating_point() and read.dtype not in _EXACT:
            raise ModelError(f"its last linear layer is {name!r}, of {read.dtype}: {_TOO_COARSE}")
        raise ModelError(f"its last linear layer is {name!r}, {_of_kind(part)}; {_NEEDED}")
    linear = [call for call in seen.calls if not call.reads_maps]
    if linear:
        return linear[-1]
    if returned.dtype not in _EXACT:
        raise ModelError(f"it returns {returned.dtype}: {_TOO_COARSE}")
    raise ModelError(f"no nn.Linear took part in the forward pass; {_NEEDED}")


def _gave(call: Call, returned: torch.Tensor) -> bool:
    """Return whether the output of a call, or its mean over space, is what the network returned."""
    output = call.output.detach().to(returned.dtype)
    if not call.reads_maps:
        return torch.equal(output.reshape(-1), returned)
    return _agree(output[0].mean((1, 2)), returned, output[0].abs().mean((1, 2)))


def _layers(seen: Pass, returned: torch.Tensor) -> Iterator[tuple[str, nn.Module, torch.Tensor]]:
    """Yield (name, layer, input) of what is a linear layer by its looks, and gave what was returned."""
    for name, part, read, output in seen.ended:
        given = output[0] if isinstance(output, tuple) and output else output
        if not (isinstance(read, torch.Tensor) and isinstance(given, torch.Tensor)):
            continue
        if hasattr(part, "in_features") and torch.equal(given.reshape(-1).to(returned.dtype), returned):
            yield name, part, read


def _asked(name: str, part: nn.Module, read: torch.Tensor) -> Call | None:
    """Return a layer that has no one weight as if it had: what it makes of each unit alone.

    None for one that is not linear: it must say the same of any units together.
    """
    if read.ndim != 2 or len(read) != 1 or read.dtype not in _EXACT or read.shape[1] > MOST_ASKED:
        return None
    units = read.shape[1]
    generator = torch.Generator("cpu").manual_seed(0)
    masks = torch.rand(16, units, generator=generator, device="cpu").to(read) > 0.5
    alone = torch.eye(units, dtype=read.dtype, device=read.device)
    try:
        answers = [part(x) for x in (torch.zeros_like(read), alone, masks * read, read)]
    except Exception:
        return None
    answers = [answer[0] if isinstance(answer, tuple) else answer for answer in answers]
    if not all(isinstance(answer, torch.Tensor) and answer.ndim == 2 for answer in answers):
        return None
    (bias,), each, some, whole = answers
    weight = (each - bias).t().contiguous()
    call = Call(name, weight, bias, read, whole, sys.maxsize, asked=True)
    for x, y in zip((*(masks * read), read[0]), (*some, whole[0]), strict=True):
        if not _agree(weight @ x + bias, y, _sizes(call, x.abs(), weight, bias)):
            return None
    return call


def _of_kind(part: nn.Module) -> str:
    """Return in words why a layer cannot be read, and what to do."""
    kind = type(part)
    name = (
        f"a {kind.__module__}.{kind.__qualname__}" if "torch" in kind.__module__ else f"a {kind.__qualname__}"
    )
    if re.search(r"quant|\.qat\.", f"{kind.__module__}.{kind.__qualname__}".lower()):
        return (
            f"{name}, which rounds what it reads: too coarse to be exact; give the network before quantising"
        )
    return f"{name}, which does more than weight times input plus bias: merge or replace what it adds"


def _plain(call: Call) -> Call:
    """Return a call with its weight as a plain tensor; of a library's own kind, what it does to each unit."""
    if type(call.weight) in (torch.Tensor, nn.Parameter):
        return call
    alone = torch.eye(call.weight.shape[1], dtype=call.input.dtype, device=call.input.device)
    return replace(call, weight=F.linear(alone, call.weight).t().contiguous())


def _check_layer(seen: Pass, pooled: torch.Tensor, returned: torch.Tensor) -> None:
    """Raise `ModelError` for a layer that changes what it reads before it takes weights times that."""
    for name, part, read in _layers(seen, returned):
        if read.numel() == len(pooled) and not torch.equal(read.reshape(-1).to(pooled.dtype), pooled):
            raise ModelError(f"its last linear layer is {name!r}, {_of_kind(part)}; {_NEEDED}")


def _pooled(call: Call, where: str) -> torch.Tensor:
    """Return what the layer read, (U,), or raise `ModelError`."""
    if not call.reads_pooled:
        shape = tuple(call.input.shape)
        raise ModelError(f"{where}, whose input is {shape}, not the (1, units) of pooled maps; {_NEEDED}")
    return call.input.detach().reshape(-1)


def _check_output(
    weight: torch.Tensor,
    bias: torch.Tensor,
    pooled: torch.Tensor,
    call: Call,
    returned: torch.Tensor,
    where: str,
) -> None:
    """Raise `ModelError` for a network whose output is not `weight @ pooled + bias`."""
    ours, sizes = weight @ pooled + bias, _sizes(call, pooled.abs(), weight, bias)
    if not _agree(ours, call.output.reshape(-1), sizes):
        raise ModelError(f"{where}, which does more than weight times input plus bias; {_NEEDED}")
    if not _agree(ours, returned, sizes):
        raise ModelError(f"{where}, but its output is not that layer's: return the logits; {_NEEDED}")


# ------------------------------------------------------------------------------------ the maps


def _sizes(call: Call, pooled: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Return the sums of the summands' sizes for each class, (C,), from the sizes of what is pooled, (U,).

    A layer that was asked may have summands that cancel out and are not seen: all classes get the largest.
    """
    sizes = weight.abs() @ pooled + bias.abs()
    return sizes.max().expand(len(sizes)) if call.asked else sizes


def _agree(ours: torch.Tensor, theirs: torch.Tensor, sizes: torch.Tensor, part: float = CLOSE) -> bool:
    """Return whether two tensors are equal, each number up to the rounding of a sum of such sizes."""
    return ours.shape == theirs.shape and bool(((ours - theirs).abs() <= part * sizes).all())


def _maps(latest: list[torch.Tensor], pooled: torch.Tensor, where: str) -> torch.Tensor:
    """Return the latest maps, (U, h, w), whose mean the layer read, of those from before the mean was made.

    Raises `ModelError` if there are none.
    """
    units, before = len(pooled), []
    for tensor in (tensor.to(pooled.device) for tensor in latest):
        if tensor.numel() == units and _agree(tensor.reshape(-1), pooled, pooled.abs()):
            break
        before.append(tensor)
    layouts = [maps for tensor in before for maps in _layouts(tensor, units)]
    wide = [maps for maps in layouts if maps.shape[1] * maps.shape[2] > 1]
    found = next((maps for maps in reversed(wide) if _averages_to(maps, pooled)), None)
    if found is not None:
        return found.detach().clone()
    if layouts and not wide:
        raise InputError(
            f"{where}, and the {units} maps before it are a single pixel, on which there is no CAM to see"
        )
    raise ModelError(f"{where}, and {_what_is_wrong(units, pooled, wide)}")


def _layouts(tensor: torch.Tensor, units: int) -> Iterator[torch.Tensor]:
    """Yield a 4-D activation as (U, h, w), read with its channels first, and last."""
    if tensor.ndim == 4 and tensor.shape[1] == units:
        yield tensor[0]
    if tensor.ndim == 4 and tensor.shape[3] == units:
        yield tensor[0].permute(2, 0, 1)


def _averages_to(maps: torch.Tensor, pooled: torch.Tensor, part: float = CLOSE) -> bool:
    """Return whether the mean of the maps (U, h, w) over space is `pooled` (U,), unit by unit."""
    if (maps.dtype not in _EXACT and part == CLOSE) or not torch.isfinite(maps).all():
        return False
    maps = maps.to(pooled.dtype)
    return _agree(maps.mean((1, 2)), pooled, maps.abs().mean((1, 2)), part)


def _what_is_wrong(units: int, pooled: torch.Tensor, wide: list[torch.Tensor]) -> str:
    """Return in words why no maps were found."""
    if not wide:
        return f"there are no {units} feature maps before it that it could be the average of; {_NEEDED}"
    h, w = wide[-1].shape[1:]
    coarse = [maps for maps in wide if maps.dtype not in _EXACT and _averages_to(maps, pooled, COARSE)]
    if coarse:
        kind = coarse[-1].dtype
        return f"the {units} maps before it are of {kind}: {_TOO_COARSE}"
    return f"its input is not the average of the {units} maps of {h} x {w} before it; {_NEEDED}"
