"""The few functions a state dict's pickle may call: what each would return, found out without a call.

Each takes what the pickle gives it, which may be anything, and returns a plain value or a placeholder, or
raises `CheckpointError`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeGuard

from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.placeholders import NumpyType, Opaque, Storage, Tensor
from unitdrop.errors import CheckpointError

_MAX_DIMENSIONS = 16
_MAX_KEY = 1 << 60  # integers up to here hash to themselves, so that no file can choose many that collide
_MAX_LENGTH = 1 << 48  # no tensor on any machine is as long; products of a few such cannot surprise torch

NUMPY_BYTES = {  # of each dtype whose numbers may lie beside the weights
    "f8": 8,
    "f4": 4,
    "f2": 2,
    "i8": 8,
    "i4": 4,
    "i2": 2,
    "i1": 1,
    "u8": 8,
    "u4": 4,
    "u2": 2,
    "u1": 1,
    "b1": 1,
}


def odd_pickle(what: str) -> CheckpointError:
    """Return the error for a pickle in which something is beyond what state dicts have."""
    return CheckpointError(f"{what}; ask for the weights alone, as torch.save(model.state_dict(), ...)")


def check_key(key: object) -> None:
    """Refuse a key of a dict whose hashing or comparing could be made to take for ever."""
    if isinstance(key, (str, bytes)) or (isinstance(key, int) and abs(key) < _MAX_KEY):
        return
    raise odd_pickle(f"its pickle has {shown(key)} as the key of a dict")


def is_size(value: object, most: int = _MAX_LENGTH) -> TypeGuard[int]:
    """Return whether a value is an int from 0 to `most`; a bool is not."""
    return type(value) is int and 0 <= value <= most


def _are_sizes(value: object) -> TypeGuard[tuple[int, ...]]:
    return type(value) is tuple and len(value) <= _MAX_DIMENSIONS and all(map(is_size, value))


# Containers


def _ordered_dict(pairs: object = ()) -> OrderedDict:
    """`OrderedDict()`, or as Python 2 wrote it, `OrderedDict([[key, value], ...])`."""
    if not isinstance(pairs, (list, tuple)) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs
    ):
        raise CheckpointError("its pickle is malformed (an OrderedDict of other things than pairs)")
    for key, _ in pairs:
        check_key(key)
    return OrderedDict(pairs)


def _set(items: object) -> Opaque:
    """`set([...])` of plain keys."""
    if type(items) is not list:
        raise CheckpointError("its pickle is malformed (a set of what is not a list)")
    for item in items:
        check_key(item)
    return Opaque("builtins set")


# Tensors


def _rebuild_tensor(storage: object, offset: object, shape: object, stride: object) -> Tensor:
    """`_rebuild_tensor`: refused unless each element lies in the storage, which holds as many numbers."""
    if not (isinstance(storage, Storage) and _are_sizes(shape) and _are_sizes(stride)):
        raise CheckpointError("its pickle has a tensor of impossible shape, stride or storage")
    if len(shape) != len(stride) or not is_size(offset):
        raise CheckpointError("its pickle has a tensor of impossible shape, stride or offset")
    tensor = Tensor(shape, storage.dtype, storage, offset, stride)
    if offset + max(tensor.span, tensor.numel) > storage.numel:
        raise CheckpointError(
            f"its pickle has a tensor of shape {shape} that its storage of {storage.numel} numbers "
            "cannot hold; save a clone of it"
        )
    return tensor


def _rebuild_tensor_v2(storage, offset, shape, stride, gradient, hooks, metadata=None) -> Tensor:
    """`_rebuild_tensor_v2`: without hooks, not conjugated."""
    _check_hooks(gradient, hooks)
    if metadata is not None and not (type(metadata) is dict and not metadata):
        raise CheckpointError("its pickle has a tensor that is conjugated lazily; save a clone of it")
    return _rebuild_tensor(storage, offset, shape, stride)


def _rebuild_parameter(data: object, gradient: object, hooks: object) -> Tensor:
    """`_rebuild_parameter`: of a tensor, without hooks."""
    _check_hooks(gradient, hooks)
    if not isinstance(data, Tensor):
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


def _device(kind: object, index: object = 0) -> Opaque:
    """`torch.device`."""
    if type(kind) is not str or len(kind) > 20 or not is_size(index, 999):
        raise CheckpointError("its pickle has an impossible torch.device")
    return Opaque("torch device")


# Bytes and numpy's numbers


def _encode(text: object, encoding: object) -> bytes:
    """`_codecs.encode`, the way in which protocol 2 writes bytes."""
    if type(text) is not str or encoding != "latin1":
        raise CheckpointError(f"its pickle encodes {shown(text)} as {shown(encoding)}")
    return text.encode("latin1")


def _numpy_type(code: object, align: object, copy: object) -> NumpyType:
    """`numpy.dtype` of a plain number; `copy`, because numpy's own one must not get attributes."""
    if not _is_numpy_code(code) or align not in (False, 0) or copy not in (True, 1):
        raise CheckpointError(f"its pickle has a numpy dtype {shown(code)}; keep plain numbers only")
    return NumpyType(code)


def _is_numpy_code(code: object) -> TypeGuard[str]:
    return code in NUMPY_BYTES


def is_native(state: object) -> bool:
    """Return whether this is the state of a numpy dtype that is little-endian and has nothing more to it."""
    return (
        type(state) is tuple
        and all(item is None or type(item) in (int, str) for item in state)
        and state in {(3, order, None, None, None, -1, -1, 0) for order in "<|"}
    )


def _numpy_scalar(dtype: object, data: object) -> Opaque:
    """A numpy number; Python 2 wrote its bytes as a string."""
    if isinstance(data, str):
        data = data.encode("latin1")
    if not isinstance(dtype, NumpyType) or type(data) is not bytes:
        raise CheckpointError("its pickle has a numpy scalar that is not a number")
    if len(data) != NUMPY_BYTES[dtype.code]:
        raise CheckpointError("its pickle has a numpy scalar of the wrong size")
    return Opaque("numpy scalar")


CALLS: dict[str, Callable[..., object]] = {
    "collections OrderedDict": _ordered_dict,
    "__builtin__ set": _set,
    "builtins set": _set,
    "torch._utils _rebuild_tensor": _rebuild_tensor,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
    "torch Size": _size,
    "torch device": _device,
    "_codecs encode": _encode,
    "numpy dtype": _numpy_type,
    "numpy.core.multiarray scalar": _numpy_scalar,
    "numpy._core.multiarray scalar": _numpy_scalar,
}
# Which argument is a tensor's hooks. They are empty when it is made, and must still be so at the end.
HOOKS = {"torch._utils _rebuild_tensor_v2": 5, "torch._utils _rebuild_parameter": 2}
