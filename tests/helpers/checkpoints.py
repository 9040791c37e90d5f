"""Checkpoints written byte by byte: pickles, zips, legacy files, those of Python 2."""

import io
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from types import FunctionType
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import nn

LIKE = {
    "fc.weight": torch.zeros(2, 3),
    "fc.bias": torch.zeros(2),
    "bn.running_var": torch.zeros(4),
    "bn.num_batches_tracked": torch.zeros((), dtype=torch.int64),
}
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def state(seed=0):
    """Numbers as a small network might have them."""
    make = torch.Generator().manual_seed(seed)
    made = {name: torch.rand(t.shape, generator=make) for name, t in LIKE.items() if t.is_floating_point()}
    return OrderedDict(made, **{"bn.num_batches_tracked": torch.tensor(1234)})


def state_with(**changes):
    """Those numbers, some of them changed (dots in names as double underscores)."""
    return state() | {name.replace("__", "."): value for name, value in changes.items()}


def prefixed(*prefixes):
    """Those numbers, with prefixes before every name."""
    return OrderedDict(("".join(prefixes) + name, tensor) for name, tensor in state().items())


# Pickles, opcode by opcode


class Global(NamedTuple):
    name: str  # "module name"


class Call(NamedTuple):
    name: str
    arguments: object


class Outside(NamedTuple):
    identity: tuple


class Raw(NamedTuple):
    opcodes: bytes


def opcodes(value):
    """The opcodes of protocol 2 that build a value, nothing of it shared."""
    match value:
        case Raw(data):
            return data
        case Global(name):
            module, _, name = name.partition(" ")
            return f"c{module}\n{name}\n".encode()
        case Call(name, arguments):
            return opcodes(Global(name)) + opcodes(arguments) + b"R"
        case Outside(identity):
            return opcodes(identity) + b"Q"
        case None | True | False:
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            return b"J" + struct.pack("<i", value) if abs(value) < 1 << 31 else pickle.dumps(value, 2)[2:-1]
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            data = value.encode()
            return b"X" + struct.pack("<I", len(data)) + data
        case tuple():
            return b"(" + b"".join(map(opcodes, value)) + b"t"
        case list():
            return b"](" + b"".join(map(opcodes, value)) + b"e"
        case dict():
            return b"}(" + b"".join(opcodes(part) for pair in value.items() for part in pair) + b"u"
    raise TypeError(value)


def pickled(value):
    return b"\x80\x02" + opcodes(value) + b"."


NO_HOOKS = Call("collections OrderedDict", ())


def storage(key, numel, kind="torch FloatStorage", place="cpu", view=()):
    return Outside(("storage", Global(kind), key, place, numel, *view))


def tensor(key, shape, *, numel=None, stride=None, offset=0, hooks=NO_HOOKS, more=(), grad=False, **outside):
    """A call that rebuilds a tensor which by default fills its storage."""
    steps = [1]
    for size in reversed(shape[1:]):
        steps.insert(0, steps[0] * size)
    stride = tuple(steps[: len(shape)]) if stride is None else stride
    numel = int(np.prod(shape)) if numel is None else numel
    kept = storage(key, numel, **outside)
    return Call("torch._utils _rebuild_tensor_v2", (kept, offset, shape, stride, grad, hooks, *more))


def parts(view=(), **changes):
    """A good state dict as calls, with some of them changed (dots in names as double underscores)."""
    made = {
        "fc.weight": tensor("0", (2, 3), view=view),
        "fc.bias": tensor("1", (2,), view=view),
        "bn.running_var": tensor("2", (4,), view=view),
        "bn.num_batches_tracked": tensor("3", (), kind="torch LongStorage", view=view),
    }
    return made | {name.replace("__", "."): value for name, value in changes.items()}


DATA = {
    key: np.ones(size, kind).tobytes() for key, size, kind in zip("0123", (6, 2, 4, 1), "fffq", strict=True)
}


# Containers


def zipped(data_pkl, records=None, *, top="archive", extra=(), pack=zipfile.ZIP_STORED):
    """A zip as torch.save lays it out, by Python's zipfile."""
    records = DATA if records is None else records
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", pack) as file:
        file.writestr(f"{top}/data.pkl", data_pkl)
        for key, data in records.items():
            file.writestr(f"{top}/data/{key}", data)
        file.writestr(f"{top}/version", "3\n")
        for name, data in extra:
            file.writestr(name, data)
    return buffer.getvalue()


def legacy(main, keys=None, data=None, machine=None):
    """A file as torch < 1.6 wrote it, by default with the good data."""
    keys = list(DATA) if keys is None else keys
    if data is None:
        lengths = {"0": 6, "1": 2, "2": 4, "3": 1}
        data = b"".join(struct.pack("<q", lengths[key]) + DATA[key] for key in keys)
    machine = {"protocol_version": 1001, "little_endian": True} if machine is None else machine
    return MAGIC + pickled(1001) + pickled(machine) + main + pickled(keys) + data


def old(**changes):
    """A good legacy file, with some of its parts changed."""
    return legacy(pickled(parts((None,), **changes)))


def saved(value, **options):
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def saved_legacy(value):
    return saved(value, _use_new_zipfile_serialization=False)


class _Python2(pickle._Pickler):
    """Writes as torch 0.2 did under Python 2.7: byte strings, `_rebuild_tensor`, dicts as lists of pairs."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def __init__(self, file):
        super().__init__(file, 2)
        self.storages = {}

    def save_str(self, text):
        data = text.encode("latin1")
        short = len(data) < 256
        self.write((b"U" + bytes([len(data)]) if short else b"T" + struct.pack("<i", len(data))) + data)
        self.memoize(text)

    dispatch[str] = save_str

    def persistent_id(self, value):
        if not isinstance(value, torch.UntypedStorage):
            return None
        key = str(value._cdata)
        self.storages[key] = value
        return "storage", torch.FloatStorage, key, "cuda:0", value.nbytes() // 4, None

    def reducer_override(self, value):
        if isinstance(value, torch.Tensor):
            place = (value.untyped_storage(), value.storage_offset(), tuple(value.shape), value.stride())
            return torch._utils._rebuild_tensor, place
        if isinstance(value, OrderedDict):
            return OrderedDict, ([[key, item] for key, item in value.items()],)
        if isinstance(value, np.float64):
            return _scalar, (Raw, value.tobytes().decode("latin1"))
        return NotImplemented

    def save_global(self, value, name=None):
        if value is Raw:
            state = (3, "<", None, None, None, -1, -1, 0)
            self.write(opcodes(Call("numpy dtype", ("f8", 0, 1))) + opcodes(state) + b"b")
        elif value is _scalar:
            self.write(opcodes(Global("numpy.core.multiarray scalar")))
        elif value is torch.FloatStorage:
            self.write(opcodes(Global("torch FloatStorage")))
        else:
            super().save_global(value, name)

    dispatch[type] = dispatch[FunctionType] = save_global


def _scalar():
    """Stands for numpy's function of that name, whose module has moved since."""


def _bytes(storage):
    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy().tobytes()


def python2(value):
    """A legacy file of float32 tensors as torch 0.2 under Python 2.7 wrote it."""

    def dumped(part):
        stream = io.BytesIO()
        pickler = _Python2(stream)
        pickler.dump(part)
        return stream.getvalue(), pickler.storages

    main, storages = dumped(value)
    head = MAGIC + pickled(1001) + dumped({"protocol_version": 1001, "little_endian": True})[0] + main
    data = b"".join(struct.pack("<q", kept.nbytes() // 4) + _bytes(kept) for kept in storages.values())
    return head + dumped(list(storages))[0] + data


def tar_too():
    """A good legacy file that torch, given its path, takes for a tar archive: the check sum is right."""
    machine = {"protocol_version": 1001, "remark": " " * 600}
    data = bytearray(legacy(pickled(parts(view=(None,))), machine=machine))
    data[148:156] = b" " * 8
    data[148:156] = b"%06o  " % sum(data[:512])
    tarfile.TarInfo.frombuf(bytes(data[:512]), "utf-8", "surrogateescape")
    return bytes(data)


# State dicts to write, and what was read of them


def with_optimizer():
    """A training script's own checkpoint: an optimizer, numpy scalars, settings, random state."""
    net = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=np.float64(0.1))
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {
        "epoch": 90,
        "arch": "resnet18",
        "state_dict": state(),
        "best": [np.float64(91.5), np.float32(1), np.int64(3), np.bool_(True), np.float16(2), np.uint8(7)],
        "optimizer": optimizer.state_dict(),
        "config": {"lr": [0.1, 0.01], "size": torch.Size([2, 3]), "device": torch.device("cuda", 1)},
        "big": 1 << 90,
        "dtype": torch.float16,
        "names": {"a", "b"},
        "raw": b"\x00\xff",
        "random": torch.get_rng_state(),
    }


def same(read, expected):
    """Whether these are the very same numbers, fresh and contiguous."""
    return all(
        tensor.dtype == expected[name].dtype
        and tensor.shape == expected[name].shape
        and tensor.contiguous().view(torch.uint8).equal(expected[name].contiguous().view(torch.uint8))
        if tensor.ndim
        else tensor.equal(expected[name])
        for name, tensor in read.items()
    ) and list(read) == list(expected)
