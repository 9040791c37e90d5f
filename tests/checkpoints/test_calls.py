"""What lies beside the weights is never built, whatever it is, and the weights are read all the same."""

import sys
import warnings

import numpy as np
import pytest
import torch
from helpers.beside import AttributeDict, Settings, objects
from helpers.checkpoints import (
    LIKE,
    Call,
    Global,
    Raw,
    opcodes,
    parts,
    pickled,
    same,
    saved,
    state,
    state_with,
    tensor,
    zipped,
)

from unitdrop.checkpoints.pickles import outline
from unitdrop.errors import CheckpointError
from unitdrop.notices import Notice, listening

with warnings.catch_warnings(action="ignore"):
    OBJECTS = objects()


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_beside_the_weights_do_not_matter(name, read):
    """Of every protocol, in zips and in legacy files."""
    held = 0
    for protocol in (1, 2, 3, 4, 5):
        for new in (True, False):
            made = {"state_dict": state(), "beside": OBJECTS[name], "more": [OBJECTS[name]]}
            try:
                with warnings.catch_warnings(action="ignore"):
                    content = saved(made, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
            except (TypeError, ValueError):  # an object that this protocol has no way to write
                continue
            with listening(lambda _: None):
                assert same(read(content), state())
            held += 1
    assert held >= 6


def test_nothing_that_a_file_names_is_imported(read):
    lines = b"cmodule_of_nobody\nClass\n)R"
    with pytest.warns(Notice, match=r"not built, and none of their code is run: 'module_of_nobody.Class'"):
        found = read(zipped(pickled({"state_dict": parts(), "x": Raw(lines)})))
    assert list(found) == list(LIKE) and "module_of_nobody" not in sys.modules
    unused = next(name for name in ("this", "antigravity", "turtledemo") if name not in sys.modules)
    with pytest.warns(Notice):
        read(zipped(pickled({"state_dict": parts(), "x": Raw(f"c{unused}\nx\n".encode())})))
    assert unused not in sys.modules


def test_what_is_usual_beside_weights_is_left_out_without_a_word(read):
    usual = {
        name: OBJECTS[name]
        for name in ("namespace", "numpy array", "path", "dates", "complex", "torch's own")
    }
    with warnings.catch_warnings(action="error"):
        assert same(read(saved({"state_dict": state(), **usual})), state())


HARMFUL = """os system, posix popen, subprocess Popen, builtins exec, __builtin__ eval, sys exit,
shutil rmtree, importlib import_module, runpy run_path, socket socket, pickle loads, torch.hub load,
pty spawn"""


@pytest.mark.parametrize("name", [name.strip() for name in HARMFUL.split(",")])
def test_what_harmful_files_ask_for_is_refused_with_a_warning(name, read):
    module, _, function = name.partition(" ")
    ways = (
        Call(name, ("x",)),
        Global(name),
        Raw(opcodes(module) + opcodes(function) + b"\x93"),
        Raw(f"(i{module}\n{function}\n".encode()),
        Call("builtins getattr", (Global(f"{module} x"), function)),
    )
    for asked in ways:
        with pytest.raises(CheckpointError, match="which no state dict needs; it may be harmful"):
            read(zipped(pickled({"state_dict": parts(), "x": asked})))


@pytest.mark.parametrize(
    "weight",
    [
        np.ones((2, 3), "f"),
        torch.eye(2, 3).to_sparse(),
        torch.ones(2, 3, device="meta"),
        Settings(),
        AttributeDict(data=torch.ones(2, 3)),
    ],
)
def test_a_weight_that_is_such_an_object_is_refused(weight, read):
    with pytest.raises(CheckpointError, match=r"fc\.weight"):
        read(saved(state_with(fc__weight=weight)))


def test_a_weight_that_is_given_to_something_unknown_is_refused(read):
    """It could change the weight in place, as `torch.Tensor.mul_` does."""
    weight = Raw(opcodes(tensor("0", (2, 3))) + b"q\x07")
    again = Raw(opcodes(Global("numpy mul_")) + b"h\x07\x85R")
    content = zipped(pickled({"state_dict": parts(fc__weight=weight), "x": again}))
    with pytest.raises(CheckpointError, match="part of an object that is not built; save the weights alone"):
        read(content)


def test_a_parameter_with_attributes_is_its_tensor_and_a_subclass_is_not(read):
    made = {name: torch.nn.Parameter(t, requires_grad=False) for name, t in state().items()}
    for parameter in made.values():
        parameter.tag = 1
    assert same(read(saved(made)), state())


def test_mappings_of_any_class_keep_what_they_hold():
    """So that a state dict in one of them is found."""
    for value in (AttributeDict(a=1), Settings(lr=1), OBJECTS["namespace"], OBJECTS["simple namespace"]):
        content = saved({"x": value})
        start = content.index(b"\x80\x02")
        found = outline(content, start, limit=1000).value["x"]
        assert any(inside.get("a") == 1 or inside.get("lr") in (1, 0.1) for inside in found.inside)


def test_a_copy_of_a_mapping_is_one_of_its_own():
    """A mapping that is filled later must not change the one that it was made from."""
    made = {
        **parts(),
        "x": Raw(b"}q\x01"),
        "y": Raw(b"ccollections\nCounter\nh\x01\x85R" + opcodes("a") + b"K\x01s"),
    }
    found = outline(pickled(made), limit=1000).value
    assert found["x"] == {} and found["y"] == {"a": 1}
