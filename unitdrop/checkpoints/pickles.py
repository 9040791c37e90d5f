"""What a checkpoint's pickle would build, found out without building it: `outline`.

A pickle is a program. `outline` follows it on a small stack machine of our own that holds placeholders where
the program asks for tensors, and that knows only the few calls a state dict needs. Nothing from the file is
imported or called, so that a file can be refused before anything that acts on it has seen it.
"""

from __future__ import annotations

import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import torch

from unitdrop.checkpoints.calls import CALLS, HOOKS, check_key, is_native, is_size, odd_pickle
from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.placeholders import Global, NumpyType, Storage
from unitdrop.errors import CheckpointError

MAX_PICKLE = 16 << 20  # bytes; the pickle of a ResNet-152 with its optimizer takes under 1 MiB
MAX_DEPTH = 64  # of containers in one another; a training script's own settings rarely pass 8
MAX_STRING = 1 << 20  # characters of one string; logs and settings kept beside the weights are shorter
_MAX_MARKS = 64

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


def most_opcodes(tensors: int) -> int:
    """Return how many opcodes the pickle of a checkpoint with so many weights may have.

    A tensor takes about 35, and there may be four for every weight.
    """
    return 50_000 + 200 * tensors


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
                raise odd_pickle(f"its pickle has over {limit} opcodes")
            machine.step(count, opcode.name, argument, position or 0)  # no stream in memory lacks one
        return machine.outline()
    except CheckpointError:
        raise
    except Exception as error:  # the many ways in which pickletools and an empty stack complain
        raise CheckpointError(
            f"its pickle is damaged or cut short ({type(error).__name__}); download it again"
        ) from error


@dataclass
class _Machine:
    """The stack machine: `step` once for every opcode, then `outline`."""

    plain: bool
    stack: list[Any] = field(default_factory=list)
    marked: list[list[Any]] = field(default_factory=list)  # the stacks below every MARK
    memo: dict[int, Any] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    hooks: list[OrderedDict] = field(default_factory=list)
    long_strings: list[int] = field(default_factory=list)
    numpy: bool = False

    def step(self, count: int, name: str, argument: Any, position: int) -> None:
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
            raise odd_pickle(f"its pickle uses the opcode {name}, which torch.save does not write")

    def outline(self) -> Outline:
        """Return what there is after the last opcode."""
        (value,) = self.stack
        if self.marked or any(self.hooks):
            raise CheckpointError("its pickle is malformed (leftovers on its stack or in its hooks)")
        _check_depth([value, *self.memo.values()])
        return Outline(value, self.storages, self.numpy, tuple(self.long_strings))

    # Opcodes

    def push_literal(self, name: str, argument: Any, position: int) -> None:
        """Push a number or a string."""
        if isinstance(argument, str) and len(argument) > MAX_STRING:
            raise odd_pickle(f"its pickle has a string of {len(argument)} characters")
        if name == "BINSTRING":
            if not argument.isascii():
                raise odd_pickle("its pickle has a long byte string of Python 2 beyond ASCII")
            self.long_strings.append(position)
        self.stack.append(argument)

    def proto(self, version: int) -> None:
        """Refuse any protocol but 2, the only one that torch reads safely."""
        if version != 2:
            raise CheckpointError(
                f"its pickle has protocol {version}; save it again with torch.save's own protocol, 2"
            )

    def global_(self, name: str) -> None:
        """Push the name of a function or class: none is looked up, few may be named."""
        if self.plain or not (name in CALLS or name in _STORAGES or name in _DTYPES):
            raise CheckpointError(
                f"its pickle asks for {shown(name)}, which no state dict needs; it may be harmful: do not "
                "open it by other means. If it is yours, save the weights alone: "
                "torch.save(model.state_dict(), FILE)"
            )
        self.numpy |= name.startswith("numpy")
        self.stack.append(Global(name))

    def mark(self, _) -> None:
        """Open a bracket."""
        if len(self.marked) >= _MAX_MARKS:
            raise odd_pickle(f"its pickle is nested over {_MAX_MARKS} deep")
        self.marked.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Any]:
        """Close a bracket; return what was pushed since it was opened."""
        items, self.stack = self.stack, self.marked.pop()
        return items

    def tuple_(self, _) -> None:
        """Push all in the bracket as a tuple."""
        items = tuple(self.pop_mark())
        self.stack.append(items)

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the last `count` values."""
        if len(self.stack) < count:
            raise IndexError
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def extend(self, items: list[Any]) -> None:
        """Add to the list on top."""
        if type(self.stack[-1]) is not list:
            raise CheckpointError("its pickle is malformed (it adds to what is not a list)")
        self.stack[-1].extend(items)

    def assign(self, items: list[Any]) -> None:
        """Set keys and values, alternating, in the dict on top."""
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict) or len(items) % 2:
            raise CheckpointError("its pickle is malformed (it sets keys of what is not a dict)")
        for key, value in zip(items[::2], items[1::2], strict=True):
            check_key(key)
            target[key] = value

    def append(self, _) -> None:
        """Add one value to a list."""
        item = self.stack.pop()
        self.extend([item])

    def set_item(self, _) -> None:
        """Set one key of a dict."""
        value, key = self.stack.pop(), self.stack.pop()
        self.assign([key, value])

    def get(self, index: int) -> None:
        """Push something seen before."""
        self.stack.append(self.memo[index])

    def put(self, index: int) -> None:
        """Remember what is on top under a number."""
        if index > 1 << 24:
            raise odd_pickle(f"its pickle numbers its objects up to {index}")
        self.memo[index] = self.stack[-1]

    def persistent(self, _) -> None:
        """Push a storage, which the file keeps outside the pickle."""
        identity = self.stack.pop()
        if self.plain or type(identity) is not tuple or len(identity) not in (5, 6):
            raise CheckpointError("its pickle is malformed (a reference to outside that is not a storage)")
        word, kind, key, place, numel, *view = identity
        dtype = _STORAGES.get(kind.name) if isinstance(kind, Global) else None
        if word != "storage" or dtype is None or view not in ([], [None]):
            raise CheckpointError("its pickle is malformed (a reference to outside that is not a storage)")
        if not (type(key) is str and key and len(key) <= 64 and is_size(numel)):
            raise CheckpointError(f"its storage {shown(key)} is of no usable size ({shown(numel)})")
        if type(place) is not str or not re.fullmatch(r"(?!meta)[a-z]{1,20}(:\d{1,3})?", place):
            raise CheckpointError(f"its storage {shown(key)} lies on {shown(place)}; save it from the CPU")
        found = Storage(key, dtype, numel)
        known = self.storages.setdefault(key, found)
        if known != found and known.nbytes + found.nbytes:  # empty ones may share a name
            raise CheckpointError(f"its storage {shown(key)} is described twice, and differently")
        self.stack.append(found)

    def reduce(self, _) -> None:
        """Push what is known of the result of a call."""
        arguments, function = self.stack.pop(), self.stack.pop()
        name = function.name if isinstance(function, Global) else ""
        call = CALLS.get(name)
        if call is None or type(arguments) is not tuple:
            raise CheckpointError("its pickle is malformed (it calls what is not a function)")
        try:
            result = call(*arguments)
        except TypeError as error:  # too many or too few arguments
            raise CheckpointError(f"its pickle calls {name!r} in an unknown way") from error
        if name in HOOKS:
            self.hooks.append(arguments[HOOKS[name]])
        self.stack.append(result)

    def build(self, _) -> None:
        """Set attributes: of a state dict its `_metadata`, of a numpy dtype its byte order."""
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is OrderedDict and type(state) is dict and set(state) <= {"_metadata"}:
            vars(target).update(state)
        elif not (isinstance(target, NumpyType) and is_native(state)):
            raise CheckpointError(f"its pickle is malformed (attributes for {shown(target)})")


def _check_depth(roots: list[Any]) -> None:
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
            raise odd_pickle("its pickle has a container that holds itself")
        if depths.get(id(value), 0) > MAX_DEPTH:
            raise odd_pickle(f"its pickle is nested over {MAX_DEPTH} deep")


def _children(value: object) -> list[Any]:
    """Return what a container holds; nothing if it is none."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, OrderedDict):
        return [*value.values(), *vars(value).values()]
    return list(value.values()) if isinstance(value, dict) else []


_LITERALS = {
    "BININT",
    "BININT1",
    "BININT2",
    "BINFLOAT",
    "LONG1",
    "BINUNICODE",
    "SHORT_BINSTRING",
    "BINSTRING",  # what Python 2 wrote for strings of over 255 bytes
}
_FRESH: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
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
