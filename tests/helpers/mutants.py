"""Damaged checkpoints by number, and what torch and safetensors make of the same files.

A mutant has its bytes changed, or its opcodes spliced with those of others, or it is a random program; the
file around it is in order again, so that the change is seen and not only its check sum.
"""

import io
import json
import pickletools
import struct
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import torch
from helpers.beside import Settings, objects
from helpers.checkpoints import LIKE, MAGIC, old, pickled, python2, same, saved, saved_legacy, state
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

NAMES = (
    "collections OrderedDict",
    "collections Counter",
    "collections defaultdict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch FloatStorage",
    "torch LongStorage",
    "torch Size",
    "argparse Namespace",
    "_codecs encode",
    "builtins getattr",
    "copyreg _reconstructor",
    "somewhere Thing",
    "numpy.core.multiarray scalar",
    "os system",
)


def bases():
    """Small good files."""
    whole = {
        "state_dict": state(),
        "epoch": 3,
        "best": np.float64(0.5),
        "optimizer": {"state": {0: torch.ones(1)}},
    }
    floats = OrderedDict((f"module.{n}", t) for n, t in state().items() if t.is_floating_point())
    first = {"state_dict": floats, "epoch": 3, "arch": "resnet", "best": np.float64(0.5)}
    with warnings.catch_warnings(action="ignore"):
        kept = (
            "namespace",
            "counter",
            "numpy array",
            "path",
            "settings",
            "sets",
            "slots",
            "rare dtypes",
            "module",
        )
        beside = {name: value for name, value in objects().items() if name in kept}
        return [
            saved(state()),
            saved(whole),
            saved_legacy(whole),
            python2(first),
            save_safetensors(dict(state())),
            old(),
            *(saved({"model": state(), **beside}, pickle_protocol=protocol) for protocol in (2, 3, 4, 5)),
            saved_legacy({"net": state(), "args": Settings()}),
        ]


# Zips that are in order again


def _rezipped(data, change):
    """A zip whose entries were changed, and which is in order otherwise."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old_file, zipfile.ZipFile(buffer, "w") as new:
        for entry in old_file.infolist():
            content = old_file.read(entry)
            new.writestr(entry.filename, change(entry.filename, content))
    return buffer.getvalue()


def _pickle_of(data):
    """The pickle in a zip of torch.save."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return next(file.read(name) for name in file.namelist() if name.endswith("data.pkl"))


# Changes


def _bytes_changed(data, rng):
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
            numbers = [0, 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 62) - 1, (1 << 63) - 1]
            data[at : at + 8] = struct.pack("<Q", int(rng.choice(numbers)))[: int(rng.choice([1, 2, 4, 8]))]
    return bytes(data) or b"\0"


def _changed(data, rng):
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        data = _bytes_changed(data or b"\0", rng)
    return data


def _segments(data):
    """A pickle, cut into its opcodes with their arguments."""
    places = [place for _, _, place in pickletools.genops(data)]
    return [data[start:end] for start, end in zip(places, [*places[1:], len(data)], strict=True)]


def _opcode(rng):
    """A random opcode with a likely argument."""
    kind = pickletools.opcodes[int(rng.integers(len(pickletools.opcodes)))]
    code, small = kind.code.encode("latin1"), int(rng.integers(12))
    module, name = NAMES[int(rng.integers(len(NAMES)))].split()
    text = [module, name, "fc.weight", "storage", "0", "cpu", "latin1", "x" * 300][
        int(rng.integers(8))
    ].encode()
    arguments = {
        "uint1": bytes([small]),
        "uint2": bytes([small, 0]),
        "int4": struct.pack("<i", int(rng.choice([small, -1, 2**31 - 1]))),
        "uint4": struct.pack("<I", int(rng.choice([small, 2**31]))),
        "uint8": struct.pack("<Q", 9),
        "stringnl_noescape_pair": f"{module}\n{name}\n".encode(),
        "stringnl": b"'" + text + b"'\n",
        "stringnl_noescape": text + b"\n",
        "unicodestringnl": text + b"\n",
        "decimalnl_short": b"%d\n" % small,
        "decimalnl_long": b"%dL\n" % small,
        "floatnl": b"1.5\n",
        "float8": struct.pack(">d", 0.5),
        "long1": b"\x01" + bytes([small]),
        "long4": b"\x01\0\0\0" + bytes([small]),
    }
    if kind.arg is None:
        return code
    if kind.arg.name in arguments:
        return code + arguments[kind.arg.name]
    width = int(kind.arg.name[-1]) if kind.arg.name[-1].isdigit() else 4
    return code + len(text[:250]).to_bytes(width, "little") + text[:250]


def _spliced(data, others, rng):
    """A pickle with some of its opcodes moved, repeated, taken out, or taken from another."""
    parts = _segments(data)
    for _ in range(int(rng.choice([1, 1, 2, 3, 6]))):
        at, length = int(rng.integers(len(parts))), int(rng.integers(1, 12))
        source = others[int(rng.integers(len(others)))] if rng.random() < 0.5 else parts
        start = int(rng.integers(len(source)))
        match int(rng.integers(5)):
            case 0:
                del parts[at : at + length]
            case 1:
                parts[at:at] = source[start : start + length]
            case 2:
                parts[at : at + 1] = source[start : start + 1]
            case 3:
                parts.insert(at, _opcode(rng))
            case 4:
                parts[at:at] = parts[at : at + length] * int(rng.choice([1, 2, 50]))
        parts = parts or [b"."]
    return b"".join(parts)


def _program(rng):
    """A random program."""
    return b"\x80\x04" + b"".join(_opcode(rng) for _ in range(int(rng.integers(1, 60)))) + b"."


def _header_changed(data, rng):
    """A file of safetensors with its header changed as JSON, its length right."""
    length = int.from_bytes(data[:8], "little")
    header, numbers = json.loads(data[8 : 8 + length]), data[8 + length :]
    names = list(header)
    entry = header[names[int(rng.integers(len(names)))]]
    odd = [
        0,
        -1,
        1 << 62,
        1.0,
        "x",
        None,
        [],
        {},
        [0, 0],
        [2, 3],
        [3, 2],
        [0, 24],
        [0, 8],
        "F16",
        "I64",
        "F32",
        "BOOL",
    ]
    for _ in range(int(rng.integers(1, 3))):
        value = odd[int(rng.integers(len(odd)))]
        key = ["dtype", "shape", "data_offsets", "more"][int(rng.integers(4))]
        match int(rng.integers(4)):
            case 0:
                entry[key] = value
            case 1:
                entry.pop(key, None)
            case 2:
                header[["fc.bias", "", "x", "__metadata__"][int(rng.integers(4))]] = value
            case 3:
                header = dict(reversed(header.items()))
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def mutant(number, files):
    """The mutant of that number: the same in every run."""
    rng = np.random.default_rng(number)
    data = files[number % len(files)]
    zips = [each for each in files if each.startswith(b"PK")]
    way = rng.random()
    if data.startswith(b"PK") and way < 0.75:
        others = [_segments(_pickle_of(each)) for each in zips]

        def change(name, part):
            if way < 0.25:
                return _changed(part, rng) if name.endswith(("pkl", "0")) else part
            if not name.endswith("data.pkl"):
                return part
            return _program(rng) if way < 0.35 else _spliced(part, others, rng)

        return _rezipped(data, change)
    if data.startswith(MAGIC) and way < 0.3:
        start = len(MAGIC + pickled(1001))
        return data[:start] + _spliced(data[start:], [_segments(data)], rng)
    if data[8:9] == b"{" and way < 0.5:
        return _header_changed(data, rng)
    if way < 0.8:  # of legacy files and safetensors, the part that says what there is
        split = min(len(data), 1500)
        return _changed(data[:split], rng) + data[split:]
    return _changed(data, rng)


# What others make of the same file


def is_right(content, found):
    """Whether these are the honest numbers, or those that torch or safetensors read from the same file.

    None where neither reads it.
    """
    honest = state()
    if same(found, honest) or same(found, honest | {"bn.num_batches_tracked": torch.tensor(0)}):
        return True
    ones = {name: torch.ones_like(tensor) for name, tensor in LIKE.items()}
    if same(found, ones):
        return True
    try:
        with warnings.catch_warnings(action="ignore"):
            if content[8:9] == b"{":
                theirs = load_safetensors(content)
            else:
                theirs = torch.load(
                    io.BytesIO(content), map_location="cpu", weights_only=True, encoding="latin1"
                )
    except Exception:
        return None
    return any(_fits(found, table) for table in _tables(theirs, 4))


def _tables(value, depth):
    """All mappings in what was read."""
    if isinstance(value, dict):
        yield value
    children = (
        value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    )
    if depth:
        for child in children:
            yield from _tables(child, depth - 1)


def _fits(found, table):
    """Whether a mapping has the numbers that were found, under names that end alike."""
    for name, tensor in found.items():
        given = [
            item for key, item in table.items() if isinstance(key, str) and f".{key}".endswith(f".{name}")
        ]
        counter = name.endswith("num_batches_tracked") and not given
        if not counter and not any(
            isinstance(item, torch.Tensor)
            and item.shape == tensor.shape
            and item.to(tensor.dtype).equal(tensor)
            for item in given
        ):
            return False
    return True
