"""One forward pass, watched: which linear layers were called, and with what maps before them.

The pass runs on a twin of the network; on the network itself, switched to eval mode and put back, only where
its code reaches past the twin.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from unitdrop.errors import ModelError
from unitdrop.models.twin import tensors_of, twin_of, versions

REMEMBERED = 64
"""So many of the latest activations are kept while the network runs,"""
MOST_NUMBERS = 2**26
"""and so many numbers of them at most: more would cost memory."""
_lock = threading.RLock()  # two passes at once would put back each other's modes and random states

_aten = torch.ops.aten
_LINEAR = {F.linear, _aten.linear.default}
_CONV = {F.conv2d, _aten.conv2d.default, _aten.convolution.default}
_ADDMM = {torch.addmm, _aten.addmm.default}
_IN_PLACE = re.compile(r"[a-z].*_|__i(add|sub|mul|truediv|floordiv|pow|mod)__|__setitem__")
_HARMLESS = {"requires_grad_", "detach_"}
_RANDOM = re.compile(
    r"rand.*|bernoulli_?|multinomial|.*normal_?|.*uniform_?|exponential_|poisson|rrelu_?|geometric_|cauchy_"
    r"|gumbel_softmax"
)
_GRADIENT = re.compile("requires_grad=False|n[o']t require grad")
_BENT = re.compile(
    r"_*(.*relu6?|[cs]?elu|gelu|silu|mish|hard(tanh|swish|sigmoid|shrink)|soft(shrink|plus|sign|max|min)|"
    r"tanh|tanhshrink|(log_?)?sigmoid|log_softmax|logsumexp|(clamp|clip)(_min|_max)?|threshold|abs|exp|expm1|"
    r"log|log1p|log2|r?pow|square|r?sqrt|a?max|a?min|maximum|minimum|where|sort|topk|round|floor|ceil|sign|"
    r"normalize)_*"
)


class InputError(ModelError):
    """The network does not take an input of this shape, or makes single pixels of it: another may do."""


def wants_grey(error: BaseException) -> bool:
    """Return whether a forward pass failed as the network takes one channel, by the words of torch."""
    words = f"{error} {error.__cause__}"
    return re.search(r"to have 1 channels, but got 3|should contain 1 elements not 3", words) is not None


class _Leaks(BaseException):
    """The network's code uses its own parameters, not the twin's."""


class _Writes(BaseException):
    """The network's code writes to its own parameters."""


@dataclass(frozen=True)
class Call:
    """A linear layer that was called, or a 1 x 1 convolution, which is one at every pixel.

    Attributes
    ----------
    layer : its name in the network; that of the part that called it, if its weight is computed
    weight, bias : (C, U), and (C,) or None
    input, output : what went in and came out
    before : how many activations had come by before
    asked : whether its weight is what the layer answered, not what it holds
    outside : whether its weight is a parameter, but none of the network's
    """

    layer: str
    weight: torch.Tensor
    bias: torch.Tensor | None
    input: torch.Tensor
    output: torch.Tensor
    before: int
    asked: bool = False
    outside: bool = False

    @property
    def reads_maps(self) -> bool:
        """Whether it is a convolution over more than one pixel."""
        return self.input.ndim == 4 and self.input.shape[2] * self.input.shape[3] > 1

    @property
    def reads_pooled(self) -> bool:
        """Whether its input is one number a unit, as pooled maps are."""
        return self.input.numel() == self.weight.shape[1]


@dataclass
class Pass:
    """What was seen of a forward pass.

    Attributes
    ----------
    returned : what the network returned
    calls : those of linear layers that can be its head
    latest : (number, activation) of the latest activations
    ended : (name, part, input, output) of the parts that finished last
    steps : (function's name, tensors that went in, tensor that came out) of the latest functions
    autocast : whether the network switched mixed precision on, which was left off
    """

    returned: Any = None
    calls: list[Call] = field(default_factory=list)
    latest: deque[tuple[int, torch.Tensor]] = field(default_factory=deque)
    ended: deque[tuple[str, nn.Module, Any, Any]] = field(default_factory=lambda: deque(maxlen=16))
    steps: deque[tuple[str, list[torch.Tensor], torch.Tensor]] = field(
        default_factory=lambda: deque(maxlen=32)
    )
    autocast: bool = False

    def bends(self, start: torch.Tensor) -> str | None:
        """Return which function that is not linear lies between a tensor and what was returned, or None.

        Numbers cannot tell: a ReLU after positive logits changes nothing, until units are dropped.
        """
        made_of_it = {id(start)}
        for _, read, output in self.steps:
            if any(id(tensor) in made_of_it for tensor in read):
                made_of_it.add(id(output))
        wanted = {id(self.returned)}
        for name, read, output in reversed(self.steps):
            if id(output) in wanted and output is not start:
                if _BENT.fullmatch(name):
                    return name
                wanted |= {id(tensor) for tensor in read} & made_of_it
        return None


T = TypeVar("T")


def look_at_pass(module: nn.Module, batch: torch.Tensor, look: Callable[[Pass], T]) -> T:
    """Run a network once in eval mode without gradients; return what `look` makes of what was seen.

    The network is left as it was, also after an error: parameters, buffers, mode, hooks, gradients, and
    torch's random state. One that another thread trains meanwhile is not disturbed by it.

    Raises
    ------
    InputError
        The forward pass fails.
    ModelError
        Another thread changed the parameters in the middle.
    """
    with _lock, torch.no_grad(), torch.autocast("cpu", enabled=False):
        before = versions(module)
        try:
            found = _uncompiled(partial(_with_gradients, module, batch, look))
            if versions(module) == before:
                return found
        except _Writes:
            pass
        except ModelError:
            if versions(module) == before:
                raise
        before, twin = versions(module), twin_of(module, copies=True)
        if versions(module) != before:
            raise ModelError(_TRAINED)
        try:
            return _looked_at(module, twin, batch, look)
        except _Writes:
            raise ModelError(
                "its forward pass changes its own parameters in place; change a copy of them there"
            ) from None


def _with_gradients(module: nn.Module, batch: torch.Tensor, look: Callable[[Pass], T]) -> T:
    """Return what `look` makes of a pass of a twin; with gradients where the network asks for them."""
    try:
        return _looked_at(module, twin_of(module), batch, look)
    except InputError as error:
        if _GRADIENT.search(str(error.__cause__)) is None:
            raise
    with torch.enable_grad():  # for hooks on maps, as in much code for Grad-CAM
        return _looked_at(module, twin_of(module), batch, look)


def _uncompiled(look: Callable[[], T]) -> T:
    """Return what a function returns; if it fails, once more with what is compiled run as it was written."""
    try:
        return look()
    except ModelError:
        if "torch._dynamo" not in sys.modules:
            raise
    with torch.compiler.set_stance("force_eager"):
        return look()


_TRAINED = (
    "its parameters changed while it ran: another thread trains it; wait for that, or give a copy of it, "
    "copy.deepcopy(network), made between two steps"
)


def _looked_at(module: nn.Module, twin: nn.Module, batch: torch.Tensor, look: Callable[[Pass], T]) -> T:
    """Return what `look` makes of a pass of the twin; of the network itself where its code needs that."""
    shared = {id(tensor) for tensor in tensors_of(twin)}
    foreign = {id(tensor) for tensor in tensors_of(module)} - shared
    try:
        return look(_watched(twin, batch, foreign, module))
    except _Leaks:
        before = versions(module)
    with untouched(module):
        found = look(_watched(module, batch, set(), module))
    if versions(module) != before:
        raise ModelError(_TRAINED)
    return found


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Put a module in eval mode, and everything back afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    buffers = [
        (part, name, b, b.detach().clone())
        for part, _ in modes
        for name, b in part._buffers.items()
        if b is not None
    ]
    grads = [(p, p.grad) for p in module.parameters()]
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


def _watched(run: nn.Module, batch: torch.Tensor, foreign: set[int], module: nn.Module) -> Pass:
    """Run the twin of a module, or the module itself, and return what was seen."""
    with ExitStack() as stack:
        stack.enter_context(torch.autocast(batch.device.type, enabled=False))
        watch = _Watch(run, module, foreign, stack, batch.device.type)
        if run is not module:  # hooks of a twin are its own
            for name, part in run.named_modules():
                nn.Module.register_forward_pre_hook(part, partial(watch.enter, name), prepend=True)
                nn.Module.register_forward_hook(part, watch.leave, with_kwargs=True)
        try:
            with watch:
                watch.seen.returned = run(batch)
        except (Exception, SystemExit) as error:
            raise _failure(error, batch, module, watch.seen.autocast) from error
    return watch.seen


def _failure(error: BaseException, batch: torch.Tensor, module: nn.Module, autocast: bool) -> ModelError:
    """Return what a forward pass that failed is told as."""
    words = " ".join(str(error).split())
    shape, kind = tuple(batch.shape), type(error).__name__
    said = f"its forward pass failed on an input of {shape} ({kind}: {words[:200]})"
    wanted = re.search(r"to have (\d+) channels, but got", words)
    if wanted and int(wanted[1]) not in (1, 3):
        return ModelError(f"{said}; a picture has 3 channels, or 1 of grey: wrap it in one that takes these")
    kinds = sorted({str(t.dtype) for t in tensors_of(module) if t.is_floating_point() or t.is_complex()})
    about_kinds = re.search(r"dtype|scalar type|BFloat16|Half|Double|not implemented for|same", words)
    if autocast and (about_kinds or isinstance(error, AssertionError)):
        return ModelError(
            f"{said}; it switches autocast on and casts by itself too: take that out of its forward"
        )
    if about_kinds and kinds != ["torch.float32"]:
        return ModelError(f"{said}; its numbers are of {' and '.join(kinds)}: pass module.float()")
    if isinstance(error, TypeError) and re.search(r"positional argument|keyword(-only)? argument", words):
        return ModelError(
            f"{said}; it must take one batch of images and nothing else: wrap it in one that does"
        )
    return InputError(f"{said}; it must take one batch of images of this size")


class _Watch(TorchFunctionMode):
    """Sees what goes into and comes out of torch's functions.

    Unlike hooks on modules, it also sees activations between functions that no module wraps, and layers
    that are no modules.
    """

    def __init__(
        self, run: nn.Module, module: nn.Module, foreign: set[int], stack: ExitStack, kind: str
    ) -> None:
        super().__init__()
        self.seen, self.kind = Pass(), kind
        self._foreign, self._stack, self._forked = foreign, stack, False
        self._names = {id(p): name.rpartition(".")[0] for name, p in run.named_parameters()}
        self._inside: list[str] = []
        self._count = self._numbers = 0
        self._widths = {getattr(part, "in_features", 0) for part in run.modules()} | {
            t.shape[1] for t in tensors_of(run) if t.ndim == 2 or (t.ndim == 4 and t.shape[2:].numel() == 1)
        }
        plain = [p for p in module.parameters() if type(p) is nn.Parameter]
        self._gpus = sorted({p.device.index for p in plain if p.device.type == "cuda"})
        self._own = {p.untyped_storage().data_ptr() for p in plain}

    def enter(self, name: str, *_) -> None:
        """Note that a part of the network begins."""
        self._inside.append(name)

    def leave(self, part: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        """Note that a part of the network has ended."""
        read = args[0] if args else next(iter(kwargs.values()), None)
        self.seen.ended.append((self._inside.pop(), part, read, output))

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").partition(".")[0]
        self._guard(name, args, kwargs)
        if torch.is_autocast_enabled(self.kind):
            self.seen.autocast = True
            with torch.autocast(self.kind, enabled=False):
                result = func(*args, **kwargs)
        else:
            result = func(*args, **kwargs)
        for value in (*args[:1], result):
            if isinstance(value, torch.Tensor):
                self._note(value)
        if isinstance(result, torch.Tensor) and result.numel() <= MOST_NUMBERS >> 6:
            self.seen.steps.append((name, list(_tensors((*args, *kwargs.values()))), result))
        call = _call_of(func, args, kwargs, result)
        if call is not None:
            self._note_call(*call)
        return result

    def _guard(self, name: str, args: tuple, kwargs: dict[str, Any]) -> None:
        """Stop before the network itself is touched, and keep the random state before it is drawn from."""
        if self._foreign and any(id(value) in self._foreign for value in (*args, *kwargs.values())):
            raise _Leaks
        first: Any = args[0] if args else None
        writes = _IN_PLACE.fullmatch(name) and name not in _HARMLESS
        plain = type(first) in (torch.Tensor, nn.Parameter)
        if writes and plain and first.untyped_storage().data_ptr() in self._own:
            raise _Writes
        if not self._forked and _draws(name, args, kwargs):
            self._forked = True
            self._stack.enter_context(torch.random.fork_rng(devices=self._gpus))

    def _note(self, tensor: torch.Tensor) -> None:
        """Keep a tensor that can be maps or pooled maps, unless it is kept already."""
        shape, latest = tensor.shape, self.seen.latest
        if len(shape) not in (2, 4) or shape[0] != 1 or not self._widths & {shape[1], shape[-1]}:
            return
        if any(tensor is known for _, known in latest):
            return
        latest.append((self._count, tensor))
        self._count += 1
        self._numbers += tensor.numel()
        while len(latest) > REMEMBERED or (self._numbers > MOST_NUMBERS and len(latest) > 2):
            self._numbers -= latest.popleft()[1].numel()

    def _note_call(self, weight, bias, read, output) -> None:
        """Keep a call of a linear layer; of those that cannot be the head, only the latest."""
        calls = self.seen.calls
        if calls and (calls[-1].reads_maps or not calls[-1].reads_pooled):
            calls.pop()  # so that the many layers of a transformer are not kept
        layer = self._names.get(id(weight), self._inside[-1] if self._inside else "")
        outside = type(weight) is nn.Parameter and id(weight) not in self._names
        rows = weight.flatten(1) if weight.ndim == 4 else weight
        calls.append(Call(layer, rows, bias, read, output, self._count, outside=outside))


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors among values, also those in lists."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from (item for item in value if isinstance(item, torch.Tensor))


def _call_of(func, args: tuple, kwargs: dict[str, Any], output: Any) -> tuple | None:
    """Return (weight, bias, input, output) of a function that is a linear layer; None for any other."""
    if func in _ADDMM and len(args) == 3 and not kwargs:
        return args[2].t(), args[0], args[1], output
    if func not in _LINEAR and func not in _CONV:
        return None
    given = {**dict(zip(("input", "weight", "bias"), args, strict=False)), **kwargs}
    read: Any
    weight: Any
    read, weight, bias = (given.get(key) for key in ("input", "weight", "bias"))
    if not all(isinstance(tensor, torch.Tensor) for tensor in (read, weight, output)):
        return None
    if func in _CONV:
        pointwise = weight.ndim == 4 and weight.shape[2:].numel() == 1 and weight.shape[1] == read.shape[1]
        if not pointwise or len(read) != 1 or output.shape[2:] != read.shape[2:]:
            return None
    return (weight, bias, read, output) if weight.ndim > 1 else None


def _draws(name: str, args: tuple, kwargs: dict[str, Any]) -> bool:
    """Return whether a function of torch draws random numbers."""
    if "dropout" in name:
        return kwargs.get("training", args[2] if len(args) > 2 else True) is not False
    return _RANDOM.fullmatch(name) is not None
