"""Opcodes and their arguments are those that Python's own reader sees."""

import io
import pickle
import pickletools
import warnings
import zipfile

import pytest
from helpers.beside import objects
from helpers.checkpoints import saved, with_optimizer

from unitdrop.checkpoints.opcodes import MAX_TEXT, opcodes
from unitdrop.checkpoints.placeholders import Opaque
from unitdrop.errors import CheckpointError


def plain():
    """What pickle alone can write, of every protocol."""
    kept = (
        "namespace",
        "numpy numbers",
        "dates",
        "complex",
        "enum",
        "settings",
        "sets",
        "bytes",
        "large number",
    )
    values = {name: value for name, value in objects().items() if name in kept}
    return {
        **values,
        "whole": [0, -1, 255, 256, 65536, -(1 << 40), 1 << 90],
        "text": ["", "é", "\U0001f600", "a\nb"],
    }


def same_argument(ours, theirs):
    """Whether an argument is what Python's reader gives; a stand-in is of what is long."""
    if isinstance(ours, Opaque):
        return not isinstance(theirs, (str, bytes)) or len(theirs) > MAX_TEXT
    if isinstance(ours, bytes) and isinstance(theirs, str):
        return ours == theirs.encode("latin1")
    return ours == theirs and type(ours) is type(theirs)


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol_are_read_as_python_does(protocol):
    for name, value in plain().items():
        data = b"before" + pickle.dumps(value, protocol)
        ours = list(opcodes(data, 6))
        theirs = list(pickletools.genops(data[6:]))
        assert [got[0] for got in ours] == [kind.name for kind, _, _ in theirs], name
        assert all(same_argument(got[1], want[1]) for got, want in zip(ours, theirs, strict=True)), name
        assert [6, *(got[2] for got in ours[:-1])] == [6 + place for _, _, place in theirs]


def test_a_checkpoint_of_torch_is_read_as_python_does():
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile(io.BytesIO(saved(with_optimizer()))) as file,
    ):
        data = file.read("archive/data.pkl")
    theirs = [(kind.name, argument) for kind, argument, _ in pickletools.genops(data)]
    assert [(name, argument) for name, argument, _ in opcodes(data)] == theirs


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"K",
        b"X\xff\xff\xff\xffab",
        b"\x8d" + b"\xff" * 8,
        b"\x8b\xff\xff\xff\xff",
        b"Vabc",
        b"cos\n",
        b"?",
    ],
)
def test_what_is_cut_short_is_damaged(data):
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        list(opcodes(data))


def test_long_texts_and_numbers_are_passed_over():
    for value in ("x" * (MAX_TEXT + 1), b"x" * (MAX_TEXT + 1), 1 << 1000):
        (found,) = [
            argument for name, argument, _ in opcodes(pickle.dumps(value, 4)) if isinstance(argument, Opaque)
        ]
        assert found.name == f"builtins {type(value).__name__}"
