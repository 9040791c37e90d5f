"""Other kinds of file are named as what they are, with the next step."""

import bz2
import gzip
import io
import json
import pickle
import zipfile
import zlib

import numpy as np
import pytest
import torch
from helpers.checkpoints import saved, saved_legacy, state

from unitdrop.errors import CheckpointError


def zipped(entries, pack=zipfile.ZIP_DEFLATED):
    """A zip of (name, data) by Python."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", pack) as file:
        for name, data in entries:
            file.writestr(name, data)
    return buffer.getvalue()


def message(number, *parts):
    """Fields of a message of protocol buffers: the first is a number, others are (field, bytes)."""
    fields = b"".join(bytes([field << 3 | 2, len(data)]) + data for field, data in parts)
    return (b"\x08" + bytes([number]) if number else b"") + fields


def entries():
    """The entries of a good checkpoint."""
    with zipfile.ZipFile(io.BytesIO(saved(state()))) as file:
        return [(name, file.read(name)) for name in file.namelist()]


def program(save):
    """What one of torch's functions that save programs writes."""
    buffer = io.BytesIO()
    save(torch.nn.Linear(2, 3), buffer)
    return buffer.getvalue()


def numpys(save):
    """What one of numpy's functions writes."""
    buffer = io.BytesIO()
    save(buffer, np.ones(3))
    return buffer.getvalue()


GOOD = saved(state())
ZIPS = {
    "zipped": (zipped([("r.pth", GOOD)]), "a zip that holds 'r.pth'; unpack it first, and give that file"),
    "zipped, stored": (zipped([("r.pth", GOOD)], zipfile.ZIP_STORED), "a zip that holds 'r.pth'; unpack"),
    "several, in a folder": (
        zipped([("a/", b""), ("a/r.pth.tar", GOOD), ("a/s.pth.tar", GOOD), ("a/readme.txt", b"")]),
        "holds 'a/r.pth.tar', 'a/s.pth.tar'; unpack it first, and give one of them",
    ),
    "zipped legacy": (zipped([("r.ckpt", saved_legacy(state()))]), "holds 'r.ckpt'"),
    "zipped safetensors": (zipped([("model.safetensors", b"")]), "holds 'model.safetensors'"),
    "zip of pictures": (
        zipped([("a.png", b""), ("b.png", b"")]),
        "not of torch.save .it holds 'a.png', 'b.png'.; unpack",
    ),
    "zip of nothing": (zipped([]), "it holds nothing"),
    "zipped again": (zipped(entries()), "compressed, as by a program that zipped it again; get the original"),
    "zipped again without the folder": (
        zipped([(name.partition("/")[2], data) for name, data in entries()], 0),
        "zipped again, get the original",
    ),
    "zipped again by a Mac": (
        zipped([*entries(), ("__MACOSX/._x", b"")], 0),
        "zipped again, get the original",
    ),
    "zipped again with its folders": (
        zipped([("archive/", b""), *entries()], 0),
        "zipped again, get the original",
    ),
    "zipped again in a folder": (
        zipped([(f"outer/{name}", data) for name, data in entries()], 0),
        "zipped again, get the original",
    ),
    "Keras": (
        zipped([("metadata.json", b"{}"), ("config.json", b"{}"), ("model.weights.h5", b"")]),
        r"a Keras model \(.keras\); make",
    ),
    "npz": (numpys(np.savez), "arrays of numpy .*npz"),
    "npz, compressed": (numpys(np.savez_compressed), "arrays of numpy .*npz"),
    "Word": (zipped([("[Content_Types].xml", b""), ("word/document.xml", b"")]), "an Office document"),
}
ONNX, CAFFE = r"an ONNX model \(.onnx\)", r"a Caffe model \(.caffemodel\)"
STARTS = {
    "ONNX": (message(8, (2, b"pytorch"), (3, b"2.1.0"), (7, b"node")), ONNX),
    "ONNX of another program": (message(10, (2, b"skl2onnx"), (7, b"node")), ONNX),
    "ONNX without a producer": (message(7, (7, b"node" * 9)), ONNX),
    "ONNX that begins with its opset": (message(9, (8, b"\x0a\0\x10\x0d"), (7, b"node")), ONNX),
    "SavedModel": (message(1, (2, message(0, (1, b"\x0a\x05abcde")))), "a SavedModel of TensorFlow"),
    "Core ML": (message(4, (2, message(0, (1, b"\x0a\x05image")))), "a Core ML model"),
    "frozen graph": (
        message(0, (1, message(0, (1, b"input"), (2, b"Placeholder")))),
        "a graph of TensorFlow",
    ),
    "Caffe": (message(0, (1, b"AlexNet")) + b"\xa2\x06\x06\x0a\x04data", CAFFE),
    "TFLite": (b"\x1c\0\0\0TFL3" + bytes(99), "TensorFlow Lite model"),
    "GGUF": (b"GGUF\x03\0\0\0" + bytes(99), "a GGUF file"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file, as Keras"),
    "HDF5 with a user block": (bytes(512) + b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
    "npy": (numpys(np.save), "an array of numpy"),
    "joblib": (pickle.dumps({"a": "joblib.numpy_pickle"}, 3), "plain pickle of joblib"),
    "zlib": (zlib.compress(GOOD), "compressed as a whole; unpack"),
    "gzip": (gzip.compress(GOOD), "compressed as a whole; unpack"),
    "bzip2": (bz2.compress(GOOD), "compressed as a whole; unpack"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "an archive; unpack"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(99), "a picture, not weights"),
    "JPEG": (b"\xff\xd8\xff\xe0" + bytes(99), "a picture, not weights"),
    "WebP": (b"RIFF\x10\0\0\0WEBPVP8 ", "a picture, not weights"),
    "AVIF": (b"\0\0\0\x20ftypavif" + bytes(99), "a picture or a film"),
    "Lua": (b"\x04\0\0\0\x01\0\0\0" + bytes(99), "Lua Torch"),
    "Darknet": (b"\0\0\0\0\x02\0\0\0\x05\0\0\0" + bytes(99), "Darknet"),
    "Flax": (b"\x81\xa6params\x81", "Flax"),
    "JSON": (b'{"a": [1, 2]}', "it is JSON"),
    "index of shards": (
        json.dumps(
            {"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}, indent=2
        ).encode(),
        "index of weights that lie in several files; load those that it names",
    ),
    "Python": (b'#!/usr/bin/env python\n"""A network."""\nimport torch\n', "Python source.*FILE.py:NAME"),
    "XML": (b'<?xml version="1.0"?><net/>', "an XML file"),
    "web page": (b"\n<!DOCTYPE html><html>", "a web page"),
    "YAML": (b"lr: 0.1\nmodel: resnet\n", "it is text"),
    "server's words": (b"Entry not found", "it is text"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
}


@pytest.mark.parametrize("kind", ZIPS | STARTS)
def test_other_files_are_named_with_the_next_step(kind, read):
    content, words = (ZIPS | STARTS)[kind]
    with pytest.raises(CheckpointError, match=words) as caught:
        read(content)
    assert ";" in str(caught.value) and "harmful" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
def test_programs_of_torch_are_named_with_the_next_step(read):
    with pytest.raises(CheckpointError, match=r"TorchScript program.*torch.jit.load.FILE..state_dict"):
        read(program(lambda net, file: torch.jit.save(torch.jit.script(net), file)))
    exported = program(
        lambda net, file: torch.export.save(torch.export.export(net, (torch.ones(1, 2),)), file)
    )
    with pytest.raises(CheckpointError, match=r"program of torch.export.*save its weights"):
        read(exported)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_of_every_protocol_are_named(protocol, read):
    for value in ({"a": [1.5, "x"]}, [1, 2], np.ones(3), {"w": np.float32(1)}):
        with pytest.raises(
            CheckpointError, match=r"plain pickle, which is unsafe to read; where it was made"
        ):
            read(pickle.dumps(value, protocol))


def test_random_bytes_are_nothing_in_particular(read):
    rng = np.random.default_rng(0)
    for _ in range(50):
        with pytest.raises(CheckpointError):
            read(rng.bytes(int(rng.integers(1, 3000))))
