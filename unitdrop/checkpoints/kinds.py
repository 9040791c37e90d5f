"""What a file is that is no checkpoint, and what to do with it: `kind_of`, `kind_of_zip`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice

from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.opcodes import opcodes

_MANY = 12  # of any text or numbers hardly so many are opcodes one after another
LOOK = 4096  # bytes at the start of a file that tell what it is
_AGAIN = "download it again, from the address of the file itself"
_STATE = "torch.save(model.state_dict(), FILE)"
_CONVERT = f"make the network in PyTorch from it, and save that with {_STATE}"
_RESAVE = f"where it was made, load it and save its weights with {_STATE} or as safetensors"
_SUFFIXES = (
    ".pth",
    ".pt",
    ".th",
    ".ckpt",
    ".tar",
    ".safetensors",
    ".bin",
    ".pkl",
    ".pickle",
    ".model",
    ".h5",
)

# What files of a kind begin with, and what they are; the first that fits is right.
_STARTS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    (
        (b"version https://git-lfs",),
        f"it is the pointer of a git-lfs file, not the file; run git lfs pull, or {_AGAIN}",
    ),
    (
        (
            b"\x1f\x8b",
            b"\xfd7zXZ\0",
            b"BZh",
            b"\x28\xb5\x2f\xfd",
            b"\x04\x22\x4d\x18",
            b"x\x9c",
            b"x\x01",
            b"x\xda",
        ),
        "it is compressed as a whole; unpack it first",
    ),
    (
        (b"7z\xbc\xaf\x27\x1c", b"Rar!"),
        "it is an archive; unpack it first, and give the file of weights in it",
    ),
    ((b"\x89HDF",), f"it is an HDF5 file, as Keras and MATLAB write them; {_CONVERT}"),
    (
        (b"GGUF", b"ggml", b"lmgg"),
        "it is a GGUF file of llama.cpp, a language model; give weights of an image classifier",
    ),
    (
        (b"\x93NUMPY",),
        f"it is an array of numpy; put all arrays into a network of PyTorch and save it with {_STATE}",
    ),
    (
        (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*"),
        "it is a picture, not weights; give the network's file here",
    ),
    ((b"%PDF",), f"it is a PDF; {_AGAIN}"),
    (
        (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"),
        f"it is a program, not weights; {_AGAIN}",
    ),
    ((b"SQLite format 3",), f"it is a database of SQLite, not weights; {_AGAIN}"),
    ((b"PAR1", b"ARROW1"), f"it is a table (Parquet or Arrow), not weights; {_AGAIN}"),
    ((b"\x12\x01\0\0\0\0\0\0",), f"it is a file of MXNet; {_CONVERT}"),
    ((b"\0\0\0\0\x02\0\0\0",), f"it is a file of Darknet (YOLO); {_CONVERT}"),
    ((b"\x04\0\0\0\x01\0\0\0", b"\x03\0\0\0\x01\0\0\0"), f"it is a file of Lua Torch (.t7); {_CONVERT}"),
    ((b"ftrt", b"ptrt"), f"it is an engine of TensorRT; {_CONVERT}"),
    (
        (b"\x81\xa6params", b"\x82\xa6params", b"\x83\xa6params"),
        f"it is a file of Flax (msgpack); {_CONVERT}",
    ),
)
_MIDDLES = (  # the same, some bytes later
    (4, b"TFL3", f"it is a TensorFlow Lite model (.tflite); {_CONVERT}"),
    (4, b"ET12", f"it is an ExecuTorch program (.pte); {_RESAVE}"),
    (4, b"ftyp", "it is a picture or a film, not weights; give the network's file here"),
    (512, b"\x89HDF", f"it is an HDF5 file, as Keras and MATLAB write them; {_CONVERT}"),
    (8, b"WEBP", "it is a picture, not weights; give the network's file here"),
    (257, b"ustar", "it is a tar archive; unpack it first (what torch < 0.1.10 wrote is unsafe to read)"),
)


def kind_of(start: bytes) -> str:
    """Return what a file is that starts with these bytes (up to `LOOK`) and is no checkpoint, and what to do.

    Examples
    --------
    >>> kind_of(b"GIF89a")
    "it is a picture, not weights; give the network's file here"
    """
    if not start:
        return "it is empty; download it again"
    for marks, words in _STARTS:
        if start.startswith(marks):
            return words
    for place, mark, words in _MIDDLES:
        if start[place:].startswith(mark):
            return words
    return _pickled(start) or _protobuf(start) or _written(start) or _unknown(start)


def _pickled(start: bytes) -> str | None:
    """Return in words that this is a pickle, of which any program may be the writer."""
    if not (re.match(rb"\x80[\x00-\x05]?", start) or _has_opcodes(start)):
        return None
    maker = " of joblib (scikit-learn)" if b"joblib" in start or b"sklearn" in start else ""
    return f"it is a plain pickle{maker}, which is unsafe to read; {_RESAVE}"


def _has_opcodes(start: bytes) -> bool:
    """Return whether these are opcodes, which protocol 0 and 1 begin with: many, or few up to their end."""
    names: list[str] = []
    with suppress(Exception):  # of text that is cut, in whatever way
        names.extend(name for name, _, _ in islice(opcodes(start), _MANY))
    return len(names) == _MANY or (len(names) > 2 and names[-1] == "STOP")


def _protobuf(start: bytes) -> str | None:
    """Return what a message of Google's protocol buffers is, none of which has a mark of its own."""
    if start[:1] == b"\x08" and 0 < start[1] < 128 if len(start) > 3 else False:
        text = re.match(rb"[\x20-\x7e]{2}", start[4:6])  # the name of what wrote it
        if (start[2:3] == b"\x12" and text) or start[2:3] in (
            b"\x1a",
            b"\x22",
            b"\x28",
            b"\x32",
            b"\x3a",
            b"\x42",
        ):
            return f"it is an ONNX model (.onnx); {_RESAVE}"
        if start[2:3] == b"\x12" and start[1] == 1:
            return f"it is a SavedModel of TensorFlow (.pb); {_CONVERT}"
        return f"it is a Core ML model (.mlmodel); {_CONVERT}" if start[2:3] == b"\x12" else None
    if start[:1] == b"\x3a" and b"onnx" in start.lower():
        return f"it is an ONNX model (.onnx); {_RESAVE}"
    if re.match(rb"\x0a.{1,5}?\x0a.[\x20-\x7e]+\x12", start, re.DOTALL):
        return f"it is a graph of TensorFlow (.pb); {_CONVERT}"
    if re.match(rb"\x0a.[\x20-\x7e]{2,}", start, re.DOTALL) and re.search(rb"\xa2\x06|\x12\x04data", start):
        return f"it is a Caffe model (.caffemodel); {_CONVERT}"
    return None


def _written(start: bytes) -> str | None:
    """Return what a text is."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"<[!?a-zA-Z]", text):
        kind = "an XML file" if text.startswith(b"<?xml") else "a web page"
        return f"it is {kind}, not a checkpoint; {_AGAIN}"
    if text[:1] in (b"{", b"[") and not _is_binary(start):
        if b'"weight_map"' in start:
            return (
                "it is the index of weights that lie in several files; load those that it names with "
                "safetensors.torch.load_file, write all into one with save_file, and give that"
            )
        return (
            "it is JSON, such as a configuration, labels or the error of a server; give the file of weights"
        )
    if not text or _is_binary(start):
        return None
    if re.search(rb"^(import |from [\w.]+ import |def \w+\(|class \w+)", text, re.MULTILINE):
        return (
            "it is Python source, not a checkpoint; for a network of your own give FILE.py:NAME as the model"
        )
    return f"it is text, not a checkpoint of torch or safetensors; {_AGAIN}"


def _is_binary(start: bytes) -> bool:
    return bool(re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", start))


def _unknown(start: bytes) -> str:
    zeros = "it holds nothing but zeros at its start" if not start.strip(b"\0") else ""
    return f"{zeros or 'it is not a checkpoint of torch or safetensors'}; {_AGAIN}"


# Zips


def kind_of_zip(names: Sequence[str]) -> str | None:
    """Return what a zip with entries of these names is, and what to do; None if it may be of torch.save.

    Examples
    --------
    >>> kind_of_zip(["best.pth", "readme.txt"])
    "it is a zip that holds 'best.pth'; unpack it first, and give that file"
    """
    names = [name for name in names if not (name.endswith(("/", ".DS_Store")) or "__MACOSX/" in name)]
    inner = {name.partition("/")[2] for name in names} | set(names)
    leaves = {name.rpartition("/")[2] for name in names}
    if any(name == "constants.pkl" or name.startswith("code/") for name in inner):
        return (
            "it is a TorchScript program, which is unsafe to read; where it was made, save its weights: "
            "torch.save(torch.jit.load(FILE).state_dict(), OTHER)"
        )
    if {"archive_format", "archive_version"} & inner or "serialized_exported_program.json" in leaves:
        return (
            "it is a program of torch.export (.pt2), which is unsafe to read; where it was made, save its "
            "weights: torch.save(torch.export.load(FILE).state_dict, OTHER)"
        )
    if "data.pkl" in leaves:
        return None
    if "model.weights.h5" in leaves:
        return f"it is a Keras model (.keras); {_CONVERT}"
    if names and all(name.endswith(".npy") for name in names):
        return (
            f"it holds arrays of numpy (.npz); put them into a network of PyTorch and save it with {_STATE}"
        )
    return _holding(names, leaves)


def _holding(names: Sequence[str], leaves: set[str]) -> str:
    """Return what any other zip holds."""
    if "[Content_Types].xml" in leaves:
        return f"it is an Office document, not weights; {_AGAIN}"
    weights = [name for name in names if name.lower().endswith(_SUFFIXES)]
    listed = ", ".join(map(shown, (weights or names)[:3]))
    more = len(weights or names) - 3
    held = f"{listed} and {more} more" if more > 0 else listed or "nothing"
    if not weights:
        return (
            f"it is a zip, but not of torch.save (it holds {held}); unpack it, and give the file of weights"
        )
    one = "that file" if len(weights) == 1 else "one of them"
    return f"it is a zip that holds {held}; unpack it first, and give {one}"
