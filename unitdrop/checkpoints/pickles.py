"""What a checkpoint's pickle would build, found out without building it: `outline`.

A pickle is a program. `outline` follows it on a small stack machine of our own that holds placeholders where
the program asks for tensors, and stand-ins for every object that a state dict does not need. Nothing from the
file is imported or called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from unitdrop.checkpoints.calls import Calls, mappings, odd_pickle, pairs_of
from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.opcodes import opcodes
from unitdrop.checkpoints.placeholders import Opaque, Storage
from unitdrop.checkpoints.references import Storages
from unitdrop.errors import CheckpointError

MAX_PICKLE = (
    64 << 20
)  # bytes; of a ResNet-152 with its optimizer under 1 MiB, and arrays of numpy lie in it too
_MAX_TEXT = 16 << 20  # bytes of all strings that are kept
_MAX_MARKS = (
    1_000  # brackets in one another; Python's own pickler gives up at some 300 objects in one another
)


def most_opcodes(tensors: int) -> int:
    """Return how many opcodes the pickle of a checkpoint with so many weights may have.

    A tensor takes about 35, and there may be four for every weight; the loss of every step may lie beside.
    """
    return 300_000 + 200 * tensors


@dataclass(frozen=True)
class Outline:
    """What a pickle would build.

    Attributes
    ----------
    value : its object, with a `Tensor` placeholder for every tensor and `Opaque` for what is unknown; it may
        share its parts, or hold itself
    storages : the storages its tensors lie in, by key
    strange : the names of what is not often found beside weights
    touched : the keys of storages with a tensor that is given to something unknown
    end : where in the data it ends
    """

    value: object
    storages: dict[str, Storage]
    strange: list[str]
    touched: set[str]
    end: int


def outline(data: bytes, start: int = 0, *, limit: int, plain: bool = False) -> Outline:
    r"""Follow one pickle to its end, building nothing.

    Parameters
    ----------
    data, start
        The pickle, and where it begins.
    limit
        How many opcodes to follow at most.
    plain
        Whether only numbers, strings, lists, tuples and dicts may occur.

    Raises
    ------
    CheckpointError
        If the pickle is damaged, asks for something harmful, or is out of proportion.

    Examples
    --------
    >>> outline(b"\x80\x02}U\x05epochK\x07s.", limit=100).value
    {'epoch': 7}
    >>> outline(b"\x80\x02cargs\nNamespace\n)R.", limit=100).value
    Opaque('args Namespace')
    >>> outline(b"\x80\x02cos\nsystem\nU\x02ls\x85R.", limit=100)
    Traceback (most recent call last):
    unitdrop.errors.CheckpointError: its pickle asks for 'os system', which no state dict needs; ...
    """
    machine = _Machine(plain, Calls(limit))
    try:
        for count, (name, argument, end) in enumerate(opcodes(data, start)):
            if count >= limit:
                raise odd_pickle(f"its pickle has over {limit} opcodes")
            if name == "STOP":
                return machine.outline(end)
            machine.step(count, name, argument)
        raise CheckpointError("its pickle has no end; download it again")
    except CheckpointError:
        raise
    except Exception as error:  # the many ways in which an empty stack and damaged text complain
        raise CheckpointError(
            f"its pickle is damaged or cut short ({type(error).__name__}); download it again"
        ) from error


@dataclass
class _Machine:
    """The stack machine: `step` once for every opcode, then `outline`."""

    plain: bool
    calls: Calls
    text: int = _MAX_TEXT
    stack: list[Any] = field(default_factory=list)
    marked: list[list[Any]] = field(default_factory=list)  # the stacks below every MARK
    memo: dict[str, Any] = field(default_factory=dict)  # by numbers in words, as in `pairs_of`
    storages: Storages = field(default_factory=Storages)

    def step(self, count: int, name: str, argument: Any) -> None:
        """Do one opcode."""
        if name in _LITERALS:
            self.push_literal(argument)
        elif name in _FRESH:
            self.stack.append(_FRESH[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name == "PROTO":
            if count or argument > 5:
                raise CheckpointError(
                    "its pickle has a protocol that torch.save does not write; save it again"
                )
        elif name != "FRAME":
            raise odd_pickle(f"its pickle uses the opcode {name}, which torch.save does not write")

    def outline(self, end: int) -> Outline:
        """Return what there is after the last opcode."""
        if len(self.stack) != 1 or self.marked or any(self.calls.hooks):
            raise CheckpointError("its pickle is malformed (leftovers on its stack or in its hooks)")
        return Outline(self.stack[0], self.storages.found, self.calls.strange(), self.calls.touched, end)

    # Opcodes

    def push_literal(self, argument: Any) -> None:
        """Push a number or a string."""
        if isinstance(argument, (str, bytes)):
            self.text -= len(argument)
            if self.text < 0:
                raise odd_pickle(f"its pickle has strings of over {_MAX_TEXT} characters")
        self.stack.append(argument)

    def push_global(self, name: str) -> None:
        """Push the name of a function or class: none is looked up."""
        if self.plain:
            raise CheckpointError(f"its pickle asks for {shown(name)}, which no state dict needs")
        self.stack.append(self.calls.named(name))

    def stack_global(self, _) -> None:
        """Push the name of a function or class that lies on the stack in two parts."""
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise CheckpointError("its pickle is malformed (a name that is not text)")
        self.push_global(f"{module} {name}")

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

    def close(self, make: Callable[[list[Any]], object]) -> None:
        """Push what is made of all in the bracket."""
        items = self.pop_mark()
        self.stack.append(make(items))

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the last `count` values."""
        if len(self.stack) < count:
            raise IndexError
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def pop(self, _) -> None:
        """Forget what is on top; an open bracket that is empty is closed."""
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def pop_all(self, _) -> None:
        """Forget all in the bracket."""
        self.pop_mark()

    def extend(self, items: list[Any]) -> None:
        """Add to the list or the set on top."""
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        elif not isinstance(target, Opaque):
            raise CheckpointError("its pickle is malformed (it adds to what is not a list)")

    def assign(self, items: list[Any]) -> None:
        """Set keys and values, alternating, in the dict on top."""
        target = self.stack[-1]
        if isinstance(target, Opaque):
            target = target.items
        if not isinstance(target, dict) or len(items) % 2:
            raise CheckpointError("its pickle is malformed (it sets keys of what is not a dict)")
        target.update(_pairs(items))

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
        self.stack.append(self.memo[str(index)])

    def put(self, index: int) -> None:
        """Remember what is on top under a number."""
        if not 0 <= index <= 1 << 24:
            raise odd_pickle(f"its pickle numbers its objects up to {shown(index)}")
        self.memo[str(index)] = self.stack[-1]

    def persistent(self, _) -> None:
        """Push a storage, which the file keeps outside the pickle."""
        identity = self.stack.pop()
        if self.plain:
            raise CheckpointError("its pickle is malformed (a reference to outside in a list of names)")
        self.stack.append(self.storages.referred(identity))

    def reduce(self, _) -> None:
        """Push what is known of the result of a call."""
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(self.calls.result(function, arguments))

    def new_object(self, _) -> None:
        """Push what is known of a new object of a class."""
        arguments, kind = self.stack.pop(), self.stack.pop()
        self.stack.append(self.calls.new(kind, arguments))

    def new_object_by_name(self, _) -> None:
        """Push what is known of a new object of a class, of which some arguments have names."""
        named = self.stack.pop()
        arguments, kind = self.stack.pop(), self.stack.pop()
        made = self.calls.stand_in(kind, arguments)
        made.inside.extend(mappings((named,)))
        self.stack.append(made)

    def instance(self, name: str) -> None:
        """Push what is known of an object, as protocol 0 writes it."""
        arguments = tuple(self.pop_mark())
        self.push_global(name)
        self.stack.append(self.calls.result(self.stack.pop(), arguments))

    def object_(self, _) -> None:
        """Push what is known of an object, as protocol 1 writes it."""
        kind, *arguments = self.pop_mark()
        self.stack.append(self.calls.result(kind, tuple(arguments)))

    def build(self, _) -> None:
        """Set attributes: a stand-in keeps them, those of a dict do not matter."""
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Opaque):
            state = state if type(state) is tuple else (state,)
            self.calls.spend(len(state))
            target.inside.extend(mappings(state))
        elif not isinstance(target, dict):
            raise CheckpointError(f"its pickle is malformed (attributes for {shown(target)})")


def _pairs(items: list[Any]) -> dict[Any, Any]:
    """Return keys and values, alternating, as a dict."""
    return pairs_of(zip(items[::2], items[1::2], strict=True))


_LITERALS = {
    "INT",
    "LONG",
    "FLOAT",
    "BININT",
    "BININT1",
    "BININT2",
    "BINFLOAT",
    "LONG1",
    "LONG4",
    "STRING",
    "UNICODE",
    "SHORT_BINSTRING",
    "BINSTRING",
    "SHORT_BINUNICODE",
    "BINUNICODE",
    "BINUNICODE8",
    "SHORT_BINBYTES",
    "BINBYTES",
    "BINBYTES8",
    "BYTEARRAY8",
}
_FRESH: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": lambda: Opaque("builtins set"),
}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "GLOBAL": _Machine.push_global,
    "STACK_GLOBAL": _Machine.stack_global,
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_all,
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.close(tuple),
    "LIST": lambda machine, _: machine.close(list),
    "DICT": lambda machine, _: machine.close(_pairs),
    "FROZENSET": lambda machine, _: machine.close(lambda _: Opaque("builtins frozenset")),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": _Machine.append,
    "APPENDS": lambda machine, _: machine.extend(machine.pop_mark()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.pop_mark()),
    "SETITEM": _Machine.set_item,
    "SETITEMS": lambda machine, _: machine.assign(machine.pop_mark()),
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memo)),
    "BINPERSID": _Machine.persistent,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.new_object,
    "NEWOBJ_EX": _Machine.new_object_by_name,
    "INST": _Machine.instance,
    "OBJ": _Machine.object_,
    "BUILD": _Machine.build,
}
