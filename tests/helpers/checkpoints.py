"""Checkpoints good and hostile, written byte by byte, and a process that reads them and is measured.

Run as a program it reads files, each in a process of its own (`measured`), or thousands of damaged ones
(`mutants`).
"""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import FunctionType
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save as save_safetensors

from unitdrop.checkpoints.read import read_checkpoint
from unitdrop.errors import CheckpointError

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


def saved(value, **options):
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def saved_legacy(value):
    return saved(value, _use_new_zipfile_serialization=False)


class _Python2(pickle._Pickler):
    """Writes as torch 0.2 did under Python 2.7: byte strings, `_rebuild_tensor`, dicts as lists of pairs."""

    dispatch = dict(pickle._Pickler.dispatch)

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


# Hostile files: name -> (content or a function that makes it at a path, words of the message)


def _changed(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def _entry_edit(data, name, field, new):
    """A zip with a field of an entry in its directory replaced."""
    return _changed(data, data.rindex(b"PK\x01\x02", 0, data.rindex(name)) + field, new)


def _safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _tensors(**changes):
    """A good header of safetensors, with some entries changed or (None) left out."""
    header, place = {}, 0
    for name, wanted in LIKE.items():
        end = place + wanted.numel() * wanted.element_size()
        dtype = "F32" if wanted.is_floating_point() else "I64"
        header[name] = {"dtype": dtype, "shape": list(wanted.shape), "data_offsets": [place, end]}
        place = end
    for name, change in changes.items():
        header[name.replace("__", ".")] |= change
    return header


class _Marker(torch.Tensor):
    pass


def _with(**changes):
    return state() | {name.replace("__", "."): value for name, value in changes.items()}


def _tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    return buffer.getvalue()


def tar_too():
    """A good legacy file that torch, given its path, takes for a tar archive: the check sum is right."""
    machine = {"protocol_version": 1001, "remark": " " * 600}
    data = bytearray(legacy(pickled(parts(view=(None,))), machine=machine))
    data[148:156] = b" " * 8
    data[148:156] = b"%06o  " % sum(data[:512])
    tarfile.TarInfo.frombuf(bytes(data[:512]), "utf-8", "surrogateescape")
    return bytes(data)


def _torchscript():
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), buffer)
    return buffer.getvalue()


def _laughs(kind=b"t", levels=100):
    """A tuple (or list) of ten times a tuple of ten times ... nothing, and what remains of building it."""
    body = b"(N)q\x00"
    for level in range(1, levels):
        open_ = b"(" if kind == b"t" else b"]("
        body += open_ + (b"h" + bytes([level - 1])) * 10 + kind + b"q" + bytes([level])
    return Raw(body + b"t")


def _late_hooks():
    """Hooks that are empty when their tensor is made, and are filled later."""
    filled = Raw(opcodes(NO_HOOKS) + b"q\x01")
    later = Raw(b"h\x01X\x01\x00\x00\x00aK\x01s")
    return pickled({**parts(fc__bias=tensor("1", (2,), hooks=filled)), "later": later})


def _overlapping():
    """Two entries whose data are the same bytes."""
    good = zipped(pickled(parts()))
    first = good.index(b"PK\x03\x04", 1)
    return _entry_edit(good, b"archive/data/1", 42, struct.pack("<I", first))


def _quoted():
    """An entry whose data hold a whole other entry, which the directory names too."""
    inner = (
        b"PK\x03\x04"
        + struct.pack("<5H3L2H", 20, 0, 0, 0, 33, 0, 8, 8, 14, 0)
        + b"archive/data/1"
        + b"\0" * 8
    )
    data = zipped(pickled(parts()), DATA | {"0": inner + DATA["0"]})
    return _entry_edit(data, b"archive/data/1", 42, struct.pack("<I", data.index(inner)))


def _two_directories():
    one, other = zipped(pickled(parts())), zipped(pickled(Call("os system", ("true",))))
    return one + other


def _zip64_elsewhere():
    """A 64-bit end that leads to another directory than the plain one."""
    data = zipped(pickled(parts()))
    count, length, offset = struct.unpack("<HLL", data[-12:-2])
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length + 1, offset - 1)
    return data[:-22] + end64 + struct.pack("<4sLQL", b"PK\x06\x07", 0, len(data) - 22, 1) + data[-22:]


def _collisions(count=20_000):
    """Keys of a dict whose hashes are all the same."""
    step = (1 << 61) - 1
    return pickled(
        {
            **parts(),
            "x": Raw(b"}(" + b"".join(opcodes(step * (n + 1 << 8)) + b"N" for n in range(count)) + b"u"),
        }
    )


def _sparse(size):
    def make(path):
        path.write_bytes(zipped(pickled(parts())))
        os.truncate(path, size)

    return make


def _link(target):
    return lambda path: path.symlink_to(target)


def _beside(value):
    """A good zip with something beside the state dict."""
    return zipped(pickled({"state_dict": parts(), "x": value}))


def _call(name, *arguments):
    return _beside(Call(name, arguments))


def _zip(**changes):
    return zipped(pickled(parts(**changes)))


def _old(**changes):
    return legacy(pickled(parts((None,), **changes)))


def hostile():
    """Every hostile file: its name, what it holds (or who makes it), and words of the message."""
    with warnings.catch_warnings(action="ignore"):  # of torch, that some of these kinds will go
        return _hostile()


def _hostile():
    good, old, tensors = zipped(pickled(parts())), _old(), save_safetensors(dict(state()))
    weight = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    qint = torch.quantize_per_tensor(torch.ones(2, 3), 0.1, 0, torch.qint8)
    deep = 100_000
    return {
        # no checkpoint at all
        "no file": (lambda path: None, "no such file"),
        "folder": (Path.mkdir, "is a folder"),
        "fifo": (os.mkfifo, "not a regular file"),
        "dev zero": (_link("/dev/zero"), "not a regular file"),
        "link to itself": (lambda path: path.symlink_to(path), "cannot be opened"),
        "20 GB, sparse": (_sparse(20 << 30), "64 MiB"),
        "60 MiB of zeros after a zip": (_sparse(60 << 20), "cut short, or followed"),
        "empty": (b"", "is empty"),
        "one byte": (b"\x80", "plain pickle"),
        "zeros": (bytes(4096), "zeros"),
        "web page": (b"\n<!DOCTYPE html><html>404</html>", "web page"),
        "git-lfs pointer": (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "git lfs pull",
        ),
        "text": (b"to whom it may concern", "not a checkpoint"),
        "tar": (_tar(), "tar archive"),
        "gzip": (gzip.compress(good), "compressed as a whole"),
        "xz": (lzma.compress(good), "compressed as a whole"),
        "bzip2": (bz2.compress(good), "compressed as a whole"),
        "bare pickle": (pickle.dumps({"weight": 1}), "plain pickle"),
        "pickle that runs a command": (b"cos\nsystem\n(S'true'\ntR.", "not a checkpoint"),
        # code, memory and time from the pickle
        "os.system": (_call("os system", "true"), "'os system', which no state dict needs"),
        "posix.system": (_call("posix system", "true"), "which no state dict needs"),
        "eval": (_call("__builtin__ eval", "1"), "which no state dict needs"),
        "getattr": (_call("builtins getattr", 1, "real"), "which no state dict needs"),
        "os.system, legacy": (legacy(pickled(Call("os system", ("true",)))), "which no state dict needs"),
        "os.system in the storage keys": (
            legacy(pickled(parts((None,))), keys=Call("os system", ("true",)), data=b""),
            "which no state dict needs",
        ),
        "os.system in the machine": (
            legacy(b"", machine=Call("os system", ("true",))),
            "no state dict needs",
        ),
        "bytearray of 3 GiB": (_call("__builtin__ bytearray", 3 << 30), "which no state dict needs"),
        "bytes": (_call("__builtin__ bytes", 3 << 30), "which no state dict needs"),
        "torch.Tensor of 2^40": (_call("torch Tensor", 1 << 40), "which no state dict needs"),
        "untyped storage of 2^40": (
            _call("torch.storage UntypedStorage", 1 << 40),
            "which no state dict needs",
        ),
        "float storage of 2^40": (_call("torch FloatStorage", 1 << 40), "calls what is not a function"),
        "Counter": (_call("collections Counter", {}), "which no state dict needs"),
        "float of 2^31 digits": (_call("__builtin__ complex", "1" * 99), "which no state dict needs"),
        "new object": (_beside(Raw(opcodes(Global("collections OrderedDict")) + b")\x81")), "opcode NEWOBJ"),
        "billion laughs": (_beside(_laughs(b"e")), "nested over"),
        "billion laughs as a key": (_beside(Raw(b"}" + _laughs().opcodes + b"K\x01s")), "key of a dict"),
        "tuple as a key": (_beside({(1, 2): 3}), "key of a dict"),
        "keys that collide": (zipped(_collisions()), "key of a dict"),
        "tuples 100,000 deep": (_beside(Raw(b")" + b"\x85" * deep)), "nested over|opcodes"),
        "lists 100,000 deep": (_beside(Raw(b"](" * deep)), "nested over"),
        "tuples 30,000 deep": (_beside(Raw(b")" + b"\x85" * 30_000)), "nested over"),
        "dicts 8,000 deep": (_beside(Raw(b"(}q\x00" + b"}K\x01h\x00sq\x00" * 8_000 + b"t")), "nested over"),
        "list in itself": (_beside(Raw(b"]q\x00h\x00a")), "holds itself"),
        "metadata 4,000 deep": (
            _beside(
                Raw(
                    b"("
                    + opcodes(NO_HOOKS)
                    + b"q\x00"
                    + b"".join([opcodes(NO_HOOKS), b"}", opcodes("_metadata"), b"h\x00sbq\x00"]) * 4_000
                    + b"t"
                )
            ),
            "nested over",
        ),
        "500,000 opcodes": (_beside(Raw(b"](" + b"N" * 500_000 + b"e")), "opcodes"),
        "string of 2 MB": (_beside("x" * 2_000_000), "string of 2000000 characters"),
        "string said to have 4 GB": (_beside(Raw(b"X\xff\xff\xff\xff")), "damaged or cut short"),
        "string of 2^62": (_beside(Raw(b"\x8d" + struct.pack("<Q", 1 << 62))), "damaged or cut short"),
        "number of 255 bytes as a size": (
            _zip(fc__bias=tensor("1", (1 << 2000,), numel=2)),
            "impossible shape",
        ),
        "memo 2^31": (_beside(Raw(b"Nr\xff\xff\xff\x7f")), "numbers its objects"),
        "memo unset": (_beside(Raw(b"h\x77")), "damaged or cut short"),
        "stack underflow": (zipped(b"\x80\x02R."), "damaged or cut short"),
        "no stop": (zipped(b"\x80\x02N"), "damaged or cut short"),
        "mark without end": (zipped(b"\x80\x02(N."), "leftovers"),
        "protocol 4": (zipped(pickle.dumps({"a": [1, 2]}, 4)), "protocol 4"),
        "protocol 5": (saved(state(), pickle_protocol=5), "protocol 5"),
        "protocol 4, legacy": (
            saved(state(), pickle_protocol=4, _use_new_zipfile_serialization=False),
            "not a checkpoint|plain pickle|protocol",
        ),
        "frame": (zipped(b"\x80\x02\x95" + struct.pack("<Q", 1 << 60) + b"N."), "opcode FRAME|damaged"),
        "protocol said twice": (_beside(Raw(b"\x80\x02N")), "does not begin like one"),
        "pop": (_beside(Raw(b"NN0")), "opcode POP"),
        "extension code": (_beside(Raw(b"\x82\x01")), "opcode EXT1"),
        "stack global": (_beside(Raw(opcodes("os") + opcodes("system") + b"\x93")), "opcode STACK_GLOBAL"),
        "instance": (_beside(Raw(b"(ios\nsystem\n")), "opcode INST"),
        "pickle of 17 MiB": (zipped(pickled("x" * (17 << 20))), "over the"),
        "attributes of a list": (_beside(Raw(b"]}b")), "attributes for"),
        "attributes of a dict": (
            _beside(Raw(opcodes(NO_HOOKS) + opcodes({"items": 1}) + b"b")),
            "attributes for",
        ),
        "numpy dtype of objects": (_call("numpy dtype", "O8", False, True), "numpy dtype"),
        "numpy's own dtype altered": (
            _beside(
                Raw(
                    opcodes(Call("numpy dtype", ("f8", False, True)))
                    + opcodes((3, ">", None, None, None, -1, -1, 0))
                    + b"b"
                )
            ),
            "attributes for",
        ),
        "numpy dtype not copied": (_call("numpy dtype", "f8", False, False), "numpy dtype"),
        "numpy scalar too short": (
            _call("numpy.core.multiarray scalar", Call("numpy dtype", ("f8", False, True)), "x"),
            "wrong size",
        ),
        "encoded 3 GiB": (_call("_codecs encode", "x", "utf-32"), "encodes"),
        # tensors that are not there, or not all
        "stride 0, 2^40 numbers": (
            _zip(fc__bias=tensor("1", (1 << 40,), numel=2, stride=(0,))),
            "cannot hold",
        ),
        "stride 0": (_zip(fc__weight=tensor("0", (2, 3), numel=1, stride=(0, 0))), "cannot hold"),
        "numbers that overlap": (_zip(fc__weight=tensor("0", (2, 3), stride=(1, 1))), "lie apart"),
        "negative stride": (_zip(fc__bias=tensor("1", (2,), stride=(-1,), offset=1)), "impossible shape"),
        "negative size": (_zip(fc__bias=tensor("1", (-2,), numel=2)), "impossible shape"),
        "negative offset": (_zip(fc__bias=tensor("1", (2,), offset=-1)), "impossible shape"),
        "offset beyond": (_zip(fc__bias=tensor("1", (2,), offset=1)), "cannot hold"),
        "offset 2^62": (_zip(fc__bias=tensor("1", (2,), offset=1 << 62)), "impossible shape"),
        "size 2^62": (_zip(fc__bias=tensor("1", (1 << 62, 4), numel=2)), "impossible shape"),
        "stride 2^62": (_zip(fc__weight=tensor("0", (2, 3), stride=(1 << 62, 1 << 62))), "impossible shape"),
        "sizes whose product is 0 mod 2^64": (
            _zip(fc__bias=tensor("1", (1 << 32, 1 << 32), numel=2)),
            "cannot hold",
        ),
        "200 dimensions": (_zip(fc__bias=tensor("1", (1,) * 200, stride=(1,) * 200)), "impossible shape"),
        "shape of bools": (_zip(fc__bias=tensor("1", (True, 2))), "impossible shape"),
        "shape of floats": (_zip(fc__bias=tensor("1", (2.0,), numel=2)), "impossible shape"),
        "storage of 2^62": (_zip(fc__bias=tensor("1", (2,), numel=1 << 62)), "no usable size"),
        "storage of 2^40": (_zip(fc__bias=tensor("1", (2,), numel=1 << 40)), "lacks the data"),
        "storage of 3 GiB, legacy": (
            _old(fc__bias=tensor("1", (2,), numel=3 << 28, view=(None,))),
            "another length",
        ),
        "storage of -1": (_zip(fc__bias=tensor("1", (2,), numel=-1)), "no usable size"),
        "storage key climbs": (_zip(fc__bias=tensor("../../etc/passwd", (2,))), "lacks the data"),
        "storage key null": (_zip(fc__bias=tensor("1\0", (2,))), "lacks the data"),
        "storage key of 99,999": (_zip(fc__bias=tensor("1" * 99_999, (2,))), "no usable size"),
        "storage key a number": (_zip(fc__bias=tensor(1, (2,))), "no usable size"),
        "storage without record": (zipped(pickled(parts()), {"0": DATA["0"]}), "lacks the data"),
        "storage cut short": (zipped(pickled(parts()), DATA | {"0": DATA["0"][:-1]}), "lacks the data"),
        "storage under two dtypes": (_zip(fc__bias=tensor("3", (2,))), "described twice"),
        "storage under two lengths": (_zip(fc__bias=tensor("0", (2,))), "described twice"),
        "reference of another kind": (
            _beside(Outside(("module", Global("torch Size"), "a", "b"))),
            "not a storage",
        ),
        "reference that is a number": (_beside(Outside(7)), "not a storage"),
        "storage with a view": (_old(fc__bias=tensor("1", (2,), view=(("9", 0, 2),))), "not a storage"),
        "legacy without storages": (legacy(pickled(parts((None,))), [], b""), "lists 0 storages"),
        "legacy that lists one twice": (legacy(pickled(parts((None,))), [*"0123", "0"]), "lists 5 storages"),
        "legacy with short storages": (old[:-4], "ends before"),
        "legacy without data": (legacy(pickled(parts((None,))), data=b""), "lacks the data"),
        "legacy with another length": (
            legacy(pickled(parts((None,))), data=struct.pack("<q", 1 << 40) + bytes(99)),
            "another length",
        ),
        "legacy that goes on": (old + b"more", "goes on"),
        "legacy cut in its pickle": (old[:200], "damaged or cut short"),
        "legacy keys not a list": (
            legacy(pickled(parts((None,))), keys={"0": 1}, data=b""),
            "list of storages",
        ),
        "legacy of another version": (MAGIC + pickled(7) + pickled({}) + pickled({}), "unknown version"),
        "on the meta device": (_zip(fc__bias=tensor("1", (2,), place="meta")), "save it from the CPU"),
        "meta tensor": (saved(_with(fc__bias=torch.empty(2, device="meta"))), "_rebuild_meta_tensor"),
        "hooks": (_zip(fc__bias=tensor("1", (2,), hooks={"a": 1})), "hooks"),
        "hooks added later": (zipped(_late_hooks()), "hooks"),
        "lazily conjugated": (_zip(fc__bias=tensor("1", (2,), more=({"conj": True},))), "lazily"),
        "sparse": (saved(_with(fc__weight=torch.eye(2, 3).to_sparse())), "_rebuild_sparse_tensor"),
        "quantised": (saved(_with(fc__weight=qint)), "which no state dict needs"),
        "subclass": (
            saved(_with(fc__weight=torch.ones(2, 3).as_subclass(_Marker))),
            "which no state dict needs",
        ),
        "nested tensor": (
            saved(_with(fc__weight=torch.nested.nested_tensor([torch.ones(3)] * 2))),
            "which no state dict needs",
        ),
        "numpy array": (saved(_with(fc__weight=np.ones((2, 3), "f"))), "which no state dict needs"),
        "whole module": (saved(torch.nn.Linear(3, 2)), "which no state dict needs"),
        # zips that readers see differently
        "deflated": (zipped(pickled(parts()), pack=zipfile.ZIP_DEFLATED), "is compressed"),
        "deflated bomb, 1 GiB": (_bomb, "is compressed"),
        "two entries of one name": (_named_twice("archive/data/0"), "are called"),
        "two names that differ in case": (_named_twice("archive/DATA/0"), "are called"),
        "entries that overlap": (_overlapping(), "overlaps"),
        "entry quoted in another": (_quoted(), "overlaps"),
        "junk before": (b"PK\x03\x04junk" + good, "should be|overlaps"),
        "junk after": (good + bytes(99), "followed by something else"),
        "comment": (good[:-2] + b"\x05\0hello", "followed by something else"),
        "two zips in one": (_two_directories(), "should be|overlaps"),
        "64-bit directory elsewhere": (_zip64_elsewhere(), "should be|disagree"),
        "directory that says 9,999": (
            _changed(good, len(good) - 14, struct.pack("<HH", 9999, 9999)),
            "9999 entries, over",
        ),
        "encrypted": (_entry_edit(good, b"archive/data/0", 8, b"\x01\0"), "encrypted"),
        "size larger than the file": (
            _entry_edit(good, b"archive/data/3", 20, struct.pack("<LL", 1 << 30, 1 << 30)),
            "twice|longer",
        ),
        "other name in the entry": (good.replace(b"archive/data/3", b"archive/data/9", 1), "two names"),
        "damaged data": (_changed(good, good.index(DATA["0"]), b"\xff"), "is damaged"),
        "entry outside the folder": (zipped(pickled(parts()), extra=[("other/data/7", b"")]), "one folder"),
        "entry that climbs": (zipped(pickled(parts()), extra=[("archive/../../x", b"")]), "does not write"),
        "entry with a backslash": (
            zipped(pickled(parts()), extra=[("archive/data\\7", b"")]),
            "does not write",
        ),
        "unknown entry": (zipped(pickled(parts()), extra=[("archive/evil.py", b"")]), "does not write"),
        "no data.pkl": (zipped(pickled(parts())).replace(b"data.pkl", b"Data.pkm"), "not of torch.save"),
        "5,000 entries": (
            zipped(pickled(parts()), DATA | {str(n): b"" for n in range(10, 5010)}),
            "entries, over",
        ),
        "cut": (good[: len(good) // 2], "cut short"),
        "cut to its first bytes": (good[:10], "cut short"),
        "big-endian": (zipped(pickled(parts()), extra=[("archive/byteorder", b"big")]), "little-endian"),
        "alignment of words": (
            zipped(pickled(parts()), extra=[("archive/.storage_alignment", b"1e9")]),
            "not what",
        ),
        "TorchScript": (_torchscript(), "TorchScript"),
        # safetensors
        "header of 2^63": (_safetensors(_tensors(), length=1 << 63), "header has"),
        "header beyond the file": (tensors[:100], "header has"),
        "header of 30 MB": (_safetensors(b'{"a":"' + b" " * 30_000_000 + b'"}'), "header has"),
        "header nested deeply": (_safetensors(b'{"a":' + b"[" * 100_000), "header is damaged"),
        "header not JSON": (_safetensors(b'{"a":nothing}'), "header is damaged"),
        "header of lists": (_safetensors(b'{"a":[1,2]}'), "header is damaged"),
        "name twice": (
            _safetensors(
                json.dumps(_tensors()).encode()[:-1]
                + b', "fc.weight": '
                + json.dumps(weight).encode()
                + b"}",
                bytes(56),
            ),
            "name twice",
        ),
        "offsets that overlap": (
            _safetensors(_tensors(fc__bias={"data_offsets": [16, 24]}), bytes(56)),
            "overlap",
        ),
        "offsets beyond the file": (
            _safetensors(
                _tensors(bn__num_batches_tracked={"data_offsets": [1 << 40, (1 << 40) + 8]}), bytes(56)
            ),
            "overlap",
        ),
        "shape of 2^62": (
            _safetensors(_tensors(fc__weight={"shape": [1 << 62, 1 << 62]}), bytes(56)),
            "impossible",
        ),
        "shape of 2^40": (
            _safetensors(_tensors(fc__weight={"shape": [1 << 40]}), bytes(56)),
            "its shape needs",
        ),
        "shape below 0": (_safetensors(_tensors(fc__weight={"shape": [-2, -3]}), bytes(56)), "impossible"),
        "dtype unknown": (_safetensors(_tensors(fc__weight={"dtype": "F7"}), bytes(56)), "dtype 'F7'"),
        "safetensors that go on": (tensors + b"more", "do not end with the file"),
        "safetensors cut": (tensors[:-4], "do not end with the file"),
        "safetensors with NaN": (save_safetensors(_with(fc__bias=torch.full((2,), np.nan))), "NaN"),
        # numbers and names that no such network has
        "NaN": (saved(_with(fc__bias=torch.tensor([0, np.nan]))), "fc.bias holds NaN"),
        "infinity": (
            saved_legacy(_with(fc__weight=torch.full((2, 3), -np.inf))),
            "fc.weight holds NaN or inf",
        ),
        "negative variance": (
            saved(_with(bn__running_var=torch.tensor([1, 1, -1e-9, 1]))),
            "negative variances",
        ),
        "shape": (saved(_with(fc__weight=torch.ones(3, 2))), "expected .2, 3"),
        "one number as another shape": (
            saved(_with(bn__num_batches_tracked=torch.tensor([1]))),
            "expected ..",
        ),
        "dtype": (saved(_with(fc__weight=torch.ones(2, 3).double())), "float64, expected torch.float32"),
        "complex": (saved(_with(fc__weight=torch.ones(2, 3) * 1j)), "complex64, expected"),
        "too many": (saved(_with(**{f"layer{n}": torch.ones(1) for n in range(9)})), "and 6 more too many"),
        "missing": (saved({"fc.weight": torch.ones(2, 3)}), "lacks 'fc.bias', 'bn.running_var'"),
        "other names": (saved({"conv.weight": torch.ones(2, 3)}), "made for another architecture"),
        "a string among tensors": (saved(_with(fc__bias="none")), "expected names and tensors"),
        "a number as a name": (saved({**state(), 7: torch.ones(1)}), "expected names and tensors"),
        "name of 10,000": (saved(_with(**{"x" * 10_000: torch.ones(1)})), "made for another architecture"),
        "names that merge": (
            saved({f"module.{n}": t for n, t in state().items()} | {"fc.bias": torch.ones(2)}),
            "too many",
        ),
        "empty dict": (saved({}), "no state dict"),
        "only a tensor": (saved(torch.ones(2, 3)), "no state dict"),
        "only an optimizer": (saved({"optimizer": {"state": {}}, "epoch": 3}), "no state dict"),
    }


def _bomb(path):
    """A gigabyte of zeros in a zip of a megabyte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("archive/data.pkl", pickled(parts()))
        with file.open("archive/data/0", "w") as entry:
            for _ in range(1 << 10):
                entry.write(bytes(1 << 20))


def _named_twice(name):
    with warnings.catch_warnings(action="ignore"):
        return zipped(pickled(parts()), extra=[(name, DATA["0"])])


def write(path, content):
    """Put a hostile file where it belongs."""
    content(path) if callable(content) else path.write_bytes(content)


# Reading in another process


class Outcome(NamedTuple):
    name: str
    ms: float
    mb: float  # growth of the resident memory's peak
    virtual: float  # growth of the peak of all memory asked for, used or not
    kind: str  # the exception's class, "" if the file was read, or "killed by signal ..."
    message: str


def measured(files):
    """Read every (name, path) in a process of its own that has torch loaded already."""
    job = json.dumps([(name, str(path)) for name, path in files])
    lines = _child("measure", stdin=job).splitlines()
    return [Outcome(*json.loads(line)) for line in lines]


def _child(*arguments, stdin=None, check=True):
    command = [sys.executable, "-W", "ignore", __file__, *map(str, arguments)]
    paths = [str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment, timeout=600)
    if check and done.returncode:
        raise RuntimeError(f"{done.returncode}: {done.stdout[-200:]} {done.stderr[-2000:]}")
    return done.stdout


def _peaks():
    """The peaks of resident and of all memory, MB."""
    status = Path("/proc/self/status")
    line = (
        next((x for x in status.read_text().splitlines() if x.startswith("VmPeak")), "x 0")
        if status.exists()
        else "x 0"
    )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, int(line.split()[1]) / 1024


def _measure_one(name, path):
    before, start = _peaks(), time.perf_counter()
    kind = message = ""
    try:
        read_checkpoint(path, LIKE)
    except BaseException as error:
        kind, message = type(error).__name__, str(error)
    spent = (time.perf_counter() - start) * 1e3
    mb, virtual = (after - then for after, then in zip(_peaks(), before, strict=True))
    return Outcome(name, spent, mb, virtual, kind, message)


def _forked(name, path):
    """Measure one file in a fork of this process, and survive its death."""
    receive, send = os.pipe()
    if not (child := os.fork()):
        signal.alarm(20)
        os.write(send, json.dumps(_measure_one(name, path)).encode()[:60_000])
        os._exit(0)
    os.close(send)
    with open(receive, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        return Outcome(name, 0, 0, 0, f"killed by signal {os.WTERMSIG(status)}", "")
    return Outcome(*json.loads(answer))


def _warm(folder):
    """Let every lazy import happen before anything is measured."""
    for content in (
        saved({"state_dict": state(), "best": np.float64(1)}),
        save_safetensors(dict(state())),
        saved_legacy(state()),
    ):
        path = Path(folder, "warm")
        path.write_bytes(content)
        read_checkpoint(path, LIKE)
        path.write_bytes(content[:-9])
        with contextlib.suppress(CheckpointError):
            read_checkpoint(path, LIKE)


# Damaged files


def bases():
    """Small good files, and for each how to write it again after its bytes were changed."""
    whole = {
        "state_dict": state(),
        "epoch": 3,
        "best": np.float64(0.5),
        "optimizer": {"state": {0: {"step": torch.ones(1)}}},
    }
    floats = OrderedDict((f"module.{n}", t) for n, t in state().items() if t.is_floating_point())
    old = {"state_dict": floats, "epoch": 3, "arch": "resnet", "best": np.float64(0.5)}
    return [
        saved(state()),
        saved(whole),
        saved_legacy(whole),
        python2(old),
        save_safetensors(dict(state())),
        _old(),
    ]


def _rezipped(data, change):
    """A zip whose records were changed, and which is in order otherwise."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(
                entry.filename, change(content) if entry.filename.endswith(("pkl", "0")) else content
            )
    return buffer.getvalue()


def _once(data, rng):
    """One small change of some bytes."""
    data = bytearray(data)
    at, other = (int(rng.integers(len(data))) for _ in range(2))
    length = int(rng.integers(1, 16))
    match int(rng.integers(8)):
        case 0:
            data[at] ^= 1 << int(rng.integers(8))
        case 1:
            data[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, *b"R(tQ.bhq}]u"]))
        case 2:
            del data[at:]
        case 3:
            data[at:at] = rng.bytes(length)
        case 4:
            del data[at : at + length]
        case 5:
            data[at : at + length], data[other : other + length] = (
                data[other : other + length],
                data[at : at + length],
            )
        case 6:
            data[at:at] = data[other : other + 4 * length]
        case 7:
            value = int(
                rng.choice([0, 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 62) - 1, (1 << 63) - 1])
            )
            data[at : at + 8] = struct.pack("<Q", value)[: int(rng.choice([1, 2, 4, 8]))]
    return bytes(data) or b"\0"


def mutant(number, files):
    """The mutant of that number: the same in every run."""
    rng = np.random.default_rng(number)
    data = files[number % len(files)]

    def change(part):
        for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
            part = _once(part or b"\0", rng)
        return part

    if data.startswith(b"PK") and rng.random() < 0.7:
        return _rezipped(data, change)
    if rng.random() < 0.5:  # of legacy files and safetensors, the part that says what there is
        split = min(len(data), 1500)
        return change(data[:split]) + data[split:]
    return change(data)


def mutants(first, count):
    """Read mutants in another process: how many torch saw, how many were read, ms, MB, complaints."""
    out = _child("mutants", first, count, check=False).splitlines()
    if not out or not out[-1].startswith("{"):
        return 0, 0, 0, 0, [f"the process died at mutant {out[-1] if out else first}"]
    found = json.loads(out[-1])
    return found["seen"], found["read"], found["slowest"], found["mb"], found["complaints"]


def _fits(read):
    return (
        list(read) == list(LIKE)
        and all(
            t.shape == LIKE[n].shape
            and t.dtype == LIKE[n].dtype
            and bool(t.isfinite().all())
            and t.is_contiguous()
            for n, t in read.items()
        )
        and bool((read["bn.running_var"] >= 0).all())
    )


def _read_mutants(folder, first, count):
    files, path = bases(), Path(folder, "mutant")
    before, complaints, seen, read, slowest = _peaks()[0], [], [], 0, 0.0
    load = torch.load
    torch.load = lambda *given, **options: seen.append(1) or load(*given, **options)
    for number in range(first, first + count):
        print(number, flush=True)
        path.write_bytes(mutant(number, files))
        start = time.perf_counter()
        try:
            if not _fits(read_checkpoint(path, LIKE)):
                complaints.append(f"mutant {number}: read, but is not what was asked for")
            read += 1
        except CheckpointError:
            pass
        except Exception as error:
            complaints.append(f"mutant {number}: {error!r}")
        slowest = max(slowest, time.perf_counter() - start)
    print(
        json.dumps(
            {
                "seen": len(seen),
                "read": read,
                "slowest": slowest * 1e3,
                "mb": _peaks()[0] - before,
                "complaints": complaints,
            }
        )
    )


def main(task, *arguments):
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        _warm(folder)
        if task == "mutants":
            _read_mutants(folder, *map(int, arguments))
            return
        for name, path in json.load(sys.stdin):
            print(json.dumps(_forked(name, path)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
