"""The catalogue: what it says is true, and its networks get from a server to a sweep.

The published weights are not here: stand-ins of their structure with random numbers come from a server on
the loopback interface. Nothing below has seen the real files.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import standins
from helpers.networks import entry, filled
from helpers.server import closed_port, serving

import unitdrop
from unitdrop.models import DownloadError, ModelError, catalogue, imagenet, load_model, places365

TESTS = Path(__file__).resolve().parents[1]
PATHS = os.pathsep.join([str(TESTS.parent), str(TESTS)])


def command(table, *words):
    """A command of unitdrop in a process of its own, on the stand-ins."""
    environment = {
        **os.environ,
        "UNITDROP_STANDINS": table,
        "PYTHONPATH": PATHS,
    }
    run = [sys.executable, str(TESTS / "helpers" / "standins.py"), *map(str, words)]
    return subprocess.run(run, env=environment, capture_output=True, text=True)


# ----------------------------------------------------------------------------------------- what it says


def test_names_are_unique_and_begin_with_the_embedded_network():
    names = [entry.name for entry in catalogue()]
    assert names[0] == "scenes" and len(set(names)) == len(names) == 4 + len(imagenet.UNITS)


def test_every_published_file_is_pinned_but_two_nobody_has_published_a_sum_for():
    for line in catalogue()[1:]:
        assert line.remote.url.startswith(("https://", places365.ADDRESS))
        if line.name in ("resnet18-places365", "wideresnet18-places365"):
            assert line.remote.sha256 is None
        else:
            assert len(line.remote.sha256) >= 8 and (
                line.remote.sha256 in line.remote.file or line.classes == 365
            )
    full = "46529c86902bd0cfb0ea562a30b2850c28d2620d96282b3db9c318e1d774f6c5"
    assert entry("resnet50-places365").remote.sha256 == full


def test_an_unknown_name_is_answered_with_the_nearest_or_the_command_that_lists_all():
    with pytest.raises(ModelError, match="did you mean 'scenes'"):
        load_model("scene")
    with pytest.raises(ModelError, match="'resnet50-places365'"):
        load_model("resnet50_places365")
    with pytest.raises(ModelError, match="is unknown; python -m unitdrop models lists"):
        load_model("a-net-of-mine")
    with pytest.raises(ModelError, match="'vgg16' of torchvision is not offered: its head is not"):
        load_model("vgg16")


# ----------------------------------------------------------------------------- from a server to a sweep


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


def test_labels_that_do_not_fit_are_refused_before_anything_is_fetched(served):
    with pytest.raises(ModelError, match="1000 classes but 3 labels"):
        load_model("resnet50", labels=["a", "b", "c"])
    assert not served.hits


def test_a_home_that_cannot_be_found_hinders_nobody(caches, monkeypatch):
    for name in ("TORCH_HOME", "UNITDROP_CACHE"):
        monkeypatch.setenv(name, "~no-such-user/x")
    assert load_model("scenes").units == 256 and not entry("resnet50").cached


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
