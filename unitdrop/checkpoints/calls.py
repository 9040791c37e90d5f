"""The few functions a state dict's pickle may call: what each would return, found out without a call.

Each takes what the pickle gives it, which may be anything, and returns a plain value or a placeholder, or
raises `CheckpointError`. What is not among them is never looked up: its result is an `Opaque` stand-in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard

import torch

from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.names import is_harmful, is_usual
from unitdrop.checkpoints.placeholders import Global, Opaque, Storage, Tensor
from unitdrop.errors import CheckpointError

_MAX_NAME = 256  # characters
_MAX_DIMENSIONS = 16
_MAX_KEY = 1 << 60  # of whole numbers by which something may go
_MAX_LENGTH = 1 << 48  # no tensor on any machine is as long; products of a few such cannot surprise torch

_PLAIN = (
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool complex64 "
    "complex128 float8_e4m3fn float8_e5m2"
)
DTYPES = {f"torch {name}": getattr(torch, name) for name in _PLAIN.split() if hasattr(torch, name)}


def odd_pickle(what: str) -> CheckpointError:
    """Return the error for a pickle in which something is beyond what state dicts have."""
    return CheckpointError(f"{what}; ask for the weights alone, as torch.save(model.state_dict(), ...)")


def pairs_of(pairs: Iterable[tuple[object, object]]) -> dict[Any, Any]:
    """Return keys and values as a dict, of those whose keys can be the names of anything; numbers as bytes.

    A number hashes to itself, so that a file can choose many which a dict takes for ever to tell apart; the
    hashes of texts and bytes are other ones in each process.
    """
    found = {}
    for key, value in pairs:
        if type(key) is float or (type(key) is int and abs(key) < _MAX_KEY):
            found[repr(key).encode()] = value
        elif key is None or type(key) in (str, bytes, bool, Opaque, Global):
            found[key] = value
    return found


def is_size(value: object, most: int = _MAX_LENGTH) -> TypeGuard[int]:
    """Return whether a value is an int from 0 to `most`; a bool is not."""
    return type(value) is int and 0 <= value <= most


def _are_sizes(value: object) -> TypeGuard[tuple[int, ...]]:
    return type(value) is tuple and len(value) <= _MAX_DIMENSIONS and all(map(is_size, value))


# Containers


def _dict(pairs: object = ()) -> dict:
    """`dict()`, or a copy of a dict, or as Python 2 wrote it, `OrderedDict([[key, value], ...])`."""
    if isinstance(pairs, dict):
        return dict(pairs)
    if not isinstance(pairs, (list, tuple)) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs
    ):
        raise CheckpointError("its pickle is malformed (a dict of other things than pairs)")
    return pairs_of(pairs)


def _ordered_dict(pairs: object = ()) -> OrderedDict:
    return OrderedDict(_dict(pairs))


def _default_dict(_: object = None, pairs: object = ()) -> dict:
    return _dict(pairs)


# Tensors


def _rebuild_tensor(storage: object, offset: object, shape: object, stride: object) -> Tensor | Opaque:
    """`_rebuild_tensor`: refused unless each element lies in the storage; of an unknown one a stand-in."""
    if isinstance(storage, Opaque):
        return Opaque(storage.name)
    if not (isinstance(storage, Storage) and _are_sizes(shape) and _are_sizes(stride)):
        raise CheckpointError("its pickle has a tensor of impossible shape, stride or storage")
    if len(shape) != len(stride) or not is_size(offset):
        raise CheckpointError("its pickle has a tensor of impossible shape, stride or offset")
    tensor = Tensor(shape, storage.dtype, storage, offset, stride)
    if offset + tensor.span > storage.numel:
        raise CheckpointError(
            f"its pickle has a tensor of shape {shape} that its storage of {storage.numel} numbers "
            "cannot hold; save a clone of it"
        )
    return tensor


def _rebuild_tensor_v2(storage, offset, shape, stride, gradient, hooks, metadata=None) -> Tensor | Opaque:
    """`_rebuild_tensor_v2`: without hooks; of one that is conjugated or negated lazily a stand-in."""
    _check_hooks(gradient, hooks)
    if metadata:
        return Opaque("torch Tensor.conj")
    return _rebuild_tensor(storage, offset, shape, stride)


def _rebuild_tensor_v3(
    storage, offset, shape, stride, gradient, hooks, dtype, metadata=None
) -> Tensor | Opaque:
    """`_rebuild_tensor_v3`: of bytes, as a dtype that has no storage of its own."""
    kind = DTYPES.get(dtype.name) if isinstance(dtype, Global) else None
    if kind is None or not isinstance(storage, Storage):
        return Opaque("torch Tensor.view")
    numbers = Storage(storage.key, kind, storage.nbytes // kind.itemsize)
    return _rebuild_tensor_v2(numbers, offset, shape, stride, gradient, hooks, metadata)


def _rebuild_parameter(data: object, gradient: object, hooks: object, _: object = None) -> Tensor | Opaque:
    """`_rebuild_parameter`: of a tensor, without hooks; attributes of its own do not matter."""
    _check_hooks(gradient, hooks)
    if not isinstance(data, (Tensor, Opaque)):
        raise CheckpointError("its pickle has a parameter without a tensor")
    return data


def _check_hooks(gradient: object, hooks: object) -> None:
    if type(gradient) is not bool or type(hooks) is not OrderedDict or hooks:
        raise CheckpointError("its pickle has a tensor with hooks")


def _size(shape: object) -> tuple[int, ...]:
    """`torch.Size`."""
    if not _are_sizes(shape):
        raise CheckpointError("its pickle has an impossible torch.Size")
    return shape


CALLS: dict[str, Callable[..., object]] = {
    "collections OrderedDict": _ordered_dict,
    "collections defaultdict": _default_dict,
    "collections Counter": _dict,
    "__builtin__ dict": _dict,
    "builtins dict": _dict,
    "torch._utils _rebuild_tensor": _rebuild_tensor,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils _rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
    "torch._utils _rebuild_parameter_with_state": _rebuild_parameter,
    "torch Size": _size,
}
DICTS = {name for name, call in CALLS.items() if call in (_dict, _ordered_dict, _default_dict)}
# Which argument is a tensor's hooks. They are empty when it is made, and must still be so at the end.
HOOKS = {
    "torch._utils _rebuild_tensor_v2": 5,
    "torch._utils _rebuild_tensor_v3": 5,
    "torch._utils _rebuild_parameter": 2,
    "torch._utils _rebuild_parameter_with_state": 2,
}


# By these a tensor with attributes of its own is rebuilt; of the plain classes they do not matter.
_TYPED = {"torch._tensor _rebuild_from_type", "torch._tensor _rebuild_from_type_v2"}
_PLAIN_TENSORS = {"torch Tensor", "torch.nn.parameter Parameter", "torch.nn.parameter Buffer"}
_GETATTR = {"builtins getattr", "__builtin__ getattr"}
_OBJECTS = {  # these make an object of the class that is their first argument
    *(f"{module} {name}" for module in ("copy_reg", "copyreg") for name in ("_reconstructor", "__newobj__")),
    *(f"numpy.{core}.multiarray _reconstruct" for core in ("core", "_core")),
}


class Calls:
    """The calls of one pickle, and the names that it calls by.

    Parameters
    ----------
    most
        How many items the calls may look at in sum: a small file may repeat one on the same list for ever.

    Attributes
    ----------
    hooks : what was given as the hooks of tensors; all are empty in an honest file
    touched : the keys of storages with a tensor that is given to something unknown
    """

    def __init__(self, most: int) -> None:
        self._copies = most
        self._names: dict[str, str] = {}
        self.hooks: list[OrderedDict] = []
        self.touched: set[str] = set()

    def strange(self) -> list[str]:
        """Return the names that are not often found beside weights."""
        return [name for name in self._names if name not in CALLS and not is_usual(name)]

    def named(self, name: str) -> Global:
        """Return what stands for a function or class: none is looked up."""
        if len(name) > _MAX_NAME:
            raise odd_pickle(f"its pickle asks for a name of {len(name)} characters")
        if name not in self._names and is_harmful(name):
            raise CheckpointError(
                f"its pickle asks for {shown(name)}, which no state dict needs; it may be harmful: do not "
                "open it by other means. If it is yours, save the weights alone: "
                "torch.save(model.state_dict(), FILE)"
            )
        return Global(self._names.setdefault(name, name))  # one text for a name, however often

    def spend(self, count: int) -> None:
        """Count what a call looks at, and maybe copies, before it does: a file may repeat it for ever."""
        self._copies -= count
        if self._copies < 0:
            raise odd_pickle("its pickle copies the same things over and over")

    def result(self, function: object, arguments: Any) -> object:
        """Return what is known of a call's result."""
        name = function.name if isinstance(function, Global) else ""
        if name in _GETATTR and type(arguments) is tuple and len(arguments) == 2:
            return self.attribute(*arguments)
        if name in _TYPED and _is_plain(arguments):
            name, arguments = arguments[0].name, arguments[2]
        if name not in CALLS or type(arguments) is not tuple:
            return self.stand_in(function, arguments)
        self.spend(sum(len(item) for item in arguments if isinstance(item, (list, tuple, dict))))
        try:
            result = CALLS[name](*arguments)
        except TypeError as error:  # too many or too few arguments
            raise CheckpointError(f"its pickle calls {name!r} in an unknown way") from error
        if name in HOOKS:
            self.hooks.append(arguments[HOOKS[name]])
        return result

    def new(self, kind: object, arguments: Any) -> object:
        """Return what is known of a new object of a class, before it gets its items."""
        is_dict = isinstance(kind, Global) and kind.name in DICTS
        return self.result(kind, ()) if is_dict else self.stand_in(kind, arguments)

    def stand_in(self, function: object, arguments: Any) -> Opaque:
        """Return a stand-in for what something unknown returns; the tensors it is given cannot be weights."""
        if not isinstance(function, (Global, Opaque)) or type(arguments) is not tuple:
            raise CheckpointError("its pickle is malformed (it calls what is not a function)")
        if function.name in _OBJECTS and arguments and isinstance(arguments[0], Global):
            function = arguments[0]
        if function.name in _TYPED and len(arguments) > 1 and isinstance(arguments[1], Global):
            function = arguments[1]
        self.spend(len(arguments))
        self.touched.update(item.storage.key for item in arguments if isinstance(item, Tensor))
        return Opaque(function.name, list(mappings(arguments)))

    def attribute(self, owner: object, name: object) -> object:
        """Return what stands for an attribute: how classes in classes and methods are named."""
        if not isinstance(owner, (Global, Opaque)) or type(name) is not str:
            raise CheckpointError(
                "its pickle asks for an attribute, which no state dict needs; it may be harmful"
            )
        return self.named(f"{owner.name}.{name}")


def _is_plain(arguments: object) -> TypeGuard[tuple[Any, ...]]:
    """Return whether these rebuild a plain tensor, with attributes that do not matter."""
    if type(arguments) is not tuple or len(arguments) != 4:
        return False
    function, kind = arguments[:2]
    names = [item.name if isinstance(item, Global) else "" for item in (function, kind)]
    return names[0] in CALLS and names[1] in _PLAIN_TENSORS


def mappings(values: Iterable[object]) -> Iterator[dict[Any, Any]]:
    """Yield those of some values that are mappings."""
    return (value for value in values if isinstance(value, dict))
