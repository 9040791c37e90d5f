"""What training scripts keep beside the weights: objects of the standard library, of others, of their own."""

import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import pathlib
import types
import uuid

import numpy as np
import torch


@dataclasses.dataclass
class Settings:
    """A configuration object of a user's own."""

    lr: float = 0.1
    path: object = None
    parent: object = None

    class Inner:
        """A class in a class, which old protocols name by `getattr`."""


class Colour(enum.Enum):
    """An enumeration of a user's own."""

    RED = 1


class AttributeDict(dict):
    """A mapping of a user's own, as Lightning and many others have one."""

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.__dict__["frozen"] = True


class Slotted:
    """An object without a `__dict__`."""

    __slots__ = ("a", "b")


def slotted():
    """One of them, with values."""
    made = Slotted()
    made.a, made.b = 1, [2]
    return made


def cyclic():
    """Objects that hold one another, as the nodes of OmegaConf do."""
    outer = Settings()
    outer.parent = [Settings(parent=outer) for _ in range(40)]
    return outer


def tagged():
    """A parameter with an attribute of its own."""
    made = torch.nn.Parameter(torch.ones(2))
    made.tag = "frozen"
    return made


def objects():
    """Each kind of object by name; none of it is harmful, and none of it is needed to read weights."""
    return {
        "namespace": argparse.Namespace(model="resnet18", lr=0.1, sizes=[1, 2]),
        "simple namespace": types.SimpleNamespace(a=1),
        "counter": collections.Counter("abca"),
        "defaultdict": collections.defaultdict(list, a=[1]),
        "ordered dict": collections.OrderedDict(a=1),
        "deque": collections.deque([1, 2], maxlen=3),
        "numpy array": np.arange(6.0).reshape(2, 3),
        "numpy array of a megabyte": np.ones(1 << 17),
        "numpy array of objects": np.array([{}, None], dtype=object),
        "numpy array of texts": np.array(["x", "yy"]),
        "numpy numbers": [
            np.float16(1),
            np.int8(2),
            np.complex64(3),
            np.bool_(True),
            np.datetime64("2020-01-01"),
        ],
        "numpy dtype": np.dtype("f4"),
        "numpy random state": np.random.RandomState(0).get_state(),
        "numpy generator": np.random.default_rng(0),
        "path": pathlib.Path("a/b"),
        "dates": [datetime.datetime(2020, 1, 2), datetime.timedelta(1), datetime.UTC],
        "complex": 1 + 2j,
        "decimal": decimal.Decimal("1.5"),
        "uuid": uuid.UUID(int=7),
        "enum": Colour.RED,
        "settings": Settings(path=pathlib.PurePosixPath("runs/1")),
        "class": Settings,
        "class in a class": Settings.Inner(),
        "method": Settings().__eq__,
        "mapping of one's own": AttributeDict(lr=0.1, sizes=[1]),
        "slots": slotted(),
        "objects that hold one another": cyclic(),
        "partial": functools.partial(print, 1, end=""),
        "function": functools.reduce,
        "sets": [{1, 2}, frozenset("ab")],
        "bytes": [b"\x00\xff", bytearray(b"x"), b"x" * 10_000],
        "slice and range": [slice(1), range(3)],
        "exception": ValueError("x"),
        "tuple as a key": {(1, "a"): 2},
        "enum as a key": {Colour.RED: 2},
        "large number": 1 << 4000,
        "long text": "x" * 100_000,
        "not a number": [float("nan"), -float("inf")],
        "torch's own": [torch.device("cpu"), torch.float16, torch.Size([1]), torch.get_rng_state()],
        "module": torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.BatchNorm1d(2)),
        "optimizer": torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]),
        "parameter with a tag": tagged(),
        "rare dtypes": [
            torch.ones(2).to(kind) for kind in (torch.uint16, torch.float8_e4m3fn, torch.bfloat16)
        ],
        "expanded": torch.ones(1).expand(5),
        "sparse": torch.eye(2).to_sparse(),
        "conjugated": torch.ones(2, dtype=torch.complex64).conj(),
    }
