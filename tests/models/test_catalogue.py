"""The catalogue: what it says is true, and every entry gets from a server to a sweep, in commands and panel.

The published weights are not here: stand-ins of their structure with random numbers come from a server on
the loopback interface. Nothing below has seen the real files.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import standins
from helpers.networks import filled
from helpers.server import closed_port, flipped_bit, once, serving, slow, truncated
from ipywidgets.widgets.widget import _instances
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import get_model

import unitdrop
from unitdrop.models import (
    CheckpointError,
    DownloadError,
    ModelError,
    catalogue,
    imagenet,
    load_model,
    places365,
)
from unitdrop.models.custom import read_labels
from unitdrop.panel import Panel
from unitdrop.scenes import render
from unitdrop.sweep import Sweep

TESTS = Path(__file__).resolve().parents[1]
PATHS = os.pathsep.join([str(TESTS.parent), str(TESTS)])
DATA = TESTS.parents[1] / "shared" / "data" / "places"


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    return standins.make(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Both caches in a folder of this test's; no proxy before the loopback interface."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("UNITDROP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(render("harbour", 1, 300).image[:260]).save("photo.png")
    return tmp_path


@pytest.fixture
def served(stand_ins, caches, monkeypatch):
    """Serve the stand-ins, and point this process's catalogue at them."""
    with serving(stand_ins.files) as server:
        standins.install(stand_ins.table_at(server.url("")), monkeypatch.setattr)
        yield server


def command(table, *words):
    """A command of unitdrop in a process of its own, on the stand-ins."""
    environment = {
        **os.environ,
        "UNITDROP_STANDINS": table,
        "PYTHONPATH": PATHS,
    }
    run = [sys.executable, str(TESTS / "helpers" / "standins.py"), *map(str, words)]
    return subprocess.run(run, env=environment, capture_output=True, text=True)


def entry(name):
    return next(entry for entry in catalogue() if entry.name == name)


# ---------------------------------------------------------------------------- what it says


def test_names_are_unique_and_begin_with_the_embedded_network():
    names = [entry.name for entry in catalogue()]
    assert names[0] == "scenes" and len(set(names)) == len(names) == 3 + len(imagenet.UNITS)


def test_the_embedded_entry_tells_the_truth():
    model, line = load_model("scenes"), entry("scenes")
    assert (line.name, line.units, line.classes) == (model.name, model.units, len(model.labels))
    assert line.cached and line.size > 1_000_000 and line.licence == "MIT" and line.remote is None
    assert repr(model) == "Model('scenes', units=256, classes=20)"


def test_every_published_file_is_pinned_but_the_one_nobody_has_published_a_sum_for():
    for line in catalogue()[1:]:
        assert line.remote.url.startswith(("https://", places365.ADDRESS))
        if line.name == "resnet18-places365":
            assert line.remote.sha256 is None
        else:
            assert len(line.remote.sha256) >= 8 and (
                line.remote.sha256 in line.remote.file or line.classes == 365
            )
    full = "46529c86902bd0cfb0ea562a30b2850c28d2620d96282b3db9c318e1d774f6c5"
    assert entry("resnet50-places365").remote.sha256 == full


def test_torchvisions_files_are_kept_where_torchvision_keeps_them(caches):
    assert entry("resnet50").remote.path == caches / "torch" / "hub" / "checkpoints" / "resnet50-11ad3fa6.pth"
    assert entry("resnet50-places365").remote.folder == caches / "cache"


def test_the_365_places_are_in_the_files_order():
    names = places365.NAMES
    assert len(set(names)) == 365 and sum("/" in name for name in names) == 75
    assert (names[0], names[8], names[-1]) == ("airfield", "apartment_building/outdoor", "zen_garden")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the Places365 data beside the project: {DATA}")
def test_the_365_places_are_those_of_the_published_list():
    assert read_labels(DATA / "categories_places365.txt") == places365.NAMES


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("resnet18", "densenet121") else pytest.param(name, marks=pytest.mark.slow)
        for name in imagenet.UNITS
    ],
)
def test_units_classes_size_and_settings_of_an_entry_are_those_of_its_network(name):
    line = entry(name)
    network = line.hollow(line.classes)
    state = network.state_dict()
    bytes_ = sum(t.numel() * t.element_size() for t in state.values())
    # The published file may hold the auxiliary classifiers too, or the running count of batches not.
    extra = {"googlenet": 2.0, "inception_v3": 1.2}.get(name, 1.01)
    assert 0.99 * bytes_ < line.size < extra * bytes_ + 2_000_000
    head = line._head(network)
    assert state[f"{head}.weight"].shape == (line.classes, line.units)
    settings = line.settings()
    assert len(settings["labels"]) == line.classes and settings["resize"] >= settings["size"] >= 224


# ---------------------------------------------------------------------------- from a server to a sweep


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "classes", "file"),
    [("resnet50", 1000, "resnet50-"), ("resnet50-places365", 365, "resnet50_places365.pth.tar")],
)
def test_commands_fetch_a_network_once_and_need_no_server_afterwards(stand_ins, caches, name, classes, file):
    with serving(stand_ins.files) as server:
        table = stand_ins.table_at(server.url(""))
        assert f"{name} 2048 {classes}" in " ".join(command(table, "models").stdout.split())
        first = command(table, "sweep", "photo.png", "--model", name, "--json")
        record = json.loads(first.stdout)
        hits = sum(server.hits.values())
    assert (first.returncode, first.stderr, hits) == (0, "", 1)
    assert (record["model"], record["units"], len(record["curve"])) == (name, 2048, 2049)
    again = command(
        table, "gif", "photo.png", "--model", name, "--out", "drop.gif", "--frames", 5, "--top", 60
    )
    assert again.returncode == 0 and Path("drop.gif").stat().st_size > 10_000, again.stderr
    [listed] = [line for line in command(table, "models").stdout.splitlines() if line.startswith(f"{name} ")]
    assert " yes " in listed
    [kept] = [path for path in caches.rglob("*.pth*") if path.name.startswith(file)]
    assert kept.read_bytes() == stand_ins.files[f"/{kept.name}"].read_bytes()
    target = record["target"]["index"]
    net = standins.network("resnet50", classes)
    model = unitdrop.wrap(net, **entry(name).settings())
    with torch.no_grad():
        real = net(model.prepare(unitdrop.load_image("photo.png"))).softmax(1)[0]
    assert int(real.argmax()) == target and float(real[target]) == pytest.approx(record["curve"][0], abs=1e-5)


def test_an_unpinned_network_needs_to_be_trusted_once_and_is_pinned_from_then_on(served):
    with pytest.raises(DownloadError, match="--trust-unpinned"):
        load_model("resnet18-places365")
    assert not served.hits
    model = load_model("resnet18-places365", trust_unpinned=True)
    assert model.labels == places365.NAMES and model.units == 512
    assert load_model("resnet18-places365").units == 512
    path = entry("resnet18-places365").remote.path
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    served.files = {key: data for key, data in served.files.items() if "resnet18" not in key}
    with pytest.raises(DownloadError, match="damaged"):
        load_model("resnet18-places365")


def test_without_a_network_the_command_says_what_to_fetch_from_where_to_where(stand_ins, caches):
    table = stand_ins.table_at(f"http://127.0.0.1:{closed_port()}")
    refused = command(table, "sweep", "photo.png", "--model", "resnet50-places365")
    assert refused.returncode == 2 and refused.stdout == "" and refused.stderr.count("\n") == 1
    for word in ("resnet50_places365.pth.tar", "http://127.0.0.1:", str(caches / "cache")):
        assert word in refused.stderr


# ---------------------------------------------------------------------------- checkpoints of one's own


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("resnet18", "mnasnet0_5") else pytest.param(name, marks=pytest.mark.slow)
        for name in imagenet.UNITS
    ],
)
def test_every_entry_is_filled_from_a_file_of_its_own_weights(caches, name):
    if entry(name).size > 400e6:
        pytest.skip("takes gigabytes")
    state = filled(name).state_dict()
    torch.save(state, "own.pth")
    network, classes = entry(name)._filled("own.pth")
    assert classes == 10
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_a_network_that_is_wrapped_takes_the_file_of_the_bare_one(caches):
    torch.save(filled("resnet18").state_dict(), "own.pth")
    wrapped = torch.nn.DataParallel(get_model("resnet18", num_classes=10))
    unitdrop.load_checkpoint(wrapped, "own.pth")
    assert torch.equal(wrapped.module.fc.weight, filled("resnet18").fc.weight)
    with pytest.raises(ModelError, match="expected a torch.nn.Module, got dict"):
        unitdrop.load_checkpoint({}, "own.pth")


def test_a_local_file_stands_in_for_the_download(stand_ins, caches):
    path = stand_ins.files["/resnet18_places365.pth.tar"]
    model = load_model("resnet18-places365", checkpoint=path)
    net = standins.network("resnet18", 365)
    for key, value in net.state_dict().items():
        assert torch.equal(model.module.state_dict()[key], value) or key.endswith("num_batches_tracked")
    assert model("photo.png").labels[8] == "apartment_building/outdoor"


@pytest.mark.parametrize(
    "name", ["resnet18", "densenet121", "googlenet", "shufflenet_v2_x0_5", "regnet_y_400mf", "swin_t"]
)
def test_the_number_of_classes_is_the_checkpoints(caches, name):
    state = filled(name).state_dict()  # of 10 classes
    save_file({k: v.contiguous() for k, v in state.items()}, "mine.safetensors")
    Path("mine.txt").write_text("\n".join(f"thing {i}" for i in range(10)), encoding="utf-8")
    model = load_model(name, checkpoint="mine.safetensors", labels="mine.txt")
    assert model.labels[9] == "thing 9" and model.units == imagenet.UNITS[name]
    assert load_model(name, checkpoint="mine.safetensors").labels[:2] == ("class 0", "class 1")
    with pytest.raises(ModelError, match="10 classes but 3 labels"):
        load_model(name, checkpoint="mine.safetensors", labels=["a", "b", "c"])
    reference = filled(name)
    settings = {**entry(name).settings(), "labels": None}
    ours, theirs = model("photo.png"), unitdrop.wrap(reference, **settings)("photo.png")
    np.testing.assert_array_equal(ours.maps, theirs.maps)
    np.testing.assert_array_equal(ours.weight, theirs.weight)


def test_old_names_of_densenet_and_auxiliary_classifiers_are_understood(caches):
    import re

    state = filled("densenet121").state_dict()
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|relu|conv))([12])\.", r"\1.\2.", key): v for key, v in state.items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, "old.pth")
    assert torch.equal(
        load_model("densenet121", checkpoint="old.pth").module.classifier.weight, state["classifier.weight"]
    )
    with_aux = get_model("googlenet", aux_logits=True, init_weights=False).state_dict()
    assert any(key.startswith("aux1.") for key in with_aux)
    torch.save(with_aux, "aux.pth")
    assert load_model("googlenet", checkpoint="aux.pth").units == 1024


def test_a_checkpoint_of_another_architecture_is_refused(caches):
    torch.save(filled("resnet18").state_dict(), "mine.pth")
    with pytest.raises(CheckpointError, match="mine.pth"):
        load_model("resnet34", checkpoint="mine.pth")
    with pytest.raises(CheckpointError, match="nothing.pth"):
        load_model("resnet34", checkpoint="nothing.pth")


def test_the_commands_take_checkpoint_and_labels(caches):
    torch.save({"state_dict": filled("resnet18").state_dict(), "epoch": 3}, "mine.tar")
    Path("mine.txt").write_text("\n".join(f"thing {i}" for i in range(10)), encoding="utf-8")
    words = (
        "sweep",
        "photo.png",
        "--model",
        "resnet18",
        "--checkpoint",
        "mine.tar",
        "--labels",
        "mine.txt",
        "--json",
    )
    run = [sys.executable, "-m", "unitdrop", *words]
    done = subprocess.run(
        run,
        env={**os.environ, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["at"]["top5"][0]["label"].startswith("thing ")


# ---------------------------------------------------------------------------- the panel


@pytest.fixture
def panels():
    made = []
    yield made
    for panel in made:
        panel.close()


def wait(until, seconds=60):
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def shown(panel, name):
    """The one widget of the panel with a class."""
    waiting = [panel.widget]
    while waiting:
        widget = waiting.pop()
        if f"ud-{name}" in getattr(widget, "_dom_classes", ()):
            return widget
        waiting += getattr(widget, "children", ())
    return None


@pytest.mark.slow
def test_the_panel_stands_there_at_once_with_a_bar_and_then_shows_the_network(served, panels):
    served.fault = slow(100e6)
    start = time.monotonic()
    panel = Panel("resnet50", "photo.png")
    panels.append(panel)
    assert panel.state is None and shown(panel, "bar") is not None and shown(panel, "frame") is None
    before = time.monotonic() - start
    wait(lambda: 0 < shown(panel, "bar").value < 1 or panel.state)
    wait(lambda: shown(panel, "frame") is not None)
    assert before < time.monotonic() - start  # it was there before the network was
    assert shown(panel, "bar") is None and panel.state.k == 0
    assert len(panel.widget.children) == 1 and bytes(shown(panel, "frame").value)[:2] == b"\xff\xd8"
    before = shown(panel, "frame").value
    shown(panel, "k").value = 900
    assert panel.state.k == 900 and shown(panel, "frame").value != before


def test_cancel_stops_the_download_keeps_nothing_and_can_be_taken_back(served, panels, caches):
    served.fault = slow(2e6)
    panel = Panel("resnet50", "photo.png")
    panels.append(panel)
    wait(lambda: "MB" in shown(panel, "line").value and shown(panel, "bar").value > 0)
    button = shown(panel, "cancel")
    assert button.description == "Cancel"
    button.click()
    assert "cancelled" in shown(panel, "line").value
    wait(lambda: button.description == "Try again" and not button.disabled)
    wait(lambda: not [t for t in threads() if t.startswith("unitdrop-fetch")])
    assert not [path for path in (caches / "torch").rglob("*") if path.is_file() and path.stat().st_size]
    assert panel.state is None
    served.fault = None
    button.click()
    wait(lambda: shown(panel, "frame") is not None)
    assert panel.state is not None


def test_a_download_that_fails_is_told_in_the_panel_and_can_be_tried_again(
    stand_ins, caches, panels, monkeypatch
):
    monkeypatch.setattr("unitdrop.download.fetch.PAUSE", 0.01)
    with serving(stand_ins.files, fault=once(truncated(1000), 3)) as server:
        standins.install(stand_ins.table_at(server.url("")), monkeypatch.setattr)
        panel = Panel("resnet50-places365", "photo.png")
        panels.append(panel)
        wait(lambda: shown(panel, "cancel").description == "Try again")
        assert "resnet50_places365.pth.tar" in shown(panel, "line").value
        shown(panel, "cancel").click()
        wait(lambda: shown(panel, "frame") is not None)
    assert sum(server.hits.values()) == 4


def test_an_altered_file_never_reaches_the_panel(stand_ins, caches, panels, monkeypatch):
    monkeypatch.setattr("unitdrop.download.fetch.PAUSE", 0.01)
    with serving(stand_ins.files, fault=flipped_bit(50_000_000)) as server:
        standins.install(stand_ins.table_at(server.url("")), monkeypatch.setattr)
        panel = Panel("resnet50", "photo.png")
        panels.append(panel)
        wait(lambda: shown(panel, "cancel").description == "Try again")
        assert "sha256" in shown(panel, "line").value and panel.state is None
        assert not list(caches.rglob("*.pth"))


class Held(unitdrop.Model):
    """A network whose first forward pass waits for a sign."""

    def __call__(self, image):
        self.begun.set()
        assert self.go_on.wait(60)
        return super().__call__(image)


@pytest.fixture
def held(caches, monkeypatch):
    """An entry of the catalogue whose network is here at once, and whose first forward pass is held."""
    small = torch.nn.Sequential(torch.nn.Conv2d(3, 512, 9, stride=9), Mean(), torch.nn.Linear(512, 1000))
    model = Held(small, name="held", **entry("resnet18").settings())
    model.begun, model.go_on = threading.Event(), threading.Event()
    monkeypatch.setattr("unitdrop.models.entry.Entry.load", lambda *_, **__: model)
    yield model
    model.go_on.set()


def test_cancel_during_the_first_forward_pass_is_obeyed_and_leaves_nothing(held, panels):
    before = set(_instances)
    panel = Panel("resnet18", "photo.png")
    panels.append(panel)
    assert held.begun.wait(30)
    shown(panel, "cancel").click()
    assert shown(panel, "cancel").disabled  # one thread at a time
    held.go_on.set()
    wait(lambda: not shown(panel, "cancel").disabled)
    assert panel.state is None and shown(panel, "frame") is None and "cancelled" in shown(panel, "line").value
    shown(panel, "cancel").click()
    wait(lambda: shown(panel, "frame") is not None)
    panel.close()
    assert set(_instances) == before


def test_a_picture_that_was_mended_is_read_when_it_is_tried_again(held, panels):
    held.go_on.set()
    good = Path("photo.png").read_bytes()
    Path("photo.png").write_bytes(b"no picture")
    panel = Panel("resnet18", "photo.png")
    panels.append(panel)
    wait(lambda: shown(panel, "cancel").description == "Try again")
    assert "photo.png" in shown(panel, "line").value
    Path("photo.png").write_bytes(good)
    shown(panel, "cancel").click()
    wait(lambda: shown(panel, "frame") is not None)


def test_an_error_while_the_controls_are_made_is_told_and_leaves_nothing(held, panels, monkeypatch):
    held.go_on.set()
    before = set(_instances)
    monkeypatch.setattr("unitdrop.panel.Panel._listen", lambda self: 1 / 0)
    panel = Panel("resnet18", "photo.png")
    wait(lambda: shown(panel, "cancel").description == "Try again")
    assert "ZeroDivisionError" in shown(panel, "line").value and panel.state is None
    panel.close()
    assert set(_instances) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": "best"},
        {"scope": "all"},
        {"cam": "both"},
        {"seed": -4},
        {"top": -1},
        {"top": 600},
        {"top": "3"},
        {"size": (1, 1)},
        {"target": "no such class"},
    ],
    ids=str,
)
def test_what_cannot_be_shown_is_refused_before_anything_is_fetched(served, wrong):
    with pytest.raises(ValueError, match="|".join(wrong).replace("size", "whole number from 160")):
        Panel("resnet18", "photo.png", **wrong)
    assert not served.hits and not [t for t in threads() if t.startswith("unitdrop-fetch")]


def test_labels_that_do_not_fit_are_refused_before_anything_is_fetched(served):
    with pytest.raises(ModelError, match="1000 classes but 3 labels"):
        load_model("resnet50", labels=["a", "b", "c"])
    assert not served.hits


def test_the_panel_takes_what_has_to_be_trusted(served, panels):
    panel = Panel("resnet18-places365", "photo.png", trust_unpinned=True)
    panels.append(panel)
    wait(lambda: shown(panel, "frame") is not None)


def test_a_home_that_cannot_be_found_hinders_nobody(caches, monkeypatch):
    for name in ("TORCH_HOME", "UNITDROP_CACHE"):
        monkeypatch.setenv(name, "~no-such-user/x")
    assert load_model("scenes").units == 256 and not entry("resnet50").cached


def test_closing_a_panel_that_waits_stops_the_download(served, panels):
    served.fault = slow(1e6)
    before = set(_instances)
    panel = Panel("resnet50", "photo.png")
    wait(lambda: shown(panel, "bar").value > 0)
    panel.close()
    wait(lambda: not [t for t in threads() if t.startswith("unitdrop-fetch")])
    assert set(_instances) == before


class Mean(torch.nn.Module):
    def forward(self, x):
        return x.relu().mean((2, 3))


def threads():
    return [thread.name for thread in threading.enumerate()]


# ---------------------------------------------------------------------------- a file of one's own


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
    with pytest.raises(CheckpointError, match="part.pth"):
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


LABELS = {
    "plain": ("cat\ndog\n", ("cat", "dog")),
    "windows": ("\ufeffcat\r\ndog\r\n", ("cat", "dog")),
    "with spaces": ("  great white \nhot dog\n\n", ("great white", "hot dog")),
    "numbered": ("/a/airfield 0\n/b/bar/inside 1\n", ("airfield", "bar/inside")),
    "numbers that are names": ("thing 0\nthing 1\n", ("thing 0", "thing 1")),
}


@pytest.mark.parametrize(("text", "names"), LABELS.values(), ids=LABELS)
def test_labels_are_read_from_a_text_file(tmp_path, text, names):
    (tmp_path / "labels.txt").write_bytes(text.encode())
    assert read_labels(tmp_path / "labels.txt") == names


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"cat\n\ndog", "line 2 .* is empty"), (b"\xff\xfe\x00", "no UTF-8"), (None, "no such file")],
)
def test_a_file_that_is_no_list_of_labels_is_refused(tmp_path, data, words):
    if data is not None:
        (tmp_path / "labels.txt").write_bytes(data)
    with pytest.raises(ModelError, match=f"labels: .*{words}"):
        read_labels(tmp_path / "labels.txt")
