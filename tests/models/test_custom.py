"""Networks from a Python file of the user's."""

import sys
from pathlib import Path

import pytest
import torch

from unitdrop.models import CheckpointError, ModelError, load_model
from unitdrop.sweep import Sweep

OWN = """
import torch
from torch import nn
from beside import CHANNELS
import unitdrop

def net():
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(nn.Conv2d(3, CHANNELS, 3), nn.ReLU(), pool, nn.Linear(CHANNELS, 4))

def model():
    return unitdrop.wrap(net(), labels=list("abcd"), size=40, name="mine")

def vgg():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 224 * 224, 4))

def fails():
    return 1 / 0

def number():
    return 3

def leaves():
    raise SystemExit(3)

def late():
    from later import CHANNELS
    return net()

constant, ready, wrapped = 5, net(), model()
"""


@pytest.fixture
def own(caches):
    Path("nets.py").write_text(OWN, encoding="utf-8")
    Path("beside.py").write_text("CHANNELS = 7", encoding="utf-8")
    Path("later.py").write_text("CHANNELS = 9", encoding="utf-8")
    Path("leaving.py").write_text("import sys; sys.exit('good bye')", encoding="utf-8")
    Path("broken.py").write_text("def net(:", encoding="utf-8")


def test_a_function_that_returns_a_module_or_a_model_is_enough(own):
    net, model = load_model("nets.py:net"), load_model("nets.py:model", labels=["w", "x", "y", "z"])
    assert (net.name, net.units, net.size, net.labels[0]) == ("net", 7, 224, "class 0")
    assert (model.name, model.units, model.size, model.labels) == ("mine", 7, 40, ("w", "x", "y", "z"))
    assert Sweep(model("photo.png")).units == 7
    assert load_model("nets.py:ready").units == load_model(Path("nets.py:wrapped")).units == 7
    assert load_model("nets.py:late").units == 7
    assert str(Path.cwd()) not in sys.path and "" not in sys.path[:1]


def test_its_checkpoint_is_read_as_safely_as_any(own):
    net = load_model("nets.py:net").module
    torch.save(net.state_dict(), "nets.pth")
    again = load_model("nets.py:model", checkpoint="nets.pth")
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in again.module.state_dict().items())
    torch.save({"0.weight": net[0].weight}, "part.pth")
    with pytest.raises(CheckpointError, match=r"part.pth"):
        load_model("nets.py:model", checkpoint="part.pth")


REFUSED = {
    "nets.py": "expected FILE.py:NAME",
    "nets.py:": "expected FILE.py:NAME",
    "gone.py:net": "there is no file gone.py",
    "nets.py:nothing": "nothing of that name instead of a network",
    "nets.py:constant": "a int instead of a network",
    "nets.py:leaves": "leaves() failed: SystemExit",
    "leaving.py:net": "cannot be run: SystemExit: good bye",
    "nets.py:fails": "fails() failed: ZeroDivisionError",
    "nets.py:number": "a int instead of a network",
    "nets.py:vgg": "CAMs are exact only",
    "broken.py:net": "cannot be run: SyntaxError",
}


@pytest.mark.parametrize(("name", "words"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_used_of_it_is_told(own, name, words):
    with pytest.raises(ModelError) as caught:
        load_model(name)
    assert words in str(caught.value)
