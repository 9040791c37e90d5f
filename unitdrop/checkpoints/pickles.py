"""What a checkpoint's pickle would build, found out without building it.

A pickle is a program. `outline` follows it on a small stack machine of our own that holds placeholders where
the program asks for tensors, and that knows only the few calls a state dict needs. Nothing from the file is
imported or called, so that a file can be refused before anything that acts on it has seen it.
"""

from __future__ import annotations

import pickletools
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from math import prod
from typing import BinaryIO

import torch

from unitdrop.errors import CheckpointError

MAX_DEPTH = 64  # of containers in one another; a training script's own settings rarely pass 8
MAX_STRING = 1 << 20  # characters of one string; logs and settings kept beside the weights are shorter
_MAX_MARKS = 64
_MAX_DIMENSIONS = 16
_MAX_KEY = 1 << 60  # integers up to here hash to themselves, so that no file can choose many that collide
_MAX_LENGTH = 1 << 48  # no tensor on any machine is as long; products of a few such cannot surprise torch

_STORAGES = {
    "torch FloatStorage": torch.float32,
    "torch DoubleStorage": torch.float64,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
    "torch ShortStorage": torch.int16,
    "torch CharStorage": torch.int8,
    "torch ByteStorage": torch.uint8,
    "torch BoolStorage": torch.bool,
    "torch ComplexFloatStorage": torch.complex64,
    "torch ComplexDoubleStorage": torch.complex128,
}
_DTYPES = {f"torch {str(dtype).removeprefix('torch.')}" for dtype in _STORAGES.values()}
_NUMPY_BYTES = {
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
    """The placeholder of a tensor: what its shape and dtype would be."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class _Global:
    """A name the pickle asks for, `"module name"`. It is never looked up."""

    name: str


@dataclass(frozen=True, slots=True)
class _NumpyType:
    code: str


class _Opaque:
    """Something harmless of which only the presence matters."""


_OPAQUE = _Opaque()


@dataclass(frozen=True)
class Outline:
    """What a pickle would build.

    Attributes
    ----------
    value : its object, with a `Tensor` placeholder for every tensor
    storages : the storages its tensors lie in, by key
    numpy : whether it holds numpy scalars
    long_strings : where in the stream the strings of a Python 2 begin that torch's own reader does not know
    """

    value: object
    storages: dict[str, Storage]
    numpy: bool
    long_strings: tuple[int, ...]


def shown(text: object) -> str:
    """What a file says, in a form and length fit for a message.

    >>> shown("conv1.weight"), shown(["anything", "else"]), len(shown("x" * 999))
    ("'conv1.weight'", 'a list', 60)
    """
    if not isinstance(text, (str, bytes, int)):
        return f"a {type(text).__name__.strip('_')}"
    if isinstance(text, int) and abs(text) > 1 << 64:
        return f"a number of {text.bit_length()} bits"
    short = repr(text[:61] if isinstance(text, (str, bytes)) else text)
    return short if len(short) <= 60 else short[:57] + "..."


def outline(stream: BinaryIO, *, limit: int, plain: bool = False) -> Outline:
    r"""Follow one pickle from where `stream` stands to its end, building nothing.

    Parameters
    ----------
    stream
        A seekable stream in memory (a length the file invents then costs nothing).
    limit
        How many opcodes to follow at most.
    plain
        Whether only numbers, strings, lists, tuples and dicts may occur.

    Raises
    ------
    CheckpointError
        If the pickle is damaged, asks for something a state dict does not need, or is out of proportion.

    Examples
    --------
    >>> import io
    >>> outline(io.BytesIO(b"\x80\x02}U\x05epochK\x07s."), limit=100).value
    {'epoch': 7}
    >>> outline(io.BytesIO(b"\x80\x02cos\nsystem\nU\x02ls\x85R."), limit=100)
    Traceback (most recent call last):
    unitdrop.errors.CheckpointError: its pickle asks for 'os system', which no state dict needs; ...
    """
    machine = _Machine(plain)
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(stream)):
            if count >= limit:
                raise _odd(f"its pickle has over {limit} opcodes")
            machine.step(count, opcode.name, argument, position)
        return machine.outline()
    except CheckpointError:
        raise
    except Exception as error:  # the many ways in which pickletools and an empty stack complain
        raise CheckpointError(
            f"its pickle is damaged or cut short ({type(error).__name__}); download it again"
        ) from error


def _odd(what: str) -> CheckpointError:
    return CheckpointError(f"{what}; ask for the weights alone, as torch.save(model.state_dict(), ...)")


def _is_size(value: object, most: int = _MAX_LENGTH) -> bool:
    return type(value) is int and 0 <= value <= most  # a bool is not a size


def _are_sizes(value: object) -> bool:
    return type(value) is tuple and len(value) <= _MAX_DIMENSIONS and all(map(_is_size, value))


def _check_key(key: object) -> None:
    """Refuse dict keys whose hashing or comparing could be made to take for ever."""
    if isinstance(key, (str, bytes)) or (isinstance(key, int) and abs(key) < _MAX_KEY):
        return
    raise _odd(f"its pickle has {shown(key)} as the key of a dict")


@dataclass
class _Machine:
    """The stack machine: `step` once for every opcode, then `outline`."""

    plain: bool
    stack: list = field(default_factory=list)
    marked: list = field(default_factory=list)  # the stacks below every MARK
    memo: dict = field(default_factory=dict)
    storages: dict = field(default_factory=dict)
    hooks: list = field(default_factory=list)
    long_strings: list = field(default_factory=list)
    numpy: bool = False

    def step(self, count: int, name: str, argument: object, position: int) -> None:
        """Do one opcode."""
        if (name == "PROTO") != (count == 0):
            raise CheckpointError("it is not a checkpoint of torch.save (its pickle does not begin like one)")
        if name in _LITERALS:
            self.push_literal(name, argument, position)
        elif name in _FRESH:
            self.stack.append(_FRESH[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name != "STOP":
            raise _odd(f"its pickle uses the opcode {name}, which torch.save does not write")

    def outline(self) -> Outline:
        """What there is after the last opcode."""
        (value,) = self.stack
        if self.marked or any(self.hooks):
            raise CheckpointError("its pickle is malformed (leftovers on its stack or in its hooks)")
        _check_depth([value, *self.memo.values()])
        return Outline(value, self.storages, self.numpy, tuple(self.long_strings))

    # Opcodes

    def push_literal(self, name: str, argument: object, position: int) -> None:
        """A number or a string."""
        if isinstance(argument, str) and len(argument) > MAX_STRING:
            raise _odd(f"its pickle has a string of {len(argument)} characters")
        if name == "BINSTRING":
            if not argument.isascii():
                raise _odd("its pickle has a long byte string of Python 2 beyond ASCII")
            self.long_strings.append(position)
        self.stack.append(argument)

    def proto(self, version: int) -> None:
        """The first opcode: the only protocol that torch reads safely is 2."""
        if version != 2:
            raise CheckpointError(
                f"its pickle has protocol {version}; save it again with torch.save's own protocol, 2"
            )

    def global_(self, name: str) -> None:
        """A function or class: none is looked up, few may be named."""
        if self.plain or not (name in _CALLS or name in _STORAGES or name in _DTYPES):
            raise CheckpointError(
                f"its pickle asks for {shown(name)}, which no state dict needs; it may be harmful: do not "
                "open it by other means. If it is yours, save the weights alone: "
                "torch.save(model.state_dict(), FILE)"
            )
        self.numpy |= name.startswith("numpy")
        self.stack.append(_Global(name))

    def mark(self, _) -> None:
        """Open a bracket."""
        if len(self.marked) >= _MAX_MARKS:
            raise _odd(f"its pickle is nested over {_MAX_MARKS} deep")
        self.marked.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list:
        """Close a bracket: what was pushed since it was opened."""
        items, self.stack = self.stack, self.marked.pop()
        return items

    def tuple_(self, _) -> None:
        """All in the bracket as a tuple."""
        items = tuple(self.pop_mark())
        self.stack.append(items)

    def tuple_of(self, count: int) -> None:
        """The last `count` values as a tuple."""
        if len(self.stack) < count:
            raise IndexError
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def extend(self, items: list) -> None:
        """Add to the list on top."""
        if type(self.stack[-1]) is not list:
            raise CheckpointError("its pickle is malformed (it adds to what is not a list)")
        self.stack[-1].extend(items)

    def assign(self, items: list) -> None:
        """Set keys and values, alternating, in the dict on top."""
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict) or len(items) % 2:
            raise CheckpointError("its pickle is malformed (it sets keys of what is not a dict)")
        for key, value in zip(items[::2], items[1::2], strict=True):
            _check_key(key)
            target[key] = value

    def append(self, _) -> None:
        """One more in a list."""
        item = self.stack.pop()
        self.extend([item])

    def set_item(self, _) -> None:
        """One more in a dict."""
        value, key = self.stack.pop(), self.stack.pop()
        self.assign([key, value])

    def get(self, index: int) -> None:
        """Something seen before."""
        self.stack.append(self.memo[index])

    def put(self, index: int) -> None:
        """Something to be seen again."""
        if index > 1 << 24:
            raise _odd(f"its pickle numbers its objects up to {index}")
        self.memo[index] = self.stack[-1]

    def persistent(self, _) -> None:
        """A storage, kept in the file outside the pickle."""
        identity = self.stack.pop()
        if self.plain or type(identity) is not tuple or len(identity) not in (5, 6):
            raise CheckpointError("its pickle is malformed (a reference to outside that is not a storage)")
        word, kind, key, place, numel, *view = identity
        dtype = _STORAGES.get(kind.name) if isinstance(kind, _Global) else None
        if word != "storage" or dtype is None or view not in ([], [None]):
            raise CheckpointError("its pickle is malformed (a reference to outside that is not a storage)")
        if not (type(key) is str and key and len(key) <= 64 and _is_size(numel)):
            raise CheckpointError(f"its storage {shown(key)} is of no usable size ({shown(numel)})")
        if type(place) is not str or not re.fullmatch(r"(?!meta)[a-z]{1,20}(:\d{1,3})?", place):
            raise CheckpointError(f"its storage {shown(key)} lies on {shown(place)}; save it from the CPU")
        found = Storage(key, dtype, numel)
        known = self.storages.setdefault(key, found)
        if known != found and known.nbytes + found.nbytes:  # empty ones may share a name
            raise CheckpointError(f"its storage {shown(key)} is described twice, and differently")
        self.stack.append(found)

    def reduce(self, _) -> None:
        """A call: replaced by what is known of its result."""
        arguments, function = self.stack.pop(), self.stack.pop()
        call = _CALLS.get(function.name) if isinstance(function, _Global) else None
        if call is None or type(arguments) is not tuple:
            raise CheckpointError("its pickle is malformed (it calls what is not a function)")
        try:
            result = call(self, *arguments)
        except TypeError as error:  # too many or too few arguments
            raise CheckpointError(f"its pickle calls {function.name!r} in an unknown way") from error
        self.stack.append(result)

    def build(self, _) -> None:
        """Attributes of an object: of a state dict its `_metadata`, of a numpy dtype its byte order."""
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is OrderedDict and type(state) is dict and set(state) <= {"_metadata"}:
            vars(target).update(state)
        elif not (isinstance(target, _NumpyType) and _is_native(state)):
            raise CheckpointError(f"its pickle is malformed (attributes for {shown(target)})")

    # Calls

    def ordered_dict(self, pairs: object = ()) -> OrderedDict:
        """`OrderedDict()`, or as Python 2 wrote it, `OrderedDict([[key, value], ...])`."""
        if not isinstance(pairs, (list, tuple)) or not all(
            isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs
        ):
            raise CheckpointError("its pickle is malformed (an OrderedDict of other things than pairs)")
        for key, _ in pairs:
            _check_key(key)
        return OrderedDict(pairs)

    def set_of(self, items: object) -> _Opaque:
        """`set([...])` of plain keys."""
        if type(items) is not list:
            raise CheckpointError("its pickle is malformed (a set of what is not a list)")
        for item in items:
            _check_key(item)
        return _OPAQUE

    def tensor_v1(self, storage: object, offset: object, shape: object, stride: object) -> Tensor:
        """`_rebuild_tensor`: refused unless each element lies in the storage, and no two in one place."""
        if not (isinstance(storage, Storage) and _are_sizes(shape) and _are_sizes(stride)):
            raise CheckpointError("its pickle has a tensor of impossible shape, stride or storage")
        if len(shape) != len(stride) or not _is_size(offset):
            raise CheckpointError("its pickle has a tensor of impossible shape, stride or offset")
        numel = prod(shape)
        last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        if offset > storage.numel or (numel and (last >= storage.numel or numel > storage.numel - offset)):
            raise CheckpointError(
                f"its pickle has a tensor of shape {shape} that its storage of {storage.numel} numbers "
                "cannot hold; save a clone of it"
            )
        return Tensor(shape, storage.dtype)

    def tensor_v2(self, storage, offset, shape, stride, gradient, hooks, metadata=None) -> Tensor:
        """`_rebuild_tensor_v2`: without hooks, not conjugated."""
        self.check_hooks(gradient, hooks)
        if metadata is not None and not (type(metadata) is dict and not metadata):
            raise CheckpointError("its pickle has a tensor that is conjugated lazily; save a clone of it")
        return self.tensor_v1(storage, offset, shape, stride)

    def parameter(self, data: object, gradient: object, hooks: object) -> Tensor:
        """`_rebuild_parameter`."""
        self.check_hooks(gradient, hooks)
        if not isinstance(data, Tensor):
            raise CheckpointError("its pickle has a parameter without a tensor")
        return data

    def check_hooks(self, gradient: object, hooks: object) -> None:
        """No hooks, now or (they are looked at again when all is read) later."""
        if type(gradient) is not bool or type(hooks) is not OrderedDict or hooks:
            raise CheckpointError("its pickle has a tensor with hooks")
        self.hooks.append(hooks)

    def size(self, shape: object) -> tuple[int, ...]:
        """`torch.Size`."""
        if not _are_sizes(shape):
            raise CheckpointError("its pickle has an impossible torch.Size")
        return shape

    def device(self, kind: object, index: object = 0) -> _Opaque:
        """`torch.device`."""
        if type(kind) is not str or len(kind) > 20 or not _is_size(index, 999):
            raise CheckpointError("its pickle has an impossible torch.device")
        return _OPAQUE

    def encode(self, text: object, encoding: object) -> bytes:
        """`_codecs.encode`, the way in which protocol 2 writes bytes."""
        if type(text) is not str or encoding != "latin1":
            raise CheckpointError(f"its pickle encodes {shown(text)} as {shown(encoding)}")
        return text.encode("latin1")

    def numpy_type(self, code: object, align: object, copy: object) -> _NumpyType:
        """`numpy.dtype` of a plain number; `copy`, because numpy's own one must not be altered by `build`."""
        if code not in _NUMPY_BYTES or align not in (False, 0) or copy not in (True, 1):
            raise CheckpointError(f"its pickle has a numpy dtype {shown(code)}; keep plain numbers only")
        return _NumpyType(code)

    def numpy_scalar(self, dtype: object, data: object) -> _Opaque:
        """A numpy number; Python 2 wrote its bytes as a string."""
        if isinstance(data, str):
            data = data.encode("latin1")
        if not isinstance(dtype, _NumpyType) or type(data) is not bytes:
            raise CheckpointError("its pickle has a numpy scalar that is not a number")
        if len(data) != _NUMPY_BYTES[dtype.code]:
            raise CheckpointError("its pickle has a numpy scalar of the wrong size")
        return _OPAQUE


def _is_native(state: object) -> bool:
    """Whether this is the state of a numpy dtype that is little-endian and has nothing more to it."""
    return (
        type(state) is tuple
        and all(item is None or type(item) in (int, str) for item in state)
        and state in {(3, order, None, None, None, -1, -1, 0) for order in "<|"}
    )


def _check_depth(roots: list) -> None:
    """Refuse containers that are nested deeply or hold themselves: what walks them later may overflow."""
    depths: dict[int, int] = {}  # 0 while a container is being looked into
    todo = [(value, False) for value in roots]
    while todo:
        value, seen = todo.pop()
        children = _children(value)
        if seen:
            depths[id(value)] = 1 + max(depths.get(id(child), 0) for child in children)
        elif children and id(value) not in depths:
            depths[id(value)] = 0
            todo.append((value, True))
            todo.extend((child, False) for child in children)
        elif depths.get(id(value)) == 0:
            raise _odd("its pickle has a container that holds itself")
        if depths.get(id(value), 0) > MAX_DEPTH:
            raise _odd(f"its pickle is nested over {MAX_DEPTH} deep")


def _children(value: object) -> list:
    """What a container holds, if it is one."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, OrderedDict):
        return [*value.values(), *vars(value).values()]
    return list(value.values()) if isinstance(value, dict) else []


_LITERALS = frozenset(
    "BININT BININT1 BININT2 BINFLOAT LONG1 BINUNICODE SHORT_BINSTRING BINSTRING".split()
)  # BINSTRING is what Python 2 wrote for strings of over 255 bytes
_FRESH = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_ACTIONS = {
    "PROTO": _Machine.proto,
    "GLOBAL": _Machine.global_,
    "MARK": _Machine.mark,
    "TUPLE": _Machine.tuple_,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": _Machine.append,
    "APPENDS": lambda machine, _: machine.extend(machine.pop_mark()),
    "SETITEM": _Machine.set_item,
    "SETITEMS": lambda machine, _: machine.assign(machine.pop_mark()),
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "BINPERSID": _Machine.persistent,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
_CALLS = {
    "collections OrderedDict": _Machine.ordered_dict,
    "__builtin__ set": _Machine.set_of,
    "builtins set": _Machine.set_of,
    "torch._utils _rebuild_tensor": _Machine.tensor_v1,
    "torch._utils _rebuild_tensor_v2": _Machine.tensor_v2,
    "torch._utils _rebuild_parameter": _Machine.parameter,
    "torch Size": _Machine.size,
    "torch device": _Machine.device,
    "_codecs encode": _Machine.encode,
    "numpy dtype": _Machine.numpy_type,
    "numpy.core.multiarray scalar": _Machine.numpy_scalar,
    "numpy._core.multiarray scalar": _Machine.numpy_scalar,
}
