"""Good checkpoints of every kind are read bit by bit; a network gets all weights of a file, or none."""

import itertools
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from helpers import checkpoints
from helpers.checkpoints import (
    DATA,
    LIKE,
    legacy,
    parts,
    pickled,
    prefixed,
    python2,
    same,
    saved,
    saved_legacy,
    state,
    state_with,
    tar_too,
    with_optimizer,
    zipped,
)
from safetensors.torch import save as save_safetensors
from torch import nn

from unitdrop.checkpoints import load_checkpoint, read_checkpoint
from unitdrop.errors import CheckpointError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def trained():
    """A module's own state dict, which carries `_metadata`."""
    module = nn.Module()
    module.fc, module.bn = nn.Linear(3, 2), nn.BatchNorm1d(4)
    full = module.state_dict()
    for name in ("bn.weight", "bn.bias", "bn.running_mean"):
        del full[name]
    for name, tensor in state().items():
        full[name].copy_(tensor)
    return full


def in_one_storage():
    """All floats as views into one larger storage, at odd places."""
    made, shared, start = state(), torch.rand(100), 3
    for name, tensor in made.items():
        if tensor.is_floating_point():
            view = shared[start : start + tensor.numel()].view(tensor.shape)
            made[name], start = view.copy_(tensor), start + 11
    return made


def no_sums():
    """As torch writes it when it is told to leave the check sums out."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        return saved(state())
    finally:
        torch.serialization.set_crc32_options(before)


def python2_training():
    floats = {name: tensor for name, tensor in prefixed("module.").items() if tensor.is_floating_point()}
    beside = {"epoch": 90, "arch": "resnet18", "best_prec1": np.float64(69.5), "remark": "x" * 300}
    return python2({**beside, "state_dict": OrderedDict(floats)})


def parameters():
    return {n: nn.Parameter(t, requires_grad=t.is_floating_point()) for n, t in state().items()}


def by_hand_1_6():
    """As torch 1.6 named its storages: by their addresses, without the small records of today."""
    changes = {
        "fc.weight": checkpoints.tensor("94529121873984", (2, 3), place="cuda:0"),
        "fc.bias": checkpoints.tensor("94529121873985", (2,), place="cuda:1"),
    }
    data = DATA
    return zipped(
        pickled(parts(**changes)),
        {"94529121873984": data["0"], "94529121873985": data["1"]} | data,
        top="net",
    )


ONES = {name: torch.ones_like(tensor) for name, tensor in LIKE.items()}
GOOD = {
    "zip": lambda: saved(state()),
    "zip with metadata": lambda: saved(trained()),
    "zip without check sums": no_sums,
    "zip of a module on the GPU, torch 1.6": by_hand_1_6,
    "legacy": lambda: saved_legacy(state()),
    "legacy with metadata": lambda: saved_legacy({"epoch": 1, "state_dict": trained()}),
    "legacy by hand": lambda: legacy(pickled(parts((None,)))),
    "legacy that is a tar too": tar_too,
    "Python 2": python2_training,
    "Python 2, state dict alone": lambda: python2(
        OrderedDict((name, tensor) for name, tensor in state().items() if tensor.is_floating_point())
    ),
    "module.": lambda: saved(prefixed("module.")),
    "module. of a compiled model": lambda: saved({"model": prefixed("module.", "_orig_mod.", "model.")}),
    "training state beside": lambda: saved(with_optimizer()),
    "training state beside, legacy": lambda: saved_legacy(with_optimizer()),
    "model_state_dict": lambda: saved({"model_state_dict": state(), "loss": 0.5, "epoch": None}),
    "net": lambda: saved({"net": state(), "acc": 95.1}),
    "nested": lambda: saved({"model": {"state_dict": state()}}),
    "parameters": lambda: saved(parameters()),
    "parameters, legacy": lambda: saved_legacy(parameters()),
    "safetensors": lambda: save_safetensors(dict(state()), metadata={"format": "pt"}),
    "safetensors with module.": lambda: save_safetensors(dict(prefixed("module."))),
    "transposed": lambda: saved(state_with(**{"fc.weight": state()["fc.weight"].T.contiguous().T})),
    "views into one storage": lambda: saved(in_one_storage()),
    "views into one storage, legacy": lambda: saved_legacy(in_one_storage()),
    "slices with gaps": lambda: saved(
        state_with(**{"fc.weight": torch.cat([state()["fc.weight"], torch.ones(2, 4)], 1)[:, :3]})
    ),
    "empty tensors beside": lambda: saved(
        {"state_dict": state(), "none": [torch.empty(0), torch.empty(0, 3)]}
    ),
}


@pytest.mark.parametrize("kind", GOOD)
def test_good_files_are_read_bit_by_bit(kind, read):
    expected = ONES if "hand" in kind or "1.6" in kind or "tar" in kind else state()
    if kind.startswith("Python 2"):
        expected = expected | {"bn.num_batches_tracked": torch.tensor(0)}
    found = read(GOOD[kind]())
    assert same(found, expected)
    assert all(type(tensor) is torch.Tensor and not tensor.requires_grad for tensor in found.values())


def test_every_dtype_is_read_where_it_is_wanted(read):
    floats = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
    whole = ("int8", "uint8", "int16", "int32", "int64", "bool")
    made = {kind: torch.arange(6).reshape(2, 3).to(getattr(torch, kind)) for kind in floats + whole}
    plain = {kind: tensor for kind, tensor in made.items() if "complex" not in kind}
    assert same(read(saved(made), made), made)
    assert same(read(saved_legacy(made), made), made)
    assert same(read(save_safetensors(plain), plain), plain)


def test_channels_last_and_tied_weights_come_back_contiguous_and_apart(read):
    weight = torch.rand(4, 3, 2, 2).to(memory_format=torch.channels_last)
    made = {"one": weight, "other": weight}
    found = read(saved(made), made)
    assert same(found, made) and all(tensor.is_contiguous() for tensor in found.values())
    found["one"].zero_()
    assert found["other"].equal(weight)


def test_a_copy_does_not_keep_the_rest_of_its_storage(read):
    found = read(saved(state_with(**{"fc.bias": torch.rand(10_000)[5:7]})))
    assert found["fc.bias"].untyped_storage().nbytes() == 8


@pytest.mark.parametrize("write", [saved, saved_legacy, lambda made: save_safetensors(dict(made))])
def test_a_resnet18_is_read_bit_by_bit(write, read):
    net = torchvision.models.resnet18()
    made = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    content = write(made)
    with torch.device("meta"):
        like = torchvision.models.resnet18().state_dict()
    assert same(read(content, like), made)


@pytest.mark.parametrize(("file", "blocks"), [("resnet20-12fca82f.th", 3), ("resnet56-4bfd9763.th", 9)])
def test_published_cifar_networks_are_read(file, blocks):
    path = SHARED / "cifar10" / file
    if not path.is_file():
        pytest.skip(f"needs {file} of Idelbayev's pytorch_resnet_cifar10 in ../shared/data/cifar10")
    like = cifar_like(blocks)
    found = read_checkpoint(path, like, head="linear")
    assert same(found, torch_read(path, found))
    assert found["linear.weight"].shape == (10, 64) and list(found) == list(like)


def cifar_like(blocks):
    """The names and shapes of a CIFAR ResNet of He et al. 2016, its shortcuts without weights."""
    like = {}

    def layer(number, into, out):
        like[f"{number}.weight"] = torch.empty(out, into, 3, 3, device="meta")

    def norm(number, out):
        for part in ("weight", "bias", "running_mean", "running_var"):
            like[f"{number}.{part}"] = torch.empty(out, device="meta")
        like[f"{number}.num_batches_tracked"] = torch.empty((), dtype=torch.int64, device="meta")

    layer("conv1", 3, 16)
    norm("bn1", 16)
    width = 16
    for stage, block in itertools.product((1, 2, 3), range(blocks)):
        for part in (1, 2):
            layer(f"layer{stage}.{block}.conv{part}", width, width := 8 << stage)
            norm(f"layer{stage}.{block}.bn{part}", width)
    like["linear.weight"], like["linear.bias"] = torch.empty(1, 64), torch.empty(1)
    return like


def torch_read(path, names):
    """The same file by torch alone."""
    with warnings.catch_warnings(action="ignore"):
        given = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    zero = torch.tensor(0)
    return {name: given.get(f"module.{name}", zero) for name in names}


def test_a_message_names_the_file_and_cuts_short_what_the_file_says(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(saved(state_with(**{"\x1b[31m" + "x" * 10_000: torch.ones(1)})))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path, LIKE)
    message = str(caught.value)
    assert "net.pth" in message and len(message) < 400 and message.isprintable()


def test_a_link_to_a_file_and_any_suffix_will_do(tmp_path):
    (tmp_path / "file.safetensors").write_bytes(saved(state()))
    (tmp_path / "link").symlink_to(tmp_path / "file.safetensors")
    (tmp_path / "net.pth").write_bytes(save_safetensors(dict(state())))
    assert same(read_checkpoint(str(tmp_path / "link"), LIKE), state())
    assert same(read_checkpoint(tmp_path / "net.pth", LIKE), state())


# Loading into a module


def module():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    return net, {name: tensor.clone() for name, tensor in net.state_dict().items()}


def test_a_module_gets_all_weights(tmp_path):
    (net, _), (_, other) = module(), module()
    torch.save({"state_dict": other}, tmp_path / "net.pth")
    assert load_checkpoint(net.eval(), tmp_path / "net.pth") is net
    assert same(net.state_dict(), other) and not net.training


def test_a_module_that_gets_an_error_or_an_interrupt_is_unchanged(tmp_path):
    net, before = module()
    other = {name: tensor + 1 for name, tensor in before.items()}
    torch.save(other | {"1.running_var": torch.tensor([1.0, -1])}, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError, match="negative variances"):
        load_checkpoint(net, tmp_path / "bad.pth")
    assert same(net.state_dict(), before)
    torch.save(other, tmp_path / "good.pth")
    for error, expected in ((KeyError, CheckpointError), (KeyboardInterrupt, KeyboardInterrupt)):

        def fail(*_, error=error):
            raise error

        hook = net[1].register_load_state_dict_pre_hook(fail)  # runs when the convolution is filled already
        with pytest.raises(expected):
            load_checkpoint(net, tmp_path / "good.pth")
        assert same(net.state_dict(), before)
        hook.remove()
    assert same(load_checkpoint(net, tmp_path / "good.pth").state_dict(), other)


def test_a_module_on_the_meta_device_is_refused_with_a_remedy(tmp_path):
    with torch.device("meta"):
        net = nn.Linear(2, 3)
    with pytest.raises(CheckpointError, match="to_empty"):
        load_checkpoint(net, tmp_path / "net.pth")
