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


OTHERS = """
import torch
from torch import nn
import unitdrop

def body(channels=3, outputs=3):
    trunk = nn.Conv2d(channels, 6, 3, 4, 1), nn.ReLU(), nn.AvgPool2d(8), nn.Flatten()
    return nn.Sequential(*trunk, nn.Linear(6, outputs))

def tiny():
    return body()

def answer():
    return body(outputs=1)

def model():
    return unitdrop.wrap(body(1, 1), size=32, mean=0.5, std=0.25, labels=["no", "yes"])

def scaled():
    return unitdrop.wrap(body(), size=32, mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
"""


@pytest.fixture
def others(caches):
    Path("others.py").write_text(OTHERS, encoding="utf-8")


@pytest.mark.filterwarnings("ignore::unitdrop.notices.Notice")
def test_its_size_and_its_labels_can_be_given(others):
    assert load_model("others.py:tiny", size=32).size == 32
    answer = load_model("others.py:answer", size=32, labels=["cat", "dog"])
    assert answer.labels == ("cat", "dog")
    torch.save(answer.module.state_dict(), "answer.pth")
    Path("names.txt").write_text("cat\ndog\n", encoding="utf-8")
    again = load_model("others.py:answer", size=32, labels="names.txt", checkpoint="answer.pth")
    torch.testing.assert_close(again("photo.png").weight, answer("photo.png").weight)
    model = load_model("others.py:model", labels=["cat", "dog"])
    assert (model.size, model.channels, model.labels) == (32, 1, ("cat", "dog"))


@pytest.mark.filterwarnings("ignore::unitdrop.notices.Notice")
@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("tiny", {}, r"it works with size=32 \(--size 32\)"),
        ("answer", {"size": 32}, "has one output.*--labels FILE"),
        ("answer", {"size": 32, "labels": ["a", "b", "c"]}, "has one output.*--labels FILE"),
        ("model", {"size": 64}, r"it works with size=32 \(--size 32\)"),
        ("tiny", {"size": 0}, "size=0"),
        ("scaled", {}, r"divide by 255: mean=\(0.485, 0.456, 0.406\)"),
    ],
)
def test_what_does_not_fit_its_network_is_told_with_the_remedy(others, name, given, words):
    with pytest.raises(ModelError, match=words):
        load_model(f"others.py:{name}", **given)


REFUSED = {
    "nets.py": "expected FILE.py:NAME",
    "nets.PY:small": "expected FILE.py:NAME",
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
