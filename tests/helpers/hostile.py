"""Hostile checkpoints, in tables of what they try.

Each has a name, its content or a function that makes it at a path, and words of the message it comes to.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch
from helpers.checkpoints import (
    DATA,
    LIKE,
    MAGIC,
    NO_HOOKS,
    Call,
    Global,
    Outside,
    Raw,
    legacy,
    old,
    opcodes,
    parts,
    pickled,
    saved,
    saved_legacy,
    state,
    state_with,
    tensor,
    zipped,
)
from safetensors.torch import save as save_safetensors

GOOD, OLD = zipped(pickled(parts())), old()
TENSORS = save_safetensors(dict(state()))


# What the tables below are made of


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


def _tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    return buffer.getvalue()


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


def _beside(value):
    """A good zip with something beside the state dict."""
    return zipped(pickled({"state_dict": parts(), "x": value}))


def _call(name, *arguments):
    return _beside(Call(name, arguments))


def _zip(**changes):
    return zipped(pickled(parts(**changes)))


# The tables


def _no_checkpoints():
    """No file, or no checkpoint at all."""
    return {
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
        "gzip": (gzip.compress(GOOD), "compressed as a whole"),
        "xz": (lzma.compress(GOOD), "compressed as a whole"),
        "bzip2": (bz2.compress(GOOD), "compressed as a whole"),
        "bare pickle": (pickle.dumps({"weight": 1}), "plain pickle"),
        "pickle that runs a command": (b"cos\nsystem\n(S'true'\ntR.", "plain pickle"),
    }


def _code():
    """Pickles that ask for code."""
    return {
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
    }


def _bombs():
    """Pickles that take time, memory or the whole stack."""
    deep = 100_000
    return {
        "lists 100,000 deep": (_beside(Raw(b"](" * deep)), "nested over"),
        "600,000 opcodes": (_beside(Raw(b"](" + b"N" * 600_000 + b"e")), "opcodes"),
        "string said to have 4 GB": (_beside(Raw(b"X\xff\xff\xff\xff")), "damaged or cut short"),
        "string of 2^62": (_beside(Raw(b"\x8d" + struct.pack("<Q", 1 << 62))), "damaged or cut short"),
        "number of 255 bytes as a size": (
            _zip(fc__bias=tensor("1", (1 << 2000,), numel=2)),
            "impossible shape",
        ),
        "memo 2^31": (_beside(Raw(b"Nr\xff\xff\xff\x7f")), "numbers its objects"),
    }


def _malformed_pickles():
    """Pickles that are damaged, or use what torch.save does not write."""
    return {
        "memo unset": (_beside(Raw(b"h\x77")), "damaged or cut short"),
        "stack underflow": (zipped(b"\x80\x02R."), "damaged or cut short"),
        "no stop": (zipped(b"\x80\x02N"), "damaged or cut short"),
        "mark without end": (zipped(b"\x80\x02(N."), "leftovers"),
        "protocol said twice": (_beside(Raw(b"\x80\x02N")), "a protocol that"),
        "extension code": (_beside(Raw(b"\x82\x01")), "opcode EXT1"),
        "stack global": (
            _beside(Raw(opcodes("os") + opcodes("system") + b"\x93")),
            "which no state dict needs",
        ),
        "instance": (_beside(Raw(b"(ios\nsystem\n")), "which no state dict needs"),
        "attributes of a list": (_beside(Raw(b"]}b")), "attributes for"),
    }


def _shapes():
    """Tensors whose numbers do not lie in their storage."""
    return {
        "stride 0, 2^40 numbers": (
            _zip(fc__bias=tensor("1", (1 << 40,), numel=2, stride=(0,))),
            "expected .2,",
        ),
        "stride 0": (
            zipped(
                pickled(parts(fc__weight=tensor("0", (2, 3), numel=1, stride=(0, 0)))),
                DATA | {"0": DATA["0"][:4]},
            ),
            "lie apart",
        ),
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
    }


def _storages():
    """Storages that are not there, or not all."""
    return {
        "storage of 2^62": (_zip(fc__bias=tensor("1", (2,), numel=1 << 62)), "no usable size"),
        "storage of 2^40": (_zip(fc__bias=tensor("1", (2,), numel=1 << 40)), "lacks the data"),
        "storage of 3 GiB, legacy": (
            old(fc__bias=tensor("1", (2,), numel=3 << 28, view=(None,))),
            "another length",
        ),
        "storage of -1": (_zip(fc__bias=tensor("1", (2,), numel=-1)), "no usable size"),
        "storage key climbs": (_zip(fc__bias=tensor("../../etc/passwd", (2,))), "lacks the data"),
        "storage key null": (_zip(fc__bias=tensor("1\0", (2,))), "lacks the data"),
        "storage key of 99,999": (_zip(fc__bias=tensor("1" * 99_999, (2,))), "no usable size"),
        "storage key a number": (_zip(fc__bias=tensor(1, (2,))), "no usable size"),
        "storage without record": (zipped(pickled(parts()), {"0": DATA["0"]}), "lacks the data"),
        "storage too long": (
            zipped(pickled(parts()), DATA | {"0": DATA["0"] + b"more"}),
            "longer than it says",
        ),
        "storage cut short": (zipped(pickled(parts()), DATA | {"0": DATA["0"][:-1]}), "lacks the data"),
        "storage under two dtypes": (_zip(fc__bias=tensor("3", (2,))), "described twice"),
        "storage under two lengths": (_zip(fc__bias=tensor("0", (2,))), "described twice"),
        "reference that is a number": (_beside(Outside(7)), "not a storage"),
        "storage with a view": (old(fc__bias=tensor("1", (2,), view=(("9", 0, 2),))), "not a storage"),
    }


def _legacy_files():
    """Legacy files that do not hold just their storages."""
    return {
        "legacy without storages": (legacy(pickled(parts((None,))), [], b""), "lists 0 storages"),
        "legacy that lists one twice": (legacy(pickled(parts((None,))), [*"0123", "0"]), "lists 5 storages"),
        "legacy with short storages": (OLD[:-4], "ends before"),
        "legacy without data": (legacy(pickled(parts((None,))), data=b""), "lacks the data"),
        "legacy with another length": (
            legacy(pickled(parts((None,))), data=struct.pack("<q", 1 << 40) + bytes(99)),
            "another length",
        ),
        "legacy that goes on": (OLD + b"more", "goes on"),
        "legacy cut in its pickle": (OLD[:200], "damaged or cut short"),
        "legacy keys not a list": (
            legacy(pickled(parts((None,))), keys={"0": 1}, data=b""),
            "list of storages",
        ),
        "legacy of another version": (MAGIC + pickled(7) + pickled({}) + pickled({}), "unknown version"),
    }


def _kinds():
    """Tensors of other kinds, and what are no tensors."""
    qint = torch.quantize_per_tensor(torch.ones(2, 3), 0.1, 0, torch.qint8)
    return {
        "on the meta device": (_zip(fc__bias=tensor("1", (2,), place="meta")), "save it from the CPU"),
        "meta tensor": (saved(state_with(fc__bias=torch.empty(2, device="meta"))), "fc.bias"),
        "hooks": (_zip(fc__bias=tensor("1", (2,), hooks={"a": 1})), "hooks"),
        "hooks added later": (zipped(_late_hooks()), "hooks"),
        "lazily conjugated": (_zip(fc__bias=tensor("1", (2,), more=({"conj": True},))), "fc.bias"),
        "sparse": (saved(state_with(fc__weight=torch.eye(2, 3).to_sparse())), "fc.weight"),
        "quantised": (saved(state_with(fc__weight=qint)), "fc.weight"),
        "subclass": (
            saved(state_with(fc__weight=torch.ones(2, 3).as_subclass(_Marker))),
            "fc.weight",
        ),
        "nested tensor": (
            saved(state_with(fc__weight=torch.nested.nested_tensor([torch.ones(3)] * 2))),
            "fc.weight",
        ),
        "numpy array": (saved(state_with(fc__weight=np.ones((2, 3), "f"))), "fc.weight"),
        "whole module": (saved(torch.nn.Linear(3, 2)), "whole network .*torch.save.model.state_dict"),
    }


def _zip_layouts():
    """Zips that readers see differently."""
    return {
        "deflated": (zipped(pickled(parts()), pack=zipfile.ZIP_DEFLATED), "is compressed"),
        "deflated bomb, 1 GiB": (_bomb, "is compressed"),
        "two entries of one name": (_named_twice("archive/data/0"), "are called"),
        "two names that differ in case": (_named_twice("archive/DATA/0"), "are called"),
        "entries that overlap": (_overlapping(), "overlaps"),
        "entry quoted in another": (_quoted(), "overlaps"),
        "junk before": (b"PK\x03\x04junk" + GOOD, "should be|overlaps"),
        "junk after": (GOOD + bytes(99), "followed by something else"),
        "comment": (GOOD[:-2] + b"\x05\0hello", "followed by something else"),
        "two zips in one": (_two_directories(), "should be|overlaps"),
        "64-bit directory elsewhere": (_zip64_elsewhere(), "should be|disagree"),
        "directory that says 9,999": (
            _changed(GOOD, len(GOOD) - 14, struct.pack("<HH", 9999, 9999)),
            "9999 entries, over",
        ),
        "encrypted": (_entry_edit(GOOD, b"archive/data/0", 8, b"\x01\0"), "encrypted"),
        "size larger than the file": (
            _entry_edit(GOOD, b"archive/data/3", 20, struct.pack("<LL", 1 << 30, 1 << 30)),
            "twice|longer",
        ),
        "other name in the entry": (GOOD.replace(b"archive/data/3", b"archive/data/9", 1), "two names"),
        "damaged data": (_changed(GOOD, GOOD.index(DATA["0"]), b"\xff"), "is damaged"),
    }


def _zip_entries():
    """Zips that hold something else, or not all."""
    return {
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
        "cut": (GOOD[: len(GOOD) // 2], "cut short"),
        "cut to its first bytes": (GOOD[:10], "cut short"),
        "big-endian": (zipped(pickled(parts()), extra=[("archive/byteorder", b"big")]), "little-endian"),
        "alignment of words": (
            zipped(pickled(parts()), extra=[("archive/.storage_alignment", b"1e9")]),
            "not what",
        ),
        "TorchScript": (_torchscript(), "TorchScript"),
    }


def _headers():
    """Headers of safetensors that cannot be read."""
    weight = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    return {
        "header of 2^63": (_safetensors(_tensors(), length=1 << 63), "header has"),
        "header beyond the file": (TENSORS[:100], "header has"),
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
    }


def _offsets():
    """Headers of safetensors that describe what is not there."""
    return {
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
        "safetensors that go on": (TENSORS + b"more", "do not end with the file"),
        "safetensors cut": (TENSORS[:-4], "do not end with the file"),
        "safetensors with NaN": (save_safetensors(state_with(fc__bias=torch.full((2,), np.nan))), "NaN"),
    }


def _numbers():
    """Numbers, shapes and dtypes that no such network has."""
    return {
        "NaN": (saved(state_with(fc__bias=torch.tensor([0, np.nan]))), "fc.bias holds NaN"),
        "infinity": (
            saved_legacy(state_with(fc__weight=torch.full((2, 3), -np.inf))),
            "fc.weight holds NaN or inf",
        ),
        "negative variance": (
            saved(state_with(bn__running_var=torch.tensor([1, 1, -1e-9, 1]))),
            "negative variances",
        ),
        "shape": (saved(state_with(fc__weight=torch.ones(3, 2))), "expected .2, 3"),
        "one number as another shape": (
            saved(state_with(bn__num_batches_tracked=torch.tensor([1]))),
            "expected ..",
        ),
        "dtype": (saved(state_with(fc__weight=torch.ones(2, 3).int())), "int32, expected torch.float32"),
        "too large a number": (
            saved(state_with(fc__weight=torch.full((2, 3), 1e300, dtype=torch.float64))),
            "too large for torch.float32",
        ),
        "complex": (saved(state_with(fc__weight=torch.ones(2, 3) * 1j)), "complex64, expected"),
    }


def _names():
    """Names that no such network has."""
    return {
        "too many": (
            saved(state_with(**{f"layer{n}": torch.ones(1) for n in range(9)})),
            "and 6 more too many",
        ),
        "missing": (saved({"fc.weight": torch.ones(2, 3)}), "lacks 'fc.bias', 'bn.running_var'"),
        "other names": (saved({"conv.weight": torch.ones(2, 3)}), "none of this network's 4 names"),
        "a string among tensors": (saved(state_with(fc__bias="none")), "expected names and tensors"),
        "a number as a name": (saved({**state(), 7: torch.ones(1)}), "has '7' too many"),
        "name of 10,000": (saved(state_with(**{"x" * 10_000: torch.ones(1)})), "too many"),
        "empty dict": (saved({}), "no state dict"),
        "only a tensor": (saved(torch.ones(2, 3)), "no state dict"),
        "only an optimizer": (saved({"optimizer": {"state": {}}, "epoch": 3}), "no state dict"),
    }


def inert():
    """Good files in which a hostile part is never built: it costs nothing."""
    deep = 100_000
    return {
        "bytearray of 3 GiB": _call("__builtin__ bytearray", 3 << 30),
        "bytes": _call("__builtin__ bytes", 3 << 30),
        "torch.Tensor of 2^40": _call("torch Tensor", 1 << 40),
        "untyped storage of 2^40": _call("torch.storage UntypedStorage", 1 << 40),
        "float storage of 2^40": _call("torch FloatStorage", 1 << 40),
        "Counter": _call("collections Counter", {}),
        "float of 2^31 digits": _call("__builtin__ complex", "1" * 99),
        "new object": _beside(Raw(opcodes(Global("collections OrderedDict")) + b")\x81")),
        "billion laughs": _beside(_laughs(b"e")),
        "billion laughs as a key": _beside(Raw(b"}" + _laughs().opcodes + b"K\x01s")),
        "tuple as a key": _beside({(1, 2): 3}),
        "keys that collide": zipped(_collisions()),
        "tuples 100,000 deep": _beside(Raw(b")" + b"\x85" * deep)),
        "tuples 30,000 deep": _beside(Raw(b")" + b"\x85" * 30_000)),
        "dicts 8,000 deep": _beside(Raw(b"(}q\x00" + b"}K\x01h\x00sq\x00" * 8_000 + b"t")),
        "list in itself": _beside(Raw(b"]q\x00h\x00a")),
        "metadata 4,000 deep": _beside(
            Raw(
                b"("
                + opcodes(NO_HOOKS)
                + b"q\x00"
                + b"".join([opcodes(NO_HOOKS), b"}", opcodes("_metadata"), b"h\x00sbq\x00"]) * 4_000
                + b"t"
            )
        ),
        "string of 2 MB": _beside("x" * 2_000_000),
        "protocol 5": saved(state(), pickle_protocol=5),
        "protocol 4, legacy": saved(state(), pickle_protocol=4, _use_new_zipfile_serialization=False),
        "pop": _beside(Raw(b"NN0")),
        "attributes of a dict": _beside(Raw(opcodes(NO_HOOKS) + opcodes({"items": 1}) + b"b")),
        "numpy dtype of objects": _call("numpy dtype", "O8", False, True),
        "numpy's own dtype altered": _beside(
            Raw(
                opcodes(Call("numpy dtype", ("f8", False, True)))
                + opcodes((3, ">", None, None, None, -1, -1, 0))
                + b"b"
            )
        ),
        "numpy dtype not copied": _call("numpy dtype", "f8", False, False),
        "numpy scalar too short": _call(
            "numpy.core.multiarray scalar", Call("numpy dtype", ("f8", False, True)), "x"
        ),
        "encoded 3 GiB": _call("_codecs encode", "x", "utf-32"),
        "reference of another kind": _beside(Outside(("module", Global("torch Size"), "a", "b"))),
    }


TABLES = (
    _no_checkpoints,
    _code,
    _bombs,
    _malformed_pickles,
    _shapes,
    _storages,
    _legacy_files,
    _kinds,
    _zip_layouts,
    _zip_entries,
    _headers,
    _offsets,
    _numbers,
    _names,
)


def hostile():
    """Every hostile file: its name, what it holds (or who makes it), and words of the message."""
    with warnings.catch_warnings(action="ignore"):  # of torch, that some of these kinds will go
        tables = [table() for table in TABLES]
    files = {name: file for table in tables for name, file in table.items()}
    assert len(files) == sum(map(len, tables)), "two files have one name"
    return files


def write(path, content):
    """Put a hostile file where it belongs."""
    content(path) if callable(content) else path.write_bytes(content)
